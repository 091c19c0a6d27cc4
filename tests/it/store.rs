//! The store under kill -9: whatever was acknowledged is there, and nothing is half there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use counterfoil::store::{
    Append, Changes, Cost, Cursor, Entry, Head, NodeDir, Payload, PrivateStore, SaltedPayload,
    StoreError, Tile, os_entropy,
};
use uuid::Uuid;

const ORIGIN: &str = "drug-user-networks/inpud";
const PASSPHRASE: &[u8] = b"correct horse battery staple";
const LEAVES: u64 = 16;
const RECORD: u8 = 1;
const MARKER: &[u8] = b"MARKER-somebody-who-must-not-be-found";

/// Where the child writes; set by the test that starts it.
const CHILD_DIR: &str = "COUNTERFOIL_KILL_DIR";

fn entry(index: u64) -> Entry {
    let payload = vec![index as u8; 1_024];
    Entry {
        leaf: format!("leaf {index}").into_bytes(),
        payload: Payload::Here(SaltedPayload {
            salt: [index as u8; 32],
            payload,
        }),
    }
}

fn batch(number: u64) -> Append {
    let first_index = number * LEAVES;
    let size = first_index + LEAVES;
    Append {
        first_index,
        entries: (first_index..size).map(entry).collect(),
        tiles: vec![Tile {
            level: 0,
            number: first_index / 256,
            hashes: vec![number as u8; 512],
        }],
        frontier: size.to_be_bytes().to_vec(),
        head: Some(Head {
            note: format!("{ORIGIN}\n{size}\n"),
            size,
        }),
        pending: None,
    }
}

/// What one batch puts into the private plane: a new record, and one that always changes.
fn records(number: u64) -> Changes {
    let mut changes = Changes::new();
    changes.put(
        RECORD,
        &number.to_be_bytes(),
        MARKER.repeat(1 + (number % 200) as usize),
    );
    changes.put(RECORD, b"latest", number.to_be_bytes().to_vec());
    changes
}

/// Writes batches for ever and prints the number of each once it is safe.
#[test]
#[ignore = "the other half of the kill test, which starts it as a process of its own"]
fn child_writes_until_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let node = NodeDir::open(Path::new(&dir)).unwrap();
    let key = node.unlock(PASSPHRASE).unwrap().unwrap();
    let (public, private) = (
        node.public(os_entropy).unwrap(),
        node.private(&key, os_entropy).unwrap(),
    );
    let size = public.log(ORIGIN).unwrap().map_or(0, |log| log.size);
    // A crash between the two planes left the private one a batch behind.
    for number in written(&private)..size / LEAVES {
        private.apply(records(number)).unwrap();
    }
    for number in size / LEAVES.. {
        public.append(ORIGIN, batch(number)).unwrap();
        let cursor = Cursor {
            store_id: Uuid::from_u128(1),
            arrival: number,
        };
        public.set_cursor("anpud", cursor).unwrap();
        public.commit().unwrap();
        private.apply(records(number)).unwrap();
        node.checkpoint()
            .write(&format!("{ORIGIN}\n{number}\n"))
            .unwrap();
        let mut out = std::io::stdout().lock();
        out.write_all(format!("\nsafe {number}\n").as_bytes())
            .unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let kills = setting("COUNTERFOIL_KILLS").unwrap_or(10);
    let mut random = Random(setting("COUNTERFOIL_SEED").unwrap_or_else(|| {
        let mut seed = [0; 8];
        os_entropy(&mut seed).unwrap();
        u64::from_be_bytes(seed)
    }));
    let seed = random.0;
    let dir = tempfile::tempdir().unwrap();
    let new = NodeDir::create(dir.path()).unwrap();
    new.create_vault(PASSPHRASE, Cost::LEAST, os_entropy)
        .unwrap();
    new.finish().unwrap();

    let mut safe = None;
    for kill in 0..kills {
        let (mut child, lines) = start(dir.path());
        // Every third kill falls into opening, the others between two steps of writing.
        for _ in 0..if kill % 3 == 2 {
            0
        } else {
            1 + random.below(12)
        } {
            safe = Some(
                lines
                    .recv()
                    .unwrap_or_else(|_| panic!("the child failed; seed {seed}")),
            );
        }
        if kill == 0 {
            let refused = NodeDir::open(dir.path());
            assert!(
                matches!(refused, Err(StoreError::InUse { pid: Some(pid), .. }) if pid == child.id())
            );
        }
        // A pause that ends early when the child goes on, so that the moment is anybody's guess.
        if let Ok(number) = lines.recv_timeout(Duration::from_micros(random.below(40_000))) {
            safe = Some(number);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        safe = lines.iter().last().or(safe);
        check(dir.path(), safe, &format!("kill {kill}, seed {seed}"));
    }
    assert!(safe.is_some(), "nothing was ever written");
    search(dir.path());
}

#[track_caller]
fn check(dir: &Path, safe: Option<u64>, at: &str) {
    let node = NodeDir::open(dir).unwrap_or_else(|error| panic!("{error}; {at}"));
    let key = node.unlock(PASSPHRASE).unwrap().unwrap();
    let safe = safe.map_or(0, |number| number + 1);

    let public = node
        .public(os_entropy)
        .unwrap_or_else(|error| panic!("{error}; {at}"));
    let log = public.log(ORIGIN).unwrap().unwrap_or_default();
    assert_eq!(log.size % LEAVES, 0, "a batch is half there; {at}");
    let batches = log.size / LEAVES;
    assert!(batches >= safe, "{batches} batches of {safe}; {at}");
    assert_eq!(log.head_size(), log.size, "{at}");
    let mut count = 0;
    for row in public.entries(ORIGIN, 0..u64::MAX).unwrap() {
        let (index, found) = row.unwrap_or_else(|error| panic!("{error}; {at}"));
        assert_eq!(found, entry(index), "{at}");
        count += 1;
    }
    assert_eq!(count, log.size, "{at}");
    let cursor = public
        .cursor("anpud")
        .unwrap()
        .map_or(0, |cursor| cursor.arrival + 1);
    assert!(cursor >= safe && cursor <= batches, "{at}");

    let private = node
        .private(&key, os_entropy)
        .unwrap_or_else(|error| panic!("{error}; {at}"));
    let written = written(&private);
    assert!(written >= safe && written <= batches, "{at}");
    for number in 0..written {
        let record = private.get(RECORD, &number.to_be_bytes()).unwrap().unwrap();
        assert_eq!(
            record.as_slice(),
            MARKER.repeat(1 + (number % 200) as usize),
            "{at}"
        );
    }
    assert_eq!(
        private.len() as u64,
        written + u64::from(written > 0),
        "{at}"
    );

    let checkpoint = node.checkpoint().read().unwrap();
    let signed = checkpoint.map_or(0, |text| {
        text.lines().nth(1).unwrap().parse::<u64>().unwrap() + 1
    });
    assert!(signed >= safe && signed <= written, "{at}");
}

/// How many batches the private plane holds, by its own account.
fn written(private: &PrivateStore) -> u64 {
    let latest = private.get(RECORD, b"latest").unwrap();
    latest.map_or(0, |value| {
        u64::from_be_bytes(value.as_slice().try_into().unwrap()) + 1
    })
}

/// Nothing under the directory shows what a record held, whatever the crashes left behind.
fn search(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            search(&entry.path());
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(6).any(|window| window == &MARKER[..6]);
            assert!(!found, "{}", entry.path().display());
        }
    }
}

