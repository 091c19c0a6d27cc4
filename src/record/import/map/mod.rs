//! The MAP: how the columns of somebody's file become our fields.
//!
//! - `written`: as it is written.
//! - `check`: held against the shape it is for.

mod check;
mod written;

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::sheet::normal;
use crate::model::Kind;
use crate::record::schema::{Field, List, Shape};
use crate::record::value::{Reader, Value};
use check::Check;
use written::read;

/// What is wrong with a MAP, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MAP line {line}{}: {reason}", key.as_ref().map(|k| format!(", {k}")).unwrap_or_default())]
pub struct MapError {
    /// The key, such as `columns.title`, where one is to blame.
    pub key: Option<String>,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong, in one line.
    pub reason: String,
}

/// A checked MAP for one shape. The empty MAP maps nothing: headers that are field names still do.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) rows: Rows,
    /// Our field and their header; several where a text is put together from them.
    pub(super) columns: BTreeMap<Field, Vec<String>>,
    /// Their header of the `source_id` of the record a row of a list belongs to.
    pub(super) record: Option<String>,
    /// Values every row has.
    pub(super) constants: BTreeMap<Field, Value>,
    /// Their value to our spelling, per field.
    pub(super) values: BTreeMap<Field, BTreeMap<String, String>>,
    /// What means "not known", per field, beside an empty cell.
    pub(super) missing: BTreeMap<Field, Vec<String>>,
    pub(super) dates: Dates,
    /// Lists filled from columns that say yes.
    pub(super) wide: BTreeMap<List, Wide>,
}

/// Which rows of the file are read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The row of the headers, from 1; looked for where the MAP does not say it.
    pub(super) header: Option<u64>,
    /// Rows left out, from 1.
    pub(super) skip: Vec<u64>,
    /// Whether the first blank row ends the table.
    pub(super) stop_at_blank: bool,
    /// Rows whose first cell matches are left out.
    pub(super) ignore: Option<Regex>,
}

/// How dates are written.
#[derive(Debug, Default)]
pub(super) struct Dates {
    /// Formats as of strptime, tried in order; ISO where there are none.
    pub(super) formats: Vec<String>,
    /// Whose years they are, where the MAP says so.
    pub(super) calendar: Option<Calendar>,
}

/// Whose years a date counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Calendar {
    /// Ours.
    Gregorian,
    /// 543 years ahead, as in Thailand.
    Buddhist,
}

/// Columns that each make a row of a list.
#[derive(Debug)]
pub(super) struct Wide {
    /// Their header, and what its cells say.
    pub(super) columns: BTreeMap<String, WideCell>,
    /// What counts as yes, small.
    pub(super) yes: Vec<String>,
}

/// What counts as yes where the MAP does not say it.
const YES: &[&str] = &[
    "y", "yes", "true", "x", "1", "oui", "si", "sí", "sim", "ja", "да", "так", "✓", "✔",
];

/// What is plainly no.
const NO: &[&str] = &[
    "", "n", "no", "false", "0", "-", "non", "não", "nao", "nein", "nee", "нет", "ні", "nie", "✗",
    "✘",
];

impl Wide {
    /// Returns whether a cell says yes, or `None` where it is neither yes nor plainly no.
    pub(super) fn says(&self, cell: &str) -> Option<bool> {
        let small = normal(cell).to_lowercase();
        match self.yes.contains(&small) {
            true => Some(true),
            false => NO.contains(&small.as_str()).then_some(false),
        }
    }
}

/// What the cells of a column say that makes rows of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WideCell {
    /// Yes or no: whether there is the policy of this code.
    Policy(String),
    /// How many came on this day of the training, the first being 1.
    Session(u16),
}

impl Map {
    /// Reads a MAP for rows of `shape` that hang on, or are, records of `kind`.
    ///
    /// # Errors
    /// Names the key and its line.
    pub(super) fn parse(
        text: &str,
        kind: Kind,
        shape: Shape,
        reader: Reader<'_>,
    ) -> Result<Self, MapError> {
        let written = read(text)?;
        let check = Check {
            text,
            shape,
            reader,
        };
        check.kind(kind, written.kind.as_ref())?;
        let (columns, record) = check.columns(written.columns)?;
        let constants = check.constants(written.constants, &columns)?;
        Ok(Self {
            rows: check.rows(written.rows)?,
            columns,
            record,
            constants,
            values: check.values(written.values)?,
            missing: check.missing(written.missing)?,
            dates: check.dates(written.dates)?,
            wide: check.wide(written.wide)?,
        })
    }
}

/// Returns the kind a MAP names.
pub(super) fn kind_named(text: &str) -> Result<Option<Kind>, MapError> {
    Ok(read(text)?.kind.map(Spanned::into_inner))
}

