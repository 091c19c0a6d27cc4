//! The MAP: how the columns of somebody's file become our fields.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use crate::model::Kind;
use crate::record::edit::shape_name;
use crate::record::schema::{Codes, Column, Field, List, POLICY_STATUSES, Shape, Type};
use crate::record::value::{Reader, Value};

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
    /// Our field and their header.
    pub(super) columns: BTreeMap<Field, String>,
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
#[derive(Debug)]
pub(super) struct Rows {
    /// The row of the headers, from 1.
    pub(super) header: u64,
    /// Rows left out, from 1.
    pub(super) skip: Vec<u64>,
    /// Whether the first blank row ends the table.
    pub(super) stop_at_blank: bool,
    /// Rows whose first cell matches are left out.
    pub(super) ignore: Option<Regex>,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            header: 1,
            skip: Vec::new(),
            stop_at_blank: false,
            ignore: None,
        }
    }
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

/// A yes/no matrix: one row of a list per column that says yes.
#[derive(Debug)]
pub(super) struct Wide {
    /// Their header and our code.
    pub(super) columns: BTreeMap<String, String>,
    /// What counts as yes.
    pub(super) yes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Option<Spanned<Kind>>,
    #[serde(default)]
    rows: WrittenRows,
    #[serde(default)]
    columns: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    constants: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    values: BTreeMap<String, Spanned<BTreeMap<String, Spanned<String>>>>,
    #[serde(default)]
    missing: BTreeMap<String, Spanned<Vec<String>>>,
    #[serde(default)]
    dates: WrittenDates,
    #[serde(default)]
    wide: BTreeMap<String, Spanned<WrittenWide>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenRows {
    header: Option<Spanned<u64>>,
    #[serde(default)]
    skip: Vec<u64>,
    #[serde(default)]
    stop_at_blank: bool,
    ignore: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenDates {
    #[serde(default)]
    formats: Vec<Spanned<String>>,
    calendar: Option<Calendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWide {
    columns: BTreeMap<String, Spanned<String>>,
    yes: Vec<String>,
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
        let columns = check.columns(written.columns)?;
        let constants = check.constants(written.constants, &columns)?;
        Ok(Self {
            rows: check.rows(written.rows)?,
            columns,
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

/// Reads a MAP; what it says is not checked yet.
fn read(text: &str) -> Result<Written, MapError> {
    toml::from_str(text).map_err(|error| MapError {
        key: None,
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        reason: error.message().replace('\n', " "),
    })
}

/// Returns the line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|b| **b == b'\n').count() + 1
}

/// Checks what is written against the shape it is for.
struct Check<'a> {
    text: &'a str,
    shape: Shape,
    reader: Reader<'a>,
}

impl Check<'_> {
    fn error(&self, key: String, span: Range<usize>, reason: impl Into<String>) -> MapError {
        MapError {
            key: Some(key),
            line: line_of(self.text, span.start),
            reason: reason.into(),
        }
    }

    fn kind(&self, kind: Kind, written: Option<&Spanned<Kind>>) -> Result<(), MapError> {
        match written {
            Some(other) if *other.get_ref() != kind => Err(self.error(
                "kind".to_owned(),
                other.span(),
                format!(
                    "this MAP is for a {}, the import for a {kind}",
                    other.get_ref()
                ),
            )),
            _ => Ok(()),
        }
    }

    fn column(
        &self,
        table: &str,
        name: &str,
        span: Range<usize>,
    ) -> Result<&'static Column, MapError> {
        let field = name.parse().ok();
        field
            .and_then(|field| self.shape.column(field))
            .ok_or_else(|| {
                let shape = shape_name(self.shape);
                let accepted = self.shape.field_names();
                self.error(
                    format!("{table}.{name}"),
                    span,
                    format!("{shape} has no such field; its fields: {accepted}"),
                )
            })
    }

    fn rows(&self, written: WrittenRows) -> Result<Rows, MapError> {
        let header = match written.header {
            Some(header) if *header.get_ref() == 0 => {
                let reason = "rows are numbered from 1";
                return Err(self.error("rows.header".to_owned(), header.span(), reason));
            }
            Some(header) => header.into_inner(),
            None => 1,
        };
        let ignore = match written.ignore {
            Some(pattern) => {
                // Bounded, so that no MAP makes a pattern that takes the machine's memory.
                let built = RegexBuilder::new(pattern.get_ref())
                    .size_limit(1 << 18)
                    .build();
                Some(built.map_err(|error| {
                    let reason = error.to_string().replace('\n', " ");
                    self.error("rows.ignore".to_owned(), pattern.span(), reason)
                })?)
            }
            None => None,
        };
        Ok(Rows {
            header,
            skip: written.skip,
            stop_at_blank: written.stop_at_blank,
            ignore,
        })
    }

    fn columns(
        &self,
        written: BTreeMap<String, Spanned<String>>,
    ) -> Result<BTreeMap<Field, String>, MapError> {
        let mut columns = BTreeMap::new();
        for (name, header) in written {
            let column = self.column("columns", &name, header.span())?;
            columns.insert(column.field, header.into_inner().trim().to_owned());
        }
        Ok(columns)
    }

    fn constants(
        &self,
        written: BTreeMap<String, Spanned<toml::Value>>,
        columns: &BTreeMap<Field, String>,
    ) -> Result<BTreeMap<Field, Value>, MapError> {
        let mut constants = BTreeMap::new();
        for (name, given) in written {
            let span = given.span();
            let column = self.column("constants", &name, span.clone())?;
            let error =
                |reason: &str| self.error(format!("constants.{name}"), span.clone(), reason);
            if columns.contains_key(&column.field) {
                return Err(error("is in [columns] too; keep one of them"));
            }
            let Some(text) = scalar_text(given.get_ref()) else {
                return Err(error("must be a text, a number, a date, true or false"));
            };
            let value = column.holds.parse(text.trim(), self.reader);
            constants.insert(column.field, value.map_err(|e| error(&e.to_string()))?);
        }
        Ok(constants)
    }

    fn values(
        &self,
        written: BTreeMap<String, Spanned<BTreeMap<String, Spanned<String>>>>,
    ) -> Result<BTreeMap<Field, BTreeMap<String, String>>, MapError> {
        let mut values = BTreeMap::new();
        for (name, table) in written {
            let column = self.column("values", &name, table.span())?;
            let mut ours = BTreeMap::new();
            for (theirs, our) in table.into_inner() {
                let key = || format!("values.{name}.{theirs:?}");
                // A person is never written into a MAP, and every other value is checked here.
                if column.holds == Type::Person {
                    return Err(self.error(key(), our.span(), "persons cannot be mapped"));
                }
                let checked = column.holds.parse(our.get_ref().trim(), self.reader);
                checked.map_err(|e| self.error(key(), our.span(), e.to_string()))?;
                ours.insert(theirs.trim().to_owned(), our.into_inner().trim().to_owned());
            }
            values.insert(column.field, ours);
        }
        Ok(values)
    }

    fn missing(
        &self,
        written: BTreeMap<String, Spanned<Vec<String>>>,
    ) -> Result<BTreeMap<Field, Vec<String>>, MapError> {
        let mut missing = BTreeMap::new();
        for (name, words) in written {
            let column = self.column("missing", &name, words.span())?;
            let words = words.into_inner();
            let trimmed = words.iter().map(|word| word.trim().to_owned());
            missing.insert(column.field, trimmed.collect());
        }
        Ok(missing)
    }

    fn dates(&self, written: WrittenDates) -> Result<Dates, MapError> {
        let mut formats = Vec::new();
        for format in written.formats {
            if !gives_a_day(format.get_ref()) {
                let reason = "must hold year, month and day, such as %d/%m/%Y";
                return Err(self.error("dates.formats".to_owned(), format.span(), reason));
            }
            formats.push(format.into_inner());
        }
        Ok(Dates {
            formats,
            calendar: written.calendar,
        })
    }

    fn wide(
        &self,
        written: BTreeMap<String, Spanned<WrittenWide>>,
    ) -> Result<BTreeMap<List, Wide>, MapError> {
        let mut wide = BTreeMap::new();
        for (name, given) in written {
            let key = format!("wide.{name}");
            let span = given.span();
            if name != List::Policies.as_str() || self.shape != Shape::Kind(Kind::CapacityMilestone)
            {
                let reason = "only wide.policies of a capacity_milestone is known";
                return Err(self.error(key, span, reason));
            }
            let given = given.into_inner();
            let mut columns = BTreeMap::new();
            for (header, code) in given.columns {
                let known = self.policy(code.get_ref());
                known.map_err(|reason| self.error(key.clone(), code.span(), reason))?;
                columns.insert(header.trim().to_owned(), code.into_inner());
            }
            wide.insert(
                List::Policies,
                Wide {
                    columns,
                    yes: given.yes,
                },
            );
        }
        Ok(wide)
    }

    fn policy(&self, code: &str) -> Result<(), String> {
        let holds = Type::Code(Codes::Charter(crate::record::schema::POLICY));
        holds
            .parse(code, self.reader)
            .map(drop)
            .map_err(|e| e.to_string())
    }
}

impl Wide {
    /// Returns the state a policy has whose column says yes.
    pub(super) fn status() -> Value {
        debug_assert!(POLICY_STATUSES.contains(&"in_use"));
        Value::Code("in_use".to_owned())
    }
}

fn scalar_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Datetime(day) => Some(day.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// Returns whether a format holds a whole day, tried on one.
fn gives_a_day(format: &str) -> bool {
    let day = jiff::civil::date(2018, 11, 23);
    let Ok(text) = jiff::fmt::strtime::format(format, day) else {
        return false;
    };
    jiff::civil::Date::strptime(format, &text).is_ok_and(|read| read == day)
}

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
        assert_eq!(map.columns[&Field::Title], "slug");
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
        check_refused("a = ", 1, "");
    }

    #[test]
    fn a_yes_no_matrix_belongs_to_capacity() {
        let text = "[wide.policies]\ncolumns = { \"Charter\" = \"governance\" }\nyes = [\"Y\"]";
        let map = parse_for(text, Kind::CapacityMilestone).expect("is a MAP");
        assert_eq!(map.wide[&List::Policies].columns["Charter"], "governance");
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
