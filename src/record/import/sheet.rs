//! A CSV file as rows of cells: UTF-8, any of the three line ends, `,` `;` or tab.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

use super::map::Rows;
use crate::record::schema::Field;

/// Why a file cannot be read as a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Larger than is taken into memory.
    #[error("the file is larger than {} MiB; split it", MAX_FILE >> 20)]
    TooLarge,
    /// Not UTF-8.
    #[error("line {line} is not UTF-8; save the file as \"CSV UTF-8\" and try again")]
    NotUtf8 {
        /// The first such line, from 1.
        line: u64,
    },
    /// The row of headers is not there, or blank.
    #[error("row {row} has no headers; say in the MAP which row has: [rows] header = N")]
    NoHeader {
        /// The row, from 1.
        row: u64,
    },
    /// A column the MAP names is not there.
    #[error(
        "the MAP takes {field} from {header:?}, and no column is called so; there are: {there}"
    )]
    NoColumn {
        /// Our field.
        field: String,
        /// Their header.
        header: String,
        /// The headers that are there.
        there: String,
    },
    /// Two columns with one header that is asked for.
    #[error("two columns are called {header:?}; rename one")]
    TwoColumns {
        /// Their header.
        header: String,
    },
    /// Nothing gives a field that every row needs.
    #[error("no column gives {field}; say in the MAP which does: [columns] {field} = \"…\"")]
    NothingGives {
        /// The field.
        field: Field,
    },
    /// No column is one of ours.
    #[error("no column is one of ours ({accepted}); say in the MAP which are: [columns]")]
    NoneOfOurs {
        /// Our fields.
        accepted: String,
    },
    /// Quotes that the reader cannot follow.
    #[error("line {line} cannot be read as CSV")]
    Broken {
        /// The line, from 1.
        line: u64,
    },
}

/// Largest file, in bytes. A hundred thousand rows are about ten million.
pub const MAX_FILE: usize = 256 << 20;

/// A file that has been checked, with its headers.
pub(super) struct Sheet<'a> {
    text: Cow<'a, str>,
    delimiter: u8,
    rows: &'a Rows,
    pub(super) headers: Vec<String>,
}

/// One row, with its cells trimmed by nobody yet.
pub(super) struct SheetRow<'a> {
    /// Its first line in the file, from 1.
    pub(super) line: u64,
    cells: &'a StringRecord,
}

impl<'a> Sheet<'a> {
    /// Checks the encoding and finds line end, delimiter and headers.
    pub(super) fn open(file: &'a [u8], rows: &'a Rows) -> Result<Self, SheetError> {
        if file.len() > MAX_FILE {
            return Err(SheetError::TooLarge);
        }
        let text = std::str::from_utf8(file).map_err(|error| SheetError::NotUtf8 {
            line: 1 + count_line_ends(&file[..error.valid_up_to()]),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = if text.contains('\r') && !text.contains('\n') {
            Cow::Owned(text.replace('\r', "\n"))
        } else {
            Cow::Borrowed(text)
        };
        let mut found: Option<(u8, Vec<String>)> = None;
        for delimiter in *b",;\t" {
            let headers = headers(&text, delimiter, rows.header)?;
            if found
                .as_ref()
                .is_none_or(|(_, most)| headers.len() > most.len())
            {
                found = Some((delimiter, headers));
            }
        }
        match found {
            Some((delimiter, headers)) if headers.iter().any(|h| !h.is_empty()) => Ok(Self {
                text,
                delimiter,
                rows,
                headers,
            }),
            _ => Err(SheetError::NoHeader { row: rows.header }),
        }
    }

    /// Hands over every row of data, until `each` says stop.
    pub(super) fn each_row(
        &self,
        each: &mut dyn FnMut(SheetRow<'_>) -> Result<(), crate::record::RecordError>,
    ) -> Result<(), crate::record::RecordError> {
        let mut cursor = Cursor::new(&self.text, self.delimiter);
        let mut last = self.rows.header;
        while cursor.advance()? {
            if cursor.row <= self.rows.header {
                continue;
            }
            // Blank lines lie between two records, never in one.
            let after_gap = cursor.row > last + 1;
            let blank = cursor.cells.iter().all(|cell| cell.trim().is_empty());
            if self.rows.stop_at_blank && (after_gap || blank) {
                break;
            }
            last = cursor.row;
            if !blank && !self.is_left_out(&cursor) {
                each(SheetRow {
                    line: cursor.line,
                    cells: &cursor.cells,
                })?;
            }
        }
        Ok(())
    }

    fn is_left_out(&self, cursor: &Cursor<'_>) -> bool {
        let first = cursor.cells.get(0).unwrap_or_default().trim();
        let ignored = |pattern: &regex::Regex| pattern.is_match(first);
        self.rows.skip.contains(&cursor.row) || self.rows.ignore.as_ref().is_some_and(ignored)
    }
}

impl SheetRow<'_> {
    /// Returns a cell, trimmed. A row may be short: what is missing at its end is not known.
    pub(super) fn cell(&self, at: usize) -> &str {
        self.cells.get(at).unwrap_or_default().trim()
    }

    /// Returns the first cell beyond the headers that says something: a sign of a stray delimiter.
    pub(super) fn stray(&self, width: usize) -> Option<&str> {
        let beyond = self.cells.iter().skip(width);
        beyond.map(str::trim).find(|cell| !cell.is_empty())
    }
}

fn headers(text: &str, delimiter: u8, row: u64) -> Result<Vec<String>, SheetError> {
    let mut cursor = Cursor::new(text, delimiter);
    while cursor.advance()? {
        if cursor.row == row {
            let headers = cursor.cells.iter().map(|cell| cell.trim().to_owned());
            return Ok(headers.collect());
        }
        if cursor.row > row {
            break;
        }
    }
    Ok(Vec::new())
}

/// Reads records and knows on which row and line each begins.
///
/// The `csv` reader skips blank lines without telling, and people count them.
struct Cursor<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    cells: StringRecord,
    /// Row of the current record, from 1, blank lines counted, line ends in quotes not.
    row: u64,
    /// First line of the current record, from 1.
    line: u64,
    /// Bytes whose line ends are in `line`.
    counted: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str, delimiter: u8) -> Self {
        let bytes = text.as_bytes();
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        Self {
            bytes,
            reader,
            cells: StringRecord::new(),
            row: 0,
            line: 1,
            counted: 0,
        }
    }

