//! The consortium's signed constitution: members, keys, thresholds, and what everybody publishes.
//!
//! - [`policy`]: the disclosure floor, due days, code lists and the table plan, as TOML.
//! - [`plan`]: the default plan, and the shape a table has for one member.
//!
//! Nothing here reads a clock, a file or a socket.

pub mod plan;
pub mod policy;

pub use policy::{Policy, Size, TableSpec};
