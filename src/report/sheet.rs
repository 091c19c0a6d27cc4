//! The packed cells of one table, a block per summary.
//!
//! A block whose cells are all exact, counted and small takes 4 bytes a cell; one with intervals
//! or unknown counts takes 13. Larger numbers, which only money has, keep the cells as they are.

use crate::model::{Cell, Dimension, Figure, Kind, Measure};

/// Set in a state where the cell is not exact.
pub(super) const INEXACT: u8 = 1;
/// Set in a state where nothing bounds the cell from above; always with [`INEXACT`].
pub(super) const UNBOUNDED: u8 = 2;

/// What a table is: two summaries with the same one have comparable cells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SheetKey {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) measure: Measure,
    pub(super) by: Vec<Dimension>,
}

/// Where one summary's cells stand.
#[derive(Clone, Copy, Debug)]
struct Block {
    summary: u32,
    shape: u32,
    start: usize,
    len: u32,
}

/// One summary's cells of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellBlock<'a> {
    /// The word in the columns' history.
    pub(super) summary: u32,
    /// Its interned axes.
    pub(super) shape: u32,
    /// The numbers.
    pub(super) cells: Cells<'a>,
}

/// Cells as they are packed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cells<'a> {
    /// All exact, nothing uncounted.
    Plain(&'a [i32]),
    /// Lower bound, distance to the upper bound, uncounted and state, cell by cell.
    Mixed {
        lower: &'a [i32],
        width: &'a [u32],
        uncounted: &'a [u32],
        state: &'a [u8],
    },
    /// With numbers beyond 32 bits.
    Wide(&'a [Cell]),
}

impl Cells<'_> {
    /// Returns the cell at `index`.
    pub(super) fn get(&self, index: usize) -> Option<Cell> {
        match self {
            Self::Plain(values) => values.get(index).map(|value| Cell {
                figure: Figure::Exact(i64::from(*value)),
                uncounted: 0,
            }),
            Self::Mixed {
                lower,
                width,
                uncounted,
                state,
            } => {
                let lower = i64::from(*lower.get(index)?);
                let figure = match *state.get(index)? {
                    0 => Figure::Exact(lower),
                    INEXACT => Figure::Interval {
                        lower,
                        upper: lower + i64::from(*width.get(index)?),
                    },
                    _ => Figure::Absent,
                };
                Some(Cell {
                    figure,
                    uncounted: *uncounted.get(index)?,
                })
            }
            Self::Wide(cells) => cells.get(index).copied(),
        }
    }
}

/// Returns the state a figure is packed as.
pub(super) const fn state_of(figure: Figure) -> u8 {
    match figure {
        Figure::Exact(_) => 0,
        Figure::Interval { .. } => INEXACT,
        Figure::Absent => INEXACT | UNBOUNDED,
    }
}

/// The cells of one table in every summary that has it.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    plain_blocks: Vec<Block>,
    plain: Vec<i32>,
    mixed_blocks: Vec<Block>,
    lower: Vec<i32>,
    width: Vec<u32>,
    uncounted: Vec<u32>,
    state: Vec<u8>,
    wide_blocks: Vec<Block>,
    wide: Vec<Cell>,
}

impl Sheet {
    /// Adds one summary's cells.
    pub(super) fn push(&mut self, summary: u32, shape: u32, cells: &[Cell]) {
        let plain = cells.iter().all(|cell| {
            cell.uncounted == 0
                && matches!(cell.figure, Figure::Exact(value) if i32::try_from(value).is_ok())
        });
        let block = |start| Block {
            summary,
            shape,
            start,
            // A payload is at most a mebibyte, and a cell at least 24 bytes of it.
            len: u32::try_from(cells.len()).unwrap_or(u32::MAX),
        };
        if plain {
            extend(&mut self.plain_blocks, [block(self.plain.len())]);
            let values = cells
                .iter()
                .map(|cell| narrow(cell.figure).map_or(0, |(lower, _)| lower));
            extend(&mut self.plain, values);
        } else if cells.iter().all(|cell| narrow(cell.figure).is_some()) {
            extend(&mut self.mixed_blocks, [block(self.lower.len())]);
            let bounds = || {
                cells
                    .iter()
                    .map(|cell| narrow(cell.figure).unwrap_or((0, 0)))
            };
            extend(&mut self.lower, bounds().map(|(lower, _)| lower));
            extend(&mut self.width, bounds().map(|(_, width)| width));
            extend(&mut self.uncounted, cells.iter().map(|cell| cell.uncounted));
            extend(
                &mut self.state,
                cells.iter().map(|cell| state_of(cell.figure)),
            );
        } else {
            extend(&mut self.wide_blocks, [block(self.wide.len())]);
            extend(&mut self.wide, cells.iter().copied());
        }
    }

    /// Overwrites and forgets one summary's cells.
    pub(super) fn erase(&mut self, summary: u32) {
        for (start, end) in take(&mut self.plain_blocks, summary) {
            self.plain[start..end].fill(0);
        }
        for (start, end) in take(&mut self.mixed_blocks, summary) {
            self.lower[start..end].fill(0);
            self.width[start..end].fill(0);
            self.uncounted[start..end].fill(0);
            self.state[start..end].fill(0);
        }
        let nothing = Cell {
            figure: Figure::Absent,
            uncounted: 0,
        };
        for (start, end) in take(&mut self.wide_blocks, summary) {
            self.wide[start..end].fill(nothing);
        }
    }

