//! XLS, after a look at what its reader would believe. [MS-CFB], [MS-XLS].

use std::collections::HashSet;
use std::io::Cursor;

use calamine::{Data, Range, Reader as _, SheetType, Xls, XlsError};

use super::SheetError;
use super::grid::{Grid, Merge};
use super::row::CellKind;
use super::xlsx::data_text;

/// A workbook, read whole.
pub(super) struct Workbook<'a> {
    book: Xls<Cursor<&'a [u8]>>,
}

impl<'a> Workbook<'a> {
    pub(super) fn open(file: &'a [u8]) -> Result<Self, SheetError> {
        let stream = Compound::open(file)?.workbook()?;
        check_sizes(&stream)?;
        match Xls::new(Cursor::new(file)) {
            Ok(book) => Ok(Self { book }),
            Err(XlsError::Password) => Err(SheetError::Password),
            Err(error) => Err(damaged(error)),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let sheets = self.book.sheets_metadata().iter();
        sheets
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| sheet.name.clone())
            .collect()
    }

    pub(super) fn sheet(&mut self, name: &str) -> Result<Grid, SheetError> {
        let range = self.book.worksheet_range(name).map_err(damaged)?;
        let bare = match self.book.worksheet_formula(name) {
            Ok(formulas) => uncalculated(&range, &formulas),
            Err(error) => return Err(damaged(error)),
        };
        let mut grid = Grid::default();
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, cell) in range.used_cells() {
            let at = (top + row as u32, left + column as u32);
            let (text, kind) = match bare.contains(&at) {
                true => (String::new(), CellKind::NoResult),
                false => data_text(cell.clone()),
            };
            grid.push(at, &text, kind)?;
        }
        let merges = self.book.merge_cells_by_sheet_name(name);
        for merge in merges.map_err(damaged)? {
            grid.merge(Merge {
                rows: (merge.start.0, merge.end.0),
                column: merge.start.1,
            });
        }
        grid.unmerged()
    }
}

/// Returns the formulas of a sheet nobody ever calculated.
///
/// What writes formulas without results gives each the empty text, and some formulas mean just
/// that; so they are believed as soon as one of the sheet has a result. [MS-XLS] 2.5.133.
fn uncalculated(cells: &Range<Data>, formulas: &Range<String>) -> HashSet<(u32, u32)> {
    let (top, left) = formulas.start().unwrap_or_default();
    let places = formulas.used_cells();
    let bare: HashSet<_> = places
        .map(|(row, column, _)| (top + row as u32, left + column as u32))
        .collect();
    let is_blank = |at: &(u32, u32)| match cells.get_value(*at) {
        None | Some(Data::Empty) => true,
        Some(cell) => matches!(cell, Data::String(text) if text.is_empty()),
    };
    match bare.iter().all(is_blank) {
        true => bare,
        false => HashSet::new(),
    }
}

fn damaged(detail: impl ToString) -> SheetError {
    SheetError::Damaged {
        line: 0,
        detail: detail.to_string(),
    }
}

/// A compound file, as far as it must be known to find one stream in it. [MS-CFB].
struct Compound<'a> {
    /// What lies behind the header, in sectors.
    sectors: &'a [u8],
    size: usize,
    fat: Vec<u32>,
    directory: Vec<u8>,
    /// The sectors of small streams, and the table of them.
    small: Vec<u8>,
    small_fat: Vec<u32>,
}

/// Sector numbers from here on mean something else than a sector.
const RESERVED: u32 = 0xFFFF_FFFA;
/// Bytes of a stream below which it lies in small sectors, and of one of them.
const SMALL: usize = 4096;
const SMALL_SECTOR: usize = 64;

impl<'a> Compound<'a> {
    fn open(file: &'a [u8]) -> Result<Self, SheetError> {
        let size = match u16_at(file, 30) {
            Some(9) => 512,
            Some(12) => 4096,
            _ => return Err(damaged("its header is broken")),
        };
        let mut compound = Self {
            sectors: file.get(size..).unwrap_or_default(),
            size,
            fat: Vec::new(),
            directory: Vec::new(),
            small: Vec::new(),
            small_fat: Vec::new(),
        };
        compound.read_fat(file)?;
        let start = |bytes: &[u8], at| u32_at(bytes, at).unwrap_or(RESERVED);
        compound.directory = compound.chain(start(file, 48))?;
        compound.small = compound.chain(start(&compound.directory, 116))?;
        compound.small_fat = numbers(&compound.chain(start(file, 60))?).collect();
        Ok(compound)
    }