/// What a MAP calls the column that names the record a row of a list belongs to.
pub(super) const RECORD: &str = "record";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{CodeLists, RecordKeys};
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Map, MapError> {
        parse_for(text, Kind::Training)
    }

    fn parse_for(text: &str, kind: Kind) -> Result<Map, MapError> {
        let keys = RecordKeys::new([1; 32], [2; 32]);
        let codes = CodeLists::default();
        let reader = Reader {
            codes: &codes,
            keys: &keys,
        };
        Map::parse(text, kind, Shape::Kind(kind), reader)
    }

    const WHOLE: &str = r##"
kind = "training"
[rows]
header = 1
skip = [2]
stop_at_blank = true
ignore = "^(Total|Note)"
[columns]
source_id = "slug"
title = "slug"
[constants]
topics = "data_skills"
hours = 7.5
start = 2018-01-09
[values.country]
W3 = "online"
[missing]
attended = ["", "NA"]
[dates]
formats = ["%Y-%m-%d", "%d %B, %Y"]
calendar = "gregorian"
"##;

    #[test]
    fn a_whole_map_is_read() {
        let map = parse(WHOLE).expect("is a MAP");
        assert_eq!(map.columns[&Field::Title], ["slug"]);
        assert_eq!(map.constants[&Field::Hours], Value::Hours(750));
        assert_eq!(map.values[&Field::Country]["W3"], "online");
        assert_eq!(map.dates.calendar, Some(Calendar::Gregorian));
        assert_eq!(map.rows.skip, [2]);
    }

    #[track_caller]
    fn check_refused(text: &str, line: usize, part: &str) {
        let error = parse(text).expect_err("is refused");
        let message = error.to_string();
        assert_eq!(error.line, line, "{message}");
        assert!(
            message.contains(part) && !message.contains('\n'),
            "{message}"
        );
    }

    #[test]
    fn errors_name_key_and_line() {
        check_refused("kind = \"training\"\nrow = 1\n", 2, "row");
        check_refused("\nkind = \"consultation\"", 2, "kind");
        check_refused("[columns]\n\ntitel = \"x\"", 3, "columns.titel");
        check_refused("[constants]\nattended = \"many\"", 2, "constants.attended");
        check_refused("[constants]\nattended = [1]", 2, "constants.attended");
        check_refused(
            "[values.country]\nW3 = \"nowhere\"",
            2,
            "values.country.\"W3\"",
        );
        check_refused("[missing]\nbudget = [\"\"]", 2, "missing.budget");
        check_refused("[rows]\nheader = 0", 2, "rows.header");
        check_refused("[rows]\nignore = \"(\"", 2, "rows.ignore");
        check_refused("[dates]\nformats = [\"%d/%m\"]", 2, "dates.formats");
        check_refused("[dates]\ncalendar = \"lunar\"", 2, "buddhist");
        check_refused(
            "[wide.policies]\ncolumns = {}\nyes = []",
            1,
            "wide.policies",
        );
        check_refused(
            "[columns]\ntitle = \"a\"\n[constants]\ntitle = \"b\"",
            4,
            "[columns]",
        );
        check_refused("[columns]\nhours = [\"a\", \"b\"]", 2, "columns.hours");
        check_refused("[columns]\ntitle = []", 2, "columns.title");
        check_refused("[columns]\nrecord = \"a\"", 2, "columns.record");
        check_refused(
            "[wide.sessions]\ncolumns = { a = \"0\" }",
            2,
            "wide.sessions",
        );
        check_refused("a = ", 1, "");
    }

    #[test]
    fn a_yes_no_matrix_belongs_to_capacity() {
        let text = "[wide.policies]\ncolumns = { \"Charter\" = \"governance\" }\nyes = [\"Y\"]";
        let map = parse_for(text, Kind::CapacityMilestone).expect("is a MAP");
        let governance = WideCell::Policy("governance".to_owned());
        assert_eq!(map.wide[&List::Policies].columns["Charter"], governance);
        let days = parse("[wide.sessions]\ncolumns = { \"Day 1\" = \"1\" }").expect("is a MAP");
        assert_eq!(
            days.wide[&List::Sessions].columns["Day 1"],
            WideCell::Session(1)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_map_or_refused(
            head in proptest::sample::select(vec!["", "[columns]\n", "[rows]\n", "[dates]\n", "[values.country]\n"]),
            text in "(.{0,60}|[a-z_]{1,10} = [\"\\[0-9][a-z%/\"]{0,12}\\]?)",
        ) {
            let text = format!("{head}{text}");
            if let Err(error) = parse(&text) {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1);
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
