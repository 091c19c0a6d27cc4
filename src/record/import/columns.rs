//! Which column gives which field, and one row's cells read into fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::dates::{BadDate, DateColumn};
use super::map::{Map, Wide, WideCell};
use super::sheet::{Beyond, CellKind, Sheet, SheetError, SheetRow, Wanted, normal, position};
use crate::record::entry::{Fields, misfits};
use crate::record::schema::{Column, Field, List, POLICY_STATUSES, Shape, Type};
use crate::record::value::{BadValue, Reader, Value};

/// The columns of one file as far as we keep them.
pub(super) struct Columns<'a> {
    shape: Shape,
    pub(super) map: &'a Map,
    sheet: &'a Sheet<'a>,
    pub(super) bound: Vec<Bound>,
    wide: Vec<WideColumn<'a>>,
    /// The column that names the record a row belongs to.
    record: Option<usize>,
}

/// One column that gives a field, or several that give a text together.
pub(super) struct Bound {
    pub(super) column: &'static Column,
    pub(super) at: Vec<usize>,
    /// What its dates look like, where it holds dates.
    pub(super) dates: DateColumn,
}

/// One column that makes rows of a list.
struct WideColumn<'a> {
    list: List,
    at: usize,
    cell: &'a WideCell,
    rule: &'a Wide,
}

/// What one row of the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) fields: Fields,
    /// Rows of lists that its columns make.
    pub(super) wide: BTreeMap<List, Vec<Fields>>,
    /// The `source_id` of the record it belongs to.
    pub(super) record: Option<String>,
}

/// Why a row was refused, and which cell is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadCell {
    pub(super) column: String,
    pub(super) value: String,
    /// Nothing where the whole column waits for an answer already given.
    pub(super) reason: Option<String>,
}

/// What stands between cells that make one text.
const BETWEEN: &str = " / ";

/// Returns what a shape and a MAP ask of a file.
pub(super) fn wanted(shape: Shape, map: &Map) -> Wanted {
    let wide = map.wide.values().flat_map(|wide| wide.columns.keys());
    let named = map
        .columns
        .values()
        .flatten()
        .chain(wide)
        .chain(&map.record);
    let is_given = |field| map.columns.contains_key(&field) || map.constants.contains_key(&field);
    Wanted::without(shape, named.cloned().collect(), &is_given)
}

impl<'a> Columns<'a> {
    /// Binds the columns of a sheet: those the MAP names, then those called like a field.
    pub(super) fn bind(
        shape: Shape,
        sheet: &'a Sheet<'_>,
        map: &'a Map,
    ) -> Result<Self, SheetError> {
        let mut bound = Vec::new();
        for column in shape.columns() {
            let at = match map.columns.get(&column.field) {
                Some(headers) => {
                    let find = |header: &String| find_named(sheet, column.field.as_str(), header);
                    headers.iter().map(find).collect::<Result<Vec<_>, _>>()?
                }
                None if map.constants.contains_key(&column.field) => Vec::new(),
                None => find_ours(sheet, column.field)?.into_iter().collect(),
            };
            if !at.is_empty() {
                bound.push(Bound {
                    column,
                    at,
                    dates: DateColumn::default(),
                });
            }
        }
        let record = map.record.as_ref();
        let record = record.map(|header| find_named(sheet, super::map::RECORD, header));
        let columns = Self {
            shape,
            map,
            sheet,
            bound,
            wide: bind_wide(sheet, map)?,
            record: record.transpose()?,
        };
        columns.complete().map(|()| columns)
    }

    /// Checks that what every row needs is given.
    pub(super) fn complete(&self) -> Result<(), SheetError> {
        let given = |field| {
            self.map.constants.contains_key(&field)
                || self.bound.iter().any(|b| b.column.field == field)
        };
        let row = self.sheet.header;
        if self.bound.is_empty() {
            let accepted = self.shape.field_names();
            return Err(SheetError::NoneOfOurs { row, accepted });
        }
        match self.shape.columns().find(|c| c.required && !given(c.field)) {
            Some(column) => Err(SheetError::NothingGives {
                field: column.field,
                row,
            }),
            None => Ok(()),
        }
    }