fn start(dir: &Path) -> (Child, Receiver<u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "store::child_writes_until_killed",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (to, lines) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // A line cut by the kill was not acknowledged.
            if let Some(number) = line
                .strip_prefix("safe ")
                .and_then(|number| number.parse().ok())
            {
                let _ = to.send(number);
            }
        }
    });
    (child, lines)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().expect("a number"))
}

/// `SplitMix64`: enough to pick moments, and the same again from a printed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What was erased stands in no file of the directory any more once it was opened again: neither
/// the payload and its salt, nor the sealed row of a record.
#[test]
fn erased_bytes_are_in_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let new = NodeDir::create(dir.path()).unwrap();
    let key = new
        .create_vault(PASSPHRASE, Cost::LEAST, os_entropy)
        .unwrap();
    let node = new.finish().unwrap();
    let (public, private) = (
        node.public(os_entropy).unwrap(),
        node.private(&key, os_entropy).unwrap(),
    );
    public.append(ORIGIN, batch(0)).unwrap();
    private.apply(records(0)).unwrap();
    private.apply(records(1)).unwrap();
    let sealed = |store: &PrivateStore| {
        let mut rows = Vec::new();
        store
            .rows_at_once(|_, row| {
                rows.push(row);
                true
            })
            .unwrap();
        rows
    };
    let before = sealed(&private);
    public.erase_payload(ORIGIN, 3).unwrap();
    let mut changes = Changes::new();
    changes.delete(RECORD, &0u64.to_be_bytes());
    private.apply(changes).unwrap();
    private.request_rewrite().unwrap();
    public.commit().unwrap();
    let after = sealed(&private);
    let erased: Vec<&Vec<u8>> = before.iter().filter(|row| !after.contains(row)).collect();
    // The record's, and the one that says what there is.
    assert_eq!(erased.len(), 2);
    let secrets = [&erased[0][..32], &erased[1][..32], &[3; 32][..]];
    drop((public, private));
    assert!(
        secrets.iter().all(|secret| holds(dir.path(), secret)),
        "the engine keeps what was removed"
    );
    node.public(os_entropy).unwrap();
    let private = node.private(&key, os_entropy).unwrap();
    assert_eq!(sealed(&private).len(), after.len());
    for secret in secrets {
        assert!(!holds(dir.path(), secret), "still in a file");
    }
    // What was kept is found that way, so the search does find.
    assert!(holds(dir.path(), &after[1][..32]) && holds(dir.path(), &[4; 32]));
}

/// Returns whether any file under a directory holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir)
        .unwrap()
        .map(Result::unwrap)
        .any(|entry| {
            if entry.file_type().unwrap().is_dir() {
                return holds(&entry.path(), bytes);
            }
            let file = std::fs::read(entry.path()).unwrap();
            file.windows(bytes.len()).any(|window| window == bytes)
        })
}
