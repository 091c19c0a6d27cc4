//! The services of `proto/`, as generated over the messages of [`crate::wire`].

#![allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    clippy::or_fun_call,
    clippy::use_self,
    elided_lifetimes_in_paths,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    rustdoc::all,
    reason = "generated code"
)]

include!(concat!(env!("OUT_DIR"), "/counterfoil.v1.rs"));
