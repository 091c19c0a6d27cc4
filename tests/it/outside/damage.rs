//! One changed bit anywhere in any file of a node: it starts and says what it said before, or it
//! says which file is wrong and what to do. It never says or signs anything else.
//!
//! `COUNTERFOIL_FLIPS` says how many bits (few unless set); `COUNTERFOIL_SEED` repeats them.

use std::path::{Path, PathBuf};

use counterfoil::identity::VerifierKey;
use counterfoil::log::{Hash, MemoryTree, Origin, TlogProof, leaf_hash};
use serde_json::Value;

use crate::world::node::A_TRAINING;
use crate::world::{Node, World};

/// `SplitMix64`, as in the kill tests.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

const ASKED: [&[&str]; 5] = [
    &[
        "report",
        "training",
        "--measure",
        "activities",
        "--allow-partial",
        "--by",
        "member,period",
    ],
    &["record", "list"],
    &["release", "list"],
    &["charter", "show"],
    &["prove", "inpud", "0"],
];

fn add(node: &Node, start: &str) -> (i32, Value) {
    let start = format!("start={start}");
    node.run(&[&A_TRAINING[..], &[&start]].concat())
}

/// A node with two releases of its own and one of another member's, not running.
fn stage(world: &World) -> Node {
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    for (start, period) in [("2018-02-03", "2018Q1"), ("2018-05-03", "2018Q2")] {
        assert_eq!(add(&inpud, start).0, 0);
        inpud.publish(period, "training");
    }
    assert_eq!(add(&anpud, "2018-02-04").0, 0);
    anpud.publish("2018Q1", "training");
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    assert!(inpud.terminate().success());
    // Once more, as every start does something to the files.
    inpud.ok(&["record", "list"]);
    inpud
}

/// What INPUD's log is signed with.
struct Signed {
    origin: Origin,
    key: VerifierKey,
}

impl Signed {
    fn of(world: &World) -> Self {
        let note = crate::world::node::read(&world.path("charter"));
        let note = counterfoil::charter::CharterNote::parse(&note).expect("a charter");
        let charter = note.charter();
        let member = "inpud".parse().expect("an id");
        Self {
            origin: Origin::of(charter.consortium(), &member),
            key: charter.log_vkey(&member).expect("a key"),
        }
    }

    /// Returns a leaf, and the size and root it is proven in, once the signature was checked.
    fn proven(&self, node: &Node, index: u64) -> Option<(String, u64, Hash)> {
        let (code, proof) = node.run(&["prove", "inpud", &index.to_string()]);
        let text = (code == 0).then(|| proof["text"].as_str().expect("a proof").to_owned())?;
        let proof = TlogProof::parse(text.as_bytes()).expect("a proof");
        let keys = std::slice::from_ref(&self.key);
        let proven = proof.verify(&self.origin, keys).expect("it holds");
        let leaf = proven.leaf.encode().expect("a leaf");
        Some((leaf, proven.checkpoint.size(), proven.checkpoint.root()))
    }
}

#[test]
fn a_changed_bit_is_harmless_or_named_and_never_signed() {
    let flips = setting("COUNTERFOIL_FLIPS").unwrap_or(6);
    let seed = setting("COUNTERFOIL_SEED").unwrap_or_else(|| {
        let mut seed = [0; 8];
        counterfoil::store::os_entropy(&mut seed).expect("randomness");
        u64::from_be_bytes(seed)
    });
    changed(flips, seed);
}

/// The sixth of these changes has the public plane open empty.
#[test]
fn a_report_calls_nothing_missing_that_damage_took() {
    changed(6, 11_058_030_334_432_970_346);
}

