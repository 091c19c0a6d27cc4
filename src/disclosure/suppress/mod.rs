//! Secondary suppression: which cells are hidden so that no reader gives anybody away.
//!
//! Every functional must keep a table on which it is low and one on which it is high. Where the
//! cells shown admit none, the cheapest way to move the truth there is looked for, and every shown
//! cell that it changes is hidden. The table at its end is then a witness. Hiding more never takes
//! a witness away, so one pass over all worlds and readers is enough. A sweep then shows again
//! what need not have been hidden.
//!
//! What cannot be had even with everything hidden was given away before, by public facts or by
//! what was published: such a bound is relaxed to what is left, and said to be. What is said of
//! hidden cells may not take away more.
//!
//! Source: *Statistical Disclosure Control* (Hundepool et al., 2012), ch. 4; Kelly, Golden and
//! Assad, "Cell suppression: disclosure protection for sensitive tabular data" (1992).

mod again;
mod large;
mod near;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use self::near::Near;
use super::audit::{Base, Search, check_truth, line_of, trouble, whole_step};
use super::moves::{Moves, Soft, Step};
use super::pool::{Need, Pool, Side, change, moved};
use super::row_bounds::RowBounds;
use super::solver::{Failure, Limits, Solver, Trouble, Whole};
use super::world::{Proof, World};
use super::{Form, Model, Row};

/// A cell that would be shown exactly, if that gives nobody away.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What it is in each world where its value is true.
    pub forms: Vec<Option<Form>>,
    /// What hiding it costs, for each unit that must be hidden; above 0.
    pub cost: f64,
    /// Whether it is hidden whatever else is.
    pub must_hide: bool,
    /// The bounds that are shown of it when it is hidden, if any.
    pub hidden_as: Option<(i64, i64)>,
}

/// What was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// For each choice, whether it is hidden.
    pub hidden: Vec<bool>,
    /// For each choice, whether it had to be hidden for anybody's sake.
    pub needed: Vec<bool>,
    /// For each world, what proves its functionals.
    pub proofs: Vec<Proof>,
    /// What could not be kept as asked, whatever is hidden.
    pub relaxed: Vec<Relaxed>,
    /// What is not proven: nothing of these worlds may be shown as chosen.
    pub unproven: Vec<Unproven>,
}

/// A functional that was given away before, and is held to what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxed {
    /// Which world.
    pub world: usize,
    /// Which functional of it.
    pub functional: usize,
    /// The insider who can tell, if nobody else can.
    pub insider: Option<usize>,
    /// The smallest value a reader finds possible, where that side was relaxed.
    pub at_most: Option<i64>,
    /// The largest value a reader finds possible, where that side was relaxed.
    pub at_least: Option<i64>,
}

/// A functional that is not proven to be protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// Which world.
    pub world: usize,
    /// Which functional of it.
    pub functional: usize,
    /// The insider it is not protected from, if it is from everybody else.
    pub insider: Option<usize>,
    /// Why.
    pub why: Trouble,
}

/// Returns what a reader knows of a world under a choice.
pub fn model_of(world: &World, at: usize, choices: &[Choice], hidden: &[bool]) -> Model {
    let mut model = world.model.clone();
    for (choice, hidden) in choices.iter().zip(hidden) {
        let Some(Some(form)) = choice.forms.get(at) else {
            continue;
        };
        let row = match (hidden, choice.hidden_as) {
            (false, _) => form
                .value(&world.truth)
                .map(|value| Row::exactly(form.clone(), value)),
            (true, Some((lower, upper))) => {
                Some(Row::between(form.clone(), Some(lower), Some(upper)))
            }
            (true, None) => None,
        };
        model.rows.extend(row);
    }
    model
}

