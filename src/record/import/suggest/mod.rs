//! A MAP proposed from the headers of a file and from what its columns hold. Every guess says that
//! it is one.
//!
//! - `shown`: what one column shows of itself.
//! - `choose`: which column is likeliest to give which field.
//! - `proposal`: the MAP, each guess with what makes it one.
//! - `words`: how columns and values are called.

mod choose;
mod proposal;
mod shown;
mod words;

use super::columns::wanted;
use super::map::Map;
use super::persons::by_cell;
use super::sheet::{CellKind, Sheet};
use super::{ImportRequest, Target};
use crate::record::edit::Desk;
use crate::record::error::RecordError;
use crate::record::schema::Shape;
use choose::choose;
use proposal::{Proposal, line, quoted};
use shown::Shown;
use words::SUMMARIES;

/// Values of a column that are looked at, and different ones that are remembered.
const LOOKED_AT: usize = 2000;
const REMEMBERED: usize = 60;

/// Returns a MAP for a file. It is read as one whatever the file holds; what nothing in the file
/// gives is left open in a comment.
///
/// # Errors
/// Fails where the file cannot be read as a table.
pub fn suggest(desk: &Desk<'_>, request: ImportRequest<'_>) -> Result<String, RecordError> {
    let reader = desk.reader();
    let shape = match request.target {
        Target::Records => Shape::Kind(request.kind),
        Target::List(_, list) | Target::ListOfEach(list) => Shape::List(list),
    };
    let empty = Map::default();
    let sheet = Sheet::open(
        request.file,
        request.sheet,
        &empty.rows,
        &wanted(shape, &empty),
    )
    .map_err(|error| error.at(request.name, request.sheet))?;
    let (shown, summaries) = look(&sheet)?;
    let proposal = Proposal {
        shape,
        reader,
        columns: choose(shape, &shown, reader),
        shown: &shown,
    };
    let mut text = format!(
        "# Proposed for {}: every line is a guess; correct it before you use it.\n\
         kind = \"{}\"\n",
        quoted(request.name),
        request.kind
    );
    rows(&mut text, &sheet, summaries);
    proposal.write(&mut text);
    Ok(text)
}

/// Looks at the columns; also returns whether rows at the end sum up the others.
fn look(sheet: &Sheet<'_>) -> Result<(Vec<Shown>, bool), RecordError> {
    let mut shown: Vec<Shown> = (0..sheet.headers.len())
        .map(|at| Shown {
            name: sheet.column_name(at),
            header: match sheet
                .headers
                .iter()
                .filter(|h| **h == sheet.headers[at])
                .count()
            {
                1 => sheet.column_name(at),
                _ => sheet.place(at),
            },
            ..Shown::default()
        })
        .collect();
    let mut summaries = false;
    sheet.each_row(&mut |row| {
        let first = row.cell(0).to_lowercase();
        let first = first.trim_start_matches('*').trim_start();
        if SUMMARIES.iter().any(|word| first.starts_with(word)) {
            summaries = true;
            return Ok(());
        }
        for (at, column) in shown.iter_mut().enumerate() {
            let cell = row.cell(at);
            if !cell.is_empty() && column.cells < LOOKED_AT {
                column.cells += 1;
                column.persons += usize::from(by_cell(cell).is_some());
                column.dates += usize::from(row.kind(at) == CellKind::Date);
                column.order.see(row.line, cell, row.kind(at));
                if column.values.len() < REMEMBERED {
                    column.values.insert(cell.chars().take(200).collect());
                }
            }
        }
        Ok(())
    })?;
    Ok((shown, summaries))
}

