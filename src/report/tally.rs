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
    /// Whether cell `n` belongs to sum `n` throughout.
    pub(super) identity: bool,
    /// The block's first sum.
    pub(super) first: usize,
    /// How many sums the block has.
    pub(super) len: usize,
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
        let sums = target.first..target.first + target.len;
        match cells {
            Cells::Plain(values) => {
                let lower = &mut self.lower[sums];
                if target.identity {
                    // Kept apart because it needs no look-up and so becomes vector additions.
                    for (sum, value) in lower.iter_mut().zip(values) {
                        *sum += i64::from(*value);
                    }
                    return;
                }
                for (value, to) in values.iter().zip(target.to) {
                    let to = *to as usize;
                    if to < target.len {
                        lower[to] += i64::from(*value);
                    }
                }
            }
            Cells::Mixed {
                lower,
                width,
                uncounted,
                state,
            } => {
                let lowers = &mut self.lower[sums.clone()];
                let widths = &mut self.width[sums.clone()];
                let uncounteds = &mut self.uncounted[sums.clone()];
                let states = &mut self.state[sums];
                let cells = lower.iter().zip(width).zip(uncounted).zip(state);
                for ((((lower, width), uncounted), state), to) in cells.zip(target.to) {
                    let to = *to as usize;
                    // One pass, so that the four additions wait for memory together.
                    if to < target.len {
                        lowers[to] += i64::from(*lower);
                        widths[to] += i64::from(*width);
                        uncounteds[to] += u64::from(*uncounted);
                        states[to] |= state;
                    }
                }
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
            identity: true,
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
            identity: false,
            first: 0,
            len: 1,
        };
        tally.unite(Cells::Plain(&[1, 1, 1]), &target);
        assert_eq!((tally.get(0).lower, tally.get(0).upper()), (1, Some(1)));
    }
}
