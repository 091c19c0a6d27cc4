//! Sums of bounds, many at once.
//!
//! A sum's lower bound is the sum of lower bounds, its upper bound the sum of upper bounds where
//! every part has one. Bounds are kept as lower bound and width, so that cells that are all exact
//! cost one addition each.

use super::sheet::{Cells, INEXACT, UNBOUNDED, state_of};
use crate::model::Cell;

/// No sum is kept beyond this, so that no number of members can overflow one: cells packed in 32
/// bits can add at most 2^62 more.
const MOST: i64 = 1 << 61;

/// Running sums.
#[derive(Debug)]
pub(super) struct Tally {
    lower: Vec<i64>,
    width: Vec<i64>,
    uncounted: Vec<u64>,
    state: Vec<u8>,
}

/// One sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) lower: i64,
    pub(super) width: i64,
    pub(super) uncounted: u64,
    /// [`INEXACT`] and [`UNBOUNDED`].
    pub(super) state: u8,
}

impl Bounds {
    /// Returns the smallest number that may be the value, and the largest if anything bounds it.
    pub(super) const fn upper(self) -> Option<i64> {
        if self.state & UNBOUNDED == 0 {
            Some(self.lower + self.width)
        } else {
            None
        }
    }

    /// Returns the bounds of a sum.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            lower: add(self.lower, other.lower),
            ..self.widened(other)
        }
    }

    /// Returns the bounds of how many different things two counts are about together, when
    /// some may be in both: at least the larger, at most the sum.
    pub(super) fn joined(self, other: Self) -> Self {
        let lower = self.lower.max(other.lower);
        let sum = self.plus(other);
        Self {
            lower,
            width: sum.lower + sum.width - lower,
            ..sum
        }
    }

    /// Returns the same with tighter bounds, exact where they meet.
    pub(super) const fn within(self, lower: i64, upper: i64) -> Self {
        Self {
            lower,
            width: upper - lower,
            uncounted: self.uncounted,
            state: if lower == upper { 0 } else { INEXACT },
        }
    }

    fn widened(self, other: Self) -> Self {
        Self {
            lower: self.lower,
            width: add(self.width, other.width),
            uncounted: self.uncounted.saturating_add(other.uncounted),
            state: self.state | other.state,
        }
    }
}

impl From<Cell> for Bounds {
    fn from(cell: Cell) -> Self {
        let lower = cell.figure.lower();
        Self {
            lower,
            width: cell.figure.upper().map_or(0, |upper| upper - lower),
            uncounted: u64::from(cell.uncounted),
            state: state_of(cell.figure),
        }
    }
}

/// Which sum each cell of a block belongs to.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The sum each cell belongs to, counted from the block's first sum; beyond the block's sums
    /// where it belongs to none.
    pub(super) to: &'a [u32],
    /// The same, as it is added up soonest.
    pub(super) order: &'a Order,
    /// The block's first sum.
    pub(super) first: usize,
    /// How many sums the block has.
    pub(super) len: usize,
}

/// How the cells of a block stand to its sums.
#[derive(Debug)]
pub(super) enum Order {
    /// Cell `n` belongs to sum `n` throughout.
    Identity,
    /// Neighbours belong together, as where the last dimensions are summed out.
    Runs(Vec<Run>),
    /// Neither.
    Scattered,
}

/// Neighbouring cells that belong to one sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    to: u32,
    len: usize,
}

/// Cells a run must have on average to be worth the steps around it.
const LEAST_RUN: usize = 4;

impl Order {
    /// Finds the order of a block of `sums` sums; `to` is as in [`Target`].
    pub(super) fn of(to: &[u32], sums: usize) -> Self {
        if to.len() == sums && to.iter().copied().eq(0..to.len() as u32) {
            return Self::Identity;
        }
        let runs = to.chunk_by(|one, next| one == next);
        let runs: Vec<Run> = runs
            .map(|run| Run {
                to: run[0],
                len: run.len(),
            })
            .collect();
        if runs.len() * LEAST_RUN <= to.len() {
            Self::Runs(runs)
        } else {
            Self::Scattered
        }
    }
}

impl Target<'_> {
    /// Takes each value into the sum it belongs to, by `fold`.
    fn fold<S: Copy, T: Copy>(&self, sums: &mut [S], values: &[T], fold: impl Fn(S, T) -> S) {
        let sums = &mut sums[self.first..self.first + self.len];
        match self.order {
            Order::Identity => {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = fold(*sum, *value);
                }
            }
            Order::Runs(runs) => {
                let mut rest = values;
                for run in runs {
                    let (these, after) = rest.split_at(run.len.min(rest.len()));
                    rest = after;
                    // A sum of its own stays out of memory, and becomes vector additions.
                    if let Some(sum) = sums.get_mut(run.to as usize) {
                        *sum = these.iter().copied().fold(*sum, &fold);
                    }
                }
            }
            Order::Scattered => {
                for (value, to) in values.iter().zip(self.to) {
                    if let Some(sum) = sums.get_mut(*to as usize) {
                        *sum = fold(*sum, *value);
                    }
                }
            }
        }
    }
}

impl Tally {
    /// Makes `len` sums of nothing.
    pub(super) fn new(len: usize) -> Self {
        Self {
            lower: vec![0; len],
            width: vec![0; len],
            uncounted: vec![0; len],
            state: vec![0; len],
        }
    }

