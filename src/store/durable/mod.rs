//! One sled database that means it: nothing is acknowledged before it is on the disk.
//!
//! What sled 0.34.7 does not do by itself, and this file does:
//! - its `flush()` is `sync_file_range`, not an fsync: [`Durable::commit`] adds an fdatasync of
//!   its file through a handle of our own, and the directory is synced at open;
//! - it cannot open after a crash left `snap.*.generating`: removed before opening;
//! - a broken snapshot stops it although the data is whole: moved aside, tried once more;
//! - it panics on some damage: caught, and turned into an error that says what to do;
//! - it never syncs values that outgrow a page: they are stored in pieces, see `batch.rs`;
//! - it returns some damaged values as if whole: every value has a checksum;
//! - it keeps removed values in its file: a rewrite can be asked for, see `rewrite.rs`;
//! - after a failed write its state is unknown: the handle refuses all further writes.

mod batch;
mod open;
mod rewrite;

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

pub use batch::{Batch, MAX_VALUE};
use batch::{Frame, PIECES, Write, checksum, parse, piece_key, rows};

use super::{StoreError, file};

/// Free space kept, so that the engine's own bookkeeping never meets a full disk.
const RESERVE_BYTES: u64 = 4 << 20;

/// Most bytes written at once. sled holds a batch in memory several times over.
pub const MAX_BATCH: usize = 32 << 20;

/// The step that makes written data survive a power loss; tests put a failing one in its place.
pub type SyncStep = Box<dyn Fn(&File) -> io::Result<()> + Send + Sync>;

/// One database, with one key space.
pub struct Durable {
    /// `None` only while dropping.
    db: Option<sled::Db>,
    path: PathBuf,
    /// Our own handle on the engine's file; an error of the disk reaches every open handle.
    file: File,
    sync: SyncStep,
    /// Batches written so far.
    written: AtomicU64,
    /// Batches known to be on the disk.
    synced: Mutex<u64>,
    /// The first failure of a write or a sync.
    poison: OnceLock<String>,
}

impl Durable {
    /// Opens the database in the directory `path`, or makes one.
    ///
    /// `rescue` is what an operator can do when the database is beyond repair.
    ///
    /// # Errors
    /// When it is damaged, in use, or the disk refuses.
    pub fn open(path: &Path, rescue: &str) -> Result<Self, StoreError> {
        Self::open_with(path, rescue, Box::new(File::sync_data))
    }

    /// Opens with another sync step; see [`Durable::open`].
    ///
    /// # Errors
    /// As [`Durable::open`].
    pub fn open_with(path: &Path, rescue: &str, sync: SyncStep) -> Result<Self, StoreError> {
        rewrite::tidy(path)?;
        if rewrite::is_requested(path) {
            // The database as it is serves as well; the request stays for the next opening.
            if let Err(error) = rewrite::run(path, rescue) {
                tracing::warn!(%error, path = %path.display(), "database not written anew, erased values still in its file");
            }
            rewrite::tidy(path)?;
        }
        Self::open_synced(path, rescue, sync)
    }

    /// Opens without the rewrite that may have been asked for.
    fn open_as_it_is(path: &Path, rescue: &str) -> Result<Self, StoreError> {
        Self::open_synced(path, rescue, Box::new(File::sync_data))
    }

