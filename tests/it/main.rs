//! Everything that crosses rooms, as one binary: a module per capability.

mod federation;
mod listener;
mod shared;
mod socket;
mod tls;
mod vectors;