    /// Returns a sum.
    pub(super) fn get(&self, at: usize) -> Bounds {
        Bounds {
            lower: self.lower[at],
            width: self.width[at],
            uncounted: self.uncounted[at],
            state: self.state[at],
        }
    }

    fn set(&mut self, at: usize, bounds: Bounds) {
        self.lower[at] = bounds.lower;
        self.width[at] = bounds.width;
        self.uncounted[at] = bounds.uncounted;
        self.state[at] = bounds.state;
    }

    /// Adds one cell to a sum.
    pub(super) fn add_cell(&mut self, at: usize, cell: Cell) {
        self.set(at, self.get(at).plus(cell.into()));
    }

    /// Adds a block of cells.
    pub(super) fn add(&mut self, cells: Cells<'_>, target: &Target<'_>) {
        match cells {
            Cells::Plain(values) => {
                target.fold(&mut self.lower, values, |sum, value| sum + i64::from(value));
            }
            Cells::Mixed {
                lower,
                width,
                uncounted,
                state,
            } => {
                target.fold(&mut self.lower, lower, |sum, value| sum + i64::from(value));
                target.fold(&mut self.width, width, |sum, value| sum + i64::from(value));
                target.fold(&mut self.uncounted, uncounted, |sum, value| {
                    sum + u64::from(value)
                });
                target.fold(&mut self.state, state, |sum, value| sum | value);
            }
            Cells::Wide(cells) => {
                for (cell, to) in cells.iter().zip(target.to) {
                    if (*to as usize) < target.len {
                        self.add_cell(target.first + *to as usize, *cell);
                    }
                }
            }
        }
    }

    /// Takes in a block of cells that are 0 or 1 of one member: their union, not their sum.
    pub(super) fn unite(&mut self, cells: Cells<'_>, target: &Target<'_>) {
        for (index, to) in target.to.iter().enumerate() {
            if (*to as usize) >= target.len {
                continue;
            }
            if let Some(cell) = cells.get(index) {
                let at = target.first + *to as usize;
                let (known, cell) = (self.get(at), Bounds::from(cell));
                let lower = known.lower.max(cell.lower);
                let upper = (known.lower + known.width).max(cell.lower + cell.width);
                let united = Bounds {
                    lower,
                    width: upper - lower,
                    ..known.widened(cell)
                };
                self.set(at, united);
            }
        }
    }
}

fn add(one: i64, other: i64) -> i64 {
    (one.saturating_add(other)).clamp(-MOST, MOST)
}

/// Returns bounds no tally can tighten: nothing is known.
pub(super) const fn unknown() -> Bounds {
    Bounds {
        lower: 0,
        width: 0,
        uncounted: 0,
        state: INEXACT | UNBOUNDED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Figure;
    use proptest::prelude::*;

    fn bounds(lower: i64, upper: i64) -> Bounds {
        Cell {
            figure: Figure::Interval { lower, upper },
            uncounted: 0,
        }
        .into()
    }

    #[test]
    fn different_persons_lie_between_the_largest_and_the_sum() {
        let both = bounds(10, 12).joined(bounds(3, 9));
        assert_eq!((both.lower, both.upper()), (10, Some(21)));
        let three = both.joined(bounds(15, 15));
        assert_eq!((three.lower, three.upper()), (15, Some(36)));
        assert_eq!(three.joined(unknown()).upper(), None);
    }

    #[test]
    fn no_number_of_members_overflows() {
        let mut tally = Tally::new(1);
        let huge = [Cell {
            figure: Figure::Exact(i64::MAX),
            uncounted: u32::MAX,
        }];
        let target = Target {
            to: &[0],
            order: &Order::Identity,
            first: 0,
            len: 1,
        };
        for _ in 0..3 {
            tally.add(Cells::Wide(&huge), &target);
            tally.add(Cells::Plain(&[i32::MAX]), &target);
        }
        assert!(tally.get(0).lower >= MOST);
    }

    #[test]
    fn a_network_is_counted_once() {
        let mut tally = Tally::new(1);
        let target = Target {
            to: &[0, 0, u32::MAX],
            order: &Order::Scattered,
            first: 0,
            len: 1,
        };
        tally.unite(Cells::Plain(&[1, 1, 1]), &target);
        assert_eq!((tally.get(0).lower, tally.get(0).upper()), (1, Some(1)));
    }

    proptest! {
        #[test]
        fn every_order_adds_up_to_the_same(
            runs in proptest::collection::vec((prop_oneof![0..6u32, Just(u32::MAX)], 1..9usize), 0..20),
            alone in any::<bool>(),
        ) {
            let to: Vec<u32> = match alone {
                true => (0..6).collect(),
                false => runs.iter().flat_map(|(to, len)| vec![*to; *len]).collect(),
            };
            let cells: Vec<i32> = (1..).take(to.len()).collect();
            let summed = |order: &Order| {
                let mut tally = Tally::new(7);
                let target = Target { to: &to, order, first: 1, len: 6 };
                tally.add(Cells::Plain(&cells), &target);
                (0..7).map(|at| tally.get(at)).collect::<Vec<_>>()
            };
            prop_assert_eq!(summed(&Order::of(&to, 6)), summed(&Order::Scattered));
        }
    }
}
