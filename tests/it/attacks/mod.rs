//! Attackers with everything that was ever published.
//!
//! - `book`: who attended what, and a member who publishes from it.
//! - `audited`: histories published by the rules, and what an outsider concludes of them.
//! - `catalogue`: attacks from the literature, with their numbers.

mod audited;
mod book;
mod catalogue;
