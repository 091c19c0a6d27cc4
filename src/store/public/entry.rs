//! Leaves with their payloads: one packed value each, read one at a time.

use std::ops::Range;

use super::arrivals::Row;
use super::keys::{self, Space};
use super::logs::Missing;
use super::{PublicStore, bound};
use crate::store::StoreError;
use crate::store::codec::{Reader, Writer};
use crate::store::durable::{Batch, Rows};

/// Longest leaf; a log's own bound is far lower.
const MAX_LEAF: usize = 64 << 10;

/// Longest payload.
const MAX_PAYLOAD: usize = 8 << 20;

/// A leaf and what is held of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the tree hashes.
    pub leaf: Vec<u8>,
    /// What travels beside it.
    pub payload: Payload,
}

/// What is held of a leaf's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// None, and none is looked for: the leaf has none, or it is not for us.
    Absent,
    /// It exists and is for us, but is not here yet.
    Wanted,
    /// It was here and was recalled.
    Erased,
    /// It is here.
    Here(SaltedPayload),
}

/// The bytes a leaf commits to, with the salt of the commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaltedPayload {
    /// Fresh for each payload.
    pub salt: [u8; 32],
    /// The exact bytes.
    pub payload: Vec<u8>,
}

const ABSENT: u8 = 0;
const WANTED: u8 = 1;
const ERASED: u8 = 2;
const HERE: u8 = 3;

impl PublicStore {
    /// Returns a leaf with its payload, or `None` where the log does not reach.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entry(&self, origin: &str, index: u64) -> Result<Option<Entry>, StoreError> {
        let Some(log) = self.log_number(origin)? else {
            return Ok(None);
        };
        let row = self.db.get(&keys::leaf(Space::Leaf, log, index))?;
        row.map(|row| self.read_entry(row)).transpose()
    }

    /// Returns the leaves of a range with their indexes, in order, read as they are asked for; it
    /// ends where the log ends.
    ///
    /// # Errors
    /// When the log cannot be read; each leaf can fail by itself too, and a gap is a failure.
    pub fn entries(&self, origin: &str, range: Range<u64>) -> Result<Entries<'_>, StoreError> {
        let (log, size) = match self.stored(origin)? {
            Some(stored) => (stored.number, stored.state.size),
            None => (0, 0),
        };
        let next = range.start;
        let end = range.end.min(size);
        let rows = self.db.range(
            &keys::leaf(Space::Leaf, log, next),
            &keys::leaf(Space::Leaf, log, end.max(next)),
        );
        Ok(Entries {
            store: self,
            rows,
            next,
            end,
        })
    }

    /// Stores a payload that came after its leaf; returns whether it was not there before. The
    /// caller has checked it against the leaf's commitment.
    ///
    /// # Errors
    /// When there is no such leaf, the payload was erased or is too large, or the disk refuses.
    pub fn put_payload(
        &self,
        origin: &str,
        index: u64,
        payload: SaltedPayload,
    ) -> Result<bool, StoreError> {
        let mut next = self.lock();
        let (log, entry) = self.existing(origin, index)?;
        match entry.payload {
            Payload::Erased => {
                return Err(StoreError::Erased {
                    origin: origin.to_owned(),
                    index,
                });
            }
            Payload::Here(held) if held == payload => return Ok(false),
            _ => {}
        }
        let entry = Entry {
            leaf: entry.leaf,
            payload: Payload::Here(payload),
        };
        let mut batch = Batch::new();
        batch.put(keys::leaf(Space::Leaf, log, index), encode(&entry)?);
        batch.remove(keys::leaf(Space::Missing, log, index));
        self.arrive(&mut next, batch, &[Row::Payload { log, index }])?;
        Ok(true)
    }

    /// Removes a payload and its salt for good; later offers of it are refused. It is out of reach
    /// at once, and in no file any more once the store has been opened again, which writes the
    /// database anew. Returns whether there was anything to remove.
    ///
    /// # Errors
    /// When there is no such leaf or the disk refuses.
    pub fn erase_payload(&self, origin: &str, index: u64) -> Result<bool, StoreError> {
        let erased = self.drop_payload(origin, index, Payload::Erased)?;
        if erased {
            self.db.request_rewrite()?;
        }
        Ok(erased)
    }

    /// Puts a payload on the list of those wanted, dropping what is held of it: it turned out to
    /// be for us, or what was stored does not match its leaf. Returns whether it was not there yet.
    ///
    /// # Errors
    /// When there is no such leaf, the payload was erased, or the disk refuses.
    pub fn want_payload(&self, origin: &str, index: u64) -> Result<bool, StoreError> {
        self.drop_payload(origin, index, Payload::Wanted)
    }

    /// Returns the leaves whose payload is wanted, by log and index, read as they are asked for.
    pub fn missing_payloads(&self) -> impl Iterator<Item = Result<Missing, StoreError>> + '_ {
        let mut current: Option<(u32, String)> = None;
        self.db.prefix(&[Space::Missing as u8]).map(move |row| {
            let (key, _) = row?;
            let mut reader = Reader::new(&key[1..]);
            let (log, index) = reader
                .u32()
                .zip(reader.u64())
                .ok_or_else(|| self.damaged("a key is not a key"))?;
            let origin = match &current {
                Some((number, origin)) if *number == log => origin.clone(),
                _ => self.origin_of(log)?,
            };
            current = Some((log, origin.clone()));
            Ok(Missing { origin, index })
        })
    }

    fn drop_payload(&self, origin: &str, index: u64, to: Payload) -> Result<bool, StoreError> {
        let _one_writer = self.lock();
        let (log, entry) = self.existing(origin, index)?;
        if entry.payload == to {
            return Ok(false);
        }
        if entry.payload == Payload::Erased {
            return Err(StoreError::Erased {
                origin: origin.to_owned(),
                index,
            });
        }
        let mut batch = Batch::new();
        let missing = keys::leaf(Space::Missing, log, index);
        if to == Payload::Wanted {
            batch.put(missing, Vec::new());
        } else {
            batch.remove(missing);
        }
        let entry = Entry {
            leaf: entry.leaf,
            payload: to,
        };
        batch.put(keys::leaf(Space::Leaf, log, index), encode(&entry)?);
        self.db.write(batch)?;
        Ok(true)
    }

    fn existing(&self, origin: &str, index: u64) -> Result<(u32, Entry), StoreError> {
        let none = || StoreError::NoLeaf {
            origin: origin.to_owned(),
            index,
        };
        let log = self.log_number(origin)?.ok_or_else(none)?;
        let row = self
            .db
            .get(&keys::leaf(Space::Leaf, log, index))?
            .ok_or_else(none)?;
        Ok((log, self.read_entry(row)?))
    }

    fn read_entry(&self, row: Vec<u8>) -> Result<Entry, StoreError> {
        decode(row).ok_or_else(|| self.damaged("a leaf is not a leaf"))
    }
}