fn changed(flips: u64, seed: u64) {
    let world = World::new();
    let mut node = stage(&world);
    let whole = node.dir.clone();
    let expected: Vec<Value> = ASKED.iter().map(|asked| node.ok(asked)).collect();
    let signed = Signed::of(&world);
    let leaf = |index| signed.proven(&node, index).expect("a leaf").0;
    let leaves: Vec<String> = (0..2).map(leaf).collect();
    let mut chance = Chance(seed);
    let (mut harmless, mut named) = (0, 0);
    for flip in 0..flips {
        node.dir = world.path("victim");
        copy(&whole, &node.dir);
        let mut candidates = files(&node.dir);
        candidates.retain(|path| path.metadata().is_ok_and(|data| data.len() > 0));
        let file = candidates.swap_remove(chance.below(candidates.len()));
        let mut bytes = std::fs::read(&file).expect("a file");
        let (at, bit) = (chance.below(bytes.len()), chance.below(8));
        bytes[at] ^= 1 << bit;
        std::fs::write(&file, bytes).expect("written");
        let name = file
            .strip_prefix(&node.dir)
            .expect("below it")
            .display()
            .to_string();
        let what =
            format!("flip {flip}: bit {bit} of byte {at} of {name}; COUNTERFOIL_SEED={seed}");
        match check(&node, &expected, (&signed, &leaves), &name, &what) {
            true => harmless += 1,
            false => named += 1,
        }
        std::fs::remove_dir_all(&node.dir).expect("removed");
    }
    node.dir = whole;
    assert_eq!(harmless + named, flips);
}

/// What one changed byte can make of the engine's file: it opens, as it was some writes ago. What was
/// cosigned since is forgotten, so the node must know that it forgot.
#[test]
fn a_database_that_fell_back_is_noticed_and_signs_nothing_until_a_peer_was_asked() {
    let world = World::new();
    let [mut inpud, mut anpud] = world.pair(&["--size", "small"]);
    inpud.knows(&anpud);
    for (node, period) in [(&inpud, "2018Q1"), (&anpud, "2018Q1")] {
        assert_eq!(add(node, "2018-02-03").0, 0);
        node.publish(period, "training");
    }
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    assert!(inpud.terminate().success());
    let earlier = world.path("earlier");
    copy(&inpud.dir.join("public"), &earlier);
    inpud.serve();
    inpud.knows(&anpud);
    assert_eq!(add(&anpud, "2018-05-03").0, 0);
    anpud.publish("2018Q2", "training");
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    inpud.ok(&["prove", "anpud", "1"]);
    assert!(inpud.terminate().success());
    anpud.terminate();

    // The engine's own files go back; what lies beside them does not.
    let public = inpud.dir.join("public");
    for entry in std::fs::read_dir(&public).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if !["openings", "reached"].contains(&name.as_ref()) {
            match path.is_dir() {
                true => std::fs::remove_dir_all(&path).expect("removed"),
                false => std::fs::remove_file(&path).expect("removed"),
            }
        }
    }
    for name in ["openings", "reached"] {
        std::fs::remove_file(earlier.join(name)).expect("they were there");
    }
    copy(&earlier, &public);

    // Its own log is whole; what it misses is another's.
    for _ in 0..2 {
        let health = inpud.run(&["health"]).1;
        let problems = health["problems"].as_array().expect("problems");
        for code in ["restored", "unsure_head", "lacking"] {
            let problem = problems.iter().find(|problem| problem["code"] == code);
            let said = problem.expect(code)["message"].as_str().expect("a message");
            assert!(
                said.contains("has lost the newest of what it held"),
                "{said}"
            );
        }
        // What anpud reported is lost here, and is not said to be missing.
        inpud.refused(&["prove", "anpud", "1"], "lacking");
        inpud.refused(
            &["report", "training", "--measure", "activities"],
            "lacking",
        );
        let quarter = ["coverage", "--from", "2018Q1", "--to", "2018Q1"];
        inpud.refused(&quarter, "lacking");
        inpud.refused(&["release", "list"], "lacking");
    }
    inpud.serve();
    assert_eq!(add(&inpud, "2018-08-03").0, 0);
    let draft = inpud.ok(&["release", "preview", "2018Q3", "--kind", "training"]);
    let digest = draft["digest"].as_str().expect("a digest");
    inpud.refused(&["release", "publish", digest], "unsure_head");
    anpud.serve();
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    inpud.ok(&["prove", "anpud", "1"]);
    inpud.ok(&["coverage", "--from", "2018Q1", "--to", "2018Q1"]);
    assert!(!inpud.dir.join("restored").exists());
    inpud.publish("2018Q3", "training");
    // From here on it is a start like any other.
    assert!(inpud.terminate().success());
    assert_eq!(inpud.ok(&["health"])["problems"], serde_json::json!([]));
}

