//! Tables that count persons, as an attacker sees them: one set of atoms under all of them.
//!
//! - `count`: a table as it is asked for, as it truly is, and as it was shown.
//! - `behind`: how many activities everybody can read to stand behind its cells.
//! - `codes`: the finest codes under all splits by one dimension.
//! - `places`: where activities took place in each part of a longer time.
//! - `layout`: which atoms there are, and which of them a cell sums.
//! - `several`: what holds of persons who were in several places.
//! - `facts`: what binds atoms whatever is published.
//! - `alone`: what whoever is alone somewhere knows.
//! - `changes`: how little something differs from what is known of it at another time.
//! - `sensitive`: which sums nobody may bound tightly.
//! - `world`: one state of the records with everything a reader could combine in it.
//! - `states`: all of them that a release must protect, laid out once.
//! - `choice`: the cells that may be shown, and what hiding each costs.
//! - `protect`: from true tables to what may be shown of them.
//! - `attempt`: one try at it, proven or not.
//! - `amounts`: hours and money of few.
//! - `why`: why something is kept back, in words.
//!
//! From outside, where there is no truth to be had:
//! - `shown`: a table as everybody can read it.
//! - `venues`: how many activities took place where, as published tables tell.
//! - `unpublished`: what follows from that of parts of time nobody published.
//! - `outside`: what an outsider can conclude from tables taken together.
//! - `vintage`: releases in the order of a log, and what of them stood beside each other.
//! - `sums`: the sums an outsider would look at.
//! - `conclusion`: what is concluded of one, and whether policy forbids it.
//! - `audit`: the attack on everything that was ever published.

mod alone;
mod amounts;
mod attempt;
mod audit;
mod behind;
mod changes;
mod choice;
mod codes;
mod conclusion;
mod count;
mod facts;
mod layout;
mod outside;
mod places;
mod protect;
mod sensitive;
mod several;
mod shown;
mod states;
mod sums;
mod unpublished;
mod venues;
mod vintage;
mod why;
mod world;

pub use audit::audit;
pub(crate) use behind::Behind;
pub use conclusion::{About, Conclusion, Place, What};
pub use count::{Count, Said, Sheet, State};
pub use layout::{Layout, Tangle};
pub use outside::{Known, Outside};
pub use places::parts_by_place;
pub use protect::{Case, Protected, Verdict, protect, show_again};
pub use shown::Shown;
pub use venues::Venues;
pub use vintage::Vintage;
pub use why::{Reason, Why};
