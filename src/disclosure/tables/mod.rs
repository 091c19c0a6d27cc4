//! Tables that count persons, as an attacker sees them: one set of atoms under all of them.
//!
//! - [`count`]: a table as it is asked for, as it truly is, and as it was shown.
//! - [`codes`]: the finest codes under all splits by one dimension.
//! - [`layout`]: which atoms there are, and which of them a cell sums.
//! - [`facts`]: what binds atoms whatever is published.
//! - [`sensitive`]: which sums nobody may bound tightly.
//! - [`world`]: one state of the records with everything a reader could combine in it.
//! - [`choice`]: the cells that may be shown, and what hiding each costs.
//! - [`protect`]: from true tables to what may be shown of them.
//! - [`amounts`]: hours and money of few.
//! - [`why`]: why something is kept back, in words.

mod amounts;
mod choice;
mod codes;
mod count;
mod facts;
mod layout;
mod protect;
mod sensitive;
mod why;
mod world;

pub use count::{Count, Said, Sheet, State};
pub use layout::{Layout, Tangle};
pub use protect::{Case, Protected, Verdict, protect};
pub use why::{Reason, Why};
