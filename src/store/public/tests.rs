//! The public plane as its callers see it.

use super::*;
use crate::store::os_entropy;

const INPUD: &str = "drug-user-networks/inpud";
const ANPUD: &str = "drug-user-networks/anpud";

fn store(dir: &tempfile::TempDir) -> PublicStore {
    PublicStore::open(dir.path(), os_entropy).unwrap()
}

fn here(n: u64) -> Payload {
    Payload::Here(SaltedPayload {
        salt: [n as u8; 32],
        payload: vec![n as u8; 1_024],
    })
}

fn entry(n: u64, payload: Payload) -> Entry {
    Entry {
        leaf: format!("leaf {n}").into_bytes(),
        payload,
    }
}

fn head(size: u64) -> Head {
    Head {
        note: format!("{INPUD}\n{size}\n"),
        size,
    }
}

/// `count` leaves from `first` on, with a head over them.
fn leaves(first: u64, count: u64) -> Append {
    Append {
        first_index: first,
        entries: (first..first + count).map(|n| entry(n, here(n))).collect(),
        tiles: vec![Tile {
            level: 0,
            number: first / 256,
            hashes: vec![first as u8; 64],
        }],
        frontier: vec![1, 2, 3],
        head: Some(head(first + count)),
        pending: None,
    }
}

fn changes(store: &PublicStore, after: u64) -> Vec<Change> {
    store
        .arrivals_after(after, 1_000)
        .unwrap()
        .into_iter()
        .map(|arrival| arrival.change)
        .collect()
}

#[test]
fn leaves_come_back_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(&dir);
    first.append(INPUD, leaves(0, 300)).unwrap();
    first.append(ANPUD, leaves(0, 2)).unwrap();
    first.append(INPUD, leaves(300, 10)).unwrap();
    first.commit().unwrap();
    drop(first);

    let store = store(&dir);
    let log = store.log(INPUD).unwrap().unwrap();
    assert_eq!(
        (log.size, log.head_size(), &log.frontier[..]),
        (310, 310, &[1, 2, 3][..])
    );
    assert_eq!(
        store.entry(INPUD, 309).unwrap(),
        Some(entry(309, here(309)))
    );
    assert_eq!(store.entry(INPUD, 310).unwrap(), None);
    assert_eq!(store.entry("nobody", 0).unwrap(), None);
    let read: Vec<_> = store
        .entries(INPUD, 250..u64::MAX)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        read,
        (250..310)
            .map(|n| (n, entry(n, here(n))))
            .collect::<Vec<_>>()
    );
    assert_eq!(store.tile(INPUD, 0, 1).unwrap(), Some(vec![44; 64]));
    assert_eq!(store.tile(INPUD, 1, 0).unwrap(), None);
    let origins: Vec<_> = store.logs().map(|log| log.unwrap().origin).collect();
    assert_eq!(origins, [INPUD, ANPUD]);
}

#[test]
fn a_gap_or_an_overlap_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    store.append(INPUD, leaves(0, 3)).unwrap();
    for first in [0, 2, 4] {
        let refused = store.append(INPUD, leaves(first, 1));
        assert!(matches!(
            refused,
            Err(StoreError::OutOfOrder { size: 3, .. })
        ));
    }
    assert_eq!(store.log(INPUD).unwrap().unwrap().size, 3);
    assert_eq!(store.entry(INPUD, 2).unwrap(), Some(entry(2, here(2))));
}

#[test]
fn a_head_neither_goes_back_nor_ahead_of_the_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    store.append(INPUD, leaves(0, 3)).unwrap();
    for size in [2, 4] {
        assert!(matches!(
            store.set_head(INPUD, head(size)),
            Err(StoreError::HeadMisfit { .. })
        ));
        let append = Append {
            head: Some(head(size + 1)),
            ..Append::default()
        };
        let append = Append {
            first_index: 3,
            ..append
        };
        assert_eq!(store.append(INPUD, append).is_err(), size == 4);
    }
    assert!(store.set_head("nobody", head(0)).is_err());
    assert_eq!(store.log(INPUD).unwrap().unwrap().head, Some(head(3)));
}

#[test]
fn a_pending_head_goes_when_the_leaves_have_come() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    store.set_pending(INPUD, head(5)).unwrap();
    let half = Append {
        head: None,
        pending: None,
        ..leaves(0, 3)
    };
    assert_eq!(store.append(INPUD, half).unwrap().pending, Some(head(5)));
    let log = store.append(INPUD, leaves(3, 2)).unwrap();
    assert_eq!((log.head, log.pending), (Some(head(5)), None));
    store.set_pending(INPUD, head(4)).unwrap();
    assert_eq!(store.log(INPUD).unwrap().unwrap().pending, None);
}

