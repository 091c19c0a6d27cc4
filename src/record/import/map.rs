//! The MAP: how the columns of somebody's file become our fields.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::sheet::normal;
use crate::model::Kind;
use crate::record::edit::shape_name;
use crate::record::error::article;
use crate::record::schema::{Codes, Column, Field, List, Shape, Type};
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Option<Spanned<Kind>>,
    #[serde(default)]
    rows: WrittenRows,
    #[serde(default)]
    columns: BTreeMap<String, Spanned<OneOrMore>>,
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

/// One header, or several whose cells are put together.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
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
    #[serde(default)]
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

/// Our fields with their headers, and the header of the record a row belongs to.
type Named = (BTreeMap<Field, Vec<String>>, Option<String>);

/// What a MAP calls the column that names the record a row of a list belongs to.
pub(super) const RECORD: &str = "record";

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
                    "this MAP is for {} {}, the import for {} {kind}",
                    article(other.get_ref().as_str()),
                    other.get_ref(),
                    article(kind.as_str())
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
            header => header.map(Spanned::into_inner),
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

    fn columns(&self, written: BTreeMap<String, Spanned<OneOrMore>>) -> Result<Named, MapError> {
        let mut columns = BTreeMap::new();
        let mut record = None;
        for (name, given) in written {
            let span = given.span();
            let error = |reason: &str| {
                let key = format!("columns.{name}");
                Err(self.error(key, span.clone(), reason))
            };
            let headers = match given.into_inner() {
                OneOrMore::One(header) => vec![normal(&header)],
                OneOrMore::More(headers) => headers.iter().map(|h| normal(h)).collect(),
            };
            if headers.is_empty() || headers.iter().any(String::is_empty) {
                return error("must name a column by its header, or as \"column F\"");
            }
            if name == RECORD && matches!(self.shape, Shape::List(_)) {
                let [header] = &headers[..] else {
                    return error("must name one column");
                };
                record = Some(header.clone());
                continue;
            }
            let column = self.column("columns", &name, span.clone())?;
            if headers.len() > 1 && column.holds != Type::Text {
                return error("only a text can be put together from several columns");
            }
            columns.insert(column.field, headers);
        }
        Ok((columns, record))
    }

    fn constants(
        &self,
        written: BTreeMap<String, Spanned<toml::Value>>,
        columns: &BTreeMap<Field, Vec<String>>,
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
                ours.insert(normal(&theirs), our.into_inner().trim().to_owned());
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
            let list = match (self.shape, name.as_str()) {
                (Shape::Kind(Kind::CapacityMilestone), "policies") => List::Policies,
                (Shape::Kind(Kind::Training), "sessions") => List::Sessions,
                _ => {
                    let reason = "only wide.policies of a capacity_milestone \
                                  and wide.sessions of a training are known";
                    return Err(self.error(key, span, reason));
                }
            };
            let given = given.into_inner();
            let mut columns = BTreeMap::new();
            for (header, what) in given.columns {
                let cell = self.wide_cell(list, what.get_ref());
                let cell = cell.map_err(|reason| self.error(key.clone(), what.span(), reason))?;
                columns.insert(normal(&header), cell);
            }
            let mut yes: Vec<String> = given
                .yes
                .iter()
                .map(|yes| normal(yes).to_lowercase())
                .collect();
            if yes.is_empty() {
                yes = YES.iter().map(|yes| (*yes).to_owned()).collect();
            }
            wide.insert(list, Wide { columns, yes });
        }
        Ok(wide)
    }

    fn wide_cell(&self, list: List, what: &str) -> Result<WideCell, String> {
        if list == List::Sessions {
            let day = what
                .trim()
                .parse()
                .ok()
                .filter(|day| (1..=366).contains(day));
            return day
                .map(WideCell::Session)
                .ok_or_else(|| "must be the day of the training, from \"1\"".to_owned());
        }
        self.policy(what)?;
        Ok(WideCell::Policy(what.to_owned()))
    }

    fn policy(&self, code: &str) -> Result<(), String> {
        let holds = Type::Code(Codes::Charter(crate::record::schema::POLICY));
        holds
            .parse(code, self.reader)
            .map(drop)
            .map_err(|e| e.to_string())
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
