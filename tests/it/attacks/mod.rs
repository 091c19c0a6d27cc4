//! Attackers with everything that was ever published.
//!
//! - `book`: who attended what, and a member who publishes from it.
//! - `audited`: histories published by the rules, and what an outsider concludes of them.
//! - `countries`: what everybody knows of persons who were in several countries.
//! - `possible`: which whole numbers keep to a number of rows.
//! - `enumerate`: an attacker who tries out whole numbers, and nothing else.
//! - `given`: what readers knew before.
//! - `histories`: random books and releases, attacked after each.
//! - `catalogue`: attacks from the literature, with their numbers.
//! - `crossed`: those on tables with several splits.
//! - `crossing`: random books with such tables.
//! - `few`: networks of a few persons, and their quarters, years and measures.
//! - `open`: a solver that fails, and what of it reaches ledger and log.
//! - `readers`: attacks on what is said of figures beside them: ratios and hashes.

mod audited;
mod book;
mod catalogue;
mod countries;
mod crossed;
mod crossing;
mod enumerate;
mod few;
mod given;
mod histories;
mod open;
mod possible;
mod readers;
