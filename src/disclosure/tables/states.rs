//! The states that a release must protect, laid out once whatever is tried: what a reader knows of
//! each, and what nobody may find out.

use super::changes::small_changes;
use super::choice::Candidate;
use super::count::State;
use super::protect::Case;
use super::sensitive::Sensitive;
use super::why::Reason;
use super::world::World;
use crate::disclosure::{self as engine, Functional, Model};

/// The states that what is shown must protect, the present one first.
#[derive(Debug)]
pub(super) struct States<'a>(Vec<Stated<'a>>);

/// A state, and what is asked of it.
#[derive(Debug)]
pub(super) struct Stated<'a> {
    pub(super) world: World<'a>,
    pub(super) asked: engine::World,
}

impl<'a> States<'a> {
    /// Lays them out.
    ///
    /// # Errors
    /// When the tables of one do not fit together.
    pub(super) fn of(case: &Case<'a>) -> Result<Self, Reason> {
        let shown = (case.fresh, case.said);
        let mut worlds = vec![World::of(case.now, shown, case.floor, true)?];
        let is_other = |state: &&State| !state.is_still_so(case.now, case.said);
        for state in case.past.iter().filter(is_other) {
            worlds.push(World::of(state, shown, case.floor, false)?);
        }
        let k = i64::from(case.floor.min_cell);
        let changes = small_changes(&worlds, k, case.limits, case.solver);
        let stated = worlds.into_iter().zip(changes);
        let stated = stated.map(|(mut world, changes)| {
            world.sensitive.extend(changes);
            Stated {
                asked: asked(&world, k),
                world,
            }
        });
        Ok(Self(stated.collect()))
    }

    pub(super) fn worlds(&self) -> Vec<&World<'a>> {
        self.0.iter().map(|state| &state.world).collect()
    }

    /// Returns the states that what is shown binds, and the past ones of which no cell to be shown
    /// is true: what is hidden tells nobody more of them, unless by the intervals said of it.
    pub(super) fn part(
        &self,
        candidates: &mut [Candidate],
    ) -> (Vec<&Stated<'a>>, Vec<&Stated<'a>>) {
        let is_bound = |at: usize| {
            let mut forms = candidates.iter().map(|c| &c.choice.forms[at]);
            at == 0 || forms.any(Option::is_some)
        };
        let is_bound: Vec<bool> = (0..self.0.len()).map(is_bound).collect();
        for candidate in candidates {
            let mut is_bound = is_bound.iter();
            let forms = &mut candidate.choice.forms;
            forms.retain(|_| is_bound.next() == Some(&true));
        }
        let all = |bound: bool| {
            let states = self.0.iter().zip(&is_bound);
            let states = states.filter(|(_, is_bound)| **is_bound == bound);
            states.map(|(state, _)| state).collect()
        };
        (all(true), all(false))
    }
}

fn asked(world: &World<'_>, k: i64) -> engine::World {
    let asked = || world.sensitive.iter().chain(&world.nothing);
    // Of differences inside a small total nothing more is asked than that they may be nothing.
    let is_yielding = |one: &Sensitive| {
        let Functional { form, at_least, .. } = &one.functional;
        !one.inside.is_empty() && *at_least < k && form.terms().any(|(_, times)| times < 0)
    };
    let open = world.sensitive.iter().map(|_| false);
    engine::World {
        model: Model {
            atoms: world.truth.len(),
            rows: world.rows.clone(),
        },
        truth: world.truth.clone(),
        functionals: asked().map(|one| one.functional.clone()).collect(),
        insiders: world.alone.clone(),
        inside: asked().map(|one| one.inside.clone()).collect(),
        yielding: asked().map(is_yielding).collect(),
        nothing: open.chain(world.nothing.iter().map(|_| true)).collect(),
        ..engine::World::default()
    }
}
