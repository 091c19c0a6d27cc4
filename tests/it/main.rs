//! Everything that crosses rooms, as one binary: a module per capability.

mod command;
mod shared;
mod vectors;