/// The leaves of a range with their indexes; ends after the first error.
#[derive(Debug)]
pub struct Entries<'a> {
    store: &'a PublicStore,
    rows: Rows<'a>,
    next: u64,
    end: u64,
}

impl Iterator for Entries<'_> {
    type Item = Result<(u64, Entry), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        let entry = match self.rows.next() {
            Some(Ok((key, row))) if key[5..] == index.to_be_bytes() => self.store.read_entry(row),
            Some(Err(error)) => Err(error),
            _ => Err(self.store.damaged(&format!("leaf {index} is missing"))),
        };
        self.next = if entry.is_ok() { index + 1 } else { self.end };
        Some(entry.map(|entry| (index, entry)))
    }
}

pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    bound("a leaf", entry.leaf.len(), MAX_LEAF)?;
    let to = |state: u8, payload: usize| {
        Writer::with_capacity(entry.leaf.len() + payload + 37)
            .u8(state)
            .bytes(&entry.leaf)
    };
    let row = match &entry.payload {
        Payload::Absent => to(ABSENT, 0),
        Payload::Wanted => to(WANTED, 0),
        Payload::Erased => to(ERASED, 0),
        Payload::Here(here) => {
            bound("a payload", here.payload.len(), MAX_PAYLOAD)?;
            to(HERE, here.payload.len())
                .raw(&here.salt)
                .raw(&here.payload)
        }
    };
    Ok(row.finish())
}

pub(super) fn decode(mut row: Vec<u8>) -> Option<Entry> {
    let mut from = Reader::new(&row);
    let state = from.u8()?;
    let leaf = from.bytes()?.to_vec();
    let payload = match state {
        ABSENT => from.end(Payload::Absent)?,
        WANTED => from.end(Payload::Wanted)?,
        ERASED => from.end(Payload::Erased)?,
        HERE => {
            let salt = from.array()?;
            let before = row.len() - from.rest().len();
            row.drain(..before);
            Payload::Here(SaltedPayload { salt, payload: row })
        }
        _ => return None,
    };
    Some(Entry { leaf, payload })
}
