//! A file becomes records, or rows of one record's list.
//!
//! - [`map`]: how somebody's columns become our fields.
//! - [`sheet`]: a CSV file as rows of cells.
//! - [`dates`]: dates, decided column by column.
//! - [`columns`]: which column gives which field.
//!
//! Invariants: all or nothing, in one durable batch; the same file again changes nothing; a cell
//! that is not asked for is never read.

mod map;

mod columns;
mod dates;
mod sheet;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::book::{self, Book, Change, Origin};
use super::edit::{Desk, row_key, source_id_key};
use super::entry::{Fields, Record, Row, misfit};
use super::error::RecordError;
use super::person::{RecordKeys, SourceKey};
use super::schema::{Field, List, Shape, lists_of};
use crate::model::Kind;
use columns::{BadCell, Columns, Said};
use map::Map;
pub use map::MapError;
use sheet::Sheet;
pub use sheet::{MAX_FILE, SheetError};

/// One file to import.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// The file's bytes: CSV in UTF-8.
    pub file: &'a [u8],
    /// What its rows are, or what the record is that they go into.
    pub kind: Kind,
    /// The record and the list its rows go into; `None` where each row is a record.
    pub into: Option<(Uuid, List)>,
    /// The MAP's text; not needed where the headers are our field names.
    pub map: Option<&'a str>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Store the good rows even where others were rejected.
    pub keep_good: bool,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportOutcome {
    /// Rows of data in the file.
    pub read: u64,
    /// Rows that became something new.
    pub created: u64,
    /// Rows that changed something.
    pub updated: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
    /// Cells that were refused. Where there are any, nothing is stored unless asked for.
    pub rejected: Vec<Rejection>,
    /// Headers of the columns that were not kept.
    pub dropped_columns: Vec<String>,
    /// What should be looked at.
    pub warnings: Vec<String>,
}

/// One refused cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rejection {
    /// Line in the file, from 1.
    pub line: u64,
    /// Header of the column.
    pub column: String,
    /// The value as given; `(hidden)` where it may name a person.
    pub value: String,
    /// What is wrong, and what would be accepted.
    pub reason: String,
}

/// Most refused cells listed; the rest is counted in a warning.
const MAX_REJECTIONS: usize = 1000;
/// Rows between two calls of the progress callback.
const PROGRESS_ROWS: u64 = 1000;

