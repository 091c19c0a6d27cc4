//! Answers computed over every member's summaries: figures with bounds, coverage and provenance.
//!
//! - [`consortium`]: what a report must know of the charter.
//! - [`columns`]: the cells of all summaries in packed columns, fed leaf by leaf.
//! - [`feed`]: from what the store holds to columns.
//! - [`sheet`]: the packed cells of one table.
//! - [`ask`]: a query as understood: words checked, table chosen, periods spelled out.
//! - [`coverage`]: who was expected to report, and did.
//! - [`gaps`]: what of an answer is expected, and what of it is not here.
//! - [`query`]: one query answered.
//! - [`slots`]: which summary answers for a member in a period.
//! - [`grid`]: from the codes of a table to the rows of an answer.
//! - [`tally`]: sums of bounds.
//! - [`notes`]: what a reader must know, in plain sentences.
//!
//! Invariant: an answer is a function of the leaves and payloads taken in, the charter, the
//! query and its date. Nothing here reads a clock or a socket, and the order in which
//! logs arrived shows nowhere.
//!
//! Elsewhere: keeping leaves is the store's part; who may ask is decided at the edge.

pub mod ask;
pub mod columns;
pub mod consortium;
pub mod coverage;
mod error;
pub mod feed;
mod gaps;
mod grid;
mod notes;
pub mod query;
pub mod render;
mod sheet;
mod slots;
pub mod story;
mod tally;

pub use columns::{Columns, Entry, Head, IngestError, Status};
pub use consortium::{Asker, Consortium, Member};
pub use coverage::coverage;
pub use error::ReportError;
pub use query::query;
pub use story::story;
