use proptest::prelude::*;

use super::archive::tests::pack;
use super::*;
use crate::model::Kind;
use crate::record::schema::Shape;

type Read = Vec<(u64, Vec<String>)>;

fn wanted() -> Wanted {
    Wanted::all_of(Shape::Kind(Kind::Training))
}

fn open<'a>(file: &'a [u8], rows: &'a Rows) -> Result<(Sheet<'a>, Read), SheetError> {
    let sheet = Sheet::open(file, None, rows, &wanted())?;
    let mut read = Vec::new();
    let width = sheet.headers.len();
    let each = sheet.each_row(&mut |row| {
        let cells = (0..width).map(|at| row.cell(at).to_owned());
        read.push((row.line, cells.collect()));
        Ok(())
    });
    match each {
        Ok(()) => Ok((sheet, read)),
        Err(RecordError::Sheet { error, .. }) => Err(error),
        Err(error) => panic!("only the file can fail: {error}"),
    }
}

fn read(file: &[u8], rows: &Rows) -> Result<Read, SheetError> {
    open(file, rows).map(|(_, read)| read)
}

#[track_caller]
fn check(file: &str, expected: &[(u64, &[&str])]) {
    let read = read(file.as_bytes(), &Rows::default()).expect("is a table");
    let expected: Read = expected
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
        header: Some(3),
        skip: vec![4],
        stop_at_blank: true,
        ignore: Some(regex::Regex::new("^(Total|Note)").expect("a pattern")),
    };
    let file = b"A title\n\na;b\n#x;#y\n1;2\nTotal;2\n3;4\n\n5;6\n";
    let (sheet, read) = open(file, &rows).expect("is a table");
    let lines: Vec<_> = read.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [5, 7]);
    assert!(sheet.said.is_empty(), "{:?}", sheet.said);
}

#[test]
fn titles_tags_and_repeated_headers_are_passed_over_and_said() {
    let file =
        "Our trainings;;\n\nTitle;start\n;#date+start;#x\nA;2018-01-09;5\nTitle;start\nB;;\n";
    let rows = Rows::default();
    let (sheet, read) = open(file.as_bytes(), &rows).expect("is a table");
    assert_eq!(
        read.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        [5, 7]
    );
    assert_eq!(sheet.column_name(2), "column 3");
    let said = sheet.said.join("; ");
    assert!(said.contains("row 3") && said.contains("row 4"), "{said}");
}

