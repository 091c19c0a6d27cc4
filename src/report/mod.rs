//! Answers computed over every member's summaries: figures with bounds, coverage and provenance.
//!
//! What comes in:
//! - [`consortium`]: what a report must know of the charter, and who asks.
//! - [`columns`]: the cells of all summaries in packed columns, fed leaf by leaf; `sheet` packs
//!   the cells of one table.
//!
//! From a question to its answer:
//! - `ask`: the question as understood; `choose` finds its table, `span` its periods.
//! - `slots`: which summary answers for a member in a period; `gaps`: what is not here.
//! - `grid`: from the codes of a table to the rows of an answer; `tally`: sums of bounds;
//!   `tighten`: bounds as tight as all a member published allows.
//! - `answer`: the rows, and what stands behind each; `notes`: what their reader must know;
//!   `doubles`: what two networks may both have reported; `statements`: what members say of it
//!   in their own words.
//! - [`query`](mod@query): all of it in order.
//! - [`coverage`](mod@coverage): who was expected to report, and did.
//!
//! What goes out:
//! - [`mod@prove`]: one leaf with its proof, to be checked offline.
//! - [`mod@audit`]: how far everything a member ever published can be bounded, by anybody.
//! - [`render`]: an answer as JSON, CSV and text, and its canonical form.
//! - [`story`](mod@story): some periods in a donor's words.
//!
//! Invariant: an answer is a function of the leaves and payloads taken in, the charter, the
//! query, who asks and its date. Nothing here reads a clock or a socket, and the order in
//! which logs arrived shows nowhere.
//!
//! Elsewhere: keeping leaves is the store's part; who may ask is decided at the edge.

mod answer;
mod ask;
pub mod audit;
mod choose;
pub mod columns;
pub mod consortium;
pub mod coverage;
mod doubles;
mod error;
pub mod feed;
mod gaps;
mod grid;
mod notes;
pub mod prove;
pub mod query;
pub mod render;
mod sheet;
mod slots;
mod span;
mod statements;
pub mod story;
mod tally;
mod tighten;

pub use audit::{AuditError, audit};
pub use columns::{Columns, Entry, Head, IngestError, Status};
pub use consortium::{Asker, Consortium, Member};
pub use coverage::coverage;
pub use error::ReportError;
pub use prove::{ProveError, prove};
pub use query::query;
pub use story::story;
