//! Nodes that bring each other level.

mod byzantine;
mod level;
mod line;
mod world;
