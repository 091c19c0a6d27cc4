//! What a reader can conclude: the least and the most a form can be.

use super::audit::trouble;
use super::row_bounds::RowBounds;
use super::solver::{Column, Failure, Limits, Line, Program, Solved, Solver, Trouble};
use super::{Form, Model, Row};

/// Returns the smallest and the largest value of each form that a model leaves possible, rounded
/// outward to whole numbers; `None` where it may be as large as it likes.
///
/// They are the bounds of a linear program, so that anyone with the same model finds the same.
/// A form that may be as small as it likes has the smallest number there is as its lower bound.
///
/// # Errors
/// [`Trouble`] with the solver, [`Trouble::Contradiction`] where the model admits no table, and
/// [`Trouble::Misfit`] where a form names an atom that does not exist.
pub fn bounds(
    model: &Model,
    forms: &[Form],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Vec<(i64, Option<i64>)>, Trouble> {
    let mut reader = Reader::new(model, limits, solver)?;
    forms.iter().map(|form| reader.bounds(form)).collect()
}

/// A reader's program: what single rows do not already say.
struct Reader<'a> {
    known: Vec<Option<i64>>,
    /// The column of each atom that is not known.
    columns: Vec<Option<usize>>,
    program: Program,
    /// What single rows tell of each atom.
    rows: RowBounds,
    /// The program with one more column, solved, for forms to be tied to that column.
    tied: Option<Result<Box<dyn Solved>, Failure>>,
    limits: &'a Limits,
    solver: &'a dyn Solver,
    used: usize,
    /// Tables found so far, as columns: what one of them reaches need not be looked for again.
    seen: Vec<Vec<f64>>,
}

impl<'a> Reader<'a> {
    fn new(model: &Model, limits: &'a Limits, solver: &'a dyn Solver) -> Result<Self, Trouble> {
        let known = known_atoms(model)?;
        let mut columns = vec![None; model.atoms];
        let mut program = Program::default();
        for (column, known) in columns.iter_mut().zip(&known) {
            if known.is_none() {
                *column = Some(program.columns.len());
                program.columns.push(Column {
                    cost: 0.0,
                    lower: 0.0,
                    upper: f64::INFINITY,
                });
            }
        }
        let mut reader = Self {
            known,
            columns,
            rows: RowBounds::from(model.atoms, &model.rows),
            tied: None,
            program,
            limits,
            solver,
            used: 0,
            seen: Vec::new(),
        };
        for row in &model.rows {
            reader.add_row(row)?;
        }
        Ok(reader)
    }

    fn add_row(&mut self, row: &Row) -> Result<(), Trouble> {
        let (terms, constant) = self.split(&row.form)?;
        let rest = |bound: Option<i64>| bound.map(|bound| bound.saturating_sub(constant));
        let (lower, upper) = (rest(row.lower), rest(row.upper));
        if terms.is_empty() {
            let is_broken = lower.is_some_and(|lower| lower > 0) || upper.is_some_and(|u| u < 0);
            return if is_broken {
                Err(Trouble::Contradiction)
            } else {
                Ok(())
            };
        }
        let line = Line {
            terms,
            lower: lower.map(|lower| lower as f64),
            upper: upper.map(|upper| upper as f64),
        };
        self.program.lines.push(line);
        Ok(())
    }

    /// Returns a form as columns and what is known of it.
    fn split(&self, form: &Form) -> Result<(Vec<(usize, f64)>, i64), Trouble> {
        let mut terms = Vec::new();
        let mut constant: i64 = 0;
        for (atom, times) in form.terms() {
            match (self.columns.get(atom), self.known.get(atom)) {
                (Some(Some(column)), _) => terms.push((*column, times as f64)),
                (_, Some(Some(value))) => {
                    let term = value.checked_mul(times).ok_or(Trouble::Misfit)?;
                    constant = constant.checked_add(term).ok_or(Trouble::Misfit)?;
                }
                _ => return Err(Trouble::Misfit),
            }
        }
        Ok((terms, constant))
    }

