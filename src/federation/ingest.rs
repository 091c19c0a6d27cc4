//! Verifying what a peer sends, and storing it.
//!
//! Everything here blocks and nothing here waits for the disk: what was stored is safe, and may
//! be acknowledged, only after the store's next commit.

use std::collections::HashSet;

use super::error::Refusal;
use super::frames::{self, MOST_BATCH_BYTES};
use super::roll::{Roll, RollMember};
use crate::log::{
    Audience, CheckpointError, Leaf, Origin, SignedCheckpoint, VerifiedCheckpoint, commitment,
    verify_consistency,
};
use crate::model::MemberId;
use crate::store::{
    Entry, Head, LogState, Payload, PublicStore, Replica, SaltedPayload, StoreError,
};
use crate::wire::{SyncBatch, SyncPayload, payload};

/// No log reaches so far, so that no index overflows.
const MOST_INDEX: u64 = 1 << 62;

/// What an offered head was to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Nothing new.
    Known,
    /// A head for leaves we hold, or more cosignatures on ours.
    Merged,
    /// A head beyond what we hold: leaves are to be fetched from our size.
    Beyond,
    /// A head of a frozen log, which is left alone.
    Frozen,
}

/// What a batch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Leaves that were new.
    pub leaves: u64,
    /// About how many bytes were written.
    pub bytes: usize,
    /// Whether the signed size is reached.
    pub complete: bool,
}

/// Judges what one peer sends by the charter in force.
#[derive(Clone, Copy, Debug)]
pub struct Ingest<'a> {
    /// Where it is stored.
    pub store: &'a PublicStore,
    /// The charter in force.
    pub roll: &'a Roll,
}

/// Returns whether `member` may see a payload of `owner`'s for this audience.
pub fn may_see(audience: &Audience, owner: &MemberId, member: &MemberId) -> bool {
    audience.includes(member) || owner == member
}

