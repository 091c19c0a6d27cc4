//! Words with capitals that may name a person.
//!
//! What is known to name something else is matched as a whole phrase: a person may well be called
//! by a part of it, as Martin is by one of Saint Martin.

use std::collections::{BTreeMap, BTreeSet};

use crate::charter::policy::CodeList;
use crate::model::country;
use crate::release::Terms;

/// Phrases that name no person, small, by their first word.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<String, BTreeSet<Vec<String>>>);

impl Known {
    /// Takes the charter's labels, its members and all countries.
    pub(super) fn of(terms: &Terms<'_>) -> Self {
        let labels = CodeList::ALL.iter().flat_map(|list| {
            let codes = terms.policy.codes(*list);
            let labels: Vec<String> = codes
                .iter()
                .map(|code| terms.policy.label(*list, code).to_owned())
                .collect();
            labels.into_iter().chain(codes)
        });
        let members = terms.members.iter().flat_map(|member| {
            let id = member.id.to_string();
            [member.name.clone(), id]
        });
        let countries = country::all().iter().map(|country| country.name.to_owned());
        let mut known = Self::default();
        for text in labels.chain(members).chain(countries) {
            // "Bolivia (Plurinational State of)" is said either way.
            for phrase in text.split([',', '(', ')']) {
                known.add(phrase);
            }
        }
        for phrase in PLACES.split(',').chain(CAPITALISED.split_whitespace()) {
            known.add(phrase);
        }
        known
    }

    fn add(&mut self, phrase: &str) {
        let words = tokens(phrase).into_iter().filter(|token| token.is_word());
        let words: Vec<String> = words.map(|token| token.small()).collect();
        if let Some(first) = words.first() {
            self.0.entry(first.clone()).or_default().insert(words);
        }
    }

    /// Returns how many words at the beginning of `words` are the longest phrase known, or 0.
    fn longest(&self, words: &[Token<'_>]) -> usize {
        let Some(phrases) = words.first().and_then(|word| self.0.get(&word.small())) else {
            return 0;
        };
        let is_there = |phrase: &&Vec<String>| {
            phrase.len() <= words.len()
                && phrase
                    .iter()
                    .zip(words)
                    .all(|(ours, word)| *ours == word.small())
                && words[1..phrase.len()].iter().all(|word| !word.apart)
        };
        phrases
            .iter()
            .filter(is_there)
            .map(Vec::len)
            .max()
            .unwrap_or(0)
    }
}

/// A word, or a number.
#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    /// Whether a sentence begins with it.
    begins: bool,
    /// Whether more than a blank or a hyphen stands before it.
    apart: bool,
}

impl Token<'_> {
    fn is_word(&self) -> bool {
        self.text.starts_with(char::is_alphabetic)
    }

    fn is_capital(&self) -> bool {
        self.text.starts_with(char::is_uppercase)
    }

    fn small(&self) -> String {
        self.text.to_lowercase()
    }

    fn is_one_of(&self, words: &str) -> bool {
        let small = self.small();
        words.split_whitespace().any(|word| word == small)
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut gap_from) = (text, 0);
    while let Some(from) = rest.find(char::is_alphanumeric) {
        let begin = text.len() - rest.len() + from;
        let run = &text[begin..];
        let is_digit = |letter: char| letter.is_numeric() && !letter.is_alphabetic();
        let is_number = run.starts_with(is_digit);
        let of_run = |letter: char| match is_number {
            true => is_digit(letter),
            false => letter.is_alphabetic() || matches!(letter, '\'' | '\u{2019}'),
        };
        let end = run.find(|letter| !of_run(letter)).unwrap_or(run.len());
        let gap = &text[gap_from..begin];
        let ends = gap.contains(['.', '!', '?', ':', '\u{2026}']) && gap.contains(' ');
        let word = &run[..end];
        tokens.push(Token {
            text: ["'s", "\u{2019}s", "'", "\u{2019}"]
                .iter()
                .find_map(|tail| word.strip_suffix(tail))
                .unwrap_or(word),
            begins: tokens.is_empty() || ends,
            apart: gap.contains(|letter| !matches!(letter, ' ' | '-' | '\u{2010}' | '\u{2011}')),
        });
        rest = &run[end..];
        gap_from = begin + end;
    }
    tokens
}

/// What a word is, where it has a capital.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// Nothing to look at.
    Plain,
    /// Something known, alone; a person where it stands beside a word nobody knows.
    Known,
    Unknown,
}

