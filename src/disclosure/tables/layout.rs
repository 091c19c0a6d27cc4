//! Which atoms there are, and which of them a cell sums.
//!
//! Per measure, tables are laid over a few blocks of atoms, one per largest set of dimensions in
//! use. Where those sets hang together like a tree, any blocks that agree where they meet are the
//! margins of some full table (Vorob'ev 1962), so that nothing is lost by never crossing what no
//! table crosses. Where they do not, there is one block with all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{base, positions, refine};
use super::count::Count;
use crate::charter::policy::Of;
use crate::disclosure::{Form, Row};
use crate::model::measure::Adds;
use crate::model::{Axis, Dimension, Grain, Measure, Period, table};

/// The most atoms that are reckoned with.
const MOST_ATOMS: usize = 20_000;

/// Why tables have no atoms in common that could be reckoned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tangle {
    /// Two dimensions cut across each other.
    #[error("tables by {one} and by {other} overlap, and could be subtracted from each other")]
    Across {
        /// The one.
        one: Dimension,
        /// The other.
        other: Dimension,
    },
    /// Something stands in several cells of one table.
    #[error("by {0}, one activity stands in several cells, whose overlap could be had")]
    Several(Dimension),
    /// There would be too many atoms.
    #[error("the tables cross in more than {MOST_ATOMS} cells")]
    TooMany,
}

/// What a block is laid along: a dimension, or time.
type Key = Option<Dimension>;

const TIME: Key = None;

/// Two blocks that meet, and along what.
type Meeting = (usize, usize, BTreeSet<Key>);

/// The atoms under a number of tables.
#[derive(Clone, Debug)]
pub struct Layout {
    in_use: BTreeSet<Dimension>,
    bodies: Vec<Body>,
    atoms: usize,
}

/// The atoms of one measure; of one that does not add up over time, in one period.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) measure: Measure,
    signers: Of,
    /// The period, of a measure that does not add up over time.
    pub(super) only: Option<Period>,
    /// The parts of time, each with atoms of its own; the only one has no name.
    times: Vec<Period>,
    blocks: Vec<Block>,
    /// Blocks that meet, and along what.
    meet: Vec<Meeting>,
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) axes: Vec<Axis>,
    timed: bool,
    first: usize,
}

/// Returns tables with those of the other measures of the same visits: who is alone in a cell of
/// one knows what they add to all of them, whether or not these are split that way.
fn beside_each_other<'c>(counts: impl Iterator<Item = &'c Count> + Clone) -> BTreeSet<Count> {
    let is_in_use = |like: &Count| {
        let mut same = counts.clone().filter(|count| {
            (count.measure, count.signers) == (like.measure, like.signers)
                && (like.measure.adds() == Adds::Additive || count.period == like.period)
        });
        same.next().is_some()
    };
    let mut laid: BTreeSet<Count> = counts.clone().cloned().collect();
    for count in counts
        .clone()
        .filter(|count| VISITS.contains(&count.measure))
    {
        let beside = VISITS.map(|measure| Count {
            measure,
            ..count.clone()
        });
        laid.extend(beside.into_iter().filter(is_in_use));
    }
    laid
}

/// What is counted of those who visit activities.
pub(super) const VISITS: [Measure; 3] =
    [Measure::Attendances, Measure::Completions, Measure::People];

/// Where a form is taken: codes along some dimensions, some of the times.
#[derive(Clone, Debug)]
pub(super) struct At {
    allowed: BTreeMap<Dimension, Vec<usize>>,
    times: Vec<usize>,
}