#[test]
fn what_is_no_spreadsheet_is_named() {
    for (file, part) in [
        (&b"%PDF-1.7"[..], "PDF"),
        (b"\xef\xbb\xbf<!DOCTYPE html><table>", "web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b" {\"dataSet\": 1}", "JSON"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"", "no headers"),
    ] {
        let refused = read(file, &Rows::default())
            .expect_err("is refused")
            .to_string();
        assert!(refused.contains(part), "{refused}");
    }
    for (parts, part) in [
        (&[("word/document.xml", &b"<x/>"[..])][..], "text document"),
        (&[("xl/workbook.bin", b"x")], "XLSB"),
        (&[("a.csv", b"x")], "ZIP"),
    ] {
        let refused = read(&pack(parts), &Rows::default()).expect_err("is refused");
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

/// Makes a workbook of sheets, each given as the XML of its rows.
fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let mut names = String::new();
    let mut targets = String::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for (at, (name, rows)) in sheets.iter().enumerate() {
        names.push_str(&format!(
            r#"<sheet name="{name}" sheetId="{0}" r:id="rId{0}"/>"#,
            at + 1
        ));
        targets.push_str(&format!(
            r#"<Relationship Id="rId{0}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{0}.xml"/>"#,
            at + 1
        ));
        parts.push((
            format!("xl/worksheets/sheet{}.xml", at + 1),
            format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let root = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    parts.push(("_rels/.rels".to_owned(), root.to_owned()));
    parts.push((
        "xl/workbook.xml".to_owned(),
        format!(r#"<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{names}</sheets></workbook>"#),
    ));
    parts.push((
        "xl/_rels/workbook.xml.rels".to_owned(),
        format!("<Relationships>{targets}</Relationships>"),
    ));
    let parts: Vec<_> = parts
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_bytes()))
        .collect();
    pack(&parts)
}

/// Makes the XML of a row of texts.
fn row(number: u32, cells: &[&str]) -> String {
    let cell = |(at, text): (usize, &&str)| {
        let name = letters(at);
        format!(r#"<c r="{name}{number}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    };
    let cells: String = cells.iter().enumerate().map(cell).collect();
    format!(r#"<row r="{number}">{cells}</row>"#)
}

#[test]
fn the_sheet_is_the_one_named_or_the_only_one_or_the_first_that_fits() {
    let data = [row(1, &["title", "start"]), row(2, &["A", "2018-01-09"])].concat();
    let notes = row(1, &["read me", "x"]);
    let rows = Rows::default();
    let sheet = |file: &[u8], name: Option<&str>| {
        let sheet = Sheet::open(file, name, &rows, &wanted());
        sheet.map(|s| (s.name.clone().unwrap_or_default(), s.said.join("; ")))
    };
    let file = workbook(&[("Notes", &notes), ("Data", &data), ("Blank", "")]);
    let (name, said) = sheet(&file, None).expect("one fits");
    assert!(name == "Data" && said.contains("\"Notes\""), "{said}");
    assert_eq!(sheet(&file, Some("Notes")).expect("is there").0, "Notes");
    let refused = sheet(&file, Some("Other"))
        .expect_err("is not there")
        .to_string();
    assert!(refused.contains("\"Data\""), "{refused}");
    let only = workbook(&[("Blank", ""), ("Notes", &notes)]);
    assert_eq!(sheet(&only, None).expect("one has data").0, "Notes");
    let which = workbook(&[("A", &notes), ("B", &notes)]);
    let refused = sheet(&which, None).expect_err("none fits").to_string();
    assert!(refused.contains("--sheet"), "{refused}");
    assert_eq!(
        sheet(&workbook(&[("A", "")]), None),
        Err(SheetError::NoHeader { row: 1 })
    );
    let refused = sheet(b"title,start\n", Some("A")).expect_err("is CSV");
    assert!(refused.to_string().contains("--sheet"));
}

#[test]
fn cells_of_a_spreadsheet_say_what_they_are() {
    let cells = r#"<row r="5"><c r="A5"><v>12</v></c><c r="B5" t="e"><v>#DIV/0!</v></c><c r="C5"><f>1+1</f></c><c r="D5" t="b"><v>1</v></c><c r="E5"><f>1+1</f><v>2</v></c></row>"#;
    let data = [row(1, &["title", "start", "a", "b", "c"]), cells.to_owned()].concat();
    let file = workbook(&[("A", &data)]);
    let rows = Rows::default();
    let sheet = Sheet::open(&file, None, &rows, &wanted()).expect("is a table");
    let mut seen = Vec::new();
    let each = sheet.each_row(&mut |row| {
        seen.extend((0..5).map(|at| (row.line, row.cell(at).to_owned(), row.kind(at))));
        Ok(())
    });
    each.expect("is read");
    let expected = [
        ("12", CellKind::Number),
        ("#DIV/0!", CellKind::Error),
        ("", CellKind::NoResult),
        ("TRUE", CellKind::Text),
        ("2", CellKind::Number),
    ];
    let expected = expected.map(|(text, kind)| (5, text.to_owned(), kind));
    assert_eq!(seen, expected);
}

#[test]
fn an_enormous_cell_is_marked_and_the_rest_is_read() {
    let long = "x".repeat(10 << 20);
    let data = [
        row(1, &["title", "start"]),
        row(2, &["A", &long]),
        row(3, &["B", "c"]),
    ]
    .concat();
    let file = workbook(&[("A", &data)]);
    let rows = Rows::default();
    let sheet = Sheet::open(&file, None, &rows, &wanted()).expect("is a table");
    let mut long = Vec::new();
    let each = sheet.each_row(&mut |row| {
        long.push((row.line, row.too_long()));
        Ok(())
    });
    each.expect("is read");
    assert_eq!(long, [(2, Some(1)), (3, None)]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        file in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b",;\t\r\n\"ab".to_vec())],
            0..200,
        ),
        header in proptest::option::of(1u64..4),
    ) {
        let rows = Rows { header, ..Rows::default() };
        if let Ok(read) = read(&file, &rows) {
            prop_assert!(read.iter().all(|(line, _)| *line <= file.len() as u64 + 1));
            prop_assert!(read.is_sorted_by_key(|(line, _)| *line));
        }
    }

    #[test]
    fn a_spreadsheet_with_any_byte_changed_is_read_or_refused(
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let data = [row(1, &["title", "start"]), row(2, &["A", "2018-01-09"])].concat();
        let mut file = workbook(&[("A", &data)]);
        let at = at.index(file.len());
        file[at] = byte;
        let _either = read(&file, &Rows::default()).is_ok();
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
        let file = format!("title,start\n{}\n", rows.join("\n"));
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
