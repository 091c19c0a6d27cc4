//! 200,000 summaries between two nodes over mutual TLS, beside the disk alone; and a sync that
//! has nothing to bring.

use std::fs::File;
use std::path::Path;

use counterfoil::node::open::Node;
use counterfoil::wire;
use tokio::runtime::Runtime;

use crate::measure::{Begun, Took, in_turns, say_mib, say_ms, say_rate, say_ratio};
use crate::network::{GIVER, Network, Row, TAKER, open};
use crate::place;
use crate::served::Served;

/// Members whose logs are brought.
const OWNERS: usize = 20;
const SUMMARIES: usize = 200_000;
const ROUNDS: usize = 5;

/// Rows the bare database takes at once, each time waiting for the disk.
const BATCH: usize = 1_000;

const FEW_LOGS: usize = 10;
const MANY_LOGS: usize = 10_000;
const EMPTY_ROUNDS: usize = 9;
const EMPTY_TIMES: u32 = 10;

pub(crate) fn run() {
    let runtime = Runtime::new().expect("threads");
    all_there_is(&runtime);
    nothing_new(&runtime);
}

fn all_there_is(runtime: &Runtime) {
    let folder = place::folder();
    let network = runtime.block_on(Network::found(folder.path(), OWNERS));
    network.fill(GIVER, SUMMARIES);
    let rows = network.rows(GIVER);
    // In a process of its own, as it would be: one allocator for both would be another bottleneck.
    let giver = Served::start(&network.dir(GIVER), None);
    let [synced, stored] = in_turns(
        ROUNDS,
        [&mut || sync_anew(runtime, &network, &giver), &mut || {
            store(&rows)
        }],
    );
    let resident = giver.resident();
    say_rate(
        "200,000 summaries of 1 KiB synced, verified, on disk",
        SUMMARIES,
        synced,
    );
    say_rate(
        "- the same rows put into a bare sled, in order, on disk",
        SUMMARIES,
        stored,
    );
    say_ratio(
        "sync against the disk alone, summaries/s",
        stored.wall / synced.wall,
        "0.6 or more",
    );
    say_mib(
        "memory of the giving node at most",
        resident.peak,
        "no target",
    );
}

/// Syncs a node that has nothing yet.
fn sync_anew(runtime: &Runtime, network: &Network, giver: &Served) -> Took {
    let folder = place::folder();
    place::copy(&network.dir(TAKER), folder.path());
    runtime.block_on(async {
        let taker = open(folder.path()).await;
        point_at(&taker, &giver.url).await;
        let begun = Begun::now();
        let synced = sync(&taker).await;
        let took = begun.end();
        assert_eq!(synced.received, SUMMARIES as u64, "{}", synced.error);
        took
    })
}

/// Puts the same rows into the database below, with the same settings and no rule of ours.
fn store(rows: &[Row]) -> Took {
    let folder = place::folder();
    let config = sled::Config::new()
        .path(folder.path())
        .cache_capacity(8 << 20)
        .flush_every_ms(Some(1_000));
    let database = config.open().expect("a database");
    let file = File::open(folder.path().join("db")).expect("its file");
    let (took, ()) = Took::of(|| {
        for rows in rows.chunks(BATCH) {
            let mut batch = sled::Batch::default();
            for (key, value) in rows {
                batch.insert(key.as_slice(), value.as_slice());
            }
            database.apply_batch(batch).expect("room on the disk");
            database.flush().expect("room on the disk");
            file.sync_data().expect("a working disk");
        }
    });
    took
}

fn nothing_new(runtime: &Runtime) {
    let folders = [place::folder(), place::folder()];
    let level = [FEW_LOGS, MANY_LOGS].map(|logs| {
        let folder = &folders[usize::from(logs == MANY_LOGS)];
        runtime.block_on(Level::new(folder.path(), logs))
    });
    let [few, many] = in_turns(
        EMPTY_ROUNDS,
        [&mut || level[0].sync(runtime), &mut || {
            level[1].sync(runtime)
        }],
    );
    say_ms("a sync with nothing new, both nodes holding 10 logs", few);
    say_ms("- both nodes holding 10,000 logs", many);
    say_ratio("10,000 logs against 10", many.wall / few.wall, "the same");
}

/// Two nodes that hold the same logs and know it.
struct Level {
    taker: Node,
    /// Stops with its handle.
    _giver: Served,
}

impl Level {
    async fn new(folder: &Path, logs: usize) -> Self {
        let network = Network::found(folder, 1).await;
        network.level(logs);
        let giver = Served::start(&network.dir(GIVER), None);
        let taker = open(&network.dir(TAKER)).await;
        point_at(&taker, &giver.url).await;
        Self {
            taker,
            _giver: giver,
        }
    }

    fn sync(&self, runtime: &Runtime) -> Took {
        let (took, ()) = Took::of(|| {
            for _ in 0..EMPTY_TIMES {
                let synced = runtime.block_on(sync(&self.taker));
                assert_eq!((synced.received, synced.sent), (0, 0));
            }
        });
        took.shared_by(EMPTY_TIMES)
    }
}

async fn point_at(taker: &Node, url: &str) {
    let (member, url) = (GIVER.to_owned(), url.to_owned());
    let client = taker.client().expect("a client");
    let added = client.add_peer(wire::AddPeerRequest { member, url }).await;
    added.expect("an address");
}

async fn sync(taker: &Node) -> wire::PeerSync {
    let client = taker.client().expect("a client");
    let peer = GIVER.to_owned();
    let synced = client.sync_peers(wire::SyncPeersRequest { peer }).await;
    let synced = synced.expect("a peer").peers.remove(0);
    assert!(synced.ok, "{}", synced.error);
    synced
}