    /// Returns whether the MAP says which record each row belongs to.
    pub(super) const fn names_records(&self) -> bool {
        self.record.is_some()
    }

    /// Returns whether anything is taken from a column.
    pub(super) fn uses(&self, at: usize) -> bool {
        self.bound.iter().any(|b| b.at.contains(&at))
            || self.wide.iter().any(|w| w.at == at)
            || self.record == Some(at)
    }

    /// Returns the columns that should say yes or no and in this row say neither, with the cells.
    pub(super) fn undecided<'t>(
        &self,
        row: &SheetRow<'t>,
    ) -> impl Iterator<Item = (usize, &'t str)> {
        let is_policy = |wide: &&WideColumn<'_>| matches!(wide.cell, WideCell::Policy(_));
        let all = self.wide.iter().filter(is_policy);
        all.map(|wide| (wide, row.cell(wide.at)))
            .filter(|(wide, cell)| wide.rule.says(cell).is_none())
            .map(|(wide, cell)| (wide.at, cell))
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

    /// Returns the text of a field in a row, or `None` where it is not known.
    pub(super) fn known<'t>(&self, bound: &Bound, row: &SheetRow<'t>) -> Option<Cow<'t, str>> {
        let field = bound.column.field;
        if let [at] = bound.at[..] {
            return known(self.map, field, row.cell(at)).map(Cow::Borrowed);
        }
        let cells = bound.at.iter().map(|at| row.cell(*at));
        let said: Vec<_> = cells
            .filter_map(|cell| known(self.map, field, cell))
            .collect();
        (!said.is_empty()).then(|| Cow::Owned(said.join(BETWEEN)))
    }

    /// Reads one row.
    ///
    /// # Errors
    /// Returns every cell that is to blame; just one where cells slipped, and the others may stand
    /// in the wrong column.
    pub(super) fn read(
        &self,
        row: &SheetRow<'_>,
        reader: Reader<'_>,
    ) -> Result<Said, Vec<BadCell>> {
        if let Some(slipped) = self.slipped(row) {
            return Err(vec![slipped]);
        }
        let mut fields = self.map.constants.clone();
        let (mut bad, mut unread) = (Vec::new(), Vec::new());
        for bound in &self.bound {
            match self.cell(bound, row, reader) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    fields.insert(bound.column.field, value);
                }
                Err(cell) => {
                    bad.push(cell);
                    unread.push(bound.column.field);
                }
            }
        }
        if self.shape == Shape::List(List::Signatories) {
            hide_individual(&mut fields, reader);
        }
        let misfits = misfits(self.shape, &fields, &unread, reader.codes);
        let blamed = misfits.iter().map(|m| self.bad(m.field, row, &m.reason));
        bad.extend(blamed);
        let wide = self.wide_rows(row, &fields, &mut bad);
        if !bad.is_empty() {
            return Err(bad);
        }
        let record = self.record.map(|at| row.cell(at).to_owned());
        Ok(Said {
            fields,
            wide,
            record,
        })
    }

    /// Blames a row whose cells may stand in the wrong columns, or cannot be told from another's.
    fn slipped(&self, row: &SheetRow<'_>) -> Option<BadCell> {
        let width = self.sheet.headers.len();
        if row.beyond(width) == Beyond::Stray {
            return Some(BadCell {
                column: self.sheet.place(width),
                // Whatever slipped there may be a name.
                value: HIDDEN.to_owned(),
                reason: Some("there are more cells than headers".to_owned()),
            });
        }
        if let Some(at) = self.cut_decimal(row) {
            return Some(BadCell {
                column: self.sheet.column_name(at),
                value: HIDDEN.to_owned(),
                reason: Some(
                    "there are more cells than headers, and a comma here may be a decimal one; \
                     write the number with a point, 7.5, or put it in quotes"
                        .to_owned(),
                ),
            });
        }
        row.too_long().map(|at| self.fault(at, row))
    }

    /// Reads what a row says of one field; nothing where it is not known.
    fn cell(
        &self,
        bound: &Bound,
        row: &SheetRow<'_>,
        reader: Reader<'_>,
    ) -> Result<Option<Value>, BadCell> {
        if let Some(at) = bound.at.iter().find(|at| row.kind(**at).fault().is_some()) {
            return Err(self.fault(*at, row));
        }
        let known = self.known(bound, row);
        let read = known.map(|text| self.value(bound, &text, row.kind(bound.at[0]), reader));
        read.transpose()
    }

    /// Returns where a comma within a number may have moved the cells of a row to the right.
    fn cut_decimal(&self, row: &SheetRow<'_>) -> Option<usize> {
        if !self.sheet.is_cut_by_commas() {
            return None;
        }
        let width = self.sheet.headers.len();
        let last_used = (0..width).rev().find(|at| self.uses(*at))?;
        // Nobody counts heads with a decimal comma: there, a number more is one day more.
        let is_count = |at: usize| {
            let holds = |b: &Bound| b.at.contains(&at) && b.column.holds == Type::Count;
            self.bound.iter().any(holds) || self.wide.iter().any(|wide| wide.at == at)
        };
        row.cut_decimal(width, &|at| at <= last_used && !is_count(at))
    }

    /// Blames a cell for what it is, not for what it says.
    fn fault(&self, at: usize, row: &SheetRow<'_>) -> BadCell {
        let bound = self.bound.iter().find(|b| b.at.contains(&at));
        let value = match (row.kind(at), bound) {
            // How it begins may be a name.
            (CellKind::TooLong, _) | (_, None) => HIDDEN.to_owned(),
            (_, Some(bound)) => self.shown(bound.column, row.cell(at)),
        };
        BadCell {
            column: self.sheet.column_name(at),
            value,
            reason: row.kind(at).fault().map(str::to_owned),
        }
    }

    /// Blames the column that gives a field.
    pub(super) fn bad(&self, field: Field, row: &SheetRow<'_>, reason: &str) -> BadCell {
        let bound = self.bound.iter().find(|b| b.column.field == field);
        let text = bound.map(|b| (b, self.known(b, row).unwrap_or_default()));
        BadCell {
            column: bound.map_or_else(|| field.to_string(), |b| self.name(b)),
            value: text.map_or_else(String::new, |(b, text)| self.shown(b.column, &text)),
            reason: Some(reason.to_owned()),
        }
    }

    /// Blames the column that names the record a row belongs to.
    pub(super) fn bad_record(&self, row: &SheetRow<'_>, reason: &str) -> BadCell {
        let at = self.record.unwrap_or_default();
        let value = match self.shape == Shape::List(List::Participants) {
            true => HIDDEN.to_owned(),
            false => row.cell(at).chars().take(80).collect(),
        };
        BadCell {
            column: self.sheet.column_name(at),
            value,
            reason: Some(reason.to_owned()),
        }
    }

    /// Returns how the columns of a field are called.
    pub(super) fn name(&self, bound: &Bound) -> String {
        let names = bound.at.iter().map(|at| self.sheet.column_name(*at));
        names.collect::<Vec<_>>().join(BETWEEN)
    }

    fn value(
        &self,
        bound: &Bound,
        text: &str,
        kind: CellKind,
        reader: Reader<'_>,
    ) -> Result<Value, BadCell> {
        let ours = self.our_spelling(bound.column, text);
        let read = match bound.column.holds {
            // What the MAP itself puts in is ISO and was checked with it.
            Type::Date if ours == text => {
                let day = bound.dates.read(&ours, kind, &self.map.dates);
                day.map(Value::Date).map_err(explain_date)
            }
            holds => holds
                .parse(&ours, reader)
                .map_err(|bad| Some(explain(bound, &bad))),
        };
        read.map_err(|reason| BadCell {
            column: self.name(bound),
            value: self.shown(bound.column, text),
            reason,
        })
    }

    /// Returns whether the MAP replaces a text of a field.
    pub(super) fn is_mapped(&self, field: Field, text: &str) -> bool {
        let values = self.map.values.get(&field);
        values.is_some_and(|values| values.contains_key(&*plain(text)))
    }

    /// Puts the MAP's spelling in place of theirs: of the whole cell, else of each part.
    fn our_spelling<'t>(&self, column: &Column, text: &'t str) -> Cow<'t, str> {
        let Some(ours) = self.map.values.get(&column.field) else {
            return Cow::Borrowed(text);
        };
        let lookup = |theirs: &str| ours.get(&*plain(theirs)).cloned();
        if let Some(our) = lookup(text) {
            return Cow::Owned(our);
        }
        match column.holds {
            Type::CodeList(_) | Type::Places => {
                let parts = text.split(';').map(str::trim);
                let ours = parts.map(|part| lookup(part).unwrap_or_else(|| part.to_owned()));
                Cow::Owned(ours.collect::<Vec<_>>().join(";"))
            }
            _ => Cow::Borrowed(text),
        }
    }

    fn shown(&self, column: &Column, text: &str) -> String {
        let is_name = self.shape == Shape::List(List::Signatories) && column.field == Field::Name;
        // Of one person; and where columns slipped, the name stands in any of them.
        let is_of_person = self.shape == Shape::List(List::Participants);
        if column.holds == Type::Person || is_name || is_of_person {
            return HIDDEN.to_owned();
        }
        text.chars().take(80).collect()
    }

    /// Reads the rows of lists a row makes; cells that cannot be read are put to those to blame.
    fn wide_rows(
        &self,
        row: &SheetRow<'_>,
        fields: &Fields,
        bad: &mut Vec<BadCell>,
    ) -> BTreeMap<List, Vec<Fields>> {
        let mut rows: BTreeMap<List, Vec<Fields>> = BTreeMap::new();
        for wide in &self.wide {
            let listed = rows.entry(wide.list).or_default();
            match self.wide_row(wide, row, fields) {
                Ok(made) => listed.extend(made),
                Err(cell) => bad.push(cell),
            }
        }
        rows
    }

    fn wide_row(
        &self,
        wide: &WideColumn<'_>,
        row: &SheetRow<'_>,
        fields: &Fields,
    ) -> Result<Option<Fields>, BadCell> {
        if row.kind(wide.at).fault().is_some() {
            return Err(self.fault(wide.at, row));
        }
        let cell = row.cell(wide.at);
        match wide.cell {
            WideCell::Policy(code) => {
                let is_in_use = wide.rule.says(cell) == Some(true);
                Ok(is_in_use.then(|| policy(code)))
            }
            WideCell::Session(day) => session(*day, cell, fields).map_err(|bad| BadCell {
                column: self.sheet.column_name(wide.at),
                value: cell.chars().take(80).collect(),
                reason: Some(bad.to_string()),
            }),
        }
    }
}