impl<'a> Ingest<'a> {
    /// Returns whose log has this origin.
    ///
    /// # Errors
    /// [`Refusal::NoSuchLog`].
    pub fn owner(&self, origin: &str) -> Result<&'a RollMember, Refusal> {
        let owner = self.roll.owner_of(origin);
        owner.ok_or_else(|| Refusal::NoSuchLog {
            origin: frames::plain(origin).chars().take(100).collect(),
            version: self.roll.version(),
        })
    }

    /// Verifies a signed head. Signature lines by anybody but the log and its witnesses are
    /// dropped.
    ///
    /// # Errors
    /// When the log is no member's, or the head is not signed by it.
    pub fn head(&self, origin: &str, note: &str) -> Result<VerifiedCheckpoint, Refusal> {
        let owner = self.owner(origin)?;
        self.verify(owner, note)
            .map_err(|cause| Refusal::Checkpoint {
                member: owner.id.clone(),
                cause,
            })
    }

    pub(super) fn verify(
        &self,
        owner: &RollMember,
        note: &str,
    ) -> Result<VerifiedCheckpoint, CheckpointError> {
        let origin = Origin::of(self.roll.consortium(), &owner.id);
        let signed = SignedCheckpoint::parse(note.as_bytes())?;
        let witnesses = self.roll.witnesses_in(&owner.id, signed.note());
        let mut head = signed.clone().verify(&origin, &owner.log_keys)?;
        head.merge(&signed, &witnesses)?;
        Ok(head)
    }

    /// Takes an offered head: keeps it where it is news, and says whether leaves are to be fetched.
    ///
    /// # Errors
    /// When it does not verify, or contradicts what is held; where that proves two histories, the
    /// log is frozen.
    pub fn offer(&self, origin: &str, note: &str) -> Result<Offered, Refusal> {
        let owner = self.owner(origin)?;
        let log = Replica::new(self.store, origin);
        let state = log.state()?;
        if state.frozen {
            return Ok(Offered::Frozen);
        }
        if state.head.as_ref().is_some_and(|held| held.note == note) {
            return Ok(Offered::Known);
        }
        let head = self.head(origin, note)?;
        if head.size() > state.size {
            self.hold_against_pending(owner, &state, &head)?;
            if let Some(pending) = newer_pending(&state, &head) {
                self.store.set_pending(origin, pending)?;
            }
            return Ok(Offered::Beyond);
        }
        if log.root_at(head.size())? != head.root() {
            return Err(self.contradiction(owner, &state, &head));
        }
        let merged = self.take_held(owner, origin, &head)?;
        Ok(if merged {
            Offered::Merged
        } else {
            Offered::Known
        })
    }

    /// Puts a head in place whose leaves are all held, or its cosignatures beside those we have.
    fn take_held(
        &self,
        owner: &RollMember,
        origin: &str,
        head: &VerifiedCheckpoint,
    ) -> Result<bool, Refusal> {
        if head.size() == 0 {
            return Ok(false);
        }
        let changed = self.store.update_head(origin, |state| {
            let Some(held) = state.head.as_ref().filter(|held| held.size >= head.size()) else {
                return Some(stored(head));
            };
            // A smaller one is history.
            if held.size > head.size() {
                return None;
            }
            let mut ours = self.verify(owner, &held.note).ok()?;
            let theirs = self.roll.witnesses_in(&owner.id, head.as_signed().note());
            let mut witnesses = self.roll.witnesses_in(&owner.id, ours.as_signed().note());
            for key in theirs {
                if !witnesses.contains(&key) {
                    witnesses.push(key);
                }
            }
            let changed = ours.merge(head.as_signed(), &witnesses).unwrap_or(false);
            changed.then(|| stored(&ours))
        })?;
        Ok(changed)
    }

    /// Reads the leaves and payloads of a batch and holds each payload against its leaf.
    ///
    /// # Errors
    /// At the first leaf or payload that is not what it should be.
    pub fn read(&self, batch: &mut SyncBatch) -> Result<Leaves, Refusal> {
        let owner = self.owner(&batch.origin)?;
        if batch.count == 0 {
            return Err(Refusal::malformed("a batch", "holds no leaves"));
        }
        if batch.from > MOST_INDEX {
            return Err(Refusal::malformed("a batch", "begins beyond any log's end"));
        }
        let sent = std::mem::take(&mut batch.payloads);
        let bytes = batch.leaves_zstd.len() + sent.iter().map(payload_len).sum::<usize>();
        if bytes > MOST_BATCH_BYTES {
            let problem = format!("has {bytes} bytes and may have {MOST_BATCH_BYTES}");
            return Err(Refusal::malformed("a batch", problem));
        }
        let texts = frames::unpack_leaves(&batch.leaves_zstd, batch.count)?;
        let mut sent = sent.into_iter().peekable();
        let mut leaves = Vec::with_capacity(texts.len());
        for (index, text) in (batch.from..).zip(texts) {
            let leaf = Leaf::parse(&text).map_err(|cause| Refusal::BadLeaf {
                member: owner.id.clone(),
                index,
                cause,
            })?;
            let payload = sent.next_if(|payload| payload.index == index);
            let payload = match payload {
                Some(payload) => Some(self.payload(owner, &leaf, payload)?),
                None => None,
            };
            leaves.push((text, leaf, payload));
        }
        if let Some(stray) = sent.next() {
            let problem = format!(
                "holds a payload of leaf {} out of order, or twice",
                stray.index
            );
            return Err(Refusal::malformed("a batch", problem));
        }
        Ok(Leaves {
            from: batch.from,
            bytes,
            leaves,
        })
    }

    /// Appends the leaves of a batch that are not held yet, where they belong to the tree under
    /// `head`. One caller at a time for each log.
    ///
    /// # Errors
    /// When they do not follow on from what is held, or are not in that tree.
    pub fn append(
        &self,
        batch: Leaves,
        head: &VerifiedCheckpoint,
        consistency: &[Vec<u8>],
    ) -> Result<Taken, Refusal> {
        let origin = head.origin().as_str();
        let owner = self.owner(origin)?;
        let log = Replica::new(self.store, origin);
        let state = log.state()?;
        if state.frozen {
            let member = owner.id.clone();
            return Err(Refusal::Frozen { member });
        }
        let (from, to) = (batch.from, batch.from + batch.leaves.len() as u64);
        if from > state.size {
            return Err(Refusal::OutOfOrder {
                member: owner.id.clone(),
                expected: state.size,
                found: from,
            });
        }
        let not_in_tree = || Refusal::NotInTree {
            member: owner.id.clone(),
            from,
            to: to.saturating_sub(1),
            size: head.size(),
        };
        // What another peer brought meanwhile is skipped, if it is the same.
        let held = usize::try_from(state.size - from).unwrap_or(usize::MAX);
        let held = held.min(batch.leaves.len());
        for ((text, ..), entry) in batch.leaves[..held]
            .iter()
            .zip(self.store.entries(origin, from..to)?)
        {
            if entry?.1.leaf != *text {
                return Err(not_in_tree());
            }
        }
        let complete = to == head.size();
        if held == batch.leaves.len() {
            let (leaves, bytes) = (0, 0);
            return Ok(Taken {
                leaves,
                bytes,
                complete: to >= head.size(),
            });
        }
        let leaves = (batch.leaves.len() - held) as u64;
        let recalled = recalled(state.size, &batch.leaves[held..]);
        let mut growth = log.grow()?;
        for (index, (text, leaf, payload)) in (from..).zip(batch.leaves).skip(held) {
            let payload = self.payload_state(owner, index, &leaf, payload, &recalled);
            growth.push(Entry {
                leaf: text,
                payload,
            })?;
        }
        let proof = frames::hashes(consistency).ok_or_else(not_in_tree)?;
        verify_consistency(
            growth.size(),
            head.size(),
            growth.root(),
            head.root(),
            &proof,
        )
        .map_err(|_| not_in_tree())?;
        for index in recalled.into_iter().filter(|index| *index < state.size) {
            self.erase(origin, index)?;
        }
        let (whole, pending) = if complete {
            (Some(stored(head)), None)
        } else {
            (None, newer_pending(&state, head))
        };
        growth.store(whole, pending)?;
        Ok(Taken {
            leaves,
            bytes: batch.bytes,
            complete,
        })
    }

    /// Stores a payload that came after its leaf; returns whether it was still wanted.
    ///
    /// # Errors
    /// When it is not what its leaf commits to.
    pub fn late_payload(&self, origin: &str, sent: SyncPayload) -> Result<bool, Refusal> {
        let owner = self.owner(origin)?;
        let index = sent.index;
        let wanted = match self.store.entry(origin, index)? {
            Some(entry) if entry.payload == Payload::Wanted => entry,
            _ => return Ok(false),
        };
        let leaf = Leaf::parse(&wanted.leaf).map_err(|cause| Refusal::BadLeaf {
            member: owner.id.clone(),
            index,
            cause,
        })?;
        let payload = self.payload(owner, &leaf, sent)?;
        match self.store.put_payload(origin, index, payload) {
            Err(StoreError::Erased { .. }) => Ok(false),
            other => Ok(other?),
        }
    }

    /// Holds one payload against its leaf.
    fn payload(
        &self,
        owner: &RollMember,
        leaf: &Leaf,
        sent: SyncPayload,
    ) -> Result<SaltedPayload, Refusal> {
        let refused = |reason: &str| Refusal::BadPayload {
            member: owner.id.clone(),
            index: sent.index,
            reason: reason.to_owned(),
        };
        let Leaf::Summary {
            series,
            revision,
            audience,
            commit,
            ..
        } = leaf
        else {
            return Err(refused("this leaf has none"));
        };
        if !may_see(audience, &owner.id, self.roll.own()) {
            return Err(refused(
                "it is not for this member, and should not have been sent",
            ));
        }
        let salt: [u8; 32] = sent
            .salt
            .as_slice()
            .try_into()
            .map_err(|_| refused("the salt does not have 32 bytes"))?;
        if commitment(&salt, &sent.payload) != *commit {
            return Err(refused("it is not what the leaf commits to"));
        }
        let summary =
            payload::decode(&sent.payload).map_err(|error| refused(&error.to_string()))?;
        let says = (&summary.member, summary.series, summary.revision);
        if says != (&owner.id, *series, *revision) {
            return Err(refused(
                "it speaks of another member, series or revision than its leaf",
            ));
        }
        Ok(SaltedPayload {
            salt,
            payload: sent.payload,
        })
    }

    fn payload_state(
        &self,
        owner: &RollMember,
        index: u64,
        leaf: &Leaf,
        payload: Option<SaltedPayload>,
        recalled: &HashSet<u64>,
    ) -> Payload {
        let Leaf::Summary { audience, .. } = leaf else {
            return Payload::Absent;
        };
        if recalled.contains(&index) {
            return Payload::Erased;
        }
        match payload {
            Some(payload) => Payload::Here(payload),
            None if may_see(audience, &owner.id, self.roll.own()) => Payload::Wanted,
            None => Payload::Absent,
        }
    }

    /// Erases the payload of a summary its owner recalled; any other leaf has none.
    fn erase(&self, origin: &str, index: u64) -> Result<(), Refusal> {
        let entry = self.store.entry(origin, index)?;
        let is_summary =
            |entry: Entry| matches!(Leaf::parse(&entry.leaf), Ok(Leaf::Summary { .. }));
        if entry.is_some_and(is_summary) {
            self.store.erase_payload(origin, index)?;
        }
        Ok(())
    }
}

