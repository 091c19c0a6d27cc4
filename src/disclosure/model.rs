//! What an attacker knows: atoms that are whole and not negative, and rows that bind them.

use super::Form;

/// A form between two bounds, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is bound.
    pub form: Form,
    /// Its smallest value.
    pub lower: Option<i64>,
    /// Its largest value.
    pub upper: Option<i64>,
}

impl Row {
    /// Returns the row that says what a form is.
    pub const fn exactly(form: Form, value: i64) -> Self {
        Self::between(form, Some(value), Some(value))
    }

    /// Returns the row that says that a form is not negative.
    pub const fn at_least_nothing(form: Form) -> Self {
        Self::between(form, Some(0), None)
    }

    /// Returns the row that bounds a form.
    pub const fn between(form: Form, lower: Option<i64>, upper: Option<i64>) -> Self {
        Self { form, lower, upper }
    }

    /// Returns whether a table keeps to it.
    pub fn admits(&self, table: &[i64]) -> bool {
        self.form.value(table).is_some_and(|value| {
            self.lower.is_none_or(|lower| lower <= value)
                && self.upper.is_none_or(|upper| value <= upper)
        })
    }
}

/// Everything an attacker knows of a number of atoms. Atoms are whole numbers, none below 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// How many atoms there are.
    pub atoms: usize,
    /// What binds them.
    pub rows: Vec<Row>,
}

impl Model {
    /// Returns whether a table is one an attacker finds possible.
    pub fn admits(&self, table: &[i64]) -> bool {
        table.len() == self.atoms
            && table.iter().all(|atom| *atom >= 0)
            && self.rows.iter().all(|row| row.admits(table))
    }
}

/// A form that nobody may bound too tightly: a reader must find possible that it is at most one
/// number, and that it is at least another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Functional {
    /// The form.
    pub form: Form,
    /// A reader must find a value this small possible, or a smaller one.
    pub at_most: i64,
    /// A reader must find a value this large possible, or a larger one.
    pub at_least: i64,
}
