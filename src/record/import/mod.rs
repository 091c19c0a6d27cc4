//! A file becomes records, or rows of their lists.
//!
//! - `map`: how somebody's columns become our fields.
//! - `sheet`: a file of any format as rows of cells.
//! - `dates`: dates, decided column by column.
//! - `persons`: columns that are likely to be about persons.
//! - `columns`: which column gives which field.
//! - `survey`: one look at the whole file before anything is kept.
//! - `tray`: what has been read so far, and what will be stored.
//! - `into`: a good row becomes a record, or a row of a list.
//! - `suggest`: a MAP proposed from headers and content.
//!
//! Invariants: all or nothing, in one durable batch; the same file again changes nothing; a cell
//! that is not asked for is never kept.

mod map;
mod sheet;

mod columns;
mod dates;
mod persons;
mod survey;

mod into;
mod tray;

mod suggest;

use uuid::Uuid;

use super::book::{self, Book};
use super::edit::Desk;
use super::error::RecordError;
use super::schema::{Field, List, Shape};
use super::template::EXAMPLES;
use crate::model::Kind;
use columns::{BadCell, Columns};
use into::{IntoBook, IntoList, IntoLists, Take, Verdict};
use map::Map;
pub use map::MapError;
pub use sheet::{MAX_FILE, SheetError};
use sheet::{Sheet, SheetRow};
pub use suggest::suggest;
use tray::Tray;

/// What the rows of a file become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Each a record.
    Records,
    /// Rows of this list of one record.
    List(Uuid, List),
    /// Rows of this list, each of the record whose `source_id` it names in the MAP's
    /// `[columns] record`.
    ListOfEach(List),
}

/// One file to import.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// What the file is called, for messages; may be empty.
    pub name: &'a str,
    /// The file's bytes: CSV, XLSX, XLS or ODS.
    pub file: &'a [u8],
    /// The sheet of a spreadsheet, where it matters which.
    pub sheet: Option<&'a str>,
    /// What its rows are, or what the records are that they go into.
    pub kind: Kind,
    /// What its rows become.
    pub target: Target,
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
    /// The sheet that was read, where the file has sheets.
    pub sheet: Option<String>,
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

/// First cells of rows that sum up the others, small.
const SUMS: &[&str] = &[
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sub-total",
    "sum",
    "overall total",
    "total general",
    "total général",
    "suma",
    "soma",
    "summe",
    "gesamt",
    "insgesamt",
    "gesamtsumme",
    "totale",
    "totaal",
    "итого",
    "всего",
    "усього",
    "разом",
    "razem",
    "ogółem",
    "toplam",
    "jumlah",
    "tổng",
    "tổng cộng",
    "รวม",
    "รวมทั้งหมด",
    "ยอดรวม",
    "合计",
    "合計",
    "总计",
    "總計",
    "합계",
    "총계",
    "المجموع",
    "الإجمالي",
    "kul",
    "कुल",
    "jumla",
    "ukupno",
];

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
    let shape = match request.target {
        Target::Records => Shape::Kind(request.kind),
        Target::List(_, list) | Target::ListOfEach(list) => Shape::List(list),
    };
    // Before the file is looked at: a wrong list is told as such.
    let list = match request.target {
        Target::List(id, list) => Some(IntoList::open(book, request.kind, id, list)?),
        _ => None,
    };
    let map = match request.map {
        Some(text) => Map::parse(text, request.kind, shape, desk.reader())?,
        None => Map::default(),
    };
    let wanted = columns::wanted(shape, &map);
    let sheet = Sheet::open(request.file, request.sheet, &map.rows, &wanted)
        .map_err(|error| error.at(request.name, request.sheet))?;
    let place = sheet.name.clone();
    let done = Work {
        request,
        shape,
        map: &map,
        sheet: &sheet,
    }
    .run(book, desk, list, progress);
    done.map_err(|error| match error {
        RecordError::Sheet { error, .. } => error.at(request.name, place.as_deref()),
        other => other,
    })
}

/// A file and how it is read.
#[derive(Clone, Copy)]
struct Work<'a> {
    request: ImportRequest<'a>,
    shape: Shape,
    map: &'a Map,
    sheet: &'a Sheet<'a>,
}