/// The leaves of a batch, read and held against their payloads.
#[derive(Clone, Debug)]
pub struct Leaves {
    from: u64,
    bytes: usize,
    leaves: Vec<ReadLeaf>,
}

/// A leaf as sent, as read, and its payload.
type ReadLeaf = (Vec<u8>, Leaf, Option<SaltedPayload>);

fn stored(head: &VerifiedCheckpoint) -> Head {
    Head {
        note: head.to_string(),
        size: head.size(),
    }
}

/// The larger of two heads that are still to be reached is the one to keep.
fn newer_pending(state: &LogState, head: &VerifiedCheckpoint) -> Option<Head> {
    let reached = state.pending.as_ref().map_or(0, |pending| pending.size);
    (head.size() > reached).then(|| stored(head))
}

/// Returns the indices that these leaves, the first of which stands at `from`, recall. A recall
/// speaks of earlier leaves of its own log only.
fn recalled(from: u64, leaves: &[ReadLeaf]) -> HashSet<u64> {
    let recalls = (from..)
        .zip(leaves)
        .filter_map(|(at, (_, leaf, _))| match leaf {
            Leaf::Recall { index, .. } if *index < at => Some(*index),
            _ => None,
        });
    recalls.collect()
}

/// Returns what a payload counts for in the bounds of a batch.
pub(super) fn payload_len(payload: &SyncPayload) -> usize {
    payload.payload.len() + payload.salt.len()
}
