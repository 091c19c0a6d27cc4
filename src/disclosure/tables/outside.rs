//! What an outsider can conclude from published tables alone, with no truth to hold them against.

use std::collections::HashMap;

use super::facts::{Fact, From, facts};
use super::layout::{Layout, Tangle};
use super::shown::Shown;
use super::world::statements;
use crate::disclosure::{Form, Limits, Model, Row, Solver, Trouble, bounds};
use crate::model::{Figure, Measure};

/// Parts of one that bounds are reckoned in before they are made whole.
const FINE: i64 = 1000;

/// The least and the most a sum can be; unset where nothing bounds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The least.
    pub lower: Option<i64>,
    /// The most.
    pub upper: Option<i64>,
}

/// Tables that are taken to be true together, and what binds them.
#[derive(Debug)]
pub struct Outside {
    layout: Layout,
    facts: Vec<Row>,
    /// Those facts, and others that hold where records are right: nothing is concluded from these,
    /// but what follows from them is no fault of what was published.
    public: Vec<Row>,
    statements: Vec<Row>,
    /// Sums that were said outright.
    said: HashMap<Form, i64>,
}

impl Outside {
    /// Lays atoms under tables. What need not be so is not taken for granted: that nobody attends
    /// one activity twice, since one with several sessions counts a person in each; and that
    /// persons stand in the cell they attended in, since one of two countries stands in neither.
    ///
    /// # Errors
    /// When they overlap in a way that no atoms lie under.
    pub fn of(tables: &[&Shown]) -> Result<Self, Tangle> {
        let layout = Layout::of(tables.iter().map(|shown| &shown.said.count))?;
        let counts = tables
            .iter()
            .map(|shown| (&shown.said.count, shown.activities.as_slice()));
        let counted = all_counted(tables);
        let all = facts(&layout, counts);
        let is_certain = |fact: &&Fact| match fact.from {
            From::Agreement | From::Nothing | From::Part => true,
            From::Attended(_) => counted,
            From::AttendedThere | From::Once => false,
        };
        let unknown = || tables.iter().flat_map(|shown| unknown(&layout, shown));
        let rows = |kept: &dyn Fn(&&Fact) -> bool| {
            let rows = all.iter().filter(kept).map(|fact| fact.row.clone());
            rows.chain(unknown()).collect()
        };
        let (facts, public) = (rows(&is_certain), rows(&|_| true));
        let said = tables.iter().map(|shown| &shown.said);
        let statements: Vec<Row> = said.flat_map(|said| statements(&layout, said)).collect();
        let outright = statements.iter().filter(|row| row.lower == row.upper);
        let said = outright
            .filter_map(|row| Some((row.form.clone(), row.lower?)))
            .collect();
        Ok(Self {
            facts,
            public,
            layout,
            statements,
            said,
        })
    }

    /// Returns the atoms under its tables.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns what a sum was said to be outright.
    pub fn said(&self, form: &Form) -> Option<i64> {
        if form.is_empty() {
            return Some(0);
        }
        self.said.get(form).copied()
    }

