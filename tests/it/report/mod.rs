//! Reports over books of summaries made by hand.

mod answers;
pub(crate) mod book;
mod coverage;
mod naive;
mod render;
mod story;
mod tight;
