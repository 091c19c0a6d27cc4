//! One state of the truth, what proves it, and what of it was given away before anything is shown.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::audit::{Audit, Search, check_truth, prove};
use super::moves::Step;
use super::pool::{Need, Pool, Side, moved};
use super::row_bounds::RowBounds;
use super::solver::{Failure, Limits, Solver, Trouble};
use super::{Form, Functional, Model, Row, Witnesses};

/// One state of the truth, with everything a reader could combine in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What holds whatever is chosen: public facts and what was published.
    pub model: Model,
    /// The true value of every atom.
    pub truth: Vec<i64>,
    /// What nobody may bound too tightly.
    pub functionals: Vec<Functional>,
    /// Atoms whose true value an insider knows; each is a reader of their own.
    pub insiders: Vec<Vec<usize>>,
    /// For each functional, the sums it lies inside of that are bounded themselves, so that what an
    /// insider adds to such a sum is missing from what it can be; none where empty.
    pub inside: Vec<Vec<Form>>,
    /// For each functional, whether what is said of hidden cells may take from the most it can
    /// be; none where empty.
    pub yielding: Vec<bool>,
    /// For each functional, whether it is no secret where everybody can tell that it is nothing, as
    /// it is; it is asked of nobody but readers who know the model alone. None where empty.
    pub nothing: Vec<bool>,
    /// What was given away before.
    pub given: Given,
}

/// What readers can still find possible of a world of which nothing more is said than it was
/// before. It is looked for once, when it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    left: RefCell<BTreeMap<Need, i64>>,
    /// Tables that proved something, whatever was shown then.
    tables: RefCell<Vec<Step>>,
}

impl Given {
    pub(super) fn tables(&self) -> Vec<Step> {
        self.tables.borrow().clone()
    }

    pub(super) fn keep(&self, tables: &[Step]) {
        *self.tables.borrow_mut() = tables.to_vec();
    }
}

impl World {
    /// Returns everything that is to be proven, as far as it is known not to have been given away.
    pub(super) fn pool(&self) -> Result<Pool, Trouble> {
        let pool = Pool::new(&self.truth, &self.functionals, &self.insiders);
        let pool = pool.ok_or(Trouble::Misfit)?;
        let mut pool = pool.inside(&self.inside, &self.nothing);
        for run in 1..pool.readers() {
            pool.know(run, &self.known_to(&pool, run));
        }
        for (need, left) in &*self.given.left.borrow() {
            if pool.is_less(*need, *left) {
                pool.relax(*need, *left);
            }
        }
        Ok(pool)
    }

    /// Returns what a reader knows of single atoms.
    pub(super) fn known_to(&self, pool: &Pool, run: usize) -> RowBounds {
        let own = |atom: &usize| Row::exactly(Form::atom(*atom), self.truth[*atom]);
        let mut rows = self.model.rows.clone();
        rows.extend(pool.known(run).iter().map(own));
        RowBounds::from(self.truth.len(), &rows)
    }

    /// Returns the least or the most of a need's form that a reader finds possible before
    /// anything more is shown.
    pub(super) fn left_before(
        &self,
        search: &Search<'_>,
        pool: &Pool,
        need: Need,
    ) -> Result<i64, Failure> {
        let known = self.given.left.borrow().get(&need).copied();
        if let Some(left) = known {
            return Ok(left);
        }
        let left = match (search.extreme(pool, need, &self.model), need.side) {
            (Err(Failure::Unbounded), Side::Low) => i64::MIN,
            (Err(Failure::Unbounded), Side::High) => i64::MAX,
            (left, _) => left?,
        };
        self.given.left.borrow_mut().insert(need, left);
        Ok(left)
    }

    /// Returns whether what is said of hidden cells may take from a need.
    pub(super) fn may_take(&self, need: Need) -> bool {
        need.side == Side::High && self.yielding.get(need.functional) == Some(&true)
    }

    /// Returns what is known before anything is shown: nothing but the truth proves anything.
    ///
    /// # Errors
    /// [`Trouble::Misfit`] where a form does not fit.
    pub fn unproven(&self) -> Result<Proof, Trouble> {
        self.pool().map(Proof)
    }
}

/// What proves the functionals of a world.
#[derive(Clone, Debug)]
pub struct Proof(Pool);

impl Proof {
    pub(super) const fn of(pool: Pool) -> Self {
        Self(pool)
    }

    /// Returns the tables that prove them.
    pub fn witnesses(&self) -> Witnesses {
        self.0.witnesses()
    }

    /// Audits the world against what readers know of it, who know more than what this proves it
    /// against.
    ///
    /// # Errors
    /// [`Trouble::Untrue`] where the truth contradicts it.
    pub fn under(
        &self,
        world: &World,
        model: &Model,
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Audit, Trouble> {
        check_truth(model, &world.truth)?;
        let mut pool = self.0.clone();
        pool.retire(|step| !model.admits(&moved(&world.truth, step)));
        Ok(prove(
            pool,
            model,
            Search::new(solver, *limits),
            Some(world),
        ))
    }
}
