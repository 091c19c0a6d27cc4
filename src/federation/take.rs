//! Taking what a peer sends: which frame may come when, and what each is answered with.
//!
//! Everything here blocks and works through one frame at a time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError};

use super::error::{Refusal, SyncError};
use super::frames::{self, MOST_FETCHES, frame};
use super::give;
use super::ingest::{Ingest, Leaves, Offered};
use super::node::{Federation, News};
use super::roll::{CharterOutcome, Roll};
use crate::log::VerifiedCheckpoint;
use crate::model::MemberId;
use crate::store::{Cursor, StoreError};
use crate::wire::sync_frame::Frame;
use crate::wire::{
    SyncAcked, SyncBatch, SyncCharter, SyncEvidence, SyncFetch, SyncFrame, SyncOffer, SyncPayloads,
};

/// Written bytes after which they are brought to the disk, so that syncing it stays rare.
const COMMIT_BYTES: usize = 8 << 20;

/// Charter versions taken in one sync.
const MOST_CHARTERS: usize = 1024;

/// Cosigned heads that go back in the same sync; any further ones wait for the next.
const MOST_RETURNS: usize = 32;

/// What one side of a sync has taken so far.
#[derive(Debug)]
pub(super) struct Taker {
    node: Arc<Federation>,
    roll: Arc<Roll>,
    peer: MemberId,
    /// Where our cursor stands, and where it will once all is taken.
    cursor: Cursor,
    /// Payloads we asked for.
    wanted: HashMap<String, HashSet<u64>>,
    /// Offered logs that reach beyond ours, with their sizes, until a fetch may be opened.
    waiting: VecDeque<(String, u64)>,
    open: HashMap<String, Fetched>,
    /// Logs of which something was refused, and that are left alone for the rest of the sync.
    refused: HashSet<String>,
    /// Logs whose head is new, or was offered again.
    seen: HashSet<String>,
    /// The peer's last arrival, once it has sent `SyncSent`.
    sent: Option<u64>,
    finished: bool,
    offers: usize,
    charters: usize,
    uncommitted: usize,
    /// Whether something is on its way to the disk that others want to hear of.
    has_news: bool,
    adopts_own: bool,
    /// New leaves.
    pub(super) received: u64,
    /// The first thing that was refused.
    pub(super) error: Option<String>,
}

/// An open fetch.
#[derive(Debug)]
struct Fetched {
    /// The leaf that comes next.
    next: u64,
    /// The head of its batches, with the note it was read from.
    head: Option<(String, VerifiedCheckpoint)>,
}

impl Fetched {
    fn take(&mut self) -> Self {
        Self {
            next: self.next,
            head: self.head.take(),
        }
    }
}

/// What a frame is answered with.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// Sent if there is room for them at once.
    pub(super) may: Vec<SyncFrame>,
    /// Sent in any case.
    pub(super) must: Vec<SyncFrame>,
    /// Whether the last of them is `SyncAcked`.
    pub(super) finished: bool,
}

/// A frame, with what takes no turn of its own already done.
#[derive(Debug)]
pub(super) enum Opened {
    /// Leaves, read and held against their payloads; or why they are refused.
    Batch(SyncBatch, Result<Leaves, Refusal>),
    /// Any other.
    Other(Frame),
}

