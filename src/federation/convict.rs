//! Convicting a log that signed two histories, and freezing it.

use prost::Message as _;

use super::error::Refusal;
use super::frames;
use super::ingest::Ingest;
use super::roll::RollMember;
use crate::log::{Equivocation, Hash, VerifiedCheckpoint};
use crate::store::{LogState, PublicStore, Replica, StoreError};
use crate::wire::SyncEvidence;

impl Ingest<'_> {
    /// Freezes a log that signed two histories, on somebody else's proof; returns whether it was
    /// not frozen before.
    ///
    /// # Errors
    /// When the proof does not hold.
    pub fn evidence(&self, evidence: &SyncEvidence) -> Result<bool, Refusal> {
        let owner = self.owner(&evidence.origin)?;
        if Replica::new(self.store, &evidence.origin).state()?.frozen {
            return Ok(false);
        }
        let first = self.head(&evidence.origin, &evidence.first)?;
        let second = self.head(&evidence.origin, &evidence.second)?;
        let path = frames::hashes(&evidence.path);
        let proven = path.and_then(|path| Equivocation::prove(&first, &second, path));
        let Some(proven) = proven else {
            let member = owner.id.clone();
            return Err(Refusal::NoProof { member });
        };
        Ok(self.freeze(&proven)?)
    }

    /// Holds a head whose leaves are to come against another one.
    pub(super) fn hold_against_pending(
        &self,
        owner: &RollMember,
        state: &LogState,
        head: &VerifiedCheckpoint,
    ) -> Result<(), Refusal> {
        let Some(pending) = state.pending.as_ref().filter(|p| p.size == head.size()) else {
            return Ok(());
        };
        let pending = self.verify(owner, &pending.note).ok();
        match pending.and_then(|pending| Equivocation::detect(&pending, head)) {
            Some(proven) => Err(self.convict(owner, &proven)),
            None => Ok(()),
        }
    }

    /// Returns what to say of a head that is not a head of the leaves held; freezes the log where
    /// that can be proven.
    pub(super) fn contradiction(
        &self,
        owner: &RollMember,
        state: &LogState,
        head: &VerifiedCheckpoint,
    ) -> Refusal {
        match self.proof_against(owner, state, head) {
            Ok(Some(proven)) => self.convict(owner, &proven),
            Ok(None) => Refusal::OtherLeaves {
                member: owner.id.clone(),
                size: head.size(),
            },
            Err(error) => error,
        }
    }

    fn proof_against(
        &self,
        owner: &RollMember,
        state: &LogState,
        head: &VerifiedCheckpoint,
    ) -> Result<Option<Equivocation>, Refusal> {
        let Some(held) = state.head.as_ref().filter(|held| held.size >= head.size()) else {
            return Ok(None);
        };
        let Ok(held) = self.verify(owner, &held.note) else {
            return Ok(None);
        };
        let log = Replica::new(self.store, &state.origin);
        let path = whole_path(log, head.size(), held.size())?;
        Ok(Equivocation::prove(head, &held, path))
    }

    fn convict(&self, owner: &RollMember, proven: &Equivocation) -> Refusal {
        tracing::warn!(
            member = %owner.id,
            first = proven.first().size(),
            second = proven.second().size(),
            "log signed two histories"
        );
        match self.freeze(proven) {
            Ok(_) => Refusal::Equivocation {
                member: owner.id.clone(),
                first: proven.first().size(),
                second: proven.second().size(),
            },
            Err(error) => error.into(),
        }
    }

    fn freeze(&self, proven: &Equivocation) -> Result<bool, StoreError> {
        let evidence = SyncEvidence {
            origin: proven.first().origin().to_string(),
            first: proven.first().to_string(),
            second: proven.second().to_string(),
            path: frames::bytes_of(proven.path()),
        };
        self.store
            .freeze(&evidence.origin, &evidence.encode_to_vec())
    }
}

/// Returns the proof a log was frozen with, as it is stored and sent.
///
/// # Errors
/// When it cannot be read.
pub fn stored_evidence(
    store: &PublicStore,
    origin: &str,
) -> Result<Option<SyncEvidence>, StoreError> {
    let bytes = store.frozen(origin)?;
    // What we wrote ourselves reads again.
    Ok(bytes.and_then(|bytes| SyncEvidence::decode(bytes.as_slice()).ok()))
}

/// Returns the consistency proof with its first hash always there; empty for equal sizes.
fn whole_path(log: Replica<'_>, old: u64, new: u64) -> Result<Vec<Hash>, Refusal> {
    let path = log.consistency(old, new)?;
    if old < new && old.is_power_of_two() {
        let first = log.root_at(old)?;
        return Ok(std::iter::once(first).chain(path).collect());
    }
    Ok(path)
}
