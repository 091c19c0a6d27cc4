//! Nodes with real stores, and wires of memory between them that can be cut and listened to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil::federation::{
    CharterOutcome, Charters, Federation, HeadWatch, Patience, Roll, RollMember, Side, Witness,
};
use counterfoil::identity::keys::{log_verifier, witness_verifier};
use counterfoil::identity::{LogKey, WitnessKey};
use counterfoil::log::{Audience, Hash, Leaf, Origin, VerifiedCheckpoint, commitment};
use counterfoil::model::{MemberId, Summary};
use counterfoil::store::{
    Entry, Head, LogState, Payload, PublicStore, Replica, SaltedPayload, os_entropy,
};
use counterfoil::wire::{PeerSync, SyncFrame, payload};
use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

pub(crate) use crate::listener::{DAY, NOW, member as id, pwud};

pub(crate) fn origin(member: &str) -> String {
    Origin::of(&pwud(), &id(member)).to_string()
}

fn seed(member: &str, role: u8) -> [u8; 32] {
    let mut seed = [role; 32];
    seed[..member.len()].copy_from_slice(member.as_bytes());
    seed
}

pub(crate) fn log_key(member: &str) -> LogKey {
    LogKey::from_seed(&seed(member, 1))
}

pub(crate) fn witness_key(member: &str) -> WitnessKey {
    WitnessKey::from_seed(&seed(member, 2))
}

/// A member as the test charter has it; one called `relay…` has no log.
pub(crate) fn roll_member(member: &str) -> RollMember {
    let log = log_verifier(&pwud(), &id(member), log_key(member).public_key());
    let witness = witness_verifier(&pwud(), &id(member), witness_key(member).public_key());
    let is_relay = member.starts_with("relay");
    RollMember {
        id: id(member),
        active: true,
        log_keys: (!is_relay)
            .then(|| log.expect("a point"))
            .into_iter()
            .collect(),
        witness_key: witness.expect("a point"),
        endpoints: Vec::new(),
    }
}

/// The charter as one node knows it: a note is its version and its members, a word each.
#[derive(Debug)]
pub(crate) struct TestCharters {
    own: MemberId,
    roll: Mutex<Arc<Roll>>,
    store: Arc<PublicStore>,
}

impl TestCharters {
    fn roll_of(own: &MemberId, note: &str) -> Option<Roll> {
        let mut words = note.split(' ');
        let version = words.next()?.parse().ok()?;
        let is_member = |word: &str| word.len() < 32 && word.parse::<MemberId>().is_ok();
        if !words.clone().all(is_member) {
            return None;
        }
        Some(Roll::new(
            pwud(),
            version,
            own.clone(),
            words.map(roll_member),
        ))
    }
}

impl Charters for TestCharters {
    fn roll(&self) -> Option<Arc<Roll>> {
        Some(Arc::clone(&self.roll.lock().expect("lock")))
    }

    fn accept(&self, note: &[u8]) -> CharterOutcome {
        let note = std::str::from_utf8(note).unwrap_or_default();
        let Some(next) = Self::roll_of(&self.own, note) else {
            return CharterOutcome::Refused("it is no charter".to_owned());
        };
        let mut roll = self.roll.lock().expect("lock");
        if next.version() <= roll.version() {
            return CharterOutcome::Known;
        }
        if note.contains("forged") {
            return CharterOutcome::Refused("too few governors signed it".to_owned());
        }
        let version = next.version().into();
        self.store
            .put_charter(version, note.as_bytes())
            .expect("stores");
        *roll = Arc::new(next);
        CharterOutcome::Next
    }
}

/// One node: a store on disk, keys, and its part in the federation.
pub(crate) struct Node {
    pub(crate) id: MemberId,
    pub(crate) store: Arc<PublicStore>,
    pub(crate) federation: Arc<Federation>,
    pub(crate) clock: Arc<AtomicU64>,
    _dir: Arc<TempDir>,
}

/// How long tests wait for frames that never come.
pub(crate) fn patience() -> Patience {
    Patience {
        silence: Duration::from_secs(20),
        farewell: Duration::from_secs(2),
        commit: Duration::from_millis(50),
    }
}

impl Node {
    /// Starts `own` under version 1 of a charter of `members`.
    pub(crate) fn start(own: &str, members: &[&str]) -> Self {
        let note = format!("1 {}", members.join(" "));
        Self::with_charter(own, &note, None)
    }

