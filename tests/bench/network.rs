//! Networks with full logs: two real nodes, and other members whose logs they carry.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use counterfoil::charter::{Card, CharterNote, Founding, Member, Policy, Size};
use counterfoil::cli::host::NewNode;
use counterfoil::clock::Clock;
use counterfoil::config::{Config, Passphrase};
use counterfoil::identity::{GovernorKey, LogKey, WitnessKey};
use counterfoil::log::{Audience, Leaf, Origin, VerifiedCheckpoint, commitment};
use counterfoil::model::table::cell_count;
use counterfoil::model::{
    Cell, ConsortiumId, Figure, Grain, Kind, MemberId, Period, Series, Summary, Table,
};
use counterfoil::node::make::make;
use counterfoil::node::open::Node;
use counterfoil::release::keys::MemberKeys;
use counterfoil::store::replica::Replica;
use counterfoil::store::{
    self, Cursor, Head, NodeDir, Payload, PublicStore, SaltedPayload, file, os_entropy,
};
use counterfoil::wire::{self, payload};
use jiff::civil::date;
use zeroize::Zeroizing;

/// The member whose node has everything.
pub(crate) const GIVER: &str = "inpud";

/// The member whose node has nothing yet.
pub(crate) const TAKER: &str = "anpud";

const NODES: [&str; 2] = [GIVER, TAKER];

const PASSPHRASE: &str = "correct horse battery staple";

/// Leaves in one append: as many as a network's year, many times over.
const BATCH: usize = 1_000;

/// Series of one log: five kinds, 25 years of quarters. More leaves are revisions.
const SERIES: usize = 500;

/// A consortium whose charter is agreed, and whose nodes lie in a folder.
pub(crate) struct Network {
    folder: PathBuf,
    id: ConsortiumId,
    owners: Vec<Owner>,
}

/// A member whose log is written here.
struct Owner {
    member: MemberId,
    key: LogKey,
}

impl Network {
    /// Makes the nodes, and lets them agree on a charter that names them and `owners` others.
    pub(crate) async fn found(folder: &Path, owners: usize) -> Self {
        let (mut cards, mut kept) = (Vec::new(), Vec::new());
        let mut nodes = Vec::new();
        for member in NODES {
            let node = new_node(&folder.join(member), member).await;
            let client = node.client().expect("a client");
            let card = client.card(wire::CardRequest { fingerprint: false }).await;
            let card = card.expect("a card").text;
            cards.push(Card::parse(card.as_bytes()).expect("a card"));
            nodes.push(node);
        }
        for number in 0..owners {
            let (card, owner) = owner(number);
            cards.push(card);
            kept.push(owner);
        }
        let draft = Founding {
            consortium: "inpud-anpud".parse().expect("an id"),
            threshold: 2,
            cards,
            policy: Policy::default_plan(),
            governors: Some(NODES.map(|id| id.parse().expect("an id")).into()),
            since: Period::year(2018),
            expires: date(2099, 1, 1),
        };
        let draft = draft.draft().expect("a draft");
        agree(&draft, &nodes).await;
        for node in nodes {
            node.close();
        }
        Self {
            folder: folder.to_owned(),
            id: draft.charter().consortium().clone(),
            owners: kept,
        }
    }

    /// Returns where a node lies.
    pub(crate) fn dir(&self, node: &str) -> PathBuf {
        self.folder.join(node)
    }

    /// Writes the nodes' passphrase into a file, and returns where.
    pub(crate) fn passphrase_file(&self) -> PathBuf {
        let path = self.folder.join("passphrase");
        file::write_atomic(&path, PASSPHRASE.as_bytes()).expect("room on the disk");
        path
    }

    /// Writes `summaries` into the logs of the other members, as a node holds them.
    pub(crate) fn fill(&self, node: &str, summaries: usize) {
        let dir = NodeDir::open(&self.dir(node)).expect("a node");
        let store = dir.public(os_entropy).expect("a public plane");
        let each = summaries / self.owners.len();
        for owner in &self.owners {
            for first in (0..each).step_by(BATCH) {
                self.append(&store, owner, first..each.min(first + BATCH));
            }
        }
        store.commit().expect("room on the disk");
    }

    /// Returns the key and value of every leaf a node holds, as the database below has them.
    pub(crate) fn rows(&self, node: &str) -> Vec<Row> {
        let dir = NodeDir::open(&self.dir(node)).expect("a node");
        let store = dir.public(os_entropy).expect("a public plane");
        let mut rows = Vec::new();
        for (log, owner) in (0_u32..).zip(&self.owners) {
            let origin = Origin::of(&self.id, &owner.member);
            let entries = store.entries(origin.as_str(), 0..u64::MAX);
            for entry in entries.expect("a readable log") {
                let (index, entry) = entry.expect("a readable log");
                let key = [&[0][..], &log.to_be_bytes(), &index.to_be_bytes()].concat();
                let Payload::Here(here) = entry.payload else {
                    panic!("leaf {index} has no payload");
                };
                rows.push((key, [&entry.leaf[..], &here.salt, &here.payload].concat()));
            }
        }
        rows
    }

    /// Has both nodes hold `logs` logs of one leaf each, and know it of each other. They are of
    /// members no longer in the charter, which has no room for so many.
    pub(crate) fn level(&self, logs: usize) {
        let dirs = NODES.map(|node| NodeDir::open(&self.dir(node)).expect("a node"));
        let stores = dirs
            .each_ref()
            .map(|dir| dir.public(os_entropy).expect("a public plane"));
        for number in 0..logs {
            let (_, owner) = owner(number + self.owners.len());
            for store in &stores {
                self.append(store, &owner, 0..1);
            }
        }
        for store in &stores {
            store.commit().expect("room on the disk");
        }
        let reached = stores.each_ref().map(PublicStore::last_arrival);
        for (store, (peer, theirs)) in stores.iter().zip([(TAKER, 1), (GIVER, 0)]) {
            let cursor = Cursor {
                store_id: stores[theirs].store_id().expect("an id"),
                arrival: reached[theirs],
            };
            store.set_cursor(peer, cursor).expect("room on the disk");
            store.commit().expect("room on the disk");
        }
    }