/// Returns runs of words with capitals that nobody knows as something else.
///
/// The first word of a sentence has its capital from there, so it is passed where it is one with
/// which sentences begin.
pub(super) fn names(text: &str, known: &Known) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let (mut run, mut is_name): (Vec<&str>, bool) = (Vec::new(), false);
    let mut at = 0;
    while at < tokens.len() {
        let (what, length) = look_at(&tokens, at, known);
        if tokens[at].apart || what == Is::Plain {
            end(&mut found, &mut run, &mut is_name);
        }
        if what != Is::Plain {
            run.extend(tokens[at..at + length].iter().map(|token| token.text));
            is_name |= what == Is::Unknown;
        }
        at += length;
    }
    end(&mut found, &mut run, &mut is_name);
    found
}

fn end(found: &mut Vec<String>, run: &mut Vec<&str>, is_name: &mut bool) {
    if *is_name {
        found.push(run.join(" "));
    }
    run.clear();
    *is_name = false;
}

/// Says what stands at a place, and how many words it has.
fn look_at(tokens: &[Token<'_>], at: usize, known: &Known) -> (Is, usize) {
    let token = tokens[at];
    if !token.is_word() || !token.is_capital() {
        return (Is::Plain, 1);
    }
    let length = known.longest(&tokens[at..]);
    let before = at.checked_sub(1).map(|before| tokens[before]);
    let follows = |words| before.is_some_and(|before| before.is_one_of(words));
    if length > 1 || (length == 1 && !token.is_one_of(ALSO_NAMES)) {
        return (Is::Known, length);
    }
    if length == 1 && follows(BEFORE_PLACES) {
        return (Is::Known, 1);
    }
    if token.is_one_of(MONTHS) && is_month(tokens, at) {
        return (Is::Known, 1);
    }
    match token.begins && token.is_one_of(STARTERS) {
        true => (Is::Plain, 1),
        false => (Is::Unknown, 1),
    }
}

/// Returns whether a word that may be a month stands where one would.
fn is_month(tokens: &[Token<'_>], at: usize) -> bool {
    let is_number = |token: Option<&Token<'_>>| token.is_some_and(|token| !token.is_word());
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let is_led_to = before.is_some_and(|before| before.is_one_of(BEFORE_MONTHS));
    let joins = before.is_some_and(|before| before.is_one_of("and or"));
    let is_second = joins && at >= 2 && tokens[at - 2].is_one_of(MONTHS);
    is_led_to || is_second || is_number(before) || is_number(tokens.get(at + 1))
}

const MONTHS: &str = "january february march april may june july august september october \
    november december";

/// Words after which a month is meant.
const BEFORE_MONTHS: &str = "in of since until till by from to early late mid between through \
    during before after last next this each every st nd rd th";

/// Countries by which people are called too.
const ALSO_NAMES: &str = "chad dominica england georgia holland israel jordan wales";

/// Words after which a country is meant.
const BEFORE_PLACES: &str = "in from of to across and for between within near";

/// What countries and areas are called besides their M49 names.
const PLACES: &str = "United Kingdom,UK,Great Britain,Britain,England,Scotland,Wales,\
    Northern Ireland,United States,USA,US,Vietnam,Russia,Tanzania,Moldova,Laos,Syria,South Korea,\
    North Korea,Czech Republic,Turkey,Ivory Coast,Palestine,Holland,The Netherlands,Cape Verde,\
    Hong Kong,Macau,Taiwan,Kosovo,Brunei,The Gambia,The Philippines,North America,South America,\
    Latin America,Central America,Caribbean,Middle East,Central Asia,South Asia,South-East Asia,\
    Southeast Asia,East Asia,Eastern Europe,Western Europe,Central Europe,East Africa,West Africa,\
    Southern Africa,North Africa,Eurasia";

/// Words with a capital of their own that name no person.
const CAPITALISED: &str = "I Monday Tuesday Wednesday Thursday Friday Saturday Sunday Africa \
    America Americas Asia Europe Oceania Pacific African American Asian European English French \
    Spanish Russian Arabic Portuguese UN WHO UNODC UNAIDS UNDP CND HIV AIDS HCV TB NGO NGOs EU USD \
    EUR GBP HR Q Committee Commission Fund Global International National Board Secretariat General \
    Assembly Government Ministry Network Networks Zoom Standards";

/// Words that sentences begin with.
const STARTERS: &str = "a about above according across after again all almost also although among \
    an and another any are as at because before besides between both but by call can community \
    consultations despite did do during each early eight every few finally first five for four \
    fewer from funding had half has have he her here however if in instead into is it its last \
    late later like many members more most much near nearly new next nine no nobody none not \
    nothing now of on once one only or other others our out over participants partners people \
    projects second see seven several she since six some somebody sometimes staff such suggestions \
    ten than that the their then there these they third this those three through thus to today \
    together training trainings two under until up we were what when where which while who with \
    within without work write yet you";
