//! The audit: whether readers who know a model can bound a functional too tightly.
//!
//! For each functional a table is looked for on which it is low enough, and one on which it is
//! high enough. Tables found are kept, since one proves many functionals. What no table is found
//! for is disclosed if the solver says that there is none, and unproven if it says anything else;
//! both keep a release back.

use std::cell::Cell;

use super::moves::{Moves, Step};
use super::pool::{Need, Pool, Side, moved};
use super::settle::settled;
use super::solver::{Failure, Limits, Line, Program, Solved, Solver, Whole};
use super::{Functional, Model, Trouble, Witnesses, World};

/// What is found of a functional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Two verified tables prove that it is protected.
    Proven,
    /// A reader can bound it too tightly.
    Disclosed,
    /// Neither is known.
    Unproven(Trouble),
}

/// What is found of a functional in the eyes of an insider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which insider.
    pub insider: usize,
    /// Which functional.
    pub functional: usize,
    /// What is found; never [`Standing::Proven`].
    pub standing: Standing,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How each functional stands, one for each functional, to a reader who knows the model alone.
    pub standings: Vec<Standing>,
    /// What is not proven to insiders.
    pub insiders: Vec<Finding>,
    /// The tables that prove what is proven.
    pub witnesses: Witnesses,
}

impl Audit {
    /// Returns whether everything is proven, to insiders too.
    pub fn is_clean(&self) -> bool {
        self.insiders.is_empty() && self.standings.iter().all(|v| *v == Standing::Proven)
    }
}

/// Audits functionals against a model, to a reader who knows the model alone and to each insider,
/// who also knows the true value of some atoms.
///
/// # Errors
/// [`Trouble::Untrue`] where the truth contradicts the model, [`Trouble::Misfit`] where a form
/// does not fit it.
pub fn audit(
    model: &Model,
    truth: &[i64],
    functionals: &[Functional],
    insiders: &[Vec<usize>],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Audit, Trouble> {
    check_truth(model, truth)?;
    let pool = Pool::new(truth, functionals, insiders).ok_or(Trouble::Misfit)?;
    Ok(prove(pool, model, Search::new(solver, *limits), None))
}

/// Proves what can be proven of a pool, and reports what cannot. Of what was given away in a world
/// before, no more is asked than is left.
pub(super) fn prove(
    mut pool: Pool,
    model: &Model,
    search: Search<'_>,
    world: Option<&World>,
) -> Audit {
    let mut found: Vec<(Need, Standing)> = Vec::new();
    let mut base: Option<(usize, Base)> = None;
    let mut asked_for_many = false;
    for need in pool.needs() {
        if pool.is_proven(need) {
            continue;
        }
        if need.run > 0 && !std::mem::replace(&mut asked_for_many, true) {
            search.for_many(model, &mut pool);
            if pool.is_proven(need) {
                continue;
            }
        }
        if base.as_ref().is_none_or(|(run, _)| *run != need.run) {
            base = Some((
                need.run,
                search.base(model, pool.truth(), pool.known(need.run)),
            ));
        }
        let Some((_, base)) = &base else { continue };
        let mut met = search.meet(model, base, &mut pool, need);
        if let (Err(Failure::Infeasible), Some(world)) = (&met, world) {
            met = search.meet_rest(world, model, base, &mut pool, need);
        }
        match met {
            Ok(()) => {}
            Err(Failure::Infeasible) => found.push((need, Standing::Disclosed)),
            Err(failure) => found.push((need, Standing::Unproven(trouble(failure)))),
        }
    }
    for need in pool.confirm(model) {
        found.push((need, Standing::Unproven(Trouble::WrongTable)));
    }
    report(&pool, found)
}

fn report(pool: &Pool, found: Vec<(Need, Standing)>) -> Audit {
    let mut standings = vec![Standing::Proven; pool.functionals()];
    let mut insiders = Vec::new();
    for (need, standing) in found {
        if pool.is_proven(need) {
            continue;
        }
        if need.run > 0 {
            insiders.push(Finding {
                insider: need.run - 1,
                functional: need.functional,
                standing,
            });
        } else if standings[need.functional] != Standing::Disclosed {
            standings[need.functional] = standing;
        }
    }
    Audit {
        standings,
        insiders,
        witnesses: pool.witnesses(),
    }
}

/// Refuses a truth that contradicts the model.
pub(super) fn check_truth(model: &Model, truth: &[i64]) -> Result<(), Trouble> {
    if truth.len() != model.atoms || truth.iter().any(|value| *value < 0) {
        let row = model.rows.len();
        return Err(Trouble::Untrue { row });
    }
    match model.rows.iter().position(|row| !row.admits(truth)) {
        Some(row) => Err(Trouble::Untrue { row }),
        None => Ok(()),
    }
}

pub(super) fn trouble(failure: Failure) -> Trouble {
    match failure {
        Failure::Trouble(trouble) => trouble,
        Failure::Infeasible | Failure::Unbounded => Trouble::Contradiction,
    }
}

/// A solver with what is left of its allowance.
pub(super) struct Search<'a> {
    solver: &'a dyn Solver,
    limits: Limits,
    allowed: Cell<usize>,
}

