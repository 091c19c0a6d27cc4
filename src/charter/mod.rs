//! The consortium's signed constitution: members, keys, thresholds, and what everybody publishes.
//!
//! - [`policy`]: the disclosure floor, due days, code lists and the table plan, as TOML.
//! - `soundness`: whether a policy makes sense, and exposes nobody.
//! - [`plan`]: the default plan, and the shape a table has for one member.
//! - [`member`]: a member as its card and the charter describe it.
//! - [`card`]: what a member says of itself, signed by itself.
//! - [`text`], `check`: one version of the charter, read and checked.
//! - [`note`]: the charter as governors sign it.
//! - [`draft`]: founding a consortium.
//! - [`verify`], `succession`: whether a version counts.
//! - [`chain`]: all versions that count, and what happens when two contradict each other.
//! - [`words`]: fingerprints as six words.
//!
//! Invariant: a [`Charter`] is read from exactly the bytes that are signed, and those bytes are kept.
//!
//! Nothing here reads a clock, a file or a socket.

pub mod card;
pub mod chain;
mod check;
pub mod draft;
mod encoding;
pub mod error;
pub mod member;
pub mod note;
pub mod plan;
pub mod policy;
mod soundness;
mod succession;
pub mod text;
pub mod verify;
pub mod words;

pub use card::Card;
pub use chain::{Chain, Conflict, Offered};
pub use draft::Founding;
pub use error::CharterError;
pub use member::{Governor, Member, MemberState};
pub use note::CharterNote;
pub use policy::{Policy, Size, TableSpec};
pub use text::{Charter, Expiry};
pub use verify::{Refusal, Verified, verify_alone, verify_chain, verify_first, verify_next};

#[cfg(test)]
mod testing;
