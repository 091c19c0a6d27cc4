//! A file as rows of cells: CSV in any encoding, XLSX, XLS and ODS.
//!
//! - [`row`]: one row, whatever the file.
//! - [`text`]: bytes become characters.
//! - [`csv`]: CSV, cell by cell.
//! - [`grid`]: the cells of one sheet.
//! - [`archive`]: the ZIP archive a spreadsheet is, measured first.
//! - [`xlsx`], [`xls`], [`ods`]: the three formats of spreadsheets.
//! - [`header`]: which row holds the headers.
//! - [`book`]: which format, which sheet, which table.
//!
//! Invariants: a part of an archive is unpacked only after it was measured; beside the file, no
//! more than [`grid::MAX_TEXT`] of text and [`grid::MAX_CELLS`] cells are kept; every row knows
//! the line people see it on.

mod row;

mod csv;
mod text;

mod grid;

mod archive;
mod ods;
mod xls;
mod xlsx;

mod book;
mod header;

use std::ops::ControlFlow;

use super::map::Rows;
use crate::record::RecordError;
use crate::record::schema::Field;
use book::Table;
pub(super) use header::{Wanted, letters, normal, position};
pub(super) use row::CellKind;
use row::RawRow;

/// Why a file cannot be read as a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Larger than is taken into memory.
    #[error("the file is larger than {} MiB; split it", MAX_FILE >> 20)]
    TooLarge,
    /// Not a spreadsheet at all.
    #[error("this is {what}; accepted are CSV, XLSX, XLS and ODS")]
    NotASpreadsheet {
        /// What it is, and what to do with it.
        what: &'static str,
    },
    /// Sealed by a password.
    #[error("the file is protected by a password; save it without one and try again")]
    Password,
    /// A spreadsheet that cannot be followed.
    #[error(
        "the file is damaged{} ({detail}); open it in a spreadsheet program, save it and try again",
        after(*line)
    )]
    Damaged {
        /// Row near which it is, from 1; 0 where that is not known.
        line: u64,
        /// What was found.
        detail: String,
    },
    /// Small, and enormous when unpacked.
    #[error(
        "unpacked, the file would be far too large ({part}); save only the sheet with the data"
    )]
    Bomb {
        /// The part of it that would.
        part: String,
    },
    /// A text without end in a spreadsheet.
    #[error("a cell holds more than 16 MiB of text; shorten it")]
    LongText,
    /// More cells than are taken into memory.
    #[error(
        "the sheet has too many cells{}: more than {} million, or {} MiB of text; split it",
        after(*line),
        grid::MAX_CELLS / 1_000_000,
        grid::MAX_TEXT >> 20
    )]
    TooMany {
        /// Row at which it was too much, from 1; 0 where that is not known.
        line: u64,
    },
    /// One row written once and standing thousands of times.
    #[error(
        "row {line} is repeated {times} times as it is; delete what nobody wrote, \
         save the file and try again"
    )]
    Repeated {
        /// The row, from 1.
        line: u64,
        /// How often it stands there.
        times: u32,
    },
    /// A row with more cells than any spreadsheet has columns.
    #[error("line {line} has more than {} cells", row::MAX_COLUMNS)]
    TooWide {
        /// The line, from 1.
        line: u64,
    },
    /// A quote that is opened and never closed.
    #[error(
        "line {line}, column {column}: a quote opens here and is never closed; \
         close it, or double the quotes within the text"
    )]
    OpenQuote {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
    },
    /// Not what its byte order mark says.
    #[error("line {line} is not {encoding}; save the file as \"CSV UTF-8\" and try again")]
    Encoding {
        /// What it should be.
        encoding: &'static str,
        /// The first such line, from 1.
        line: u64,
    },
    /// UTF-8 in some lines, and not in others.
    #[error(
        "line {line} is not UTF-8 although other lines are; correct its letters, \
         save the file as \"CSV UTF-8\" and try again"
    )]
    MixedEncodings {
        /// The first such line, from 1.
        line: u64,
    },
    /// A sheet was named, and the file has none.
    #[error("sheet {asked:?} was asked for, and a CSV file has no sheets; leave --sheet out")]
    NoSheets {
        /// The name as given.
        asked: String,
    },
    /// No sheet of that name.
    #[error("there is no sheet {asked:?}; there are: {there}")]
    NoSuchSheet {
        /// The name as given.
        asked: String,
        /// The names that are there.
        there: String,
    },
    /// Several sheets, and nothing says which.
    #[error("several sheets hold data and no headers fit; name one with --sheet: {there}")]
    WhichSheet {
        /// The names that are there.
        there: String,
    },
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The row of headers is not there, or blank.
    #[error("row {row} has no headers; say in the MAP which row has: [rows] header = N")]
    NoHeader {
        /// The row, from 1.
        row: u64,
    },
    /// A column the MAP names is not there.
    #[error(
        "the MAP takes {field} from {header:?}, and no column is called so in row {row}; \
         there are: {there}"
    )]
    NoColumn {
        /// Our field.
        field: String,
        /// Their header.
        header: String,
        /// The row of the headers.
        row: u64,
        /// The headers that are there.
        there: String,
    },
    /// Two columns with one header that is asked for.
    #[error(
        "two columns are called {header:?}; rename one, or say in the MAP which it is: \
         {first:?} or {second:?}"
    )]
    TwoColumns {
        /// Their header.
        header: String,
        /// The first, by its place.
        first: String,
        /// The second, by its place.
        second: String,
    },
    /// Nothing gives a field that every row needs.
    #[error(
        "no column of row {row} gives {field}; say in the MAP which does: [columns] {field} = \"…\""
    )]
    NothingGives {
        /// The field.
        field: Field,
        /// The row of the headers.
        row: u64,
    },
    /// No column is one of ours.
    #[error(
        "no column of row {row} is one of ours ({accepted}); say in the MAP which are: [columns], \
         or let --suggest-map propose one"
    )]
    NoneOfOurs {
        /// The row of the headers.
        row: u64,
        /// Our fields.
        accepted: String,
    },
}