    fn advance(&mut self) -> Result<bool, SheetError> {
        let (start, blank) = self.skip_blank_lines();
        self.line += count_line_ends(&self.bytes[self.counted..start]);
        self.counted = start;
        let line = self.line;
        let read = self.reader.read_record(&mut self.cells);
        let more = read.map_err(|_| SheetError::Broken { line })?;
        self.row += blank + 1;
        Ok(more)
    }

    /// Returns where the next record begins, and how many blank lines lie before it.
    fn skip_blank_lines(&self) -> (usize, u64) {
        let at = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let mut at = at.min(self.bytes.len());
        let byte = |at: usize| self.bytes.get(at).copied();
        // The reader may stand between the two bytes of a line end.
        if at > 0 && byte(at - 1) == Some(b'\r') && byte(at) == Some(b'\n') {
            at += 1;
        }
        let mut blank = 0;
        while let Some(end @ (b'\r' | b'\n')) = byte(at) {
            at += if end == b'\r' && byte(at + 1) == Some(b'\n') {
                2
            } else {
                1
            };
            blank += 1;
        }
        (at, blank)
    }
}

/// Counts line ends: LF, CRLF or CR.
fn count_line_ends(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(file: &[u8], rows: &Rows) -> Result<Vec<(u64, Vec<String>)>, SheetError> {
        let sheet = Sheet::open(file, rows)?;
        let mut read = Vec::new();
        let width = sheet.headers.len();
        let each = sheet.each_row(&mut |row| {
            read.push((
                row.line,
                (0..width).map(|at| row.cell(at).to_owned()).collect(),
            ));
            Ok(())
        });
        each.expect("CSV that opens is read");
        Ok(read)
    }

    #[track_caller]
    fn check(file: &str, expected: &[(u64, &[&str])]) {
        let read = read(file.as_bytes(), &Rows::default()).expect("is a table");
        let expected: Vec<(u64, Vec<String>)> = expected
            .iter()
            .map(|(line, cells)| (*line, cells.iter().map(|c| (*c).to_owned()).collect()))
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn every_line_end_and_delimiter_is_read() {
        let expected: &[(u64, &[&str])] = &[(2, &["1", "x"]), (3, &["2", "y"])];
        for end in ["\n", "\r\n", "\r"] {
            for delimiter in [",", ";", "\t"] {
                let file = format!("a{delimiter}b{end}1{delimiter}x{end}2{delimiter}y{end}");
                check(&file, expected);
                check(&format!("\u{feff}{file}"), expected);
            }
        }
    }

    #[test]
    fn short_rows_and_blank_lines_keep_their_line_numbers() {
        check(
            "a,b\n\n1\n\n\n\"x\ny\",2\n3,4\n",
            &[(3, &["1", ""]), (6, &["x\ny", "2"]), (8, &["3", "4"])],
        );
        check(
            "a,b\r\n\r\n1\r\n\r\n2,3\r\n",
            &[(3, &["1", ""]), (5, &["2", "3"])],
        );
    }

    #[test]
    fn rows_are_left_out_as_the_map_says() {
        let rows = Rows {
            header: 3,
            skip: vec![4],
            stop_at_blank: true,
            ignore: Some(regex::Regex::new("^(Total|Note)").expect("a pattern")),
        };
        let file = b"A title\n\na;b\n#x;#y\n1;2\nTotal;2\n3;4\n\n5;6\n";
        let read = read(file, &rows).expect("is a table");
        let lines: Vec<_> = read.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [5, 7]);
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_line() {
        let latin = b"a,b\r\n1,2\r\ncaf\xe9,3\r\n";
        assert_eq!(
            read(latin, &Rows::default()),
            Err(SheetError::NotUtf8 { line: 3 })
        );
        assert_eq!(
            read(b"", &Rows::default()),
            Err(SheetError::NoHeader { row: 1 })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            file in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(b",;\t\r\n\"ab".to_vec())],
                0..200,
            ),
            header in 1u64..4,
        ) {
            let rows = Rows { header, ..Rows::default() };
            if let Ok(read) = read(&file, &rows) {
                let lines = 1 + count_line_ends(&file);
                prop_assert!(read.iter().all(|(line, _)| *line <= lines));
                prop_assert!(read.is_sorted_by_key(|(line, _)| *line));
            }
        }

        #[test]
        fn cells_come_back_as_they_were_written(
            cells in proptest::collection::vec("[a-z,;\"\n]{1,6}", 6..=6),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let rows: Vec<String> = cells
                .chunks(2)
                .map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(","))
                .collect();
            let file = format!("a,b\n{}\n", rows.join("\n"));
            let read = read(file.as_bytes(), &Rows::default()).expect("is a table");
            let trimmed: Vec<_> = cells.iter().map(|cell| cell.trim()).collect();
            let kept: Vec<_> = trimmed
                .chunks(2)
                .filter(|row| row.iter().any(|cell| !cell.is_empty()))
                .collect();
            let read: Vec<_> = read.iter().map(|(_, row)| row.as_slice()).collect();
            prop_assert_eq!(read, kept);
        }
    }
}
