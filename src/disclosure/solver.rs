//! Linear and integer programs, and who solves them.
//!
//! A solver is never believed: a table it gives is rounded and checked in whole numbers, and
//! anything it fails at counts against publishing. It is a trait so that tests can make it fail.

use std::time::Duration;

use microlp::{
    ComparisonOp, Error, OptimizationDirection, Problem, Solution, SolutionStatus, SolveOptions,
    SolveOutcome, Variable,
};

/// How much solving may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest one solve may take.
    pub per_solve: Duration,
    /// How many solves there may be in all.
    pub solves: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_solve: Duration::from_secs(5),
            solves: 100_000,
        }
    }
}

/// A program: the cheapest values of columns that keep to all lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The unknowns.
    pub columns: Vec<Column>,
    /// What binds them.
    pub lines: Vec<Line>,
    /// Whether all columns must be whole, and then how.
    pub whole: Option<Whole>,
}

/// How whole numbers are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// How far from the cheapest, relatively, the answer may be.
    pub gap: f64,
    /// After how many branches it is given up, as if time had run out; on every machine the same.
    pub branches: Option<u64>,
}

impl Whole {
    /// The cheapest.
    pub const BEST: Self = Self::within(0.0);
    /// Any will do.
    pub const ANY: Self = Self::within(1e9);

    /// One so near to the cheapest.
    pub const fn within(gap: f64) -> Self {
        Self {
            gap,
            branches: None,
        }
    }

    /// The same, given up after so many branches.
    pub const fn up_to(self, branches: u64) -> Self {
        Self {
            branches: Some(branches),
            ..self
        }
    }
}

/// An unknown of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// What one of it costs.
    pub cost: f64,
    /// Its smallest value.
    pub lower: f64,
    /// Its largest value; may be infinite.
    pub upper: f64,
}

/// A sum of columns between two bounds, each column at most once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Columns and their coefficients.
    pub terms: Vec<(usize, f64)>,
    /// Its smallest value.
    pub lower: Option<f64>,
    /// Its largest value.
    pub upper: Option<f64>,
}

/// Why a solver gave no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No values keep to all lines.
    #[error("nothing keeps to all lines")]
    Infeasible,
    /// There is no cheapest answer: the cost falls for ever.
    #[error("the cost falls for ever")]
    Unbounded,
    /// The solver failed, so nothing is known.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// Why nothing is known: never a proof of anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A solve took too long.
    #[error("the solver ran out of time")]
    Timeout,
    /// The solver gave up.
    #[error("the solver failed: {0}")]
    Internal(String),
    /// The solver gave something that is no number.
    #[error("the solver gave what is no number")]
    NotFinite,
    /// All solves that were allowed are used up.
    #[error("more solves would be needed than are allowed")]
    Exhausted,
    /// No whole table could be made of what the solver gave.
    #[error("the solver's table is none that whole numbers keep to")]
    WrongTable,
    /// With what is said of hidden cells, something could be told that was not known before.
    #[error("what is said of its total gives it away")]
    SaidTooMuch,
    /// Two answers of the solver contradict each other.
    #[error("two answers of the solver contradict each other")]
    Contradiction,
    /// The numbers handed in do not fit together.
    #[error("the true table contradicts row {row} of what is known")]
    Untrue {
        /// The row, or the number of rows where the table itself is wrong.
        row: usize,
    },
    /// A form names an atom that does not exist, or is too large to be summed.
    #[error("a form does not fit the table")]
    Misfit,
}

/// Solves programs.
pub trait Solver {
    /// Returns the cheapest values, ready for further lines.
    ///
    /// # Errors
    /// [`Failure`]; a solve that reaches `limit` without values is [`Trouble::Timeout`].
    fn solve(&self, program: &Program, limit: Duration) -> Result<Box<dyn Solved>, Failure>;
}

/// A solved program.
pub trait Solved {
    /// Returns the value of every column.
    fn values(&self) -> Vec<f64>;

    /// Returns whether these values are proven to be the cheapest.
    fn is_best(&self) -> bool;

    /// Solves the program with one more line, starting from these values.
    ///
    /// # Errors
    /// As [`Solver::solve`], with the same limit.
    fn and(&self, line: &Line) -> Result<Box<dyn Solved>, Failure>;
}

/// The solver that is used: microlp.
#[derive(Clone, Copy, Debug, Default)]
pub struct Microlp;