fn rows(text: &mut String, sheet: &Sheet<'_>, summaries: bool) {
    let found = sheet.header > 1;
    if !found && !summaries {
        return;
    }
    text.push_str("\n[rows]\n");
    if found {
        line(
            text,
            &format!("header = {}", sheet.header),
            "the row with the headers",
        );
    }
    if summaries {
        let words = "ignore = \"(?i)^[*]?\\\\s*(total|sum|note|average)\"";
        line(text, words, "rows that sum up or explain the others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::record::edit::bench::Bench;
    use crate::record::schema::List;

    fn proposed(kind: Kind, target: Target, file: &str) -> String {
        let request = ImportRequest {
            name: "file.csv",
            file: file.as_bytes(),
            sheet: None,
            kind,
            target,
            map: None,
            dry_run: true,
            keep_good: false,
        };
        let text = Bench::new().work(|desk| suggest(desk, request));
        text.expect("can be read")
    }

    #[test]
    fn a_signatory_has_a_name_and_is_no_person() {
        let file = "Name,Type,Country\nA network,organisation,TH\nB network,organisation,VN\n";
        let target = Target::ListOfEach(List::Signatories);
        let text = proposed(Kind::AdvocacyAction, target, file);
        assert!(text.contains("\nname = \"Name\""), "{text}");
        assert!(!text.contains("\nperson = "), "{text}");
    }

    #[test]
    fn dates_and_countries_are_known_by_what_they_are() {
        for (date, land) in [
            ("Datum", "Land"),
            ("Дата", "Страна"),
            ("วันที่", "ประเทศ"),
            ("Fecha", "Pays"),
        ] {
            let file = format!("Thema,{date},{land}\nFirst,2018-03-31,TH\nSecond,2018-04-01,VN\n");
            let text = proposed(Kind::Training, Target::Records, &file);
            assert!(text.contains(&format!("start = \"{date}\"")), "{text}");
            assert!(text.contains(&format!("country = \"{land}\"")), "{text}");
        }
    }

    #[test]
    fn the_sheet_of_the_readme_is_nearly_told() {
        let file = "code,name,date,place,subject,heads,trainer phone\n\
                    bkk-1,Accounting for beginners,12/02/2018,Bangkok,accounting,14,+66 2 000\n\
                    ktm-1,Accounting for treasurers,05/03/2018,Kathmandu,accounting,12,+977 1\n\
                    web-1,Auditing basics,21/05/2018,Zoom,Data skills,,+66 2 000\n";
        let text = proposed(Kind::Training, Target::Records, file);
        for line in [
            "source_id = \"code\"",
            "title = \"name\"",
            "start = \"date\"",
            "country = \"place\"",
            "topics = \"subject\"",
            "attended = \"heads\"",
            "\"Bangkok\" = \"TH\"",
            "\"Kathmandu\" = \"NP\"",
            "\"Zoom\" = \"online\"",
            "\"Data skills\" = \"data_skills\"",
        ] {
            let found = text.lines().find(|l| l.starts_with(line));
            let found = found.unwrap_or_else(|| panic!("no {line} in\n{text}"));
            assert!(
                found.contains("# guess: "),
                "a guess says that it is one: {found}"
            );
        }
        assert!(text.contains("# not kept: looks like telephone numbers, \"trainer phone\""));
    }

    #[test]
    fn names_of_persons_are_no_titles() {
        let file = "name,date\nAna Silva,2018-03-31\nMaria de la Cruz,2018-04-01\nsomchai\n";
        let text = proposed(Kind::Training, Target::Records, file);
        assert!(!text.contains("\ntitle = "), "{text}");
        assert!(
            text.contains("# not kept: looks like names of persons, \"name\""),
            "{text}"
        );
    }

    #[test]
    fn what_nobody_can_tell_is_asked() {
        let file = "title,date,code,scope\nA,05/03/2018,x,national\nB,06/03/2018,x,galactic\n";
        let text = proposed(Kind::Training, Target::Records, file);
        assert!(
            text.contains("does the day come first or the month?"),
            "{text}"
        );
        assert!(
            !text.contains("source_id = "),
            "it tells no rows apart: {text}"
        );
        let target = Target::ListOfEach(List::Signatories);
        let text = proposed(Kind::AdvocacyAction, target, file);
        assert!(
            text.contains("# \"galactic\" = \"…\"  # which code is it?"),
            "{text}"
        );
        assert!(
            text.contains("# codes: international regional national local"),
            "{text}"
        );
    }

    #[test]
    fn what_says_yes_or_no_is_no_title() {
        let file = "Training,Date\nyes,2018-03-31\nno,2018-04-01\n";
        let text = proposed(Kind::Training, Target::Records, file);
        assert!(!text.contains("\ntitle = "), "{text}");
        assert!(text.contains("start = \"Date\""), "{text}");
    }
}
