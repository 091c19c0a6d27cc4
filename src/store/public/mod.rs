//! The public plane: every member's log, the charter's versions, and what changed in which order.
//!
//! - logs (`logs.rs`, `entry.rs`): leaves with their payloads, hash tiles, heads, frozen logs;
//! - arrivals (`arrivals.rs`): every change has a number, so that a peer can ask for what came
//!   after the last one it knows; the cost follows what is new, not how many logs there are.
//! - here: charters, cursors, small settings;
//! - `reached.rs`: how far it had come, so that a database that fell back is noticed;
//! - `export.rs`: all of it as what it means, for a backup.
//!
//! Writing calls are visible at once and safe only after [`PublicStore::commit`]: apply as many
//! as belong together, commit once, then acknowledge. Arrivals are shown to peers only once they
//! are committed, since a number that was handed out must never come to mean something else.
//!
//! Keys are a space byte and big-endian numbers, so that what is appended is also ordered.

mod arrivals;
mod entry;
pub(super) mod export;
mod keys;
mod logs;
mod reached;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::codec::{Reader, Writer};
use super::durable::{Batch, Durable};
use super::{Entropy, StoreError, file};
use arrivals::Row;
pub use arrivals::{Arrival, Change};
pub use entry::{Entries, Entry, Payload, SaltedPayload};
use keys::Space;
pub use logs::{Append, Head, LogState, MAX_TILE, Missing, Tile};
use reached::Reached;

const RESCUE: &str =
    "run `counterfoil doctor --rebuild public`: what cannot be read is fetched from peers";

/// Longest name of a log, a peer or a setting.
const MAX_NAME: usize = 255;

/// Longest charter or piece of evidence.
const MAX_DOCUMENT: usize = 4 << 20;

/// The file that counts how often the store was opened.
const OPENINGS: &str = "openings";

const STORE_ID: &str = "store-id";

/// What every member may see, as this node holds it.
#[derive(Debug)]
pub struct PublicStore {
    db: Durable,
    /// Held over every check-then-write, so that two of them never interleave.
    next: Mutex<Next>,
    /// The newest arrival that is known to be on the disk.
    durable_arrival: AtomicU64,
    reached: Reached,
}

/// Numbers to be given next.
#[derive(Debug)]
struct Next {
    arrival: u64,
    log: u32,
    /// The newest arrival given; 0 for none.
    last_arrival: u64,
}

/// How far we have durably received what a peer's store held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which store of the peer's; a rebuilt one has another id and is read from its start.
    pub store_id: Uuid,
    /// Its last arrival that we hold.
    pub arrival: u64,
}

impl PublicStore {
    /// Opens the public plane in the directory `path`, or makes an empty one with a new id.
    ///
    /// # Errors
    /// When the database cannot be opened or made.
    pub fn open(path: &Path, entropy: Entropy) -> Result<Self, StoreError> {
        Self::on(Durable::open(path, RESCUE)?, entropy)
    }

    /// Uses a database that is already open; see [`PublicStore::open`].
    ///
    /// # Errors
    /// As [`PublicStore::open`].
    pub fn on(db: Durable, entropy: Entropy) -> Result<Self, StoreError> {
        let last_arrival = keys::last_number(&db, Space::Arrival)?;
        let last_log = keys::last_number(&db, Space::Log)?;
        let log = match last_log {
            None => 0,
            Some(last) => u32::try_from(last)
                .ok()
                .and_then(|last| last.checked_add(1))
                .ok_or_else(|| StoreError::damaged(db.path(), "a log number is out of range"))?,
        };
        let last_arrival = last_arrival.unwrap_or(0);
        let reached = Reached::of(db.path(), last_arrival)?;
        if reached.has_lost() {
            tracing::error!(path = %db.path().display(), "public plane lost the newest of what it held");
        }
        let store = Self {
            next: Mutex::new(Next {
                arrival: first_arrival(&db, last_arrival)?,
                log,
                last_arrival,
            }),
            db,
            durable_arrival: AtomicU64::new(last_arrival),
            reached,
        };
        if store.meta_get(STORE_ID)?.is_none() {
            store.renew_store_id(entropy)?;
        }
        Ok(store)
    }

