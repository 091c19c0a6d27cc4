//! What stands near a sum in a large world.
//!
//! A table that proves a sum differs from the truth in few atoms, and those lie close together: in
//! lines that cross the sum, and in lines that cross these. A program over the atoms near by, in
//! which all others stay as they are, is small where the whole one is large, and what it finds is
//! as good: it is checked against every row all the same. Where it finds nothing, nothing is known.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Choice;
use crate::disclosure::moves::Step;
use crate::disclosure::{Form, Model, Row, World};

/// A row of what is known of a world, or a cell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Row(usize),
    Choice(usize),
}

/// A sum that atoms share.
#[derive(Clone, Copy, Debug)]
struct Net {
    source: Source,
    /// What it is in truth.
    now: i64,
}

/// Which sums each atom of a world is in.
#[derive(Debug)]
pub(super) struct Near {
    nets: Vec<Net>,
    /// For each atom: the sums, in order, and how often it counts in them.
    of_atom: Vec<Vec<(usize, i64)>>,
    /// For each sum of no more atoms than [`SHORT`], which they are.
    short: Vec<Vec<usize>>,
}

/// What a reader knows of the atoms near a sum, if all others are as they are.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) model: Model,
    /// The atoms that stay as they are.
    pub(super) others: Vec<usize>,
    /// The sums that are shown, and what they cost if they may be given up.
    pub(super) soft: Vec<(Form, f64)>,
}

/// A sum of more atoms brings none of them near each other.
const SHORT: usize = 96;

/// How finely it is told how much of a sum is near.
const PARTS: usize = 1 << 20;

impl Near {
    /// Looks through a world and the choices there are of it.
    pub(super) fn of(world: &World, at: usize, choices: &[Choice]) -> Option<Self> {
        let mut near = Self {
            nets: Vec::new(),
            of_atom: vec![Vec::new(); world.truth.len()],
            short: Vec::new(),
        };
        for (row, known) in world.model.rows.iter().enumerate() {
            near.add(Source::Row(row), &known.form, &world.truth)?;
        }
        for (choice, of) in choices.iter().enumerate() {
            if let Some(Some(form)) = of.forms.get(at) {
                near.add(Source::Choice(choice), form, &world.truth)?;
            }
        }
        Some(near)
    }

    fn add(&mut self, source: Source, form: &Form, truth: &[i64]) -> Option<()> {
        let net = self.nets.len();
        let now = form.value(truth)?;
        self.nets.push(Net { source, now });
        for (atom, times) in form.terms() {
            self.of_atom.get_mut(atom)?.push((net, times));
        }
        let is_short = form.terms().count() <= SHORT;
        let terms = form.terms().filter(|_| is_short);
        self.short.push(terms.map(|(atom, _)| atom).collect());
        Some(())
    }

    /// Returns up to `most` atoms that stand nearest to a form, in order: those in sums of which
    /// most is near already, the short ones first.
    pub(super) fn around(
        &self,
        form: &Form,
        most: usize,
        may_differ: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let mut is_near = vec![false; self.of_atom.len()];
        let mut inside: BTreeMap<usize, usize> = BTreeMap::new();
        let mut queue: BinaryHeap<(usize, Reverse<usize>)> = BinaryHeap::new();
        let mut atoms: Vec<usize> = Vec::new();
        let mut next: Vec<usize> = form.terms().map(|(atom, _)| atom).collect();
        while atoms.len() < most {
            next.retain(|atom| !is_near[*atom] && may_differ(*atom));
            next.truncate(most - atoms.len());
            for atom in next {
                is_near[atom] = true;
                atoms.push(atom);
                for (net, _) in &self.of_atom[atom] {
                    let all = self.short[*net].len();
                    if all > 1 {
                        let inside = inside.entry(*net).or_default();
                        *inside += 1;
                        queue.push((*inside * PARTS / all, Reverse(*net)));
                    }
                }
            }
            let Some((_, Reverse(net))) = queue.pop() else {
                break;
            };
            // What is out of date finds all of it near already.
            next = self.short[net].clone();
        }
        atoms.sort_unstable();
        atoms
    }