/// What is shown in place of a value that may name a person.
pub(super) const HIDDEN: &str = "(hidden)";

/// Returns the row of a policy whose column says yes.
fn policy(code: &str) -> Fields {
    debug_assert!(POLICY_STATUSES.contains(&"in_use"));
    Fields::from([
        (Field::Code, Value::Code(code.to_owned())),
        (Field::Status, Value::Code("in_use".to_owned())),
    ])
}

/// Returns the row of a day of the training; none where nobody wrote how many came.
fn session(day: u16, cell: &str, fields: &Fields) -> Result<Option<Fields>, BadValue> {
    if cell.is_empty() {
        return Ok(None);
    }
    let attended = Type::Count.decode(cell)?;
    let Some(Value::Date(start)) = fields.get(&Field::Start) else {
        return Ok(None);
    };
    let later = jiff::Span::new().days(i64::from(day) - 1);
    let date = start.checked_add(later).map_err(|_| BadValue::Date)?;
    Ok(Some(Fields::from([
        (Field::Date, Value::Date(date)),
        (Field::Attended, attended),
    ])))
}

fn explain(bound: &Bound, bad: &BadValue) -> String {
    match bad {
        BadValue::Code { .. } => {
            let field = bound.column.field;
            format!("{bad}; or say in the MAP what it stands for: [values.{field}]")
        }
        _ => bad.to_string(),
    }
}