    /// Waits until everything written before this call survives a power loss. Blocks for one sync
    /// of the disk; several callers share it.
    ///
    /// # Errors
    /// When the disk refuses; then no write is ever taken again.
    pub fn commit(&self) -> Result<(), StoreError> {
        let reached = self.lock().last_arrival;
        self.db.commit()?;
        self.durable_arrival.fetch_max(reached, Ordering::SeqCst);
        self.reached.say(reached)
    }

    /// Returns whether the database ends before what was acknowledged when it was last open, as
    /// damage can make it. It goes on saying so until [`PublicStore::go_on`].
    pub fn has_lost(&self) -> bool {
        self.reached.has_lost()
    }

    /// Goes on from what is held, once it is noted elsewhere, durably, that something was lost.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn go_on(&self) -> Result<(), StoreError> {
        self.reached.go_on_from(self.last_arrival())
    }

    /// Returns why no write is taken any more, if that is so.
    pub fn poisoned(&self) -> Option<&str> {
        self.db.poisoned()
    }

    /// Refuses what the disk has no room for, while refusing is still harmless.
    ///
    /// # Errors
    /// When writing this many bytes would leave less than the reserve.
    pub fn check_space(&self, bytes: u64) -> Result<(), StoreError> {
        self.db.check_space(bytes)
    }

    /// Returns whether a file may still hold erased payloads until the store is opened again.
    pub fn awaits_rewrite(&self) -> bool {
        self.db.rewrite_requested()
    }

    /// Returns this store's id, made with the store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn store_id(&self) -> Result<Uuid, StoreError> {
        let id = self.meta_get(STORE_ID)?;
        id.and_then(|id| Uuid::from_slice(&id).ok())
            .ok_or_else(|| self.damaged("its id is not an id"))
    }

    /// Gives the store a new id, so that peers read it from its start: after a restore, arrival
    /// numbers no longer mean what peers remember.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn renew_store_id(&self, entropy: Entropy) -> Result<Uuid, StoreError> {
        let mut random = [0; 16];
        entropy(&mut random).map_err(StoreError::Entropy)?;
        let id = uuid::Builder::from_random_bytes(random).into_uuid();
        self.meta_put(STORE_ID, id.as_bytes())?;
        self.commit()?;
        Ok(id)
    }

    /// Returns a small setting.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn meta_get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(&keys::named(Space::Meta, name))
    }

    /// Stores a small setting.
    ///
    /// # Errors
    /// When the name is too long or the disk refuses.
    pub fn meta_put(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        bound("a name", name.len(), MAX_NAME)?;
        self.put(keys::named(Space::Meta, name), value.to_vec())
    }

    /// Returns how far we have received what the peer's store held.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn cursor(&self, peer: &str) -> Result<Option<Cursor>, StoreError> {
        let Some(row) = self.db.get(&keys::named(Space::Cursor, peer))? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&row);
        let cursor = reader.array().zip(reader.u64()).and_then(|(id, arrival)| {
            reader.end(Cursor {
                store_id: Uuid::from_bytes(id),
                arrival,
            })
        });
        cursor
            .map(Some)
            .ok_or_else(|| self.damaged("a cursor is not a cursor"))
    }

    /// Remembers how far we have received what the peer's store held. Whatever was written before
    /// this call reaches the disk before it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_cursor(&self, peer: &str, cursor: Cursor) -> Result<(), StoreError> {
        bound("a name", peer.len(), MAX_NAME)?;
        let row = Writer::default()
            .raw(cursor.store_id.as_bytes())
            .u64(cursor.arrival);
        self.put(keys::named(Space::Cursor, peer), row.finish())
    }

    /// Forgets how far peers were followed, so that each is read from its start again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_cursors(&self) -> Result<(), StoreError> {
        let _one_writer = self.lock();
        let mut batch = Batch::new();
        for row in self.db.prefix(&[Space::Cursor as u8]) {
            batch.remove(row?.0);
        }
        self.db.write(batch)
    }

    /// Stores a version of the charter; returns whether that changed anything. The same version
    /// with other bytes (more signatures) replaces what was there.
    ///
    /// # Errors
    /// When it is too large or the disk refuses.
    pub fn put_charter(&self, version: u64, document: &[u8]) -> Result<bool, StoreError> {
        self.put_document(
            keys::number(Space::Charter, version),
            document,
            Row::Charter { version },
        )
    }

    /// Returns a version of the charter.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn charter(&self, version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(&keys::number(Space::Charter, version))
    }

    /// Returns the highest version of the charter with its number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn latest_charter(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let last = self
            .db
            .prefix(&[Space::Charter as u8])
            .next_back()
            .transpose()?;
        last.map(|(key, document)| Ok((self.number_of(&key)?, document)))
            .transpose()
    }

    /// Returns every version of the charter with its number, in order, read as they are asked for.
    pub fn charters(&self) -> impl Iterator<Item = Result<(u64, Vec<u8>), StoreError>> + '_ {
        self.db
            .prefix(&[Space::Charter as u8])
            .map(|row| row.and_then(|(key, document)| Ok((self.number_of(&key)?, document))))
    }

    /// Keeps a valid charter that contradicts the one held under the same version; returns
    /// whether it was new.
    ///
    /// # Errors
    /// When it is too large or the disk refuses.
    pub fn put_conflict(&self, version: u64, document: &[u8]) -> Result<bool, StoreError> {
        let key = keys::conflict(version, document);
        self.put_document(key, document, Row::Conflict { version })
    }

    /// Returns the charters that contradict a version, or all of them, with their versions.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn conflicts(&self, version: Option<u64>) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let prefix = version.map_or_else(
            || vec![Space::Conflict as u8],
            |version| keys::number(Space::Conflict, version),
        );
        self.db
            .prefix(&prefix)
            .map(|row| row.and_then(|(key, document)| Ok((self.number_of(&key)?, document))))
            .collect()
    }

    fn put_document(&self, key: Vec<u8>, document: &[u8], row: Row) -> Result<bool, StoreError> {
        bound("a document", document.len(), MAX_DOCUMENT)?;
        let mut next = self.lock();
        if self.db.get(&key)?.as_deref() == Some(document) {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.put(key, document.to_vec());
        self.arrive(&mut next, batch, &[row])?;
        Ok(true)
    }

    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let _one_writer = self.lock();
        let mut batch = Batch::new();
        batch.put(key, value);
        self.db.write(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        // The numbers are advanced only after a write succeeded, so they hold after a panic too.
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the number that follows the space byte of a key.
    fn number_of(&self, key: &[u8]) -> Result<u64, StoreError> {
        keys::number_of(key).ok_or_else(|| self.damaged("a key is not a key"))
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::damaged(self.db.path(), what)
    }
}

/// Returns the first arrival number of this opening, above any that was ever handed out.
///
/// A damaged tail of the database can take it back to an earlier state. Peers still hold what
/// they received, so nothing is lost, unless numbers they already know came to mean something
/// else. Openings are therefore counted in a file of their own, and each has its own 2^32 numbers.
fn first_arrival(db: &Durable, last: u64) -> Result<u64, StoreError> {
    let path = db.path().join(OPENINGS);
    let counted = file::read_small(&path, 32)?
        .and_then(|text| String::from_utf8(text).ok()?.trim().parse::<u32>().ok())
        .map_or(0, u64::from);
    let opening = counted.max(last >> 32) + 1;
    file::write_atomic(&path, format!("{opening}\n").as_bytes())?;
    Ok((opening << 32) + 1)
}

fn bound(what: &'static str, bytes: usize, max: usize) -> Result<(), StoreError> {
    if bytes > max {
        return Err(StoreError::TooLarge { what, bytes, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
