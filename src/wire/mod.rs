//! The messages of `proto/`, as generated, and the payload bytes a leaf commits to.
//!
//! - [`payload`]: a summary as bytes, shaped so that its size says nothing.
//!
//! The services that carry the messages are in `rpc`; their documentation stands in the
//! `.proto` files.

pub mod payload;

pub use generated::*;

#[allow(
    clippy::all,
    clippy::doc_markdown,
    clippy::use_self,
    missing_docs,
    rustdoc::all,
    reason = "generated code"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/messages/counterfoil.v1.rs"));
}
