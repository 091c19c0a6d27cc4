//! One query answered.
//!
//! The bounds of a row cover exactly its `members`: those with at least one figure in it. Where
//! such a member lacks another figure the row needs, nothing bounds the row from above. Members
//! with no figure at all are not in it; the coverage says why. A `nil` status is a figure: an
//! exact 0, or for tables about persons under a charter that hides their existence, the interval
//! every count below the floor has, so that a nil period looks like any other small one.
//!
//! An answer is partial when an expected summary is missing, excused, withheld or recalled, or
//! when it is reported but its payload, or the table in it, is not here. Members whose size class
//! publishes no such table are not expected.

use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::ask::{Ask, By};
use super::columns::Columns;
use super::consortium::{Asker, Consortium};
use super::error::ReportError;
use super::gaps::Covers;
use super::grid::{Grid, limit_rows};
use super::notes;
use super::sheet::{INEXACT, UNBOUNDED};
use super::slots::{self, Found, Slot};
use super::tally::{Bounds, Tally, Target, unknown};
use crate::model::measure::Adds;
use crate::model::{Cell, Figure, Kind, Measure};
use crate::wire;

/// Summaries listed per row without provenance.
const REFS_SHOWN: usize = 100;

/// Most sums kept for one answer.
const MOST_SUMS: usize = 1 << 21;

/// Most summaries listed in one answer.
const MOST_REFS: usize = 1 << 20;

/// Answers one query.
///
/// # Errors
/// When a word is not known, no table answers, or the answer would be partial and that is not
/// allowed.
pub fn query(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    request: &wire::QueryRequest,
) -> Result<wire::QueryResponse, ReportError> {
    let ask = Ask::read(columns, consortium, asker, request)?;
    let (mut rows, covers) = figures(columns, consortium, &ask)?;
    let doubles = doubles(columns, consortium, asker, &ask);
    notes::attach(&ask, doubles, &mut rows);
    Ok(wire::QueryResponse {
        query: Some(ask.to_wire()),
        as_of: Some(as_of(columns, consortium, &ask)),
        rows,
        coverage: Some(covers.respond(&ask)),
        decimals: ask.measure.decimals(),
    })
}

fn figures(
    columns: &Columns,
    consortium: &Consortium,
    ask: &Ask<'_>,
) -> Result<(Vec<wire::Row>, Covers), ReportError> {
    let found = slots::find(columns, ask);
    let covers = Covers::new(columns, consortium, ask, &found);
    covers.refuse_partial(ask)?;
    let shapes = found.slots.iter().filter_map(|slot| slot.axes(columns));
    let grid = Grid::new(ask, consortium, shapes)?;
    let nil = nil_figure(consortium, ask);
    let answer = Answer::new(columns, ask, &found, &grid, &covers, nil)?;
    Ok((answer.rows()?, covers))
}

/// Returns questions about advocacy that two networks may have reported without naming a lead.
fn doubles(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    ask: &Ask<'_>,
) -> Vec<String> {
    if ask.kind != Kind::AdvocacyAction || ask.members.len() < 2 {
        return Vec::new();
    }
    let rows = |measure: Measure, by: &[&str]| {
        let request = wire::QueryRequest {
            measure: measure.to_string(),
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            r#where: Vec::new(),
            allow_partial: true,
            ..ask.to_wire()
        };
        let ask = Ask::read(columns, consortium, asker, &request)?;
        figures(columns, consortium, &ask).map(|(rows, _)| rows)
    };
    // A plan without these tables, or too large an answer, leaves nothing to ask about.
    match (
        rows(Measure::Activities, &["member", "period", "action_type"]),
        rows(Measure::ActivitiesJoined, &["member", "period"]),
    ) {
        (Ok(activities), Ok(joined)) => notes::doubles(consortium, &activities, &joined),
        _ => Vec::new(),
    }
}

/// The sums behind an answer, and what stands behind each.
struct Answer<'a> {
    columns: &'a Columns,
    ask: &'a Ask<'a>,
    found: &'a Found<'a>,
    grid: &'a Grid,
    covers: &'a Covers,
    layout: Layout,
    tally: Tally,
    /// Per slot, the number of its shape.
    shapes: Vec<usize>,
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

/// What stands behind the rows of one bucket and signature.
struct Behind {
    members: Vec<usize>,
    /// The first, or all, in the order of members and leaves.
    summaries: Vec<wire::SummaryRef>,
    total: u64,
}

impl<'a> Answer<'a> {
    fn new(
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
            .map(|slot| grid.shape(slot.member, slot.axes(columns)))
            .collect();
        let mut answer = Self {
            columns,
            ask,
            found,
            grid,
            covers,
            layout,
            tally: Tally::new(sums),
            shapes,
            buckets: vec![Vec::new(); blocks],
            signatures: grid.signatures(),
        };
        answer.add_up(nil);
        Ok(answer)
    }