    pub(crate) fn with_charter(
        own: &str,
        note: &str,
        mark: Option<counterfoil::federation::Mark>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Arc::new(PublicStore::open(dir.path(), os_entropy).expect("a store"));
        store.put_charter(1, note.as_bytes()).expect("stores");
        store.commit().expect("commits");
        let own = id(own);
        let charters = TestCharters {
            roll: Mutex::new(Arc::new(
                TestCharters::roll_of(&own, note).expect("a charter"),
            )),
            own: own.clone(),
            store: Arc::clone(&store),
        };
        let clock = Arc::new(AtomicU64::new(NOW));
        let hand = Arc::clone(&clock);
        let federation = Federation::new(
            Arc::clone(&store),
            Arc::new(charters),
            Some(Witness::new(witness_key(own.as_str()), own.clone())),
            HeadWatch::new(mark),
            Arc::new(move || hand.load(Ordering::SeqCst)),
            patience(),
        );
        Self {
            id: own,
            store,
            federation: Arc::new(federation),
            clock,
            _dir: Arc::new(dir),
        }
    }

    /// Stands in for another member that publishes into the store of `host`.
    pub(crate) fn start_on(host: &Self, own: &str) -> Self {
        Self {
            id: id(own),
            store: Arc::clone(&host.store),
            federation: Arc::clone(&host.federation),
            clock: Arc::clone(&host.clock),
            _dir: Arc::clone(&host._dir),
        }
    }

    pub(crate) fn origin(&self) -> String {
        origin(self.id.as_str())
    }

    /// Publishes `count` summaries for everybody, under one new head.
    pub(crate) fn publish(&self, count: u64) {
        let from = self.size(self.id.as_str());
        let entries = (from..from + count).map(|n| summary(self.id.as_str(), n, Audience::ALL));
        self.append(entries.collect());
    }

    /// Appends entries to the own log and signs it.
    pub(crate) fn append(&self, entries: Vec<Entry>) {
        let origin = self.origin();
        let mut growth = Replica::new(&self.store, &origin).grow().expect("grows");
        for entry in entries {
            growth.push(entry).expect("grows");
        }
        let head = self.sign(growth.size(), growth.root());
        growth.store(Some(head), None).expect("stores");
        self.store.commit().expect("commits");
    }

    pub(crate) fn sign(&self, size: u64, root: Hash) -> Head {
        let key = log_key(self.id.as_str());
        let head = VerifiedCheckpoint::sign(&pwud(), &self.id, &key, size, root);
        Head {
            note: head.to_string(),
            size,
        }
    }

    pub(crate) fn log(&self, member: &str) -> LogState {
        let state = self.store.log(&origin(member)).expect("reads");
        state.unwrap_or_default()
    }

    pub(crate) fn size(&self, member: &str) -> u64 {
        self.log(member).size
    }

    /// Who has cosigned the head this node holds of a log.
    pub(crate) fn cosigned_by(&self, member: &str) -> Vec<String> {
        let note = self
            .log(member)
            .head
            .map(|head| head.note)
            .unwrap_or_default();
        let lines = note
            .lines()
            .filter_map(|line| line.strip_prefix("\u{2014} pwud/"));
        let names = lines.filter_map(|line| line.split_once("/witness "));
        let mut names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    }

    /// Every leaf and payload this node holds of a log, read one by one.
    pub(crate) fn entries(&self, member: &str) -> Vec<Entry> {
        let entries = self
            .store
            .entries(&origin(member), 0..u64::MAX)
            .expect("reads");
        entries.map(|entry| entry.expect("reads").1).collect()
    }

    /// All that is stored, for comparing before and after.
    pub(crate) fn everything(&self) -> BTreeMap<String, (LogState, Vec<Entry>)> {
        let logs = self.store.logs().map(|log| log.expect("reads"));
        logs.map(|log| {
            let entries = self.store.entries(&log.origin, 0..log.size).expect("reads");
            let entries = entries.map(|entry| entry.expect("reads").1).collect();
            (log.origin.clone(), (log, entries))
        })
        .collect()
    }
}

const SERIES: [&str; 4] = [
    "training",
    "consultation",
    "joint_project",
    "advocacy_action",
];