#[test]
fn arrivals_come_in_order_and_old_heads_go() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(&dir);
    first.put_charter(1, b"charter").unwrap();
    first.append(INPUD, leaves(0, 2)).unwrap();
    first.append(ANPUD, leaves(0, 1)).unwrap();
    first.append(INPUD, leaves(2, 1)).unwrap();
    assert_eq!(
        (first.last_arrival(), changes(&first, 0).len()),
        (0, 0),
        "nothing is shown before it is safe"
    );
    first.commit().unwrap();
    for round in 0..50 {
        let cosigned = Head {
            note: format!("cosigned {round}"),
            size: 3,
        };
        assert!(first.set_head(INPUD, cosigned.clone()).unwrap());
        assert!(!first.set_head(INPUD, cosigned).unwrap());
    }
    first.commit().unwrap();
    drop(first);

    let store = store(&dir);
    let (inpud, anpud) = (|| INPUD.to_owned(), || ANPUD.to_owned());
    assert_eq!(
        changes(&store, 0),
        [
            Change::Charter { version: 1 },
            Change::Leaves {
                origin: inpud(),
                from: 0,
                to: 2
            },
            Change::Leaves {
                origin: anpud(),
                from: 0,
                to: 1
            },
            Change::Head { origin: anpud() },
            Change::Leaves {
                origin: inpud(),
                from: 2,
                to: 3
            },
            Change::Head { origin: inpud() },
        ]
    );
    let numbers: Vec<_> = store
        .arrivals_after(0, 9)
        .unwrap()
        .iter()
        .map(|arrival| arrival.number)
        .collect();
    let first = numbers[0];
    assert_eq!(numbers, [0, 1, 3, 4, 5, 56].map(|n| first + n));
    let last = store.last_arrival();
    assert_eq!(last, first + 56);
    assert_eq!(store.arrivals_after(first, 1).unwrap()[0].number, first + 1);
    assert!(changes(&store, last).is_empty());
    assert!(changes(&store, u64::MAX).is_empty());
    store.append(ANPUD, leaves(1, 1)).unwrap();
    store.commit().unwrap();
    assert!(store.arrivals_after(last, 9).unwrap()[0].number > last);
}

#[test]
fn a_store_that_fell_back_never_gives_a_number_twice() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(dir.path().join(from), dir.path().join(to)).unwrap();
    };
    drop(store(&dir));
    copy("db", "earlier");
    let (first, handed_out) = (store(&dir), |store: &PublicStore| {
        store.append(INPUD, leaves(0, 2)).unwrap();
        store.commit().unwrap();
        store.last_arrival()
    });
    let before = handed_out(&first);
    drop(first);
    copy("earlier", "db");
    for entry in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let store = store(&dir);
    assert_eq!(store.log(INPUD).unwrap(), None, "the store did fall back");
    store.append(ANPUD, leaves(0, 1)).unwrap();
    store.commit().unwrap();
    assert!(changes(&store, before).contains(&Change::Head {
        origin: ANPUD.to_owned()
    }));
}

#[test]
fn payloads_can_come_later_and_go_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let entries = vec![
        entry(0, Payload::Wanted),
        entry(1, Payload::Absent),
        entry(2, here(2)),
        entry(3, Payload::Wanted),
    ];
    store
        .append(
            INPUD,
            Append {
                entries,
                ..Append::default()
            },
        )
        .unwrap();
    let missing = || -> Vec<u64> { store.missing_payloads().map(|m| m.unwrap().index).collect() };
    assert_eq!(missing(), [0, 3]);

    let Payload::Here(payload) = here(9) else {
        unreachable!()
    };
    assert!(store.put_payload(INPUD, 3, payload.clone()).unwrap());
    assert!(!store.put_payload(INPUD, 3, payload.clone()).unwrap());
    assert_eq!(missing(), [0]);
    store.commit().unwrap();
    let first = store.arrivals_after(0, 1).unwrap()[0].number;
    assert_eq!(
        changes(&store, first),
        [Change::Payload {
            origin: INPUD.to_owned(),
            index: 3
        }]
    );

    assert!(store.erase_payload(INPUD, 3).unwrap());
    assert!(!store.erase_payload(INPUD, 3).unwrap());
    assert!(store.erase_payload(INPUD, 0).unwrap());
    assert_eq!(
        store.entry(INPUD, 3).unwrap(),
        Some(entry(3, Payload::Erased))
    );
    assert!(matches!(
        store.put_payload(INPUD, 3, payload.clone()),
        Err(StoreError::Erased { .. })
    ));
    assert!(matches!(
        store.want_payload(INPUD, 0),
        Err(StoreError::Erased { .. })
    ));
    assert!(missing().is_empty());

    assert!(store.want_payload(INPUD, 2).unwrap());
    assert_eq!(missing(), [2]);
    assert!(matches!(
        store.put_payload(INPUD, 4, payload),
        Err(StoreError::NoLeaf { index: 4, .. })
    ));
}

