//! A table with bounds in words, and who reported in one line.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};

use super::Unit;
use crate::model::steers_text;
use crate::report::coverage::State;
use crate::report::statements::attributed;
use crate::wire;

/// Most series named in a statement of coverage, per state.
const NAMED: usize = 5;

/// Returns an answer as a table for a terminal, its notes, what it is as of, and its coverage.
pub fn report(answer: &wire::QueryResponse) -> String {
    let unit = Unit::of(answer);
    let query = answer.query.clone().unwrap_or_default();
    let some_uncounted = answer.rows.iter().any(|row| row.uncounted > 0);
    let mut header: Vec<String> = query.by.clone();
    header.push(query.measure.clone());
    if some_uncounted {
        header.push("uncounted".to_owned());
    }
    header.push("members".to_owned());
    let mut table = plain_table(&header);
    for row in &answer.rows {
        let code = |name| row.group.get(name).cloned().unwrap_or_default();
        let mut line: Vec<String> = query.by.iter().map(code).collect();
        line.push(unit.bounds(row.value, row.lower, row.upper));
        if some_uncounted {
            line.push(uncounted(row.uncounted));
        }
        line.push(row.members.join(" "));
        table.add_row(line.iter().map(|word| printable(word)));
    }
    if let Some(column) = table.column_mut(query.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.trim_fmt();
    text.push_str("\n\n");
    for note in notes(answer) {
        text.push_str(&printable(note));
        text.push('\n');
    }
    for statement in &answer.statements {
        text.push_str(&format!("{}\n", printable(&attributed(statement))));
    }
    text.push_str(&as_of_line(answer.as_of.as_ref()));
    if let Some(coverage) = &answer.coverage {
        text.push_str(&coverage_line(coverage));
        text.push('\n');
    }
    text
}

/// Returns a story for a terminal: its sentences, then what is asked and what must be known.
pub fn story(story: &wire::StoryResponse) -> String {
    let mut text: String = story
        .sentences
        .iter()
        .map(|told| format!("{}\n", printable(&told.text)))
        .collect();
    text.push('\n');
    for question in &story.questions {
        text.push_str(&format!("To be asked: {}\n", printable(question)));
    }
    for note in &story.notes {
        text.push_str(&format!("{}\n", printable(note)));
    }
    text.push_str(&as_of_line(story.as_of.as_ref()));
    text
}

fn as_of_line(as_of: Option<&wire::AsOf>) -> String {
    as_of.map_or_else(String::new, |as_of| {
        let (date, version) = (&as_of.date, as_of.charter_version);
        format!("As of {date}, charter version {version}.\n")
    })
}

/// Says how many activities a figure leaves out because nobody counted in them.
fn uncounted(number: u64) -> String {
    match number {
        0 => String::new(),
        1 => "1 activity nobody counted".to_owned(),
        many => format!("{many} activities nobody counted"),
    }
}

/// Returns coverage as a table for a terminal, and in one line.
pub fn coverage(coverage: &wire::CoverageResponse) -> String {
    let header = ["member", "kind", "period", "state", "due", "date"];
    let mut table = plain_table(&header.map(str::to_owned));
    for row in &coverage.rows {
        let wire::CoverageRow {
            member,
            kind,
            period,
            state,
            due,
            date,
        } = row;
        table.add_row([member, kind, period, state, due, date].map(|word| printable(word)));
    }
    format!("{}\n\n{}\n", table.trim_fmt(), coverage_line(coverage))
}

/// Returns who reported, in one line.
pub fn coverage_line(coverage: &wire::CoverageResponse) -> String {
    let wire::CoverageResponse {
        expected,
        reported,
        late,
        nil,
        ..
    } = coverage;
    if *expected == 0 {
        return "Coverage: nobody is expected to report.".to_owned();
    }
    let here = reported + late + nil;
    let of = if here == *expected {
        format!("all {expected}")
    } else {
        format!("{here} of {expected}")
    };
    let mut line = format!("Coverage: {of} summaries expected are here");
    if *expected == 1 {
        line = format!("Coverage: {here} of 1 summary expected is here");
    }
    let asides: Vec<String> = [(late, "late"), (nil, "with nothing to report")]
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if !asides.is_empty() {
        line.push_str(&format!(" ({})", asides.join(", ")));
    }
    for (state, named) in lacking(coverage) {
        line.push_str(&format!("; {state}: {named}"));
    }
    line.push('.');
    printable(&line)
}

/// Returns, per state that means a lack, the series it is about.
fn lacking(coverage: &wire::CoverageResponse) -> Vec<(&'static str, String)> {
    let mut by_state: BTreeMap<State, Vec<String>> = BTreeMap::new();
    for row in &coverage.rows {
        if let Ok(state) = row.state.parse::<State>()
            && state.is_lacking()
        {
            let series = format!("{} {}/{}", row.member, row.kind, row.period);
            by_state.entry(state).or_default().push(series);
        }
    }
    by_state
        .into_iter()
        .map(|(state, series)| {
            let mut named = series[..series.len().min(NAMED)].join(", ");
            if series.len() > NAMED {
                named.push_str(&format!(" and {} more", series.len() - NAMED));
            }
            (state.as_str(), named)
        })
        .collect()
}

/// Returns the bounds of a row of counts in words; see [`Unit::bounds`].
pub fn in_words(row: &wire::Row) -> String {
    let count = Unit {
        decimals: 0,
        money: false,
    };
    count.bounds(row.value, row.lower, row.upper)
}

/// Returns every note once, in the order they come.
fn notes(answer: &wire::QueryResponse) -> Vec<&str> {
    let mut notes: Vec<&str> = Vec::new();
    for note in answer.rows.iter().flat_map(|row| &row.notes) {
        if !notes.contains(&note.as_str()) {
            notes.push(note);
        }
    }
    notes
}

fn plain_table(header: &[String]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table
}

/// Keeps what came from another node from steering a terminal.
fn printable(text: &str) -> String {
    let safe = |letter: char| {
        if steers_text(letter) {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lower: i64, upper: Option<i64>, value: Option<i64>, words: &str) {
        let row = wire::Row {
            lower,
            upper,
            value,
            ..Default::default()
        };
        assert_eq!(in_words(&row), words);
    }

    #[test]
    fn bounds_are_said_in_words() {
        check(12, Some(12), Some(12), "12");
        check(0, Some(9), None, "fewer than 10");
        check(34, Some(52), None, "between 34 and 52");
        check(3, None, None, "at least 3");
        check(0, None, None, "not known");
        check(0, Some(0), None, "0");
        check(5, Some(5), None, "5");
    }

    #[test]
    fn coverage_is_said_in_one_line() {
        let row = |state: State, period: &str| wire::CoverageRow {
            member: "anpud".to_owned(),
            kind: "training".to_owned(),
            period: period.to_owned(),
            state: state.to_string(),
            ..Default::default()
        };
        let of = |rows: Vec<wire::CoverageRow>| {
            coverage_line(&super::super::super::coverage::respond(rows))
        };
        assert_eq!(
            of(vec![
                row(State::Late, "2018Q1"),
                row(State::Missing, "2018Q2")
            ]),
            "Coverage: 1 of 2 summaries expected are here (1 late); missing: anpud training/2018Q2."
        );
        assert_eq!(
            of(vec![
                row(State::Reported, "2018Q1"),
                row(State::Nil, "2018Q2")
            ]),
            "Coverage: all 2 summaries expected are here (1 with nothing to report)."
        );
        assert_eq!(of(Vec::new()), "Coverage: nobody is expected to report.");
        assert_eq!(
            of(vec![row(State::Missing, "2018"); 7]),
            format!(
                "Coverage: 0 of 7 summaries expected are here; missing: {} and 2 more.",
                ["anpud training/2018"; 5].join(", ")
            )
        );
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a\u{fffd}[2J\u{fffd}b");
        assert_eq!(printable("a\u{202e}b\u{200d}"), "a\u{fffd}b\u{200d}");
    }
}
