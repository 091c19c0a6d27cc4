//! What a network says of a kind and period in its own words, and what to look at in it.
//!
//! Statements lie in the private database until the next release of their series takes them
//! along. They are read by people only, so nothing can be held back from them by rule; what may
//! name or reach a person is pointed out, and belongs to the draft's digest: whoever publishes
//! has been shown it.

use std::collections::BTreeSet;

use super::ReleaseError;
use super::draft::Terms;
use crate::charter::policy::CodeList;
use crate::model::table::{MOST_STATEMENTS, is_statement};
use crate::model::{Series, country};
use crate::store::{Changes, PrivateStore};

/// The part of the private database that holds the statements by series.
const SPACE: u8 = 0x13;

/// Fewest digits that may be a telephone number.
const PHONE_DIGITS: usize = 7;

/// The statements that wait in the private database.
#[derive(Clone, Copy, Debug)]
pub struct Statements<'a>(pub &'a PrivateStore);

impl Statements<'_> {
    /// Returns what is said of a series.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(self, series: Series) -> Result<Vec<String>, ReleaseError> {
        match self.0.get(SPACE, series.to_string().as_bytes())? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(Vec::new()),
        }
    }

    /// Replaces what is said of a series. Durable when it returns.
    ///
    /// # Errors
    /// When a text is no statement, or the period would have too many; nothing is changed then.
    pub fn replace(self, series: Series, texts: &[String]) -> Result<(), ReleaseError> {
        if let Some(bad) = texts.iter().find(|text| !is_statement(text)) {
            let given = bad.chars().take(40).collect();
            return Err(ReleaseError::BadStatement { given });
        }
        let asked = self.of_other_kinds(series)? + texts.len();
        if asked > MOST_STATEMENTS {
            let period = series.period;
            return Err(ReleaseError::TooManyStatements { period, asked });
        }
        let mut changes = Changes::new();
        let key = series.to_string();
        if texts.is_empty() {
            changes.delete(SPACE, key.as_bytes());
        } else {
            let bytes = serde_json::to_vec(texts).map_err(ReleaseError::Ledger)?;
            changes.put(SPACE, key.as_bytes(), bytes);
        }
        Ok(self.0.apply(changes)?)
    }

    fn of_other_kinds(self, series: Series) -> Result<usize, ReleaseError> {
        let mut count = 0;
        for kind in crate::model::Kind::ALL {
            if *kind != series.kind {
                count += self
                    .of(Series {
                        kind: *kind,
                        ..series
                    })?
                    .len();
            }
        }
        Ok(count)
    }
}

/// Returns, per statement, what in it may name or reach a person.
pub fn warnings(statements: &[String], terms: &Terms<'_>) -> Vec<Vec<String>> {
    if statements.is_empty() {
        return Vec::new();
    }
    let known = known_words(terms);
    let all = statements.iter();
    all.map(|text| look_at(text, &known)).collect()
}

/// Returns the words that begin with a capital and name no person: those of the charter's labels,
/// its members and their countries, all countries, months and days.
fn known_words(terms: &Terms<'_>) -> BTreeSet<String> {
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
    let mut known: BTreeSet<String> = labels
        .chain(members)
        .chain(countries)
        .flat_map(|text| words(&text).map(str::to_lowercase).collect::<Vec<_>>())
        .collect();
    known.extend(CAPITALISED.split_whitespace().map(str::to_lowercase));
    known
}

fn look_at(text: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut found: Vec<String> = emails(text)
        .map(|email| format!("{email:?} may be an e-mail address"))
        .collect();
    found.extend(
        phones(text)
            .into_iter()
            .map(|number| format!("{number:?} may be a telephone number")),
    );
    found.extend(
        names(text, known)
            .into_iter()
            .map(|name| format!("{name:?} may be a person's name")),
    );
    let caseless =
        |letter: char| letter.is_alphabetic() && !letter.is_lowercase() && !letter.is_uppercase();
    if text.chars().any(caseless) {
        found.push(
            "it is in a script without capital letters, in which names are not found: see that \
             nobody is named"
                .to_owned(),
        );
    }
    found
}

/// Returns what has an `@`, or a word for it, between two parts.
fn emails(text: &str) -> impl Iterator<Item = &str> {
    let signs = ["@", "\u{ff20}", "(at)", "[at]"];
    text.split(' ').filter(move |word| {
        let word = word.to_lowercase();
        signs.iter().any(|sign| word.contains(sign))
    })
}

/// Returns runs of digits, and what stands between the digits of a number, that are long enough
/// for a telephone number and are no dates.
fn phones(text: &str) -> Vec<&str> {
    let of_number =
        |letter: char| letter.is_numeric() || " +-.()/\u{2011}\u{2013}".contains(letter);
    text.split(|letter| !of_number(letter))
        .map(|run| run.trim_matches(|letter: char| !letter.is_numeric() && !"+(".contains(letter)))
        .filter(|run| {
            let parts: Vec<&str> = run
                .split(|letter: char| !letter.is_numeric())
                .filter(|part| !part.is_empty())
                .collect();
            let digits: usize = parts.iter().map(|part| part.chars().count()).sum();
            digits >= PHONE_DIGITS && !is_about_time(&parts)
        })
        .collect()
}

/// Returns whether numbers are years with little beside them: months and days, a count.
fn is_about_time(parts: &[&str]) -> bool {
    let year = |part: &&str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
    let rest: usize = parts
        .iter()
        .filter(|part| !year(part))
        .map(|part| part.len())
        .sum();
    parts.iter().any(year) && rest <= 4
}