impl SheetError {
    /// Says in which file and sheet it is.
    pub(super) fn at(self, file: &str, sheet: Option<&str>) -> RecordError {
        let place = match (file, sheet) {
            ("", None) => String::new(),
            ("", Some(sheet)) => format!("sheet {sheet:?}: "),
            (file, None) => format!("{file}: "),
            (file, Some(sheet)) => format!("{file}, sheet {sheet:?}: "),
        };
        RecordError::Sheet { place, error: self }
    }
}

fn after(line: u64) -> String {
    match line {
        0 => String::new(),
        line => format!(" near row {line}"),
    }
}

/// Largest file, in bytes. A hundred thousand rows are about ten million.
pub const MAX_FILE: usize = 256 << 20;

/// A table whose headers are known.
pub(super) struct Sheet<'a> {
    table: Table<'a>,
    rows: &'a Rows,
    /// The row of the headers, from 1.
    pub(super) header: u64,
    /// The row of HXL tags.
    tags_row: Option<u64>,
    pub(super) headers: Vec<String>,
    pub(super) tags: Vec<String>,
    /// The name of the sheet, where the file has sheets.
    pub(super) name: Option<String>,
    /// What is worth saying about how it was read.
    pub(super) said: Vec<String>,
}

/// One row of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct SheetRow<'a> {
    /// Its first line in the file, from 1; in a spreadsheet, its row.
    pub(super) line: u64,
    raw: RawRow<'a>,
}

