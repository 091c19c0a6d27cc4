//! XLSX, one sheet after the other. ECMA-376.

use std::io::Cursor;

use calamine::{Data, DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxError};

use super::SheetError;
use super::archive::Measured;
use super::grid::{Grid, Merge, number_text};
use super::row::CellKind;

/// A workbook whose strings and styles are read.
pub(super) struct Workbook<'a> {
    book: Xlsx<Cursor<&'a [u8]>>,
    has_merges: bool,
}

impl<'a> Workbook<'a> {
    pub(super) fn open(file: &'a [u8], measured: &Measured<'_>) -> Result<Self, SheetError> {
        Ok(Self {
            book: Xlsx::new(Cursor::new(file)).map_err(|error| damaged(0, &error))?,
            has_merges: measured.has_merges,
        })
    }

    /// Returns the names of its sheets, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let sheets = self.book.sheets_metadata().iter();
        sheets
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| sheet.name.clone())
            .collect()
    }

    /// Returns the names of the sheets that are not shown.
    pub(super) fn hidden(&self) -> Vec<String> {
        let sheets = self.book.sheets_metadata().iter();
        sheets
            .filter(|sheet| sheet.visible != SheetVisible::Visible)
            .map(|sheet| sheet.name.clone())
            .collect()
    }

    /// Reads a sheet, or only so many of its first rows.
    pub(super) fn sheet(&mut self, name: &str, most: Option<usize>) -> Result<Grid, SheetError> {
        let mut grid = Grid::default();
        let mut line = 0;
        let mut cells = match self.book.worksheet_cells_reader(name) {
            Ok(cells) => cells,
            Err(error) => return Err(damaged(0, &error)),
        };
        while let Some(cell) = cells
            .next_cell_with_formula_metadata()
            .map_err(|error| damaged(line, &error))?
        {
            line = u64::from(cell.pos.0) + 1;
            let is_bare = cell.formula.is_some() && matches!(cell.value, DataRef::Empty);
            let (text, kind) = match is_bare {
                true => (String::new(), CellKind::NoResult),
                false => cell_text(cell.value),
            };
            grid.push(cell.pos, &text, kind)?;
            if most.is_some_and(|most| grid.len() > most) {
                return Ok(grid);
            }
        }
        drop(cells);
        if self.has_merges {
            let merges = self.book.merge_cells_by_sheet_name(name);
            for merge in merges.map_err(|error| damaged(0, &error))? {
                grid.merge(Merge {
                    rows: (merge.start.0, merge.end.0),
                    column: merge.start.1,
                });
            }
        }
        grid.unmerged()
    }
}

fn damaged(line: u64, error: &XlsxError) -> SheetError {
    match error {
        XlsxError::Password => SheetError::Password,
        error => SheetError::Damaged {
            line,
            detail: error.to_string(),
        },
    }
}

/// Writes a cell as it is shown, a date as ISO 8601.
pub(super) fn cell_text(cell: DataRef<'_>) -> (String, CellKind) {
    match cell {
        DataRef::SharedString(text) => (text.to_owned(), CellKind::Text),
        other => data_text(Data::from(other)),
    }
}

/// As [`cell_text`].
pub(super) fn data_text(cell: Data) -> (String, CellKind) {
    match cell {
        Data::Empty => (String::new(), CellKind::Text),
        Data::String(text) | Data::DurationIso(text) => (text, CellKind::Text),
        Data::Int(number) => (number.to_string(), CellKind::Number),
        Data::Float(number) => (number_text(number), CellKind::Number),
        Data::Bool(yes) => (
            if yes { "TRUE" } else { "FALSE" }.to_owned(),
            CellKind::Text,
        ),
        Data::DateTimeIso(text) => (text, CellKind::Date),
        Data::Error(error) => (error.to_string(), CellKind::Error),
        Data::DateTime(moment) if moment.is_duration() || moment.as_f64() < 1.0 => {
            (clock_text(moment.as_f64()), CellKind::Text)
        }
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let day = format!("{year:04}-{month:02}-{day:02}");
            match (hour, minute, second) {
                (0, 0, 0) => (day, CellKind::Date),
                _ => (
                    format!("{day} {hour:02}:{minute:02}:{second:02}"),
                    CellKind::Date,
                ),
            }
        }
        // What later versions of the reader may know more.
        #[allow(unreachable_patterns, reason = "the enum may grow")]
        _ => (String::new(), CellKind::Text),
    }
}

/// Writes a part of a day, or several, as hours and minutes.
fn clock_text(days: f64) -> String {
    let seconds = (days * 86_400.0).round().max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match seconds {
        0 => format!("{hours}:{minutes:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