/// Returns runs of words with capitals that nobody knows as something else.
///
/// The first word of a sentence has its capital from there, so it is passed where it is one with
/// which sentences begin.
fn names<'t>(text: &'t str, known: &BTreeSet<String>) -> Vec<String> {
    let mut found: Vec<Vec<&'t str>> = Vec::new();
    let mut run: Vec<&'t str> = Vec::new();
    let mut begins = true;
    for piece in text.split(' ') {
        let ends = piece.ends_with(['.', '!', '?', ':']);
        for word in words(piece) {
            let capital = word.chars().next().is_some_and(char::is_uppercase);
            let ordinary = known.contains(&word.to_lowercase())
                || (begins
                    && STARTERS
                        .split_whitespace()
                        .any(|start| start == word.to_lowercase()));
            if capital && !ordinary {
                run.push(word);
            } else if !run.is_empty() {
                found.push(std::mem::take(&mut run));
            }
            begins = false;
        }
        if ends {
            begins = true;
        }
        if piece.ends_with([',', ';', '.', '!', '?', ':']) && !run.is_empty() {
            found.push(std::mem::take(&mut run));
        }
    }
    found.push(run);
    found.retain(|run| !run.is_empty());
    found.into_iter().map(|run| run.join(" ")).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphabetic() && letter != '\'' && letter != '\u{2019}')
        .map(|word| {
            word.strip_suffix("'s")
                .or_else(|| word.strip_suffix("\u{2019}s"))
                .unwrap_or(word)
        })
        .filter(|word| !word.is_empty())
}

/// Words with a capital of their own that name no person.
const CAPITALISED: &str = "I January February March April May June July August September October \
    November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Africa America \
    Americas Asia Europe Oceania Pacific African American Asian European English French Spanish \
    Russian Arabic Portuguese UN WHO UNODC UNAIDS UNDP CND HIV AIDS HCV TB NGO NGOs EU USD EUR GBP \
    HR Q Committee Commission Fund Global International National Board Secretariat General \
    Assembly Government Ministry Network Networks Zoom Standards";

/// Words that sentences begin with.
const STARTERS: &str = "a about above according across after again all almost also although among \
    an and another any are as at because before besides between both but by can community \
    consultations despite did do during each early eight every few finally first five for four \
    fewer from funding had half has have he her here however if in instead into is it its last \
    late later like many members more most much near nearly new next nine no nobody none not \
    nothing now of on once one only or other others our out over participants partners people \
    projects second seven several she since six some somebody sometimes staff such suggestions \
    ten than that the their then there these they third this those three through thus to today \
    together training trainings two under until up we were what when where which while who with \
    within without work yet you";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::{Policy, Size};
    use proptest::prelude::*;

    fn look(text: &str) -> Vec<String> {
        let policy = Policy::default_plan();
        let member = "inpud".parse().expect("a member id");
        let terms = Terms {
            member: &member,
            members: &[],
            size: Size::Small,
            countries: &[],
            charter_version: 1,
            policy: &policy,
        };
        warnings(&[text.to_owned()], &terms).concat()
    }

    #[track_caller]
    fn check(text: &str, what: &[&str]) {
        let found = look(text);
        let said: Vec<&str> = found
            .iter()
            .map(|warning| warning.rsplit("may be ").next().unwrap_or_default())
            .collect();
        assert_eq!(said, what, "{text}: {found:?}");
    }

    #[test]
    fn plain_sentences_have_no_warning() {
        for text in [
            "We trained staff in accounting and auditing in Thailand and Viet Nam.",
            "Two trainings were moved from March to the second quarter of 2018.",
            "From 2018-01-15 to 2018-03-31 we met in 2 places; in 2017/2018 in none.",
            "The Global Fund grant ended. All suggestions on the International Standards were sent.",
            "It cost 120.50 EUR, and 188 organisations signed.",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn what_may_reach_or_name_a_person_is_pointed_out() {
        let (email, phone, name) = ("an e-mail address", "a telephone number", "a person's name");
        check("For more write to ana@example.org.", &[email]);
        check("For more write to ana(at)example.org.", &[email]);
        check("Before noon, +66 81 234 5678 answers.", &[phone]);
        check("Our line is (020) 7946-0018.", &[phone]);
        check(
            "We call \u{0e50}\u{0e58}\u{0e51}\u{0e52}\u{0e53}\u{0e54}\u{0e55}\u{0e56}\u{0e57} now.",
            &[phone],
        );
        check("We thank Ana Souza for it.", &[name]);
        check("The book was kept by JOHN.", &[name]);
        check("Ana led it.", &[name]);
        check("It was led by Ana, Bela and others.", &[name, name]);
        check("It was O'Brien's idea.", &[name]);
        check("Мы благодарим Анну.", &[name, name]);
        assert_eq!(look("สมชายจัดการฝึกอบรม").len(), 1);
        assert_eq!(look("我们感谢张伟").len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "\\PC{0,80}") {
            look(&text);
        }

        #[test]
        fn no_address_or_number_passes(before in "[a-z ]{0,20}", number in "\\+?[1-9][0-9]{8,11}") {
            let (numbered, addressed) =
                (format!("{before} {number}."), format!("{before} x@{before}.org"));
            prop_assert!(!look(&numbered).is_empty());
            prop_assert!(!look(&addressed).is_empty());
        }
    }
}
