//! Which column gives which field, and one row's cells read into fields.

use std::collections::BTreeMap;

use super::dates::{BadDate, DateColumn};
use super::map::{Map, Wide};
use super::sheet::{Sheet, SheetError, SheetRow};
use crate::record::RecordError;
use crate::record::entry::{Fields, misfit};
use crate::record::schema::{Column, Field, List, Shape, Type};
use crate::record::value::{BadValue, Reader, Value};

/// The columns of one file as far as we keep them.
pub(super) struct Columns<'a> {
    shape: Shape,
    map: &'a Map,
    headers: &'a [String],
    bound: Vec<Bound>,
    wide: Vec<WideColumn<'a>>,
    /// Headers of the columns that are not kept.
    pub(super) dropped: Vec<String>,
}

/// One column that gives a field.
struct Bound {
    column: &'static Column,
    at: usize,
    /// What its dates look like, where it holds dates.
    dates: DateColumn,
}

/// One column of a yes/no matrix.
struct WideColumn<'a> {
    list: List,
    at: usize,
    code: &'a str,
    rule: &'a Wide,
}

/// What one row of the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) fields: Fields,
    /// Rows of lists that its yes/no columns make.
    pub(super) wide: BTreeMap<List, Vec<Fields>>,
}

/// Why a row was refused, and which cell is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadCell {
    pub(super) column: String,
    pub(super) value: String,
    /// Nothing where the whole column waits for an answer already given.
    pub(super) reason: Option<String>,
}

impl<'a> Columns<'a> {
    /// Binds the columns of a sheet: those the MAP names, then those called like a field.
    pub(super) fn bind(
        shape: Shape,
        sheet: &'a Sheet<'_>,
        map: &'a Map,
    ) -> Result<Self, SheetError> {
        let headers = &sheet.headers;
        let mut bound = Vec::new();
        for column in shape.columns() {
            let at = match map.columns.get(&column.field) {
                Some(header) => Some(find_named(headers, column.field.as_str(), header)?),
                None if map.constants.contains_key(&column.field) => None,
                None => find_ours(headers, column.field)?,
            };
            bound.extend(at.map(|at| Bound {
                column,
                at,
                dates: DateColumn::default(),
            }));
        }
        let wide = bind_wide(headers, map)?;
        let used = |at: usize| bound.iter().any(|b| b.at == at) || wide.iter().any(|w| w.at == at);
        let named = |at: usize, header: &String| match header.is_empty() {
            true => format!("column {}", at + 1),
            false => header.clone(),
        };
        let dropped = headers.iter().enumerate();
        let dropped = dropped
            .filter(|(at, _)| !used(*at))
            .map(|(at, h)| named(at, h));
        let columns = Self {
            shape,
            map,
            headers,
            dropped: dropped.collect(),
            bound,
            wide,
        };
        columns.complete().map(|()| columns)
    }

    fn complete(&self) -> Result<(), SheetError> {
        let given = |field| {
            self.map.constants.contains_key(&field)
                || self.bound.iter().any(|b| b.column.field == field)
        };
        if self.bound.is_empty() {
            return Err(SheetError::NoneOfOurs {
                accepted: self.shape.field_names(),
            });
        }
        match self.shape.columns().find(|c| c.required && !given(c.field)) {
            Some(column) => Err(SheetError::NothingGives {
                field: column.field,
            }),
            None => Ok(()),
        }
    }

