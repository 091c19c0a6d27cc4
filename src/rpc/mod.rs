//! The gRPC edge: who may call, over what, and within which limits.
//!
//! - [`tls`]: mutual TLS 1.3 between members, judged by SPIFFE id. RFC 8446.
//! - [`caller`]: who is on the other end of a connection, for as long as it lasts.
//! - [`guard`]: what stands before every call: protocol, permission, deadlines, panics.
//! - [`limits`]: how much of this node a caller may use.
//! - [`serve`]: the listener for peers.
//! - [`local`]: the Unix socket, for commands of the same user.
//! - [`connect`]: channels to a peer, to the socket, and into this very process.
//!
//! Invariants: a call reaches a service only with a [`Caller`] in its extensions that may make
//! it; a certificate that is revoked or has expired ends the calls already open.
//!
//! Elsewhere: whom to trust comes from the charter and the logs, through [`TrustSource`].

pub mod caller;
pub mod connect;
pub mod guard;
pub mod limits;
pub mod local;
pub mod serve;
pub mod tls;

pub use caller::{Caller, PeerIdentity};
pub use limits::Limits;
pub use tls::{OwnCert, TrustSource};

/// The longest message any service reads or writes, in bytes. Every service sets it as both its
/// decoding and its encoding limit; tonic's own encoding limit is none at all.
pub const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;
