//! The verifier: whether two tables prove that a functional is protected. It trusts no solver.
//!
//! What is proven. An attacker knows a [`Model`]: rows that bind whole, non-negative atoms. Every
//! table that keeps all rows may be the true one; nothing the attacker knows tells two such tables
//! apart. So one table that keeps them with `form <= at_most`, and one with `form >= at_least`,
//! prove that by no reasoning can the form be bounded any tighter than these two numbers:
//!
//! 1. both tables have one number for every atom, and none is negative;
//! 2. both keep every row of the model;
//! 3. the form is at most `at_most` on the first, and at least `at_least` on the second.
//!
//! Nothing else is needed, and nothing else is read. All sums are of whole numbers, and a sum too
//! large to be written down is refused.

use super::{Form, Functional, Model};

/// Two tables an attacker must both find possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// One on which the form is small.
    pub low: Vec<i64>,
    /// One on which the form is large.
    pub high: Vec<i64>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A table has not one number for each atom.
    #[error("a table has {found} atoms where the model has {expected}")]
    Length {
        /// Numbers in the table.
        found: usize,
        /// Atoms of the model.
        expected: usize,
    },
    /// An atom is below 0.
    #[error("atom {atom} is negative")]
    Negative {
        /// Which.
        atom: usize,
    },
    /// A row or the functional names an atom the model does not have.
    #[error("atom {atom} is unknown to the model")]
    Unknown {
        /// Which.
        atom: usize,
    },
    /// A sum is too large to be compared.
    #[error("a sum is too large")]
    Overflow,
    /// A table contradicts what the attacker knows.
    #[error("row {row} does not hold")]
    Row {
        /// Which row of the model.
        row: usize,
    },
    /// The form is not as small on the low table as it is to be.
    #[error("the form is above {at_most} on the low table")]
    NotLow {
        /// What it was to be at most.
        at_most: i64,
    },
    /// The form is not as large on the high table as it is to be.
    #[error("the form is below {at_least} on the high table")]
    NotHigh {
        /// What it was to be at least.
        at_least: i64,
    },
}

/// Accepts a certificate if it proves that the functional is protected in the model.
///
/// # Errors
/// The first [`Flaw`] found.
pub fn verify(
    model: &Model,
    functional: &Functional,
    certificate: &Certificate,
) -> Result<(), Flaw> {
    is_possible(model, &certificate.low)?;
    is_possible(model, &certificate.high)?;
    if sum(&functional.form, &certificate.low)? > i128::from(functional.at_most) {
        return Err(Flaw::NotLow {
            at_most: functional.at_most,
        });
    }
    if sum(&functional.form, &certificate.high)? < i128::from(functional.at_least) {
        return Err(Flaw::NotHigh {
            at_least: functional.at_least,
        });
    }
    Ok(())
}

/// Accepts a table that an attacker finds possible.
pub(super) fn is_possible(model: &Model, table: &[i64]) -> Result<(), Flaw> {
    if table.len() != model.atoms {
        return Err(Flaw::Length {
            found: table.len(),
            expected: model.atoms,
        });
    }
    if let Some(atom) = table.iter().position(|value| *value < 0) {
        return Err(Flaw::Negative { atom });
    }
    for (row, known) in model.rows.iter().enumerate() {
        let value = sum(&known.form, table)?;
        let is_low = known.lower.is_some_and(|lower| value < i128::from(lower));
        let is_high = known.upper.is_some_and(|upper| value > i128::from(upper));
        if is_low || is_high {
            return Err(Flaw::Row { row });
        }
    }
    Ok(())
}