/// What stands beyond the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Nothing.
    Nothing,
    /// Numbers, as of one more day than the sheet has headers for.
    Numbers,
    /// A sign of a stray delimiter: the cells before it may stand in wrong columns.
    Stray,
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> Sheet<'a> {
    /// Opens a file, and finds the table that is meant, and its headers.
    pub(super) fn open(
        file: &'a [u8],
        sheet: Option<&str>,
        rows: &'a Rows,
        wanted: &Wanted,
    ) -> Result<Self, SheetError> {
        if file.len() > MAX_FILE {
            return Err(SheetError::TooLarge);
        }
        let found = book::open(file, sheet, rows.header, wanted)?;
        let head = found.head;
        if head.headers.iter().all(String::is_empty) {
            return Err(SheetError::NoHeader {
                row: rows.header.unwrap_or(1),
            });
        }
        let mut headers = head.headers;
        let width = match &found.table {
            Table::Csv { .. } => head.tags.len(),
            // A sheet says where each of its cells stands: what is beside the table is no stray.
            Table::Grid(grid) => grid.width,
        };
        headers.resize(headers.len().max(width), String::new());
        let mut said = found.said;
        if rows.header.is_none() && head.number > 1 {
            said.push(format!("the headers were taken from row {}", head.number));
        }
        let skipped = |row: &u64| !rows.skip.contains(row);
        if let Some(row) = head.tags_row.filter(skipped) {
            said.push(format!("row {row} holds HXL tags and was left out"));
        }
        Ok(Self {
            table: found.table,
            rows,
            header: head.number,
            tags_row: head.tags_row,
            headers,
            tags: head.tags,
            name: found.sheet,
            said,
        })
    }

    /// Hands over every row of data, until `each` fails.
    pub(super) fn each_row(
        &self,
        each: &mut dyn FnMut(SheetRow<'_>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut last = self.header;
        self.table.each(&mut |raw: RawRow<'_>| {
            if raw.number <= self.header {
                return Ok(ControlFlow::Continue(()));
            }
            // Blank lines lie between two records, never in one.
            let after_gap = raw.number > last + 1;
            let is_blank = raw.is_blank();
            if self.rows.stop_at_blank && (after_gap || is_blank) {
                return Ok(ControlFlow::Break(()));
            }
            last = raw.number;
            if !is_blank && !self.is_left_out(&raw) {
                let line = raw.line;
                each(SheetRow { line, raw })?;
            }
            Ok::<_, RecordError>(ControlFlow::Continue(()))
        })
    }

    fn is_left_out(&self, raw: &RawRow<'_>) -> bool {
        let first = raw.cell(0);
        let ignored = |pattern: &regex::Regex| pattern.is_match(first);
        self.rows.skip.contains(&raw.number)
            || self.tags_row == Some(raw.number)
            || self.rows.ignore.as_ref().is_some_and(ignored)
            || self.repeats_headers(raw)
    }

    /// Returns whether a row is the headers once more, as on every printed page.
    fn repeats_headers(&self, raw: &RawRow<'_>) -> bool {
        let said = self
            .headers
            .iter()
            .enumerate()
            .filter(|(_, h)| !h.is_empty());
        said.clone().count() > 1 && said.into_iter().all(|(at, h)| normal(raw.cell(at)) == *h)
    }

    /// Returns whether a comma ends a cell, so that one within a number cuts it in two.
    pub(super) const fn is_cut_by_commas(&self) -> bool {
        matches!(
            self.table,
            Table::Csv {
                delimiter: b',',
                ..
            }
        )
    }

    /// Returns how a column is called: by its header, else by its place.
    pub(super) fn column_name(&self, at: usize) -> String {
        match self.headers.get(at) {
            Some(header) if !header.is_empty() => header.clone(),
            _ => self.place(at),
        }
    }

    /// Returns the place of a column as people see it: a letter in a spreadsheet, else a number.
    pub(super) fn place(&self, at: usize) -> String {
        match self.table {
            Table::Grid(_) => format!("column {}", letters(at)),
            Table::Csv { .. } => format!("column {}", at + 1),
        }
    }
}

impl<'a> SheetRow<'a> {
    /// Returns a cell, trimmed. A row may be short: what is missing at its end is not known.
    pub(super) fn cell(&self, at: usize) -> &'a str {
        self.raw.cell(at)
    }

    /// Returns what a cell is beside its text.
    pub(super) fn kind(&self, at: usize) -> CellKind {
        self.raw.kind(at)
    }

    /// Returns what cells beyond the headers say.
    pub(super) fn beyond(&self, width: usize) -> Beyond {
        let mut strays = (width..self.raw.len())
            .map(|at| self.cell(at))
            .filter(|c| !c.is_empty());
        let Some(first) = strays.next() else {
            return Beyond::Nothing;
        };
        let are_numbers = is_number(first) && strays.all(is_number);
        match are_numbers && !self.may_hold_thousands() {
            true => Beyond::Numbers,
            false => Beyond::Stray,
        }
    }

    /// Returns whether two neighbours may be one number that a comma cut: 12,000.
    fn may_hold_thousands(&self) -> bool {
        (1..self.raw.len()).any(|at| {
            let (before, after) = (self.cell(at - 1), self.cell(at));
            is_number(before) && before.len() <= 3 && is_number(after) && after.len() == 3
        })
    }

    /// Returns the first of two neighbours that may be one number a comma cut, 7,5, where
    /// everything beyond `width` would then be what the commas pushed out.
    ///
    /// `may_be_cut` says of which columns this is worth asking: those that hold no whole numbers
    /// and have something to the right of them, or in them, that is asked for.
    pub(super) fn cut_decimal(
        &self,
        width: usize,
        may_be_cut: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let pushed_out = (width..self.raw.len()).filter(|at| !self.cell(*at).is_empty());
        let pushed_out = pushed_out.count();
        let is_pair = |at: &usize| {
            let (whole, part) = (self.cell(*at), self.cell(at + 1));
            may_be_cut(*at) && is_number(whole) && is_number(part) && part.len() <= 4
        };
        let mut pairs = (0..width).filter(is_pair);
        let first = pairs.next()?;
        (pushed_out > 0 && pushed_out <= 1 + pairs.count()).then_some(first)
    }

    /// Returns the first cell that is too long for any field, asked for or not.
    pub(super) fn too_long(&self) -> Option<usize> {
        (0..self.raw.len()).find(|at| self.kind(*at) == CellKind::TooLong)
    }
}

#[cfg(test)]
mod tests;
