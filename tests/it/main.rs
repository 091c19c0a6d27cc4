//! Everything that crosses rooms, as one binary: a module per capability.

mod architecture;
mod attacks;
mod command;
mod disclosure;
mod federation;
mod listener;
mod manual;
mod memory;
mod outside;
mod record;
mod release;
mod report;
mod samples;
mod shared;
mod socket;
mod store;
mod subtraction;
mod tls;
mod truth;
mod vectors;
mod world;
