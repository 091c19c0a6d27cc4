//! The private plane: records and keys, sealed; what lies on disk reveals neither key nor value.
//!
//! A row's key on disk is a sequence number; the real key is sealed with the value. The order of
//! real keys exists only in memory, built by one pass over the rows when the plane is unlocked.

mod staging;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use zeroize::{Zeroize, Zeroizing};

use super::durable::{Batch, Durable, MAX_VALUE};
use super::sealed::Sealer;
use super::vault::{DataKey, Purpose, SubKey};
use super::{Entropy, StoreError};
use staging::Stage;

const RESCUE: &str = "move it away and restore a backup";

/// The row that binds a data key to its database, so that a wrong key is noticed even where
/// there is nothing else to open. It says too how far a large write has come.
const BINDING: u64 = 0;

/// Longest real key, space included.
const MAX_KEY: usize = 1024;

/// Longest value: what one row can carry, less its seal.
const MAX_SEALED: usize = MAX_VALUE - 4096;

/// The records of this node, opened with its data key.
pub struct PrivateStore {
    db: Durable,
    sealer: Sealer,
    entropy: Entropy,
    tie_break: SubKey,
    index: RwLock<Index>,
}

/// Where the row of each real key lies. Wiped when dropped.
#[derive(Default)]
struct Index {
    rows: BTreeMap<Box<[u8]>, u64>,
    next: u64,
    /// Whether a large write left rows behind that are to be cleared away.
    unsettled: bool,
}

/// Writes that happen together or not at all. For one key, the last one counts.
#[derive(Default)]
pub struct Changes(BTreeMap<Vec<u8>, Option<Zeroizing<Vec<u8>>>>);

impl Changes {
    /// Starts with nothing to change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a value under a key of a space.
    pub fn put(&mut self, space: u8, key: &[u8], value: Vec<u8>) {
        self.0
            .insert(real_key(space, key), Some(Zeroizing::new(value)));
    }

    /// Removes a key of a space; one that is absent stays absent.
    pub fn delete(&mut self, space: u8, key: &[u8]) {
        self.0.insert(real_key(space, key), None);
    }

    /// Returns how many keys would change.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PrivateStore {
    /// Opens the private plane in the directory `path`, or makes an empty one for this key.
    ///
    /// Reads every row once, to learn the order of the real keys.
    ///
    /// # Errors
    /// When the key is not the one it was made with, or a row is damaged: an incomplete plane
    /// would be counted as if it were complete.
    pub fn open(path: &Path, key: &DataKey, entropy: Entropy) -> Result<Self, StoreError> {
        Self::on(Durable::open(path, RESCUE)?, key, entropy)
    }

    /// Uses a database that is already open; see [`PrivateStore::open`].
    ///
    /// # Errors
    /// As [`PrivateStore::open`].
    pub fn on(db: Durable, key: &DataKey, entropy: Entropy) -> Result<Self, StoreError> {
        let sealer = Sealer::new(&key.derive(Purpose::Seal));
        let store = Self {
            db,
            sealer,
            entropy,
            tie_break: key.derive(Purpose::TieBreak),
            index: RwLock::default(),
        };
        if store.db.all().next().is_none() {
            store.set_stage(&Stage::Settled)?;
            store.commit()?;
        }
        store.settle()?;
        *store.index.write().unwrap_or_else(PoisonError::into_inner) = store.read_index()?;
        Ok(store)
    }

    /// Returns the secret by which one of two equal things is chosen, always the same one.
    pub fn tie_break(&self) -> &[u8; 32] {
        self.tie_break.as_bytes()
    }

