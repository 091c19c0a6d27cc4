//! Private records: what a network keeps for itself, and the tables that are counted from it.
//!
//! - [`schema`]: which fields and lists there are, and what each may hold. The only such table.
//! - [`codes`]: the charter's code lists, as far as records need them.
//! - [`person`]: persons as pseudonyms.
//! - `daytime`: the time that may follow a date.
//! - [`value`]: one field's value.
//! - [`entry`]: a record.
//! - `heads`: how many came, and where a record contradicts itself about it.
//! - [`book`]: how records lie in the private database.
//! - `bearing`: on which periods a record bears, and by what it is seen that it changed.
//! - [`mod@edit`]: add, edit, delete, list.
//! - [`mod@forget`]: a person leaves the book, or one list.
//! - [`mod@let_go`]: a record with nobody in it any more, and every count as it was.
//! - [`mod@import`]: a file becomes records, all or nothing, the same file twice changing nothing.
//! - [`mod@tabulate`]: the numbers of a plan table.
//! - [`template`]: an empty table to fill in.
//!
//! Invariants: a person's identifier is turned into a pseudonym before anything is stored; a
//! column that is not asked for is dropped; nothing here is ever sent.
//!
//! Elsewhere: sealing and keys are the store's; deciding what may leave is the release room's.

pub mod schema;

pub mod codes;
pub mod person;
pub mod value;

pub mod entry;

mod bearing;
pub mod book;
mod daytime;
pub mod edit;
mod error;
pub mod forget;
mod heads;
pub mod import;
mod joint;
pub mod let_go;
pub mod tabulate;
pub mod template;

pub use bearing::{bears_on, mark};
pub use book::{Book, Change, Space, each, show};
pub use codes::{CodeLists, MEMBERS};
pub use edit::{Desk, add, delete, edit, list, split_setting};
pub use entry::{Fields, Record, Row, Values};
pub use error::RecordError;
pub use forget::{Leaving, Remarked};
pub use heads::contradictions;
pub use import::{ImportOutcome, ImportRequest, Rejection, Target, import, kind_of, suggest};
pub use let_go::{let_go, person_rows};
pub use person::{Pseudonym, RecordKeys};
pub use schema::{Field, List, Shape};
pub use tabulate::{Counting, TableRequest, tabulate};
