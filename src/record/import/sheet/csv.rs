//! CSV, cell by cell: RFC 4180, with any line end, any delimiter and rows of any length.

use memchr::{memchr, memchr2, memchr3};

use super::SheetError;
use super::row::{CellKind, MAX_CELL, MAX_COLUMNS, RawRow};

/// Most bytes kept of one record. What lies beyond is passed over, and the cell marked too long.
const MAX_RECORD: usize = 8 << 20;

/// Reads one record after the other and knows on which row and line each begins.
pub(super) struct Cursor<'a> {
    source: &'a str,
    delimiter: u8,
    /// Where the next record begins, and on which line, from 0.
    at: usize,
    line_ends: u64,
    /// Rows before the next record, blank ones counted, line ends in quotes not.
    rows: u64,
    /// Line of the current record, from 1.
    line: u64,
    text: String,
    ends: Vec<u32>,
    kinds: Vec<CellKind>,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(source: &'a str, delimiter: u8) -> Self {
        Self {
            source,
            delimiter,
            at: 0,
            line_ends: 0,
            rows: 0,
            line: 1,
            text: String::new(),
            ends: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// Reads the next record; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<RawRow<'_>>, SheetError> {
        while self.take_line_end() {
            self.rows += 1;
        }
        if self.at == self.source.len() {
            return Ok(None);
        }
        self.text.clear();
        self.ends.clear();
        self.kinds.clear();
        self.rows += 1;
        self.line = self.line_ends + 1;
        loop {
            let kind = match self.byte() {
                Some(b'"') => self.quoted()?,
                _ => self.bare(self.at),
            };
            if self.ends.len() == MAX_COLUMNS {
                return Err(SheetError::TooWide { line: self.line });
            }
            self.ends.push(self.text.len() as u32);
            self.kinds.push(kind);
            if self.byte() != Some(self.delimiter) {
                break;
            }
            self.at += 1;
        }
        // Of the line end behind the record, which is not a blank row.
        self.take_line_end();
        Ok(Some(RawRow {
            number: self.rows,
            line: self.line,
            text: &self.text,
            start: 0,
            ends: &self.ends,
            kinds: &self.kinds,
        }))
    }

    fn byte(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn take_line_end(&mut self) -> bool {
        let len = match self.source.as_bytes()[self.at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.at += len;
        self.line_ends += 1;
        true
    }

    /// Takes everything to the next delimiter or line end as it stands.
    fn bare(&mut self, from: usize) -> CellKind {
        let rest = &self.source.as_bytes()[from..];
        let len = memchr3(self.delimiter, b'\r', b'\n', rest).unwrap_or(rest.len());
        self.at = from + len;
        let begun = self.ends.last().copied().unwrap_or(0) as usize;
        self.keep(begun, from, self.at)
    }

    /// Takes a cell in quotes, and whatever stands between them and the delimiter.
    fn quoted(&mut self) -> Result<CellKind, SheetError> {
        let begun = self.text.len();
        let opened = self.line_ends + 1;
        let mut kind = CellKind::Text;
        self.at += 1;
        loop {
            let rest = &self.source.as_bytes()[self.at..];
            let Some(len) = memchr(b'"', rest) else {
                return Err(SheetError::OpenQuote {
                    line: opened,
                    column: self.ends.len() + 1,
                });
            };
            self.line_ends += count_line_ends(&rest[..len]);
            let end = self.at + len;
            let is_doubled = rest.get(len + 1) == Some(&b'"');
            kind = worse(
                kind,
                self.keep(begun, self.at, end + usize::from(is_doubled)),
            );
            self.at = end + 1;
            if !is_doubled {
                break;
            }
            self.at += 1;
        }
        Ok(worse(kind, self.bare(self.at)))
    }

    /// Keeps a part of a cell that began at `begun` in the text, as far as there is room.
    fn keep(&mut self, begun: usize, from: usize, to: usize) -> CellKind {
        let part = &self.source[from..to];
        let is_long = self.text.len() - begun + part.len() > MAX_CELL;
        if is_long || self.text.len() + part.len() > MAX_RECORD {
            return CellKind::TooLong;
        }
        self.text.push_str(part);
        CellKind::Text
    }
}

const fn worse(one: CellKind, other: CellKind) -> CellKind {
    match one {
        CellKind::TooLong => one,
        _ => other,
    }
}

/// Counts line ends: LF, CRLF or CR.
pub(super) fn count_line_ends(bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    let mut ends = 0;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        let is_pair = rest[at] == b'\r' && rest.get(at + 1) == Some(&b'\n');
        rest = &rest[at + 1 + usize::from(is_pair)..];
        ends += 1;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(source: &str, delimiter: u8) -> Result<Vec<(u64, u64, Vec<String>)>, SheetError> {
        let mut cursor = Cursor::new(source, delimiter);
        let mut rows = Vec::new();
        while let Some(row) = cursor.next()? {
            let cells = row.cells().map(str::to_owned).collect();
            rows.push((row.number, row.line, cells));
        }
        Ok(rows)
    }

    #[test]
    fn rows_and_lines_are_counted_as_people_count_them() {
        let source = "\r\na,b\r\"x\ry\r\",2\n\n3,\"4\"\"5\"6\r\n";
        let rows = read(source, b',').expect("is CSV");
        let rows: Vec<_> = rows
            .iter()
            .map(|(n, line, cells)| (*n, *line, cells.join("|")))
            .collect();
        assert_eq!(
            rows,
            [
                (2, 2, "a|b".to_owned()),
                (3, 3, "x\ry|2".to_owned()),
                (5, 7, "3|4\"56".to_owned())
            ]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_where_it_opens() {
        let refused = read("a,b\n\n1,\"two\n3,4\n", b',').expect_err("is open");
        assert_eq!(refused, SheetError::OpenQuote { line: 3, column: 2 });
    }

    #[test]
    fn one_endless_record_takes_no_more_memory_than_a_long_one() {
        let long = "x".repeat(3 * MAX_CELL);
        for source in [format!("a,\"{long}\"\"{long}\",b"), format!("a,{long},b")] {
            let mut cursor = Cursor::new(&source, b',');
            let row = cursor.next().expect("is CSV").expect("is a row");
            assert_eq!((row.len(), row.cell(2)), (3, "b"));
            assert_eq!(row.kind(1), CellKind::TooLong);
            assert!(row.text.len() <= MAX_CELL + 2);
        }
        let commas = ",".repeat(2 * MAX_COLUMNS);
        let refused = read(&commas, b',').expect_err("is too wide");
        assert_eq!(refused, SheetError::TooWide { line: 1 });
    }

    fn oracle(source: &str, delimiter: u8) -> Vec<Vec<String>> {
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(source.as_bytes());
        let rows = reader.records().map(|row| row.expect("is UTF-8"));
        rows.map(|row| {
            row.iter()
                .map(|cell| super::super::row::trim(cell).to_owned())
                .collect()
        })
        .collect()
    }

    proptest! {
        #[test]
        fn what_has_no_open_quote_is_read_like_the_csv_crate_reads_it(
            cells in proptest::collection::vec(
                prop_oneof!["[a-z ]{0,4}", "\"([a-z,;\n\r]|\"\"){0,6}\"[a-z]{0,2}"], 1..20),
            ends in proptest::collection::vec(proptest::sample::select(vec![",", ",", "\n", "\r\n", "\r", "\n\n"]), 20),
        ) {
            let source: String = cells.iter().zip(&ends).flat_map(|(c, e)| [c.as_str(), e]).collect();
            let rows: Vec<_> = read(&source, b',').expect("quotes close").into_iter().map(|r| r.2).collect();
            prop_assert_eq!(rows, oracle(&source, b','));
        }

        #[test]
        fn any_text_is_read_or_refused(source in "([a-c,;\"\r\n]|.){0,80}") {
            if let Ok(rows) = read(&source, b';') {
                let lines = 1 + count_line_ends(source.as_bytes());
                prop_assert!(rows.iter().all(|(number, line, _)| number <= line && *line <= lines));
                prop_assert!(rows.is_sorted_by_key(|(number, ..)| *number));
            }
        }
    }
}