    fn sector(&self, id: u32) -> &'a [u8] {
        let from = (id as usize)
            .saturating_mul(self.size)
            .min(self.sectors.len());
        let to = from.saturating_add(self.size).min(self.sectors.len());
        &self.sectors[from..to]
    }

    /// Returns how many sectors there can be.
    const fn count(&self) -> usize {
        self.sectors.len() / self.size + 1
    }

    fn read_fat(&mut self, file: &[u8]) -> Result<(), SheetError> {
        let mut tables: Vec<u32> = (0..109).filter_map(|n| u32_at(file, 76 + 4 * n)).collect();
        let mut next = u32_at(file, 68).unwrap_or(RESERVED);
        let mut seen = 0;
        while next < RESERVED {
            seen += 1;
            if seen > self.count() {
                return Err(damaged("its table of sectors turns in a circle"));
            }
            tables.extend(numbers(self.sector(next)));
            next = tables.pop().unwrap_or(RESERVED);
        }
        let tables = tables
            .into_iter()
            .filter(|id| (*id as usize) < self.count());
        let fat: Vec<u32> = tables.flat_map(|id| numbers(self.sector(id))).collect();
        self.fat = fat;
        Ok(())
    }

    /// Returns what a chain of sectors holds.
    fn chain(&self, start: u32) -> Result<Vec<u8>, SheetError> {
        let mut bytes = Vec::new();
        let (mut next, mut seen) = (start, HashSet::new());
        while next < RESERVED {
            if (next as usize) >= self.count() || !seen.insert(next) {
                return Err(damaged("its chains of sectors are broken"));
            }
            bytes.extend_from_slice(self.sector(next));
            next = self.fat.get(next as usize).copied().unwrap_or(RESERVED);
        }
        Ok(bytes)
    }

    /// Returns what a chain of small sectors holds.
    fn small_chain(&self, start: u32) -> Result<Vec<u8>, SheetError> {
        let mut bytes = Vec::new();
        let mut next = start;
        while next < RESERVED && bytes.len() < SMALL {
            let from = (next as usize).saturating_mul(SMALL_SECTOR);
            let sector = self.small.get(from..).unwrap_or_default();
            if sector.is_empty() {
                return Err(damaged("its chains of sectors are broken"));
            }
            bytes.extend_from_slice(&sector[..sector.len().min(SMALL_SECTOR)]);
            next = self
                .small_fat
                .get(next as usize)
                .copied()
                .unwrap_or(RESERVED);
        }
        Ok(bytes)
    }

    /// Returns the stream with the sheets.
    fn workbook(&self) -> Result<Vec<u8>, SheetError> {
        let mut found = None;
        for entry in self.directory.chunks_exact(128) {
            let name: String = char::decode_utf16(numbers16(&entry[..64]).take_while(|c| *c != 0))
                .map(|c| c.unwrap_or('\u{fffd}'))
                .collect();
            if name.eq_ignore_ascii_case("EncryptedPackage") {
                return Err(SheetError::Password);
            }
            let is_book = ["Workbook", "Book"]
                .iter()
                .any(|n| name.eq_ignore_ascii_case(n));
            if !is_book {
                continue;
            }
            let start = u32_at(entry, 116).unwrap_or(RESERVED);
            let len = u32_at(entry, 120).unwrap_or(0) as usize;
            if self.size > 512 && u32_at(entry, 124) != Some(0) {
                return Err(damaged("one of its streams is longer than the file"));
            }
            let stream = match len < SMALL {
                true => self.small_chain(start)?,
                false => self.chain(start)?,
            };
            found.get_or_insert(stream);
        }
        found.ok_or(SheetError::NotASpreadsheet {
            what: "an old Office file without sheets",
        })
    }
}

/// Most cells all sheets of a file span together: one sheet full to its last row and to its
/// sixtieth column.
const MAX_SPAN: u64 = 4_000_000;

