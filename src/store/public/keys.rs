//! The keys of the public plane: a space byte, then names or big-endian numbers.

use sha2::{Digest, Sha256};

use crate::store::StoreError;
use crate::store::codec::Writer;
use crate::store::durable::Durable;

/// First byte of a key: what kind of row it leads to. Written to disk, so never renumbered.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Space {
    /// Name → small setting.
    Meta = 1,
    /// Origin → log number.
    LogName = 2,
    /// Log number → state.
    Log = 3,
    /// Log number, index → leaf, salt, payload.
    Leaf = 4,
    /// Log number, level, tile number → hashes.
    Tile = 5,
    /// Log number, index → nothing: the payload is wanted.
    Missing = 6,
    /// Arrival → change.
    Arrival = 7,
    /// Peer → store id, arrival.
    Cursor = 8,
    /// Version → charter.
    Charter = 9,
    /// Version, SHA-256 → charter.
    Conflict = 10,
    /// Log number → evidence.
    Frozen = 11,
}

pub(super) fn named(space: Space, name: &str) -> Vec<u8> {
    Writer::with_capacity(1 + name.len())
        .u8(space as u8)
        .raw(name.as_bytes())
        .finish()
}

pub(super) fn number(space: Space, number: u64) -> Vec<u8> {
    Writer::with_capacity(9)
        .u8(space as u8)
        .u64(number)
        .finish()
}

pub(super) fn log(space: Space, log: u32) -> Vec<u8> {
    number(space, u64::from(log))
}

pub(super) fn leaf(space: Space, log: u32, index: u64) -> Vec<u8> {
    Writer::with_capacity(13)
        .u8(space as u8)
        .u32(log)
        .u64(index)
        .finish()
}

pub(super) fn tile(log: u32, level: u8, number: u64) -> Vec<u8> {
    Writer::with_capacity(14)
        .u8(Space::Tile as u8)
        .u32(log)
        .u8(level)
        .u64(number)
        .finish()
}

pub(super) fn conflict(version: u64, document: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(document);
    Writer::with_capacity(41)
        .u8(Space::Conflict as u8)
        .u64(version)
        .raw(&digest)
        .finish()
}

/// Reads the number after the space byte.
pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)
}

/// Returns the highest number in a space keyed by numbers.
pub(super) fn last_number(db: &Durable, space: Space) -> Result<Option<u64>, StoreError> {
    let Some(row) = db.prefix(&[space as u8]).next_back() else {
        return Ok(None);
    };
    let (key, _) = row?;
    number_of(&key)
        .map(Some)
        .ok_or_else(|| StoreError::damaged(db.path(), "a key is not a key"))
}