    /// Returns every block, those of one packing together.
    pub(super) fn blocks(&self) -> impl Iterator<Item = CellBlock<'_>> {
        let plain = self.plain_blocks.iter().map(|block| {
            let (start, end) = block.range();
            block.with(Cells::Plain(&self.plain[start..end]))
        });
        let mixed = self.mixed_blocks.iter().map(|block| {
            let (start, end) = block.range();
            block.with(Cells::Mixed {
                lower: &self.lower[start..end],
                width: &self.width[start..end],
                uncounted: &self.uncounted[start..end],
                state: &self.state[start..end],
            })
        });
        let wide = self.wide_blocks.iter().map(|block| {
            let (start, end) = block.range();
            block.with(Cells::Wide(&self.wide[start..end]))
        });
        plain.chain(mixed).chain(wide)
    }

    /// Returns how many cells it holds, erased ones included.
    pub(super) fn cells(&self) -> usize {
        self.plain.len() + self.lower.len() + self.wide.len()
    }

    /// Returns the bytes its columns take.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Block>()
            * (self.plain_blocks.capacity()
                + self.mixed_blocks.capacity()
                + self.wide_blocks.capacity())
            + 4 * (self.plain.capacity()
                + self.lower.capacity()
                + self.width.capacity()
                + self.uncounted.capacity())
            + self.state.capacity()
            + size_of::<Cell>() * self.wide.capacity()
    }
}

impl Block {
    const fn range(&self) -> (usize, usize) {
        (self.start, self.start + self.len as usize)
    }

    const fn with<'a>(&self, cells: Cells<'a>) -> CellBlock<'a> {
        CellBlock {
            summary: self.summary,
            shape: self.shape,
            cells,
        }
    }
}

/// Returns lower bound and width where both fit 32 bits.
fn narrow(figure: Figure) -> Option<(i32, u32)> {
    let lower = figure.lower();
    let width = figure.upper().map_or(0, |upper| upper - lower);
    Some((i32::try_from(lower).ok()?, u32::try_from(width).ok()?))
}

/// Removes a summary's blocks and returns where they stood.
fn take(blocks: &mut Vec<Block>, summary: u32) -> Vec<(usize, usize)> {
    blocks
        .extract_if(.., |block| block.summary == summary)
        .map(|block| block.range())
        .collect()
}

/// Appends with little slack: doubling would cost as much memory as the cells themselves.
fn extend<T>(to: &mut Vec<T>, items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) {
    let items = items.into_iter();
    if to.capacity() - to.len() < items.len() {
        to.reserve_exact(items.len().max(to.len() / 8));
    }
    to.extend(items);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells() -> impl Strategy<Value = Cell> {
        let figure = prop_oneof![
            8 => (-5i64..1000).prop_map(Figure::Exact),
            1 => (0i64..1 << 40).prop_map(Figure::Exact),
            2 => (0i64..1000, 0i64..1 << 34).prop_map(|(lower, width)| Figure::Interval {
                lower,
                upper: lower + width
            }),
            2 => Just(Figure::Absent),
        ];
        (figure, prop_oneof![Just(0u32), any::<u32>()])
            .prop_map(|(figure, uncounted)| Cell { figure, uncounted })
    }

    proptest! {
        #[test]
        fn cells_come_back_as_they_went_in(
            summaries in proptest::collection::vec(proptest::collection::vec(cells(), 0..12), 0..8),
            erased in 0u32..8,
        ) {
            let mut sheet = Sheet::default();
            for (summary, cells) in (0u32..).zip(&summaries) {
                sheet.push(summary, 7, cells);
            }
            sheet.erase(erased);
            let mut seen = 0;
            for block in sheet.blocks() {
                seen += 1;
                prop_assert!(block.summary != erased && block.shape == 7);
                let expected = &summaries[block.summary as usize];
                let packed: Vec<Cell> =
                    (0..).map_while(|index| block.cells.get(index)).collect();
                prop_assert_eq!(&packed, expected);
            }
            let kept = summaries.len() - usize::from((erased as usize) < summaries.len());
            prop_assert_eq!(seen, kept);
        }
    }

    #[test]
    fn exact_cells_take_four_bytes_and_others_thirteen() {
        let cell = |figure| Cell {
            figure,
            uncounted: 0,
        };
        let mut sheet = Sheet::default();
        sheet.push(0, 0, &vec![cell(Figure::Exact(7)); 10_000]);
        assert!(sheet.bytes() < 4 * 10_000 + 100, "{}", sheet.bytes());
        sheet.push(
            1,
            0,
            &vec![cell(Figure::Interval { lower: 0, upper: 9 }); 10_000],
        );
        assert!(sheet.bytes() < 17 * 10_000 + 200, "{}", sheet.bytes());
        assert_eq!(sheet.cells(), 20_000);
    }
}