    /// Returns whether a cell that is shown is this atom and no other.
    pub(super) fn is_shown(&self, atom: usize, hidden: &[bool]) -> bool {
        self.of_atom[atom]
            .iter()
            .any(|(net, _)| match self.nets[*net].source {
                Source::Choice(choice) => !hidden[choice] && self.short[*net].len() == 1,
                Source::Row(_) => false,
            })
    }

    /// Returns what is known of some atoms if all others are as they are: by someone to whom the
    /// cells that are not hidden are shown, or else, where `costs` says what each is worth, by
    /// someone to whom none is.
    pub(super) fn part(
        &self,
        world: &World,
        choices: &[Choice],
        hidden: &[bool],
        costs: Option<&[f64]>,
        atoms: &[usize],
    ) -> Part {
        let mut terms: BTreeMap<usize, Vec<(usize, i64)>> = BTreeMap::new();
        for atom in atoms {
            for (net, times) in &self.of_atom[*atom] {
                terms.entry(*net).or_default().push((*atom, *times));
            }
        }
        let mut rows = Vec::new();
        let mut soft: BTreeMap<Form, f64> = BTreeMap::new();
        for (net, terms) in terms {
            let form = Form::of(terms);
            let net = self.nets[net];
            let here = form.value(&world.truth).unwrap_or_default();
            let rest = net.now.saturating_sub(here);
            let within = |lower: Option<i64>, upper: Option<i64>| {
                let less = |bound: i64| bound.saturating_sub(rest);
                Row::between(form.clone(), lower.map(less), upper.map(less))
            };
            match net.source {
                Source::Row(row) => {
                    let row = &world.model.rows[row];
                    rows.push(within(row.lower, row.upper));
                }
                Source::Choice(choice) => {
                    let is_hidden = hidden[choice];
                    if !is_hidden && costs.is_none() {
                        rows.push(within(Some(net.now), Some(net.now)));
                        continue;
                    }
                    if let Some((lower, upper)) = choices[choice].hidden_as {
                        rows.push(within(Some(lower), Some(upper)));
                    }
                    if let (false, Some(costs)) = (is_hidden, costs) {
                        *soft.entry(form).or_default() += costs[choice];
                    }
                }
            }
        }
        let model = Model {
            atoms: world.truth.len(),
            rows,
        };
        let is_other = |atom: &usize| atoms.binary_search(atom).is_err();
        Part {
            model,
            others: (0..world.truth.len()).filter(is_other).collect(),
            soft: soft.into_iter().collect(),
        }
    }

    /// Returns the choices that a step changes.
    pub(super) fn changed(&self, step: &Step) -> Vec<usize> {
        let changes = self.changes(step);
        let choice = |(net, change): (usize, i64)| match self.nets[net].source {
            Source::Choice(choice) if change != 0 => Some(choice),
            _ => None,
        };
        changes.into_iter().filter_map(choice).collect()
    }

    /// Returns whether a step leads to a table that somebody finds possible to whom the cells that
    /// are not hidden are shown.
    pub(super) fn admits(
        &self,
        world: &World,
        choices: &[Choice],
        hidden: &[bool],
        step: &Step,
    ) -> bool {
        let is_negative = |(atom, by): &(usize, i64)| {
            world.truth[*atom]
                .checked_add(*by)
                .is_none_or(|value| value < 0)
        };
        if step.iter().any(is_negative) {
            return false;
        }
        self.changes(step).into_iter().all(|(net, change)| {
            let net = self.nets[net];
            let (lower, upper) = match net.source {
                Source::Row(row) => (world.model.rows[row].lower, world.model.rows[row].upper),
                Source::Choice(choice) if !hidden[choice] => (Some(net.now), Some(net.now)),
                Source::Choice(choice) => choices[choice].hidden_as.unzip(),
            };
            net.now.checked_add(change).is_some_and(|value| {
                lower.is_none_or(|lower| lower <= value) && upper.is_none_or(|upper| value <= upper)
            })
        })
    }

    /// Returns by how much a step changes each sum it touches.
    fn changes(&self, step: &Step) -> BTreeMap<usize, i64> {
        let mut changes: BTreeMap<usize, i64> = BTreeMap::new();
        for (atom, by) in step {
            for (net, times) in &self.of_atom[*atom] {
                let change = changes.entry(*net).or_default();
                *change = change.saturating_add(times.saturating_mul(*by));
            }
        }
        changes
    }
}
