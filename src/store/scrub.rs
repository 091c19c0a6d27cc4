//! Reading everything stored again, and hashing it: what lies on a disk for years can change
//! without anybody asking for it.
//!
//! Checksums and seals say whether a value is what was written; hashes say whether it is what was
//! signed. What peers have too can be dropped and fetched again: see [`mend`].

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::public::LogState;
use super::replica::Growth;
use super::{Payload, PrivateStore, PublicStore, Replica, ReplicaError};
use crate::log::path::TILE_WIDTH;
use crate::log::tree::Frontier;
use crate::log::{Hash, Leaf, SignedCheckpoint, commitment, leaf_hash};

/// Most findings that are kept; one bad disk makes as many as there are rows.
const MOST_FINDINGS: usize = 1_000;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A payload is not what its leaf commits to; the leaf is whole.
    Payload {
        /// Of which log.
        origin: String,
        /// Of which leaf.
        index: u64,
    },
    /// A leaf cannot be read, or is not what the tree was made of.
    Leaf {
        /// Of which log.
        origin: String,
        /// Which.
        index: u64,
    },
    /// Every leaf is whole, and still the hashes over them are not those that were signed.
    Tree {
        /// Of which log.
        origin: String,
    },
    /// Something else cannot be read: a charter, a setting, a log's state.
    Row {
        /// What the store says of it.
        error: String,
    },
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Leaves hashed again.
    pub leaves: u64,
    /// Payloads held against their leaves.
    pub payloads: u64,
    /// Sealed rows opened.
    pub rows: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Scrubbed {
    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }

    fn row(&mut self, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        self.find(Finding::Row { error });
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payload { origin, index } => {
                write!(
                    f,
                    "payload {index} of {origin} is not what its leaf commits to"
                )
            }
            Self::Leaf { origin, index } => write!(f, "leaf {index} of {origin} is damaged"),
            Self::Tree { origin } => write!(f, "the hashes kept over {origin} are damaged"),
            Self::Row { error } => f.write_str(error),
        }
    }
}

/// Reads and hashes the whole public plane.
pub fn public(store: &PublicStore) -> Scrubbed {
    let mut done = Scrubbed::default();
    for charter in store.charters() {
        if let Err(error) = charter {
            done.row(&error);
        }
    }
    if let Err(error) = store.conflicts(None).and_then(|_| store.settings()) {
        done.row(&error);
    }
    for log in store.logs() {
        match log {
            Ok(log) => scrub_log(store, &log, &mut done),
            Err(error) => done.row(&error),
        }
    }
    for missing in store.missing_payloads() {
        if let Err(error) = missing {
            done.row(&error);
        }
    }
    done
}

/// Opens every row of the private plane.
pub fn private(store: &PrivateStore) -> Scrubbed {
    let mut done = Scrubbed::default();
    let mut rows = 0;
    let read = store.rows_at_once(|_, _| {
        rows += 1;
        true
    });
    done.rows = rows;
    if let Err(error) = read {
        done.row(&error);
    }
    done
}

/// Returns a log whose newest leaf is of a later day, if there is one.
pub fn dated_after(store: &PublicStore, day: Date) -> Option<String> {
    let later = |log: LogState| {
        let entry = store.entry(&log.origin, log.size.checked_sub(1)?);
        let leaf = Leaf::parse(&entry.ok()??.leaf).ok()?;
        (leaf.date() > day).then_some(log.origin)
    };
    store.logs().filter_map(Result::ok).find_map(later)
}

/// One log on its way through the scrub.
struct Walk {
    frontier: Frontier,
    /// The hashes the tree was made of, a tile at a time.
    tile: Option<(u64, Vec<Hash>)>,
    damaged: bool,
    head: Option<(u64, Hash)>,
    head_holds: bool,
}

fn scrub_log(store: &PublicStore, log: &LogState, done: &mut Scrubbed) {
    let head = log.head.as_ref().map(|head| {
        let signed = SignedCheckpoint::parse(head.note.as_bytes());
        signed.map(|signed| (signed.checkpoint().size, signed.checkpoint().root))
    });
    let head = head.transpose().unwrap_or_else(|error| {
        done.row(&format!("the head of {} is damaged: {error}", log.origin));
        None
    });
    let mut walk = Walk {
        frontier: Frontier::new(),
        tile: None,
        damaged: false,
        head_holds: head.is_none_or(|(size, _)| size == 0),
        head,
    };
    let mut next = 0;
    while next < log.size {
        next = scrub_from(store, log, next, &mut walk, done);
    }
    // With a leaf missing there is no root to compare; that leaf was named already.
    let whole = Replica::new(store, &log.origin).root();
    let same = whole.is_ok_and(|root| root == walk.frontier.root());
    let bears_out = same && walk.head_holds;
    if !(walk.damaged || bears_out) {
        let origin = log.origin.clone();
        done.find(Finding::Tree { origin });
    }
}

