//! What sled does not do by itself, each with its proof.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::open::snapshots;
use super::*;

fn key(n: u64) -> Vec<u8> {
    [&[1][..], &n.to_be_bytes()].concat()
}

fn fill(store: &Durable, from: u64, to: u64) {
    let mut batch = Batch::new();
    for n in from..to {
        batch.insert(key(n), vec![n as u8; 1_000]);
    }
    store.apply(batch).unwrap();
}

#[track_caller]
fn check(dir: &Path, count: u64) {
    let store = Durable::open(dir, "restore it").unwrap();
    assert_eq!(store.all().map(Result::unwrap).count() as u64, count);
    for n in 0..count {
        assert_eq!(store.get(&key(n)).unwrap().unwrap(), vec![n as u8; 1_000]);
    }
}

#[test]
fn what_was_applied_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Durable::open(dir.path(), "").unwrap(), 0, 500);
    check(dir.path(), 500);
}

#[test]
fn long_values_never_leave_the_synced_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Durable::open(dir.path(), "").unwrap();
    let long = |n: u64| vec![n as u8; 1 << 20];
    for n in 0..12 {
        let mut batch = Batch::new();
        batch.insert(key(n), long(n));
        batch.put(key(100 + n), vec![7; 4_096 + n as usize]);
        store.apply(batch).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    assert_eq!(store.get(&key(11)).unwrap(), Some(long(11)));

    // Overwriting and removing leave no piece behind.
    let mut batch = Batch::new();
    for n in 0..12 {
        batch.put(key(n), vec![1]);
        batch.remove(key(100 + n));
    }
    store.apply(batch).unwrap();
    assert_eq!(store.all().count(), 12);
    assert_eq!(store.range(&[PIECES], &[PIECES, PIECES]).count(), 0);
}

#[test]
fn a_half_written_snapshot_does_not_stop_opening() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Durable::open(dir.path(), "").unwrap(), 0, 200);
    let half = dir.path().join("snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, b"half").unwrap();
    check(dir.path(), 200);
    assert!(!half.exists());
}

#[test]
fn a_cut_snapshot_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Durable::open(dir.path(), "").unwrap(), 0, 200);
    check(dir.path(), 200);
    let (_, snapshot) = snapshots(dir.path()).unwrap().pop().unwrap();
    let whole = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &whole[..whole.len() / 2]).unwrap();
    check(dir.path(), 200);
    assert!(dir.path().join("aside.snap").exists());
}

#[test]
fn beyond_repair_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Durable::open(dir.path(), "").unwrap(), 0, 200);
    fs::write(
        dir.path().join("conf"),
        b"segment_size: many\nand more\n1234",
    )
    .unwrap();
    let error = Durable::open(dir.path(), "restore a backup").unwrap_err();
    assert!(error.to_string().ends_with("restore a backup"), "{error}");
}

#[test]
fn a_flipped_byte_is_never_returned_as_a_value() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Durable::open(dir.path(), "").unwrap(), 0, 300);
    let data = dir.path().join("db");
    let whole = fs::read(&data).unwrap();
    let mut harmed = 0;
    for step in 1..12 {
        let mut bytes = whole.clone();
        let at = bytes.len() * step / 12;
        bytes[at] ^= 0x40;
        fs::write(&data, &bytes).unwrap();
        // With a snapshot a damaged page is an error; without, it may be missing.
        for (_, snapshot) in snapshots(dir.path()).unwrap() {
            fs::remove_file(snapshot).unwrap();
        }
        let rows: Vec<_> = match Durable::open(dir.path(), "") {
            Ok(store) => store.all().map_while(Result::ok).collect(),
            Err(_) => Vec::new(),
        };
        harmed += u64::from(rows.len() < 300);
        for (key, value) in rows {
            assert_eq!(value, [key[8]; 1_000]);
        }
    }
    assert!(harmed > 0, "no damage met any value");
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let step = {
        let (failing, calls) = (failing.clone(), calls.clone());
        move |file: &File| {
            calls.fetch_add(1, Ordering::SeqCst);
            if failing.load(Ordering::SeqCst) {
                Err(io::ErrorKind::Other.into())
            } else {
                file.sync_data()
            }
        }
    };
    let store = Durable::open_with(dir.path(), "", Box::new(step)).unwrap();
    fill(&store, 0, 10);
    failing.store(true, Ordering::SeqCst);
    let mut batch = Batch::new();
    batch.put(key(10), vec![1]);
    assert!(store.apply(batch).is_err());

    // The disk is well again, but nobody knows what it lost in between.
    failing.store(false, Ordering::SeqCst);
    let before = calls.load(Ordering::SeqCst);
    let mut batch = Batch::new();
    batch.put(key(11), vec![1]);
    assert!(matches!(
        store.apply(batch),
        Err(StoreError::Poisoned { .. })
    ));
    assert!(matches!(store.commit(), Err(StoreError::Poisoned { .. })));
    assert_eq!(
        calls.load(Ordering::SeqCst),
        before,
        "a failed sync is never tried again"
    );
    assert!(store.get(&key(3)).unwrap().is_some(), "reading goes on");
}

#[test]
fn every_commit_syncs_and_an_idle_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let step = move |file: &File| {
        counted.fetch_add(1, Ordering::SeqCst);
        file.sync_data()
    };
    let store = Durable::open_with(dir.path(), "", Box::new(step)).unwrap();
    let before = calls.load(Ordering::SeqCst);
    for n in 0..5 {
        let mut batch = Batch::new();
        batch.insert(key(n), vec![1]);
        store.write(batch).unwrap();
    }
    store.commit().unwrap();
    store.commit().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), before + 1);
}

#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("public");
    fill(&Durable::open(&path, "").unwrap(), 0, 100);
    let _again = Durable::open(&path, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap().path();
        assert_eq!(mode(&entry) & 0o077, 0, "{}", entry.display());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn it_holds_what_a_map_would(steps: Vec<(u8, Option<u16>)>) {
        let dir = tempfile::tempdir().unwrap();
        let store = Durable::open(dir.path(), "").unwrap();
        let mut map = std::collections::BTreeMap::new();
        for (n, length) in steps {
            let key = key(u64::from(n % 8));
            let mut batch = Batch::new();
            match length {
                Some(length) => {
                    let value = vec![n; usize::from(length)];
                    batch.put(key.clone(), value.clone());
                    map.insert(key, value);
                }
                None => {
                    batch.remove(key.clone());
                    map.remove(&key);
                }
            }
            store.write(batch).unwrap();
        }
        let rows: Vec<_> = store.all().map(Result::unwrap).collect();
        assert_eq!(rows, map.into_iter().collect::<Vec<_>>());
    }
}
