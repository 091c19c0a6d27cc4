//! One state of the records with everything a reader could combine in it.
//!
//! Whatever was published at any time and happens to be true of this state binds its atoms: a
//! reader may always guess rightly that nothing changed since. What is not true of it does not.

use super::alone::alone;
use super::changes::Moved;
use super::count::{Count, Said, Sheet, State};
use super::facts::{Fact, From, facts};
use super::layout::Layout;
use super::sensitive::{Search, Sensitive};
use super::why::Reason;
use crate::charter::policy::Floor;
use crate::disclosure::row_bounds::RowBounds;
use crate::disclosure::{Form, Row};
use crate::model::{Cell, Figure, Measure};

/// A state, its atoms and what binds them.
#[derive(Debug)]
pub(crate) struct World<'a> {
    /// The tables that those to be shown could be subtracted from.
    pub(crate) sheets: Vec<&'a Sheet>,
    pub(crate) layout: Layout,
    /// The true atoms.
    pub(crate) truth: Vec<i64>,
    /// Facts, and what was said and is true here.
    pub(crate) rows: Vec<Row>,
    pub(crate) sensitive: Vec<Sensitive>,
    /// What is nothing now: no secret where everybody can tell, and else as wide as little would be.
    pub(super) nothing: Vec<Sensitive>,
    /// What lies little outside of what was said of it.
    pub(super) moved: Vec<Moved>,
    /// Atoms that one person alone knows, a list per person.
    pub(crate) alone: Vec<Vec<usize>>,
}

impl<'a> World<'a> {
    /// Makes the world of a state, as far as what is `fresh` has to do with it. Of the one that is
    /// `now`, it is shown what has no known count.
    ///
    /// # Errors
    /// When its tables do not fit together.
    pub(crate) fn of(
        state: &'a State,
        (fresh, said): (&[Count], &[Said]),
        floor: &Floor,
        now: bool,
    ) -> Result<Self, Reason> {
        let layout = Layout::of(state.sheets.iter().map(|sheet| &sheet.count))?;
        let truth = true_atoms(&layout, state)?;
        check_cells(&layout, state, &truth)?;
        let sheets = state.near(fresh, said);
        let persons = sheets
            .iter()
            .filter(|sheet| sheet.count.measure == Measure::People);
        let mut persons = persons.flat_map(|sheet| &sheet.tallies);
        let all_counted = persons.all(|tally| tally.uncounted == 0);
        let known: Vec<(Count, Vec<Option<u32>>)> = sheets
            .iter()
            .flat_map(|sheet| known_activities(sheet, all_counted))
            .collect();
        let tables = known.iter().map(|(count, most)| (count, most.as_slice()));
        let mut rows = true_facts(facts(&layout, tables), &sheets, &truth)?;
        let known = |said: &&Said| sheets.iter().any(|sheet| sheet.count == said.count);
        let said: Vec<Said> = said.iter().filter(known).cloned().collect();
        let statements = said.iter().flat_map(|said| statements(&layout, said));
        rows.extend(statements.filter(|row| row.admits(&truth)));
        if now {
            rows.extend(unknown(&layout, &sheets).filter(|row| row.admits(&truth)));
        }
        let search = Search {
            floor,
            layout: &layout,
            truth: &truth,
            sheets: &sheets,
        };
        let moved = search.moved(&said);
        let known = RowBounds::from(truth.len(), &rows);
        let sensitive = search.all().into_iter().filter_map(|one| {
            let functional = known.left_of(&one.functional)?;
            Some(Sensitive { functional, ..one })
        });
        let sensitive = sensitive.collect();
        let nothing = if now {
            search.nothing_beside()
        } else {
            Vec::new()
        };
        let alone = alone_near(&layout, state, &sheets);
        Ok(Self {
            sheets,
            layout,
            truth,
            rows,
            sensitive,
            nothing,
            moved,
            alone,
        })
    }

    /// Returns the form of a cell, where its table is one of this world's.
    pub(crate) fn cell(&self, count: &Count, cell: usize) -> Option<Form> {
        self.sheets.iter().find(|sheet| sheet.count == *count)?;
        self.layout.cell(count, cell)
    }
}

/// Returns the most activities behind each cell, as far as they bound anything: persons who are
/// not all counted are not bound by how often they came. What took place where persons are counted
/// is told as beside a table of attendances.
fn known_activities(
    sheet: &Sheet,
    all_counted: bool,
) -> impl Iterator<Item = (Count, Vec<Option<u32>>)> {
    let bounds = move |most: &Option<u32>| most.filter(|most| *most == 0 || all_counted);
    let known = move |most: &[Option<u32>]| most.iter().map(bounds).collect();
    let own = (sheet.count.clone(), known(&sheet.activities));
    let attended = || (sheet.count.of(Measure::Attendances), known(&sheet.places));
    let places = (!sheet.places.is_empty()).then(attended);
    std::iter::once(own).chain(places)
}