#[test]
fn an_erased_payload_is_off_the_disk_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("public");
    let open = || PublicStore::open(&path, os_entropy).unwrap();
    let marker = b"MARKER-recalled".repeat(40);
    let payload = Payload::Here(SaltedPayload {
        salt: [1; 32],
        payload: marker.clone(),
    });
    let found = || {
        std::fs::read(path.join("db"))
            .unwrap()
            .windows(15)
            .any(|w| w == &marker[..15])
    };
    let first = open();
    let id = first.store_id().unwrap();
    first
        .append(
            INPUD,
            Append {
                entries: vec![entry(0, payload)],
                ..Append::default()
            },
        )
        .unwrap();
    first
        .append(
            INPUD,
            Append {
                frontier: vec![1, 2, 3],
                ..leaves(1, 3)
            },
        )
        .unwrap();
    first.commit().unwrap();
    assert!(found());
    first.erase_payload(INPUD, 0).unwrap();
    first.commit().unwrap();
    assert!(first.awaits_rewrite());
    let last = first.last_arrival();
    drop(first);

    let store = open();
    assert!(!found() && !store.awaits_rewrite());
    assert_eq!(
        store.entry(INPUD, 0).unwrap(),
        Some(entry(0, Payload::Erased))
    );
    assert_eq!(store.entry(INPUD, 3).unwrap(), Some(entry(3, here(3))));
    assert_eq!(
        (store.store_id().unwrap(), store.last_arrival()),
        (id, last)
    );
    store.append(INPUD, leaves(4, 1)).unwrap();
    store.commit().unwrap();
    assert!(store.last_arrival() > last);
}

#[test]
fn a_frozen_log_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    store.append(INPUD, leaves(0, 2)).unwrap();
    assert_eq!(store.frozen(INPUD).unwrap(), None);
    assert!(store.freeze(INPUD, b"two heads").unwrap());
    assert!(!store.freeze(INPUD, b"another two").unwrap());
    assert_eq!(
        store.frozen(INPUD).unwrap().as_deref(),
        Some(&b"two heads"[..])
    );
    assert!(matches!(
        store.append(INPUD, leaves(2, 1)),
        Err(StoreError::Frozen { .. })
    ));
    assert!(matches!(
        store.set_head(INPUD, head(2)),
        Err(StoreError::Frozen { .. })
    ));
    assert!(store.log(INPUD).unwrap().unwrap().frozen);
    assert!(store.freeze("never-seen", b"evidence alone").unwrap());
}

#[test]
fn charters_and_their_conflicts_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    assert_eq!(store.latest_charter().unwrap(), None);
    for version in [1, 2, 10] {
        assert!(store.put_charter(version, &[version as u8]).unwrap());
        assert!(!store.put_charter(version, &[version as u8]).unwrap());
    }
    assert!(
        store
            .put_charter(2, b"two, and one more signature")
            .unwrap()
    );
    assert_eq!(store.latest_charter().unwrap(), Some((10, vec![10])));
    let versions: Vec<_> = store.charters().map(|charter| charter.unwrap().0).collect();
    assert_eq!(versions, [1, 2, 10]);
    assert!(store.put_conflict(2, b"another two").unwrap());
    assert!(!store.put_conflict(2, b"another two").unwrap());
    assert!(store.put_conflict(3, b"another three").unwrap());
    assert_eq!(
        store.conflicts(Some(2)).unwrap(),
        [(2, b"another two".to_vec())]
    );
    assert_eq!(store.conflicts(None).unwrap().len(), 2);
}

#[test]
fn cursors_settings_and_the_id_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(&dir);
    let id = first.store_id().unwrap();
    let cursor = Cursor {
        store_id: Uuid::from_u128(7),
        arrival: 42,
    };
    first.set_cursor("anpud", cursor).unwrap();
    first.meta_put("marker", b"restored").unwrap();
    first.commit().unwrap();
    drop(first);

    let store = store(&dir);
    assert_eq!(store.store_id().unwrap(), id);
    assert_eq!(store.cursor("anpud").unwrap(), Some(cursor));
    assert_eq!(store.cursor("anp").unwrap(), None);
    assert_eq!(
        store.meta_get("marker").unwrap().as_deref(),
        Some(&b"restored"[..])
    );
    assert_ne!(store.renew_store_id(os_entropy).unwrap(), id);
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let tile = Tile {
        level: 0,
        number: 0,
        hashes: vec![0; MAX_TILE + 1],
    };
    let append = Append {
        tiles: vec![tile],
        ..leaves(0, 1)
    };
    assert!(matches!(
        store.append(INPUD, append),
        Err(StoreError::TooLarge { .. })
    ));
    assert!(matches!(
        store.append(&"x".repeat(300), leaves(0, 1)),
        Err(StoreError::TooLarge { .. })
    ));
    assert_eq!(store.log(INPUD).unwrap(), None);
    assert_eq!(store.logs().count(), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    #[test]
    fn any_entry_is_read_as_it_was_written(leaf: Vec<u8>, salt: [u8; 32], payload: Vec<u8>, kind in 0..4) {
        let payload = match kind {
            0 => Payload::Absent,
            1 => Payload::Wanted,
            2 => Payload::Erased,
            _ => Payload::Here(SaltedPayload { salt, payload }),
        };
        let entry = Entry { leaf, payload };
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        store.append(INPUD, Append { entries: vec![entry.clone()], ..Append::default() }).unwrap();
        assert_eq!(store.entry(INPUD, 0).unwrap(), Some(entry));
    }
}
