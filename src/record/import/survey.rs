//! One look at the whole file before anything is kept: how its dates are written, and which of
//! its columns are about persons.

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
    sheet.each_row(&mut |row| {
        if row.beyond(is_there.len()) == Beyond::Numbers {
            first_wide = if wide == 0 { row.line } else { first_wide };
            wide += 1;
        }
        for (at, is_there) in is_there.iter_mut().enumerate() {
            *is_there = *is_there || !row.cell(at).is_empty();
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
    survey.questions(columns);
    survey.let_go(columns, &texts);
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
                if !cell.is_empty() {
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

    fn let_go(&mut self, columns: &mut Columns<'_>, texts: &[Texts]) {
        let mut kept = Vec::new();
        for (bound, texts) in std::mem::take(&mut columns.bound).into_iter().zip(texts) {
            let name = columns.name(&bound);
            let of_text = bound.column.holds == Type::Text && bound.column.field != Field::Name;
            let by_name = of_text.then(|| by_header(&name)).flatten();
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
