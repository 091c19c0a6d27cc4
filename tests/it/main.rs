//! Everything that crosses rooms, as one binary: a module per capability.

mod report;
mod shared;
