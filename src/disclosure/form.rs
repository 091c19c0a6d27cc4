//! Whole-number sums over atoms: what a cell, a total or a difference is made of.

/// A sum of atoms with whole coefficients, each atom at most once, none of them 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Form(Vec<(usize, i64)>);

impl Form {
    /// Returns the form that is one atom.
    pub fn atom(atom: usize) -> Self {
        Self(vec![(atom, 1)])
    }

    /// Returns the sum of atoms; one named twice counts twice.
    pub fn sum(atoms: impl IntoIterator<Item = usize>) -> Self {
        Self::of(atoms.into_iter().map(|atom| (atom, 1)))
    }

    /// Returns the form with these terms, in any order.
    pub fn of(terms: impl IntoIterator<Item = (usize, i64)>) -> Self {
        let mut terms: Vec<(usize, i64)> = terms.into_iter().collect();
        terms.sort_unstable_by_key(|(atom, _)| *atom);
        let mut folded: Vec<(usize, i64)> = Vec::with_capacity(terms.len());
        for (atom, times) in terms {
            match folded.last_mut() {
                Some((last, sum)) if *last == atom => *sum = sum.saturating_add(times),
                _ => folded.push((atom, times)),
            }
        }
        folded.retain(|(_, times)| *times != 0);
        Self(folded)
    }

    /// Returns this form with another added to it.
    pub fn plus(&self, other: &Self) -> Self {
        Self::of(self.terms().chain(other.terms()))
    }

    /// Returns this form with another taken from it.
    pub fn minus(&self, other: &Self) -> Self {
        Self::of(self.terms().chain(other.times(-1).terms()))
    }

    /// Returns this form a number of times.
    pub fn times(&self, factor: i64) -> Self {
        Self::of(
            self.terms()
                .map(|(atom, times)| (atom, times.saturating_mul(factor))),
        )
    }

    /// Returns this form without some atoms.
    pub fn without(&self, gone: impl Fn(usize) -> bool) -> Self {
        Self(self.terms().filter(|(atom, _)| !gone(*atom)).collect())
    }

    /// Iterates over atoms and their coefficients, in the order of the atoms.
    pub fn terms(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.0.iter().copied()
    }

    /// Returns whether nothing is summed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the coefficient of an atom.
    pub fn coefficient(&self, atom: usize) -> i64 {
        match self.0.binary_search_by_key(&atom, |(other, _)| *other) {
            Ok(at) => self.0[at].1,
            Err(_) => 0,
        }
    }

    /// Returns the form's value on a table, or `None` where an atom is missing from it or the sum
    /// is too large to be one.
    pub fn value(&self, table: &[i64]) -> Option<i64> {
        self.terms().try_fold(0i64, |sum, (atom, times)| {
            sum.checked_add(table.get(atom)?.checked_mul(times)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_fold() {
        let form = Form::of([(2, 1), (0, 1), (2, -1), (0, 2)]);
        assert_eq!(form, Form::of([(0, 3)]));
        assert_eq!(Form::sum([1, 2]).minus(&Form::sum([2, 1])), Form::default());
    }

    #[test]
    fn values_do_not_overflow() {
        let form = Form::sum([0, 1]);
        assert_eq!(form.value(&[3, 4]), Some(7));
        assert_eq!(form.value(&[i64::MAX, 4]), None);
        assert_eq!(form.value(&[3]), None);
    }
}
