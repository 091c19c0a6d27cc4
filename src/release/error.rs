//! Why something stays inside.

use crate::model::table::{LONGEST_STATEMENT, MOST_STATEMENTS, WIDEST_STATEMENT};
use crate::model::{Grain, Kind, Period, Series};
use crate::store::StoreError;
use crate::store::replica::ReplicaError;
use crate::wire::payload::PayloadError;

/// Why a release did not happen. Nothing has left when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The plan has no table of this kind at this grain for a member of this size.
    #[error("the charter's plan has no {kind} table by {grain} for this member")]
    NoTables {
        /// Kind asked for.
        kind: Kind,
        /// Grain asked for.
        grain: Grain,
    },
    /// No draft has this digest.
    #[error("no draft has this digest")]
    UnknownDraft,
    /// Records, charter or releases changed after the preview.
    #[error("something changed since this draft was previewed")]
    StaleDraft,
    /// The own log may be behind what peers have seen.
    #[error("this node may be behind its own log: {0}")]
    UnsureOfHead(String),
    /// Ledger and log contradict each other.
    #[error("the private plane knows nothing of leaf {index} of this node's log, or another one")]
    LedgerMismatch {
        /// Which leaf.
        index: u64,
    },
    /// A ledger entry cannot be read or written.
    #[error("the ledger cannot be read")]
    Ledger(#[source] serde_json::Error),
    /// A status was asked for a series that has a summary.
    #[error("{0} has a summary already; a status says that there is none")]
    HasSummary(String),
    /// The word that nothing happened, while records say otherwise.
    #[error("{series} is not nil: {records} of its records begin in it")]
    NotNil {
        /// Kind and period.
        series: Series,
        /// How many there are.
        records: usize,
    },
    /// A sentence that cannot be published.
    #[error(
        "{given:?} is not a statement: {reason}; accepted: one line of 1 to {LONGEST_STATEMENT} \
         characters and at most {WIDEST_STATEMENT} bytes, with single blanks between words"
    )]
    BadStatement {
        /// Its beginning.
        given: String,
        /// What of it cannot be published.
        reason: String,
    },
    /// More sentences than a period may have.
    #[error("{period} would have {asked} statements; accepted: at most {MOST_STATEMENTS}")]
    TooManyStatements {
        /// The period.
        period: Period,
        /// How many there would be, over all kinds.
        asked: usize,
    },
    /// A payload cannot be made or read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log in the store cannot be grown.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A leaf or checkpoint could not be made.
    #[error("{0}")]
    Log(String),
    /// The records could not be read.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
}