/// The program of one reader, solved once for all that is asked of it, or why it could not be.
pub(super) type Base = Result<(Moves, Box<dyn Solved>), Failure>;

impl<'a> Search<'a> {
    pub(super) const fn new(solver: &'a dyn Solver, limits: Limits) -> Self {
        Self {
            solver,
            limits,
            allowed: Cell::new(limits.solves),
        }
    }

    fn spend(&self) -> Result<(), Trouble> {
        let left = self.allowed.get().checked_sub(1);
        self.allowed.set(left.ok_or(Trouble::Exhausted)?);
        Ok(())
    }

    /// Allows no more solves than were used already, and a few; returns how many.
    pub(super) fn allow_as_many_again(&self) -> usize {
        let used = self.limits.solves - self.allowed.get();
        self.allowed.set(self.allowed.get().min(used + FEW));
        self.allowed.get()
    }

    /// Allows no more than some of what is left for one thing.
    pub(super) fn at_most<T>(&self, solves: usize, look: impl FnOnce() -> T) -> T {
        let all = self.allowed.get();
        let part = solves.min(all);
        self.allowed.set(part);
        let found = look();
        self.allowed.set(all - (part - self.allowed.get()));
        found
    }

    pub(super) fn solve(&self, program: &Program) -> Result<Box<dyn Solved>, Failure> {
        self.spend()?;
        self.solver.solve(program, self.limits.per_solve)
    }

    pub(super) fn base(&self, model: &Model, truth: &[i64], known: &[usize]) -> Base {
        let moves = Moves::new(model, truth, known, &[])?;
        let solved = self.solve(&moves.program)?;
        Ok((moves, solved))
    }

    fn meet(&self, model: &Model, base: &Base, pool: &mut Pool, need: Need) -> Result<(), Failure> {
        let step = self.table(model, base, pool, need)?;
        pool.add(step);
        Ok(())
    }

    /// Meets what is left of a need, where some of it was given away before.
    fn meet_rest(
        &self,
        world: &World,
        model: &Model,
        base: &Base,
        pool: &mut Pool,
        need: Need,
    ) -> Result<(), Failure> {
        let left = world.left_before(self, pool, need)?;
        if !pool.is_less(need, left) {
            return Err(Failure::Infeasible);
        }
        pool.relax(need, left);
        match pool.is_proven(need) {
            true => Ok(()),
            false => self.meet(model, base, pool, need),
        }
    }

    /// Returns the smallest or largest value of a need's form in whole tables.
    pub(super) fn extreme(&self, pool: &Pool, need: Need, model: &Model) -> Result<i64, Failure> {
        let mut moves = Moves::at_no_cost(model, pool.truth(), pool.known(need.run))?;
        let terms = moves.terms(pool.form(need));
        if terms.is_empty() {
            return Ok(pool.value(need));
        }
        let sign = if need.side == Side::Low { 1.0 } else { -1.0 };
        for (column, times) in terms {
            moves.program.columns[column].cost = sign * times;
        }
        for whole in [None, Some(Whole::BEST)] {
            moves.program.whole = whole;
            let solved = self.solve(&moves.program)?;
            if !solved.is_best() {
                return Err(Trouble::Timeout.into());
            }
            let values = solved.values();
            let (step, is_whole) = moves.step(&values, 1.0)?;
            let table = moved(pool.truth(), &step);
            if is_whole && model.admits(&table) {
                let value = pool.form(need).value(&table);
                return value.ok_or_else(|| Trouble::Misfit.into());
            }
            if whole.is_none()
                && let Some(value) = self.nearest(&moves, &values, (pool, need, model))
            {
                return Ok(value);
            }
        }
        Err(Trouble::WrongTable.into())
    }

    /// Returns the value of a need's form in a whole table as near as whole numbers come to the
    /// best of a program, where one is found: none can be nearer.
    fn nearest(
        &self,
        moves: &Moves,
        values: &[f64],
        (pool, need, model): (&Pool, Need, &Model),
    ) -> Option<i64> {
        let terms = moves.terms(pool.form(need));
        let best: f64 = terms.iter().map(|(at, times)| times * values[*at]).sum();
        let by = match need.side {
            Side::Low => (best - WHOLE).ceil(),
            Side::High => (best + WHOLE).floor(),
        };
        let mut program = moves.program.clone();
        program.lines.push(Line {
            terms,
            lower: (need.side == Side::High).then_some(by),
            upper: (need.side == Side::Low).then_some(by),
        });
        program.whole = Some(Whole::ANY);
        let found = self.solve(&program).ok()?.values();
        let (step, is_whole) = moves.step(&found, 1.0).ok()?;
        let table = moved(pool.truth(), &step);
        let value = pool.form(need).value(&table)?;
        let is_it = value.checked_sub(pool.value(need)) == Some(by as i64);
        (is_whole && is_it && model.admits(&table)).then_some(value)
    }