/// Reads on from a leaf to the first that cannot be read; returns the one after it.
fn scrub_from(
    store: &PublicStore,
    log: &LogState,
    from: u64,
    walk: &mut Walk,
    done: &mut Scrubbed,
) -> u64 {
    let mut next = from;
    let entries = match store.entries(&log.origin, from..log.size) {
        Ok(entries) => entries,
        Err(error) => {
            done.row(&error);
            return log.size;
        }
    };
    for entry in entries {
        let Ok((index, entry)) = entry else {
            walk.lose(&log.origin, next, done);
            return next + 1;
        };
        next = index + 1;
        done.leaves += 1;
        let hash = leaf_hash(&entry.leaf);
        match walk.kept(store, &log.origin, index) {
            Some(kept) if kept == hash => {}
            // A tile that is gone or damaged says nothing against the leaf.
            None => {}
            Some(_) => {
                walk.lose(&log.origin, index, done);
                continue;
            }
        }
        walk.push(hash);
        if let Payload::Here(here) = &entry.payload {
            done.payloads += 1;
            let holds = matches!(
                Leaf::parse(&entry.leaf),
                Ok(Leaf::Summary { commit, .. }) if commit == commitment(&here.salt, &here.payload)
            );
            if !holds {
                let origin = log.origin.clone();
                done.find(Finding::Payload { origin, index });
            }
        }
    }
    next.max(from + 1)
}

impl Walk {
    fn push(&mut self, hash: Hash) {
        self.frontier.push(hash);
        if let Some((size, root)) = self.head
            && size == self.frontier.size()
        {
            self.head_holds = root == self.frontier.root();
        }
    }

    fn lose(&mut self, origin: &str, index: u64, done: &mut Scrubbed) {
        self.damaged = true;
        // Only so that later leaves keep their places.
        self.frontier.push(Hash([0; 32]));
        let origin = origin.to_owned();
        done.find(Finding::Leaf { origin, index });
    }

    /// Returns the hash of a leaf that was kept when it was stored.
    fn kept(&mut self, store: &PublicStore, origin: &str, index: u64) -> Option<Hash> {
        let number = index / TILE_WIDTH;
        if self.tile.as_ref().is_none_or(|(held, _)| *held != number) {
            let bytes = store.tile(origin, 0, number).ok().flatten();
            let bytes = bytes.unwrap_or_default();
            let (hashes, _) = bytes.as_chunks::<32>();
            self.tile = Some((number, hashes.iter().map(|hash| Hash(*hash)).collect()));
        }
        let (_, hashes) = self.tile.as_ref()?;
        let at = usize::try_from(index % TILE_WIDTH).ok()?;
        hashes.get(at).copied()
    }
}

/// Drops what is damaged and held by peers too, so that the next sync fetches it again: a payload
/// alone, or a log from its first damaged leaf on. Its head is remembered, so that no other history
/// is taken instead. Returns what was dropped, in a line each.
///
/// `may_drop` says whether leaves of a log may go: those of the own log are not only peers' to give.
///
/// # Errors
/// When the disk refuses.
pub fn mend(
    store: &PublicStore,
    findings: &[Finding],
    may_drop: impl Fn(&str) -> bool,
) -> Result<Vec<String>, ReplicaError> {
    let mut done = Vec::new();
    let mut cuts: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings {
        match finding {
            Finding::Payload { origin, index } => {
                if store.want_payload(origin, *index)? {
                    done.push(format!("payload {index} of {origin} is fetched again"));
                }
            }
            Finding::Leaf { origin, index } if may_drop(origin) => {
                let first = cuts.entry(origin).or_insert(*index);
                *first = (*first).min(*index);
            }
            Finding::Tree { origin } if may_drop(origin) => {
                cuts.insert(origin, 0);
            }
            Finding::Leaf { .. } | Finding::Tree { .. } | Finding::Row { .. } => {}
        }
    }
    for (origin, size) in &cuts {
        cut(store, origin, *size)?;
        done.push(format!("{origin} is fetched again from leaf {size} on"));
    }
    if !cuts.is_empty() {
        store.forget_cursors()?;
    }
    store.commit()?;
    Ok(done)
}

/// Takes a log back to its first `size` leaves, all of which can be read.
fn cut(store: &PublicStore, origin: &str, size: u64) -> Result<(), ReplicaError> {
    let mut frontier = Frontier::new();
    for entry in store.entries(origin, 0..size)? {
        frontier.push(leaf_hash(&entry?.1.leaf));
    }
    Ok(store.cut(origin, size, frontier.encode())?)
}