/// Chooses which cells to hide so that every functional of every world is proven to be protected.
///
/// `progress` is told how much of how much is done. Ties are broken by `tie_break`, so that what
/// is hidden tells no reader in which order it was chosen. Trouble with the solver is reported in
/// [`Chosen::unproven`]: it never counts as protection.
///
/// # Errors
/// [`Trouble::Untrue`] or [`Trouble::Misfit`] where the worlds and choices do not fit together.
pub fn choose(
    worlds: &[&World],
    choices: &[Choice],
    tie_break: &[u8; 32],
    limits: &Limits,
    solver: &dyn Solver,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Chosen, Trouble> {
    let search = Search::new(solver, *limits);
    let mut plan = Plan::new(worlds, choices, tie_break, search)?;
    let needs: usize = plan.pools.iter().map(Pool::len).sum();
    let all = needs + choices.len();
    let is_lost = plan.protect_all(&mut |done| progress(done, all));
    if !is_lost {
        plan.show_again(&mut |done| progress(needs + done, all));
        plan.needed = Some(plan.hidden.clone());
        plan.settle_nothing();
    }
    progress(all, all);
    Ok(plan.finish())
}

/// What readers know of one world under what is hidden so far.
struct Shown {
    run: usize,
    hidden: Vec<bool>,
    model: Model,
    base: Base,
}

/// How much of a need there is to be had.
#[derive(Clone, Copy)]
enum Left {
    /// All of it, but for what follows for an insider row by row.
    Asked,
    /// What was not given away before.
    Before,
    /// What is not given away by what is said of hidden cells.
    Said,
}

/// What is hidden so far, and what is proven of it.
struct Plan<'a> {
    worlds: &'a [&'a World],
    choices: &'a [Choice],
    /// What hiding each choice costs, ties broken.
    costs: Vec<f64>,
    hidden: Vec<bool>,
    /// What was hidden before what is nothing was looked at.
    needed: Option<Vec<bool>>,
    pools: Vec<Pool>,
    /// What stands near what in each world that is large.
    near: Vec<Option<Near>>,
    search: Search<'a>,
    relaxed: Vec<Relaxed>,
    /// What the insider of a world who was looked at last knows of single atoms.
    known: Option<((usize, usize), RowBounds)>,
    unproven: BTreeMap<(usize, Need), Trouble>,
}

