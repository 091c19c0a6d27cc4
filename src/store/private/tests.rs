//! The private plane as its callers see it, and as whoever takes the disk sees it.

use std::collections::BTreeMap;

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

/// More than one batch holds: new records, changed ones and removed ones.
fn import(round: u8) -> Changes {
    let mut changes = Changes::new();
    for n in 0..2_500_u32 {
        changes.put(RECORD, &n.to_be_bytes(), vec![round; 40]);
    }
    for n in 2_500 * u32::from(round)..2_500 * u32::from(round) + 300 {
        changes.delete(RECORD, &n.to_be_bytes());
    }
    changes
}

/// The first byte of every record, in order.
fn rounds(store: &PrivateStore) -> Vec<u8> {
    store
        .scan(RECORD, &[])
        .map(|row| row.unwrap().1[0])
        .collect()
}

#[test]
fn a_large_write_replaces_what_was_there_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    let store = open(&dir, &key);
    put(&store, RECORD, &2_600_u32.to_be_bytes(), &[9]);
    for round in 1..3 {
        store.apply(import(round)).unwrap();
        assert_eq!(rounds(&store), [round; 2_500]);
        assert_eq!(
            store.db.all().count(),
            2_501,
            "the binding row and one for each record"
        );
    }
    drop(store);
    assert_eq!(rounds(&open(&dir, &key)), [2; 2_500]);
}

#[test]
fn a_large_write_cut_short_anywhere_is_whole_or_absent() {
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    let store = open(&dir, &key);
    store.apply(import(1)).unwrap();
    // Values that lie in pieces: one that counts, and one among the rows that do not.
    let long = [7; 100_000];
    put(&store, RECORD + 1, b"long", &long);
    let (index_next, tally) = (store.read().next, store.read().tally);

    // As a crash in the middle of writing would leave it: the rows are there and do not count.
    store
        .set_stage(&Stage::Staging { base: index_next }, Some(tally))
        .unwrap();
    let mut batch = Batch::new();
    for n in index_next..index_next + 50 {
        batch.insert(
            row_key(n),
            store.seal(n, &real_key(RECORD, b"half"), &long).unwrap(),
        );
    }
    store.db.apply(batch).unwrap();
    drop(store);
    let store = open(&dir, &key);
    assert_eq!(rounds(&store), [1; 2_500]);
    assert_eq!(store.db.all().count(), 2_502);
    let held = store.get(RECORD + 1, b"long").unwrap().unwrap();
    assert_eq!(held[..], long);

    // As a crash in the middle of tidying would leave it: the new rows count, some old ones are
    // there still.
    let (mut batch, old) = (Batch::new(), store.read().next);
    batch.insert(
        row_key(old),
        store
            .seal(old, &real_key(RECORD, &[0, 0, 0, 0]), &[8])
            .unwrap(),
    );
    store.db.write(batch).unwrap();
    store
        .set_stage(&Stage::Clearing { old: vec![old] }, Some(tally))
        .unwrap();
    store.commit().unwrap();
    drop(store);
    let store = open(&dir, &key);
    assert_eq!(rounds(&store), [1; 2_500]);
    assert_eq!(store.db.all().count(), 2_502);
}

#[test]
fn a_large_write_that_fails_half_way_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    drop(open(&dir, &key));
    // Randomness for one batch and a half, then one refusal.
    static LEFT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(i64::MAX);
    let running_out: Entropy = |out| match LEFT.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Err(std::io::ErrorKind::Other.into()),
        _ => os_entropy(out),
    };
    let store = PrivateStore::open(dir.path(), &key, running_out).unwrap();
    put(&store, RECORD, b"before", b"1");
    LEFT.store(1_500, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(
        store.apply(import(1)),
        Err(StoreError::Entropy(_))
    ));
    assert_eq!(keys(&store, RECORD, b""), [b"before"]);
    assert_eq!(store.db.all().count(), 2);
    store.apply(import(2)).unwrap();
    drop(store);
    assert_eq!(open(&dir, &key).len(), 2_501);
}

/// What sled does when it loses a page, or the end of its file: each row is gone without a word.
#[test]
fn rows_that_were_acknowledged_and_are_gone_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let key = key();
    let store = open(&dir, &key);
    for name in ["a", "b", "c"] {
        put(&store, RECORD, name.as_bytes(), name.as_bytes());
    }
    let older = store.sealed(BINDING).unwrap();
    put(&store, RECORD, b"d", b"d");
    drop(store);
    let refused = |what: &str| {
        let error = PrivateStore::open(dir.path(), &key, os_entropy).unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { .. }),
            "{what}: {error}"
        );
        let said = error.to_string();
        assert!(
            said.contains("acknowledged is gone") && said.contains("--rebuild"),
            "{said}"
        );
    };
    let db = || Durable::open(dir.path(), "").unwrap();
    // The last row alone, as if its page were lost.
    let last = db().get(&row_key(4)).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.remove(row_key(4));
    db().apply(batch).unwrap();
    refused("a row");
    // The whole last write, as if the file had lost its end.
    let now = db().get(&row_key(BINDING)).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.put(row_key(BINDING), older);
    db().apply(batch).unwrap();
    refused("a write");
    // What can be read is saved, and says what it is.
    let saved = tempfile::tempdir().unwrap();
    let done = PrivateStore::salvage(dir.path(), saved.path(), &key, os_entropy).unwrap();
    assert_eq!((done.rows, done.lost.len()), (4, 0));
    assert_eq!(keys(&open(&saved, &key), RECORD, b""), [b"a", b"b", b"c"]);
    // Put back as it was, it opens.
    let mut batch = Batch::new();
    batch.put(row_key(BINDING), now);
    batch.put(row_key(4), last);
    db().apply(batch).unwrap();
    assert_eq!(keys(&open(&dir, &key), RECORD, b"").len(), 4);
}

/// The rows that a plain book clears away are none that were lost, and those that were are noticed.
#[test]
fn a_plain_book_misses_what_it_cleared_away_and_nothing_else() {
    use crate::store::{Cost, Vault};
    let dir = tempfile::tempdir().unwrap();
    let (mut vault, key) = Vault::create(b"real", Cost::LEAST, os_entropy).unwrap();
    vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
    let plain = vault.unlock(b"plain").unwrap();
    let store = open(&dir, &key);
    for n in 0..4_u8 {
        put(&store, RECORD, &[n], b"counts");
        put(&store, PERSONS[0], &[n], b"leads to a person");
    }
    drop(store);
    let db = || Durable::open(dir.path(), "").unwrap();
    // One of either kind is gone.
    for sequence in [7, 8] {
        let lost = db().get(&row_key(sequence)).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.remove(row_key(sequence));
        db().apply(batch).unwrap();
        let error = PrivateStore::open(dir.path(), &plain, os_entropy).unwrap_err();
        assert!(
            error.to_string().contains("acknowledged is gone"),
            "{error}"
        );
        let mut batch = Batch::new();
        batch.insert(row_key(sequence), lost);
        db().apply(batch).unwrap();
    }
    for _ in 0..2 {
        let store = open(&dir, &plain);
        assert_eq!(keys(&store, RECORD, b"").len(), 4);
        assert_eq!(keys(&store, PERSONS[0], b"").len(), 0);
    }
    // What comes later is counted as before.
    put(
        &open(&dir, &plain),
        PERSONS[0],
        b"new",
        b"leads to somebody new",
    );
    assert_eq!(open(&dir, &plain).len(), 5);
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