/// The `n`-th summary of a member, with its payload.
pub(crate) fn summary(member: &str, n: u64, audience: Audience) -> Entry {
    let year = 2000 + n % 400;
    let kind = SERIES[(n / 400) as usize % SERIES.len()];
    let series = format!("{kind}/{year}").parse().expect("a series");
    let revision = (n / 1600 + 1) as u32;
    let payload = payload::encode(&Summary {
        member: id(member),
        series,
        revision,
        charter_version: 1,
        tables: Vec::new(),
        statements: Vec::new(),
    });
    let payload = payload.expect("small");
    let mut salt = [0; 32];
    salt[..8].copy_from_slice(&n.to_be_bytes());
    let leaf = Leaf::Summary {
        series,
        revision,
        date: "2026-11-01".parse().expect("a date"),
        replaces: None,
        audience,
        commit: commitment(&salt, &payload),
    };
    Entry {
        leaf: leaf.encode().expect("a leaf").into_bytes(),
        payload: Payload::Here(SaltedPayload { salt, payload }),
    }
}

pub(crate) fn recall(index: u64) -> Entry {
    let leaf = Leaf::Recall {
        index,
        reason: "error".parse().expect("a reason"),
        date: "2026-11-02".parse().expect("a date"),
    };
    Entry {
        leaf: leaf.encode().expect("a leaf").into_bytes(),
        payload: Payload::Absent,
    }
}

/// What passed over a wire, and where it is cut.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) frames: AtomicUsize,
    /// Leaves in batches.
    pub(crate) leaves: AtomicU64,
    /// Bytes of frames, without compressed leaves: these are as long as their hashes let them be.
    pub(crate) bytes: AtomicUsize,
    /// Frames that pass before it is cut; 0 for all.
    pub(crate) cut_after: usize,
}

impl Wire {
    fn passes(&self, frame: &SyncFrame) -> bool {
        let before = self.frames.fetch_add(1, Ordering::SeqCst);
        let passes = self.cut_after == 0 || before < self.cut_after;
        let mut len = frame.encoded_len();
        if let Some(counterfoil::wire::sync_frame::Frame::Batch(batch)) = &frame.frame {
            let leaves = batch.leaves_zstd.len();
            len -= leaves + prost::length_delimiter_len(leaves);
        }
        self.bytes.fetch_add(len, Ordering::SeqCst);
        if let Some(counterfoil::wire::sync_frame::Frame::Batch(batch)) = &frame.frame
            && passes
        {
            self.leaves.fetch_add(batch.count.into(), Ordering::SeqCst);
        }
        passes
    }
}

/// Makes one direction of a wire.
pub(crate) fn direction(
    wire: &Arc<Wire>,
) -> (
    mpsc::Sender<SyncFrame>,
    impl Stream<Item = Result<SyncFrame, String>> + Send + Unpin + 'static,
) {
    let (to, from) = mpsc::channel(1);
    let wire = Arc::clone(wire);
    let through = ReceiverStream::new(from).map(move |frame| {
        let passes = wire.passes(&frame);
        passes.then_some(frame).ok_or_else(|| "cut".to_owned())
    });
    (to, through)
}

/// Syncs two nodes; `a` dials.
pub(crate) async fn sync(a: &Node, b: &Node) -> (PeerSync, PeerSync) {
    sync_over(a, b, &Arc::default()).await
}

pub(crate) async fn sync_over(a: &Node, b: &Node, wire: &Arc<Wire>) -> (PeerSync, PeerSync) {
    let (to_b, from_a) = direction(wire);
    let (to_a, from_b) = direction(wire);
    let one = {
        let (node, peer) = (Arc::clone(&a.federation), b.id.clone());
        tokio::spawn(async move { node.sync(&peer, Side::Dialled, from_b, to_b).await })
    };
    let other = {
        let (node, peer) = (Arc::clone(&b.federation), a.id.clone());
        tokio::spawn(async move { node.sync(&peer, Side::Accepted, from_a, to_a).await })
    };
    (one.await.expect("ends"), other.await.expect("ends"))
}

/// Syncs two nodes and expects both to be content.
#[track_caller]
pub(crate) fn well(done: &(PeerSync, PeerSync)) {
    assert!(done.0.ok && done.1.ok, "{done:?}");
}