impl<'a> Plan<'a> {
    fn new(
        worlds: &'a [&'a World],
        choices: &'a [Choice],
        tie_break: &[u8; 32],
        search: Search<'a>,
    ) -> Result<Self, Trouble> {
        let mut pools = Vec::new();
        let mut near = Vec::new();
        for (at, world) in worlds.iter().enumerate() {
            let forms = choices
                .iter()
                .filter_map(|choice| choice.forms.get(at)?.as_ref());
            if forms
                .into_iter()
                .any(|form| form.value(&world.truth).is_none())
            {
                return Err(Trouble::Misfit);
            }
            let model = model_of(world, at, choices, &vec![true; choices.len()]);
            check_truth(&model, &world.truth)?;
            pools.push(world.pool()?);
            let is_large = world.truth.len() >= large::LARGE;
            near.push(is_large.then(|| Near::of(world, at, choices)).flatten());
        }
        let cost = |(at, choice): (usize, &Choice)| choice.cost * (1.0 + tie(tie_break, at));
        Ok(Self {
            worlds,
            choices,
            costs: choices.iter().enumerate().map(cost).collect(),
            hidden: choices.iter().map(|choice| choice.must_hide).collect(),
            needed: None,
            pools,
            near,
            search,
            relaxed: Vec::new(),
            known: None,
            unproven: BTreeMap::new(),
        })
    }

    fn model(&self, world: usize, hidden: &[bool]) -> Model {
        model_of(self.worlds[world], world, self.choices, hidden)
    }

    fn base(&self, model: &Model, world: usize, run: usize) -> Base {
        let pool = &self.pools[world];
        self.search.base(model, pool.truth(), pool.known(run))
    }

    /// Returns whether all is lost: what is said of hidden cells can only be said or not.
    fn protect_all(&mut self, progress: &mut dyn FnMut(usize)) -> bool {
        let mut done = 0;
        (0..self.worlds.len()).any(|world| {
            let is_lost = self.protect(world, &mut |part| progress(done + part));
            done += self.pools[world].len();
            is_lost
        })
    }

    /// Protects one world; returns whether all is lost.
    fn protect(&mut self, world: usize, progress: &mut dyn FnMut(usize)) -> bool {
        let mut shown = None;
        let mut asked_for_many = false;
        self.take_over(world);
        for (at, need) in self.pools[world].needs().enumerate() {
            let pool = &self.pools[world];
            if pool.is_proven(need) || pool.may_be_nothing(need) {
                continue;
            }
            progress(at);
            let is_small = self.near[world].is_none();
            if need.run > 0 && is_small && !std::mem::replace(&mut asked_for_many, true) {
                let model = self.model(world, &self.hidden);
                self.search.for_many(&model, &mut self.pools[world]);
                if self.pools[world].is_proven(need) {
                    continue;
                }
            }
            if let Err(failure) = self.meet(world, need, &mut shown) {
                let why = trouble(failure);
                let is_lost = why == Trouble::SaidTooMuch;
                self.unproven.insert((world, need), why);
                if is_lost {
                    return true;
                }
            }
        }
        false
    }

    /// Hides more wherever a reader could tell that something that is nothing is little, and not
    /// that it is nothing. What cannot be had of that is let go: it is no secret.
    fn settle_nothing(&mut self) {
        for world in 0..self.worlds.len() {
            let pool = &self.pools[world];
            let needs: Vec<Need> = pool
                .needs()
                .filter(|need| pool.may_be_nothing(*need))
                .collect();
            let mut shown = None;
            let mut before = Vec::new();
            while before != self.hidden {
                before.clone_from(&self.hidden);
                for need in &needs {
                    if !self.is_settled(world, *need, &mut shown) {
                        // Trouble in telling it apart keeps nothing back.
                        let _ = self.meet(world, *need, &mut shown);
                    }
                }
            }
            let open = needs
                .into_iter()
                .filter(|need| !self.pools[world].is_proven(*need));
            for need in open.collect::<Vec<_>>() {
                self.pools[world].relax(need, 0);
            }
        }
    }

    /// Returns whether a form that is nothing can look as large as is asked for, or can be told to
    /// be nothing.
    fn is_settled(&mut self, world: usize, need: Need, shown: &mut Option<Shown>) -> bool {
        if self.pools[world].is_proven(need) {
            return true;
        }
        let shown = self.shown(world, need, shown);
        let pool = &self.pools[world];
        match self.search.table(&shown.model, &shown.base, pool, need) {
            Ok(step) => {
                self.pools[world].add(step);
                true
            }
            Err(_) => self.search.extreme(pool, need, &shown.model) == Ok(0),
        }
    }

    /// Finds a table for a need: as it is asked for, as far as it was not given away before, and
    /// where that may be, as far as it is not by what is said of hidden cells.
    fn meet(&mut self, world: usize, need: Need, shown: &mut Option<Shown>) -> Result<(), Failure> {
        for left in [Left::Asked, Left::Before, Left::Said] {
            if !self.relax(world, need, left)? {
                continue;
            }
            if self.pools[world].is_proven(need) {
                return Ok(());
            }
            match self.find(world, need, shown) {
                Err(Failure::Infeasible) => {}
                found => return found,
            }
        }
        Err(Trouble::SaidTooMuch.into())
    }

    /// Finds a table among those that what is shown admits, and otherwise hides what is cheapest
    /// to hide for it.
    fn find(&mut self, world: usize, need: Need, shown: &mut Option<Shown>) -> Result<(), Failure> {
        if self.meet_near(world, need)? {
            return Ok(());
        }
        let shown = self.shown(world, need, shown);
        let table = self
            .search
            .table(&shown.model, &shown.base, &self.pools[world], need);
        match table {
            Err(Failure::Infeasible) if self.is_any_shown(world) => self.hide(world, need),
            table => {
                self.pools[world].add(table?);
                Ok(())
            }
        }
    }

    /// Returns what the reader of a need knows under what is hidden so far. The program is built
    /// anew for each reader, and whenever something more was hidden.
    fn shown<'s>(&self, world: usize, need: Need, shown: &'s mut Option<Shown>) -> &'s Shown {
        match shown.take() {
            Some(now) if now.run == need.run && now.hidden == self.hidden => shown.insert(now),
            _ => {
                let model = self.model(world, &self.hidden);
                shown.insert(Shown {
                    run: need.run,
                    hidden: self.hidden.clone(),
                    base: self.base(&model, world, need.run),
                    model,
                })
            }
        }
    }

    fn is_any_shown(&self, world: usize) -> bool {
        (0..self.choices.len()).any(|at| !self.hidden[at] && self.form(at, world).is_some())
    }

    /// Takes over what proved something of the worlds before, which differ little from this one,
    /// and of this one when other cells were to be shown.
    fn take_over(&mut self, world: usize) {
        let model = self.model(world, &self.hidden);
        let (before, rest) = self.pools.split_at_mut(world);
        let Some(pool) = rest.first_mut() else { return };
        let found = self.worlds[world].given.tables();
        for step in before.iter().flat_map(Pool::steps).chain(&found) {
            // The atoms of two worlds need not be the same; what fits by chance is as good.
            let fits = step.iter().all(|(atom, _)| *atom < pool.truth().len());
            if fits && model.admits(&moved(pool.truth(), step)) {
                pool.add(step.clone());
            }
        }
    }

    /// Hides what must be hidden for a need to be met.
    fn hide(&mut self, world: usize, need: Need) -> Result<(), Failure> {
        let everything = self.model(world, &vec![true; self.choices.len()]);
        let step = self.cheapest(world, need, &everything)?;
        for at in 0..self.choices.len() {
            let form = self.form(at, world);
            self.hidden[at] |= form.is_some_and(|form| change(form, &step) != 0);
        }
        self.pools[world].add(step);
        Ok(())
    }

    fn form(&self, choice: usize, world: usize) -> Option<&'a Form> {
        self.choices[choice].forms.get(world)?.as_ref()
    }

    /// Returns the cheapest step from the truth that meets a need, in what is shown that it
    /// changes.
    fn cheapest(&self, world: usize, need: Need, everything: &Model) -> Result<Step, Failure> {
        let pool = &self.pools[world];
        let soft: Vec<Soft<'_>> = (0..self.choices.len())
            .filter(|at| !self.hidden[*at])
            .filter_map(|at| {
                Some(Soft {
                    form: self.form(at, world)?,
                    cost: self.costs[at],
                })
            })
            .collect();
        let moves = Moves::new(everything, pool.truth(), pool.known(need.run), &soft)?;
        let line = line_of(&moves, pool, need).ok_or(Failure::Infeasible)?;
        let mut program = moves.program.clone();
        program.lines.push(line.clone());
        let values = self.search.solve(&program)?.values();
        if let Some(step) = whole_step(everything, &moves, &values, pool, need)? {
            return Ok(step);
        }
        self.search
            .whole_table(everything, &moves, line, pool, need, NEARLY)
    }

    /// Relaxes a need to what is left of it; returns whether there is anything new to look for.
    fn relax(&mut self, world: usize, need: Need, left: Left) -> Result<bool, Failure> {
        let (pool, of) = (&self.pools[world], self.worlds[world]);
        let left = match left {
            Left::Asked => {
                self.relax_by_rows(world, need);
                return Ok(true);
            }
            Left::Before => of.left_before(&self.search, pool, need)?,
            Left::Said if of.may_take(need) => {
                let everything = self.model(world, &vec![true; self.choices.len()]);
                self.search.extreme(pool, need, &everything)?
            }
            Left::Said => return Ok(false),
        };
        Ok(self.relax_to(world, need, left))
    }

    /// Relaxes a need of an insider to what of it follows from single rows, which is quickly told.
    fn relax_by_rows(&mut self, world: usize, need: Need) {
        if need.run == 0 {
            return;
        }
        let (pool, of) = (&self.pools[world], self.worlds[world]);
        let known = match self.known.take() {
            Some(((of, run), known)) if (of, run) == (world, need.run) => known,
            _ => of.known_to(pool, need.run),
        };
        let (rows, form) = (&of.model.rows, pool.form(need));
        let left = match need.side {
            Side::Low => known.least_beside(rows, form),
            Side::High => known.most_beside(rows, form),
        };
        self.known = Some(((world, need.run), known));
        if let Some(left) = left {
            self.relax_to(world, need, left);
        }
    }

    /// Relaxes a need if there is less left of it; returns whether there is.
    fn relax_to(&mut self, world: usize, need: Need, left: i64) -> bool {
        if !self.pools[world].is_less(need, left) {
            return false;
        }
        self.pools[world].relax(need, left);
        self.relaxed.push(Relaxed {
            world,
            functional: need.functional,
            insider: need.run.checked_sub(1),
            at_most: (need.side == Side::Low).then_some(left),
            at_least: (need.side == Side::High).then_some(left),
        });
        true
    }

    /// Verifies everything, and says what is not proven.
    fn finish(mut self) -> Chosen {
        for world in 0..self.worlds.len() {
            let model = self.model(world, &self.hidden);
            for need in self.pools[world].confirm(&model) {
                self.unproven.insert((world, need), Trouble::WrongTable);
            }
        }
        let pools = &self.pools;
        for (world, pool) in self.worlds.iter().zip(pools) {
            world.given.keep(pool.steps());
        }
        self.unproven
            .retain(|(world, need), _| !pools[*world].is_proven(*need));
        let unproven = self.unproven.iter().map(|((world, need), why)| Unproven {
            world: *world,
            functional: need.functional,
            insider: need.run.checked_sub(1),
            why: why.clone(),
        });
        Chosen {
            unproven: unproven.collect(),
            proofs: self.pools.into_iter().map(Proof::of).collect(),
            needed: self.needed.unwrap_or_else(|| self.hidden.clone()),
            hidden: self.hidden,
            relaxed: self.relaxed,
        }
    }
}

/// How far from the cheapest what is hidden may be where it takes whole numbers to find it.
const NEARLY: Whole = Whole::within(0.05);

/// Returns a small number nobody without the key can foresee, below 1/1000.
fn tie(key: &[u8; 32], choice: usize) -> f64 {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update((choice as u64).to_be_bytes());
    let digest = hash.finalize();
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65536.0 / 1000.0
}
