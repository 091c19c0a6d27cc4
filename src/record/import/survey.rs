//! One look at the whole file before anything is kept: how its dates are written, and which of
//! its columns are about persons.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{BadCell, Bound, Columns};
use super::persons::{Personal, by_cell, by_header, is_within};
use super::sheet::{Beyond, Sheet, SheetRow};
use crate::record::RecordError;
use crate::record::schema::{Field, Type};

/// What the look found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Questions that stay open, each with the line of its first example.
    pub(super) questions: Vec<(u64, BadCell)>,
    /// Columns nothing is kept of, by their names.
    pub(super) dropped: Vec<String>,
    /// What should be looked at.
    pub(super) warnings: Vec<String>,
}

/// Most cells named of a column that should say yes or no and does not.
const UNDECIDED_NAMED: usize = 5;

/// What one text column has shown so far.
#[derive(Clone, Debug, Default)]
struct Texts {
    cells: u64,
    emails: u64,
    phones: u64,
    /// The first line with an address or a number within a longer text, and how many there are.
    within: Option<(u64, u64)>,
}

impl Texts {
    fn see(&mut self, line: u64, text: &str) {
        self.cells += 1;
        match by_cell(text) {
            Some(Personal::Email) => self.emails += 1,
            Some(_) => self.phones += 1,
            None if is_within(text) => {
                let (_, times) = self.within.get_or_insert((line, 0));
                *times += 1;
            }
            None => {}
        }
    }

    /// Returns what most of the cells are.
    const fn mostly(&self) -> Option<Personal> {
        if 2 * (self.emails + self.phones) <= self.cells {
            return None;
        }
        match self.emails >= self.phones {
            true => Some(Personal::Email),
            false => Some(Personal::Phone),
        }
    }
}

/// Looks at every row once. Columns of texts that turn out to be about persons are let go.
pub(super) fn survey(sheet: &Sheet<'_>, columns: &mut Columns<'_>) -> Result<Survey, RecordError> {
    let mut texts = vec![Texts::default(); columns.bound.len()];
    // A column without a header and without a cell is none.
    let mut is_there: Vec<bool> = sheet.headers.iter().map(|h| !h.is_empty()).collect();
    let (mut wide, mut first_wide) = (0_u64, 0);
    let mut undecided: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    sheet.each_row(&mut |row| {
        if row.beyond(is_there.len()) == Beyond::Numbers {
            first_wide = if wide == 0 { row.line } else { first_wide };
            wide += 1;
        }
        for (at, is_there) in is_there.iter_mut().enumerate() {
            *is_there = *is_there || !row.cell(at).is_empty();
        }
        for (at, cell) in columns.undecided(&row) {
            let said = undecided.entry(at).or_default();
            if said.len() < UNDECIDED_NAMED {
                said.insert(cell.chars().take(40).collect());
            }
        }
        for (at, texts) in texts.iter_mut().enumerate() {
            see(columns, at, &row, texts);
        }
        Ok(())
    })?;
    let mut survey = Survey::default();
    if wide > 0 {
        survey.warnings.push(format!(
            "numbers stand beyond the last header and were left out \
             ({wide} rows, the first on line {first_wide})"
        ));
    }
    for (at, said) in undecided {
        let said: Vec<String> = said.iter().map(|cell| format!("{cell:?}")).collect();
        survey.warnings.push(format!(
            "{:?} says neither yes nor no in {}, taken as no; name what means yes in the MAP: yes",
            sheet.column_name(at),
            said.join(", ")
        ));
    }
    survey.questions(columns);
    survey.let_go(sheet, columns, &texts);
    columns.complete()?;
    let unused = (0..is_there.len()).filter(|at| is_there[*at] && !columns.uses(*at));
    survey.dropped = unused.map(|at| sheet.column_name(at)).collect();
    Ok(survey)
}

