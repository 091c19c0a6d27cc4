//! Everything that crosses rooms, as one binary: a module per capability.

mod record;
mod shared;
mod store;
