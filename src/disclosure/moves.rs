//! Programs over what could differ from the truth.
//!
//! Unknown is by how much each atom lies above or below its true value. No difference at all is
//! then always possible, so that a solver starts from a table that keeps every row, and the
//! cheapest answer is one that differs in few atoms: such answers are mostly whole, and leave what
//! insiders know of themselves as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::solver::{Column, Line, Program};
use super::{Form, Model, Trouble};

/// What differs from the truth in one table: atoms, in order, and by how much.
pub(super) type Step = Vec<(usize, i64)>;

/// A shown cell that may be given up, at a cost for each unit by which it then differs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soft<'a> {
    pub(super) form: &'a Form,
    pub(super) cost: f64,
}

/// A program over the differences, and which columns stand for which atom.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    /// The program without anything asked of it.
    pub(super) program: Program,
    /// For each atom that may differ: the columns of what lies above and below, or one of both.
    columns: BTreeMap<usize, (usize, Option<usize>)>,
}

impl Moves {
    /// Returns the program in which all rows hold but for `known` atoms, which stay true, and in
    /// which soft forms may change at a cost.
    pub(super) fn new(
        model: &Model,
        truth: &[i64],
        known: &[usize],
        soft: &[Soft<'_>],
    ) -> Result<Self, Trouble> {
        let mut moves = Self::over(model, truth, known, Self::add_atom)?;
        for soft in soft {
            moves.add_soft(soft);
        }
        Ok(moves)
    }

    /// Returns the program in which it costs nothing to differ, with one column for each atom: in
    /// whole numbers a solver need not choose how to get from above to below then.
    pub(super) fn at_no_cost(
        model: &Model,
        truth: &[i64],
        known: &[usize],
    ) -> Result<Self, Trouble> {
        Self::over(model, truth, known, |moves, atom, value| {
            let column = moves.add_column(0.0, -value as f64, f64::INFINITY);
            moves.columns.insert(atom, (column, None));
        })
    }

    fn over(
        model: &Model,
        truth: &[i64],
        known: &[usize],
        add_atom: impl Fn(&mut Self, usize, i64),
    ) -> Result<Self, Trouble> {
        let fixed = fixed_atoms(model, truth, known);
        let mut moves = Self {
            program: Program::default(),
            columns: BTreeMap::new(),
        };
        for (atom, value) in truth.iter().enumerate() {
            if !fixed[atom] {
                add_atom(&mut moves, atom, *value);
            }
        }
        moves.add_rows(model, truth)?;
        Ok(moves)
    }

    fn add_column(&mut self, cost: f64, lower: f64, upper: f64) -> usize {
        self.program.columns.push(Column { cost, lower, upper });
        self.program.columns.len() - 1
    }

    fn add_atom(&mut self, atom: usize, value: i64) {
        // Costs that differ a little: ties make a solver wander.
        let cost = 1.0 + (atom.wrapping_mul(0x9E37_79B1) % 1009) as f64 / 4096.0;
        let above = self.add_column(cost * UNIT, 0.0, f64::INFINITY);
        let below = (value > 0).then(|| self.add_column(cost * UNIT, 0.0, value as f64));
        self.columns.insert(atom, (above, below));
    }

    fn add_rows(&mut self, model: &Model, truth: &[i64]) -> Result<(), Trouble> {
        let mut seen = BTreeSet::new();
        for row in &model.rows {
            let now = row.form.value(truth).ok_or(Trouble::Misfit)?;
            let terms = self.terms(&row.form);
            let room = |bound: Option<i64>| bound.map(|bound| bound.saturating_sub(now));
            let bounds = (room(row.lower), room(row.upper));
            let free = || row.form.terms().filter(|(atom, _)| self.may_differ(*atom));
            if terms.is_empty() || !seen.insert((Form::of(free()), bounds)) {
                continue;
            }
            self.program.lines.push(Line {
                terms,
                lower: bounds.0.map(|bound| bound as f64),
                upper: bounds.1.map(|bound| bound as f64),
            });
        }
        Ok(())
    }

    fn may_differ(&self, atom: usize) -> bool {
        self.columns.contains_key(&atom)
    }

    /// Lets a form differ at a cost. A form that is one atom costs through its columns.
    fn add_soft(&mut self, soft: &Soft<'_>) {
        let mut terms = self.terms(soft.form);
        if terms.is_empty() {
            return;
        }
        let mut atoms = soft.form.terms();
        if let (Some((atom, 1)), None) = (atoms.next(), atoms.next())
            && let Some((above, below)) = self.columns.get(&atom)
        {
            for column in [Some(*above), *below].into_iter().flatten() {
                self.program.columns[column].cost += soft.cost;
            }
            return;
        }
        terms.push((self.add_column(soft.cost, 0.0, f64::INFINITY), -1.0));
        terms.push((self.add_column(soft.cost, 0.0, f64::INFINITY), 1.0));
        self.program.lines.push(Line {
            terms,
            lower: Some(0.0),
            upper: Some(0.0),
        });
    }

    /// Returns by how much a form differs, in columns.
    pub(super) fn terms(&self, form: &Form) -> Vec<(usize, f64)> {
        let mut terms = Vec::new();
        for (atom, times) in form.terms() {
            if let Some((above, below)) = self.columns.get(&atom) {
                terms.push((*above, times as f64));
                terms.extend(below.map(|below| (below, -times as f64)));
            }
        }
        terms
    }

    /// Returns what the values of the columns say differs, `times` over, in whole numbers, and
    /// whether the values were whole but for rounding.
    pub(super) fn step(&self, values: &[f64], times: f64) -> Result<(Step, bool), Trouble> {
        let mut step = Step::new();
        let mut is_whole = true;
        for (atom, (above, below)) in &self.columns {
            let value = |column: usize| values.get(column).copied().unwrap_or(f64::NAN);
            let differs = (value(*above) - below.map_or(0.0, value)) * times;
            if !differs.is_finite() || differs.abs() > LARGEST {
                return Err(Trouble::NotFinite);
            }
            let whole = differs.round();
            is_whole &= (differs - whole).abs() < NEAR;
            if whole != 0.0 {
                step.push((*atom, whole as i64));
            }
        }
        Ok((step, is_whole))
    }
}

/// What it costs an atom to differ by 1: little beside any cell's cost.
const UNIT: f64 = 1e-3;

/// How near to a whole number a value counts as it. What is rounded is checked all the same.
const NEAR: f64 = 1e-5;

/// Beyond this a double no longer tells whole numbers apart.
const LARGEST: f64 = 9e15;

/// Returns which atoms cannot differ from the truth, as far as single rows say.
fn fixed_atoms(model: &Model, truth: &[i64], known: &[usize]) -> Vec<bool> {
    let mut fixed = vec![false; truth.len()];
    for atom in known {
        if let Some(fixed) = fixed.get_mut(*atom) {
            *fixed = true;
        }
    }
    loop {
        let mut changed = false;
        for row in &model.rows {
            for atom in fixed_by(&row.form, row.lower, row.upper, truth, &fixed) {
                fixed[atom] = true;
                changed = true;
            }
        }
        if !changed {
            return fixed;
        }
    }
}

/// Returns the atoms that a row fixes: the last one free in an equality, and all that are 0 in a
/// sum that may not grow.
fn fixed_by(
    form: &Form,
    lower: Option<i64>,
    upper: Option<i64>,
    truth: &[i64],
    fixed: &[bool],
) -> Vec<usize> {
    let is_full = upper.is_some() && upper == form.value(truth);
    if !is_full {
        return Vec::new();
    }
    let free: Vec<(usize, i64)> = form
        .terms()
        .filter(|(atom, _)| fixed.get(*atom) == Some(&false))
        .collect();
    let is_last = free.len() == 1 && lower == upper;
    let are_nothing = free
        .iter()
        .all(|(atom, times)| *times > 0 && truth[*atom] == 0);
    if is_last || are_nothing {
        free.into_iter().map(|(atom, _)| atom).collect()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Row;

    #[test]
    fn what_single_rows_fix_is_no_column() {
        let model = Model {
            atoms: 5,
            rows: vec![
                Row::exactly(Form::atom(0), 3),
                Row::exactly(Form::sum([0, 1]), 7),
                Row::exactly(Form::sum([2, 3]), 0),
                Row::exactly(Form::sum([0, 1, 2, 3, 4]), 12),
            ],
        };
        assert_eq!(fixed_atoms(&model, &[3, 4, 0, 0, 5], &[]), [true; 5]);
        let loose = Model {
            atoms: 2,
            rows: vec![Row::between(Form::sum([0, 1]), Some(0), Some(9))],
        };
        assert_eq!(fixed_atoms(&loose, &[0, 5], &[]), [false; 2]);
        let moves = Moves::new(&loose, &[0, 5], &[], &[]).expect("all fits");
        // Nothing lies below 0, so the first has one column only.
        assert_eq!(moves.program.columns.len(), 3);
        assert_eq!(
            moves.step(&[1.0, 0.5, 2.5], 1.0),
            Ok((vec![(0, 1), (1, -2)], true))
        );
        assert_eq!(moves.step(&[0.5, 0.0, 0.0], 2.0), Ok((vec![(0, 1)], true)));
        let nan = moves.step(&[f64::NAN, 0.0, 0.0], 1.0);
        assert_eq!(nan, Err(Trouble::NotFinite));
    }
}
