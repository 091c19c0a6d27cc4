//! Everything that crosses rooms, as one binary: a module per capability.

mod command;
mod report;
mod shared;
mod vectors;
