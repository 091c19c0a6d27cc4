//! Large worlds: what is looked for near by first.
//!
//! Nothing here is needed for a proof, and nothing is given up: where nothing is found near by, the
//! whole world is asked.

use super::near::{Near, Part};
use super::{NEARLY, Plan};
use crate::disclosure::audit::{line_of, whole_step};
use crate::disclosure::moves::{Moves, Soft, Step};
use crate::disclosure::pool::{Need, Pool};
use crate::disclosure::solver::{Failure, Trouble};

/// How many atoms a large world has at least. Looking at all of a smaller one takes up to half a
/// minute, and hides less.
pub(super) const LARGE: usize = 4500;

/// How many atoms are near by that may differ while what is shown stays as it is.
const NEAR_BY: usize = 240;

/// How many are where more may be hidden: all of them may differ then.
const WIDER: usize = 480;

/// What needs more than so many solves is not shown again.
pub(super) const EACH: usize = 20;

/// What a table is looked for with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Under<'a> {
    pub(super) world: usize,
    pub(super) pool: &'a Pool,
    pub(super) hidden: &'a [bool],
}

impl Plan<'_> {
    /// Meets a need by a table near the truth, and hides what is cheapest to hide for it; returns
    /// whether there is one.
    pub(super) fn meet_near(&mut self, world: usize, need: Need) -> Result<bool, Failure> {
        let Some(near) = &self.near[world] else {
            return Ok(false);
        };
        let under = Under {
            world,
            pool: &self.pools[world],
            hidden: &self.hidden,
        };
        let step = match self.step_shown(near, need, under)? {
            Some(step) => Some(step),
            None => self.step_hiding(near, need, under)?,
        };
        let Some(step) = step else { return Ok(false) };
        for choice in near.changed(&step) {
            self.hidden[choice] = true;
        }
        self.pools[world].add(step);
        Ok(true)
    }

    /// Returns a step that leaves what is shown as it is: one that is known, gone several times or
    /// the other way, or one among the atoms near by.
    pub(super) fn step_shown(
        &self,
        near: &Near,
        need: Need,
        under: Under<'_>,
    ) -> Result<Option<Step>, Failure> {
        let (world, choices) = (self.worlds[under.world], self.choices);
        let is_possible = |step: &Step| near.admits(world, choices, under.hidden, step);
        if let Some(step) = under.pool.again(need).find(is_possible) {
            return Ok(Some(step));
        }
        let may_differ = |atom: usize| !near.is_shown(atom, under.hidden);
        let atoms = near.around(under.pool.form(need), NEAR_BY, may_differ);
        let part = near.part(world, choices, under.hidden, None, &atoms);
        self.step_within(part, need, under.pool)
    }

    /// Returns the step near by that is cheapest in what is shown and it changes.
    fn step_hiding(
        &self,
        near: &Near,
        need: Need,
        under: Under<'_>,
    ) -> Result<Option<Step>, Failure> {
        let (world, choices) = (self.worlds[under.world], self.choices);
        let atoms = near.around(under.pool.form(need), WIDER, |_| true);
        let part = near.part(world, choices, under.hidden, Some(&self.costs), &atoms);
        self.step_within(part, need, under.pool)
    }

    /// Looks for a step that the atoms near by alone make. None is no answer.
    fn step_within(
        &self,
        mut part: Part,
        need: Need,
        pool: &Pool,
    ) -> Result<Option<Step>, Failure> {
        part.others.extend(pool.known(need.run));
        match self.cheapest_within(&part, need, pool) {
            Err(Failure::Trouble(Trouble::Exhausted)) => Err(Trouble::Exhausted.into()),
            // Any other trouble is no answer either: more is asked then.
            found => Ok(found.ok()),
        }
    }

    fn cheapest_within(&self, part: &Part, need: Need, pool: &Pool) -> Result<Step, Failure> {
        let soft = part.soft.iter();
        let soft: Vec<Soft<'_>> = soft
            .map(|(form, cost)| Soft { form, cost: *cost })
            .collect();
        let moves = Moves::new(&part.model, pool.truth(), &part.others, &soft)?;
        let line = line_of(&moves, pool, need).ok_or(Failure::Infeasible)?;
        let mut program = moves.program.clone();
        program.lines.push(line.clone());
        let values = self.search.solve(&program)?.values();
        if let Some(step) = whole_step(&part.model, &moves, &values, pool, need)? {
            return Ok(step);
        }
        self.search
            .whole_table(&part.model, &moves, line, pool, need, NEARLY)
    }
}
