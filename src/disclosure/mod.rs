//! What may be shown of a table that counts persons: numbers in, numbers out.
//!
//! - [`Form`], [`Model`]: sums over atoms, and what an attacker knows of them.
//! - [`protect`]: the rule that stops subtraction.
//!
//! It is one simple rule, and it fails closed, table by table. A split table with any cell below
//! the floor is shown as its total only, as is one whose total is kept back. A total below the
//! floor is a fixed interval. What would differ by less than the floor from something already
//! shown, or from a measure beside it, is not shown anew. Everything it hides, it hides whatever
//! the reason, so that a hidden cell does not speak.
//!
//! Source: *Statistical Disclosure Control* (Hundepool et al., 2012), ch. 4, for the threshold
//! rule, secondary suppression and differencing.

mod form;
mod model;
pub mod tables;
mod suppress;
pub use suppress::{Limits, Microlp, Solver, bounds, magnitude};
mod threshold;

pub use form::Form;
pub use model::{Functional, Model, Row};
pub use threshold::{Part, PersonalTable, Reason, Verdict, given_away, protect};
