//! What is written at once, and how one value lies in the engine: with a checksum, in pieces.
//!
//! A value of up to [`PIECE`] bytes is one row: `0`, the checksum, the value. A longer one is a
//! head row (`1`, the checksum over the whole, the length) and its pieces under
//! `0xFF ‖ key ‖ number`.
//!
//! Why pieces: sled keeps up to 20 rows on a page, and a page over a quarter of a segment
//! (128 KiB) goes to a file of its own under `blobs/`, which nobody ever syncs. Why a checksum:
//! a flipped byte in a page can come back from the engine as if nothing had happened.

use std::collections::BTreeMap;

use crate::store::codec::{Reader, Writer};

/// The longest row value, small enough that 20 of them stay well below 128 KiB.
pub(super) const PIECE: usize = 4096;

/// The longest value of all.
pub const MAX_VALUE: usize = 16 << 20;

/// First byte of the keys of pieces; no other key may begin with it.
pub(super) const PIECES: u8 = 0xFF;

const WHOLE: u8 = 0;
const PIECED: u8 = 1;
const CHECKSUM: usize = 4;

/// Writes that happen together or not at all. For one key, the last one counts.
#[derive(Default)]
pub struct Batch {
    pub(super) writes: BTreeMap<Vec<u8>, Write>,
    bytes: usize,
}

/// One write.
pub(super) enum Write {
    /// The key is known to be absent, so nothing has to be looked up.
    Insert(Vec<u8>),
    Put(Vec<u8>),
    Remove,
}

impl Batch {
    /// Starts an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a value under a key that holds none. Faster than [`Batch::put`], and leaves garbage
    /// behind (nothing worse) if the key did hold a long value.
    pub fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Write::Insert(value));
    }

    /// Stores a value under a key, whatever was there.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Write::Put(value));
    }

    /// Removes a key; one that is absent stays absent.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.write(key, Write::Remove);
    }

    /// Returns whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Returns how many keys would be written.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Returns about how many bytes would be written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn write(&mut self, key: Vec<u8>, write: Write) {
        debug_assert!(
            key.first().is_some_and(|first| *first != PIECES),
            "a key of our own"
        );
        let value = match &write {
            Write::Insert(value) | Write::Put(value) => value.len(),
            Write::Remove => 0,
        };
        self.bytes += key.len() + value + 32;
        self.writes.insert(key, write);
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("writes", &self.writes.len())
            .field("bytes", &self.bytes)
            .finish()
    }
}

/// What a row says about its value.
pub(super) enum Frame<'a> {
    /// The value is here, and its checksum holds.
    Whole(&'a [u8]),
    /// The value lies in pieces.
    Pieced {
        /// Its checksum, to be held against the whole.
        checksum: [u8; CHECKSUM],
        /// Its length.
        length: usize,
    },
}

impl Frame<'_> {
    /// Returns how many pieces there are beside the row.
    pub(super) fn pieces(&self) -> u32 {
        match self {
            Self::Whole(_) => 0,
            // At most MAX_VALUE / PIECE, which `parse` checked.
            Self::Pieced { length, .. } => u32::try_from(length.div_ceil(PIECE)).unwrap_or(0),
        }
    }
}

/// Reads a row; `None` when it is not what was written under this key.
pub(super) fn parse<'a>(key: &[u8], row: &'a [u8]) -> Option<Frame<'a>> {
    let mut reader = Reader::new(row);
    let kind = reader.u8()?;
    let stored = reader.array::<CHECKSUM>()?;
    match kind {
        WHOLE => (checksum(key, reader.rest()) == stored).then_some(Frame::Whole(reader.rest())),
        PIECED => {
            let length = usize::try_from(reader.u32()?)
                .ok()
                .filter(|length| *length <= MAX_VALUE)?;
            reader.end(Frame::Pieced {
                checksum: stored,
                length,
            })
        }
        _ => None,
    }
}

/// Returns the rows that hold `value` under `key`, the head row first.
pub(super) fn rows(key: &[u8], value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let sum = checksum(key, value);
    if value.len() <= PIECE {
        let row = Writer::with_capacity(1 + CHECKSUM + value.len())
            .u8(WHOLE)
            .raw(&sum)
            .raw(value);
        return vec![(key.to_vec(), row.finish())];
    }
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let head = Writer::default().u8(PIECED).raw(&sum).u32(length).finish();
    let pieces = value
        .chunks(PIECE)
        .zip(0u32..)
        .map(|(piece, n)| (piece_key(key, n), piece.to_vec()));
    std::iter::once((key.to_vec(), head))
        .chain(pieces)
        .collect()
}

/// Returns where piece `n` of the value under `key` lies.
pub(super) fn piece_key(key: &[u8], n: u32) -> Vec<u8> {
    Writer::with_capacity(key.len() + 5)
        .u8(PIECES)
        .raw(key)
        .u32(n)
        .finish()
}

/// Returns the CRC-32 of key and value: enough against chance, not against intent, which
/// signatures and seals answer for.
pub(super) fn checksum(key: &[u8], value: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&(key.len() as u64).to_be_bytes());
    sum.update(key);
    sum.update(value);
    sum.finalize().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_under_another_key_is_refused() {
        let (_, row) = rows(b"a", b"value").remove(0);
        assert!(matches!(parse(b"a", &row), Some(Frame::Whole(b"value"))));
        assert!(parse(b"b", &row).is_none());
    }

    proptest::proptest! {
        #[test]
        fn one_changed_bit_is_noticed(value: Vec<u8>, bit: proptest::sample::Index) {
            let (key, mut row) = rows(b"key", &value).remove(0);
            let at = bit.index(row.len() * 8);
            row[at / 8] ^= 1 << (at % 8);
            assert!(!matches!(parse(&key, &row), Some(Frame::Whole(_))));
        }

        #[test]
        fn arbitrary_rows_are_read_or_refused(row: Vec<u8>) {
            if let Some(frame) = parse(b"key", &row) {
                assert!(frame.pieces() as usize <= MAX_VALUE.div_ceil(PIECE));
            }
        }
    }
}
