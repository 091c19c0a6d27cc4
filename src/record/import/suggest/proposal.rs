//! A MAP as it is proposed: each guess with what makes it one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::choose::Chosen;
use super::shown::{Shown, format_of};
use super::words::{CITIES, CODES, NO, NOT_KNOWN, YES};
use crate::record::import::dates::Question;
use crate::record::import::persons::by_header;
use crate::record::schema::{Column, Shape, Type};
use crate::record::value::{BadValue, Reader};

/// What will be written.
pub(super) struct Proposal<'a> {
    pub(super) shape: Shape,
    pub(super) reader: Reader<'a>,
    pub(super) columns: Vec<Chosen<'a>>,
    pub(super) shown: &'a [Shown],
}

impl Proposal<'_> {
    pub(super) fn write(&self, text: &mut String) {
        self.write_columns(text);
        self.write_missing(text);
        self.write_dates(text);
        self.write_wide(text);
        // Tables of their own, so they come last.
        self.write_values(text);
    }

    fn write_columns(&self, text: &mut String) {
        text.push_str("\n[columns]\n");
        for Chosen { column, shown, why } in &self.columns {
            let entry = format!("{} = {}", column.field, quoted(&shown.header));
            line(text, &entry, &format!("guess: {why}"));
        }
        let given = |field| {
            self.columns
                .iter()
                .any(|chosen| chosen.column.field == field)
        };
        for column in self
            .shape
            .columns()
            .filter(|c| c.required && !given(c.field))
        {
            let _infallible = writeln!(
                text,
                "# {} = \"…\"  # needed, and nothing seems to give it; name a column here, \
                 or one value for all under [constants]",
                column.field
            );
        }
        let used = |shown: &Shown| self.columns.iter().any(|c| c.shown.header == shown.header);
        for shown in self
            .shown
            .iter()
            .filter(|shown| shown.cells > 0 && !used(shown))
        {
            let what = match by_header(&shown.name) {
                Some(personal) if shown.is_personal() => {
                    format!("looks like {}, ", personal.in_words())
                }
                None if shown.is_personal() => "looks like persons, ".to_owned(),
                _ => String::new(),
            };
            let _infallible = writeln!(text, "# not kept: {what}{}", quoted(&shown.header));
        }
    }

    fn write_missing(&self, text: &mut String) {
        let mut begun = false;
        for Chosen { column, shown, .. } in &self.columns {
            let is_text = matches!(column.holds, Type::Text | Type::Person);
            let words: Vec<String> = shown
                .values
                .iter()
                .filter(|value| NOT_KNOWN.contains(&value.as_str()))
                .filter(|value| column.holds.parse(value, self.reader).is_err())
                .map(|value| quoted(value))
                .collect();
            if !is_text && !words.is_empty() {
                begin(text, &mut begun, "[missing]");
                let entry = format!("{} = [{}]", column.field, words.join(", "));
                line(text, &entry, "guess: these mean not known");
            }
        }
    }

    fn write_dates(&self, text: &mut String) {
        let dates = || self.columns.iter().filter(|c| c.column.holds == Type::Date);
        let values = || dates().flat_map(|chosen| &chosen.shown.values);
        let formats: BTreeSet<&str> = values().filter_map(|value| format_of(value)).collect();
        let buddhist = values().find(|value| {
            let digits = value.split(|c: char| !c.is_ascii_digit());
            let years = digits
                .filter(|part| part.len() == 4)
                .filter_map(|y| y.parse().ok());
            years
                .into_iter()
                .any(|year: u16| (2400..=2700).contains(&year))
        });
        let questions: Vec<_> = dates().filter_map(|c| c.shown.order.question()).collect();
        if formats.is_empty() && buddhist.is_none() && questions.is_empty() {
            return;
        }
        text.push_str("\n[dates]\n");
        if !formats.is_empty() {
            let formats: Vec<_> = formats.iter().map(|format| quoted(format)).collect();
            let entry = format!("formats = [{}]", formats.join(", "));
            line(text, &entry, "guess: from how they are written");
        }
        for Question { value, reason, .. } in questions {
            let _infallible = writeln!(text, "# {}: {reason}", quoted(&value));
        }
        if let Some(value) = buddhist {
            let _infallible = writeln!(
                text,
                "# calendar = \"buddhist\"  # or \"gregorian\"? {} may be either",
                quoted(value)
            );
        }
    }

    /// Proposes policies for columns that only say yes or no.
    fn write_wide(&self, text: &mut String) {
        let Shape::Kind(crate::model::Kind::CapacityMilestone) = self.shape else {
            return;
        };
        let says_yes = |value: &&String| YES.contains(&value.to_lowercase().as_str());
        let is_matrix = |shown: &&Shown| {
            let is_no = |value: &String| NO.contains(&value.to_lowercase().as_str());
            let yes = shown.values.iter().any(|value| says_yes(&value));
            yes && shown
                .values
                .iter()
                .all(|value| says_yes(&value) || is_no(value))
        };
        let matrix: Vec<_> = self.shown.iter().filter(is_matrix).collect();
        if matrix.is_empty() {
            return;
        }
        let yes: BTreeSet<&String> = matrix
            .iter()
            .flat_map(|s| s.values.iter().filter(says_yes))
            .collect();
        let yes: Vec<_> = yes.into_iter().map(|value| quoted(value)).collect();
        text.push_str("\n[wide.policies]\n");
        line(
            text,
            &format!("yes = [{}]", yes.join(", ")),
            "guess: these mean yes",
        );
        text.push_str("[wide.policies.columns]\n");
        for shown in matrix {
            let entry = format!("{} = \"other\"", quoted(&shown.header));
            line(text, &entry, "guess: a policy; put its code here");
        }
    }

    fn write_values(&self, text: &mut String) {
        for Chosen { column, shown, .. } in &self.columns {
            let is_coded = matches!(
                column.holds,
                Type::Code(_) | Type::CodeList(_) | Type::Places | Type::YesNo
            );
            let strange = |value: &&String| {
                column.holds.parse(value, self.reader).is_err()
                    && !NOT_KNOWN.contains(&value.as_str())
            };
            let strange: Vec<_> = shown.values.iter().filter(strange).collect();
            if !is_coded || strange.is_empty() {
                continue;
            }
            let _infallible = writeln!(text, "\n[values.{}]", column.field);
            let mut accepted = None;
            for value in strange {
                let theirs = quoted(value);
                if let Some((code, why)) = self.code(column, value) {
                    let entry = format!("{theirs} = {}", quoted(&code));
                    line(text, &entry, &format!("guess: {why}"));
                    continue;
                }
                if let Err(BadValue::Code { accepted: codes }) =
                    column.holds.parse(value, self.reader)
                {
                    accepted = Some(codes);
                }
                let _infallible = writeln!(text, "# {theirs} = \"…\"  # which code is it?");
            }
            if let Some(codes) = accepted {
                let _infallible = writeln!(text, "# codes: {}", quoted(&codes).trim_matches('"'));
            }
        }
    }

    /// Returns the code a word of theirs usually means, and what makes it likely.
    fn code(&self, column: &Column, value: &str) -> Option<(String, &'static str)> {
        let small = value.trim().to_lowercase();
        let is_ours = |our: &str| column.holds.parse(our, self.reader).is_ok();
        let known = CODES.iter().filter(|(field, ..)| *field == column.field);
        let mut meant = known
            .filter(|(_, theirs, _)| *theirs == small)
            .map(|(.., our)| *our);
        if let Some(our) = meant.find(|our| is_ours(our)) {
            return Some((our.to_owned(), "by its meaning"));
        }
        if column.holds == Type::Places {
            let city = CITIES.iter().find(|(city, _)| *city == small);
            return city.map(|(_, country)| ((*country).to_owned(), "the country of that city"));
        }
        let spelled = small.replace([' ', '-'], "_");
        is_ours(&spelled).then_some((spelled, "by its spelling"))
    }
}

fn begin(text: &mut String, begun: &mut bool, table: &str) {
    if !std::mem::replace(begun, true) {
        let _infallible = writeln!(text, "\n{table}");
    }
}

/// Writes an entry with what is to be known about it.
pub(super) fn line(text: &mut String, entry: &str, note: &str) {
    let _infallible = writeln!(text, "{entry}  # {note}");
}

/// Writes a text as TOML does, on one line.
pub(super) fn quoted(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    toml::Value::String(plain).to_string()
}