    fn add_up(&mut self, nil: Cell) {
        for (slot, cells) in &self.found.hits {
            let map = self.grid.map(self.shapes[*slot]);
            let target = Target {
                to: &map.to,
                identity: map.identity,
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
                    self.tally.add_cell(self.first_sum(slot) + group, nil);
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
    fn rows(&self) -> Result<Vec<wire::Row>, ReportError> {
        let lens: Vec<usize> = self.ask.by.iter().map(|by| self.len_of(*by)).collect();
        let total = lens
            .iter()
            .try_fold(1usize, |count, len| count.checked_mul(*len));
        let total = total.unwrap_or(usize::MAX);
        limit_rows(total)?;
        let appears = self.appearing();
        let mut behind: HashMap<(usize, usize), Rc<Behind>> = HashMap::new();
        let mut listed = 0;
        let mut rows = Vec::new();
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
                .or_insert_with(|| Rc::new(self.behind(bucket, group)));
            listed += behind.summaries.len();
            if listed > MOST_REFS {
                return Err(ReportError::TooLarge {
                    what: "summaries behind its rows",
                    asked: listed,
                    most: MOST_REFS,
                });
            }
            rows.push(self.row(&at, behind, self.bounds(member, period, group, behind)));
        }
        Ok(rows)
    }

    fn len_of(&self, by: By) -> usize {
        match by {
            By::Member => self.ask.members.len(),
            By::Period => self.ask.needed_periods().len(),
            By::Dimension(dimension) => self.codes(dimension).len(),
        }
    }

    fn codes(&self, dimension: crate::model::Dimension) -> &[String] {
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

    fn behind(&self, bucket: usize, group: usize) -> Behind {
        let most = if self.ask.provenance {
            usize::MAX
        } else {
            REFS_SHOWN
        };
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
            if behind.summaries.len() < most {
                behind.summaries.push(wire::SummaryRef {
                    member: self.ask.members[slot.member].id.to_string(),
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
            let distinct = self.ask.adds() == Adds::Distinct;
            members
                .reduce(|one, other| {
                    if distinct {
                        one.joined(other)
                    } else {
                        one.plus(other)
                    }
                })
                .unwrap_or_default()
        };
        let summed_over_periods = !self.layout.by_period && self.ask.adds() != Adds::Level;
        if summed_over_periods && behind.members.iter().any(|m| self.covers.has_gap[*m]) {
            bounds.state |= INEXACT | UNBOUNDED;
        }
        bounds
    }

    fn row(&self, at: &[usize], behind: &Behind, bounds: Bounds) -> wire::Row {
        let word = |(by, at): (&By, &usize)| {
            let code = match by {
                By::Member => self.ask.members[*at].id.to_string(),
                By::Period => self.ask.needed_periods()[*at].to_string(),
                By::Dimension(dimension) => self.codes(*dimension)[*at].clone(),
            };
            (by.as_str().to_owned(), code)
        };
        let distinct = self.ask.adds() == Adds::Distinct && behind.members.len() > 1;
        wire::Row {
            group: self.ask.by.iter().zip(at).map(word).collect(),
            value: (bounds.state == 0 && !distinct).then_some(bounds.lower),
            lower: bounds.lower,
            upper: bounds.upper(),
            uncounted: bounds.uncounted,
            members: behind
                .members
                .iter()
                .map(|member| self.ask.members[*member].id.to_string())
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

/// Returns what a period in which nothing happened counts as.
fn nil_figure(consortium: &Consortium, ask: &Ask<'_>) -> Cell {
    let floor = &consortium.policy.disclosure;
    let hidden = floor.hide_existence && ask.tables.iter().any(|table| table.personal);
    Cell {
        figure: if hidden {
            Figure::Interval {
                lower: 0,
                upper: i64::from(floor.min_cell) - 1,
            }
        } else {
            Figure::Exact(0)
        },
        uncounted: 0,
    }
}

fn as_of(columns: &Columns, consortium: &Consortium, ask: &Ask<'_>) -> wire::AsOf {
    let checkpoints = consortium.publishers().map(|member| {
        let head = columns.head(&member.id);
        // A log nothing is held of is the empty tree: RFC 6962 §2.1.
        let root_hash = head.map_or_else(|| Sha256::digest(b"").into(), |head| head.root_hash);
        let cosigners = head.map_or(&[][..], |head| &head.cosigned_by);
        wire::CheckpointRef {
            member: member.id.to_string(),
            tree_size: head.map_or(0, |head| head.tree_size),
            root_hash: base64::engine::general_purpose::STANDARD.encode(root_hash),
            cosigned_by: cosigners.iter().map(ToString::to_string).collect(),
        }
    });
    wire::AsOf {
        date: ask.at.to_string(),
        charter_version: consortium.version,
        checkpoints: checkpoints.collect(),
    }
}
