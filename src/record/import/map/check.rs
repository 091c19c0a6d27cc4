//! What is written in a MAP, held against the shape it is for.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::RegexBuilder;
use toml::Spanned;

use super::written::{OneOrMore, WrittenDates, WrittenRows, WrittenWide, line_of};
use super::{Dates, MapError, RECORD, Rows, Wide, WideCell, YES};
use crate::model::Kind;
use crate::record::edit::shape_name;
use crate::record::error::article;
use crate::record::import::sheet::normal;
use crate::record::schema::{Codes, Column, Field, List, Shape, Type};
use crate::record::value::{Reader, Value};

/// Our fields with their headers, and the header of the record a row belongs to.
type Named = (BTreeMap<Field, Vec<String>>, Option<String>);

/// Checks what is written against the shape it is for.
pub(super) struct Check<'a> {
    pub(super) text: &'a str,
    pub(super) shape: Shape,
    pub(super) reader: Reader<'a>,
}

impl Check<'_> {
    fn error(&self, key: String, span: Range<usize>, reason: impl Into<String>) -> MapError {
        MapError {
            key: Some(key),
            line: line_of(self.text, span.start),
            reason: reason.into(),
        }
    }

    pub(super) fn kind(&self, kind: Kind, written: Option<&Spanned<Kind>>) -> Result<(), MapError> {
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

    pub(super) fn rows(&self, written: WrittenRows) -> Result<Rows, MapError> {
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

    pub(super) fn columns(
        &self,
        written: BTreeMap<String, Spanned<OneOrMore>>,
    ) -> Result<Named, MapError> {
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

    pub(super) fn constants(
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

    pub(super) fn values(
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

    pub(super) fn missing(
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

    pub(super) fn dates(&self, written: WrittenDates) -> Result<Dates, MapError> {
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

    pub(super) fn wide(
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
