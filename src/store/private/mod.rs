//! The private plane: records and keys, sealed; what lies on disk reveals neither key nor value.
//!
//! A row's key on disk is a sequence number; the real key is sealed with the value. The order of
//! real keys exists only in memory, built by one pass over the rows when the plane is unlocked.
//!
//! Rows that lead to persons lie in spaces of their own, sealed under a key of their own: whoever
//! has the other key alone opens a book with nobody in it. See [`PERSONS`].
//!
//! - `changes`: writes that happen together; `staging`: those too large for one batch.
//! - `scan`: rows in order; `index`: where each lies.
//! - `opening`: every row is read once; `tally`: what there should be.
//! - `salvage`: what can be read of a damaged one.

mod changes;
mod index;
mod opening;
mod salvage;
mod scan;
mod staging;
mod tally;

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, mpsc};

use zeroize::Zeroizing;

use super::durable::{Batch, Durable, MAX_VALUE};
use super::sealed::{Opened, Sealer};
use super::vault::{DataKey, Purpose, SubKey};
use super::{Entropy, StoreError};
pub use changes::Changes;
use index::{Index, Under, place_of};
pub use scan::Scan;
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

/// What is read ahead of whoever opens rows, in bytes, and how often over.
const HANDED_AT_ONCE: usize = 128 << 10;
const READ_AHEAD: usize = 2;

/// A row as it lies on the disk, by its number.
type SealedRow = Result<(u64, Vec<u8>), StoreError>;

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
        // Reading takes as long as opening: a thread each.
        std::thread::scope(|threads| {
            let (give, given) = mpsc::sync_channel(READ_AHEAD);
            threads.spawn(move || self.read_ahead(&give));
            for row in given.into_iter().flatten() {
                let (sequence, sealed) = row?;
                if self.open_row(sequence, &sealed).is_none() {
                    return Err(damaged_row(&self.db, sequence));
                }
                if !take(sequence, sealed) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Hands over every row, some at once, until there are no more or nobody takes them.
    fn read_ahead(&self, give: &mpsc::SyncSender<Vec<SealedRow>>) {
        let (mut some, mut bytes) = (Vec::new(), 0);
        for row in self.db.all() {
            let row = row.and_then(|(key, sealed)| Ok((self.sequence_of(&key)?, sealed)));
            bytes += row.as_ref().map_or(0, |(_, sealed)| sealed.len());
            some.push(row);
            if bytes >= HANDED_AT_ONCE {
                bytes = 0;
                if give.send(std::mem::take(&mut some)).is_err() {
                    return;
                }
            }
        }
        // Whoever is gone has what they wanted.
        let _taken = give.send(some);
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
