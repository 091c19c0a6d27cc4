//! ODS, read as a stream. OASIS ODF 1.2, part 1, chapter 9.

use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::SheetError;
use super::archive::{Archive, Measured};
use super::grid::{Grid, Merge, number_text};
use super::row::{CellKind, MAX_COLUMNS};

/// A document whose content can be read again and again.
pub(super) struct Document<'a> {
    archive: Archive<'a>,
    names: Vec<String>,
}

impl<'a> Document<'a> {
    pub(super) fn open(measured: Measured<'a>) -> Result<Self, SheetError> {
        let mut document = Self {
            archive: measured.archive,
            names: Vec::new(),
        };
        if document.is_encrypted() {
            return Err(SheetError::Password);
        }
        let mut names = Vec::new();
        document.read(&mut |content| {
            while let Some(name) = content.next_table()? {
                names.push(name);
            }
            Ok(())
        })?;
        document.names = names;
        Ok(document)
    }

    fn is_encrypted(&mut self) -> bool {
        let Ok(part) = self.archive.by_name("META-INF/manifest.xml") else {
            return false;
        };
        let manifest = std::io::read_to_string(std::io::Read::take(part, 1 << 20));
        manifest.is_ok_and(|text| text.contains("encryption-data"))
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Reads a sheet, or only so many of its first rows.
    pub(super) fn sheet(&mut self, name: &str, most: Option<usize>) -> Result<Grid, SheetError> {
        let mut grid = Grid::default();
        self.read(&mut |content| {
            while let Some(found) = content.next_table()? {
                if found == name {
                    return content.table(&mut grid, most.unwrap_or(usize::MAX));
                }
            }
            Ok(())
        })?;
        grid.unmerged()
    }

    fn read(
        &mut self,
        with: &mut dyn FnMut(&mut Content<'_>) -> Result<(), SheetError>,
    ) -> Result<(), SheetError> {
        let part = self.archive.by_name("content.xml");
        let part = part.map_err(|error| damaged(0, error))?;
        let mut reader = Reader::from_reader(BufReader::new(part));
        reader.config_mut().expand_empty_elements = true;
        with(&mut Content {
            next: &mut |buffer| reader.read_event_into(buffer),
            buffer: Vec::new(),
            row: 0,
        })
    }
}

/// Where the next event of the document comes from.
type Next<'a> = dyn for<'b> FnMut(&'b mut Vec<u8>) -> Result<Event<'b>, quick_xml::Error> + 'a;

/// The document's content as it goes by.
struct Content<'a> {
    next: &'a mut Next<'a>,
    buffer: Vec<u8>,
    /// The row that is being read, from 0.
    row: u32,
}

/// Most rows that say the same one under the other: more were filled down by mistake, or to harm.
const MAX_REPEATED: u32 = 1000;

/// One cell, and how often it stands beside itself.
#[derive(Default)]
struct Cell {
    text: String,
    kind: CellKind,
    columns: u32,
    /// Rows it is merged over.
    span: u32,
}

impl Content<'_> {
    /// Goes on to the next sheet and returns its name.
    fn next_table(&mut self) -> Result<Option<String>, SheetError> {
        loop {
            self.buffer.clear();
            match (self.next)(&mut self.buffer).map_err(|error| damaged(0, error))? {
                Event::Start(tag) if tag.name().as_ref() == "table:table" => {
                    let name = attribute(&tag, "table:name");
                    self.row = 0;
                    return Ok(Some(name.unwrap_or_default()));
                }
                Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    /// Reads the rows of the sheet whose beginning went by.
    fn table(&mut self, grid: &mut Grid, most: usize) -> Result<(), SheetError> {
        loop {
            self.buffer.clear();
            let event = (self.next)(&mut self.buffer);
            match event.map_err(|error| damaged(self.row, error))? {
                Event::Start(tag) if tag.name().as_ref() == "table:table-row" => {
                    let times = repeated(&tag, "table:number-rows-repeated");
                    self.row_of(grid, times)?;
                    if grid.len() > most {
                        return Ok(());
                    }
                }
                Event::End(tag) if tag.name().as_ref() == "table:table" => return Ok(()),
                Event::Eof => return Err(damaged(self.row, "it ends within a sheet")),
                _ => {}
            }
        }
    }

    /// Reads a row and puts it into the grid as often as it stands there.
    fn row_of(&mut self, grid: &mut Grid, times: u32) -> Result<(), SheetError> {
        let mut cells: Vec<(u32, Cell)> = Vec::new();
        let mut column: u32 = 0;
        loop {
            self.buffer.clear();
            let event = (self.next)(&mut self.buffer);
            match event.map_err(|error| damaged(self.row, error))? {
                Event::Start(tag) if is_cell(&tag) => {
                    let mut cell = begun(&tag);
                    let is_silent = cell.text.is_empty();
                    self.cell_text(is_silent.then_some(&mut cell.text))?;
                    if cell.kind == CellKind::NoResult && !cell.text.is_empty() {
                        cell.kind = CellKind::Text;
                    }
                    let next = column.saturating_add(cell.columns);
                    if !cell.text.is_empty() || cell.kind.fault().is_some() {
                        cells.push((column, cell));
                    }
                    column = next;
                }
                Event::End(tag) if tag.name().as_ref() == "table:table-row" => break,
                Event::Eof => return Err(damaged(self.row, "it ends within a row")),
                _ => {}
            }
        }
        // Blank rows, often a million of them up to the end of the sheet, are only counted.
        let shown = if cells.is_empty() { 0 } else { times };
        if shown > MAX_REPEATED {
            return Err(SheetError::Repeated {
                line: u64::from(self.row) + 1,
                times,
            });
        }
        for row in 0..shown {
            self.put(grid, self.row.saturating_add(row), &cells)?;
        }
        self.row = self.row.saturating_add(times);
        Ok(())
    }

    fn put(&self, grid: &mut Grid, row: u32, cells: &[(u32, Cell)]) -> Result<(), SheetError> {
        for (column, cell) in cells {
            for beside in 0..cell.columns.min(MAX_COLUMNS as u32 + 1) {
                grid.push((row, column.saturating_add(beside)), &cell.text, cell.kind)?;
            }
            grid.merge(Merge {
                rows: (row, row.saturating_add(cell.span.saturating_sub(1))),
                column: *column,
            });
        }
        Ok(())
    }

    /// Reads to the end of a cell, and its paragraphs into `text`; what is drawn on it, or noted
    /// beside it, is passed over.
    fn cell_text(&mut self, mut text: Option<&mut String>) -> Result<(), SheetError> {
        let (mut depth, mut hidden, mut paragraphs) = (0_u32, None, 0_u32);
        let mut add = |part: &str| {
            if let Some(text) = text.as_deref_mut() {
                text.push_str(part);
            }
        };
        loop {
            self.buffer.clear();
            let event = (self.next)(&mut self.buffer);
            let event = event.map_err(|error| damaged(self.row, error))?;
            let is_shown = hidden.is_none() && paragraphs > 0;
            match event {
                Event::Start(tag) => {
                    depth += 1;
                    match tag.name().as_ref() {
                        "text:p" if hidden.is_none() => {
                            paragraphs += 1;
                            add(if paragraphs > 1 { "\n" } else { "" });
                        }
                        "text:s" if is_shown => {
                            let blanks = repeated(&tag, "text:c").min(1000);
                            add(&" ".repeat(blanks as usize));
                        }
                        "text:tab" if is_shown => add("\t"),
                        "text:line-break" if is_shown => add("\n"),
                        "office:annotation" | "draw:frame" | "table:table" | "table:shapes" => {
                            hidden = hidden.or(Some(depth));
                        }
                        _ => {}
                    }
                }
                Event::End(_) if depth == 0 => return Ok(()),
                Event::End(_) => {
                    hidden = hidden.filter(|from| *from != depth);
                    depth -= 1;
                }
                Event::Text(part) if is_shown => add(&part.xml10_content()),
                Event::CData(part) if is_shown => add(&part.xml10_content()),
                Event::GeneralRef(entity) if is_shown => {
                    let entity: &str = &entity;
                    let part = quick_xml::escape::unescape(&format!("&{entity};"))
                        .map(std::borrow::Cow::into_owned);
                    add(&part.map_err(|error| damaged(self.row, error))?);
                }
                Event::Eof => return Err(damaged(self.row, "it ends within a cell")),
                _ => {}
            }
        }
    }
}

fn is_cell(tag: &BytesStart<'_>) -> bool {
    matches!(
        tag.name().as_ref(),
        "table:table-cell" | "table:covered-table-cell"
    )
}

/// Reads what the tag of a cell says: its value, unless that is its text.
fn begun(tag: &BytesStart<'_>) -> Cell {
    let of = |name| attribute(tag, name);
    let is_error = of("calcext:value-type").as_deref() == Some("error");
    let (text, kind) = match of("office:value-type").as_deref() {
        _ if is_error => (String::new(), CellKind::Error),
        Some(form @ ("float" | "percentage" | "currency")) => {
            let kind = match form {
                "percentage" => CellKind::Percentage,
                _ => CellKind::Number,
            };
            let number = of("office:value").and_then(|text| text.parse().ok());
            (number.map_or_else(String::new, number_text), kind)
        }
        Some("date") => (of("office:date-value").unwrap_or_default(), CellKind::Date),
        Some("boolean") => {
            let yes = of("office:boolean-value").unwrap_or_default();
            (yes.to_uppercase(), CellKind::Text)
        }
        Some("string") => (
            of("office:string-value").unwrap_or_default(),
            CellKind::Text,
        ),
        None if of("table:formula").is_some() => (String::new(), CellKind::NoResult),
        _ => (String::new(), CellKind::Text),
    };
    Cell {
        text,
        kind,
        columns: repeated(tag, "table:number-columns-repeated"),
        span: repeated(tag, "table:number-rows-spanned"),
    }
}

fn repeated(tag: &BytesStart<'_>, name: &str) -> u32 {
    let text = attribute(tag, name);
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    let value = quick_xml::escape::unescape(&found.value).ok()?;
    Some(value.into_owned())
}

fn damaged(row: u32, detail: impl ToString) -> SheetError {
    SheetError::Damaged {
        line: u64::from(row) + 1,
        detail: detail.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::{measure, tests::pack};
    use super::*;

    fn document(tables: &str) -> Vec<u8> {
        let content = format!(
            "<office:document-content><office:body>{tables}</office:body></office:document-content>"
        );
        pack(&[("content.xml", content.as_bytes())])
    }

    fn grid(tables: &str, name: &str) -> Result<Grid, SheetError> {
        let file = document(tables);
        Document::open(measure(&file)?)?.sheet(name, None)
    }

    const SHEET: &str = r#"<table:table table:name="A"></table:table>
        <table:table table:name="R&amp;D"><table:table-column/>
        <table:table-row><table:table-cell office:value-type="string"><text:p>a<text:s text:c="2"/>b &amp; c</text:p><text:p>d</text:p></table:table-cell>
          <table:table-cell table:number-columns-repeated="2"/>
          <table:table-cell office:value-type="float" office:value="12" table:number-rows-spanned="2"><office:annotation><text:p>a note</text:p></office:annotation><text:p>12,00</text:p></table:table-cell></table:table-row>
        <table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>
        <table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="date" office:date-value="2018-03-31"><text:p>31.03.18</text:p></table:table-cell><table:table-cell table:formula="of:=1/0" calcext:value-type="error" office:value-type="string" office:string-value=""><text:p>#DIV/0!</text:p></table:table-cell><table:table-cell table:formula="of:=1"/></table:table-row>
        <table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>
        </table:table>"#;

    #[test]
    fn cells_are_read_with_their_kinds_and_places() {
        let grid = grid(SHEET, "R&D").expect("is a sheet");
        let rows: Vec<_> = (0..grid.len()).filter_map(|at| grid.row(at)).collect();
        assert_eq!(rows.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 5, 6]);
        let first: Vec<_> = rows[0].cells().collect();
        assert_eq!(first, ["a  b & c\nd", "", "", "12"]);
        let kinds = [0, 1, 2].map(|at| (rows[2].cell(at), rows[2].kind(at)));
        assert_eq!(
            kinds,
            [
                ("2018-03-31", CellKind::Date),
                ("#DIV/0!", CellKind::Error),
                ("", CellKind::NoResult)
            ]
        );
    }

    #[test]
    fn a_percentage_is_no_number() {
        let sheet = r#"<table:table table:name="A"><table:table-row><table:table-cell office:value-type="percentage" office:value="12"><text:p>1200%</text:p></table:table-cell></table:table-row></table:table>"#;
        let grid = grid(sheet, "A").expect("is a sheet");
        let row = grid.row(0).expect("is there");
        assert!(
            row.kind(0)
                .fault()
                .is_some_and(|fault| fault.contains("percentage"))
        );
    }

    #[test]
    fn a_cell_repeated_without_end_is_refused() {
        let bomb = r#"<table:table table:name="A"><table:table-row table:number-rows-repeated="4000000000"><table:table-cell table:number-columns-repeated="16000" office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row></table:table>"#;
        assert!(matches!(
            grid(bomb, "A"),
            Err(SheetError::Repeated { line: 1, .. })
        ));
        let wide = bomb.replace("4000000000", "1000");
        assert!(matches!(grid(&wide, "A"), Err(SheetError::TooMany { .. })));
        let plain = bomb.replace("4000000000", "1000").replace("16000", "2");
        assert_eq!(grid(&plain, "A").map(|grid| grid.len()), Ok(1000));
        let cut = r#"<table:table table:name="A"><table:table-row>"#;
        assert!(matches!(grid(cut, "A"), Err(SheetError::Damaged { .. })));
    }
}
