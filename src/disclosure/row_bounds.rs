//! What a reader knows of single atoms and sums without reckoning far: row by row, until nothing
//! follows.

use super::{Form, Functional, Row};

/// How often all rows are gone through.
const ROUNDS: usize = 24;

/// The smallest and largest value of each atom, as far as single rows tell.
#[derive(Debug)]
pub(crate) struct RowBounds(Vec<(i64, Option<i64>)>);

impl RowBounds {
    /// Draws what follows from each row by itself, again and again.
    pub(crate) fn from(atoms: usize, rows: &[Row]) -> Self {
        let mut known = Self(vec![(0, None); atoms]);
        for _ in 0..ROUNDS {
            let before = known.0.clone();
            rows.iter().for_each(|row| known.learn(row));
            if known.0 == before {
                break;
            }
        }
        known
    }

    /// Returns the smallest and largest value of a form.
    pub(crate) fn bounds(&self, form: &Form) -> (i64, Option<i64>) {
        let least = |sign| self.least_of_rest(form, sign, &Form::default(), 1);
        (
            least(1).unwrap_or(i64::MIN),
            least(-1).map(i64::saturating_neg),
        )
    }

    /// Returns the smallest value of a form as far as one of these rows tells of most of it, and
    /// atoms of the rest.
    pub(crate) fn least_beside(&self, rows: &[Row], form: &Form) -> Option<i64> {
        self.least_of_times(rows, form, 1)
    }

    /// Returns the largest value of a form in the same way.
    pub(crate) fn most_beside(&self, rows: &[Row], form: &Form) -> Option<i64> {
        let least = self.least_of_times(rows, form, -1);
        least.map(i64::saturating_neg)
    }

    fn least_of_times(&self, rows: &[Row], form: &Form, sign: i64) -> Option<i64> {
        let beside = rows.iter().flat_map(|row| {
            let lower = row.lower.map(|lower| (1, lower));
            let upper = row.upper.map(|upper| (-1, upper.saturating_neg()));
            let sides = [lower, upper].into_iter().flatten();
            sides.filter_map(move |(side, least)| {
                least.checked_add(self.least_of_rest(form, sign, &row.form, side)?)
            })
        });
        beside.max()
    }

    /// Returns the least of `sign * form - side * taken`, as far as atoms tell.
    fn least_of_rest(&self, form: &Form, sign: i64, taken: &Form, side: i64) -> Option<i64> {
        let (mut all, mut less) = (form.terms().peekable(), taken.terms().peekable());
        let mut sum = 0i64;
        loop {
            let atom = match (all.peek(), less.peek()) {
                (Some((one, _)), Some((other, _))) => *one.min(other),
                (Some((one, _)), None) | (None, Some((one, _))) => *one,
                (None, None) => return Some(sum),
            };
            let is_it = |(other, _): &(usize, i64)| *other == atom;
            let own = all.next_if(is_it).map_or(0, |(_, times)| times);
            let gone = less.next_if(is_it).map_or(0, |(_, times)| times);
            let own = own.checked_mul(sign)?;
            let left = own.checked_sub(gone.checked_mul(side)?)?;
            if left != 0 {
                sum = sum.checked_add(self.term(atom, left).0?)?;
            }
        }
    }

    /// Returns what is still to be kept of a functional, or `None` where everybody knows its
    /// value already.
    pub(crate) fn left_of(&self, functional: &Functional) -> Option<Functional> {
        let (lower, upper) = self.bounds(&functional.form);
        (upper != Some(lower)).then(|| Functional {
            form: functional.form.clone(),
            at_most: functional.at_most.max(lower),
            at_least: upper.map_or(functional.at_least, |upper| functional.at_least.min(upper)),
        })
    }

    /// Returns the bounds of one term; `None` where there is none.
    fn term(&self, atom: usize, times: i64) -> (Option<i64>, Option<i64>) {
        let (lower, upper) = self.0[atom];
        let (low, high) = (
            lower.checked_mul(times),
            upper.and_then(|upper| upper.checked_mul(times)),
        );
        if times >= 0 { (low, high) } else { (high, low) }
    }

    fn learn(&mut self, row: &Row) {
        if let Some(upper) = row.upper {
            self.learn_most(&row.form, upper, 1);
        }
        if let Some(lower) = row.lower {
            self.learn_most(&row.form, lower.saturating_neg(), -1);
        }
    }

    /// Learns from `sign * form <= most`: no term is larger than what the others leave it.
    fn learn_most(&mut self, form: &Form, most: i64, sign: i64) {
        let least = |(atom, times): (usize, i64)| self.term(atom, times.saturating_mul(sign)).0;
        let (mut sum, mut open) = (0i64, None);
        for (atom, times) in form.terms() {
            match least((atom, times)) {
                Some(lower) => sum = sum.saturating_add(lower),
                None if open.is_none() => open = Some(atom),
                None => return,
            }
        }
        for (atom, times) in form.terms() {
            if open.is_some_and(|open| open != atom) {
                continue;
            }
            let own = self.term(atom, times.saturating_mul(sign)).0.unwrap_or(0);
            let room = most.saturating_sub(sum.saturating_sub(own));
            let times = times.saturating_mul(sign);
            let (lower, upper) = &mut self.0[atom];
            if times > 0 {
                let new = room.div_euclid(times);
                *upper = Some(upper.map_or(new, |upper| upper.min(new)));
            } else if times < 0 {
                // times * x <= room, so x >= room / times, rounded up.
                let new = room
                    .saturating_neg()
                    .saturating_add(-times - 1)
                    .div_euclid(-times);
                *lower = (*lower).max(new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_row_by_row_is_known() {
        let rows = [
            Row::exactly(Form::sum([0, 1]), 0),
            Row::exactly(Form::sum([0, 2]), 7),
            Row::at_least_nothing(Form::atom(2).minus(&Form::atom(3))),
            Row::at_least_nothing(Form::atom(3).times(2).minus(&Form::atom(2))),
        ];
        let known = RowBounds::from(5, &rows);
        assert_eq!(known.bounds(&Form::atom(2)), (7, Some(7)));
        assert_eq!(known.bounds(&Form::atom(3)), (4, Some(7)));
        assert_eq!(known.bounds(&Form::sum([3, 4])), (4, None));
        assert_eq!(
            known.bounds(&Form::atom(2).minus(&Form::atom(3))),
            (0, Some(3))
        );
        // It is nothing where atom 3 is 7 and atom 4 is none, and two rows say so too.
        let part = Form::sum([2, 4]).minus(&Form::atom(3));
        assert_eq!(known.bounds(&part), (0, None));
        assert_eq!(known.least_beside(&rows, &part), Some(0));
        let asked = Functional {
            form: Form::atom(3),
            at_most: 0,
            at_least: 10,
        };
        let left = known.left_of(&asked).expect("it is not known");
        assert_eq!((left.at_most, left.at_least), (4, 7));
        assert!(
            known
                .left_of(&Functional {
                    form: Form::atom(2),
                    ..asked
                })
                .is_none()
        );
    }
}