    fn bounds(&mut self, form: &Form) -> Result<(i64, Option<i64>), Trouble> {
        let (terms, constant) = self.split(form)?;
        if terms.is_empty() {
            return Ok((constant, Some(constant)));
        }
        // A sum without minus signs is at least 0, and is that as soon as one table says so.
        let is_sum = terms.iter().all(|(_, times)| *times > 0.0);
        let is_nothing = |table: &Vec<f64>| {
            terms
                .iter()
                .all(|(column, _)| at_or_nan(table, *column) < NEAR)
        };
        let lower = if is_sum && self.seen.iter().any(is_nothing) {
            Some(0.0)
        } else if is_sum && let Some(lower) = self.tied(&terms, 1.0, 0.0)? {
            Some(lower)
        } else {
            self.extreme(&terms, 1.0)?
        };
        let tied = match self.beyond(form, constant) {
            Some(beyond) => self.tied(&terms, -1.0, beyond)?,
            None => None,
        };
        let upper = match tied {
            Some(upper) => Some(upper),
            None => self.extreme(&terms, -1.0)?,
        };
        let lower = lower.map_or(i64::MIN, |lower| {
            constant.saturating_add(snapped(lower).floor() as i64)
        });
        let upper = upper.map(|upper| constant.saturating_add(snapped(upper).ceil() as i64));
        Ok((lower, upper))
    }

    /// Returns more than a form can be beyond what is known of it, as far as single rows say.
    fn beyond(&self, form: &Form, constant: i64) -> Option<f64> {
        let most = self.rows.bounds(form).1?.checked_sub(constant)?;
        // In fractions each atom may be a little more.
        let mut times = form.terms().map(|(_, times)| times.checked_abs());
        let apart = times.try_fold(1i64, |sum, times| sum.checked_add(times?))?;
        Some(most.checked_add(apart)? as f64)
    }

    /// Returns the least (`sign` 1) or the most (-1) of some columns, going on from what is solved
    /// already, or `None` where that cannot be done.
    ///
    /// What is solved cannot be asked for something else, but it can be given a line. So there is
    /// one more column, which is all that costs anything. For the least, the line says that it is
    /// no less than the form, and for the most, that both together are more than the form can be
    /// alone.
    fn tied(
        &mut self,
        terms: &[(usize, f64)],
        sign: f64,
        beyond: f64,
    ) -> Result<Option<f64>, Trouble> {
        let tie = self.program.columns.len();
        let base = match self.tied.take() {
            Some(base) => base,
            None => self.tie()?,
        };
        self.spend()?;
        let away = terms.iter().map(|(column, times)| (*column, -sign * times));
        let line = Line {
            terms: away.chain([(tie, 1.0)]).collect(),
            lower: Some(beyond),
            upper: None,
        };
        let solved = base.as_ref().ok().map(|base| base.and(&line));
        self.tied = Some(base);
        // Any trouble on the way is no answer: the long way is taken instead.
        let Some(Ok(solved)) = solved else {
            return Ok(None);
        };
        let values = solved.values();
        let sum = sum(terms, &values);
        let is_tied = (at_or_nan(&values, tie) - sign * sum - beyond).abs() < NEAR;
        if !solved.is_best() || !is_tied {
            return Ok(None);
        }
        self.remember(values);
        Ok(Some(sum))
    }

    fn tie(&mut self) -> Result<Result<Box<dyn Solved>, Failure>, Trouble> {
        let mut program = self.program.clone();
        program.columns.push(Column {
            cost: 1.0,
            lower: 0.0,
            upper: f64::INFINITY,
        });
        self.spend()?;
        Ok(self.solver.solve(&program, self.limits.per_solve))
    }

    fn remember(&mut self, values: Vec<f64>) {
        if self.seen.len() < REMEMBERED {
            self.seen.push(values);
        }
    }

    fn spend(&mut self) -> Result<(), Trouble> {
        if self.used >= self.limits.solves {
            return Err(Trouble::Exhausted);
        }
        self.used += 1;
        Ok(())
    }

    /// Returns the least (`sign` 1) or the most (-1) of some columns, or `None` without end.
    fn extreme(&mut self, terms: &[(usize, f64)], sign: f64) -> Result<Option<f64>, Trouble> {
        self.spend()?;
        let mut program = self.program.clone();
        for (column, times) in terms {
            program.columns[*column].cost = sign * times;
        }
        match self.solver.solve(&program, self.limits.per_solve) {
            Ok(solved) if solved.is_best() => {
                let values = solved.values();
                let sum = sum(terms, &values);
                if !sum.is_finite() {
                    return Err(Trouble::NotFinite);
                }
                self.remember(values);
                Ok(Some(sum))
            }
            Ok(_) => Err(Trouble::Timeout),
            Err(Failure::Unbounded) => Ok(None),
            Err(failure) => Err(trouble(failure)),
        }
    }
}

