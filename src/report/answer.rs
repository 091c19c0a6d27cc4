//! The figures of an answer: sums of bounds per row, and what stands behind each.

use std::collections::HashMap;
use std::rc::Rc;

use super::ask::{Ask, By};
use super::columns::Columns;
use super::error::ReportError;
use super::gaps::Covers;
use super::grid::{Grid, limit_rows};
use super::sheet::{INEXACT, UNBOUNDED};
use super::slots::{Found, Slot};
use super::tally::{Bounds, Tally, Target, unknown};
use super::tighten::{Part, Sum, tighten};
use crate::charter::Policy;
use crate::model::measure::Adds;
use crate::model::{Cell, Dimension};
use crate::wire;

/// Most summaries listed per row without provenance.
const REFS_SHOWN: usize = 100;

/// Most summaries listed in one answer without provenance: answers of many rows list fewer a row.
const REFS_LISTED: usize = 1 << 18;

/// Most summaries listed in one answer with provenance.
const MOST_REFS: usize = 1 << 20;

/// Most summaries behind the rows of one answer whose bounds are tightened.
const MOST_SLOTS: usize = 100_000;

/// Most sums kept for one answer.
const MOST_SUMS: usize = 1 << 21;

/// The sums behind an answer, and what stands behind each.
pub(super) struct Answer<'a> {
    columns: &'a Columns,
    ask: &'a Ask<'a>,
    found: &'a Found<'a>,
    grid: &'a Grid,
    covers: &'a Covers,
    layout: Layout,
    tally: Tally,
    /// Per slot, the number of its shape.
    shapes: Vec<usize>,
    /// Per slot, where its cells are among those found; none where nothing happened.
    cells_of: Vec<Option<usize>>,
    /// What a period in which nothing happened counts as.
    nil: Cell,
    /// Slots by the rows they are behind: member and period, where rows are split by them.
    buckets: Vec<Vec<usize>>,
    signatures: Vec<usize>,
}

/// How sums are laid out: groups fastest, then members, then periods, each 1 where not split.
#[derive(Clone, Copy)]
struct Layout {
    groups: usize,
    members: usize,
    periods: usize,
    by_member: bool,
    by_period: bool,
}

impl Layout {
    const fn block(&self, member: usize, period: usize) -> usize {
        let member = if self.members == 1 { 0 } else { member };
        let period = if self.periods == 1 { 0 } else { period };
        period * self.members + member
    }

    /// Returns the position of a row's slots.
    const fn bucket(&self, member: usize, period: usize) -> usize {
        let member = if self.by_member { member } else { 0 };
        let period = if self.by_period { period } else { 0 };
        period * self.members + member
    }
}

/// A row whose bounds may be tightened.
struct Loose {
    row: usize,
    bucket: usize,
    group: usize,
}

/// What stands behind the rows of one bucket and signature.
struct Behind {
    members: Vec<usize>,
    /// The first, or all, in the order of members and leaves.
    summaries: Vec<wire::SummaryRef>,
    total: u64,
}

impl<'a> Answer<'a> {
    /// Adds up what was found.
    pub(super) fn new(
        columns: &'a Columns,
        ask: &'a Ask<'a>,
        found: &'a Found<'a>,
        grid: &'a Grid,
        covers: &'a Covers,
        nil: Cell,
    ) -> Result<Self, ReportError> {
        let by_member = ask.splits_by(By::Member);
        let by_period = ask.splits_by(By::Period);
        // What cannot simply be added over members is kept apart until the row is made.
        let apart = by_member || ask.adds() == Adds::Distinct || ask.counts_networks();
        let layout = Layout {
            groups: grid.groups,
            members: if apart { ask.members.len() } else { 1 },
            periods: if by_period {
                ask.needed_periods().len()
            } else {
                1
            },
            by_member,
            by_period,
        };
        let blocks = layout.members * layout.periods;
        let sums = blocks.saturating_mul(layout.groups);
        if sums > MOST_SUMS {
            return Err(ReportError::TooLarge {
                what: "sums",
                asked: sums,
                most: MOST_SUMS,
            });
        }
        let shapes = found
            .slots
            .iter()
            .map(|slot| grid.shape(slot.member, slot.shape))
            .collect();
        let mut cells_of = vec![None; found.slots.len()];
        for (hit, (slot, _)) in found.hits.iter().enumerate() {
            cells_of[*slot] = Some(hit);
        }
        let mut answer = Self {
            columns,
            ask,
            found,
            grid,
            covers,
            layout,
            tally: Tally::new(sums),
            shapes,
            cells_of,
            nil,
            buckets: vec![Vec::new(); blocks],
            signatures: grid.signatures(),
        };
        answer.add_up();
        Ok(answer)
    }