    /// Returns whether its tables can be true together.
    ///
    /// # Errors
    /// When the solver fails.
    pub fn is_possible(&self, limits: &Limits, solver: &dyn Solver) -> Result<bool, Trouble> {
        let everything = Form::sum(0..self.layout.atoms());
        match bounds(&self.model(), &[everything], limits, solver) {
            Ok(_) => Ok(true),
            Err(Trouble::Contradiction) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Returns what is known of each sum for certain, rounded outward to whole numbers.
    ///
    /// # Errors
    /// [`Trouble::Contradiction`] where its tables cannot be true together, and when the solver
    /// fails.
    pub fn bounds(
        &self,
        forms: &[Form],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<Known>, Trouble> {
        let known = |(lower, upper)| Known {
            lower: Some(lower).filter(|lower| *lower != i64::MIN),
            upper,
        };
        let found = bounds(&self.model(), forms, limits, solver)?;
        Ok(found.into_iter().map(known).collect())
    }

    /// Returns what is known of each sum by whoever knows that it is whole: the linear program's
    /// bounds, rounded inward.
    ///
    /// # Errors
    /// As [`Outside::bounds`].
    pub fn whole_bounds(
        &self,
        forms: &[Form],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<Known>, Trouble> {
        whole_bounds(&self.model(), forms, limits, solver)
    }

    /// As [`Outside::whole_bounds`], without anything that was said of persons.
    ///
    /// # Errors
    /// As [`Outside::bounds`].
    pub fn bounds_by_facts(
        &self,
        forms: &[Form],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<Known>, Trouble> {
        let model = Model {
            atoms: self.layout.atoms(),
            rows: self.facts.clone(),
        };
        whole_bounds(&model, forms, limits, solver)
    }

    /// Returns which sums are nothing in the light of everything everybody knows, where some others
    /// are.
    ///
    /// # Errors
    /// When the solver fails.
    pub fn follow(
        &self,
        forms: &[Form],
        nothing: &[Form],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<bool>, Trouble> {
        let nothing = nothing.iter().map(|form| Row::exactly(form.clone(), 0));
        self.are_nothing(forms, nothing, limits, solver)
    }

    /// Returns which sums are nothing in the light of everything everybody knows and all that was
    /// said.
    ///
    /// # Errors
    /// When the solver fails.
    pub fn are_said_to_be_nothing(
        &self,
        forms: &[Form],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<bool>, Trouble> {
        self.are_nothing(forms, self.statements.iter().cloned(), limits, solver)
    }

    fn are_nothing(
        &self,
        forms: &[Form],
        rows: impl Iterator<Item = Row>,
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<Vec<bool>, Trouble> {
        let model = Model {
            atoms: self.layout.atoms(),
            rows: self.public.iter().cloned().chain(rows).collect(),
        };
        match whole_bounds(&model, forms, limits, solver) {
            Ok(known) => Ok(known.iter().map(|known| known.upper == Some(0)).collect()),
            Err(Trouble::Contradiction) => Ok(vec![false; forms.len()]),
            Err(trouble) => Err(trouble),
        }
    }

    fn model(&self) -> Model {
        let rows = self.facts.iter().chain(&self.statements);
        Model {
            atoms: self.layout.atoms(),
            rows: rows.cloned().collect(),
        }
    }
}

/// Returns what a reader who reckons in whole numbers can conclude of each form in a model.
///
/// # Errors
/// As [`bounds()`].
pub(super) fn whole_bounds(
    model: &Model,
    forms: &[Form],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Vec<Known>, Trouble> {
    let fine: Vec<Form> = forms.iter().map(|form| form.times(FINE)).collect();
    let known = |(lower, upper): (i64, Option<i64>)| Known {
        lower: (lower != i64::MIN).then(|| -(-lower).div_euclid(FINE)),
        upper: upper.map(|upper| upper.div_euclid(FINE)),
    };
    let found = bounds(model, &fine, limits, solver)?;
    Ok(found.into_iter().map(known).collect())
}

/// Returns that what has no known count adds nothing: it is shown as such.
fn unknown<'l>(layout: &'l Layout, shown: &'l Shown) -> impl Iterator<Item = Row> + use<'l> {
    let cells = shown.said.cells.iter().zip(&shown.activities).enumerate();
    cells.filter_map(|(at, (cell, activities))| {
        let is_unknown = cell.figure == Figure::Absent
            && cell.uncounted > 0
            && activities.is_none_or(|activities| activities <= cell.uncounted);
        let form = is_unknown.then(|| layout.cell(&shown.said.count, at))??;
        Some(Row::between(form, None, Some(0)))
    })
}

/// Returns whether every attendance is in the figures, so that persons and completions cannot be
/// more.
fn all_counted(tables: &[&Shown]) -> bool {
    let attended = tables
        .iter()
        .filter(|shown| shown.said.count.measure == Measure::Attendances);
    let mut cells = attended.flat_map(|shown| &shown.said.cells);
    cells.all(|cell| cell.uncounted == 0)
}