impl Layout {
    /// Lays atoms under tables.
    ///
    /// # Errors
    /// When they overlap in a way that no atoms lie under.
    pub fn of<'c>(counts: impl Iterator<Item = &'c Count> + Clone) -> Result<Self, Tangle> {
        let counts = counts.filter(|count| count.is_of_heads());
        let in_use: BTreeSet<Dimension> = counts.clone().flat_map(Count::dimensions).collect();
        if let Some(several) = in_use.iter().find(|d| d.is_multi_valued()) {
            return Err(Tangle::Several(*several));
        }
        let (one, other) = (Dimension::Country, Dimension::Region);
        if in_use.contains(&one) && in_use.contains(&other) {
            return Err(Tangle::Across { one, other });
        }
        let laid = beside_each_other(counts.clone());
        let mut groups: BTreeMap<(Measure, Of, Option<Period>), Vec<&Count>> = BTreeMap::new();
        for count in &laid {
            let only = (count.measure.adds() != Adds::Additive).then_some(count.period);
            let group = (count.measure, count.signers, only);
            groups.entry(group).or_default().push(count);
        }
        let mut layout = Self {
            in_use,
            bodies: Vec::new(),
            atoms: 0,
        };
        let axes: Vec<&Axis> = counts.flat_map(|count| &count.axes).collect();
        for ((measure, signers, only), counts) in groups {
            let mut body = Body {
                measure,
                signers,
                only,
                times: times(&counts),
                blocks: Vec::new(),
                meet: Vec::new(),
            };
            let edges = counts.iter().map(|count| layout.keys(&body, count));
            let (edges, meet) = tree(edges.collect());
            body.meet = meet;
            for keys in edges {
                layout.lay(&mut body, &keys, &axes)?;
            }
            layout.bodies.push(body);
        }
        Ok(layout)
    }

    fn lay(&mut self, body: &mut Body, keys: &BTreeSet<Key>, axes: &[&Axis]) -> Result<(), Tangle> {
        let dimensions = keys.iter().copied().flatten();
        let block = Block {
            axes: dimensions
                .map(|dimension| refine(dimension, axes.iter().copied()))
                .collect(),
            timed: keys.contains(&TIME),
            first: self.atoms,
        };
        let lengths = block.axes.iter().map(|axis| axis.codes.len());
        let times = if block.timed { body.times.len() } else { 1 };
        let atoms = lengths.fold(times, usize::saturating_mul);
        self.atoms = self.atoms.saturating_add(atoms);
        if self.atoms > MOST_ATOMS {
            return Err(Tangle::TooMany);
        }
        body.blocks.push(block);
        Ok(())
    }

    /// Returns how many atoms there are.
    pub const fn atoms(&self) -> usize {
        self.atoms
    }

    /// Returns what must be counted to know every atom, in the order of the atoms.
    pub fn wants(&self) -> Vec<Count> {
        let mut wants = Vec::new();
        for body in &self.bodies {
            for block in &body.blocks {
                let whole = body.whole();
                let times = if block.timed {
                    body.times.clone()
                } else {
                    whole.into_iter().collect()
                };
                wants.extend(times.into_iter().map(|period| Count {
                    measure: body.measure,
                    signers: body.signers,
                    axes: block.axes.clone(),
                    period,
                }));
            }
        }
        wants
    }

    /// Returns the sum of atoms that a cell is.
    pub fn cell(&self, count: &Count, cell: usize) -> Option<Form> {
        let body = self.body(count)?;
        let block = body.block_for(&self.keys(body, count))?;
        Some(block.form(body, &self.at(body, count, cell)))
    }

    /// Returns the sums of atoms that the cells of a table are, in order.
    pub(super) fn forms(&self, count: &Count) -> Option<Vec<Form>> {
        let cells = 0..count.cells();
        cells.map(|cell| self.cell(count, cell)).collect()
    }

    /// Returns the sum of atoms that is in one cell and not in another of the same measure;
    /// `None` where no block holds both.
    pub fn difference(&self, one: (&Count, usize), other: (&Count, usize)) -> Option<(Form, Form)> {
        let body = self.body(one.0)?;
        if !std::ptr::eq(body, self.body(other.0)?) {
            return None;
        }
        let keys = self.keys(body, one.0);
        let both = keys.union(&self.keys(body, other.0)).copied().collect();
        let block = body.block_for(&both)?;
        let (a, b) = (
            block.form(body, &self.at(body, one.0, one.1)),
            block.form(body, &self.at(body, other.0, other.1)),
        );
        let common = a.without(|atom| b.coefficient(atom) == 0);
        Some((a.minus(&common), common))
    }

    /// Returns the rows in which blocks of one measure agree: wherever they meet, and as a whole,
    /// which follows from these and is quicker to see.
    pub(super) fn agreements(&self) -> Vec<Row> {
        let mut forms = BTreeSet::new();
        for body in &self.bodies {
            for (one, other, keys) in &body.meet {
                let (one, other) = (&body.blocks[*one], &body.blocks[*other]);
                let apart = |at: &At| one.form(body, at).minus(&other.form(body, at));
                forms.extend(body.corners(one, keys).iter().map(apart));
            }
            for (at, one) in body.blocks.iter().enumerate() {
                let whole = |block: &Block| block.form(body, &body.everything());
                let others = body.blocks[..at].iter();
                let apart = others.map(|other| whole(other).minus(&whole(one)));
                // Not the other way round, where they only meet as a whole.
                let is_new = |form: &Form| !forms.contains(&form.times(-1));
                let apart: Vec<Form> = apart.filter(is_new).collect();
                forms.extend(apart);
            }
        }
        let forms = forms.into_iter();
        forms.map(|apart| Row::exactly(apart, 0)).collect()
    }

    pub(super) fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// Returns, for two measures in the time both speak of, the forms of every cell both have, and
    /// whether it is a total.
    pub(super) fn side_by_side(&self, one: &Body, other: &Body) -> Vec<(Form, Form, bool)> {
        let mut pairs = BTreeSet::new();
        for mine in &one.blocks {
            for theirs in &other.blocks {
                let common: BTreeSet<Key> = mine
                    .keys()
                    .intersection(&theirs.keys())
                    .copied()
                    .filter(|key| *key != TIME)
                    .collect();
                for (my_times, their_times) in one.common_times(mine, other, theirs) {
                    for mut at in one.corners(mine, &common) {
                        at.times.clone_from(&my_times);
                        let form = mine.form(one, &at);
                        at.times.clone_from(&their_times);
                        pairs.insert((form, theirs.form(other, &at), common.is_empty()));
                    }
                }
            }
        }
        pairs.into_iter().collect()
    }

    /// Returns the whole of what a table counts, once for each block that holds it.
    pub(super) fn totals(&self, count: &Count) -> Vec<Form> {
        let total = count.split(Vec::new());
        let Some(body) = self.body(&total) else {
            return Vec::new();
        };
        let (keys, at) = (self.keys(body, &total), self.at(body, &total, 0));
        let blocks = body.blocks.iter();
        let blocks = blocks.filter(|block| keys.is_subset(&block.keys()));
        blocks.map(|block| block.form(body, &at)).collect()
    }

    /// Returns the sum of all atoms of a measure.
    pub(super) fn total(&self, body: &Body) -> Form {
        body.blocks
            .first()
            .map_or_else(Form::default, |block| block.form(body, &body.everything()))
    }

    fn body(&self, count: &Count) -> Option<&Body> {
        self.bodies.iter().find(|body| {
            body.measure == count.measure
                && body.signers == count.signers
                && body.only.is_none_or(|only| only == count.period)
        })
    }

    fn keys(&self, body: &Body, count: &Count) -> BTreeSet<Key> {
        let dimensions = count.dimensions().map(|d| Some(base(d, &self.in_use)));
        let part_of_time = body.whole() != Some(count.period);
        dimensions.chain(part_of_time.then_some(TIME)).collect()
    }

    fn at(&self, body: &Body, count: &Count, cell: usize) -> At {
        let mut allowed: BTreeMap<Dimension, Vec<usize>> = BTreeMap::new();
        let codes = table::codes_at(&count.axes, cell);
        for (axis, code) in count.axes.iter().zip(codes) {
            let dimension = base(axis.dimension, &self.in_use);
            let Some(atoms) = body.axis(dimension) else {
                continue;
            };
            let wanted = axis.codes.iter().position(|other| other == code);
            let here = positions(axis, atoms).into_iter().enumerate();
            let here: Vec<usize> = here
                .filter(|(_, position)| *position == wanted)
                .map(|(at, _)| at)
                .collect();
            let kept = match allowed.remove(&dimension) {
                Some(before) => before.into_iter().filter(|at| here.contains(at)).collect(),
                None => here,
            };
            allowed.insert(dimension, kept);
        }
        At {
            allowed,
            times: body.times_in(count.period),
        }
    }
}

