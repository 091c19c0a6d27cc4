//! The private plane: records and keys, sealed; what lies on disk reveals neither key nor value.
//!
//! A row's key on disk is a sequence number; the real key is sealed with the value. The order of
//! real keys exists only in memory, built by one pass over the rows when the plane is unlocked.
//!
//! Rows that lead to persons lie in spaces of their own, sealed under a key of their own: whoever
//! has the other key alone opens a book with nobody in it. See [`PERSONS`].

mod salvage;
mod staging;
mod tally;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use zeroize::{Zeroize, Zeroizing};

use super::durable::{Batch, Durable, MAX_VALUE};
use super::sealed::{Opened, Sealer};
use super::vault::{DataKey, Purpose, SubKey};
use super::{Entropy, StoreError};
use staging::Stage;
use tally::{Tally, Written};

const RESCUE: &str =
    "restore the newest backup, or save what can be read: `counterfoil doctor --rebuild private`";

/// The spaces whose rows lead to persons: records as they are with their persons, and the names of
/// coordinators, of approvers and of what these approved.
pub const PERSONS: [u8; 4] = [0x03, 0x21, 0x30, 0x31];

/// The row that binds a data key to its database, so that a wrong key is noticed even where
/// there is nothing else to open. It says too how far a large write has come.
const BINDING: u64 = 0;

/// How many rows are sealed anew in one write.
const SORTED_AT_ONCE: usize = 500;

/// Longest real key, space included.
const MAX_KEY: usize = 1024;

/// Longest value: what one row can carry, less its seal.
const MAX_SEALED: usize = MAX_VALUE - 4096;

/// The records of this node, opened with its data key.
pub struct PrivateStore {
    db: Durable,
    /// For everything but what leads to persons.
    sealer: Sealer,
    /// For what does.
    persons: Sealer,
    is_parted: bool,
    is_plain: bool,
    entropy: Entropy,
    tie_break: SubKey,
    index: RwLock<Index>,
    written: Written,
}

/// Where the row of each real key lies. Wiped when dropped.
#[derive(Default)]
struct Index {
    rows: BTreeMap<Box<[u8]>, u64>,
    next: u64,
    /// What the binding row says of all this.
    tally: Tally,
    /// Whether a large write left rows behind that are to be cleared away.
    unsettled: bool,
    /// Whether rows lie under the other key than their space says.
    is_mixed: bool,
}

