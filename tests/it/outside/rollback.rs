//! A store put back from an old copy, or lost: the node signs nothing until a peer has shown it
//! its own newest head, and then goes on from there.

use std::path::Path;

use crate::world::{Node, World};

/// The node that loses something, and a peer that holds its whole log: two leaves.
struct Pair {
    inpud: Node,
    anpud: Node,
    charter: String,
    _world: World,
}

impl Pair {
    /// `between` is called after the first leaf was signed, while no process runs.
    fn new(between: impl FnOnce(&Node)) -> Self {
        let world = World::new();
        let mut inpud = world.member("inpud", &[]);
        let mut anpud = world.member("anpud", &[]);
        let charter = world.unite("2018", &[&inpud, &anpud]);
        publish(&inpud, "2018-02-01", "2018Q1");
        between(&inpud);
        publish(&inpud, "2018-05-01", "2018Q2");
        inpud.serve();
        anpud.serve();
        anpud.knows(&inpud);
        anpud.sync(&inpud);
        inpud.terminate();
        Self {
            inpud,
            anpud,
            charter,
            _world: world,
        }
    }

    /// Brings the peer back within reach, and checks that the log goes on where it was.
    #[track_caller]
    fn recover(&mut self) {
        self.inpud.serve();
        self.inpud.knows(&self.anpud);
        self.inpud.sync(&self.anpud);
        let published = publish(&self.inpud, "2018-08-01", "2018Q3");
        assert_eq!(published["tree_size"], 3, "{published}");
        // Another history of the first two leaves would be refused here.
        self.anpud.knows(&self.inpud);
        self.anpud.sync(&self.inpud);
        self.anpud.ok(&["prove", "inpud", "2"]);
        let health = self.anpud.ok(&["health"]);
        assert_eq!(health["ready"], true, "{health}");
    }
}

#[track_caller]
fn record(node: &Node, start: &str) {
    let start = format!("start={start}");
    node.ok(&[
        "record", "add", "--kind", "training", "--set", "title=T", &start,
    ]);
}

#[track_caller]
fn publish(node: &Node, start: &str, period: &str) -> serde_json::Value {
    record(node, start);
    node.publish(period, "training")
}

/// Tries to let a new period out and returns why that was refused.
#[track_caller]
fn refused_to_sign(node: &Node) -> String {
    record(node, "2018-11-01");
    let draft = node.ok(&["release", "preview", "2018Q4", "--kind", "training"]);
    let digest = draft["digest"].as_str().expect("a digest");
    node.refused(&["release", "publish", digest], "unsure_head")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Puts back planes as they were when the log had one leaf.
fn put_back(planes: &[&str]) -> Pair {
    let kept = tempfile::tempdir().expect("a folder");
    let pair = Pair::new(|inpud| {
        for plane in planes {
            copy(&inpud.dir.join(plane), &kept.path().join(plane));
        }
    });
    for plane in planes {
        let lost = pair.inpud.dir.join(plane);
        std::fs::remove_dir_all(&lost).expect("removed");
        copy(&kept.path().join(plane), &lost);
    }
    pair
}

#[test]
fn an_old_public_plane_signs_nothing_until_a_peer_has_shown_the_newest_head() {
    let mut pair = put_back(&["public"]);
    let said = refused_to_sign(&pair.inpud);
    assert!(said.contains("signed 2 leaves"), "{said}");
    pair.recover();
}

#[test]
fn an_old_private_plane_lets_nothing_out() {
    let mut pair = put_back(&["public", "private"]);
    let said = refused_to_sign(&pair.inpud);
    assert!(said.contains("signed 2 leaves"), "{said}");
    pair.inpud.serve();
    pair.inpud.knows(&pair.anpud);
    pair.inpud.sync(&pair.anpud);
    // The log is whole again, but not what truly stood behind its second leaf: nothing new can be
    // held against that.
    pair.inpud.ok(&["prove", "inpud", "1"]);
    let draft = pair.inpud.ok(&["release", "preview", "2018Q4"]);
    let digest = draft["digest"].as_str().expect("a digest");
    let said = pair
        .inpud
        .refused(&["release", "publish", digest], "ledger");
    assert!(said.contains("leaf 1"), "{said}");
    // Whoever looks is told, and unlocking opens the records all the same.
    let problems = pair.inpud.ok(&["health"])["problems"].to_string();
    assert!(problems.contains("\"ledger\""), "{problems}");
    pair.inpud.ok(&["lock"]);
    pair.inpud.ok(&["unlock"]);
    pair.inpud.ok(&["record", "list"]);
}

#[test]
fn a_node_that_lost_its_public_plane_signs_nothing_until_it_has_it_back() {
    let mut pair = Pair::new(|_| {});
    std::fs::remove_dir_all(pair.inpud.dir.join("public")).expect("removed");
    let (_, health) = pair.inpud.run(&["health"]);
    assert!(health.to_string().contains("signed 2 leaves"), "{health}");
    // Nobody restarts it in between: the doubt must not wait for the next start.
    pair.inpud.serve();
    pair.inpud.ok(&["charter", "apply", &pair.charter]);
    let said = refused_to_sign(&pair.inpud);
    assert!(said.contains("signed 2 leaves"), "{said}");
    pair.inpud.terminate();
    pair.recover();
}

#[test]
fn a_log_without_its_checkpoint_file_is_not_signed_until_a_peer_has_shown_it() {
    let mut pair = Pair::new(|_| {});
    std::fs::remove_file(pair.inpud.dir.join("checkpoint")).expect("removed");
    let said = refused_to_sign(&pair.inpud);
    assert!(said.contains("checkpoint file is gone"), "{said}");
    pair.recover();
}
