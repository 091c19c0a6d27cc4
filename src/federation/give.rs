//! What a peer lacks, read from the store: charters, offers, leaves, wanted payloads.
//!
//! Everything here blocks, and reads no more at once than one frame holds.

use std::collections::VecDeque;

use super::convict::stored_evidence;
use super::error::Refusal;
use super::frames::{self, LEAST_BATCH_BYTES, MOST_LEAVES, frame};
use super::ingest::{Ingest, may_see, payload_len};
use super::roll::Roll;
use super::witness::{RENEW_SECONDS, last_cosigned};
use crate::log::Leaf;
use crate::model::MemberId;
use crate::store::{Change, Entry, Head, Payload, PublicStore, Replica, StoreError};
use crate::wire::sync_frame::Frame;
use crate::wire::{
    SyncBatch, SyncCharter, SyncFrame, SyncOffer, SyncPayload, SyncPayloads, SyncSent, SyncWant,
};

/// Arrivals read at once.
const PAGE: usize = 256;

/// How often arrivals that came while offering are offered too, before that is left to the next
/// sync.
const MOST_PASSES: u32 = 16;

/// Returns the offer of a log's head, or `None` where there is none yet.
///
/// # Errors
/// When it cannot be read.
pub fn offer(store: &PublicStore, origin: &str) -> Result<Option<SyncFrame>, StoreError> {
    let head = store.log(origin)?.and_then(|log| log.head);
    Ok(head.map(|head| {
        frame(Frame::Offer(SyncOffer {
            origin: origin.to_owned(),
            checkpoint: head.note,
        }))
    }))
}

/// What is told a peer before it has asked for anything, a page of frames at a time.
#[derive(Debug)]
pub struct Tidings {
    peer: MemberId,
    /// Versions of the charter up to here are the peer's already.
    charter_version: u64,
    /// The last arrival told.
    told: u64,
    passes: u32,
    wants: VecDeque<SyncWant>,
    stage: Stage,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Charters,
    OwnHead,
    Arrivals,
    Wants,
    Over,
}

impl Tidings {
    /// Begins for a peer that holds our arrivals up to `cursor`, the charter up to
    /// `charter_version`, and lacks the payloads in `wants`.
    pub fn new(peer: MemberId, cursor: u64, charter_version: u32, wants: Vec<SyncWant>) -> Self {
        Self {
            peer,
            charter_version: charter_version.into(),
            told: cursor,
            passes: 0,
            wants: wants.into(),
            stage: Stage::Charters,
        }
    }