impl Taker {
    pub(super) fn new(
        node: Arc<Federation>,
        roll: Arc<Roll>,
        peer: MemberId,
        cursor: Cursor,
        wanted: HashMap<String, HashSet<u64>>,
    ) -> Self {
        Self {
            node,
            roll,
            peer,
            cursor,
            wanted,
            waiting: VecDeque::new(),
            open: HashMap::new(),
            refused: HashSet::new(),
            seen: HashSet::new(),
            sent: None,
            finished: false,
            offers: 0,
            charters: 0,
            uncommitted: 0,
            has_news: false,
            adopts_own: false,
            received: 0,
            error: None,
        }
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// When it must not come now, or our own store fails: the sync is over.
    pub(super) fn take(&mut self, opened: Opened) -> Result<Replies, SyncError> {
        let mut replies = Replies::default();
        match opened {
            Opened::Batch(batch, leaves) => self.batch(batch, leaves, &mut replies)?,
            Opened::Other(Frame::Offer(offer)) => self.offer(&offer, &mut replies)?,
            Opened::Other(frame) if self.sent.is_some() => {
                return Err(self.breach(format!("{} after SyncSent", frames::name(&frame))));
            }
            Opened::Other(frame) => match frame {
                Frame::Charter(charter) => self.charter(&charter)?,
                Frame::Payloads(payloads) => self.payloads(payloads, &mut replies)?,
                Frame::Evidence(evidence) => self.evidence(&evidence, &mut replies)?,
                Frame::Sent(sent) => self.sent = Some(sent.arrival),
                other => {
                    return Err(self.breach(format!("{} at this point", frames::name(&other))));
                }
            },
        }
        self.open_fetches(&mut replies)?;
        if self.uncommitted >= COMMIT_BYTES {
            self.commit()?;
        }
        if self.sent.is_some() && self.open.is_empty() && !self.finished {
            self.finish(&mut replies)?;
        }
        Ok(replies)
    }

    /// Brings to the disk what was taken, and tells whoever waits for it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn commit(&mut self) -> Result<(), SyncError> {
        self.node.store.commit().map_err(ours)?;
        self.uncommitted = 0;
        if std::mem::take(&mut self.adopts_own)
            && let Some(origin) = self.roll.own_origin()
        {
            let held = self.size_of(origin.as_str())?;
            self.node.sense.adopted(held);
        }
        if std::mem::take(&mut self.has_news) {
            let from = Some(self.peer.clone());
            self.node.tell(News { from });
        }
        Ok(())
    }

    /// Returns whether something taken is not on the disk yet.
    pub(super) const fn is_dirty(&self) -> bool {
        self.uncommitted > 0
    }

    fn charter(&mut self, charter: &SyncCharter) -> Result<(), SyncError> {
        self.charters += 1;
        if self.charters > MOST_CHARTERS {
            return Err(self.breach(format!("more than {MOST_CHARTERS} charter versions")));
        }
        let note = match frames::unpack_note(&charter.note_zstd) {
            Ok(note) => note,
            Err(refusal) => return Err(self.breach(refusal.to_string())),
        };
        match self.node.charters.accept(&note) {
            CharterOutcome::Known => {}
            CharterOutcome::Next | CharterOutcome::Conflict => {
                self.roll = self.node.roll().ok_or(SyncError::NoCharter)?;
                // Keys may have changed.
                self.open
                    .values_mut()
                    .for_each(|fetched| fetched.head = None);
                self.dirty(note.len());
                self.has_news = true;
            }
            CharterOutcome::Refused(reason) => {
                let version = charter.version;
                self.note(&Refusal::Charter { version, reason });
            }
        }
        Ok(())
    }

    fn offer(&mut self, offer: &SyncOffer, replies: &mut Replies) -> Result<(), SyncError> {
        self.offers += 1;
        // Each log once, once more where it moved meanwhile, and again with cosignatures.
        if self.offers > 4 * self.roll.log_count() + 64 {
            return Err(self.breach("more offers than there are logs".to_owned()));
        }
        let origin = &offer.origin;
        if self.refused.contains(origin) {
            return Ok(());
        }
        let is_own = self.is_own(origin);
        let held = if is_own { self.size_of(origin)? } else { 0 };
        match self.ingest().offer(origin, &offer.checkpoint) {
            Err(refusal) => {
                if is_own
                    && matches!(
                        refusal,
                        Refusal::OtherLeaves { .. } | Refusal::Equivocation { .. }
                    )
                {
                    self.node.sense.doubt(format!("own log: {refusal}"));
                }
                return self.refuse(origin, refusal, replies);
            }
            Ok(Offered::Frozen) => return Ok(()),
            Ok(Offered::Merged) => {
                self.dirty(offer.checkpoint.len());
                self.seen.insert(origin.clone());
            }
            Ok(Offered::Known) => {
                self.seen.insert(origin.clone());
            }
            // After the end, it can wait for the next sync.
            Ok(Offered::Beyond) if self.finished => {}
            Ok(Offered::Beyond) => self.wait_for(offer)?,
        }
        if is_own {
            let size = self.ingest().head(origin, &offer.checkpoint);
            let size = size.map_or(0, |head| head.size());
            self.node.sense.shown(&self.peer, size, held);
        }
        Ok(())
    }

    fn wait_for(&mut self, offer: &SyncOffer) -> Result<(), SyncError> {
        self.dirty(offer.checkpoint.len());
        let head = self.ingest().head(&offer.origin, &offer.checkpoint)?;
        let size = head.size();
        if self.open.contains_key(&offer.origin) {
            return Ok(());
        }
        match self
            .waiting
            .iter_mut()
            .find(|(origin, _)| *origin == offer.origin)
        {
            Some((_, waiting)) => *waiting = size.max(*waiting),
            None => self.waiting.push_back((offer.origin.clone(), size)),
        }
        Ok(())
    }

