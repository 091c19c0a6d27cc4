//! Why something a peer sent is not taken, and why a sync ends.

use crate::log::{CheckpointError, LeafError};
use crate::model::MemberId;
use crate::store::{ReplicaError, StoreError};

/// Why something a peer sent is not taken. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The log is no member's.
    #[error("{origin:?} is not the log of a member in version {version} of the charter")]
    NoSuchLog {
        /// The origin as sent.
        origin: String,
        /// Our charter.
        version: u32,
    },
    /// The checkpoint does not read or is not signed by its log.
    #[error("the checkpoint of {member}'s log is refused: {cause}")]
    Checkpoint {
        /// Whose log.
        member: MemberId,
        /// What is wrong.
        cause: CheckpointError,
    },
    /// Leaves do not follow on from those held.
    #[error("leaf {found} of {member}'s log is out of order; leaf {expected} comes next")]
    OutOfOrder {
        /// Whose log.
        member: MemberId,
        /// The leaf that comes next.
        expected: u64,
        /// The leaf that was sent.
        found: u64,
    },
    /// A leaf does not read.
    #[error("leaf {index} of {member}'s log does not read: {cause}")]
    BadLeaf {
        /// Whose log.
        member: MemberId,
        /// Which leaf.
        index: u64,
        /// What is wrong.
        cause: LeafError,
    },
    /// The leaves are not those the log signed.
    #[error(
        "leaves {from} to {to} of {member}'s log do not belong to the tree of {size} leaves it signed"
    )]
    NotInTree {
        /// Whose log.
        member: MemberId,
        /// First leaf.
        from: u64,
        /// Last leaf.
        to: u64,
        /// Size of the signed tree.
        size: u64,
    },
    /// What is held is not what the log signed.
    #[error("{member}'s log signed a tree of {size} leaves that are not those held here")]
    OtherLeaves {
        /// Whose log.
        member: MemberId,
        /// Size of the signed tree.
        size: u64,
    },
    /// A payload is not what its leaf commits to.
    #[error("the payload of leaf {index} of {member}'s log is refused: {reason}")]
    BadPayload {
        /// Whose log.
        member: MemberId,
        /// Which leaf.
        index: u64,
        /// What is wrong.
        reason: String,
    },
    /// A message breaks its own bounds.
    #[error("{what} {problem}")]
    Malformed {
        /// What was sent.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The log signed two histories.
    #[error(
        "{member}'s log signed two histories, at {first} and at {second} leaves; \
         it is frozen, and the proof is kept"
    )]
    Equivocation {
        /// Whose log.
        member: MemberId,
        /// Size of the one tree.
        first: u64,
        /// Size of the other.
        second: u64,
    },
    /// The log was frozen before.
    #[error("{member}'s log is frozen: it signed two histories")]
    Frozen {
        /// Whose log.
        member: MemberId,
    },
    /// The proof of two histories proves nothing.
    #[error("the proof that {member}'s log signed two histories does not hold")]
    NoProof {
        /// Whose log.
        member: MemberId,
    },
    /// The charter version does not count here.
    #[error("version {version} of the charter is refused: {reason}")]
    Charter {
        /// Which version.
        version: u32,
        /// Why.
        reason: String,
    },
    /// Our own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What our own store holds does not hang together.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl Refusal {
    /// Says what is wrong with something that was sent.
    pub(super) fn malformed(what: &'static str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self::Malformed { what, problem }
    }

    /// Returns whether our own disk is to blame, so that going on makes no sense.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Replica(_))
    }
}

/// Why a sync ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// There is no charter to sync under.
    #[error("this node has no charter yet; apply one first")]
    NoCharter,
    /// The peer is not somebody to sync with.
    #[error("{member} is not a member in version {version} of the charter")]
    NotAMember {
        /// Who it is.
        member: MemberId,
        /// Our charter.
        version: u32,
    },
    /// The peer is not who it should be, or sent what must not come at that point.
    #[error("the sync with {member} cannot go on: {problem}")]
    Protocol {
        /// Who it is.
        member: MemberId,
        /// What is wrong.
        problem: String,
    },
    /// The peer ended the sync, and says why.
    #[error("{member} ended the sync: {reason}")]
    Refused {
        /// Who it is.
        member: MemberId,
        /// Its own words.
        reason: String,
    },
    /// The stream failed.
    #[error("the stream to {member} broke: {reason}")]
    Broken {
        /// Who it is.
        member: MemberId,
        /// What the transport said.
        reason: String,
    },
    /// The peer fell silent.
    #[error("{member} said nothing for {seconds} s")]
    Silent {
        /// Who it is.
        member: MemberId,
        /// How long we waited.
        seconds: u64,
    },
    /// Another sync with the same peer is going on.
    #[error("a sync with {member} is already going on; it ends by itself")]
    Busy {
        /// Who it is.
        member: MemberId,
    },
    /// The peer began a newer sync.
    #[error("{member} began a newer sync")]
    Replaced {
        /// Who it is.
        member: MemberId,
    },
    /// The peer cannot be reached.
    #[error("{reason}")]
    Unreachable {
        /// Why, naming the address.
        reason: String,
    },
    /// What was sent cannot be taken, and our own disk is to blame.
    #[error(transparent)]
    Ours(#[from] Refusal),
}

impl SyncError {
    /// Returns whether the sync ended only because another one with the same peer goes on.
    pub(super) const fn gives_way(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Replaced { .. })
    }
}