fn explain_date(bad: BadDate) -> Option<String> {
    match bad {
        BadDate::Asked => None,
        BadDate::Value(bad) => Some(bad.to_string()),
        BadDate::Number => Some(
            "a number, not a date; format the column as dates, or write YYYY-MM-DD, such as \
             2018-03-31"
                .to_owned(),
        ),
        BadDate::Formats(formats) => Some(format!("fits none of the MAP's formats: {formats}")),
    }
}

/// Keeps a signatory as a pseudonym unless it is said to be an organisation: only these have
/// names here.
fn hide_individual(fields: &mut Fields, reader: Reader<'_>) {
    let organisation = Value::Code("organisation".to_owned());
    if fields.get(&Field::Type) == Some(&organisation) {
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

/// Writes a text with single blanks, as a MAP's values are kept.
fn plain(text: &str) -> Cow<'_, str> {
    let is_plain = text.is_ascii() && !text.contains("  ") && !text.contains(['\n', '\r', '\t']);
    match is_plain {
        true => Cow::Borrowed(text),
        false => Cow::Owned(normal(text)),
    }
}

/// Finds the one column with a header, an HXL tag or a place, exactly as the MAP writes it.
fn find_named(sheet: &Sheet<'_>, field: &str, header: &str) -> Result<usize, SheetError> {
    let by_header = only(sheet, header, &sheet.headers, &|h| h == header)?;
    if let Some(at) = by_header {
        return Ok(at);
    }
    if let Some(at) = only(sheet, header, &sheet.tags, &|tag| tag == header)? {
        return Ok(at);
    }
    if let Some(at) = position(header).filter(|at| *at < sheet.headers.len()) {
        return Ok(at);
    }
    let names = sheet.headers.iter().filter(|header| !header.is_empty());
    let names: Vec<_> = names.map(String::as_str).collect();
    Err(SheetError::NoColumn {
        field: field.to_owned(),
        header: header.to_owned(),
        row: sheet.header,
        there: names.join(", ").chars().take(400).collect(),
    })
}

/// Finds the one column that is called like a field, without regard to case.
fn find_ours(sheet: &Sheet<'_>, field: Field) -> Result<Option<usize>, SheetError> {
    only(sheet, field.as_str(), &sheet.headers, &|header| {
        header.eq_ignore_ascii_case(field.as_str())
    })
}

fn only(
    sheet: &Sheet<'_>,
    wanted: &str,
    names: &[String],
    is_it: &dyn Fn(&str) -> bool,
) -> Result<Option<usize>, SheetError> {
    let mut found = names.iter().enumerate().filter(|(_, name)| is_it(name));
    match (found.next(), found.next()) {
        (Some((first, _)), Some((second, _))) => Err(SheetError::TwoColumns {
            header: wanted.to_owned(),
            first: sheet.place(first),
            second: sheet.place(second),
        }),
        (first, _) => Ok(first.map(|(at, _)| at)),
    }
}

fn bind_wide<'a>(sheet: &Sheet<'_>, map: &'a Map) -> Result<Vec<WideColumn<'a>>, SheetError> {
    let mut bound = Vec::new();
    for (list, rule) in &map.wide {
        for (header, cell) in &rule.columns {
            bound.push(WideColumn {
                list: *list,
                at: find_named(sheet, list.as_str(), header)?,
                cell,
                rule,
            });
        }
    }
    Ok(bound)
}
