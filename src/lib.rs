//! Counterfoil: records stay in the book of the network that made them; what leaves is a signed
//! slip, a summary table that names nobody.
//!
//! Two planes, one door:
//!
//! ```text
//!    private plane (sealed)                 public plane
//!  [record] import, edit                  [log]        leaves, proofs
//!  [vault ] keys, sealing  ── release ──▶ [charter]    members, floor
//!                           the one door  [federation] replicate, witness
//!                                         [report]     answer
//! ```
//!
//! Rooms, from the ground up; an arrow between two of them only points down this list:
//!
//! - [`model`]: the nouns everyone shares. No I/O.
//! - [`clock`]: the time, as an argument.
//! - [`wire`]: the messages of `proto/`, as generated.
//! - [`identity`]: keys, signed notes, certificates.
//! - [`log`]: Merkle tree, leaves, checkpoints, cosignatures, proofs. No I/O.
//! - [`charter`]: the consortium's constitution, its code lists and table plan. No I/O.
//! - [`disclosure`]: what may be shown; numbers in, numbers out. No I/O.
//! - [`store`]: the two databases and the vault.
//! - [`record`]: private records: types, import, tabulation.
//! - [`release`]: the one door from records to the log.
//! - [`federation`]: sync and witnessing.
//! - [`report`]: queries over summaries, with bounds and coverage.
//! - [`config`]: how one node is set up, checked.
//! - [`rpc`]: gRPC, on both ends.
//! - [`cli`]: commands, and what they print.
//! - [`node`]: one running node, assembled.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod charter;
pub mod cli;
pub mod clock;
pub mod config;
pub mod disclosure;
pub mod federation;
pub mod identity;
pub mod log;
pub mod model;
pub mod node;
pub mod record;
pub mod release;
pub mod report;
pub mod rpc;
pub mod store;
pub mod wire;