/// What could be taken over from a plane that is damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Logs: name, leaves taken over, leaves there were.
    pub logs: Vec<(String, u64, u64)>,
    /// Charters, settings and rows taken over.
    pub rows: u64,
    /// What could not be read.
    pub lost: Vec<String>,
}

/// Copies what can be read, and holds together, from a damaged public plane into a new one.
///
/// # Errors
/// When the new one cannot be written.
pub fn salvage_public(from: &PublicStore, to: &PublicStore) -> Result<Salvaged, ReplicaError> {
    let mut done = Salvaged::default();
    match from.settings() {
        Ok(settings) => {
            for (name, value) in settings {
                to.meta_put(&name, &value)?;
                done.rows += 1;
            }
        }
        Err(error) => done.lost.push(error.to_string()),
    }
    for charter in from.charters() {
        match charter {
            Ok((version, document)) => {
                to.put_charter(version, &document)?;
                done.rows += 1;
            }
            Err(error) => done.lost.push(format!("a charter: {error}")),
        }
    }
    match from.conflicts(None) {
        Ok(conflicts) => {
            for (version, document) in conflicts {
                to.put_conflict(version, &document)?;
            }
        }
        Err(error) => done.lost.push(format!("a charter: {error}")),
    }
    for log in from.logs() {
        match log {
            Ok(log) => {
                let kept = salvage_log(from, to, &log)?;
                done.logs.push((log.origin, kept, log.size));
            }
            Err(error) => done.lost.push(format!("a log: {error}")),
        }
    }
    to.commit()?;
    Ok(done)
}