/// Refuses sheets that span more than memory is there for: their reader keeps every cell between
/// the first and the last.
fn check_sizes(stream: &[u8]) -> Result<(), SheetError> {
    let mut spanned = 0_u64;
    for record in Records(stream).take_while(|record| record.kind != END) {
        if record.kind != BOUND_SHEET {
            continue;
        }
        let at = u32_at(record.data, 0).unwrap_or(0) as usize;
        spanned += span_of(stream.get(at..).unwrap_or_default())?;
        if spanned > MAX_SPAN {
            return Err(SheetError::TooMany { line: 0 });
        }
    }
    Ok(())
}

const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const SEVERAL_NUMBERS: u16 = 0x00BD;
/// Records of cells; blank ones are not kept, and a text follows the formula it results from.
const CELLS: [u16; 8] = [
    0x0203,
    0x0204,
    0x00D6,
    0x0205,
    0x027E,
    0x00FD,
    SEVERAL_NUMBERS,
    0x0006,
];

/// Returns how many cells lie between the first and the last of a sheet.
fn span_of(sheet: &[u8]) -> Result<u64, SheetError> {
    let mut span = Span::default();
    // What begins within a sheet is a chart with cells of its own.
    let mut depth = 0_u32;
    for record in Records(sheet) {
        match record.kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            DIMENSIONS => check_dimensions(record.data)?,
            kind if CELLS.contains(&kind) => span.take(&record),
            _ => {}
        }
    }
    Ok(span.cells())
}

/// The first and last row and column with a cell.
#[derive(Default)]
struct Span(Option<[u64; 4]>);

impl Span {
    fn take(&mut self, record: &Record<'_>) {
        let row = u64::from(u16_at(record.data, 0).unwrap_or(0));
        let first = u64::from(u16_at(record.data, 2).unwrap_or(0));
        // Several numbers in one record end with their last column.
        let last = match record.kind {
            SEVERAL_NUMBERS => u16_at(record.data, record.data.len().saturating_sub(2)),
            _ => None,
        };
        let last = last.map_or(first, |last| u64::from(last).max(first));
        let [top, bottom, left, right] = self.0.unwrap_or([row, row, first, last]);
        self.0 = Some([
            top.min(row),
            bottom.max(row),
            left.min(first),
            right.max(last),
        ]);
    }

    fn cells(&self) -> u64 {
        self.0.map_or(0, |[top, bottom, left, right]| {
            (bottom - top + 1) * (right - left + 1)
        })
    }
}

/// Refuses dimensions no sheet has: memory is set aside for them.
fn check_dimensions(data: &[u8]) -> Result<(), SheetError> {
    let (first, last, left, right) = match data.len() {
        10 => (
            u16_at(data, 0).map(u32::from),
            u16_at(data, 2).map(u32::from),
            u16_at(data, 4),
            u16_at(data, 6),
        ),
        _ => (
            u32_at(data, 0),
            u32_at(data, 4),
            u16_at(data, 8),
            u16_at(data, 10),
        ),
    };
    let rows = first
        .zip(last)
        .is_some_and(|(first, last)| first <= last && last <= 65_536);
    let columns = left
        .zip(right)
        .is_some_and(|(left, right)| left <= right && right <= 256);
    match rows && columns {
        true => Ok(()),
        false => Err(damaged("its dimensions are none of a sheet")),
    }
}

/// One record of a BIFF stream.
struct Record<'a> {
    kind: u16,
    data: &'a [u8],
}

/// The records of a BIFF stream.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (kind, len) = (u16_at(self.0, 0)?, u16_at(self.0, 2)? as usize);
        let data = self.0.get(4..4 + len)?;
        self.0 = &self.0[4 + len..];
        Some(Record { kind, data })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn numbers16(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_without_any_result_were_never_calculated() {
        let mut formulas = Range::new((1, 2), (3, 2));
        formulas.set_value((1, 2), "A2+B2".to_owned());
        formulas.set_value((3, 2), "A4+B4".to_owned());
        let mut cells = Range::new((0, 0), (3, 2));
        cells.set_value((0, 0), Data::String("hours".to_owned()));
        cells.set_value((1, 2), Data::String(String::new()));
        cells.set_value((3, 2), Data::String(String::new()));
        let bare = uncalculated(&cells, &formulas);
        assert_eq!(bare, HashSet::from([(1, 2), (3, 2)]));
        cells.set_value((3, 2), Data::Float(7.0));
        assert!(uncalculated(&cells, &formulas).is_empty());
        assert!(uncalculated(&cells, &Range::empty()).is_empty());
    }
}
