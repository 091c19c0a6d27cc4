//! Nodes that bring each other level.

mod byzantine;
mod level;
mod line;
pub(crate) mod world;
