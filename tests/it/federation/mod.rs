//! Nodes that bring each other level.

mod byzantine;
mod level;
mod world;