    /// Returns the next frames, the last of which in the end is `SyncSent`; empty once that was
    /// returned. `now` is in Unix seconds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next(
        &mut self,
        store: &PublicStore,
        roll: &Roll,
        now: u64,
    ) -> Result<Vec<SyncFrame>, Refusal> {
        loop {
            let frames = match self.stage {
                Stage::Charters => self.charters(store)?,
                Stage::OwnHead => self.own_head(store, roll, now)?,
                Stage::Arrivals => self.arrivals(store)?,
                Stage::Wants => self.wanted(store, roll)?,
                Stage::Over => return Ok(Vec::new()),
            };
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    /// The charter goes first, since it names those whose logs follow.
    fn charters(&mut self, store: &PublicStore) -> Result<Vec<SyncFrame>, StoreError> {
        self.stage = Stage::OwnHead;
        let newest = store.latest_charter()?.map_or(0, |(version, _)| version);
        let mut frames = Vec::new();
        for version in self.charter_version.saturating_add(1)..=newest {
            frames.extend(store.charter(version)?.map(|note| charter(version, &note)));
        }
        Ok(frames)
    }

    /// Our own head, where the peer's cosignature on it has grown old: it is offered again so that
    /// the peer can say that it still knows of no larger one.
    fn own_head(
        &mut self,
        store: &PublicStore,
        roll: &Roll,
        now: u64,
    ) -> Result<Vec<SyncFrame>, StoreError> {
        self.stage = Stage::Arrivals;
        let (Some(origin), Some(peer)) = (roll.own_origin(), roll.member(&self.peer)) else {
            return Ok(Vec::new());
        };
        let origin = origin.as_str();
        let Some(head) = store.log(origin)?.and_then(|log| log.head) else {
            return Ok(Vec::new());
        };
        let Ok(head) = (Ingest { store, roll }).head(origin, &head.note) else {
            return Ok(Vec::new());
        };
        let last = last_cosigned(&head, &peer.witness_key);
        // One that is missing altogether is on its way, or the peer has its reasons.
        let old = last > 0 && now >= last.saturating_add(RENEW_SECONDS);
        let offered = if old { offer(store, origin)? } else { None };
        Ok(offered.into_iter().collect())
    }

    fn arrivals(&mut self, store: &PublicStore) -> Result<Vec<SyncFrame>, StoreError> {
        let mut frames = Vec::new();
        let page = store.arrivals_after(self.told, PAGE)?;
        let Some(last) = page.last() else {
            self.stage = Stage::Wants;
            return Ok(frames);
        };
        self.told = last.number;
        if page.len() < PAGE {
            self.passes += 1;
            if self.passes >= MOST_PASSES {
                self.stage = Stage::Wants;
            }
        }
        for arrival in page {
            match arrival.change {
                // A log's newest head has the newest of its arrivals; its leaves need no word.
                Change::Head { origin } => frames.extend(offer(store, &origin)?),
                Change::Frozen { origin } => {
                    let evidence = stored_evidence(store, &origin)?;
                    frames.extend(evidence.map(|evidence| frame(Frame::Evidence(evidence))));
                }
                Change::Charter { version } if version <= self.charter_version => {
                    frames.extend(store.charter(version)?.map(|note| charter(version, &note)));
                }
                Change::Conflict { version } => {
                    let notes = store.conflicts(Some(version))?;
                    frames.extend(notes.iter().map(|(version, note)| charter(*version, note)));
                }
                Change::Charter { .. } | Change::Leaves { .. } | Change::Payload { .. } => {}
            }
        }
        Ok(frames)
    }

    fn wanted(&mut self, store: &PublicStore, roll: &Roll) -> Result<Vec<SyncFrame>, StoreError> {
        let Some(want) = self.wants.front_mut() else {
            self.stage = Stage::Over;
            let arrival = self.told;
            return Ok(vec![frame(Frame::Sent(SyncSent { arrival }))]);
        };
        let (mut payloads, mut bytes) = (Vec::new(), 0);
        // From the end, so that what is answered is cut off cheaply.
        while let Some(index) = want.indices.pop() {
            let sent = payload_for(store, roll, &want.origin, index, &self.peer)?;
            bytes += sent.as_ref().map_or(0, payload_len);
            payloads.extend(sent);
            if bytes >= LEAST_BATCH_BYTES {
                break;
            }
        }
        let origin = want.origin.clone();
        if want.indices.is_empty() {
            self.wants.pop_front();
        }
        let some = (!payloads.is_empty())
            .then(|| frame(Frame::Payloads(SyncPayloads { origin, payloads })));
        Ok(some.into_iter().collect())
    }
}

fn charter(version: u64, note: &[u8]) -> SyncFrame {
    frame(Frame::Charter(SyncCharter {
        version: u32::try_from(version).unwrap_or(u32::MAX),
        note_zstd: frames::pack_note(note),
    }))
}

/// Returns the payload of one leaf, if we hold it and `peer` may see it.
fn payload_for(
    store: &PublicStore,
    roll: &Roll,
    origin: &str,
    index: u64,
    peer: &MemberId,
) -> Result<Option<SyncPayload>, StoreError> {
    let Some(owner) = roll.owner_of(origin) else {
        return Ok(None);
    };
    let entry = store.entry(origin, index)?;
    Ok(entry.and_then(|mut entry| payload_of(index, &mut entry, &owner.id, peer)))
}

/// Takes the payload out of an entry for `peer`, if it may see it.
fn payload_of(
    index: u64,
    entry: &mut Entry,
    owner: &MemberId,
    peer: &MemberId,
) -> Option<SyncPayload> {
    if !matches!(entry.payload, Payload::Here(_)) {
        return None;
    }
    if !is_for_all(&entry.leaf) {
        let Ok(Leaf::Summary { audience, .. }) = Leaf::parse(&entry.leaf) else {
            return None;
        };
        if !may_see(&audience, owner, peer) {
            return None;
        }
    }
    match std::mem::replace(&mut entry.payload, Payload::Absent) {
        Payload::Here(here) => Some(SyncPayload {
            index,
            salt: here.salt.to_vec(),
            payload: here.payload,
        }),
        _ => None,
    }
}

/// Returns whether a stored leaf is a summary for everybody, without reading all of it: leaves
/// have one spelling, and no other line of theirs reads like this one.
fn is_for_all(leaf: &[u8]) -> bool {
    const LINE: &[u8] = b"\naudience *\n";
    leaf.windows(LINE.len()).any(|window| window == LINE)
}

/// The leaves of one log on their way to a peer, up to its head when they were asked for.
#[derive(Debug)]
pub struct Serving {
    peer: MemberId,
    owner: MemberId,
    origin: String,
    next: u64,
    head: Head,
}

impl Serving {
    /// Begins at leaf `from`.
    ///
    /// # Errors
    /// When there is nothing to serve from there.
    pub fn begin(
        store: &PublicStore,
        roll: &Roll,
        peer: &MemberId,
        origin: &str,
        from: u64,
    ) -> Result<Self, Refusal> {
        let owner = (Ingest { store, roll }).owner(origin)?;
        let head = store.log(origin)?.and_then(|log| log.head);
        let head = head.filter(|head| head.size > from).ok_or_else(|| {
            let problem = format!(
                "asks for leaf {from} of {}'s log, which was not offered",
                owner.id
            );
            Refusal::malformed("a fetch", problem)
        })?;
        Ok(Self {
            peer: peer.clone(),
            owner: owner.id.clone(),
            origin: origin.to_owned(),
            next: from,
            head,
        })
    }

    /// Returns which log it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether the head is reached.
    pub const fn is_over(&self) -> bool {
        self.next >= self.head.size
    }

    /// Returns the next batch, full at about `full` bytes, or `None` when the head is reached.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next_batch(
        &mut self,
        store: &PublicStore,
        full: usize,
    ) -> Result<Option<SyncBatch>, Refusal> {
        if self.is_over() {
            return Ok(None);
        }
        let from = self.next;
        let (mut leaves, mut payloads, mut bytes) = (Vec::new(), Vec::new(), 0);
        for entry in store.entries(&self.origin, from..self.head.size)? {
            let (index, mut entry) = entry?;
            let payload = payload_of(index, &mut entry, &self.owner, &self.peer);
            bytes += entry.leaf.len() + 2;
            bytes += payload.as_ref().map_or(0, payload_len);
            leaves.push(entry.leaf);
            payloads.extend(payload);
            if bytes >= full || leaves.len() >= MOST_LEAVES {
                break;
            }
        }
        self.next = from + leaves.len() as u64;
        let log = Replica::new(store, &self.origin);
        let consistency = log.consistency(self.next, self.head.size)?;
        Ok(Some(SyncBatch {
            origin: self.origin.clone(),
            from,
            // At most MOST_LEAVES.
            count: u32::try_from(leaves.len()).unwrap_or(u32::MAX),
            leaves_zstd: frames::pack_leaves(leaves.iter().map(Vec::as_slice)),
            payloads,
            checkpoint: self.head.note.clone(),
            consistency: frames::bytes_of(&consistency),
        }))
    }
}