    /// Returns the fields the file speaks about: an import that finds a record again changes
    /// these and no others.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> {
        let bound = self.bound.iter().map(|b| b.column.field);
        let individuals = self.shape == Shape::List(List::Signatories);
        // A name may turn into a pseudonym, see `hide_individual`.
        let person = individuals.then_some(Field::Person);
        bound
            .chain(self.map.constants.keys().copied())
            .chain(person)
    }

    /// Reads every date once, so that each column's order of day and month is known before a row
    /// is kept, and returns the questions that stay open.
    pub(super) fn survey(&mut self, sheet: &Sheet<'_>) -> Result<Vec<(u64, BadCell)>, RecordError> {
        let is_date = |b: &Bound| b.column.holds == Type::Date;
        if !self.map.dates.formats.is_empty() || !self.bound.iter().any(is_date) {
            return Ok(Vec::new());
        }
        let map = self.map;
        sheet.each_row(&mut |row| {
            for bound in self.bound.iter_mut().filter(|b| is_date(b)) {
                let field = bound.column.field;
                let mapped = |text: &&str| {
                    map.values
                        .get(&field)
                        .is_some_and(|v| v.contains_key(*text))
                };
                let text = known(map, field, row.cell(bound.at));
                if let Some(text) = text.filter(|text| !mapped(text)) {
                    bound.dates.see(row.line, text);
                }
            }
            Ok(())
        })?;
        let asked = |bound: &Bound| {
            let question = bound.dates.question()?;
            let cell = BadCell {
                column: self.headers[bound.at].clone(),
                value: question.value,
                reason: Some(question.reason),
            };
            Some((question.line, cell))
        };
        Ok(self.bound.iter().filter_map(asked).collect())
    }

    /// Reads one row.
    pub(super) fn read(&self, row: &SheetRow<'_>, reader: Reader<'_>) -> Result<Said, BadCell> {
        if row.stray(self.headers.len()).is_some() {
            return Err(BadCell {
                column: format!("column {}", self.headers.len() + 1),
                // Whatever slipped there may be a name.
                value: HIDDEN.to_owned(),
                reason: Some("there are more cells than headers".to_owned()),
            });
        }
        let mut fields = self.map.constants.clone();
        for bound in &self.bound {
            if let Some(text) = known(self.map, bound.column.field, row.cell(bound.at)) {
                let value = self.value(bound, text, reader)?;
                fields.insert(bound.column.field, value);
            }
        }
        if self.shape == Shape::List(List::Signatories) {
            hide_individual(&mut fields, reader);
        }
        match misfit(self.shape, &fields) {
            Some(misfit) => Err(self.bad(misfit.field, row, misfit.reason)),
            None => Ok(Said {
                fields,
                wide: self.wide_rows(row),
            }),
        }
    }

    /// Blames the column that gives a field.
    pub(super) fn bad(&self, field: Field, row: &SheetRow<'_>, reason: &str) -> BadCell {
        let bound = self.bound.iter().find(|b| b.column.field == field);
        BadCell {
            column: bound.map_or_else(|| field.to_string(), |b| self.headers[b.at].clone()),
            value: bound.map_or_else(String::new, |b| self.shown(b.column, row.cell(b.at))),
            reason: Some(reason.to_owned()),
        }
    }

    fn value(&self, bound: &Bound, text: &str, reader: Reader<'_>) -> Result<Value, BadCell> {
        let ours = self.our_spelling(bound.column, text);
        let read = match bound.column.holds {
            // What the MAP itself puts in is ISO and was checked with it.
            Type::Date if ours == text => {
                let day = bound.dates.read(&ours, &self.map.dates);
                day.map(Value::Date).map_err(|bad| match bad {
                    BadDate::Asked => None,
                    BadDate::Value(bad) => Some(bad.to_string()),
                    BadDate::Formats(formats) => {
                        Some(format!("fits none of the MAP's formats: {formats}"))
                    }
                })
            }
            holds => holds
                .parse(&ours, reader)
                .map_err(|bad| Some(self.explain(bound, &bad))),
        };
        read.map_err(|reason| BadCell {
            column: self.headers[bound.at].clone(),
            value: self.shown(bound.column, text),
            reason,
        })
    }

    fn explain(&self, bound: &Bound, bad: &BadValue) -> String {
        match bad {
            BadValue::Code { .. } => {
                let field = bound.column.field;
                format!("{bad}; or say in the MAP what it stands for: [values.{field}]")
            }
            _ => bad.to_string(),
        }
    }

    /// Puts the MAP's spelling in place of theirs: of the whole cell, else of each part.
    fn our_spelling(&self, column: &Column, text: &str) -> String {
        let Some(ours) = self.map.values.get(&column.field) else {
            return text.to_owned();
        };
        let lookup = |theirs: &str| ours.get(theirs).map(String::as_str);
        if let Some(our) = lookup(text) {
            return our.to_owned();
        }
        match column.holds {
            Type::CodeList(_) | Type::Places => {
                let parts = text.split(';').map(str::trim);
                let parts: Vec<_> = parts.map(|part| lookup(part).unwrap_or(part)).collect();
                parts.join(";")
            }
            _ => text.to_owned(),
        }
    }

    fn shown(&self, column: &Column, text: &str) -> String {
        let is_name = self.shape == Shape::List(List::Signatories) && column.field == Field::Name;
        if column.holds == Type::Person || is_name {
            return HIDDEN.to_owned();
        }
        text.chars().take(80).collect()
    }

    fn wide_rows(&self, row: &SheetRow<'_>) -> BTreeMap<List, Vec<Fields>> {
        let mut rows: BTreeMap<List, Vec<Fields>> = BTreeMap::new();
        for wide in &self.wide {
            let listed = rows.entry(wide.list).or_default();
            let cell = row.cell(wide.at);
            if wide.rule.yes.iter().any(|yes| yes.trim() == cell) {
                listed.push(Fields::from([
                    (Field::Code, Value::Code(wide.code.to_owned())),
                    (Field::Status, Wide::status()),
                ]));
            }
        }
        rows
    }
}

