//! Showing again what need not have been hidden.

use super::large::{self, Under};
use super::{Plan, Pool, change};
use crate::disclosure::audit::Base;

/// What needs more than one in so many of the solves that are allowed is not shown again.
const PARTS: usize = 25;

impl Plan<'_> {
    /// Shows again, dearest first, what everything stays proven without.
    pub(super) fn show_again(&mut self, progress: &mut dyn FnMut(usize)) {
        let is_large = self.near.iter().any(Option::is_some);
        let each = match is_large {
            true => large::EACH,
            false => self.search.allow_as_many_again() / PARTS,
        };
        for (at, choice) in self.dearest_hidden().into_iter().enumerate() {
            progress(at);
            self.show(choice, each);
        }
        // What was shown since may have left others hidden for nothing.
        for choice in self.dearest_hidden().into_iter().filter(|_| is_large) {
            self.show(choice, 0);
        }
    }

    fn dearest_hidden(&self) -> Vec<usize> {
        let mut hidden: Vec<usize> = (0..self.choices.len())
            .filter(|at| self.hidden[*at] && !self.choices[*at].must_hide)
            .collect();
        hidden.sort_by(|one, other| self.costs[*other].total_cmp(&self.costs[*one]));
        hidden
    }

    /// Shows a choice again if everything stays proven by no more than some solves in each world.
    fn show(&mut self, choice: usize, solves: usize) {
        let mut shown = self.hidden.clone();
        shown[choice] = false;
        let worlds: Vec<usize> = (0..self.worlds.len())
            .filter(|world| self.form(choice, *world).is_some())
            .collect();
        let mut pools = Vec::new();
        for world in worlds {
            let without = || self.without(world, choice, &shown);
            match self.search.at_most(solves, without) {
                Some(pool) => pools.push((world, pool)),
                None => return,
            }
        }
        for (world, pool) in pools {
            self.pools[world] = pool;
        }
        self.hidden = shown;
    }

    /// Returns what proves a world once a choice is shown again, or `None` if something would no
    /// longer be proven.
    fn without(&self, world: usize, choice: usize, shown: &[bool]) -> Option<Pool> {
        let form = self.form(choice, world)?;
        let mut pool = self.pools[world].clone();
        let lost = pool.retire(|step| change(form, step) != 0);
        let model = self.model(world, shown);
        let mut base: Option<(usize, Base)> = None;
        for need in lost {
            if pool.is_proven(need) {
                continue;
            }
            if let Some(near) = &self.near[world] {
                // Not to find one near by is reason enough to leave it hidden.
                let under = Under {
                    world,
                    pool: &pool,
                    hidden: shown,
                };
                let step = self.step_shown(near, need, under).ok().flatten()?;
                pool.add(step);
                continue;
            }
            if base.as_ref().is_none_or(|(run, _)| *run != need.run) {
                base = Some((need.run, self.base(&model, world, need.run)));
            }
            let (_, base) = base.as_ref()?;
            pool.add(self.search.table(&model, base, &pool, need).ok()?);
        }
        Some(pool)
    }
}
