//! The private plane: records and keys, sealed; what lies on disk reveals neither key nor value.
//!
//! A row's key on disk is a sequence number; the real key is sealed with the value. The order of
//! real keys exists only in memory, built by one pass over the rows when the plane is unlocked.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use zeroize::{Zeroize, Zeroizing};

use super::durable::{Batch, Durable, MAX_VALUE};
use super::sealed::Sealer;
use super::vault::{DataKey, Purpose};
use super::{Entropy, StoreError};

const RESCUE: &str = "move it away and restore a backup";

/// The row that binds a data key to its database, so that a wrong key is noticed even where
/// there is nothing else to open.
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
    index: RwLock<Index>,
}

/// Where the row of each real key lies. Wiped when dropped.
#[derive(Default)]
struct Index {
    rows: BTreeMap<Box<[u8]>, u64>,
    next: u64,
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
        let index = match read_index(&db, &sealer)? {
            Some(index) => index,
            None => {
                let mut batch = Batch::new();
                batch.insert(row_key(BINDING), sealer.seal(BINDING, &[], &[], entropy)?);
                db.apply(batch)?;
                Index {
                    rows: BTreeMap::new(),
                    next: BINDING + 1,
                }
            }
        };
        Ok(Self {
            db,
            sealer,
            entropy,
            index: RwLock::new(index),
        })
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

    /// Makes changes, whole or not at all. They can be read at once; they survive a crash only
    /// once a later [`PrivateStore::commit`] has returned.
    ///
    /// # Errors
    /// As [`PrivateStore::apply`].
    pub fn write(&self, changes: Changes) -> Result<(), StoreError> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = index.next;
        let mut batch = Batch::new();
        // What the index has to learn once the batch is written.
        let mut moved = Vec::new();
        for (key, value) in &changes.0 {
            check_size("a key", key.len(), MAX_KEY)?;
            let held = index.rows.get(key.as_slice()).copied();
            match (value, held) {
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
            match sequence {
                Some(sequence) => index.insert(key, sequence),
                None => index.remove(key),
            }
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
        check_size("a value", value.len(), MAX_SEALED)?;
        self.sealer.seal(sequence, key, value, self.entropy)
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
    fn insert(&mut self, key: &[u8], sequence: u64) {
        self.rows.insert(key.into(), sequence);
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some((mut key, _)) = self.rows.remove_entry(key) {
            key.zeroize();
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

/// Opens every row once; `None` for a database without any.
fn read_index(db: &Durable, sealer: &Sealer) -> Result<Option<Index>, StoreError> {
    let mut index = Index::default();
    let mut bound = false;
    for row in db.all() {
        let (key, sealed) = row?;
        let sequence = key.try_into().map(u64::from_be_bytes);
        let sequence =
            sequence.map_err(|_| StoreError::damaged(db.path(), "a key is not a key"))?;
        let opened = sealer.open(sequence, &sealed);
        if sequence == BINDING {
            bound = true;
            opened.ok_or_else(|| StoreError::WrongKey {
                path: db.path().to_owned(),
            })?;
        } else {
            let opened = opened.ok_or_else(|| damaged_row(db, sequence))?;
            index.insert(opened.key(), sequence);
        }
        index.next = sequence + 1;
    }
    if !bound && index.next > 0 {
        return Err(damaged_row(db, BINDING));
    }
    Ok(bound.then_some(index))
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
mod tests {
    use super::*;
    use crate::store::os_entropy;

    const RECORD: u8 = 1;
    const LEDGER: u8 = 2;

    fn key() -> DataKey {
        DataKey::generate(os_entropy).unwrap()
    }

    fn open(dir: &tempfile::TempDir, key: &DataKey) -> PrivateStore {
        PrivateStore::open(dir.path(), key, os_entropy).unwrap()
    }

    fn put(store: &PrivateStore, space: u8, key: &[u8], value: &[u8]) {
        let mut changes = Changes::new();
        changes.put(space, key, value.to_vec());
        store.apply(changes).unwrap();
    }

    fn keys(store: &PrivateStore, space: u8, prefix: &[u8]) -> Vec<Vec<u8>> {
        store
            .scan(space, prefix)
            .map(|row| row.unwrap().0)
            .collect()
    }

    #[test]
    fn records_come_back_in_the_order_of_their_keys() {
        let dir = tempfile::tempdir().unwrap();
        let key = key();
        let first = open(&dir, &key);
        for name in ["b2", "a", "b1", "c"] {
            put(&first, RECORD, name.as_bytes(), name.as_bytes());
        }
        put(&first, LEDGER, b"b0", b"ledger");
        put(&first, RECORD, b"b1", b"changed");
        drop(first);

        let store = open(&dir, &key);
        assert_eq!(store.len(), 5);
        assert_eq!(keys(&store, RECORD, b"b"), [b"b1", b"b2"]);
        assert_eq!(keys(&store, LEDGER, b""), [b"b0"]);
        assert_eq!(
            store.get(RECORD, b"b1").unwrap().unwrap().as_slice(),
            b"changed"
        );
        assert!(store.get(LEDGER, b"b1").unwrap().is_none());

        let mut changes = Changes::new();
        changes.delete(RECORD, b"b1");
        changes.delete(RECORD, b"never there");
        changes.put(RECORD, b"d", b"new".to_vec());
        store.apply(changes).unwrap();
        assert_eq!(keys(&store, RECORD, b"").len(), 4);
        drop(store);
        let store = open(&dir, &key);
        assert_eq!(keys(&store, RECORD, b""), [&b"a"[..], b"b2", b"c", b"d"]);
    }

    #[test]
    fn another_key_opens_nothing_even_where_nothing_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(&dir, &key()));
        let refused = PrivateStore::open(dir.path(), &key(), os_entropy);
        assert!(matches!(refused, Err(StoreError::WrongKey { .. })));
    }

    #[test]
    fn neither_keys_nor_values_are_found_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, &key());
        let marker = b"MARKER-7f3a-somebody";
        for n in 0..200_u32 {
            let name = [&marker[..], &n.to_be_bytes()].concat();
            put(&store, RECORD, &name, &marker.repeat(1 + n as usize));
        }
        drop(store);
        let mut searched = 0;
        for entry in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                searched += bytes.len();
                assert!(!bytes.windows(8).any(|window| window == &marker[..8]));
            }
        }
        assert!(searched > 400_000, "{searched}");
    }

