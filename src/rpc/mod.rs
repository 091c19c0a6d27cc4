//! The gRPC edge, on both ends. Nothing else names tonic or the generated services.
//!
//! - [`client`]: every call of the local services, as plain functions over messages.
//! - [`status`]: one error as it travels: a code for programs, a message, a hint.
//! - [`generated`]: the services of `proto/`.

pub mod client;
pub mod generated;
pub mod status;

pub use client::{CallError, Client};
