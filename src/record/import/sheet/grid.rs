//! The cells of one sheet of a spreadsheet, close together in memory.

use super::SheetError;
use super::row::{CellKind, MAX_CELL, MAX_COLUMNS, RawRow, trim};

/// Most bytes of text in one sheet.
pub(super) const MAX_TEXT: usize = 128 << 20;
/// Most cells of one sheet, counted to the last one of each row that says something.
pub(super) const MAX_CELLS: usize = 8_000_000;

/// Rows of cells. A row nothing stands in is not here.
#[derive(Debug, Default)]
pub(super) struct Grid {
    text: String,
    ends: Vec<u32>,
    kinds: Vec<CellKind>,
    rows: Vec<GridRow>,
    /// Ranges of merged cells that go over several rows.
    merges: Vec<Merge>,
    /// Columns up to the last one in which anything stands.
    pub(super) width: usize,
}

/// A row: its number from 0, and where it begins.
#[derive(Clone, Copy, Debug)]
struct GridRow {
    number: u32,
    first_cell: u32,
    text: u32,
}

/// A range of merged cells: rows and columns from 0, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) rows: (u32, u32),
    pub(super) column: u32,
}

impl Grid {
    /// Puts a cell behind those before it: rows downwards, columns to the right, both from 0.
    pub(super) fn push(
        &mut self,
        (row, column): (u32, u32),
        text: &str,
        kind: CellKind,
    ) -> Result<(), SheetError> {
        if trim(text).is_empty() && kind.fault().is_none() {
            return Ok(());
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(SheetError::TooWide {
                line: u64::from(row) + 1,
            });
        }
        self.open_row(row)?;
        let here = self.cells_of_last();
        if column < here {
            return Err(disorder(row));
        }
        let (text, kind) = match text.len() > MAX_CELL {
            true => ("", CellKind::TooLong),
            false => (text, kind),
        };
        if self.ends.len() + column - here >= MAX_CELLS || self.text.len() + text.len() > MAX_TEXT {
            return Err(SheetError::TooMany {
                line: u64::from(row) + 1,
            });
        }
        let blank = self.text.len() as u32;
        self.ends.extend(std::iter::repeat_n(blank, column - here));
        self.kinds.resize(self.ends.len(), CellKind::Text);
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
        self.kinds.push(kind);
        self.width = self.width.max(column + 1);
        Ok(())
    }

    fn open_row(&mut self, number: u32) -> Result<(), SheetError> {
        match self.rows.last() {
            Some(last) if last.number == number => return Ok(()),
            Some(last) if last.number > number => return Err(disorder(number)),
            _ => {}
        }
        self.rows.push(GridRow {
            number,
            first_cell: self.ends.len() as u32,
            text: self.text.len() as u32,
        });
        Ok(())
    }

    fn cells_of_last(&self) -> usize {
        let first = self.rows.last().map_or(0, |row| row.first_cell as usize);
        self.ends.len() - first
    }

    /// Returns how many rows say something.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the row at a place among those that say something.
    pub(super) fn row(&self, at: usize) -> Option<RawRow<'_>> {
        let row = self.rows.get(at)?;
        let end = self
            .rows
            .get(at + 1)
            .map_or(self.ends.len(), |next| next.first_cell as usize);
        let cells = row.first_cell as usize..end;
        let number = u64::from(row.number) + 1;
        Some(RawRow {
            number,
            line: number,
            text: &self.text,
            start: row.text,
            ends: &self.ends[cells.clone()],
            kinds: &self.kinds[cells],
        })
    }

    /// Remembers a range of merged cells.
    pub(super) fn merge(&mut self, merge: Merge) {
        if merge.rows.0 < merge.rows.1 && self.merges.len() < MAX_MERGES {
            self.merges.push(merge);
        }
    }

    /// Returns the sheet with the value of every merged cell in each of its rows, as people see
    /// it. A number may be a sum over these rows, so it stays a question.
    pub(super) fn unmerged(mut self) -> Result<Self, SheetError> {
        let merges = std::mem::take(&mut self.merges);
        let fills = self.fills(&merges)?;
        if fills.is_empty() {
            return Ok(self);
        }
        let mut whole = Self::default();
        let mut fills = fills.into_iter().peekable();
        for at in 0..self.rows.len() {
            let number = self.rows[at].number;
            let Some(row) = self.row(at) else { break };
            let mut cells: Vec<(u32, &str, CellKind)> = Vec::new();
            for column in 0..row.len() {
                cells.push((column as u32, row.cell(column), row.kind(column)));
            }
            while let Some(fill) = fills.next_if(|fill| fill.row == at) {
                let Some(source) = self.row(fill.from) else {
                    continue;
                };
                let column = fill.column as usize;
                let kind = match source.kind(column) {
                    CellKind::Number => CellKind::Shared,
                    kind => kind,
                };
                cells.retain(|(at, ..)| *at != fill.column);
                cells.push((fill.column, source.cell(column), kind));
            }
            cells.sort_unstable_by_key(|(column, ..)| *column);
            for (column, text, kind) in cells {
                whole.push((number, column), text, kind)?;
            }
        }
        Ok(whole)
    }

    /// Returns which cells take their value from another row, in the order of their rows.
    fn fills(&self, merges: &[Merge]) -> Result<Vec<Fill>, SheetError> {
        let mut fills = Vec::new();
        for merge in merges {
            let (first, last) = merge.rows;
            let from = self.rows.partition_point(|row| row.number < first);
            if self.rows.get(from).is_none_or(|row| row.number != first) {
                continue;
            }
            let below = self.rows[from + 1..].iter().zip(from + 1..);
            let covered = below.take_while(|(row, _)| row.number <= last);
            fills.extend(covered.map(|(_, row)| Fill {
                row,
                from,
                column: merge.column,
            }));
            if fills.len() > MAX_FILLS {
                return Err(SheetError::TooMany {
                    line: u64::from(first) + 1,
                });
            }
        }
        fills.sort_unstable_by_key(|fill| (fill.row, fill.column));
        fills.dedup_by_key(|fill| (fill.row, fill.column));
        Ok(fills)
    }
}