impl Solver for Microlp {
    fn solve(&self, program: &Program, limit: Duration) -> Result<Box<dyn Solved>, Failure> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let variables: Vec<Variable> = program
            .columns
            .iter()
            .map(|column| match program.whole {
                Some(_) => problem.add_integer_var(column.cost, whole_bounds(column)),
                None => problem.add_var(column.cost, (column.lower, column.upper)),
            })
            .collect();
        for line in &program.lines {
            for (comparison, bound) in comparisons(line) {
                problem.add_constraint(terms(line, &variables), comparison, bound);
            }
        }
        let mut options = SolveOptions::default();
        options.time_limit = Some(limit);
        if let Some(whole) = program.whole {
            options.mip_gap = whole.gap;
            options.node_limit = whole.branches;
        }
        let solution = solution(problem.solve_with(options))?;
        Ok(Box::new(MicrolpSolved {
            solution,
            variables,
        }))
    }
}

struct MicrolpSolved {
    solution: Solution,
    variables: Vec<Variable>,
}

impl Solved for MicrolpSolved {
    fn values(&self) -> Vec<f64> {
        let value = |variable: &Variable| self.solution.var_value(*variable);
        self.variables.iter().map(value).collect()
    }

    fn is_best(&self) -> bool {
        self.solution.status() == SolutionStatus::Optimal
    }

    fn and(&self, line: &Line) -> Result<Box<dyn Solved>, Failure> {
        let mut now = self.solution.clone();
        for (comparison, bound) in comparisons(line) {
            let terms = terms(line, &self.variables);
            now = solution(now.add_constraint(terms, comparison, bound))?;
        }
        Ok(Box::new(Self {
            solution: now,
            variables: self.variables.clone(),
        }))
    }
}

fn terms(line: &Line, variables: &[Variable]) -> Vec<(Variable, f64)> {
    let term = |(column, times): &(usize, f64)| (variables[*column], *times);
    line.terms.iter().map(term).collect()
}

/// Returns a line as what microlp can compare.
fn comparisons(line: &Line) -> Vec<(ComparisonOp, f64)> {
    match (line.lower, line.upper) {
        (Some(lower), Some(upper)) if lower == upper => vec![(ComparisonOp::Eq, lower)],
        (lower, upper) => {
            let lower = lower.map(|lower| (ComparisonOp::Ge, lower));
            let upper = upper.map(|upper| (ComparisonOp::Le, upper));
            lower.into_iter().chain(upper).collect()
        }
    }
}

/// Returns the bounds of a whole column. A bound beyond 32 bits becomes the last number there is
/// room for: an answer within it still counts, since every answer is checked.
fn whole_bounds(column: &Column) -> (i32, i32) {
    (column.lower.ceil() as i32, column.upper.floor() as i32)
}

fn solution(outcome: Result<SolveOutcome, Error>) -> Result<Solution, Failure> {
    match outcome {
        Ok(SolveOutcome::Solution(solution)) => Ok(solution),
        Ok(SolveOutcome::Interrupted(_)) => Err(Trouble::Timeout.into()),
        Err(Error::Infeasible) => Err(Failure::Infeasible),
        Err(Error::Unbounded) => Err(Failure::Unbounded),
        Err(other) => Err(Trouble::Internal(other.to_string()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cost: f64, upper: f64) -> Column {
        Column {
            cost,
            lower: 0.0,
            upper,
        }
    }

    fn line(terms: &[(usize, f64)], lower: f64, upper: f64) -> Line {
        Line {
            terms: terms.to_vec(),
            lower: Some(lower),
            upper: Some(upper),
        }
    }

    #[test]
    fn lines_are_added_to_what_is_solved() {
        let program = Program {
            columns: vec![column(1.0, f64::INFINITY), column(2.0, 3.0)],
            lines: vec![line(&[(0, 1.0), (1, 1.0)], 4.0, 10.0)],
            whole: None,
        };
        let limit = Duration::from_secs(5);
        let solved = Microlp.solve(&program, limit).expect("it can be solved");
        assert_eq!(solved.values(), [4.0, 0.0]);
        let narrower = solved.and(&line(&[(0, 1.0)], 0.0, 2.0)).expect("it can");
        assert_eq!(narrower.values(), [2.0, 2.0]);
        let none = narrower.and(&line(&[(1, 1.0)], 0.0, 1.0)).err();
        assert_eq!(none, Some(Failure::Infeasible));
    }

    #[test]
    fn whole_programs_have_whole_answers() {
        let mut program = Program {
            columns: vec![column(-1.0, 5.0), column(-1.0, 5.0)],
            lines: vec![line(&[(0, 2.0), (1, 2.0)], 0.0, 7.0)],
            whole: None,
        };
        let limit = Duration::from_secs(5);
        let solve = |program: &Program| Microlp.solve(program, limit).expect("it can be solved");
        assert!((solve(&program).values().iter().sum::<f64>() - 3.5).abs() < 1e-6);
        program.whole = Some(Whole::BEST);
        assert!((solve(&program).values().iter().sum::<f64>() - 3.0).abs() < 1e-6);
    }
}
