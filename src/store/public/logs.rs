//! Logs: their leaves in order, the tiles over them, and the newest head that covers them.

use super::arrivals::Row;
use super::entry::{self, Entry, Payload};
use super::keys::{self, Space};
use super::{MAX_DOCUMENT, MAX_NAME, Next, PublicStore, bound};
use crate::store::StoreError;
use crate::store::codec::{Reader, Writer};
use crate::store::durable::Batch;

/// Longest tile: 256 hashes of 32 bytes.
pub const MAX_TILE: usize = 8192;

/// Longest checkpoint with its cosignatures.
const MAX_NOTE: usize = 1 << 20;

/// A checkpoint as a signed note, opaque here except for the size it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The note, cosignatures included.
    pub note: String,
    /// The tree size it speaks of.
    pub size: u64,
}

/// A log as this node holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The log's name.
    pub origin: String,
    /// Leaves stored.
    pub size: u64,
    /// What it takes to go on hashing at `size`, as the last [`Append`] gave it.
    pub frontier: Vec<u8>,
    /// The newest head whose leaves are all stored.
    pub head: Option<Head>,
    /// A verified newer head whose leaves are not all here yet.
    pub pending: Option<Head>,
    /// Whether the log equivocated; it then stays as it is.
    pub frozen: bool,
}

impl LogState {
    /// Returns the size of the head, 0 where there is none.
    pub fn head_size(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size)
    }
}

/// Leaves to append, and what the log is after them.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// The index of the first entry: the size of the log now.
    pub first_index: u64,
    /// Leaves with their payloads, in order. May be empty, to take in a head alone.
    pub entries: Vec<Entry>,
    /// Hash tiles that changed, whole or partial.
    pub tiles: Vec<Tile>,
    /// The frontier after these entries.
    pub frontier: Vec<u8>,
    /// A newer head that all stored leaves now cover; `None` keeps the one that is there.
    pub head: Option<Head>,
    /// A verified head whose leaves are still to come; `None` keeps the one that is there, which
    /// goes by itself once a head has caught up with it.
    pub pending: Option<Head>,
}

/// A row of hashes of the tree, opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its level, 0 for hashes of leaves.
    pub level: u8,
    /// Its place in that level.
    pub number: u64,
    /// Up to [`MAX_TILE`] bytes.
    pub hashes: Vec<u8>,
}

/// A leaf whose payload is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The log's name.
    pub origin: String,
    /// The leaf's index.
    pub index: u64,
}

/// A log with what only the store needs to know.
pub(super) struct Stored {
    pub(super) number: u32,
    pub(super) state: LogState,
    /// The arrival of its head, to be removed when the next head arrives; 0 for none.
    head_arrival: u64,
    is_new: bool,
}