/// Returns whether the change was without any effect.
fn check(
    node: &Node,
    expected: &[Value],
    log: (&Signed, &[String]),
    name: &str,
    what: &str,
) -> bool {
    let mut harmless = true;
    for (asked, expected) in ASKED.iter().zip(expected) {
        let (code, said) = node.run(asked);
        match code {
            0 => assert_eq!(said, *expected, "{asked:?}, {what}"),
            _ => {
                harmless = false;
                explained(&said, node, name, &format!("{asked:?}, {what}"));
            }
        }
    }
    let (code, looked) = node.run(&["doctor", "--deep"]);
    let bad: Vec<&Value> = match looked["checks"].as_array() {
        Some(checks) => checks
            .iter()
            .filter(|check| check["state"] == "bad")
            .collect(),
        None => {
            explained(&looked, node, name, what);
            Vec::new()
        }
    };
    for check in &bad {
        let remedy = check["remedy"].as_str().expect("a remedy");
        assert!(!remedy.is_empty(), "{check}, {what}");
    }
    assert!(
        harmless || code == 1,
        "doctor found nothing: {looked}, {what}"
    );
    signs_one_history(node, log, name, what);
    harmless && code == 0
}

/// Lets something more out, if the node does so at all, and checks that it follows on from before.
fn signs_one_history(node: &Node, (signed, leaves): (&Signed, &[String]), name: &str, what: &str) {
    let (added, said) = add(node, "2018-08-03");
    if added != 0 {
        return explained(&said, node, name, what);
    }
    let (code, draft) = node.run(&["release", "preview", "2018Q3", "--kind", "training"]);
    if code != 0 {
        return explained(&draft, node, name, what);
    }
    let digest = draft["digest"].as_str().expect("a digest");
    let (code, published) = node.run(&["release", "publish", digest]);
    if code != 0 {
        // Unsure of its head or of its ledger, it says what to do.
        let hint = published["error"]["hint"].as_str().expect("a hint");
        assert!(!hint.is_empty(), "{published}, {what}");
        return;
    }
    assert_eq!(published["tree_size"], 3, "{published}, {what}");
    let mut tree = MemoryTree::new();
    for index in 0..3 {
        let Some((leaf, size, root)) = signed.proven(node, index) else {
            continue;
        };
        if let Some(before) = leaves.get(index as usize) {
            assert_eq!(leaf, *before, "{what}");
        }
        tree.extend([leaf_hash(leaf.as_bytes())]);
        if index == 2 {
            assert_eq!((size, root), (3, tree.root()), "{what}");
        }
    }
}

#[track_caller]
fn explained(said: &Value, node: &Node, name: &str, what: &str) {
    let error = &said["error"];
    let [message, hint] = ["message", "hint"].map(|part| error[part].as_str().unwrap_or_default());
    let plane = name.split('/').next().expect("a name");
    let dir = node.dir.display().to_string();
    let place = [
        plane,
        dir.as_str(),
        "checkpoint",
        "charter",
        "inpud",
        "anpud",
        "records",
    ];
    let named = place
        .iter()
        .any(|place| message.contains(place) || hint.contains(place));
    assert!(named && !hint.is_empty(), "{said}, {what}");
}
