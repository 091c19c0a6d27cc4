//! Why something stays inside.

use jiff::civil::Date;

use super::approval::{LONGEST_NAME, MOST_APPROVERS};
use super::hold::MOST_HOLDS;
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
    /// The word that nothing happened, while it still may.
    #[error("{series} cannot be nil yet: {} is not over; that nothing happened is known from {known} on", series.period)]
    NotOver {
        /// Kind and period.
        series: Series,
        /// The day after it.
        known: Date,
    },
    /// The word that nothing happened in a time to come.
    #[error("{series} cannot be nil yet: {} begins on {first}; that nothing happened is known from {known} on", series.period)]
    NotBegun {
        /// Kind and period.
        series: Series,
        /// Its first day.
        first: Date,
        /// The day after it.
        known: Date,
    },
    /// A word about a period more than a year from now.
    #[error("{series} cannot be {status} yet: {} begins on {first}, more than a year from now", series.period)]
    FarAhead {
        /// Kind and period.
        series: Series,
        /// The word.
        status: &'static str,
        /// Its first day.
        first: Date,
    },
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
    /// Nobody of this name may approve.
    #[error("nobody is registered as an approver under the name {0:?}")]
    UnknownApprover(String),
    /// A name that is taken.
    #[error("there is an approver {0:?} already")]
    ApproverExists(String),
    /// A key that is somebody's already.
    #[error("this key is registered already, as {0:?}")]
    KeyTaken(String),
    /// A key of the member's own: no second person's.
    #[error("this is a key of the member itself, which is no second person's")]
    OwnKey,
    /// A key no signature by which could count.
    #[error("this public key is not a usable Ed25519 point")]
    UnusableKey,
    /// A text that cannot name an approver.
    #[error(
        "an approver's name has 1 to {LONGEST_NAME} bytes, on one line, with no blanks around it"
    )]
    BadName,
    /// More approvers than a node has.
    #[error("there are {MOST_APPROVERS} approvers already, the most a node has")]
    TooManyApprovers,
    /// Whoever made the preview cannot approve it.
    #[error("{0:?} made this preview, so another person approves it")]
    OwnPreview(String),
    /// A signature that is not by the registered key.
    #[error("this is not signed with the key registered for {0:?}")]
    NotTheirKey(String),
    /// Fewer persons said yes than the node asks for.
    #[error(
        "this node asks for {needed} persons in all, the one who publishes included, and {missing} \
         approval{} by other persons {} missing",
        if *missing == 1 { "" } else { "s" },
        if *missing == 1 { "is" } else { "are" }
    )]
    NotApproved {
        /// How many are missing.
        missing: u32,
        /// Persons asked for in all.
        needed: u32,
    },
    /// The draft waits for its time.
    #[error("this draft is held until its time has come")]
    Held,
    /// Nothing of this digest waits.
    #[error("no draft of this digest is held")]
    NotHeld,
    /// More drafts than may wait at once.
    #[error("{MOST_HOLDS} drafts are held already, the most a node holds")]
    TooManyHolds,
    /// A time no draft is held for.
    #[error("a draft is held for 1 minute to 30 days")]
    BadHold,
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