    fn append(&self, store: &PublicStore, owner: &Owner, leaves: std::ops::Range<usize>) {
        let origin = Origin::of(&self.id, &owner.member);
        let log = Replica::new(store, origin.as_str());
        let mut growth = log.grow().expect("a readable log");
        for index in leaves {
            growth
                .push(entry(&owner.member, index))
                .expect("a readable log");
        }
        let (size, root) = (growth.size(), growth.root());
        let signed = VerifiedCheckpoint::sign(&self.id, &owner.member, &owner.key, size, root);
        let note = signed.to_string();
        let stored = growth.store(Some(Head { note, size }), None);
        stored.expect("room on the disk");
    }
}

/// A key and its value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Opens a node as it runs after a restart: locked.
pub(crate) async fn open(dir: &Path) -> Node {
    let node = Node::open(dir, config(), None, Clock::SYSTEM, os_entropy);
    node.await.expect("a node")
}

async fn new_node(dir: &Path, member: &str) -> Node {
    let passphrase = Passphrase::new(Zeroizing::new(PASSPHRASE.to_owned()));
    let new = NewNode {
        dir: dir.to_owned(),
        member: member.parse().expect("an id"),
        name: member.to_uppercase(),
        size: Size::Medium,
        countries: vec!["TH".to_owned()],
        relay: false,
        config: config(),
        settings: String::new(),
        passphrase: passphrase.clone(),
    };
    make(&new, Clock::SYSTEM, os_entropy).expect("a new node");
    let node = Node::open(dir, config(), passphrase, Clock::SYSTEM, os_entropy);
    node.await.expect("a node")
}

fn config() -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..Config::default()
    }
}

/// Has the nodes sign the charter, and put it in force.
async fn agree(draft: &CharterNote, nodes: &[Node]) {
    let mut note = draft.to_string();
    for node in nodes {
        let signed = node.client().expect("a client");
        let signed = signed.sign_charter(wire::SignCharterRequest { note }).await;
        note = signed.expect("a signature").note;
    }
    for node in nodes {
        let notes = vec![note.clone()];
        let applied = node.client().expect("a client");
        let applied = applied.submit_charter(wire::SubmitCharterRequest { notes });
        applied.await.expect("a charter in force");
    }
}

/// Makes a member that exists by its keys alone.
fn owner(number: usize) -> (Card, Owner) {
    let id: MemberId = format!("network-{number}").parse().expect("an id");
    let now = Clock::SYSTEM.now();
    let keys = MemberKeys::generate(&id, os_entropy, now).expect("keys");
    let seed = |salt: u8| [salt.wrapping_add(number as u8); 32];
    let member = Member {
        id: id.clone(),
        name: format!("Network {number}"),
        size: Size::Medium,
        countries: vec!["TH".to_owned()],
        relay: false,
        governor_key: Some(keys.governor.public_key()),
        recovery_key: Some(GovernorKey::from_seed(&seed(100)).public_key()),
        log_key: Some(keys.log.public_key()),
        witness_key: WitnessKey::from_seed(&seed(10)).public_key(),
        seal_key: keys.seal.public_key(),
        tls_cas: vec![keys.authority.cert().to_vec()],
        endpoints: Vec::new(),
        joined: None,
        left: None,
    };
    let card = Card::sign(member, &keys.governor).expect("a card");
    let key = keys.log;
    (card, Owner { member: id, key })
}

/// Returns leaf `index` of a member's log, with its payload of 1 KiB.
fn entry(member: &MemberId, index: usize) -> store::Entry {
    let summary = summary(member, index);
    let salt = [index as u8; 32];
    let payload = payload::encode(&summary).expect("a payload");
    assert_eq!(payload.len(), 1024);
    let leaf = Leaf::Summary {
        series: summary.series,
        revision: summary.revision,
        date: date(2019, 1, 31),
        replaces: index.checked_sub(SERIES).map(|index| index as u64),
        audience: Audience::ALL,
        commit: commitment(&salt, &payload),
    };
    store::Entry {
        leaf: leaf.encode().expect("a leaf").into_bytes(),
        payload: Payload::Here(SaltedPayload { salt, payload }),
    }
}

fn summary(member: &MemberId, index: usize) -> Summary {
    let nth = index % SERIES;
    let kind = Kind::ALL[nth % 5];
    let quarter = nth / 5;
    let year = 2000 + (quarter / 4) as i16;
    let policy = Policy::default_plan();
    // The totals: what the smallest network publishes fits into the smallest payload.
    let tables = policy
        .tables(kind, Grain::Quarter, Size::Small)
        .filter(|table| table.by.is_empty())
        .map(|table| {
            let axes = policy.axes(table, &[]);
            let cell = Cell {
                figure: Figure::Exact((index % 97) as i64),
                uncounted: 0,
            };
            Table {
                id: table.id.clone(),
                measure: table.measure,
                cells: vec![cell; cell_count(&axes)],
                axes,
            }
        });
    Summary {
        member: member.clone(),
        series: Series {
            kind,
            period: Period::quarter(year, 1 + (quarter % 4) as i8).expect("a quarter"),
        },
        revision: 1 + (index / SERIES) as u32,
        charter_version: 1,
        tables: tables.collect(),
        statements: Vec::new(),
    }
}