    /// Looks for a table the model admits that meets a need.
    pub(super) fn table(
        &self,
        model: &Model,
        base: &Base,
        pool: &Pool,
        need: Need,
    ) -> Result<Step, Failure> {
        if let Some(step) = self.near_table(model, base, pool, need)? {
            return Ok(step);
        }
        let (moves, _) = base.as_ref().map_err(Clone::clone)?;
        let line = line_of(moves, pool, need).ok_or(Failure::Infeasible)?;
        let nearest = self.whole_table(model, moves, line, pool, need, SOON);
        if nearest != Err(Trouble::Timeout.into()) {
            return nearest;
        }
        // Now and then the nearest takes for ever where any is found at once.
        let moves = Moves::at_no_cost(model, pool.truth(), pool.known(need.run))?;
        let line = line_of(&moves, pool, need).ok_or(Failure::Infeasible)?;
        self.whole_table(model, &moves, line, pool, need, Whole::ANY)
    }

    /// Looks for a table at a corner of the program, or near by. None is no answer.
    pub(super) fn near_table(
        &self,
        model: &Model,
        base: &Base,
        pool: &Pool,
        need: Need,
    ) -> Result<Option<Step>, Failure> {
        let (moves, solved) = base.as_ref().map_err(Clone::clone)?;
        let line = line_of(moves, pool, need).ok_or(Failure::Infeasible)?;
        self.spend()?;
        let values = solved.and(&line)?.values();
        if let Some(step) = whole_step(model, moves, &values, pool, need)? {
            return Ok(Some(step));
        }
        let limit = self.limits.per_solve;
        let near = settled(&moves.program, &line, &values, self.solver, limit);
        // Trouble near by is no answer either: the whole program is asked then.
        let step = near.and_then(|values| whole_step(model, moves, &values, pool, need).ok());
        Ok(step.flatten())
    }

    /// Looks for whole numbers from the start.
    pub(super) fn whole_table(
        &self,
        model: &Model,
        moves: &Moves,
        line: Line,
        pool: &Pool,
        need: Need,
        whole: Whole,
    ) -> Result<Step, Failure> {
        let mut program = moves.program.clone();
        program.lines.push(line);
        program.whole = Some(whole);
        let values = self.solve(&program)?.values();
        let step = whole_step(model, moves, &values, pool, need)?;
        step.ok_or_else(|| Trouble::WrongTable.into())
    }
}

/// Solves that cost little enough to be allowed anyway.
const FEW: usize = 4000;

/// What is nearest is mostly found within few branches, or not at all.
const SOON: Whole = Whole::ANY.up_to(100);

/// How far from a whole number the best of a program may be and count as it.
const WHOLE: f64 = 1e-6;

/// Returns what a need asks of a program, or `None` if the form cannot differ at all.
pub(super) fn line_of(moves: &Moves, pool: &Pool, need: Need) -> Option<Line> {
    let terms = moves.terms(pool.form(need));
    if terms.is_empty() {
        return None;
    }
    let by = pool.bound(need)?.saturating_sub(pool.value(need)) as f64;
    Some(Line {
        terms,
        lower: (need.side == Side::High).then_some(by),
        upper: (need.side == Side::Low).then_some(by),
    })
}

/// Returns the values as a step in whole numbers that the model admits and that meets the need,
/// if they are one, or a small multiple of them is: where nothing stands in the way, going the
/// same way twice turns halves into whole numbers.
pub(super) fn whole_step(
    model: &Model,
    moves: &Moves,
    values: &[f64],
    pool: &Pool,
    need: Need,
) -> Result<Option<Step>, Trouble> {
    for times in [1.0, 2.0, 3.0, 4.0, 6.0] {
        let (step, is_whole) = moves.step(values, times)?;
        let is_met = || {
            let value = pool.form(need).value(&moved(pool.truth(), &step));
            let bound = pool.bound(need);
            value
                .zip(bound)
                .is_some_and(|(value, bound)| match need.side {
                    Side::Low => value <= bound,
                    Side::High => value >= bound,
                })
        };
        if is_whole && is_met() && model.admits(&moved(pool.truth(), &step)) {
            return Ok(Some(step));
        }
    }
    Ok(None)
}