    fn add_up(&mut self) {
        for (slot, cells) in &self.found.hits {
            let map = self.grid.map(self.shapes[*slot]);
            let target = Target {
                to: &map.to,
                order: &map.order,
                first: self.first_sum(&self.found.slots[*slot]),
                len: self.layout.groups,
            };
            if self.ask.counts_networks() {
                self.tally.unite(*cells, &target);
            } else {
                self.tally.add(*cells, &target);
            }
        }
        for (at, slot) in self.found.slots.iter().enumerate() {
            if slot.nil {
                let covers = &self.grid.map(self.shapes[at]).covers;
                for (group, _) in covers.iter().enumerate().filter(|(_, covered)| **covered) {
                    self.tally.add_cell(self.first_sum(slot) + group, self.nil);
                }
            }
            if slot.nil || slot.shape.is_some() {
                let bucket = self.layout.bucket(slot.member, slot.period);
                self.buckets[bucket].push(at);
            }
        }
        for bucket in &mut self.buckets {
            let slots = &self.found.slots;
            bucket.sort_by_key(|at| {
                let leaf = self.columns.word(slots[*at].word).leaf_index;
                (slots[*at].member, leaf)
            });
        }
    }

    const fn first_sum(&self, slot: &Slot) -> usize {
        self.layout.block(slot.member, slot.period) * self.layout.groups
    }

    /// Makes the rows, in the order of `by`.
    pub(super) fn rows(&self, policy: &Policy) -> Result<Vec<wire::Row>, ReportError> {
        let lens: Vec<usize> = self.ask.by.iter().map(|by| self.len_of(*by)).collect();
        let total = lens
            .iter()
            .try_fold(1usize, |count, len| count.checked_mul(*len));
        let total = total.unwrap_or(usize::MAX);
        limit_rows(total)?;
        let most_refs = if self.ask.provenance {
            usize::MAX
        } else {
            (REFS_LISTED / total.max(1)).clamp(1, REFS_SHOWN)
        };
        let appears = self.appearing();
        let mut behind: HashMap<(usize, usize), Rc<Behind>> = HashMap::new();
        let mut listed = 0;
        let mut rows = Vec::new();
        let mut loose: Vec<Loose> = Vec::new();
        let mut at = vec![0; lens.len()];
        for nth in 0..total {
            split(nth, &lens, &mut at);
            let (member, period, group) = self.place(&at);
            let owner = if self.layout.by_member { member } else { 0 };
            if !appears[owner][group] {
                continue;
            }
            let bucket = self.layout.bucket(member, period);
            let behind = behind
                .entry((bucket, self.signatures[group]))
                .or_insert_with(|| Rc::new(self.behind(bucket, group, most_refs)));
            listed += behind.summaries.len();
            if listed > MOST_REFS {
                return Err(ReportError::TooLarge {
                    what: "summaries behind its rows",
                    asked: listed,
                    most: MOST_REFS,
                });
            }
            let bounds = self.bounds(member, period, group, behind);
            if bounds.state == INEXACT && self.ask.measure.counts_persons() {
                loose.push(Loose {
                    row: rows.len(),
                    bucket,
                    group,
                });
            }
            rows.push(self.row(&at, behind, bounds));
        }
        self.tighten(policy, &loose, &mut rows);
        Ok(rows)
    }