    fn open_fetches(&mut self, replies: &mut Replies) -> Result<(), SyncError> {
        while self.open.len() < MOST_FETCHES
            && let Some((origin, size)) = self.waiting.pop_front()
        {
            // Another peer may have been faster.
            let from = self.size_of(&origin)?;
            if from >= size || self.refused.contains(&origin) {
                self.seen.insert(origin);
                continue;
            }
            let fetch = SyncFetch {
                origin: origin.clone(),
                from,
            };
            replies.must.push(frame(Frame::Fetch(fetch)));
            let (next, head) = (from, None);
            self.open.insert(origin, Fetched { next, head });
        }
        Ok(())
    }

    fn batch(
        &mut self,
        mut batch: SyncBatch,
        leaves: Result<Leaves, Refusal>,
        replies: &mut Replies,
    ) -> Result<(), SyncError> {
        if self.refused.contains(&batch.origin) {
            return Ok(());
        }
        let origin = std::mem::take(&mut batch.origin);
        let Some(fetched) = self.open.get_mut(&origin).map(Fetched::take) else {
            return Err(self.breach("leaves of a log that was not asked for".to_owned()));
        };
        batch.origin.clone_from(&origin);
        match self.append(fetched, batch, leaves) {
            Err(refusal) => self.refuse(&origin, refusal, replies),
            Ok(Some(unfinished)) => {
                self.open.insert(origin, unfinished);
                Ok(())
            }
            Ok(None) => {
                self.open.remove(&origin);
                self.adopts_own |= self.is_own(&origin);
                self.seen.insert(origin);
                Ok(())
            }
        }
    }

    /// Appends a batch; returns the fetch where it goes on.
    fn append(
        &mut self,
        mut fetched: Fetched,
        batch: SyncBatch,
        leaves: Result<Leaves, Refusal>,
    ) -> Result<Option<Fetched>, Refusal> {
        let owner = self.ingest().owner(&batch.origin)?;
        if batch.from != fetched.next {
            return Err(Refusal::OutOfOrder {
                member: owner.id.clone(),
                expected: fetched.next,
                found: batch.from,
            });
        }
        let head = match fetched.head.take() {
            Some((note, head)) if note == batch.checkpoint => head,
            _ => self.ingest().head(&batch.origin, &batch.checkpoint)?,
        };
        let leaves = leaves?;
        fetched.next = batch.from.saturating_add(batch.count.into());
        let taken = {
            // Two peers may bring one log at the same time.
            let _one_writer = self.node.one_writer.lock();
            let _one_writer = _one_writer.unwrap_or_else(PoisonError::into_inner);
            self.ingest().append(leaves, &head, &batch.consistency)?
        };
        self.received += taken.leaves;
        self.dirty(taken.bytes);
        self.has_news |= taken.leaves > 0;
        fetched.head = Some((batch.checkpoint, head));
        Ok((!taken.complete).then_some(fetched))
    }

    fn payloads(&mut self, payloads: SyncPayloads, replies: &mut Replies) -> Result<(), SyncError> {
        let origin = payloads.origin;
        if payloads.payloads.is_empty() {
            return Err(self.breach("SyncPayloads with nothing in it".to_owned()));
        }
        for payload in payloads.payloads {
            let wanted = self.wanted.get_mut(&origin);
            if !wanted.is_some_and(|wanted| wanted.remove(&payload.index)) {
                return Err(self.breach("a payload that was not asked for".to_owned()));
            }
            let bytes = payload.payload.len();
            match self.ingest().late_payload(&origin, payload) {
                Ok(true) => {
                    self.dirty(bytes);
                    self.has_news = true;
                }
                Ok(false) => {}
                Err(refusal) => self.refuse(&origin, refusal, replies)?,
            }
        }
        Ok(())
    }

    fn evidence(
        &mut self,
        evidence: &SyncEvidence,
        replies: &mut Replies,
    ) -> Result<(), SyncError> {
        self.offers += 1;
        if self.offers > 4 * self.roll.log_count() + 64 {
            return Err(self.breach("more proofs than there are logs".to_owned()));
        }
        match self.ingest().evidence(evidence) {
            Ok(true) => {
                tracing::warn!(peer = %self.peer, origin = evidence.origin, "log frozen on proof");
                if self.is_own(&evidence.origin) {
                    let reason = "own log: a peer proved that it signed two histories";
                    self.node.sense.doubt(reason.to_owned());
                }
                self.dirty(1);
                self.has_news = true;
            }
            Ok(false) => {}
            Err(refusal) => self.refuse(&evidence.origin, refusal, replies)?,
        }
        Ok(())
    }