    fn open_synced(path: &Path, rescue: &str, sync: SyncStep) -> Result<Self, StoreError> {
        file::create_private_dir(path)?;
        file::restrict(path, 0o700)?;
        let data = path.join("db");
        let db = open::engine(path, &data, rescue)?;
        let file = File::open(&data).map_err(|error| StoreError::io("open", &data, error))?;
        let opened = Self {
            db: Some(db),
            path: path.to_owned(),
            file,
            sync,
            written: AtomicU64::new(1),
            synced: Mutex::new(0),
            poison: OnceLock::new(),
        };
        opened.commit()?;
        open::restrict_files(path)?;
        file::sync_dir(path)?;
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            file::sync_dir(parent)?;
        }
        Ok(opened)
    }

    /// Writes a batch, whole or not at all, and waits until it is on the disk.
    ///
    /// # Errors
    /// As [`Durable::write`] and [`Durable::commit`].
    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(batch)?;
        self.commit()
    }

    /// Writes a batch, whole or not at all. It can be read at once; it survives a crash only once
    /// a later [`Durable::commit`] has returned.
    ///
    /// # Errors
    /// When the disk is nearly full or the batch too large (nothing was written), or an earlier
    /// write failed.
    pub fn write(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.check_poison()?;
        if batch.bytes() > MAX_BATCH {
            let bytes = batch.bytes();
            return Err(StoreError::TooLarge {
                what: "a batch",
                bytes,
                max: MAX_BATCH,
            });
        }
        self.check_space(batch.bytes() as u64)?;
        let rows = self.encode(batch)?;
        self.poisoning(|| self.guarded(|db| db.apply_batch(rows)))?;
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Waits until everything written before this call is on the disk. Several callers share
    /// one sync.
    ///
    /// # Errors
    /// When the flush or the sync fails. Then, and ever after, every write and commit fails:
    /// what a failed sync left behind cannot be known, so it is never tried again.
    pub fn commit(&self) -> Result<(), StoreError> {
        let wanted = self.written.load(Ordering::SeqCst);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_poison()?;
        if *synced >= wanted {
            return Ok(());
        }
        let reached = self.written.load(Ordering::SeqCst);
        self.poisoning(|| self.guarded(|db| db.flush().map(drop)))?;
        self.poisoning(|| {
            (self.sync)(&self.file).map_err(|error| StoreError::io("sync", &self.path, error))
        })?;
        *synced = reached;
        Ok(())
    }

    /// Returns the value under `key`.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.guarded(|db| db.get(key))?;
        row.map(|row| self.assemble(key, &row)).transpose()
    }

    /// Returns whether there is a value under `key`, without reading it whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.guarded(|db| db.contains_key(key))
    }

    /// Returns the rows with `from <= key < to`, in order, read as they are asked for.
    pub fn range(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        // Pieces lie after every key of ours; they are no rows.
        let to = to.min(&[PIECES]);
        // sled panics on a range that ends before it begins.
        let to = if to < from { from } else { to };
        Rows {
            store: self,
            inner: self.db().map(|db| db.range(from..to)),
            done: false,
        }
    }

    /// Returns the rows whose keys begin with `prefix`, in order, read as they are asked for.
    pub fn prefix(&self, prefix: &[u8]) -> Rows<'_> {
        self.range(prefix, &after(prefix))
    }

    /// Returns the rows of the whole key space, in order, read as they are asked for.
    pub fn all(&self) -> Rows<'_> {
        self.range(&[], &[PIECES])
    }

    /// Hands over every row that can be reached, damaged or not, for whoever wants to save what can
    /// be saved. Returns why it ended before the last row, if it did.
    pub fn reach(
        &self,
        mut take: impl FnMut(Vec<u8>, Result<Vec<u8>, StoreError>),
    ) -> Option<StoreError> {
        let mut rows = self.db()?.range::<&[u8], _>(..&[PIECES][..]);
        loop {
            match self.guarded(|_| rows.next().transpose()) {
                Ok(None) => return None,
                Ok(Some((key, row))) => {
                    let value = self.assemble(&key, &row);
                    take(key.to_vec(), value);
                }
                Err(error) => return Some(error),
            }
        }
    }

    /// Has the next opening write the database anew, so that no file holds what was removed so
    /// far.
    ///
    /// # Errors
    /// When the request cannot be noted.
    pub fn request_rewrite(&self) -> Result<(), StoreError> {
        rewrite::request(&self.path)
    }

    /// Returns whether the file may still hold removed values until the next opening.
    pub fn rewrite_requested(&self) -> bool {
        rewrite::is_requested(&self.path)
    }

    /// Returns where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns why no write is taken any more, if that is so.
    pub fn poisoned(&self) -> Option<&str> {
        self.poison.get().map(String::as_str)
    }

    fn db(&self) -> Option<&sled::Db> {
        self.db.as_ref()
    }

    /// Runs one step of the engine; its panics become errors.
    fn guarded<T>(&self, step: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let Some(db) = self.db() else {
            return Err(self.engine("it is closed"));
        };
        match catch_unwind(AssertUnwindSafe(|| step(db))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(error))) => Err(StoreError::io("use", &self.path, error)),
            Ok(Err(sled::Error::Corruption { .. })) => {
                Err(StoreError::damaged(&self.path, "a page cannot be read"))
            }
            Ok(Err(error)) => Err(self.engine(error.to_string())),
            Err(panic) => Err(self.engine(panic_text(&panic))),
        }
    }

    /// Runs a step after whose failure nothing may be written any more.
    fn poisoning(&self, step: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        step().inspect_err(|error| {
            // Only the first failure is kept.
            let _ = self.poison.set(error.to_string());
            tracing::error!(%error, path = %self.path.display(), "database takes no more writes");
        })
    }

    fn check_poison(&self) -> Result<(), StoreError> {
        match self.poison.get() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Poisoned {
                path: self.path.clone(),
                reason: reason.clone(),
            }),
        }
    }

    /// Refuses, while refusing is still harmless, what the disk has no room for: a disk found full
    /// in the middle of a write would poison the database. [`Durable::write`] does so by itself.
    ///
    /// # Errors
    /// When writing this many bytes would leave less than the reserve.
    pub fn check_space(&self, bytes: u64) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.path)
            .map_err(|error| StoreError::io("measure", &self.path, error.into()))?;
        let available = disk.f_bavail.saturating_mul(disk.f_frsize);
        let needed = RESERVE_BYTES.saturating_add(bytes.saturating_mul(2));
        if available < needed {
            return Err(StoreError::DiskFull {
                path: self.path.clone(),
                available,
                needed,
            });
        }
        Ok(())
    }

    fn encode(&self, batch: Batch) -> Result<sled::Batch, StoreError> {
        let mut encoded = sled::Batch::default();
        for (key, write) in batch.writes {
            let value = match write {
                Write::Insert(value) => Some(value),
                Write::Put(value) => {
                    self.remove_pieces(&key, &mut encoded)?;
                    Some(value)
                }
                Write::Remove => {
                    self.remove_pieces(&key, &mut encoded)?;
                    encoded.remove(key.as_slice());
                    None
                }
            };
            if let Some(value) = value {
                if value.len() > MAX_VALUE {
                    let bytes = value.len();
                    return Err(StoreError::TooLarge {
                        what: "a value",
                        bytes,
                        max: MAX_VALUE,
                    });
                }
                for (key, row) in rows(&key, &value) {
                    encoded.insert(key, row);
                }
            }
        }
        Ok(encoded)
    }

    /// Removes the pieces of the value now under `key`; the row itself is left.
    fn remove_pieces(&self, key: &[u8], batch: &mut sled::Batch) -> Result<(), StoreError> {
        let Some(row) = self.guarded(|db| db.get(key))? else {
            return Ok(());
        };
        // A row that cannot be read has no pieces that could be found.
        let pieces = parse(key, &row).map_or(0, |frame| frame.pieces());
        for n in 0..pieces {
            batch.remove(piece_key(key, n));
        }
        Ok(())
    }

    fn assemble(&self, key: &[u8], row: &[u8]) -> Result<Vec<u8>, StoreError> {
        let wrong = || StoreError::damaged(&self.path, "a value does not match its checksum");
        let frame = parse(key, row).ok_or_else(wrong)?;
        let pieces = frame.pieces();
        let (stored, length) = match frame {
            Frame::Whole(value) => return Ok(value.to_vec()),
            Frame::Pieced { checksum, length } => (checksum, length),
        };
        let mut value = Vec::with_capacity(length);
        for n in 0..pieces {
            let piece = self
                .guarded(|db| db.get(piece_key(key, n)))?
                .ok_or_else(wrong)?;
            value.extend_from_slice(&piece);
        }
        (checksum(key, &value) == stored)
            .then_some(value)
            .ok_or_else(wrong)
    }

    fn engine(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Engine {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        let db = self.db.take();
        // The engine syncs once more while closing and panics where that fails.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(db))) {
            let error = panic_text(&panic);
            tracing::error!(error, path = %self.path.display(), "database not closed cleanly");
        }
    }
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The engine's own Debug prints every row.
        f.debug_struct("Durable")
            .field("path", &self.path)
            .field("poisoned", &self.poisoned())
            .finish_non_exhaustive()
    }
}

/// Rows of a [`Durable`], read as they are asked for; ends after the first error.
pub struct Rows<'a> {
    store: &'a Durable,
    inner: Option<sled::Iter>,
    done: bool,
}

impl Rows<'_> {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Option<<Self as Iterator>::Item> {
        let inner = self.inner.as_mut().filter(|_| !self.done)?;
        let row = self.store.guarded(|_| step(inner).transpose());
        let row = match row {
            Ok(None) => None,
            Ok(Some((key, row))) => {
                // sled drops pages it no longer needs only after 64 accesses to their neighbours
                // in its cache, and iterating counts once a page: without this look-up, reading
                // 240 MB once leaves 150 MB in memory instead of 40.
                let _ = self.store.contains(&key);
                let value = self.store.assemble(&key, &row);
                Some(value.map(|value| (key.to_vec(), value)))
            }
            Err(error) => Some(Err(error)),
        };
        self.done = !matches!(row, Some(Ok(_)));
        row
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// Returns the first key after all that begin with `prefix`.
fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![PIECES]
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests;