/// Most ranges of merged cells that are followed.
const MAX_MERGES: usize = 10_000;
/// Most cells that take their value from another one.
const MAX_FILLS: usize = 2_000_000;

/// A cell that takes its value from another row.
struct Fill {
    row: usize,
    from: usize,
    column: u32,
}

fn disorder(row: u32) -> SheetError {
    SheetError::Damaged {
        line: u64::from(row) + 1,
        detail: "its cells are out of order".to_owned(),
    }
}

/// Writes a number as a spreadsheet shows it: fifteen digits, and none after the point where
/// there is nothing but noughts.
pub(super) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(grid: &Grid) -> Vec<(u64, String)> {
        let rows = (0..grid.len()).filter_map(|at| grid.row(at));
        rows.map(|row| (row.number, row.cells().collect::<Vec<_>>().join("|")))
            .collect()
    }

    #[test]
    fn cells_lie_where_they_lay_and_blank_rows_nowhere() {
        let mut grid = Grid::default();
        for (at, text) in [((0, 1), "b"), ((0, 3), "d"), ((5, 0), "x"), ((6, 7), " ")] {
            grid.push(at, text, CellKind::Text).expect("fits");
        }
        assert_eq!(rows(&grid), [(1, "|b||d".to_owned()), (6, "x".to_owned())]);
        assert_eq!(grid.width, 4);
        assert!(grid.push((5, 0), "y", CellKind::Text).is_err());
        assert!(grid.push((4, 0), "y", CellKind::Text).is_err());
        assert!(grid.push((9, 20_000), "y", CellKind::Text).is_err());
    }

    #[test]
    fn a_merged_cell_speaks_for_each_of_its_rows_unless_it_is_a_number() {
        let mut grid = Grid::default();
        for (at, text, kind) in [
            ((0, 0), "TH", CellKind::Text),
            ((0, 1), "30", CellKind::Number),
            ((0, 2), "a", CellKind::Text),
            ((1, 2), "b", CellKind::Text),
            ((3, 2), "c", CellKind::Text),
        ] {
            grid.push(at, text, kind).expect("fits");
        }
        grid.merge(Merge {
            rows: (0, 2),
            column: 0,
        });
        grid.merge(Merge {
            rows: (0, 1),
            column: 1,
        });
        let grid = grid.unmerged().expect("fits");
        assert_eq!(
            rows(&grid),
            [
                (1, "TH|30|a".to_owned()),
                (2, "TH|30|b".to_owned()),
                (4, "||c".to_owned())
            ]
        );
        let second = grid.row(1).expect("is there");
        assert_eq!(
            (second.kind(0), second.kind(1)),
            (CellKind::Text, CellKind::Shared)
        );
    }

    #[test]
    fn numbers_are_written_as_they_are_shown() {
        for (number, text) in [
            (12.0, "12"),
            (-0.5, "-0.5"),
            (0.1 + 0.2, "0.3"),
            (1250.5, "1250.5"),
            (9_929_760.0, "9929760"),
            (1e16, "10000000000000000"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }
}
