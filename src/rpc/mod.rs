//! The gRPC edge, on both ends: who may call, over what, and within which limits.
//!
//! - [`tls`]: mutual TLS 1.3 between members, judged by SPIFFE id. RFC 8446.
//! - [`caller`]: who is on the other end of a connection, for as long as it lasts.
//! - [`guard`]: what stands before every call: protocol, permission, deadlines, panics.
//! - [`limits`]: how much of this node a caller may use; [`hits`]: how often one was met.
//! - `share`, [`memory`], `pace`: calls and bytes of one member, of all, of one connection.
//! - `turns`: who was cut off for a flood, and waits. `manners`: how floods are noticed; `frames`:
//!   what passes on a connection.
//! - [`serve`]: the listener for peers. `handshakes`: which begin, and which give way.
//! - `line`: how a connection treats a slow line.
//! - [`local`]: the Unix socket, for commands of the same user.
//! - [`connect`]: channels to a peer, to the socket, and into this very process.
//! - [`client`]: every call of the local services, as plain functions over messages.
//! - [`status`]: one error as it travels: a code for programs, a message, a hint.
//! - [`plane`]: the public plane as the services see it.
//! - [`services`]: the services themselves.
//! - `errors`: every room's errors as what a caller is told.
//! - [`own_cert`]: the node's certificate on disk.
//! - [`generated`]: the services of `proto/`.
//!
//! Invariants: a call reaches a service only with a [`Caller`] in its extensions that may make
//! it; a certificate that is revoked or has expired ends the calls already open. Nothing else
//! names tonic or the generated services.
//!
//! Elsewhere: whom to trust comes from the charter and the logs, through [`TrustSource`].

pub mod caller;
pub mod client;
pub mod connect;
pub mod errors;
mod frames;
pub mod generated;
pub mod guard;
mod handshakes;
pub mod hits;
pub mod limits;
mod line;
pub mod local;
mod manners;
pub mod memory;
pub mod own_cert;
mod pace;
pub mod plane;
pub mod serve;
pub mod services;
mod share;
pub mod status;
pub mod tls;
mod turns;

pub use caller::{Caller, PeerIdentity};
pub use client::{CallError, Client};
pub use limits::Limits;
pub use services::record_template;
pub use tls::{OwnCert, TrustSource};

/// The longest message any service reads or writes, in bytes. Every service sets it as both its
/// decoding and its encoding limit; tonic's own encoding limit is none at all.
pub const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;
