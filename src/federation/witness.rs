//! Witnessing: this node's word that a head is the largest consistent tree it has seen of a log.
//!
//! The check and the storing of a cosignature are one step, and a cosignature leaves the node only
//! after the store's next commit, so that no crash and no race takes a word back.
//! C2SP tlog-witness, "Check-and-store MUST be atomic and durable before answering".

use super::ingest::Ingest;
use super::roll::Roll;
use crate::identity::{VerifierKey, WitnessKey};
use crate::log::VerifiedCheckpoint;
use crate::model::{ConsortiumId, MemberId};
use crate::store::{Head, PublicStore, StoreError};

/// After how many seconds the same head is cosigned anew when it is offered again.
pub const RENEW_SECONDS: u64 = 86_400;

/// A node's witness, which works locked too: its key is a file of its own.
#[derive(Debug)]
pub struct Witness {
    key: WitnessKey,
    member: MemberId,
}

impl Witness {
    /// Cosigns in the name of `member`.
    pub const fn new(key: WitnessKey, member: MemberId) -> Self {
        Self { key, member }
    }

    /// Cosigns the head of another member's log, if all its leaves are held, the log is not
    /// frozen, and we have not cosigned this head within a day; returns whether it did. `now` is
    /// in Unix seconds. To be released only after [`PublicStore::commit`].
    ///
    /// # Errors
    /// When the store refuses.
    pub fn cosign(
        &self,
        store: &PublicStore,
        roll: &Roll,
        origin: &str,
        now: u64,
    ) -> Result<bool, StoreError> {
        // The log's owner is no witness of itself.
        if roll
            .owner_of(origin)
            .is_none_or(|owner| owner.id == self.member)
        {
            return Ok(false);
        }
        // Only under the key by which the charter knows us, so that the word counts.
        let ours = roll.member(&self.member).filter(|us| us.active);
        if ours.is_none_or(|us| us.witness_key.public_key() != self.key.public_key()) {
            return Ok(false);
        }
        match store.log(origin)? {
            Some(state) if !state.frozen => {}
            _ => return Ok(false),
        }
        let ingest = Ingest { store, roll };
        store.update_head(origin, |state| {
            let held = state.head.as_ref()?;
            let head = ingest.head(origin, &held.note).ok()?;
            self.renewed(roll.consortium(), head, now)
        })
    }

    fn renewed(
        &self,
        consortium: &ConsortiumId,
        mut head: VerifiedCheckpoint,
        now: u64,
    ) -> Option<Head> {
        let cosigner = self.key.cosigner(consortium, &self.member);
        let verifier = [cosigner.verifier_key().clone()];
        let last = head.cosignatures(&verifier).ok()?.first().map(|c| c.time);
        if last.is_some_and(|last| now < last.saturating_add(RENEW_SECONDS)) {
            return None;
        }
        head.cosign(&cosigner, now).ok()?;
        Some(Head {
            note: head.to_string(),
            size: head.size(),
        })
    }
}

/// Returns when a witness last cosigned a head, in Unix seconds; 0 for never.
pub(super) fn last_cosigned(head: &VerifiedCheckpoint, witness: &VerifierKey) -> u64 {
    let found = head.cosignatures(std::slice::from_ref(witness));
    found
        .ok()
        .and_then(|found| found.first().map(|c| c.time))
        .unwrap_or(0)
}
