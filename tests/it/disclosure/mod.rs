//! Suppression, audit and bounds on published tables: what their sources say of them holds, and
//! nothing hidden can be had back from what we would show.
//!
//! - [`tables`]: tables with hierarchies, as atoms, cells and problems.
//! - [`small`]: textbook tables, in full.
//! - [`large`]: whole publications; the largest of them only where `COUNTERFOIL_LONG` is set.
//! - [`magnitude`]: sums of amounts.

mod large;
mod magnitude;
mod small;
mod tables;