/// Copies the leaves of a log up to the first that cannot be read or is not the one that was
/// stored; returns how many.
fn salvage_log(from: &PublicStore, to: &PublicStore, log: &LogState) -> Result<u64, ReplicaError> {
    let signed = log.head.as_ref();
    let signed = signed.and_then(|head| SignedCheckpoint::parse(head.note.as_bytes()).ok());
    let mut kept = 0;
    let mut growth: Growth<'_> = Replica::new(to, &log.origin).grow()?;
    for entry in from.entries(&log.origin, 0..log.size)? {
        let Ok((_, mut entry)) = entry else { break };
        let Ok(leaf) = Leaf::parse(&entry.leaf) else {
            break;
        };
        if let Payload::Here(here) = &entry.payload
            && !matches!(leaf, Leaf::Summary { commit, .. } if commit == commitment(&here.salt, &here.payload))
        {
            entry.payload = Payload::Wanted;
        }
        growth.push(entry)?;
        kept += 1;
        if kept % 512 == 0 {
            growth.store(None, None)?;
            growth = Replica::new(to, &log.origin).grow()?;
        }
    }
    let reached = log.head.clone().filter(|head| head.size <= kept);
    let pending = match &reached {
        Some(_) => log.pending.clone(),
        // What was signed is remembered, so that no other history is taken instead.
        None => log.pending.clone().or_else(|| log.head.clone()),
    };
    growth.store(reached.clone(), pending)?;
    // Leaves that do not bear out what was signed are worth nothing.
    if let (Some(head), Some(signed)) = (&reached, &signed) {
        let root = Replica::new(to, &log.origin).root_at(head.size)?;
        if root != signed.checkpoint().root {
            to.cut(&log.origin, 0, Vec::new())?;
            kept = 0;
        }
    }
    if let Ok(Some(evidence)) = from.frozen(&log.origin) {
        to.freeze(&log.origin, &evidence)?;
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples::entry;
    use crate::store::{Cursor, Head, os_entropy};

    const ORIGIN: &str = "joint/anpud";

    fn append(store: &PublicStore, indexes: std::ops::Range<u64>) -> Hash {
        let mut growth = Replica::new(store, ORIGIN).grow().unwrap();
        for index in indexes {
            growth.push(entry(index)).unwrap();
        }
        let key = crate::identity::LogKey::from_seed(&[3; 32]);
        let (joint, anpud) = ("joint".parse().unwrap(), "anpud".parse().unwrap());
        let (size, root) = (growth.size(), growth.root());
        let signed = crate::log::VerifiedCheckpoint::sign(&joint, &anpud, &key, size, root);
        let note = signed.to_string();
        growth.store(Some(Head { note, size }), None).unwrap();
        store.commit().unwrap();
        root
    }

    fn filled(dir: &std::path::Path) -> (PublicStore, Hash) {
        let store = PublicStore::open(dir, os_entropy).unwrap();
        let root = append(&store, 0..600);
        let store_id = uuid::Uuid::from_u128(1);
        store
            .set_cursor(
                "anpud",
                Cursor {
                    store_id,
                    arrival: 9,
                },
            )
            .unwrap();
        (store, root)
    }

    fn leaf(index: u64) -> Finding {
        let origin = ORIGIN.to_owned();
        Finding::Leaf { origin, index }
    }

    #[test]
    fn what_is_whole_has_nothing_to_be_found() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = filled(dir.path());
        let found = public(&store);
        assert_eq!((found.leaves, found.payloads), (600, 600));
        assert_eq!(found.findings, []);
        let day = jiff::civil::date(2018, 4, 12);
        assert_eq!(dated_after(&store, day), None);
        let day = jiff::civil::date(2018, 4, 11);
        assert_eq!(dated_after(&store, day).as_deref(), Some(ORIGIN));
    }

    #[test]
    fn a_payload_that_changed_is_wanted_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = filled(dir.path());
        let mut other = entry(300);
        if let Payload::Here(here) = &mut other.payload {
            here.payload[7] ^= 1;
        }
        store.damage(ORIGIN, 300, Some(&other));
        let found = public(&store);
        let origin = ORIGIN.to_owned();
        let index = 300;
        assert_eq!(found.findings, [Finding::Payload { origin, index }]);
        mend(&store, &found.findings, |_| true).unwrap();
        let missing: Vec<_> = store.missing_payloads().map(Result::unwrap).collect();
        assert_eq!(missing.len(), 1);
        // It comes back as any payload that was missing.
        let Payload::Here(here) = entry(300).payload else {
            unreachable!("it has one")
        };
        store.put_payload(ORIGIN, 300, here).unwrap();
        assert_eq!(public(&store).findings, []);
    }

    #[test]
    fn a_leaf_that_is_gone_or_changed_is_fetched_again_with_all_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let (store, root) = filled(dir.path());
        store.damage(ORIGIN, 257, None);
        store.damage(ORIGIN, 400, Some(&entry(1)));
        let found = public(&store);
        assert_eq!(found.findings, [leaf(257), leaf(400)]);
        assert_eq!(found.leaves, 599);
        // What is not to be dropped stays, and is found again.
        mend(&store, &found.findings, |_| false).unwrap();
        assert_eq!(public(&store).findings, found.findings);

        mend(&store, &found.findings, |_| true).unwrap();
        let log = store.log(ORIGIN).unwrap().unwrap();
        assert_eq!((log.size, log.head_size()), (257, 0));
        // What was signed is not forgotten, and peers are asked from their start.
        assert_eq!(log.pending.map(|pending| pending.size), Some(600));
        assert_eq!(store.cursor("anpud").unwrap(), None);
        assert_eq!(public(&store).findings, []);
        // What is dropped by intent is no loss.
        drop(store);
        let store = PublicStore::open(dir.path(), os_entropy).unwrap();
        assert!(!store.has_lost());
        assert_eq!(append(&store, 257..600), root);
        let found = public(&store);
        assert_eq!((found.leaves, found.findings), (600, Vec::new()));
        for index in [0, 256, 257, 599] {
            assert_eq!(store.entry(ORIGIN, index).unwrap(), Some(entry(index)));
        }
    }

    #[test]
    fn what_can_be_read_is_salvaged_up_to_the_first_that_cannot() {
        let dir = tempfile::tempdir().unwrap();
        let (store, root) = filled(&dir.path().join("old"));
        store.put_charter(1, b"a charter").unwrap();
        store.meta_put("peers", b"one").unwrap();
        let to = |name: &str| PublicStore::open(&dir.path().join(name), os_entropy).unwrap();
        let whole = to("whole");
        let done = salvage_public(&store, &whole).unwrap();
        assert_eq!(done.logs, [(ORIGIN.to_owned(), 600, 600)]);
        assert_eq!(done.lost, [""; 0]);
        assert_eq!(Replica::new(&whole, ORIGIN).root().unwrap(), root);
        assert_eq!(public(&whole).findings, []);
        assert_ne!(whole.store_id().unwrap(), store.store_id().unwrap());

        store.damage(ORIGIN, 300, None);
        let mut other = entry(3);
        if let Payload::Here(here) = &mut other.payload {
            here.salt[0] ^= 1;
        }
        store.damage(ORIGIN, 3, Some(&other));
        let part = to("part");
        let done = salvage_public(&store, &part).unwrap();
        assert_eq!(done.logs, [(ORIGIN.to_owned(), 300, 600)]);
        assert_eq!(part.charter(1).unwrap().unwrap(), b"a charter");
        let log = part.log(ORIGIN).unwrap().unwrap();
        assert_eq!(
            (log.head, log.pending.map(|head| head.size)),
            (None, Some(600))
        );
        assert_eq!(part.missing_payloads().count(), 1);
        assert_eq!(public(&part).findings, []);
        assert_eq!(append(&part, 300..600), root);
    }
}