fn sum(terms: &[(usize, f64)], values: &[f64]) -> f64 {
    let term = |(column, times): &(usize, f64)| at_or_nan(values, *column) * times;
    terms.iter().map(term).sum()
}

fn at_or_nan(values: &[f64], at: usize) -> f64 {
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// How many tables are remembered.
const REMEMBERED: usize = 64;

/// How near to a whole number a bound counts as it.
const NEAR: f64 = 1e-6;

/// Returns the nearest whole number where a bound is as good as it: rounding outward would else
/// lose or win 1 by the noise of the last digits.
fn snapped(value: f64) -> f64 {
    let whole = value.round();
    if (value - whole).abs() <= NEAR.max(whole.abs() * 1e-12) {
        whole
    } else {
        value
    }
}

/// Returns what single rows say of each atom: the last unknown one in an equality, and all that
/// must be 0 in a sum that is.
fn known_atoms(model: &Model) -> Result<Vec<Option<i64>>, Trouble> {
    let mut known: Vec<Option<i64>> = vec![None; model.atoms];
    loop {
        let mut changed = false;
        for row in &model.rows {
            for (atom, value) in told_by(row, &known)? {
                known[atom] = Some(value);
                changed = true;
            }
        }
        if !changed {
            return Ok(known);
        }
    }
}

fn told_by(row: &Row, known: &[Option<i64>]) -> Result<Vec<(usize, i64)>, Trouble> {
    let Some(upper) = row.upper else {
        return Ok(Vec::new());
    };
    let mut rest = upper;
    let mut open = Vec::new();
    for (atom, times) in row.form.terms() {
        match known.get(atom).ok_or(Trouble::Misfit)? {
            Some(value) => {
                let term = value.checked_mul(times).ok_or(Trouble::Misfit)?;
                rest = rest.checked_sub(term).ok_or(Trouble::Misfit)?;
            }
            None => open.push((atom, times)),
        }
    }
    if rest == 0 && open.iter().all(|(_, times)| *times > 0) {
        return Ok(open.into_iter().map(|(atom, _)| (atom, 0)).collect());
    }
    match open[..] {
        [(atom, times)] if row.lower == row.upper => {
            let value = rest.checked_div(times).ok_or(Trouble::Misfit)?;
            if value < 0 || value.checked_mul(times) != Some(rest) {
                return Err(Trouble::Contradiction);
            }
            Ok(vec![(atom, value)])
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Microlp;

    fn check(model: &Model, form: Form, expected: (i64, Option<i64>)) {
        let found = bounds(model, &[form], &Limits::default(), &Microlp);
        assert_eq!(found, Ok(vec![expected]));
    }

    #[test]
    fn bounds_are_what_a_reader_can_conclude() {
        let model = Model {
            atoms: 5,
            rows: vec![
                Row::exactly(Form::sum([0, 1, 2]), 51),
                Row::exactly(Form::atom(2), 10),
                Row::between(Form::atom(0), Some(3), Some(9)),
                Row::between(Form::of([(3, 2)]), None, Some(7)),
            ],
        };
        check(&model, Form::atom(1), (32, Some(38)));
        check(&model, Form::atom(2), (10, Some(10)));
        check(&model, Form::atom(3), (0, Some(4)));
        check(&model, Form::atom(4), (0, None));
        check(&model, Form::of([(0, 1), (1, -1)]), (-35, Some(-23)));
        check(&model, Form::of([(0, 1), (4, -1)]), (i64::MIN, Some(9)));
    }

    #[test]
    fn bounds_round_outward_to_whole_numbers_within() {
        assert_eq!(snapped(2.000_000_4), 2.0);
        assert_eq!(snapped(2.4), 2.4);
    }

    #[test]
    fn a_model_nobody_keeps_to_is_refused() {
        let model = Model {
            atoms: 1,
            rows: vec![
                Row::exactly(Form::atom(0), 3),
                Row::exactly(Form::atom(0), 4),
            ],
        };
        let found = bounds(&model, &[Form::atom(0)], &Limits::default(), &Microlp);
        assert_eq!(found, Err(Trouble::Contradiction));
    }
}