/// What is shown in place of a value that may name a person.
const HIDDEN: &str = "(hidden)";

/// Keeps an individual signatory as a pseudonym: only organisations have names here.
fn hide_individual(fields: &mut Fields, reader: Reader<'_>) {
    let individual = Value::Code("individual".to_owned());
    if fields.get(&Field::Type) != Some(&individual) {
        return;
    }
    if let Some(name) = fields.remove(&Field::Name)
        && let Some(pseudonym) = reader.keys.pseudonym(&name.to_string())
    {
        fields
            .entry(Field::Person)
            .or_insert(Value::Person(pseudonym));
    }
}

/// Returns a cell's text, or `None` where it is empty or the MAP says it means "not known".
fn known<'t>(map: &Map, field: Field, text: &'t str) -> Option<&'t str> {
    let missing = map.missing.get(&field);
    let is_missing = missing.is_some_and(|words| words.iter().any(|word| word == text));
    (!text.is_empty() && !is_missing).then_some(text)
}

/// Finds the one column with a header, exactly as the MAP writes it.
fn find_named(headers: &[String], field: &str, header: &str) -> Result<usize, SheetError> {
    match only(headers, header, |h| h == header)? {
        Some(at) => Ok(at),
        None => Err(SheetError::NoColumn {
            field: field.to_owned(),
            header: header.to_owned(),
            there: headers.join(", ").chars().take(400).collect(),
        }),
    }
}

/// Finds the one column that is called like a field, without regard to case.
fn find_ours(headers: &[String], field: Field) -> Result<Option<usize>, SheetError> {
    only(headers, field.as_str(), |header| {
        header.eq_ignore_ascii_case(field.as_str())
    })
}

fn only(
    headers: &[String],
    wanted: &str,
    is_it: impl Fn(&str) -> bool,
) -> Result<Option<usize>, SheetError> {
    let mut found = headers
        .iter()
        .enumerate()
        .filter(|(_, header)| is_it(header));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(SheetError::TwoColumns {
            header: wanted.to_owned(),
        }),
        (first, _) => Ok(first.map(|(at, _)| at)),
    }
}

fn bind_wide<'a>(headers: &[String], map: &'a Map) -> Result<Vec<WideColumn<'a>>, SheetError> {
    let mut bound = Vec::new();
    for (list, rule) in &map.wide {
        for (header, code) in &rule.columns {
            bound.push(WideColumn {
                list: *list,
                at: find_named(headers, list.as_str(), header)?,
                code,
                rule,
            });
        }
    }
    Ok(bound)
}
