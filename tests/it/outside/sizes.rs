//! Sizes that say nothing: of two networks, one reaches 3 persons and one 300, and whoever sees
//! their disks and their wires cannot tell which is which.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil::log::Leaf;
use counterfoil::store::{Entry, Payload, PublicStore, os_entropy};

use crate::world::{Node, World};

/// By how much what one node sends differs from one time to the next: signatures in DER, records
/// and frames as they fall, and hashes that compress. Less than a payload can be smaller by.
const NOISE: u64 = 512;

const PERIODS: [&str; 5] = ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"];

/// Puts down a training in the first quarter to which so many persons came, each with gender and
/// age, another that nobody counted in the third, and a consultation with as many heads.
fn fill(world: &World, node: &Node, persons: usize) {
    let add = |kind: &str, fields: &[&str]| {
        let add = ["record", "add", "--kind", kind, "--set"];
        let added = node.ok(&[&add[..], fields].concat());
        added["id"].as_str().expect("an id").to_owned()
    };
    let training = ["title=a", "topics=accounting", "country=TH", "hours=6"];
    let id = add("training", &[&training[..], &["start=2018-02-01"]].concat());
    let mut list = String::from("person,gender,age_band,role,completed\n");
    for nth in 0..persons {
        let gender = ["woman", "man", "non_binary"][nth % 3];
        let band = ["20-24", "25-29", "50+"][nth / 2 % 3];
        let completed = ["yes", "no"][nth / 3 % 2];
        list.push_str(&format!("code-{nth},{gender},{band},member,{completed}\n"));
    }
    let file = world.write(&format!("{}.csv", node.id), list);
    node.ok(&[
        "record",
        "import",
        &file,
        "--into",
        &id,
        "--list",
        "participants",
    ]);
    add("training", &[&training[..], &["start=2018-08-01"]].concat());
    let attended = format!("attended={persons}");
    add(
        "consultation",
        &[
            "title=b",
            "start=2018-05-01",
            "document=treatment_standards",
            &attended,
        ],
    );
}

/// Publishes whatever there is to say of every period, and says of a kind that there is nothing.
fn publish(node: &Node) {
    for period in PERIODS {
        let draft = node.ok(&["release", "preview", period]);
        let digest = draft["digest"].as_str().expect("a digest");
        node.ok(&["release", "publish", digest]);
    }
    node.ok(&[
        "release",
        "status",
        "2018",
        "nil",
        "--kind",
        "advocacy_action",
    ]);
    // What changed by one is held, and the same again is nothing new: neither is a leaf.
    let listed = node.ok(&["record", "list", "--kind", "consultation"]);
    let record = &listed["records"][0];
    let (id, attended) = (&record["id"], &record["fields"]["attended"]);
    let more = attended.as_u64().expect("a number") + 1;
    let id = id.as_str().expect("an id");
    node.ok(&["record", "edit", id, "--set", &format!("attended={more}")]);
    for period in ["2018Q2", "2018"] {
        let again = node.publish(period, "consultation");
        assert_eq!(again["published"], serde_json::json!([]), "{again}");
    }
}

/// What anybody sees of a log who cannot read it: per leaf its text but for the commitment and
/// its length, and the length of its payload.
fn shape(store: &PublicStore, member: &str) -> Vec<(String, usize, Option<usize>)> {
    let origin = format!("joint/{member}");
    let entries = store.entries(&origin, 0..u64::MAX).expect("a log");
    let entry = |entry: Entry| {
        let text = String::from_utf8(entry.leaf).expect("text");
        let without = match Leaf::parse(text.as_bytes()).expect("a leaf") {
            Leaf::Summary { commit, .. } => text.replace(&commit.to_string(), ""),
            _ => text.clone(),
        };
        let payload = match entry.payload {
            Payload::Here(salted) => Some(salted.salt.len() + salted.payload.len()),
            _ => None,
        };
        (without, text.len(), payload)
    };
    entries.map(|row| entry(row.expect("an entry").1)).collect()
}

/// Returns the files of a folder with the bytes of each.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let mut files = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("a folder") {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("UTF-8");
        match file.metadata().expect("metadata") {
            folder if folder.is_dir() => {
                let below = self::files(&file.path()).into_iter();
                files.extend(below.map(|(other, len)| (format!("{name}/{other}"), len)));
            }
            plain => drop(files.insert(name, plain.len())),
        }
    }
    files
}

/// Passes on what goes to and from a node, and counts what the node sends.
fn tap(node: &Node) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let sent = Arc::new(AtomicU64::new(0));
    let (to, counter) = (node.address(), Arc::clone(&sent));
    let pass = |mut from: TcpStream, mut to: TcpStream, counter: Option<Arc<AtomicU64>>| {
        std::thread::spawn(move || {
            let mut bytes = [0; 16 << 10];
            while let Ok(many @ 1..) = from.read(&mut bytes) {
                if let Some(counter) = &counter {
                    counter.fetch_add(many as u64, Ordering::SeqCst);
                }
                if to.write_all(&bytes[..many]).is_err() {
                    break;
                }
            }
            let _closed = to.shutdown(std::net::Shutdown::Both);
        });
    };
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let Ok(node) = TcpStream::connect(&to) else {
                break;
            };
            let both = |stream: &TcpStream| stream.try_clone().expect("a socket");
            pass(both(&caller), both(&node), None);
            pass(node, caller, Some(Arc::clone(&counter)));
        }
    });
    (url, sent)
}

#[test]
fn a25_three_persons_and_three_hundred_take_the_same_bytes() {
    let world = World::new();
    let mut nodes =
        ["inpud", "anpud"].map(|id| world.member(id, &["--size", "large", "--countries", "TH,VN"]));
    let mut relays = ["relay-i", "relay-a"].map(|id| world.relay(id));
    nodes.iter_mut().chain(&mut relays).for_each(Node::serve);
    let [inpud, anpud] = &nodes;
    world.unite("2018", &[inpud, anpud, &relays[0], &relays[1]]);
    for (node, persons) in [(inpud, 3), (anpud, 300)] {
        fill(&world, node, persons);
        publish(node);
    }

    // What they send, each to a relay that knew nothing.
    let sent = [0, 1].map(|at| {
        let (url, sent) = tap(&nodes[at]);
        relays[at].ok(&["peer", "add", &nodes[at].id, &url]);
        relays[at].sync(&nodes[at]);
        sent.load(Ordering::SeqCst)
    });
    let apart = sent[0].abs_diff(sent[1]);
    assert!(apart < NOISE, "{sent:?}");

    // The files they hand out.
    let proofs = [inpud, anpud].map(|node| {
        let leaves = node.ok(&["health"])["tree_size"]
            .as_u64()
            .expect("a number");
        let prove = |leaf: u64| node.ok(&["prove", &node.id, &leaf.to_string()]);
        let text = |leaf: u64| prove(leaf)["text"].as_str().expect("a proof").len();
        (0..leaves).map(text).collect::<Vec<_>>()
    });
    assert_eq!(proofs[0], proofs[1]);

    // What they keep where everybody may look.
    for node in &mut nodes {
        assert!(node.terminate().success());
    }
    let kept = nodes.each_ref().map(|node| files(&node.dir.join("public")));
    assert_eq!(kept[0], kept[1]);
    let shapes = nodes.each_ref().map(|node| {
        let store = PublicStore::open(&node.dir.join("public"), os_entropy).expect("a store");
        shape(&store, &node.id)
    });
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0].len(), 6);
}
