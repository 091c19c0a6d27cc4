//! An empty table to fill in: the columns we understand, with one row as an example.

use rust_xlsxwriter::{
    DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format, Formula,
    Workbook, Worksheet, XlsxError,
};

use super::codes::{CURRENCY, CodeLists, OTHER};
use super::schema::{Codes, Column, Field, Shape, Type};

/// Rows below the headers in which drop-downs and formats wait.
const ROWS: u32 = 1000;
/// The sheet with the codes the drop-downs offer.
const CODES: &str = "codes";

/// Writes a template as CSV.
pub fn csv(shape: Shape, codes: &CodeLists) -> String {
    let headers = shape.columns().map(|column| column.field.to_string());
    let example = shape
        .columns()
        .map(|column| quoted(&example(column, codes)));
    let lines = [headers.collect::<Vec<_>>(), example.collect()];
    lines.map(|cells| cells.join(",") + "\n").concat()
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

/// Writes a template as XLSX, with drop-downs for codes. Nobody is named as its author.
///
/// # Errors
/// Fails where the file cannot be put together.
pub fn xlsx(shape: Shape, codes: &CodeLists) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // A day long past: when somebody asked for it is nobody's business.
    let made = ExcelDateTime::from_ymd(2018, 1, 1)?;
    let nobody = DocProperties::new().set_author("");
    book.set_properties(&nobody.set_creation_datetime(&made));
    let mut table = Worksheet::new();
    table.set_name(super::edit::shape_name(shape))?;
    table.set_freeze_panes(1, 0)?;
    let mut lists = Worksheet::new();
    lists.set_name(CODES)?;
    lists.set_hidden(true);
    let mut used = 0;
    for (at, column) in (0..).zip(shape.columns()) {
        write_column(&mut table, at, column, codes)?;
        let offered = offered(column.holds, codes);
        if !offered.is_empty() {
            lists.write(0, used, column.field.as_str())?;
            for (row, code) in (1..).zip(&offered) {
                lists.write(row, used, code)?;
            }
            table.add_data_validation(1, at, ROWS, at, &drop_down(column, used, offered.len()))?;
            used += 1;
        }
    }
    book.push_worksheet(table);
    if used > 0 {
        book.push_worksheet(lists);
    }
    book.save_to_buffer()
}

fn write_column(
    table: &mut Worksheet,
    at: u16,
    column: &Column,
    codes: &CodeLists,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    table.write_with_format(0, at, column.field.as_str(), &bold)?;
    table.set_column_width(at, 16)?;
    // Dates are written as such, and texts stay as they are typed: 007 is no number.
    let (format, is_number) = match column.holds {
        Type::Date => (Format::new().set_num_format("yyyy-mm-dd"), false),
        Type::Count | Type::Hours | Type::Money => (Format::new(), true),
        _ => (Format::new().set_num_format("@"), false),
    };
    table.set_column_format(at, &format)?;
    let text = example(column, codes);
    match (column.holds, text.parse::<f64>()) {
        _ if text.is_empty() => {}
        (Type::Date, _) => {
            let day = ExcelDateTime::parse_from_str(&text)?;
            table.write_with_format(1, at, day, &format)?;
        }
        (_, Ok(number)) if is_number => {
            table.write(1, at, number)?;
        }
        _ => {
            table.write_with_format(1, at, text, &format)?;
        }
    }
    Ok(())
}

/// Offers the codes of a column of the other sheet. Several codes may be typed, so there another
/// text only raises a question.
fn drop_down(column: &Column, at: u16, codes: usize) -> DataValidation {
    let letter = char::from(b'A' + (at % 26) as u8);
    let range = format!("={CODES}!${letter}$2:${letter}${}", codes + 1);
    let one = !matches!(column.holds, Type::CodeList(_) | Type::Places);
    let style = match one {
        true => DataValidationErrorStyle::Stop,
        false => DataValidationErrorStyle::Information,
    };
    DataValidation::new()
        .allow_list_formula(Formula::new(range))
        .set_error_style(style)
}

/// Returns the codes a column offers.
fn offered(holds: Type, codes: &CodeLists) -> Vec<String> {
    let owned = |list: &[&str]| list.iter().map(|code| (*code).to_owned()).collect();
    match holds {
        Type::Code(Codes::Fixed(list)) | Type::CodeList(Codes::Fixed(list)) => owned(list),
        Type::Code(Codes::Worded(list, _)) | Type::CodeList(Codes::Worded(list, _)) => owned(list),
        Type::Code(Codes::Charter(list)) | Type::CodeList(Codes::Charter(list)) => {
            let mut offered: Vec<String> = codes.codes(list).map(str::to_owned).collect();
            if !offered.is_empty() && !offered.iter().any(|code| code == OTHER) {
                offered.push(OTHER.to_owned());
            }
            offered
        }
        Type::YesNo => owned(&["yes", "no"]),
        _ => Vec::new(),
    }
}

/// What nothing but the example row says.
pub(super) const EXAMPLES: [&str; 3] = [
    "example-1",
    "Example: write over this row",
    "Example organisation",
];

