//! The cells that may be shown, and what hiding each costs a reader.

use super::count::{Count, Said, Sheet};
use super::sensitive::Search;
use super::why::Why;
use super::world::World;
use crate::disclosure::Choice;
use crate::model::{Cell, Figure, Measure, Tally};

/// A cell of a table to be shown, as a choice to make.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Which of the tables, and which cell of it.
    pub(super) table: usize,
    pub(super) cell: usize,
    pub(super) choice: Choice,
    /// Why it must be hidden, where it must.
    pub(super) why: Option<Why>,
}

/// Makes the choices for tables to be shown.
pub(super) struct Choices<'a> {
    pub(super) search: Search<'a>,
    pub(super) worlds: &'a [&'a World<'a>],
    pub(super) said: &'a [Said],
}

impl Choices<'_> {
    /// Returns a choice per cell of a table that has a known count. Where nobody was counted and
    /// some are unknown, those may be anywhere: that none was counted is no count.
    pub(super) fn of(&self, table: usize, sheet: &Sheet) -> Vec<Candidate> {
        let values = || sheet.tallies.iter().map(|tally| tally.value);
        let is_uncounted = values().any(|v| v.is_none()) && values().all(|v| v.unwrap_or(0) == 0);
        let is_empty = |cell: usize| sheet.activities.get(cell).copied().flatten() == Some(0);
        let cells = sheet.tallies.iter().enumerate();
        cells
            .filter(|(cell, _)| !is_uncounted || is_empty(*cell))
            .filter_map(|(cell, tally)| self.candidate(table, sheet, cell, tally))
            .collect()
    }

    fn candidate(
        &self,
        table: usize,
        sheet: &Sheet,
        cell: usize,
        tally: &Tally,
    ) -> Option<Candidate> {
        let value = tally.value?;
        let weak = self.search.weakness(sheet, cell, tally);
        let k = i64::from(self.search.floor.min_cell);
        let why = weak.or_else(|| {
            self.was_hidden(&sheet.count, cell, value)
                .then_some(Why::Before)
        });
        let forms = self.worlds.iter().map(|world| {
            let form = world.cell(&sheet.count, cell)?;
            (form.value(&world.truth) == Some(value)).then_some(form)
        });
        // Of a total below the floor the same is said whatever it is.
        let lower = i64::from(!self.search.floor.hide_existence);
        let is_small = weak.is_some()
            && value < k
            && sheet.count.is_total()
            && !self.was_said_wider(&sheet.count, cell);
        Some(Candidate {
            table,
            cell,
            choice: Choice {
                forms: forms.collect(),
                cost: cost(sheet, value),
                must_hide: why.is_some(),
                hidden_as: is_small.then_some((lower, k - 1)),
            },
            why,
        })
    }

    /// Returns whether more was left possible of a cell before, under a lower floor: what is below
    /// this one need not have been below that.
    fn was_said_wider(&self, count: &Count, cell: usize) -> bool {
        let k = i64::from(self.search.floor.min_cell);
        let before = self.said.iter().filter(|said| said.count == *count);
        let mut before = before.filter_map(|said| said.cells.get(cell)?.figure.upper());
        before.any(|upper| upper >= k)
    }

    /// Returns whether a cell of a split was kept back before and is too near to what was said of
    /// it to be shown. A total is held instead.
    fn was_hidden(&self, count: &Count, cell: usize, value: i64) -> bool {
        let k = i64::from(self.search.floor.min_cell);
        let before = self.said.iter().filter(|said| said.count == *count);
        let mut before = before.filter_map(|said| said.cells.get(cell));
        !count.is_total()
            && before.any(|Cell { figure, .. }| {
                matches!(figure, Figure::Interval { .. })
                    && is_near(Figure::Exact(value), *figure, k)
            })
    }
}

/// Returns what hiding a cell costs: more the more it says of more people, and most for totals;
/// attendances are kept rather than what is beside them.
fn cost(sheet: &Sheet, value: i64) -> f64 {
    let size = 1.0 + (value.max(0) as f64).ln_1p();
    let breadth = match sheet.count.axes.len() {
        0 => 24.0,
        _ if sheet.count.cells() <= 4 => 4.0,
        _ => 1.0,
    };
    let measure = match sheet.count.measure {
        Measure::Attendances => 1.6,
        Measure::People => 1.2,
        _ => 1.0,
    };
    size * breadth * measure
}

/// Returns whether two figures of one cell, said at different times, tell that it changed by
/// little, or would tell it of some value that either leaves possible.
pub(super) fn is_near(one: Figure, other: Figure, k: i64) -> bool {
    if one == other || one == Figure::Absent || other == Figure::Absent {
        return false;
    }
    let (Some(upper), Some(other_upper)) = (one.upper(), other.upper()) else {
        return false;
    };
    let least = one.lower().saturating_sub(other_upper);
    let most = upper.saturating_sub(other.lower());
    let may_be_same = least <= 0 && most >= 0;
    let exact = one.value().is_some() || other.value().is_some();
    match (may_be_same, exact) {
        (true, exact) => exact,
        (false, _) => least.abs().min(most.abs()) < k,
    }
}