    #[test]
    fn a_changed_row_is_an_error_and_says_nothing_of_what_it_held() {
        let dir = tempfile::tempdir().unwrap();
        let key = key();
        let store = open(&dir, &key);
        put(&store, RECORD, b"secret-key", b"secret-value");
        // Changed past the engine's own checks, as a faulty engine would.
        let mut sealed = store.db.get(&row_key(1)).unwrap().unwrap();
        sealed[40] ^= 1;
        let mut batch = Batch::new();
        batch.put(row_key(1), sealed);
        store.db.apply(batch).unwrap();
        let error = store.get(RECORD, b"secret-key").unwrap_err().to_string();
        assert!(
            !error.contains("secret") && error.contains("row 1"),
            "{error}"
        );
        assert!(store.scan(RECORD, b"").any(|row| row.is_err()));
        drop(store);
        let refused = PrivateStore::open(dir.path(), &key, os_entropy);
        assert!(matches!(refused, Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, &key());
        let mut changes = Changes::new();
        changes.put(RECORD, b"a", vec![1]);
        changes.put(RECORD, &[b'k'; MAX_KEY], vec![1]);
        assert!(matches!(
            store.apply(changes),
            Err(StoreError::TooLarge { .. })
        ));
        assert!(store.is_empty());
        put(&store, RECORD, b"a", b"1");
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn no_randomness_means_no_write() {
        let dir = tempfile::tempdir().unwrap();
        let key = key();
        drop(open(&dir, &key));
        let broken: Entropy = |_| Err(std::io::ErrorKind::Other.into());
        let store = PrivateStore::open(dir.path(), &key, broken).unwrap();
        let mut changes = Changes::new();
        changes.put(RECORD, b"a", vec![1]);
        assert!(matches!(store.apply(changes), Err(StoreError::Entropy(_))));
        assert!(store.is_empty());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        #[test]
        fn it_holds_what_a_map_would(steps: Vec<(u8, u8, Option<Vec<u8>>)>) {
            let dir = tempfile::tempdir().unwrap();
            let key = key();
            let store = open(&dir, &key);
            let mut map = BTreeMap::new();
            for (space, name, value) in steps {
                let (space, name) = (space % 2, vec![name % 8]);
                let mut changes = Changes::new();
                match value {
                    Some(value) => {
                        changes.put(space, &name, value.clone());
                        map.insert((space, name), value);
                    }
                    None => {
                        changes.delete(space, &name);
                        map.remove(&(space, name));
                    }
                }
                store.write(changes).unwrap();
            }
            let held = |store: &PrivateStore| -> BTreeMap<(u8, Vec<u8>), Vec<u8>> {
                let rows = |space| store.scan(space, &[]).map(move |row| {
                    let (key, value) = row.unwrap();
                    ((space, key), value.to_vec())
                });
                rows(0).chain(rows(1)).collect()
            };
            assert_eq!(held(&store), map);
            drop(store);
            assert_eq!(held(&open(&dir, &key)), map);
        }
    }
}
