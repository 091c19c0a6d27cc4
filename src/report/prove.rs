//! One leaf with everything it takes to check it offline.

use crate::charter::Charter;
use crate::log::proof::Opening;
use crate::log::{Leaf, SignedCheckpoint, TlogProof};
use crate::model::{MemberId, Series};
use crate::store::replica::Replica;
use crate::store::{Payload, PublicStore, StoreError};

/// Why a leaf cannot be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// No such leaf, or not one the reader may see: both are told alike.
    #[error("{member} has no leaf {index} that can be shown")]
    NoLeaf {
        /// Whose log.
        member: MemberId,
        /// Which leaf.
        index: u64,
    },
    /// The payload was taken back.
    #[error("the payload of leaf {index} was recalled and erased")]
    Recalled {
        /// Which leaf.
        index: u64,
    },
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not hang together.
    #[error("{0}")]
    Damaged(String),
}

/// A proof that stands alone.
#[derive(Clone, Debug)]
pub struct Proof {
    /// A C2SP `.tlog-proof` document.
    pub document: String,
    /// What the leaf is about, where it is about a series.
    pub series: Option<Series>,
}

/// Proves one leaf of a member's log to a reader, or to this node's own user.
///
/// # Errors
/// When there is no such leaf, its payload is not here, was recalled, or is not the reader's to
/// see.
pub fn prove(
    store: &PublicStore,
    charter: &Charter,
    reader: Option<&MemberId>,
    member: &MemberId,
    index: u64,
) -> Result<Proof, ProveError> {
    let none = || ProveError::NoLeaf {
        member: member.clone(),
        index,
    };
    let origin = charter.origin(member);
    let log = store.log(&origin)?.ok_or_else(none)?;
    let head = log.head.filter(|head| index < head.size).ok_or_else(none)?;
    let entry = store.entry(&origin, index)?.ok_or_else(none)?;
    let leaf = Leaf::parse(&entry.leaf).map_err(|_| none())?;
    if !may_see(&leaf, reader) {
        return Err(none());
    }
    let opening = match (&leaf, entry.payload) {
        (_, Payload::Here(salted)) => Some(Opening {
            salt: salted.salt,
            payload: salted.payload,
        }),
        (_, Payload::Erased) => return Err(ProveError::Recalled { index }),
        (Leaf::Summary { .. }, _) => return Err(none()),
        _ => None,
    };
    let damaged = |error: &dyn std::fmt::Display| ProveError::Damaged(error.to_string());
    let path = Replica::new(store, &origin)
        .inclusion(index, head.size)
        .map_err(|error| damaged(&error))?;
    let signed = SignedCheckpoint::parse(head.note.as_bytes()).map_err(|error| damaged(&error))?;
    let proof = TlogProof::new(&entry.leaf, opening.as_ref(), index, path, &signed)
        .map_err(|error| damaged(&error))?;
    Ok(Proof {
        document: proof.to_string(),
        series: leaf.series(),
    })
}

fn may_see(leaf: &Leaf, reader: Option<&MemberId>) -> bool {
    match (leaf, reader) {
        (Leaf::Summary { audience, .. }, Some(reader)) => audience.includes(reader),
        _ => true,
    }
}