impl PublicStore {
    /// Returns a log, or `None` where nothing of it is held.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self, origin: &str) -> Result<Option<LogState>, StoreError> {
        Ok(self.stored(origin)?.map(|stored| stored.state))
    }

    /// Returns every log, in the order they were first met, read as they are asked for.
    pub fn logs(&self) -> impl Iterator<Item = Result<LogState, StoreError>> + '_ {
        self.db.prefix(&[Space::Log as u8]).map(|row| {
            let (_, row) = row?;
            let log = decode(&row).ok_or_else(|| self.damaged("a log is not a log"))?;
            Ok(log.0)
        })
    }

    /// Appends leaves with their payloads, tiles and head, whole or not at all, and returns what
    /// the log is then.
    ///
    /// The caller has verified that the leaves belong there; the store sees to it that none is
    /// left out, overwritten, or covered by a head before it is there.
    ///
    /// # Errors
    /// When the first index is not the log's size, the head goes back or reaches beyond the
    /// leaves, the log is frozen, something is too large, or the disk refuses.
    pub fn append(&self, origin: &str, append: Append) -> Result<LogState, StoreError> {
        let mut next = self.lock();
        let mut log = self.stored_or_new(origin, &next)?;
        refuse_frozen(&log.state)?;
        if append.first_index != log.state.size {
            return Err(StoreError::OutOfOrder {
                origin: origin.to_owned(),
                size: log.state.size,
                first_index: append.first_index,
            });
        }
        bound("a frontier", append.frontier.len(), MAX_TILE)?;
        let mut batch = Batch::new();
        let mut arrivals = Vec::new();
        let number = log.number;
        for (index, entry) in (log.state.size..).zip(&append.entries) {
            batch.insert(
                keys::leaf(Space::Leaf, number, index),
                entry::encode(entry)?,
            );
            if matches!(entry.payload, Payload::Wanted) {
                batch.insert(keys::leaf(Space::Missing, number, index), Vec::new());
            }
        }
        for tile in append.tiles {
            bound("a tile", tile.hashes.len(), MAX_TILE)?;
            batch.put(keys::tile(number, tile.level, tile.number), tile.hashes);
        }
        if !append.entries.is_empty() {
            let from = log.state.size;
            log.state.size += append.entries.len() as u64;
            arrivals.push(Row::Leaves {
                log: number,
                from,
                to: log.state.size,
            });
        }
        log.state.frontier = append.frontier;
        if let Some(head) = append.head {
            self.take_head(&mut log, head, &mut batch, &next, &mut arrivals)?;
        }
        take_pending(&mut log.state, append.pending)?;
        self.put_log(&mut next, log, batch, &arrivals)
    }

    /// Replaces a log's head by a newer one, or by the same with more cosignatures; returns
    /// whether that changed anything.
    ///
    /// # Errors
    /// When the log is not there or is frozen, the head goes back or reaches beyond the leaves, or
    /// the disk refuses.
    pub fn set_head(&self, origin: &str, head: Head) -> Result<bool, StoreError> {
        self.update_head(origin, |_| Some(head))
    }

    /// Replaces a log's head by what `merge` makes of the log as it is, with no other writer in
    /// between; `None` leaves it. Returns whether that changed anything.
    ///
    /// # Errors
    /// As [`PublicStore::set_head`].
    pub fn update_head(
        &self,
        origin: &str,
        merge: impl FnOnce(&LogState) -> Option<Head>,
    ) -> Result<bool, StoreError> {
        let mut next = self.lock();
        let mut log = self.stored(origin)?.ok_or_else(|| no_log(origin))?;
        refuse_frozen(&log.state)?;
        let Some(head) = merge(&log.state).filter(|head| log.state.head.as_ref() != Some(head))
        else {
            return Ok(false);
        };
        let (mut batch, mut arrivals) = (Batch::new(), Vec::new());
        self.take_head(&mut log, head, &mut batch, &next, &mut arrivals)?;
        self.put_log(&mut next, log, batch, &arrivals)?;
        Ok(true)
    }

    /// Keeps a verified head whose leaves are still to come.
    ///
    /// # Errors
    /// When the log is frozen, the note is too long, or the disk refuses.
    pub fn set_pending(&self, origin: &str, pending: Head) -> Result<(), StoreError> {
        let mut next = self.lock();
        let mut log = self.stored_or_new(origin, &next)?;
        refuse_frozen(&log.state)?;
        take_pending(&mut log.state, Some(pending))?;
        self.put_log(&mut next, log, Batch::new(), &[])?;
        Ok(())
    }

    /// Stops a log for good, with the proof that its owner signed two histories; returns whether
    /// it was not frozen before. The first evidence is the one that is kept.
    ///
    /// # Errors
    /// When the evidence is too large or the disk refuses.
    pub fn freeze(&self, origin: &str, evidence: &[u8]) -> Result<bool, StoreError> {
        bound("evidence", evidence.len(), MAX_DOCUMENT)?;
        let mut next = self.lock();
        let mut log = self.stored_or_new(origin, &next)?;
        if log.state.frozen {
            return Ok(false);
        }
        log.state.frozen = true;
        let mut batch = Batch::new();
        batch.put(keys::log(Space::Frozen, log.number), evidence.to_vec());
        let arrival = Row::Frozen { log: log.number };
        self.put_log(&mut next, log, batch, &[arrival])?;
        Ok(true)
    }

    /// Takes a log back to its first `size` leaves, of which this is the frontier, so that the rest
    /// is fetched again. What was signed beyond them is remembered as still to come.
    ///
    /// # Errors
    /// When there is no such log, it is frozen, or the disk refuses.
    pub fn cut(&self, origin: &str, size: u64, frontier: Vec<u8>) -> Result<(), StoreError> {
        let mut next = self.lock();
        let mut log = self.stored(origin)?.ok_or_else(|| no_log(origin))?;
        refuse_frozen(&log.state)?;
        let (number, before) = (log.number, log.state.size);
        log.state.size = size.min(before);
        log.state.frontier = frontier;
        if let Some(head) = log.state.head.take_if(|head| head.size > size) {
            let reached = log.state.pending.as_ref().map_or(0, |pending| pending.size);
            if head.size > reached {
                log.state.pending = Some(head);
            }
            // Its arrival stays until the next head's: the newest arrival never goes back.
        }
        self.put_log(&mut next, log, Batch::new(), &[])?;
        // From here on they do not count; what a crash leaves of them is overwritten.
        let mut batch = Batch::new();
        for index in size..before {
            batch.remove(keys::leaf(Space::Leaf, number, index));
            batch.remove(keys::leaf(Space::Missing, number, index));
            if batch.len() >= 1_000 {
                self.db.write(std::mem::take(&mut batch))?;
            }
        }
        self.db.write(batch)
    }

    /// Returns the evidence a log was frozen with, or `None` where it is not frozen.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn frozen(&self, origin: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.stored(origin)? {
            Some(log) => self.db.get(&keys::log(Space::Frozen, log.number)),
            None => Ok(None),
        }
    }

    /// Returns a hash tile.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tile(
        &self,
        origin: &str,
        level: u8,
        number: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.log_number(origin)? {
            Some(log) => self.db.get(&keys::tile(log, level, number)),
            None => Ok(None),
        }
    }

    pub(super) fn log_number(&self, origin: &str) -> Result<Option<u32>, StoreError> {
        let Some(row) = self.db.get(&keys::named(Space::LogName, origin))? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&row);
        let number = reader.u32().and_then(|number| reader.end(number));
        number
            .map(Some)
            .ok_or_else(|| self.damaged("a log number is not one"))
    }

    pub(super) fn origin_of(&self, number: u32) -> Result<String, StoreError> {
        let row = self.db.get(&keys::log(Space::Log, number))?;
        let log = row
            .and_then(|row| decode(&row))
            .ok_or_else(|| self.damaged("a log is missing"))?;
        Ok(log.0.origin)
    }

    pub(super) fn stored(&self, origin: &str) -> Result<Option<Stored>, StoreError> {
        let Some(number) = self.log_number(origin)? else {
            return Ok(None);
        };
        let row = self.db.get(&keys::log(Space::Log, number))?;
        let (state, head_arrival) = row
            .and_then(|row| decode(&row))
            .ok_or_else(|| self.damaged("a log is missing"))?;
        Ok(Some(Stored {
            number,
            state,
            head_arrival,
            is_new: false,
        }))
    }

    fn stored_or_new(&self, origin: &str, next: &Next) -> Result<Stored, StoreError> {
        if let Some(log) = self.stored(origin)? {
            return Ok(log);
        }
        bound("a log's name", origin.len(), MAX_NAME)?;
        let state = LogState {
            origin: origin.to_owned(),
            ..LogState::default()
        };
        Ok(Stored {
            number: next.log,
            state,
            head_arrival: 0,
            is_new: true,
        })
    }

    /// Puts a head in place and has it arrive, instead of the one before.
    fn take_head(
        &self,
        log: &mut Stored,
        head: Head,
        batch: &mut Batch,
        next: &Next,
        arrivals: &mut Vec<Row>,
    ) -> Result<(), StoreError> {
        bound("a checkpoint", head.note.len(), MAX_NOTE)?;
        let state = &mut log.state;
        if head.size < state.head_size() || head.size > state.size {
            return Err(StoreError::HeadMisfit {
                origin: state.origin.clone(),
                size: state.size,
                head_size: state.head_size(),
                given: head.size,
            });
        }
        if state.head.as_ref() == Some(&head) {
            return Ok(());
        }
        if state
            .pending
            .as_ref()
            .is_some_and(|pending| pending.size <= head.size)
        {
            state.pending = None;
        }
        state.head = Some(head);
        if log.head_arrival > 0 {
            batch.remove(keys::number(Space::Arrival, log.head_arrival));
        }
        log.head_arrival = next.arrival + arrivals.len() as u64;
        arrivals.push(Row::Head { log: log.number });
        Ok(())
    }

    fn put_log(
        &self,
        next: &mut Next,
        log: Stored,
        mut batch: Batch,
        arrivals: &[Row],
    ) -> Result<LogState, StoreError> {
        batch.put(keys::log(Space::Log, log.number), encode(&log));
        if log.is_new {
            let number = Writer::with_capacity(4).u32(log.number).finish();
            batch.insert(keys::named(Space::LogName, &log.state.origin), number);
        }
        self.arrive(next, batch, arrivals)?;
        if log.is_new {
            next.log += 1;
        }
        Ok(log.state)
    }
}