    /// Tightens the bounds of rows by what else their members published.
    fn tighten(&self, policy: &Policy, loose: &[Loose], rows: &mut [wire::Row]) {
        let slots = loose.iter().map(|loose| self.buckets[loose.bucket].len());
        if slots.sum::<usize>() > MOST_SLOTS {
            return;
        }
        let of_rows: Vec<Vec<Sum<'_>>> = loose.iter().map(|loose| self.sums(loose)).collect();
        let sums: Vec<Sum<'_>> = of_rows.iter().flatten().cloned().collect();
        let mut tight = tighten(self.columns, policy, self.ask, &sums).into_iter();
        for (loose, of_row) in loose.iter().zip(&of_rows) {
            let row = &mut rows[loose.row];
            let Some(bounds) = self.over_members(tight.by_ref().take(of_row.len())) else {
                continue;
            };
            row.value = self.value(bounds, of_row.len());
            row.lower = bounds.lower;
            row.upper = bounds.upper();
        }
    }

    /// Returns what a row adds up, member by member.
    fn sums(&self, loose: &Loose) -> Vec<Sum<'_>> {
        let mut sums: Vec<Sum<'_>> = Vec::new();
        for at in &self.buckets[loose.bucket] {
            let map = self.grid.map(self.shapes[*at]);
            if !map.covers[loose.group] {
                continue;
            }
            let slot = &self.found.slots[*at];
            if sums.last().is_none_or(|sum| sum.member != slot.member) {
                sums.push(Sum {
                    member: slot.member,
                    parts: Vec::new(),
                    rest: Bounds::default(),
                });
            }
            let Some(sum) = sums.last_mut() else { continue };
            match self.cells_of[*at] {
                Some(hit) => sum.parts.extend(self.parts(*at, hit, loose.group)),
                None => sum.rest = sum.rest.plus(self.nil.into()),
            }
        }
        sums
    }

    /// Returns the cells of a slot that belong to a group.
    fn parts(&self, at: usize, hit: usize, group: usize) -> impl Iterator<Item = Part<'_>> {
        let slot = &self.found.slots[at];
        let cells = self.found.hits[hit].1;
        let to = self.grid.map(self.shapes[at]).to.iter().enumerate();
        let axes = slot
            .shape
            .map_or(&[][..], |shape| self.columns.shape(shape));
        to.filter(move |(_, to)| **to as usize == group)
            .filter_map(move |(cell, _)| {
                Some(Part {
                    word: slot.word,
                    axes,
                    cell,
                    bounds: cells.get(cell)?.into(),
                })
            })
    }

    fn len_of(&self, by: By) -> usize {
        match by {
            By::Member => self.ask.members.len(),
            By::Period => self.ask.needed_periods().len(),
            By::Dimension(dimension) => self.codes(dimension).len(),
        }
    }

    fn codes(&self, dimension: Dimension) -> &[String] {
        let axis = self.grid.axes.iter().find(|(d, _)| *d == dimension);
        axis.map_or(&[], |(_, codes)| codes)
    }

    /// Returns member, period and group of a row.
    fn place(&self, at: &[usize]) -> (usize, usize, usize) {
        let (mut member, mut period, mut group) = (0, 0, 0);
        for (by, at) in self.ask.by.iter().zip(at) {
            match by {
                By::Member => member = *at,
                By::Period => period = *at,
                By::Dimension(dimension) => group = group * self.codes(*dimension).len() + at,
            }
        }
        (member, period, group)
    }

    /// Returns which groups have a row, per member where rows are split by member: those the plan
    /// gives a cell, and those a summary has one for.
    fn appearing(&self) -> Vec<Vec<bool>> {
        let rows = if self.layout.by_member {
            self.ask.members.len()
        } else {
            1
        };
        let mut appears = vec![vec![false; self.grid.groups]; rows];
        let mut mark = |member: usize, shape: usize| {
            let owner = if self.layout.by_member { member } else { 0 };
            let covers = &self.grid.map(shape).covers;
            for (appears, covered) in appears[owner].iter_mut().zip(covers) {
                *appears |= covered;
            }
        };
        for member in 0..self.ask.members.len() {
            mark(member, self.grid.shape(member, None));
        }
        for (slot, shape) in self.found.slots.iter().zip(&self.shapes) {
            mark(slot.member, *shape);
        }
        appears
    }

    fn behind(&self, bucket: usize, group: usize, most_refs: usize) -> Behind {
        let mut behind = Behind {
            members: Vec::new(),
            summaries: Vec::new(),
            total: 0,
        };
        for at in &self.buckets[bucket] {
            if !self.grid.map(self.shapes[*at]).covers[group] {
                continue;
            }
            let slot = &self.found.slots[*at];
            if behind.members.last() != Some(&slot.member) {
                behind.members.push(slot.member);
            }
            behind.total += 1;
            if behind.summaries.len() < most_refs {
                behind.summaries.push(wire::SummaryRef {
                    member: self.ask.members[slot.member].id.as_str().to_owned(),
                    leaf_index: self.columns.word(slot.word).leaf_index,
                });
            }
        }
        behind
    }

    fn bounds(&self, member: usize, period: usize, group: usize, behind: &Behind) -> Bounds {
        if behind.members.is_empty() {
            return unknown();
        }
        let sum = |member| {
            let block = self.layout.block(member, period);
            self.tally.get(block * self.layout.groups + group)
        };
        let mut bounds = if self.layout.by_member || self.layout.members == 1 {
            sum(member)
        } else {
            let members = behind.members.iter().map(|member| sum(*member));
            self.over_members(members).unwrap_or_default()
        };
        let summed_over_periods = !self.layout.by_period && self.ask.adds() != Adds::Level;
        if summed_over_periods && behind.members.iter().any(|m| self.covers.has_gap[*m]) {
            bounds.state |= INEXACT | UNBOUNDED;
        }
        bounds
    }

    /// Returns the bounds of what several members have together.
    fn over_members(&self, members: impl Iterator<Item = Bounds>) -> Option<Bounds> {
        let distinct = self.ask.adds() == Adds::Distinct;
        members.reduce(|one, other| {
            if distinct {
                one.joined(other)
            } else {
                one.plus(other)
            }
        })
    }

    /// Returns the value of a row where it is exact: different persons of several members never
    /// are, since some may be in two.
    fn value(&self, bounds: Bounds, members: usize) -> Option<i64> {
        let distinct = self.ask.adds() == Adds::Distinct && members > 1;
        (bounds.state == 0 && !distinct).then_some(bounds.lower)
    }

    fn row(&self, at: &[usize], behind: &Behind, bounds: Bounds) -> wire::Row {
        let word = |(by, at): (&By, &usize)| {
            let code = match by {
                By::Member => self.ask.members[*at].id.as_str().to_owned(),
                By::Period => self.ask.needed_periods()[*at].to_string(),
                By::Dimension(dimension) => self.codes(*dimension)[*at].clone(),
            };
            (by.as_str().to_owned(), code)
        };
        wire::Row {
            group: self.ask.by.iter().zip(at).map(word).collect(),
            value: self.value(bounds, behind.members.len()),
            lower: bounds.lower,
            upper: bounds.upper(),
            uncounted: bounds.uncounted,
            members: behind
                .members
                .iter()
                .map(|member| self.ask.members[*member].id.as_str().to_owned())
                .collect(),
            summaries: behind.summaries.clone(),
            summaries_total: behind.total,
            notes: Vec::new(),
        }
    }
}

/// Splits a row's number into its position along each part of `by`, the last fastest.
fn split(mut nth: usize, lens: &[usize], at: &mut [usize]) {
    for (at, len) in at.iter_mut().zip(lens).rev() {
        *at = nth % len;
        nth /= len;
    }
}