impl Body {
    /// Returns the axes it is laid out along, each once.
    pub(super) fn axes(&self) -> BTreeSet<&Axis> {
        self.blocks.iter().flat_map(|block| &block.axes).collect()
    }

    /// Returns a table like those it is laid out for, along one axis and in some time.
    pub(super) fn along(&self, axis: &Axis, period: Period) -> Count {
        Count {
            measure: self.measure,
            signers: self.signers,
            axes: vec![axis.clone()],
            period,
        }
    }

    fn everything(&self) -> At {
        At {
            allowed: BTreeMap::new(),
            times: (0..self.times.len()).collect(),
        }
    }

    /// Returns the one period that is all of the time there is.
    fn whole(&self) -> Option<Period> {
        match self.times.as_slice() {
            [only] => Some(*only),
            times => {
                let mut grains = Grain::ALL.iter().filter(|g| **g != Grain::FinancialYear);
                grains.find_map(|grain| {
                    let period = Period::holding(times.first()?.first_day(), *grain, 1);
                    fills(times.iter(), period).then_some(period)
                })
            }
        }
    }

    fn times_in(&self, period: Period) -> Vec<usize> {
        let times = self.times.iter().enumerate();
        times
            .filter(|(_, time)| period.covers(**time))
            .map(|(at, _)| at)
            .collect()
    }