/// Takes one cell into account.
fn see(columns: &mut Columns<'_>, at: usize, row: &SheetRow<'_>, texts: &mut Texts) {
    let bound = &columns.bound[at];
    let field = bound.column.field;
    match bound.column.holds {
        Type::Date if columns.map.dates.formats.is_empty() => {
            let text = columns.known(bound, row);
            if let Some(text) = text.filter(|text| !columns.is_mapped(field, text)) {
                let kind = row.kind(bound.at[0]);
                columns.bound[at].dates.see(row.line, &text, kind);
            }
        }
        // An organisation may well be called by its address; individuals become pseudonyms.
        Type::Text if field != Field::Name => {
            for at in &bound.at {
                let cell = row.cell(*at);
                // Nothing but digits is as likely a number of a register, and tells rows apart.
                let is_key = field == Field::SourceId && cell.bytes().all(|b| b.is_ascii_digit());
                if !cell.is_empty() && !is_key {
                    texts.see(row.line, cell);
                }
            }
        }
        _ => {}
    }
}

impl Survey {
    fn questions(&mut self, columns: &Columns<'_>) {
        let asked = |bound: &Bound| {
            let question = bound.dates.question()?;
            let cell = BadCell {
                column: columns.name(bound),
                value: question.value,
                reason: Some(question.reason),
            };
            Some((question.line, cell))
        };
        self.questions = columns.bound.iter().filter_map(asked).collect();
    }

    fn let_go(&mut self, sheet: &Sheet<'_>, columns: &mut Columns<'_>, texts: &[Texts]) {
        let mut kept = Vec::new();
        for (bound, texts) in std::mem::take(&mut columns.bound).into_iter().zip(texts) {
            let name = columns.name(&bound);
            let of_text = bound.column.holds == Type::Text && bound.column.field != Field::Name;
            let by_headers = || {
                let mut at = bound.at.iter();
                at.find_map(|at| by_header(&sheet.column_name(*at)))
            };
            let by_name = of_text.then(by_headers).flatten();
            // An activity may be called by a column "Name"; the MAP said so.
            let sure = texts
                .mostly()
                .or_else(|| by_name.filter(|p| *p != Personal::Name));
            if let Some(personal) = sure {
                let what = personal.in_words();
                self.warnings.push(format!(
                    "{name:?} holds {what} and was not kept as {}; persons are taken from a \
                     column for person only",
                    bound.column.field
                ));
                continue;
            }
            if by_name.is_some() {
                let what = Personal::Name.in_words();
                self.warnings.push(format!(
                    "{name:?} is kept as {}; see that it holds no {what}",
                    bound.column.field
                ));
            }
            if let Some((line, times)) = texts.within {
                self.warnings.push(format!(
                    "{name:?} holds an e-mail address or a telephone number within its text \
                     ({times} rows, the first on line {line}); it was kept as written"
                ));
            }
            kept.push(bound);
        }
        columns.bound = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ImportOutcome, ImportRequest, Target, import};
    use crate::model::Kind;
    use crate::record::book::memory::MemoryBook;
    use crate::record::edit::bench::Bench;
    use crate::record::schema::List;

    /// Imports trainings with one more column, kept as `field`.
    fn kept_as(field: &str, header: &str, cell: &str) -> ImportOutcome {
        let file = format!("Subject,start,{header}\nFirst,2018-01-09,{cell}\n");
        let title = match field {
            "title" => "",
            _ => "title = \"Subject\"\n",
        };
        let map = format!("[columns]\n{title}{field} = {header:?}\n");
        trainings(&file, Some(&map))
    }

    fn trainings(file: &str, map: Option<&str>) -> ImportOutcome {
        let (mut bench, book) = (Bench::new(), MemoryBook::default());
        let request = ImportRequest {
            name: "file.csv",
            file: file.as_bytes(),
            sheet: None,
            kind: Kind::Training,
            target: Target::Records,
            map,
            dry_run: false,
            keep_good: false,
        };
        bench
            .work(|desk| import(&book, desk, request, &mut |_| {}))
            .expect("can be read")
    }