    /// All that was offered is taken: cosigns, moves the cursor, brings it to the disk, and says so.
    fn finish(&mut self, replies: &mut Replies) -> Result<(), SyncError> {
        self.finished = true;
        let arrival = self.sent.unwrap_or_default();
        let cosigned = self.cosign()?;
        // What was refused is to be offered again.
        // Less than before, where the peer's store fell back: what comes in its place is then asked for.
        if self.error.is_none() && arrival != self.cursor.arrival {
            self.cursor.arrival = arrival;
            let store = &self.node.store;
            store
                .set_cursor(self.peer.as_str(), self.cursor)
                .map_err(ours)?;
            self.dirty(1);
        }
        // Even with nothing new: a sync that broke may have left something behind.
        self.commit()?;
        if self.error.is_none() && self.node.sense.awaits_peers().is_some() {
            let own = self.roll.own_origin();
            let held = own.map_or(Ok(0), |own| self.size_of(own.as_str()))?;
            self.node.sense.level_with(&self.peer, held, &self.roll);
        }
        for origin in cosigned.iter().take(MOST_RETURNS) {
            replies
                .may
                .extend(give::offer(&self.node.store, origin).map_err(ours)?);
        }
        replies
            .must
            .push(frame(Frame::Acked(SyncAcked { arrival })));
        replies.finished = true;
        Ok(())
    }

    /// Cosigns the heads that the peer has shown; returns the logs that were.
    fn cosign(&mut self) -> Result<Vec<String>, SyncError> {
        let mut cosigned = Vec::new();
        let seen = std::mem::take(&mut self.seen);
        let Some(witness) = &self.node.witness else {
            return Ok(cosigned);
        };
        let now = (self.node.clock)();
        for origin in seen {
            let owner = self.roll.owner_of(&origin);
            if owner.is_some_and(|owner| !self.node.sense.may_cosign(&owner.id, &self.roll)) {
                continue;
            }
            if witness
                .cosign(&self.node.store, &self.roll, &origin, now)
                .map_err(ours)?
            {
                cosigned.push(origin);
            }
        }
        self.uncommitted += cosigned.len();
        Ok(cosigned)
    }

    /// Leaves a log alone for the rest of the sync, and says why; our own failures end it.
    fn refuse(
        &mut self,
        origin: &str,
        refusal: Refusal,
        replies: &mut Replies,
    ) -> Result<(), SyncError> {
        if refusal.is_ours() {
            return Err(refusal.into());
        }
        if matches!(refusal, Refusal::Equivocation { .. }) {
            self.dirty(1);
            self.has_news = true;
        }
        self.note(&refusal);
        // Only known logs, so that nobody fills our memory with names.
        if self.roll.owner_of(origin).is_some() {
            self.refused.insert(origin.to_owned());
        }
        let said = frames::refused(origin, &refusal.to_string(), false);
        // One that ends a fetch must be heard, or its leaves go on coming.
        match self.open.remove(origin) {
            Some(_) => replies.must.push(said),
            None => replies.may.push(said),
        }
        Ok(())
    }

    fn note(&mut self, refusal: &Refusal) {
        tracing::warn!(peer = %self.peer, error = %refusal, "refused");
        self.error.get_or_insert_with(|| refusal.to_string());
    }

    fn ingest(&self) -> Ingest<'_> {
        Ingest {
            store: &self.node.store,
            roll: &self.roll,
        }
    }

    fn is_own(&self, origin: &str) -> bool {
        let own = self.roll.own_origin();
        own.is_some_and(|own| own.as_str() == origin)
    }

    fn size_of(&self, origin: &str) -> Result<u64, SyncError> {
        let log = self.node.store.log(origin).map_err(ours)?;
        Ok(log.map_or(0, |log| log.size))
    }

    const fn dirty(&mut self, bytes: usize) {
        self.uncommitted = self.uncommitted.saturating_add(bytes);
    }

    fn breach(&self, problem: String) -> SyncError {
        let member = self.peer.clone();
        SyncError::Protocol { member, problem }
    }
}

fn ours(error: StoreError) -> SyncError {
    SyncError::Ours(error.into())
}