    fn axis(&self, dimension: Dimension) -> Option<&Axis> {
        let mut axes = self.blocks.iter().flat_map(|block| &block.axes);
        axes.find(|axis| axis.dimension == dimension)
    }

    fn block_for(&self, keys: &BTreeSet<Key>) -> Option<&Block> {
        let mut blocks = self.blocks.iter();
        blocks.find(|block| keys.is_subset(&block.keys()))
    }

    /// Returns every combination of codes and times along some keys.
    fn corners(&self, block: &Block, keys: &BTreeSet<Key>) -> Vec<At> {
        let mut corners = vec![At {
            allowed: BTreeMap::new(),
            times: (0..self.times.len()).collect(),
        }];
        for axis in block
            .axes
            .iter()
            .filter(|a| keys.contains(&Some(a.dimension)))
        {
            let along = |corner: At| {
                (0..axis.codes.len()).map(move |code| {
                    let mut corner = corner.clone();
                    corner.allowed.insert(axis.dimension, vec![code]);
                    corner
                })
            };
            corners = corners.into_iter().flat_map(along).collect();
        }
        if keys.contains(&TIME) {
            let at_each = |corner: At| {
                (0..self.times.len()).map(move |time| At {
                    times: vec![time],
                    ..corner.clone()
                })
            };
            corners = corners.into_iter().flat_map(at_each).collect();
        }
        corners
    }

    /// Returns the stretches of time in which a block of this body and one of another both can be
    /// summed: each part where both have it, and the whole.
    fn common_times(
        &self,
        mine: &Block,
        other: &Self,
        theirs: &Block,
    ) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut stretches: Vec<Period> = self.times.iter().chain(&other.times).copied().collect();
        stretches.extend(self.whole());
        stretches.extend(other.whole());
        stretches.sort_unstable();
        stretches.dedup();
        stretches
            .into_iter()
            .filter_map(|period| {
                Some((self.stretch(mine, period)?, other.stretch(theirs, period)?))
            })
            .collect()
    }

    /// Returns the times that make up a period, where a block can be summed over just these.
    fn stretch(&self, block: &Block, period: Period) -> Option<Vec<usize>> {
        let times = self.times_in(period);
        let filled = fills(times.iter().map(|at| &self.times[*at]), period);
        (filled && (block.timed || times.len() == self.times.len())).then_some(times)
    }
}