    #[test]
    fn a_row_that_sums_up_is_refused_and_an_example_is_told_of() {
        for word in ["Total", "Grand total:", "ИТОГО"] {
            let file = format!("title,start,attended\nFirst,2018-01-09,2\n{word},2018-01-09,2\n");
            let outcome = trainings(&file, None);
            assert_eq!(
                (outcome.created, outcome.rejected[0].line),
                (0, 3),
                "{word}"
            );
            assert!(outcome.rejected[0].reason.contains("[rows] ignore"));
        }
        let outcome = trainings(
            "title,start\nExample: write over this row,2018-01-09\n",
            None,
        );
        assert_eq!(
            outcome.warnings,
            ["line 2 is the example row of the template"]
        );
        assert_eq!(outcome.created, 1);
    }

    #[test]
    fn a_matrix_takes_yes_in_any_case_and_tells_what_is_neither() {
        for (yes, cell) in [("yes = [\"Done\"]\n", "dONE"), ("", "YES")] {
            let map = format!(
                "[columns]\ntitle = \"Agency\"\n[constants]\nstart = \"2020-09-01\"\n\
                 [wide.policies]\n{yes}columns = {{ \"Charter\" = \"governance\" }}"
            );
            let file = format!("Agency,Charter\nA,{cell}\nB,perhaps\nC,Non\nD,\n");
            let (mut bench, book) = (Bench::new(), MemoryBook::default());
            let request = ImportRequest {
                name: "file.csv",
                file: file.as_bytes(),
                sheet: None,
                kind: Kind::CapacityMilestone,
                target: Target::Records,
                map: Some(&map),
                dry_run: false,
                keep_good: false,
            };
            let outcome = bench.work(|desk| import(&book, desk, request, &mut |_| {}));
            let outcome = outcome.expect("can be read");
            let said = "\"Charter\" says neither yes nor no in \"perhaps\", taken as no";
            assert!(outcome.warnings[0].starts_with(said), "{outcome:?}");
            let mut rows = 0;
            crate::record::each(&book, Kind::CapacityMilestone, &mut |record| {
                rows += record.rows(List::Policies).len();
                Ok(())
            })
            .expect("the book can be read");
            assert_eq!(rows, 1, "{cell}");
        }
    }

    #[test]
    fn nothing_of_a_refused_participant_is_shown() {
        for field in ["gender", "age_band", "role", "completed"] {
            let (mut bench, book) = (Bench::new(), MemoryBook::default());
            let settings = [("title", "Anything"), ("start", "2018-01-02")];
            let kind = Kind::Training;
            let record = bench.work(|desk| crate::record::add(&book, desk, kind, &settings));
            let file = format!("person,{field}\nP-1,Mai Marker\n");
            let request = ImportRequest {
                name: "file.csv",
                file: file.as_bytes(),
                sheet: None,
                kind,
                target: Target::List(record.expect("is added").id, List::Participants),
                map: None,
                dry_run: false,
                keep_good: false,
            };
            let outcome = bench.work(|desk| import(&book, desk, request, &mut |_| {}));
            let outcome = outcome.expect("can be read");
            assert_eq!(outcome.rejected[0].value, "(hidden)");
            assert!(!format!("{outcome:?}").contains("Marker"), "{outcome:?}");
        }
    }

    #[test]
    fn a_column_of_persons_kept_as_a_text_is_told_of() {
        for field in ["title", "notes"] {
            for header in [
                "ФИО",
                "Vorname",
                "Họ và tên",
                "이름",
                "Trainer",
                "Name of trainer",
            ] {
                let outcome = kept_as(field, header, "Anna");
                let said = format!("{header:?} is kept as {field}; see that it holds no names");
                let is_said = outcome
                    .warnings
                    .iter()
                    .any(|warning| warning.starts_with(&said));
                assert!(is_said, "{outcome:?}");
            }
        }
    }

    #[test]
    fn telephone_numbers_are_not_kept_however_written() {
        for cell in ["0812345678", "081-234-5678", "+66812345678"] {
            let outcome = kept_as("notes", "Remark", cell);
            assert!(
                outcome.warnings[0].contains("was not kept as notes"),
                "{outcome:?}"
            );
        }
        let within = kept_as("notes", "Remark", "call 0812345678 first");
        assert!(within.warnings[0].contains("within its text"), "{within:?}");
        let key = kept_as("source_id", "No", "0812345678");
        assert_eq!((key.created, key.warnings.len()), (1, 0), "{key:?}");
    }
}