pub(super) fn sum(form: &Form, table: &[i64]) -> Result<i128, Flaw> {
    let mut sum: i128 = 0;
    for (atom, times) in form.terms() {
        let value = *table.get(atom).ok_or(Flaw::Unknown { atom })?;
        // Two numbers of 64 bits multiply within 128; their sums may not.
        let term = i128::from(value) * i128::from(times);
        sum = sum.checked_add(term).ok_or(Flaw::Overflow)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Row;

    /// A total of 15 over three atoms, the first two together within [5, 12], and the first less
    /// twice the third no less than -20; the first is to look like 0, and like 10.
    fn model() -> Model {
        Model {
            atoms: 3,
            rows: vec![
                Row::exactly(Form::sum([0, 1, 2]), 15),
                Row::between(Form::sum([0, 1]), Some(5), Some(12)),
                Row::between(Form::of([(0, 1), (2, -2)]), Some(-20), None),
            ],
        }
    }

    fn functional() -> Functional {
        Functional {
            form: Form::atom(0),
            at_most: 0,
            at_least: 10,
        }
    }

    const LOW: [i64; 3] = [0, 7, 8];
    const HIGH: [i64; 3] = [10, 0, 5];

    fn certificate(low: &[i64], high: &[i64]) -> Certificate {
        Certificate {
            low: low.to_vec(),
            high: high.to_vec(),
        }
    }

    #[test]
    fn a_right_certificate_is_accepted() {
        assert_eq!(
            verify(&model(), &functional(), &certificate(&LOW, &HIGH)),
            Ok(())
        );
    }

    #[test]
    fn twenty_wrong_certificates_are_refused() {
        let length = |found| Flaw::Length { found, expected: 3 };
        let row = |row| Flaw::Row { row };
        let (big, low, high) = (i64::MAX, &LOW[..], &HIGH[..]);
        #[rustfmt::skip]
        let cases: [(&str, &[i64], &[i64], Flaw); 20] = [
            ("no low table", &[], high, length(0)),
            ("no high table", low, &[], length(0)),
            ("a low table that is too short", &[0, 7], high, length(2)),
            ("a high table that is too short", low, &[10, 0], length(2)),
            ("a low table that is too long", &[0, 7, 8, 0], high, length(4)),
            ("a high table that is too long", low, &[10, 0, 5, 0], length(4)),
            ("a negative atom, low", &[-1, 8, 8], high, Flaw::Negative { atom: 0 }),
            ("a negative atom, high", low, &[13, -1, 3], Flaw::Negative { atom: 1 }),
            ("a negative atom that cancels out", &[0, 16, -1], high, Flaw::Negative { atom: 2 }),
            ("the total missed by 1 below, low", &[0, 6, 8], high, row(0)),
            ("the total missed by 1 above, low", &[0, 8, 8], high, row(0)),
            ("the total missed by 1 below, high", low, &[10, 0, 4], row(0)),
            ("the total missed by 1 above, high", low, &[10, 1, 5], row(0)),
            ("a lower bound broken", &[0, 4, 11], high, row(1)),
            ("an upper bound broken", low, &[13, 0, 2], row(1)),
            ("a difference out of bounds", &[1, 3, 11], high, row(1)),
            ("a sum that would wrap to the right total", &[big, big, 17], high, row(0)),
            ("a form not low enough", &[1, 6, 8], high, Flaw::NotLow { at_most: 0 }),
            ("a form not high enough", low, &[9, 0, 6], Flaw::NotHigh { at_least: 10 }),
            ("the two tables swapped", high, low, Flaw::NotLow { at_most: 0 }),
        ];
        for (name, low, high, flaw) in cases {
            let found = verify(&model(), &functional(), &certificate(low, high));
            assert_eq!(found, Err(flaw), "{name}");
        }
    }

    #[test]
    fn unknown_atoms_and_vast_sums_are_refused() {
        let mut stranger = functional();
        stranger.form = Form::atom(3);
        let right = certificate(&LOW, &HIGH);
        assert_eq!(
            verify(&model(), &stranger, &right),
            Err(Flaw::Unknown { atom: 3 })
        );
        let vast = Form::of((0..3).map(|atom| (atom, i64::MAX)));
        let model = Model {
            atoms: 3,
            rows: vec![Row::between(vast, Some(0), None)],
        };
        let vast = certificate(&[i64::MAX; 3], &HIGH);
        assert_eq!(verify(&model, &functional(), &vast), Err(Flaw::Overflow));
    }
}