/// Imports a file, all or nothing unless `keep_good`. `progress` is told the rows done so far.
///
/// A row is known again by its `source_id`; without one, by everything kept of it and by how many
/// rows before it said the same, so that two identical rows stay two records.
///
/// # Errors
/// Fails where the file or the MAP cannot be used at all, or the database fails; nothing has been
/// stored then. Refused rows are no error but part of the outcome.
pub fn import(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    request: ImportRequest<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportOutcome, RecordError> {
    let shape = match request.into {
        Some((_, list)) => Shape::List(list),
        None => Shape::Kind(request.kind),
    };
    let map = match request.map {
        Some(text) => Map::parse(text, request.kind, shape, desk.reader())?,
        None => Map::default(),
    };
    let sheet = Sheet::open(request.file, &map.rows)?;
    let mut columns = Columns::bind(shape, &sheet, &map)?;
    let mut tray = Tray::new(shape, request, std::mem::take(&mut columns.dropped));
    for (line, question) in columns.survey(&sheet)? {
        tray.reject(line, question);
    }
    match request.into {
        None => into_book(book, desk, &sheet, &columns, &mut tray, progress)?,
        Some((id, list)) => {
            let record = record_for(book, request.kind, id, list)?;
            into_list(desk, &sheet, &columns, &mut tray, progress, (record, list))?;
        }
    }
    let (outcome, changes) = tray.finish();
    if !changes.is_empty() {
        book.apply(changes)?;
    }
    Ok(outcome)
}

/// What has been read so far, and what will be stored.
struct Tray {
    shape: Shape,
    keep_good: bool,
    dry_run: bool,
    outcome: ImportOutcome,
    changes: Vec<Change>,
    /// Refused cells beyond those listed.
    more_rejected: u64,
    /// How many rows of the file said each thing so far.
    said: HashMap<SourceKey, u32>,
    /// What the row with each `source_id` said, and on which line.
    named: HashMap<SourceKey, (SourceKey, u64)>,
}

/// By which name a row is known again, and the name of what it says.
#[derive(Clone, Copy)]
struct Identity {
    name: SourceKey,
    row: SourceKey,
}

impl Tray {
    fn new(shape: Shape, request: ImportRequest<'_>, dropped_columns: Vec<String>) -> Self {
        Self {
            shape,
            keep_good: request.keep_good,
            dry_run: request.dry_run,
            outcome: ImportOutcome {
                dropped_columns,
                ..ImportOutcome::default()
            },
            changes: Vec::new(),
            more_rejected: 0,
            said: HashMap::new(),
            named: HashMap::new(),
        }
    }

    fn reject(&mut self, line: u64, cell: BadCell) {
        let Some(reason) = cell.reason else {
            return;
        };
        if !self.keep_good {
            self.changes = Vec::new();
        }
        if self.outcome.rejected.len() == MAX_REJECTIONS {
            self.more_rejected += 1;
            return;
        }
        self.outcome.rejected.push(Rejection {
            line,
            column: cell.column,
            value: cell.value,
            reason,
        });
    }

    /// Returns whether what is read will be stored, as far as is known yet.
    fn stores(&self) -> bool {
        !self.dry_run && (self.keep_good || self.outcome.rejected.is_empty())
    }

    fn change(&mut self, change: Change) {
        if self.stores() {
            self.changes.push(change);
        }
    }

    /// Finds a row's identity, or `None` where an earlier row of the file already said the same
    /// under the same `source_id`.
    ///
    /// # Errors
    /// Returns the line of an earlier row with the same `source_id` that says something else.
    fn identify(
        &mut self,
        keys: &RecordKeys,
        line: u64,
        said: &Said,
    ) -> Result<Option<Identity>, u64> {
        let row = said_key(keys, self.shape, said);
        let Some(name) = source_id_key(keys, self.shape, &said.fields) else {
            let before = self.said.entry(row).or_default();
            *before += 1;
            let parts: [&[u8]; 3] = [b"occurrence", row.as_bytes(), &before.to_be_bytes()];
            let name = keys.source_key(&parts);
            return Ok(Some(Identity { name, row }));
        };
        match self.named.entry(name) {
            Entry::Vacant(free) => {
                free.insert((row, line));
                Ok(Some(Identity { name, row }))
            }
            Entry::Occupied(taken) => match *taken.get() {
                (earlier, _) if earlier == row => Ok(None),
                (_, earlier_line) => Err(earlier_line),
            },
        }
    }

    fn finish(mut self) -> (ImportOutcome, Vec<Change>) {
        if self.more_rejected > 0 {
            self.outcome.warnings.push(format!(
                "{} more cells were rejected than are listed",
                self.more_rejected
            ));
        }
        let changes = if self.stores() {
            self.changes
        } else {
            Vec::new()
        };
        (self.outcome, changes)
    }
}

/// Returns the name of everything a row says, its yes/no columns included.
fn said_key(keys: &RecordKeys, shape: Shape, said: &Said) -> SourceKey {
    let row = row_key(keys, shape, &said.fields);
    if said.wide.is_empty() {
        return row;
    }
    let lists = said.wide.iter();
    let rows =
        lists.flat_map(|(list, rows)| rows.iter().map(|r| row_key(keys, Shape::List(*list), r)));
    let names: Vec<SourceKey> = std::iter::once(row).chain(rows).collect();
    let parts: Vec<&[u8]> = names
        .iter()
        .map(|name| name.as_bytes().as_slice())
        .collect();
    keys.source_key(&parts)
}

/// Reads every row, hands over the good ones and rejects the others.
fn each_good_row(
    desk: &mut Desk<'_>,
    sheet: &Sheet<'_>,
    columns: &Columns<'_>,
    tray: &mut Tray,
    progress: &mut dyn FnMut(u64),
    good: &mut dyn FnMut(&mut Desk<'_>, &mut Tray, Said, Identity) -> Result<Verdict, RecordError>,
) -> Result<(), RecordError> {
    sheet.each_row(&mut |row| {
        tray.outcome.read += 1;
        if tray.outcome.read.is_multiple_of(PROGRESS_ROWS) {
            progress(tray.outcome.read);
        }
        let said = match columns.read(&row, desk.reader()) {
            Ok(said) => said,
            Err(cell) => {
                tray.reject(row.line, cell);
                return Ok(());
            }
        };
        match tray.identify(desk.keys, row.line, &said) {
            Ok(Some(identity)) => match good(desk, tray, said, identity)? {
                Verdict::Created => tray.outcome.created += 1,
                Verdict::Updated => tray.outcome.updated += 1,
                Verdict::Unchanged => tray.outcome.unchanged += 1,
                Verdict::Misfit(field, reason) => {
                    tray.reject(row.line, columns.bad(field, &row, reason));
                }
            },
            Ok(None) => tray.outcome.unchanged += 1,
            Err(earlier) => {
                let reason = format!("line {earlier} has the same source_id and says otherwise");
                tray.reject(row.line, columns.bad(Field::SourceId, &row, &reason));
            }
        }
        Ok(())
    })?;
    progress(tray.outcome.read);
    Ok(())
}

/// What became of a good row.
enum Verdict {
    Created,
    Updated,
    Unchanged,
    /// It does not fit what is already stored.
    Misfit(Field, &'static str),
}

fn into_book(
    book: &dyn Book,
    desk: &mut Desk<'_>,
    sheet: &Sheet<'_>,
    columns: &Columns<'_>,
    tray: &mut Tray,
    progress: &mut dyn FnMut(u64),
) -> Result<(), RecordError> {
    let Shape::Kind(kind) = tray.shape else {
        return Ok(());
    };
    let owned: Vec<Field> = columns.fields().collect();
    each_good_row(
        desk,
        sheet,
        columns,
        tray,
        progress,
        &mut |desk, tray, said, identity| {
            let before = book::origin(book, identity.name)?;
            if before.is_some_and(|origin| origin.row == identity.row) {
                return Ok(Verdict::Unchanged);
            }
            let stored = match before {
                Some(origin) => book::get(book, kind, origin.id)?,
                None => None,
            };
            let mut record = match stored.clone() {
                Some(record) => record,
                None => desk.new_record(kind, Fields::new()),
            };
            take_over(&mut record.fields, said.fields, &owned);
            take_over_lists(desk.keys, &mut record, said.wide);
            if let Some(misfit) = misfit(tray.shape, &record.fields) {
                return Ok(Verdict::Misfit(misfit.field, misfit.reason));
            }
            record.source = Some(identity.name);
            let same = stored.as_ref() == Some(&record);
            if !same {
                record.updated = desk.now;
                tray.change(book::put_record(&record));
            }
            let origin = Origin {
                kind,
                id: record.id,
                row: identity.row,
            };
            tray.change(book::put_origin(identity.name, origin));
            Ok(match (stored, same) {
                (None, _) => Verdict::Created,
                (Some(_), true) => Verdict::Unchanged,
                (Some(_), false) => Verdict::Updated,
            })
        },
    )
}

/// Puts what a row says in place of what was said in the same fields; others stay as they are.
fn take_over(fields: &mut Fields, said: Fields, owned: &[Field]) {
    fields.retain(|field, _| !owned.contains(field));
    fields.extend(said);
}

fn take_over_lists(
    keys: &RecordKeys,
    record: &mut Record,
    said: std::collections::BTreeMap<List, Vec<Fields>>,
) {
    for (list, rows) in said {
        let named = |fields: Fields| Row {
            key: row_key(keys, Shape::List(list), &fields),
            fields,
        };
        let rows: Vec<Row> = rows.into_iter().map(named).collect();
        if rows.is_empty() {
            record.lists.remove(&list);
        } else {
            record.lists.insert(list, rows);
        }
    }
}

fn record_for(book: &dyn Book, asked: Kind, id: Uuid, list: List) -> Result<Record, RecordError> {
    let record = book::show(book, id)?;
    let kind = record.kind;
    if kind != asked {
        return Err(RecordError::OtherKind { id, kind, asked });
    }
    if !lists_of(kind).contains(&list) {
        return Err(RecordError::NoSuchList { kind, list });
    }
    Ok(record)
}

fn into_list(
    desk: &mut Desk<'_>,
    sheet: &Sheet<'_>,
    columns: &Columns<'_>,
    tray: &mut Tray,
    progress: &mut dyn FnMut(u64),
    (mut record, list): (Record, List),
) -> Result<(), RecordError> {
    let owned: Vec<Field> = columns.fields().collect();
    let mut rows = record.lists.remove(&list).unwrap_or_default();
    let mut at: HashMap<SourceKey, usize> = rows.iter().map(|r| r.key).zip(0..).collect();
    let mut seen_persons = std::collections::HashSet::new();
    let mut repeated = 0u64;
    each_good_row(
        desk,
        sheet,
        columns,
        tray,
        progress,
        &mut |desk, _, said, identity| {
            let person = person_key(desk.keys, list, &said.fields);
            if person.is_some_and(|key| !seen_persons.insert(key)) {
                repeated += 1;
            }
            let key = person.unwrap_or(identity.name);
            let Some(at) = at.get(&key) else {
                at.insert(key, rows.len());
                rows.push(Row {
                    key,
                    fields: said.fields,
                });
                return Ok(Verdict::Created);
            };
            let row = &mut rows[*at];
            let before = row.fields.clone();
            take_over(&mut row.fields, said.fields, &owned);
            Ok(match row.fields == before {
                true => Verdict::Unchanged,
                false => Verdict::Updated,
            })
        },
    )?;
    if repeated > 0 {
        let warning = format!("{repeated} rows name a person of an earlier row; each is kept once");
        tray.outcome.warnings.push(warning);
    }
    record.lists.insert(list, rows);
    warn_of_head_count(&record, tray);
    if tray.outcome.created + tray.outcome.updated > 0 {
        record.updated = desk.now;
        tray.change(book::put_record(&record));
    }
    Ok(())
}

/// Returns the name of a participant: a person is in a list once.
fn person_key(keys: &RecordKeys, list: List, fields: &Fields) -> Option<SourceKey> {
    match (list, fields.get(&Field::Person)) {
        (List::Participants, Some(person)) => {
            Some(keys.source_key(&[b"person", person.to_string().as_bytes()]))
        }
        _ => None,
    }
}

fn warn_of_head_count(record: &Record, tray: &mut Tray) {
    if let Some((attended, listed)) = record.head_count_and_list() {
        tray.outcome.warnings.push(format!(
            "attended says {attended} and the list of participants {listed}; the list is counted"
        ));
    }
}