    /// Returns the value under a key of a space.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub fn get(&self, space: u8, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let index = self.read();
        let Some(sequence) = index.rows.get(real_key(space, key).as_slice()) else {
            return Ok(None);
        };
        self.value(*sequence).map(Some)
    }

    /// Returns the keys of a space that begin with `prefix`, with their values, in the order of
    /// the keys; each is read as it is asked for.
    pub fn scan(&self, space: u8, prefix: &[u8]) -> Scan<'_> {
        let prefix = real_key(space, prefix);
        Scan {
            store: self,
            last: None,
            prefix,
        }
    }

    /// Makes changes, whole or not at all, and waits until they are on the disk.
    ///
    /// # Errors
    /// When a key or value is too large, the disk is nearly full (nothing changed), or the disk
    /// refuses (no write is ever taken again).
    pub fn apply(&self, changes: Changes) -> Result<(), StoreError> {
        self.write(changes)?;
        self.commit()
    }

    /// Makes changes, whole or not at all, however many. They can be read at once; they survive a
    /// crash only once a later [`PrivateStore::commit`] has returned.
    ///
    /// # Errors
    /// As [`PrivateStore::apply`].
    pub fn write(&self, changes: Changes) -> Result<(), StoreError> {
        for (key, value) in &changes.0 {
            check_size("a key", key.len(), MAX_KEY)?;
            check_size(
                "a value",
                value.as_ref().map_or(0, |value| value.len()),
                MAX_SEALED,
            )?;
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if index.unsettled {
            self.settle()?;
            index.unsettled = false;
        }
        if staging::is_large(&changes) {
            return self.write_staged(&mut index, &changes);
        }
        let mut next = index.next;
        let mut batch = Batch::new();
        // What the index has to learn once the batch is written.
        let mut moved = Vec::new();
        for (key, value) in &changes.0 {
            match (value, index.rows.get(key.as_slice()).copied()) {
                (None, None) => {}
                (None, Some(sequence)) => {
                    batch.remove(row_key(sequence));
                    moved.push((key, None));
                }
                (Some(value), Some(sequence)) => {
                    batch.put(row_key(sequence), self.seal(sequence, key, value)?);
                }
                (Some(value), None) => {
                    batch.insert(row_key(next), self.seal(next, key, value)?);
                    moved.push((key, Some(next)));
                    next += 1;
                }
            }
        }
        self.db.write(batch)?;
        for (key, sequence) in moved {
            index.place(key, sequence);
        }
        index.next = next;
        Ok(())
    }

    /// Waits until everything written before this call survives a power loss.
    ///
    /// # Errors
    /// When the disk refuses; then no write is ever taken again.
    pub fn commit(&self) -> Result<(), StoreError> {
        self.db.commit()
    }

    /// Has the next opening write the database anew, so that no file holds what was deleted so
    /// far: for whoever asked to be forgotten.
    ///
    /// # Errors
    /// When the request cannot be noted.
    pub fn request_rewrite(&self) -> Result<(), StoreError> {
        self.db.request_rewrite()
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.read().rows.len()
    }

    /// Returns whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns why no write is taken any more, if that is so.
    pub fn poisoned(&self) -> Option<&str> {
        self.db.poisoned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        // The index changes only after a write has succeeded, so it holds after a panic too.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn seal(&self, sequence: u64, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.sealer.seal(sequence, key, value, self.entropy)
    }

    /// Opens every row once, to learn where the row of each key lies.
    fn read_index(&self) -> Result<Index, StoreError> {
        let mut index = Index::default();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = key.try_into().map(u64::from_be_bytes);
            let sequence =
                sequence.map_err(|_| StoreError::damaged(self.db.path(), "a key is not a key"))?;
            if sequence != BINDING {
                let opened = self.sealer.open(sequence, &sealed);
                let opened = opened.ok_or_else(|| damaged_row(&self.db, sequence))?;
                index.place(opened.key(), Some(sequence));
            }
            index.next = sequence + 1;
        }
        Ok(index)
    }

    fn value(&self, sequence: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let sealed = self.db.get(&row_key(sequence))?;
        let opened = sealed.and_then(|sealed| self.sealer.open(sequence, &sealed));
        opened
            .map(|row| row.to_value())
            .ok_or_else(|| damaged_row(&self.db, sequence))
    }
}

impl std::fmt::Debug for PrivateStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateStore")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for (mut key, _) in std::mem::take(&mut self.0) {
            key.zeroize();
        }
    }
}

/// Keys with a common beginning and their values, in order; ends after the first error.
#[derive(Debug)]
pub struct Scan<'a> {
    store: &'a PrivateStore,
    /// The real key returned last; `None` before the first.
    last: Option<Box<[u8]>>,
    /// Space and prefix; empty once the scan is over.
    prefix: Vec<u8>,
}

impl Iterator for Scan<'_> {
    type Item = Result<(Vec<u8>, Zeroizing<Vec<u8>>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.prefix.is_empty() {
            return None;
        }
        let index = self.store.read();
        let start = match &self.last {
            None => Bound::Included(self.prefix.as_slice()),
            Some(last) => Bound::Excluded(&**last),
        };
        let row = index
            .rows
            .range::<[u8], _>((start, Bound::Unbounded))
            .next();
        let Some((key, sequence)) = row.filter(|(key, _)| key.starts_with(&self.prefix)) else {
            self.prefix.clear();
            return None;
        };
        self.last = Some(key.clone());
        let value = self.store.value(*sequence);
        if value.is_err() {
            self.prefix.clear();
        }
        Some(value.map(|value| (key[1..].to_vec(), value)))
    }
}

impl Index {
    /// Takes in where the row of a key lies now; `None` for nowhere.
    fn place(&mut self, key: &[u8], sequence: Option<u64>) {
        match sequence {
            // A key that is there already stays, so that no copy is dropped without being wiped.
            Some(sequence) => match self.rows.get_mut(key) {
                Some(held) => *held = sequence,
                None => {
                    self.rows.insert(key.into(), sequence);
                }
            },
            None => {
                if let Some((mut key, _)) = self.rows.remove_entry(key) {
                    key.zeroize();
                }
            }
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        for (mut key, _) in std::mem::take(&mut self.rows) {
            key.zeroize();
        }
    }
}

fn damaged_row(db: &Durable, sequence: u64) -> StoreError {
    StoreError::damaged(
        db.path(),
        format!("row {sequence} cannot be opened; {RESCUE}"),
    )
}

fn real_key(space: u8, key: &[u8]) -> Vec<u8> {
    [&[space], key].concat()
}

fn row_key(sequence: u64) -> Vec<u8> {
    sequence.to_be_bytes().to_vec()
}

fn check_size(what: &'static str, bytes: usize, max: usize) -> Result<(), StoreError> {
    if bytes > max {
        return Err(StoreError::TooLarge { what, bytes, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