/// Which key opened a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    Book,
    Persons,
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
        let store = Self {
            written: Written::of(db.path())?,
            db,
            sealer: Sealer::new(&key.derive(Purpose::Seal)),
            persons: Sealer::new(&key.derive(Purpose::SealPersons)),
            is_parted: key.is_parted(),
            is_plain: key.is_plain(),
            entropy,
            tie_break: key.derive(Purpose::TieBreak),
            index: RwLock::default(),
        };
        if store.db.all().next().is_none() {
            store.set_stage(&Stage::Settled, Some(Tally::default()))?;
            store.db.commit()?;
        }
        let tally = store.settle()?;
        let tally = match store.is_plain {
            true => store.drop_unreadable(tally)?,
            false => tally,
        };
        let mut index = store.read_index()?;
        store.check_tally(tally, &mut index)?;
        *store.index.write().unwrap_or_else(PoisonError::into_inner) = index;
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
        let (mut next, mut tally) = (index.next, index.tally);
        let mut batch = Batch::new();
        // What the index has to learn once the batch is written.
        let mut moved = Vec::new();
        for (key, value) in &changes.0 {
            match (value, index.rows.get(key.as_slice()).copied()) {
                (None, None) => {}
                (None, Some(sequence)) => {
                    tally.toggle(sequence, &self.sealed(sequence)?);
                    batch.remove(row_key(sequence));
                    moved.push((key, None));
                }
                (Some(value), Some(sequence)) => {
                    let sealed = self.seal(sequence, key, value)?;
                    tally.toggle(sequence, &self.sealed(sequence)?);
                    tally.toggle(sequence, &sealed);
                    batch.put(row_key(sequence), sealed);
                }
                (Some(value), None) => {
                    let sealed = self.seal(next, key, value)?;
                    tally.toggle(next, &sealed);
                    batch.insert(row_key(next), sealed);
                    moved.push((key, Some(next)));
                    next += 1;
                }
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        tally.writes += 1;
        batch.put(
            row_key(BINDING),
            self.binding(&Stage::Settled, Some(tally))?,
        );
        self.db.write(batch)?;
        for (key, sequence) in moved {
            index.place(key, sequence);
        }
        (index.next, index.tally) = (next, tally);
        Ok(())
    }

    /// Waits until everything written before this call survives a power loss.
    ///
    /// # Errors
    /// When the disk refuses; then no write is ever taken again.
    pub fn commit(&self) -> Result<(), StoreError> {
        let writes = self.read().tally.writes;
        self.db.commit()?;
        self.written.say(writes)
    }

    /// Has the next opening write the database anew, so that no file holds what was deleted so
    /// far: for whoever asked to be forgotten.
    ///
    /// # Errors
    /// When the request cannot be noted.
    pub fn request_rewrite(&self) -> Result<(), StoreError> {
        self.db.request_rewrite()
    }

    /// Hands over every row as it lies on the disk, all of one moment, once it was opened; `take`
    /// says whether to go on. Nothing is written meanwhile.
    ///
    /// # Errors
    /// When a row is damaged or cannot be read.
    pub fn rows_at_once(
        &self,
        mut take: impl FnMut(u64, Vec<u8>) -> bool,
    ) -> Result<(), StoreError> {
        {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            if index.unsettled {
                self.settle()?;
                index.unsettled = false;
            }
        }
        // A large write that comes in between is settled by itself, or counts as before.
        let _no_writer = self.read();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = self.sequence_of(&key)?;
            if self.open_row(sequence, &sealed).is_none() {
                return Err(damaged_row(&self.db, sequence));
            }
            if !take(sequence, sealed) {
                break;
            }
        }
        Ok(())
    }

    /// Returns about how many bytes the plane takes on the disk.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        let data = self.db.path().join("db");
        let measured = std::fs::metadata(&data).map(|data| data.len());
        measured.map_err(|error| StoreError::io("measure", &data, error))
    }

    /// Refuses what the disk has no room for.
    ///
    /// # Errors
    /// When writing this many bytes would leave less than the reserve.
    pub fn check_space(&self, bytes: u64) -> Result<(), StoreError> {
        self.db.check_space(bytes)
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
        let sealer = match place_of(key) {
            Under::Persons => &self.persons,
            Under::Book => &self.sealer,
        };
        sealer.seal(sequence, key, value, self.entropy)
    }

    /// Opens a row under whichever key it lies.
    fn open_row(&self, sequence: u64, sealed: &[u8]) -> Option<(Opened, Under)> {
        let book = self.sealer.open(sequence, sealed);
        let book = book.map(|opened| (opened, Under::Book));
        book.or_else(|| {
            let persons = self.persons.open(sequence, sealed);
            persons.map(|opened| (opened, Under::Persons))
        })
    }

    /// Returns whether what leads to persons lies under a key of its own.
    pub const fn is_parted(&self) -> bool {
        self.is_parted
    }

    /// Returns whether what led to persons was lost for good when it was opened.
    pub const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Seals every row that lies under the other key than its space says under its own.
    ///
    /// # Errors
    /// As [`PrivateStore::apply`].
    pub fn sort_out(&self) -> Result<(), StoreError> {
        if !self.read().is_mixed {
            return Ok(());
        }
        let keys: Vec<Box<[u8]>> = self.read().rows.keys().cloned().collect();
        for some in keys.chunks(SORTED_AT_ONCE) {
            let mut changes = Changes::new();
            for key in some {
                let sequence = self.read().rows.get(key).copied();
                let Some(sequence) = sequence else { continue };
                let sealed = self.db.get(&row_key(sequence))?;
                let opened = sealed.and_then(|sealed| self.open_row(sequence, &sealed));
                let (row, under) = opened.ok_or_else(|| damaged_row(&self.db, sequence))?;
                if under != place_of(key) {
                    changes
                        .0
                        .insert(key.to_vec(), Some(Zeroizing::new(row.to_value().to_vec())));
                }
            }
            self.write(changes)?;
        }
        // The binding row comes under its own key last.
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        self.set_stage(&Stage::Settled, Some(index.tally))?;
        index.is_mixed = false;
        drop(index);
        self.commit()?;
        Ok(())
    }

    /// Clears away the rows that no key opens any more. Only where that is known to be so: a row
    /// that cannot be opened is damage anywhere else. None may be missing before; each batch takes
    /// its rows out of the tally too. Returns the tally of what is left.
    fn drop_unreadable(&self, bound: Option<Tally>) -> Result<Option<Tally>, StoreError> {
        let mut found = Tally::default();
        let mut unreadable = Vec::new();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = self.sequence_of(&key)?;
            if sequence == BINDING {
                continue;
            }
            found.toggle(sequence, &sealed);
            if self.open_row(sequence, &sealed).is_none() {
                unreadable.push(sequence);
            }
        }
        self.refuse_lost(bound, found)?;
        let mut tally = bound;
        for some in unreadable.chunks(SORTED_AT_ONCE) {
            let mut batch = Batch::new();
            for sequence in some {
                if let Some(tally) = &mut tally {
                    tally.toggle(*sequence, &self.sealed(*sequence)?);
                }
                batch.remove(row_key(*sequence));
            }
            batch.put(row_key(BINDING), self.binding(&Stage::Settled, tally)?);
            self.db.write(batch)?;
        }
        if !unreadable.is_empty() {
            self.db.request_rewrite()?;
        }
        self.db.commit()?;
        Ok(tally)
    }

    /// Opens every row once, to learn where the row of each key lies.
    fn read_index(&self) -> Result<Index, StoreError> {
        let mut index = Index::default();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = self.sequence_of(&key)?;
            let opened = self.open_row(sequence, &sealed);
            let (opened, under) = opened.ok_or_else(|| damaged_row(&self.db, sequence))?;
            let key = opened.key();
            index.is_mixed |= self.is_parted && under != place_of(key);
            if sequence != BINDING {
                index.place(key, Some(sequence));
                index.tally.toggle(sequence, &sealed);
            }
            index.next = sequence + 1;
        }
        Ok(index)
    }

    /// Holds the rows that were found against what the binding row says of them, and how far that
    /// has come against the file beside the database.
    fn check_tally(&self, bound: Option<Tally>, index: &mut Index) -> Result<(), StoreError> {
        self.refuse_lost(bound, index.tally)?;
        // One of before there was a tally is taken as it is.
        index.tally = bound.unwrap_or(index.tally);
        Ok(())
    }

    fn refuse_lost(&self, bound: Option<Tally>, found: Tally) -> Result<(), StoreError> {
        let gone = |what: &str| {
            StoreError::damaged(
                self.db.path(),
                format!("{what} that was acknowledged is gone; {RESCUE}"),
            )
        };
        if bound.is_some_and(|bound| !bound.same_rows(found)) {
            return Err(gone("a row"));
        }
        if bound.unwrap_or(found).writes < self.written.said() {
            return Err(gone("a write"));
        }
        Ok(())
    }

    fn sequence_of(&self, key: &[u8]) -> Result<u64, StoreError> {
        let sequence = key.try_into().map(u64::from_be_bytes);
        sequence.map_err(|_| StoreError::damaged(self.db.path(), "a key is not a key"))
    }

    fn sealed(&self, sequence: u64) -> Result<Vec<u8>, StoreError> {
        let sealed = self.db.get(&row_key(sequence))?;
        sealed.ok_or_else(|| damaged_row(&self.db, sequence))
    }

    fn value(&self, sequence: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let sealed = self.db.get(&row_key(sequence))?;
        let opened = sealed.and_then(|sealed| self.open_row(sequence, &sealed));
        opened
            .map(|(row, _)| row.to_value())
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

/// Returns under which key a row belongs.
fn place_of(key: &[u8]) -> Under {
    match key.first() {
        Some(space) if PERSONS.contains(space) => Under::Persons,
        _ => Under::Book,
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