/// Returns whether times, the earliest first, make up a period without a gap.
pub(super) fn fills<'t>(mut times: impl Iterator<Item = &'t Period>, period: Period) -> bool {
    let Some(first) = times.next() else {
        return false;
    };
    let mut last = *first;
    let follow = times.all(|time| std::mem::replace(&mut last, *time).next() == *time);
    follow && first.first_day() == period.first_day() && last.last_day() == period.last_day()
}

impl Block {
    fn keys(&self) -> BTreeSet<Key> {
        let dimensions = self.axes.iter().map(|axis| Some(axis.dimension));
        dimensions.chain(self.timed.then_some(TIME)).collect()
    }

    fn form(&self, body: &Body, at: &At) -> Form {
        let mut atoms: Vec<usize> = if self.timed {
            at.times.clone()
        } else {
            vec![0]
        };
        for axis in &self.axes {
            let all = || (0..axis.codes.len()).collect();
            let codes: Vec<usize> = at.allowed.get(&axis.dimension).cloned().unwrap_or_else(all);
            let length = axis.codes.len();
            let along = |atom: usize| codes.iter().map(move |code| atom * length + code);
            atoms = atoms.into_iter().flat_map(along).collect();
        }
        debug_assert!(!body.times.is_empty());
        Form::sum(atoms.into_iter().map(|atom| self.first + atom))
    }
}

/// Returns the parts of time that all tables' periods are made of.
pub(super) fn times(counts: &[&Count]) -> Vec<Period> {
    let mut periods: Vec<Period> = counts.iter().map(|count| count.period).collect();
    periods.sort_unstable();
    periods.dedup();
    if let [only] = periods.as_slice() {
        return vec![*only];
    }
    let finest = periods.iter().map(|period| period.grain()).min();
    let years = |grain| periods.iter().any(|period| period.grain() == grain);
    let grain = match finest {
        Some(Grain::Year) if years(Grain::FinancialYear) => Grain::Quarter,
        Some(Grain::FinancialYear) => Grain::Quarter,
        Some(grain) => grain,
        None => return Vec::new(),
    };
    let mut times: Vec<Period> = periods.iter().flat_map(|p| p.split(grain, 1)).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// Returns the largest of some sets of keys, and how they hang together; all in one where they do
/// not hang together like a tree (Graham 1979; Yu and Özsoyoğlu 1979).
fn tree(mut edges: Vec<BTreeSet<Key>>) -> (Vec<BTreeSet<Key>>, Vec<Meeting>) {
    edges.sort();
    edges.dedup();
    let all = edges.clone();
    edges.retain(|edge| {
        !all.iter()
            .any(|other| edge != other && edge.is_subset(other))
    });
    let mut left: Vec<usize> = (0..edges.len()).collect();
    let mut meet = Vec::new();
    while left.len() > 1 {
        let ear = left.iter().enumerate().find_map(|(nth, ear)| {
            let others = || left.iter().filter(|other| *other != ear);
            let shared: BTreeSet<Key> = edges[*ear]
                .iter()
                .filter(|key| others().any(|other| edges[*other].contains(*key)))
                .copied()
                .collect();
            let witness = others().find(|other| shared.is_subset(&edges[**other]))?;
            Some((nth, *ear, *witness, shared))
        });
        let Some((nth, ear, witness, shared)) = ear else {
            let everything = edges.into_iter().flatten().collect();
            return (vec![everything], Vec::new());
        };
        meet.push((ear, witness, shared));
        left.remove(nth);
    }
    (edges, meet)
}
