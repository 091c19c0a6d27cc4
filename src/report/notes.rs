//! What a reader must know, in plain sentences.
//!
//! Notes speak of the answer and of a row's state, never of one cell: two rows of one state have
//! the same notes, so that a note says nothing the figures do not.

use super::ask::{Ask, By};
use crate::charter::Size;
use crate::charter::policy::Of;
use crate::model::measure::Adds;
use crate::model::{Dimension, Measure};
use crate::wire;

const INTERVAL: &str = "An interval: the value lies from lower to upper, both included; \
    from 0 it may be a true 0.";
const UNBOUNDED: &str = "Not known, or not known in full: no count, kept back or not here; \
    never to be read as 0.";
const UNCOUNTED: &str = "Activities with no count are not in the value; uncounted says how many \
    there are.";

/// Writes the notes of an answer into its rows; `elsewhere` says where there are figures,
/// and `questions` are about what may have been reported twice.
pub(super) fn attach(
    ask: &Ask<'_>,
    elsewhere: Option<String>,
    questions: &[String],
    rows: &mut [wire::Row],
) {
    let mut common = of_answer(ask);
    common.extend(elsewhere.map(|note| capitalised(&note) + "."));
    if rows.iter().any(|row| row.uncounted > 0) {
        common.push(UNCOUNTED.to_owned());
    }
    common.extend_from_slice(questions);
    for row in rows {
        row.notes.clone_from(&common);
        match (row.value, row.upper) {
            (Some(_), _) => {}
            (None, Some(_)) => row.notes.push(INTERVAL.to_owned()),
            (None, None) => row.notes.push(UNBOUNDED.to_owned()),
        }
    }
}

fn of_answer(ask: &Ask<'_>) -> Vec<String> {
    let mut notes: Vec<&str> = Vec::new();
    if ask.splits_by(By::Dimension(Dimension::Topic)) {
        notes.push(
            "Topics do not add up to the total: an activity with several topics counts in each.",
        );
    }
    if ask.splits_by(By::Dimension(Dimension::Country)) {
        notes.push("Countries a network did not name in its card count in its other.");
    }
    if ask.adds() == Adds::Level {
        notes.push("The last value on or before the period's end, carried forward.");
    }
    if ask.measure == Measure::ActivitiesJoined {
        notes.push("Joint activities that another network leads; never added to activities.");
    }
    let several = ask.members.len() > 1 && !ask.splits_by(By::Member);
    if ask.adds() == Adds::Distinct && several {
        notes.push(
            "Different persons, some of whom may be in two networks: at least the largest \
             network's, at most the sum.",
        );
    }
    match ask.tables.first().and_then(|table| table.of) {
        Some(Of::Organisations) => notes.push("Organisations only."),
        Some(Of::PublicOrganisations) => {
            notes.push("Only organisations that agreed to be named.");
        }
        Some(Of::Individuals) => notes.push("Persons signing for themselves only."),
        None => {}
    }
    let mut notes: Vec<String> = notes.into_iter().map(str::to_owned).collect();
    notes.extend(only_some_sizes(ask));
    notes
}

fn only_some_sizes(ask: &Ask<'_>) -> Option<String> {
    if ask.members.iter().all(|member| ask.publishes(member)) {
        return None;
    }
    let publishes = |size: &&Size| ask.tables.iter().any(|table| table.sizes.contains(size));
    let sizes: Vec<_> = Size::ALL
        .iter()
        .filter(publishes)
        .map(|s| s.as_str())
        .collect();
    Some(format!(
        "Only {} networks publish this table.",
        sizes.join(" and ")
    ))
}

/// Returns a small number as a word.
pub(super) fn number_word(number: usize) -> String {
    const WORDS: [&str; 9] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let word = number.checked_sub(1).and_then(|at| WORDS.get(at));
    word.map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// Returns a label with its article: `an open letter`.
pub(super) fn with_article(label: &str) -> String {
    let label = uncapitalised(label);
    let vowel = label.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {label}", if vowel { "an" } else { "a" })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// Returns a label as it stands within a sentence: `open letter`, but `HR manual`.
pub(super) fn uncapitalised(label: &str) -> String {
    let mut letters = label.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => label.to_owned(),
    }
}
