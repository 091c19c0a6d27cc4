//! A file of any format as tables: which it is, which sheet is meant, and its rows.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::csv::Cursor;
use super::grid::Grid;
use super::header::{Fit, Head, HeadRow, LOOKED_AT, Wanted, find};
use super::row::RawRow;
use super::{SheetError, archive, ods, text, xls, xlsx};

/// The rows of one table.
pub(super) enum Table<'a> {
    /// A text, and what separates its cells.
    Csv { text: Cow<'a, str>, delimiter: u8 },
    /// A sheet of a spreadsheet.
    Grid(Grid),
}

/// What is done with a row: go on, or enough.
pub(super) type Take<'t, E> = dyn FnMut(RawRow<'_>) -> Result<ControlFlow<()>, E> + 't;

impl Table<'_> {
    /// Hands over every row in order, until `take` has enough.
    pub(super) fn each<E: From<SheetError>>(&self, take: &mut Take<'_, E>) -> Result<(), E> {
        match self {
            Self::Csv { text, delimiter } => {
                let mut cursor = Cursor::new(text, *delimiter);
                while let Some(row) = cursor.next()? {
                    if take(row)?.is_break() {
                        break;
                    }
                }
            }
            Self::Grid(grid) => {
                for at in 0..grid.len() {
                    if let Some(row) = grid.row(at)
                        && take(row)?.is_break()
                    {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the first rows that say something, up to and with the one the MAP names.
    fn first_rows(&self, asked: Option<u64>) -> Result<Vec<HeadRow>, SheetError> {
        let mut rows: Vec<HeadRow> = Vec::new();
        self.each(&mut |row: RawRow<'_>| -> Result<_, SheetError> {
            let is_wanted = asked.is_none_or(|asked| row.number >= asked);
            if is_wanted && !row.is_blank() {
                rows.push(HeadRow::of(&row));
            }
            Ok(match rows.len() < LOOKED_AT {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })?;
        Ok(rows)
    }
}

/// A table, its headers, and what is worth saying about how they were found.
pub(super) struct Found<'a> {
    pub(super) table: Table<'a>,
    pub(super) head: Head,
    /// The sheet, where the file has sheets.
    pub(super) sheet: Option<String>,
    pub(super) said: Vec<String>,
}

/// Opens a file, and finds the table and the headers in it.
///
/// What a library does with bytes from outside is not ours to trust: where one of them gives up
/// in a panic, the file is damaged, and that is all.
pub(super) fn open<'a>(
    file: &'a [u8],
    sheet: Option<&str>,
    asked: Option<u64>,
    wanted: &Wanted,
) -> Result<Found<'a>, SheetError> {
    let opened = catch_unwind(AssertUnwindSafe(|| match format_of(file)? {
        Format::Text => open_text(file, sheet, asked, wanted),
        Format::Zip => match archive::measure(file)? {
            measured if holds(&measured, "xl/workbook.xml") => {
                let mut book = xlsx::Workbook::open(file, &measured)?;
                let (names, hidden) = (book.names(), book.hidden());
                let read = &mut |name: &str, most| book.sheet(name, most);
                Sheets {
                    names,
                    hidden,
                    read,
                    asked,
                    wanted,
                }
                .choose(sheet)
            }
            measured if is_ods(&measured) => {
                let mut document = ods::Document::open(measured)?;
                let names = document.names();
                let read = &mut |name: &str, most| document.sheet(name, most);
                Sheets {
                    names,
                    hidden: Vec::new(),
                    read,
                    asked,
                    wanted,
                }
                .choose(sheet)
            }
            measured => Err(SheetError::NotASpreadsheet {
                what: what_else(&measured),
            }),
        },
        Format::Compound => {
            let mut book = xls::Workbook::open(file)?;
            let names = book.names();
            let read = &mut |name: &str, _| book.sheet(name);
            Sheets {
                names,
                hidden: Vec::new(),
                read,
                asked,
                wanted,
            }
            .choose(sheet)
        }
    }));
    opened.unwrap_or_else(|_| {
        Err(SheetError::Damaged {
            line: 0,
            detail: "it cannot be followed".to_owned(),
        })
    })
}

/// What a file is, by its first bytes.
enum Format {
    Text,
    Zip,
    Compound,
}

fn format_of(file: &[u8]) -> Result<Format, SheetError> {
    let not = |what| Err(SheetError::NotASpreadsheet { what });
    let head = file.trim_ascii_start();
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begins = |start: &str| {
        let start = start.as_bytes();
        head.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    match file {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => return Ok(Format::Zip),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => return Ok(Format::Compound),
        [0x1f, 0x8b, ..] => return not("a gzip archive; unpack it first"),
        _ => {}
    }
    if begins("%PDF") {
        return not("a PDF; ask for the spreadsheet it was made from");
    }
    if begins("<!doctype html") || begins("<html") || begins("<table") {
        return not("a web page; open it in a spreadsheet program and save it as XLSX");
    }
    if begins("<?xml") || begins("<") {
        return not("XML; export it as CSV or XLSX");
    }
    let second = head.get(1..).unwrap_or_default().trim_ascii_start().first();
    let is_json = matches!((head.first(), second), (Some(b'{'), Some(b'"' | b'}')))
        || matches!(
            (head.first(), second),
            (Some(b'['), Some(b'{' | b'[' | b']'))
        );
    if is_json {
        return not("JSON; export it as CSV or XLSX");
    }
    Ok(Format::Text)
}

fn holds(measured: &archive::Measured<'_>, part: &str) -> bool {
    measured.names.iter().any(|name| name == part)
}

fn is_ods(measured: &archive::Measured<'_>) -> bool {
    holds(measured, "content.xml") && !holds(measured, "word/document.xml")
}

fn what_else(measured: &archive::Measured<'_>) -> &'static str {
    let has = |start: &str| measured.names.iter().any(|name| name.starts_with(start));
    if has("xl/workbook.bin") {
        "XLSB; open it in a spreadsheet program and save it as XLSX"
    } else if has("word/") {
        "a text document; put its table into a spreadsheet"
    } else if has("Index/") {
        "an Apple Numbers file; export it as XLSX"
    } else {
        "a ZIP archive; unpack it first"
    }
}

/// What may separate cells, the likeliest first.
const DELIMITERS: [u8; 3] = *b",;\t";

fn open_text<'a>(
    file: &'a [u8],
    sheet: Option<&str>,
    asked: Option<u64>,
    wanted: &Wanted,
) -> Result<Found<'a>, SheetError> {
    if let Some(name) = sheet {
        return Err(SheetError::NoSheets {
            asked: name.to_owned(),
        });
    }
    let decoded = text::decode(file)?;
    if !text::is_written(&decoded.text) {
        return Err(SheetError::NotASpreadsheet {
            what: "neither text nor a spreadsheet",
        });
    }
    let mut best: Option<(u8, Head)> = None;
    let mut failed = None;
    for delimiter in DELIMITERS {
        let table = Table::Csv {
            text: Cow::Borrowed(&decoded.text),
            delimiter,
        };
        match table.first_rows(asked) {
            Ok(rows) => {
                let head = find(&rows, asked, wanted);
                let rank = |head: &Head| (head.fit, head.headers.len());
                if best
                    .as_ref()
                    .is_none_or(|(_, best)| rank(&head) > rank(best))
                {
                    best = Some((delimiter, head));
                }
            }
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    // Where one delimiter makes sense, it does not matter that another would not.
    let (delimiter, head) = match (best, failed) {
        (Some((delimiter, head)), None) => (delimiter, head),
        (Some((delimiter, head)), Some(_)) if head.fit.known > 0 => (delimiter, head),
        (_, Some(error)) => return Err(error),
        (None, None) => (DELIMITERS[0], Head::default()),
    };
    Ok(Found {
        table: Table::Csv {
            text: decoded.text,
            delimiter,
        },
        head,
        sheet: None,
        said: decoded.said.into_iter().collect(),
    })
}

/// Reads a sheet by its name, or only so many of its first rows.
type ReadSheet<'r> = dyn FnMut(&str, Option<usize>) -> Result<Grid, SheetError> + 'r;

/// The sheets of a file, one of which is meant.
struct Sheets<'r> {
    names: Vec<String>,
    /// Those of them that are known not to be shown.
    hidden: Vec<String>,
    read: &'r mut ReadSheet<'r>,
    asked: Option<u64>,
    wanted: &'r Wanted,
}

impl Sheets<'_> {
    /// Takes the sheet that is named, else the only one with anything in it, else the first whose
    /// headers fit.
    fn choose<'a>(mut self, named: Option<&str>) -> Result<Found<'a>, SheetError> {
        let mut said = Vec::new();
        let name = match (named, &self.names[..]) {
            (Some(named), names) => match names.iter().find(|name| name.trim() == named.trim()) {
                Some(name) => name.clone(),
                None => {
                    return Err(SheetError::NoSuchSheet {
                        asked: named.to_owned(),
                        there: self.listed(),
                    });
                }
            },
            (None, [only]) => only.clone(),
            (None, _) => {
                let (name, others) = self.first_that_fits()?;
                if !others.is_empty() {
                    said.push(format!(
                        "sheet {name:?} was read; for another name it with --sheet: {others}"
                    ));
                }
                name
            }
        };
        if self.hidden.contains(&name) {
            said.push(format!("sheet {name:?} was read, which is hidden"));
        }
        let table = Table::Grid((self.read)(&name, None)?);
        let head = find(&table.first_rows(self.asked)?, self.asked, self.wanted);
        Ok(Found {
            table,
            head,
            sheet: Some(name),
            said,
        })
    }

    /// Returns the sheet to read, and the names of the others that say something.
    fn first_that_fits(&mut self) -> Result<(String, String), SheetError> {
        let (hidden, shown): (Vec<_>, Vec<_>) = self
            .names
            .clone()
            .into_iter()
            .partition(|name| self.hidden.contains(name));
        let mut filled: Vec<(String, Fit)> = self.filled(shown)?;
        if filled.is_empty() {
            filled = self.filled(hidden)?;
        }
        let at = match &filled[..] {
            [] => return Err(SheetError::Empty),
            [_] => Some(0),
            several => best(several.iter().map(|(_, fit)| *fit)),
        };
        let Some(at) = at else {
            return Err(SheetError::WhichSheet {
                there: self.listed(),
            });
        };
        let (name, _) = filled.remove(at);
        let others: Vec<_> = filled.iter().map(|(name, _)| format!("{name:?}")).collect();
        Ok((name, others.join(", ")))
    }

    /// Returns the sheets that say something, and how well they fit.
    fn filled(&mut self, names: Vec<String>) -> Result<Vec<(String, Fit)>, SheetError> {
        let mut filled = Vec::new();
        for name in names {
            let most = self.asked.unwrap_or(0) as usize + LOOKED_AT;
            let table = Table::Grid((self.read)(&name, Some(most))?);
            let rows = table.first_rows(self.asked)?;
            if !rows.is_empty() {
                let fit = find(&rows, self.asked, self.wanted).fit;
                filled.push((name, fit));
            }
        }
        Ok(filled)
    }

    fn listed(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| format!("{name:?}")).collect();
        names.join(", ").chars().take(400).collect()
    }
}

/// Returns the first that fits whole, else the one that fits better than every other.
fn best(fits: impl Iterator<Item = Fit> + Clone) -> Option<usize> {
    if let Some(whole) = fits.clone().position(|fit| fit.is_whole) {
        return Some(whole);
    }
    let most = fits.clone().max().filter(|fit| fit.known > 0)?;
    let alone = fits.clone().filter(|fit| *fit == most).count() == 1;
    fits.clone().position(|fit| fit == most).filter(|_| alone)
}
