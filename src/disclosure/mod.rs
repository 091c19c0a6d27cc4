//! What may be shown of tables that count persons: numbers in, numbers out.
//!
//! - [`tables`]: tables over one set of atoms, what in them is sensitive, what may be shown.
//! - [`Form`], [`Model`]: sums over atoms, and what an attacker knows of them.
//! - [`World`]: one state of the truth, and what of it was given away before; [`Proof`]: what
//!   proves that no more is.
//! - [`choose`]: which cells to hide so that no reader bounds a functional too tightly.
//! - [`audit()`]: whether a reader can, in the light of everything.
//! - [`verify()`]: the proof that none can, checked in whole numbers and without the solver.
//! - [`bounds()`]: what a reader can conclude of a form.
//! - [`Solver`]: who solves the programs behind all this; it is never believed.
//! - [`is_sensitive`]: amounts of few.
//!
//! Everything fails closed: what is not proven is not shown.
//!
//! Source: *Statistical Disclosure Control* (Hundepool et al., 2012), ch. 4, for the threshold
//! rule, secondary suppression and differencing.

mod audit;
mod bounds;
mod form;
mod insiders;
mod magnitude;
mod model;
mod moves;
mod pool;
mod row_bounds;
mod settle;
mod solver;
mod suppress;
pub mod tables;
#[cfg(test)]
mod trial;
mod verify;
mod world;

pub use audit::{Audit, Finding, Standing, audit};
pub use bounds::bounds;
pub use form::Form;
pub use magnitude::{MagnitudeRules, is_sensitive, protection};
pub use model::{Functional, Model, Row};
pub use pool::Witnesses;
pub use solver::{Column, Failure, Limits, Line, Microlp, Program, Solved, Solver, Trouble, Whole};
pub use suppress::{Choice, Chosen, Relaxed, Unproven, choose, model_of};
pub use verify::{Certificate, Flaw, verify};
pub use world::{Given, Proof, World};