/// Returns the rows that say what a table said.
pub(crate) fn statements<'l>(
    layout: &'l Layout,
    said: &'l Said,
) -> impl Iterator<Item = Row> + use<'l> {
    let cells = said.cells.iter().enumerate();
    cells.filter_map(|(cell, Cell { figure, .. })| {
        let form = layout.cell(&said.count, cell)?;
        match figure {
            Figure::Absent => None,
            figure => Some(Row::between(form, Some(figure.lower()), figure.upper())),
        }
    })
}

/// Returns that what has no known count adds nothing: it is shown as such.
fn unknown<'l>(layout: &'l Layout, sheets: &'l [&Sheet]) -> impl Iterator<Item = Row> + use<'l> {
    sheets.iter().flat_map(move |sheet| {
        let cells = sheet.tallies.iter().enumerate();
        let unknown = cells.filter(|(_, tally)| tally.value.is_none());
        unknown.filter_map(|(cell, _)| {
            let form = layout.cell(&sheet.count, cell)?;
            Some(Row::between(form, None, Some(0)))
        })
    })
}

fn true_atoms(layout: &Layout, state: &State) -> Result<Vec<i64>, Reason> {
    let mut truth = Vec::with_capacity(layout.atoms());
    for count in layout.wants() {
        let tallies = state.atoms.get(&count).ok_or(Reason::Unsound)?;
        truth.extend(tallies.iter().map(|tally| tally.value.unwrap_or(0)));
    }
    let whole = truth.len() == layout.atoms() && truth.iter().all(|atom| *atom >= 0);
    whole.then_some(truth).ok_or(Reason::Unsound)
}

/// Checks that every cell is the sum of its atoms.
fn check_cells(layout: &Layout, state: &State, truth: &[i64]) -> Result<(), Reason> {
    for sheet in state
        .sheets
        .iter()
        .filter(|sheet| sheet.count.is_of_heads())
    {
        if sheet.tallies.len() != sheet.count.cells() {
            return Err(Reason::Unsound);
        }
        for (cell, tally) in sheet.tallies.iter().enumerate() {
            let form = layout.cell(&sheet.count, cell);
            if form.and_then(|form| form.value(truth)) != Some(tally.value.unwrap_or(0)) {
                return Err(Reason::Unsound);
            }
        }
    }
    Ok(())
}

/// Returns the facts that hold. One that does not is no fact to a reader who is right; but tables
/// that must agree, and persons who attended less often than they are, are an error in the records.
fn true_facts(facts: Vec<Fact>, sheets: &[&Sheet], truth: &[i64]) -> Result<Vec<Row>, Reason> {
    let mut rows = Vec::with_capacity(facts.len());
    for Fact { row, from } in facts {
        match (row.admits(truth), from) {
            (true, _) => rows.push(row),
            (false, From::Agreement) => return Err(Reason::Unsound),
            (false, From::Attended(measure)) if all_counted(sheets) => {
                return Err(Reason::Contradiction(measure));
            }
            (false, _) => {}
        }
    }
    Ok(rows)
}

/// Returns whether every attendance is known, so that fewer than persons is an error.
fn all_counted(sheets: &[&Sheet]) -> bool {
    let attended = sheets
        .iter()
        .filter(|sheet| sheet.count.measure == Measure::Attendances);
    let mut tallies = attended.flat_map(|sheet| &sheet.tallies);
    tallies.all(|tally| tally.uncounted == 0)
}

/// Returns the atoms one person alone knows, a list per person, as far as tables speak of them.
fn alone_near(layout: &Layout, state: &State, sheets: &[&Sheet]) -> Vec<Vec<usize>> {
    let cells = sheets
        .iter()
        .flat_map(|sheet| (0..sheet.count.cells()).map(|cell| (&sheet.count, cell)));
    let forms = cells.filter_map(|(count, cell)| layout.cell(count, cell));
    let mut spoken_of = vec![false; layout.atoms()];
    for (atom, _) in forms.flat_map(|form| form.terms().collect::<Vec<_>>()) {
        spoken_of[atom] = true;
    }
    let mut alone = alone(layout, state);
    alone.retain(|atoms| atoms.iter().any(|atom| spoken_of[*atom]));
    alone
}