impl Work<'_> {
    fn run(
        self,
        book: &dyn Book,
        desk: &mut Desk<'_>,
        list: Option<IntoList>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ImportOutcome, RecordError> {
        let mut columns = Columns::bind(self.shape, self.sheet, self.map)?;
        let survey = survey::survey(self.sheet, &mut columns)?;
        let warnings = [self.sheet.said.clone(), survey.warnings].concat();
        let mut tray = Tray::new(self.shape, self.request, survey.dropped, warnings);
        tray.outcome.sheet.clone_from(&self.sheet.name);
        for (line, question) in survey.questions {
            tray.reject(line, question);
        }
        let kind = self.request.kind;
        let owned: Vec<Field> = columns.fields().collect();
        match (list, self.request.target) {
            (Some(list), _) => {
                let mut into = list.owning(owned);
                self.take_rows(&columns, desk, &mut tray, progress, &mut into)?;
                into.close(desk, &mut tray)?;
            }
            (None, Target::ListOfEach(list)) => {
                if !columns.names_records() {
                    return Err(RecordError::NoRecordColumn { list });
                }
                let mut into = IntoLists::new(book, kind, list, owned)?;
                self.take_rows(&columns, desk, &mut tray, progress, &mut into)?;
                into.close(desk, &mut tray)?;
            }
            (None, _) => {
                let mut into = IntoBook::new(book, kind, owned);
                self.take_rows(&columns, desk, &mut tray, progress, &mut into)?;
            }
        }
        let (outcome, changes) = tray.finish();
        if !changes.is_empty() {
            book.apply(changes)?;
        }
        Ok(outcome)
    }

    /// Returns what to say of a row that sums up the others: its first cell says that it does.
    fn sum(self, row: &SheetRow<'_>) -> Option<BadCell> {
        let mut filled = (0..self.sheet.headers.len()).filter(|at| !row.cell(*at).is_empty());
        let at = filled.next()?;
        let first = row.cell(at).trim_end_matches([':', '.']).to_lowercase();
        let is_name = first == "sum" && self.shape == Shape::List(List::Participants);
        (SUMS.contains(&first.as_str()) && !is_name).then(|| BadCell {
            column: self.sheet.column_name(at),
            value: row.cell(at).to_owned(),
            reason: Some(
                "this row seems to sum up the others; leave it out in the MAP: \
                 [rows] ignore = \"^(?i)(total|sum)\", with the word it begins with"
                    .to_owned(),
            ),
        })
    }

    /// Reads every row, hands over the good ones and rejects the others.
    fn take_rows(
        self,
        columns: &Columns<'_>,
        desk: &mut Desk<'_>,
        tray: &mut Tray,
        progress: &mut dyn FnMut(u64),
        into: &mut dyn Take,
    ) -> Result<(), RecordError> {
        self.sheet.each_row(&mut |row| {
            tray.outcome.read += 1;
            if tray.outcome.read.is_multiple_of(PROGRESS_ROWS) {
                progress(tray.outcome.read);
            }
            if let Some(cell) = self.sum(&row) {
                tray.reject(row.line, cell);
                return Ok(());
            }
            if (0..self.sheet.headers.len()).any(|at| EXAMPLES.contains(&row.cell(at))) {
                let warning = format!("line {} is the example row of the template", row.line);
                tray.outcome.warnings.push(warning);
            }
            let said = match columns.read(&row, desk.reader()) {
                Ok(said) => said,
                Err(cells) => {
                    for cell in cells {
                        tray.reject(row.line, cell);
                    }
                    return Ok(());
                }
            };
            match tray.identify(desk.keys, row.line, &said) {
                Ok(Some(identity)) => match into.take(desk, tray, said, identity)? {
                    Verdict::Created => tray.outcome.created += 1,
                    Verdict::Updated => tray.outcome.updated += 1,
                    Verdict::Unchanged => tray.outcome.unchanged += 1,
                    Verdict::NoRecord => {
                        let kind = self.request.kind;
                        let reason = format!("no {kind} has this source_id; import it first");
                        tray.reject(row.line, columns.bad_record(&row, &reason));
                    }
                    Verdict::Otherwise(earlier) => {
                        let reason = format!(
                            "line {earlier} names the same person and says otherwise; \
                             keep one of the two"
                        );
                        tray.reject(row.line, columns.bad(Field::Person, &row, &reason));
                    }
                    Verdict::Misfits(misfits) => {
                        for misfit in misfits {
                            let cell = columns.bad(misfit.field, &row, &misfit.reason);
                            tray.reject(row.line, cell);
                        }
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
