//! A file becomes records, or rows of one record's list.
//!
//! - `map`: how somebody's columns become our fields.
//! - `sheet`: a CSV file as rows of cells.
//! - `dates`: dates, decided column by column.
//! - `columns`: which column gives which field.
//! - `tray`: what has been read so far, and what will be stored.
//! - `into`: a good row becomes a record, or a row of a list.
//!
//! Invariants: all or nothing, in one durable batch; the same file again changes nothing; a cell
//! that is not asked for is never read.

mod map;
mod sheet;

mod columns;
mod dates;

mod into;
mod tray;

use uuid::Uuid;

use super::book::{self, Book};
use super::edit::Desk;
use super::error::RecordError;
use super::schema::{Field, List, Shape};
use crate::model::Kind;
use columns::Columns;
use into::{IntoBook, IntoList, Take, Verdict};
use map::Map;
pub use map::MapError;
use sheet::Sheet;
pub use sheet::{MAX_FILE, SheetError};
use tray::Tray;

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
    /// Rows that became something new; 0 where nothing is stored because of a rejection.
    pub created: u64,
    /// Rows that changed something; 0 likewise.
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

/// Returns the kind an import is about where nobody says it: that of the record the rows go into,
/// or the one the MAP names.
///
/// # Errors
/// Fails where neither says it.
pub fn kind_of(
    book: &dyn Book,
    into: Option<Uuid>,
    map: Option<&str>,
) -> Result<Kind, RecordError> {
    match (into, map) {
        (Some(id), _) => Ok(book::show(book, id)?.kind),
        (None, Some(map)) => map::kind_named(map)?.ok_or(RecordError::NoKind),
        (None, None) => Err(RecordError::NoKind),
    }
}

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
    let list = match request.into {
        Some(at) => Some(IntoList::open(book, request.kind, at)?),
        None => None,
    };
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
    let owned: Vec<Field> = columns.fields().collect();
    let work = Work {
        sheet: &sheet,
        columns: &columns,
    };
    match list {
        None => {
            let mut into = IntoBook::new(book, request.kind, owned);
            work.take_rows(desk, &mut tray, progress, &mut into)?;
        }
        Some(list) => {
            let mut into = list.owning(owned);
            work.take_rows(desk, &mut tray, progress, &mut into)?;
            into.close(desk, &mut tray)?;
        }
    }
    let (outcome, changes) = tray.finish();
    if !changes.is_empty() {
        book.apply(changes)?;
    }
    Ok(outcome)
}

/// A file and how it is read.
struct Work<'a> {
    sheet: &'a Sheet<'a>,
    columns: &'a Columns<'a>,
}

impl Work<'_> {
    /// Reads every row, hands over the good ones and rejects the others.
    fn take_rows(
        &self,
        desk: &mut Desk<'_>,
        tray: &mut Tray,
        progress: &mut dyn FnMut(u64),
        into: &mut dyn Take,
    ) -> Result<(), RecordError> {
        let columns = self.columns;
        self.sheet.each_row(&mut |row| {
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
                Ok(Some(identity)) => match into.take(desk, tray, said, identity)? {
                    Verdict::Created => tray.outcome.created += 1,
                    Verdict::Updated => tray.outcome.updated += 1,
                    Verdict::Unchanged => tray.outcome.unchanged += 1,
                    Verdict::Misfit(field, reason) => {
                        tray.reject(row.line, columns.bad(field, &row, reason));
                    }
                },
                Ok(None) => tray.outcome.unchanged += 1,
                Err(earlier) => {
                    let reason =
                        format!("line {earlier} has the same source_id and says otherwise");
                    tray.reject(row.line, columns.bad(Field::SourceId, &row, &reason));
                }
            }
            Ok(())
        })?;
        progress(tray.outcome.read);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
