//! The one door from records to the log: tabulate, protect, preview, append, sign.
//!
//! - [`draft`]: what would leave for a period, to the byte.
//! - `history`: what was shown before, for the next draft to be held against.
//! - [`ledger`]: what left before, with what truly stood behind it. Sealed.
//! - `packed`: that, as it is stored.
//! - [`statement`]: what a network says of a period in its own words, and what to look at in it.
//! - `sheets`: the true tables of a series, counted in one pass.
//! - [`sent`]: from which records a release was counted, to show what changed since.
//! - [`mod@forget`]: a person leaves the book, and what was sent stays sent.
//! - [`status`]: that a period has no summary, and why.
//! - [`listing`]: what became of it.
//! - [`publish`]: letting a draft out, and what a crash left half done.
//! - [`approval`]: a second person's own word on a draft, where the node asks for one.
//! - [`hold`]: drafts that leave later, unless somebody thinks better of it.
//! - [`keys`]: the member's own keys.
//! - [`plane`]: the private plane, locked or open.
//! - [`passphrases`]: who opens it.
//! - [`retention`]: persons are let go once their time is over.
//! - [`error`]: why something stays inside.
//!
//! Invariant: the ledger entry is on the disk before its leaf is, and the leaf and its signed
//! checkpoint are on the disk before anyone is told.
//!
//! This is the only room that may see both [`crate::record`] and [`crate::log`].

pub mod approval;
pub mod draft;
pub mod error;
pub mod forget;
mod history;
pub mod hold;
pub mod keys;
pub mod ledger;
pub mod listing;
mod packed;
pub mod passphrases;
pub mod plane;
pub mod publish;
pub mod retention;
pub mod sent;
mod sheets;
pub mod statement;
pub mod status;

pub use draft::{Draft, Terms};
pub use error::ReleaseError;
pub use plane::{Opened, PlaneError, PrivatePlane};
pub use publish::{Door, Published};

pub use crate::log::leaf::Status as SeriesStatus;