/// Returns what stands in the example row.
fn example(column: &Column, codes: &CodeLists) -> String {
    let text = match (column.field, column.holds) {
        // Nothing that a list of somebody else would use.
        (Field::SourceId, _) => EXAMPLES[0],
        (Field::Title, _) => EXAMPLES[1],
        (Field::End, _) => "2018-03-16",
        (Field::Country, _) => "TH",
        (Field::Name, _) => EXAMPLES[2],
        (Field::Person, _) => "P-001",
        (Field::Text, _) => "Replace \"abuse\" by \"use\"",
        (Field::Minutes, _) => "180",
        // What is finished, joined or named asks for more than an example should claim.
        (Field::JointId | Field::Lead | Field::Finished | Field::Visibility, _) => "",
        (Field::Decided | Field::Done | Field::OutcomeDate, _) => "",
        (_, Type::Date) => "2018-03-12",
        (_, Type::Count) => "12",
        (_, Type::Hours) => "7.5",
        (_, Type::Money) => "1250.50",
        (_, Type::Currency) => codes.codes(CURRENCY).next().unwrap_or("EUR"),
        (_, Type::Code(_) | Type::CodeList(_) | Type::YesNo) => {
            let offered = offered(column.holds, codes);
            return offered.first().cloned().unwrap_or_else(|| OTHER.to_owned());
        }
        _ => "",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::book::memory::MemoryBook;
    use super::super::edit::bench::Bench;
    use super::super::import::{ImportRequest, Target, import};
    use super::super::schema::{List, lists_of};
    use super::*;
    use crate::model::Kind;

    fn shapes() -> Vec<(Kind, Option<List>)> {
        let of = |kind: &Kind| {
            let lists = lists_of(*kind).iter().map(|list| Some(*list));
            let kind = *kind;
            std::iter::once(None)
                .chain(lists)
                .map(move |list| (kind, list))
        };
        Kind::ALL.iter().flat_map(of).collect()
    }

    /// Imports a template as it is, example and all, without a MAP.
    #[track_caller]
    fn check(kind: Kind, list: Option<List>, file: &[u8]) {
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        let settings = [("title", "Anything"), ("start", "2018-01-02")];
        let record = bench.work(|desk| super::super::add(&book, desk, kind, &settings));
        let id = record.expect("is added").id;
        let request = ImportRequest {
            name: "template",
            file,
            sheet: None,
            kind,
            target: list.map_or(Target::Records, |list| Target::List(id, list)),
            map: None,
            dry_run: false,
            keep_good: false,
        };
        let outcome = bench.work(|desk| import(&book, desk, request, &mut |_| {}));
        let outcome = outcome.unwrap_or_else(|error| panic!("{kind} {list:?}: {error}"));
        let counts = (
            outcome.created,
            outcome.rejected.len(),
            outcome.dropped_columns.len(),
        );
        assert_eq!(counts, (1, 0, 0), "{kind} {list:?}: {outcome:?}");
        let of_codes = |warning: &String| warning.contains(CODES) || warning.contains("hidden");
        assert!(!outcome.warnings.iter().any(of_codes), "{outcome:?}");
    }

    #[test]
    fn a_hidden_sheet_is_not_read_before_one_that_is_seen() {
        let mut file = Workbook::new();
        for (name, is_hidden) in [("Old", true), ("Now", false)] {
            let sheet = file.add_worksheet();
            sheet.set_name(name).expect("a name").set_hidden(is_hidden);
            for (at, (head, cell)) in (0..).zip([("title", name), ("start", "2018-01-02")]) {
                sheet.write(0, at, head).expect("a cell");
                sheet.write(1, at, cell).expect("a cell");
            }
            if !is_hidden {
                sheet.set_active(true);
            }
        }
        let file = file.save_to_buffer().expect("a workbook");
        for (asked, read, said) in [(None, "Now", 0), (Some("Old"), "Old", 1)] {
            let (mut bench, book) = (Bench::new(), MemoryBook::default());
            let request = ImportRequest {
                name: "file.xlsx",
                file: &file,
                sheet: asked,
                kind: Kind::Training,
                target: Target::Records,
                map: None,
                dry_run: false,
                keep_good: false,
            };
            let outcome = bench.work(|desk| import(&book, desk, request, &mut |_| {}));
            let outcome = outcome.expect("can be read");
            assert_eq!(outcome.sheet.as_deref(), Some(read));
            assert_eq!(outcome.warnings.len(), said, "{outcome:?}");
        }
    }

    #[test]
    fn a_template_comes_in_again_without_a_map() {
        let codes = Bench::new().work(|desk| desk.codes.clone());
        for (kind, list) in shapes() {
            let shape = list.map_or(Shape::Kind(kind), Shape::List);
            check(kind, list, csv(shape, &codes).as_bytes());
            let first = xlsx(shape, &codes).expect("is a workbook");
            check(kind, list, &first);
            assert!(
                first == xlsx(shape, &codes).expect("is a workbook"),
                "the same every day"
            );
        }
    }
}
