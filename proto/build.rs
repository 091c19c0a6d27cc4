//! Generates the messages and services from `proto/`, with no `protoc`.

fn main() {}