fn take_pending(state: &mut LogState, pending: Option<Head>) -> Result<(), StoreError> {
    // One that the head has caught up with says nothing new.
    if let Some(pending) = pending.filter(|pending| pending.size > state.head_size()) {
        bound("a checkpoint", pending.note.len(), MAX_NOTE)?;
        state.pending = Some(pending);
    }
    Ok(())
}

fn refuse_frozen(state: &LogState) -> Result<(), StoreError> {
    if state.frozen {
        return Err(StoreError::Frozen {
            origin: state.origin.clone(),
        });
    }
    Ok(())
}

fn no_log(origin: &str) -> StoreError {
    StoreError::NoLeaf {
        origin: origin.to_owned(),
        index: 0,
    }
}

fn encode(log: &Stored) -> Vec<u8> {
    let state = &log.state;
    let to = Writer::default()
        .bytes(state.origin.as_bytes())
        .u64(state.size)
        .bytes(&state.frontier)
        .u64(log.head_arrival)
        .u8(u8::from(state.frozen));
    let to = encode_head(to, state.head.as_ref());
    encode_head(to, state.pending.as_ref()).finish()
}

fn encode_head(to: Writer, head: Option<&Head>) -> Writer {
    match head {
        None => to.u8(0),
        Some(head) => to.u8(1).u64(head.size).bytes(head.note.as_bytes()),
    }
}

fn decode(bytes: &[u8]) -> Option<(LogState, u64)> {
    let mut from = Reader::new(bytes);
    let origin = from.text()?;
    let size = from.u64()?;
    let frontier = from.bytes()?.to_vec();
    let head_arrival = from.u64()?;
    let frozen = from.u8()? == 1;
    let head = decode_head(&mut from)?;
    let pending = decode_head(&mut from)?;
    from.end((
        LogState {
            origin,
            size,
            frontier,
            head,
            pending,
            frozen,
        },
        head_arrival,
    ))
}

fn decode_head(from: &mut Reader<'_>) -> Option<Option<Head>> {
    match from.u8()? {
        0 => Some(None),
        1 => {
            let size = from.u64()?;
            Some(Some(Head {
                note: from.text()?,
                size,
            }))
        }
        _ => None,
    }
}
