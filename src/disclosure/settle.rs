//! Whole numbers near those of a program that are not.
//!
//! A corner of a program is seldom far from whole: a few columns are in between, and all others
//! stay as they are while those few are asked for anew. That is a small program where the whole
//! one is large. Where it finds nothing, nothing is known, and the whole one is asked after all.
//! There are no more of these than twice the solves that are counted.

use std::time::Duration;

use super::solver::{Line, Program, Solver, Whole};

/// How near to a whole number a value counts as it. What is found is checked all the same.
const NEAR: f64 = 1e-5;

/// How often the columns beside those in between are let go too.
const WIDER: usize = 2;

/// Returns whole values that keep to a program and one more line, most of them as they are now.
pub(super) fn settled(
    program: &Program,
    line: &Line,
    values: &[f64],
    solver: &dyn Solver,
    limit: Duration,
) -> Option<Vec<f64>> {
    let is_between = |value: &f64| (value - value.round()).abs() > NEAR;
    let mut free: Vec<bool> = values.iter().map(is_between).collect();
    for _ in 0..=WIDER {
        let (part, columns) = part_of(program, line, values, &free);
        // Trouble is no answer either.
        if let Ok(solved) = solver.solve(&part, limit) {
            let mut settled: Vec<f64> = values.iter().map(|value| value.round()).collect();
            for (column, value) in columns.into_iter().zip(solved.values()) {
                settled[column] = value;
            }
            return Some(settled);
        }
        widen(program, line, &mut free);
    }
    None
}

/// Returns the program of the free columns alone, and which they are.
fn part_of(program: &Program, line: &Line, values: &[f64], free: &[bool]) -> (Program, Vec<usize>) {
    let columns: Vec<usize> = (0..values.len()).filter(|column| free[*column]).collect();
    let mut at = vec![0; values.len()];
    for (new, column) in columns.iter().enumerate() {
        at[*column] = new;
    }
    let lines = program.lines.iter().chain([line]);
    let lines = lines.filter_map(|line| {
        let mut settled = 0.0;
        let mut terms = Vec::new();
        for (column, times) in &line.terms {
            match free[*column] {
                true => terms.push((at[*column], *times)),
                false => settled += times * values[*column].round(),
            }
        }
        let rest = |bound: Option<f64>| bound.map(|bound| bound - settled);
        (!terms.is_empty()).then(|| Line {
            terms,
            lower: rest(line.lower),
            upper: rest(line.upper),
        })
    });
    let part = Program {
        lines: lines.collect(),
        columns: columns.iter().map(|at| program.columns[*at]).collect(),
        whole: Some(SOON),
    };
    (part, columns)
}

/// What is to be had near by is had at once.
const SOON: Whole = Whole::ANY.up_to(20);

/// A line with more columns says little of each.
const SHORT: usize = 12;

/// Lets go of whatever shares a short line with a free column.
fn widen(program: &Program, line: &Line, free: &mut [bool]) {
    let before = free.to_vec();
    for line in program.lines.iter().chain([line]) {
        let is_short = line.terms.len() <= SHORT;
        if is_short && line.terms.iter().any(|(column, _)| before[*column]) {
            line.terms
                .iter()
                .for_each(|(column, _)| free[*column] = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Microlp;
    use crate::disclosure::solver::Column;

    fn line(terms: &[(usize, f64)], lower: f64, upper: f64) -> Line {
        Line {
            terms: terms.to_vec(),
            lower: Some(lower),
            upper: Some(upper),
        }
    }

    fn settle(lines: &[Line], values: &[f64]) -> Option<Vec<f64>> {
        let column = Column {
            cost: 1.0,
            lower: 0.0,
            upper: 9.0,
        };
        let program = Program {
            columns: vec![column; values.len()],
            lines: lines.to_vec(),
            whole: None,
        };
        let last = line(&[(0, 1.0)], 1.0, 9.0);
        settled(&program, &last, values, &Microlp, Duration::from_secs(5))
    }

    #[test]
    fn what_is_whole_stays_and_the_rest_becomes_so() {
        let lines = [
            line(&[(0, 1.0), (1, 1.0), (2, 1.0)], 8.0, 8.0),
            line(&[(0, 3.0), (2, -1.0)], 1.0, 99.0),
        ];
        let found = settle(&lines, &[5.0 / 3.0, 7.0 / 3.0, 4.0]).expect("there is one");
        assert!(
            found
                .iter()
                .all(|value| (value - value.round()).abs() < NEAR)
        );
        assert!((found[2] - 4.0).abs() < NEAR);
        assert!((found.iter().sum::<f64>() - 8.0).abs() < NEAR);
        assert!(3.0 * found[0] >= 5.0 - NEAR);
    }

    #[test]
    fn what_stands_beside_it_is_let_go_where_that_is_needed() {
        // The first is whole only where the second is even.
        let lines = [line(&[(0, 2.0), (1, 1.0)], 4.0, 4.0)];
        let found = settle(&lines, &[1.5, 1.0]).expect("there is one");
        assert!((2.0 * found[0] + found[1] - 4.0).abs() < NEAR);
        assert!(
            found
                .iter()
                .all(|value| (value - value.round()).abs() < NEAR)
        );
    }

    #[test]
    fn where_nothing_is_whole_nothing_is_found() {
        let lines = [line(&[(0, 2.0), (1, 2.0)], 5.0, 5.0)];
        assert_eq!(settle(&lines, &[1.5, 1.0]), None);
    }
}
