//! What may be shown of a table that counts persons: numbers in, numbers out.
//!
//! - [`Form`], [`Model`]: sums over atoms, and what an attacker knows of them.
//! - [`choose`]: which cells to hide so that no reader bounds a functional too tightly.
//! - [`audit`]: whether a reader can, in the light of everything.
//! - [`verify`]: the proof that none can, checked in whole numbers and without the solver.
//! - [`bounds`]: what a reader can conclude of a form.
//! - [`is_sensitive`]: rules for cells that add up amounts.
//! - [`Solver`]: who solves the programs behind all this; it is never believed.
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

mod audit;
mod bounds;
mod form;
mod magnitude;
mod model;
mod moves;
mod pool;
mod solver;
mod suppress;
mod threshold;
#[cfg(test)]
mod trial;
mod verify;

pub use audit::{Audit, Finding, Standing, audit};
pub use bounds::bounds;
pub use form::Form;
pub use magnitude::{MagnitudeRules, is_sensitive, protection};
pub use model::{Functional, Model, Row};
pub use pool::Witnesses;
pub use solver::{Column, Failure, Limits, Line, Microlp, Program, Solved, Solver, Trouble};
pub use suppress::{Choice, Chosen, Relaxed, Unproven, World, choose, model_of};
pub use threshold::{Part, PersonalTable, Reason, Verdict, given_away, protect};
pub use verify::{Certificate, Flaw, verify};
