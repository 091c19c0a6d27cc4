//! An older copy of a node's directory is put back: the node learns from a peer how far it had
//! come, and never signs a second history.

use serde_json::{Value, json};

use crate::world::node::A_TRAINING;
use crate::world::{Node, World, copy, wait_for};

#[test]
fn an_older_copy_of_a_directory_forks_no_log() {
    let world = World::new();
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    inpud.knows(&anpud);
    inpud.ok(&[&A_TRAINING[..], &["--set", "start=2018-02-03"]].concat());
    inpud.publish("2018Q1", "training");
    assert!(inpud.terminate().success());
    let older = world.path("older");
    copy(&inpud.dir, &older);

    inpud.serve();
    inpud.publish("2018", "training");
    inpud.sync(&anpud);
    inpud.kill();
    std::fs::remove_dir_all(&inpud.dir).expect("removed");
    std::fs::rename(&older, &inpud.dir).expect("put back");

    inpud.serve();
    // Whatever it is asked first, it signs nothing that contradicts what it signed before.
    let draft = inpud.ok(&["release", "preview", "2018Q2", "--kind", "training"]);
    let digest = draft["digest"].as_str().expect("a digest");
    let (code, answer) = inpud.run(&["release", "publish", digest]);
    let word = answer["error"]["code"].as_str().unwrap_or_default();
    assert_eq!(code, 1, "{answer}");
    assert!(["ledger", "unsure_head"].contains(&word), "{answer}");
    inpud.sync(&anpud);
    inpud.refused(&["release", "publish", digest], "ledger");
    inpud.refused(
        &["release", "status", "2019", "nil", "--kind", "training"],
        "ledger",
    );

    let heads = [&inpud, &anpud].map(own_head);
    assert_eq!(heads[0]["tree_size"], 2, "the peer gave back what was lost");
    assert_eq!(heads[0]["root_hash"], heads[1]["root_hash"]);
    for node in [&inpud, &anpud] {
        let question = [
            "report",
            "training",
            "--measure",
            "activities",
            "--allow-partial",
        ];
        let question = [
            &question[..],
            &["--from", "2018", "--to", "2018", "--grain", "year"],
        ];
        let answer = node.ok(&question.concat());
        assert_eq!(answer["rows"][0]["value"], 1, "{answer}");
        let health = node.ok(&["health"]);
        assert!(
            !health["problems"].to_string().contains("equivocation"),
            "{health}"
        );
    }
    assert_eq!(anpud.ok(&["health"])["problems"], json!([]));
}

/// Makes two nodes: the first, which is stopped now, published a quarter that the other holds.
fn published(world: &World) -> [Node; 2] {
    let [mut inpud, anpud] = world.pair(&["--size", "small"]);
    inpud.knows(&anpud);
    inpud.ok(&[&A_TRAINING[..], &["--set", "start=2018-02-03"]].concat());
    inpud.publish("2018Q1", "training");
    inpud.sync(&anpud);
    assert!(inpud.terminate().success());
    [inpud, anpud]
}

#[test]
fn an_older_copy_signs_nothing_with_no_peer_in_reach() {
    let world = World::new();
    let [mut inpud, mut anpud] = published(&world);
    assert!(anpud.terminate().success());
    let older = world.path("older");
    copy(&inpud.dir, &older);
    inpud.serve();
    inpud.publish("2018", "training");
    assert!(inpud.terminate().success());
    // A node that is only started again signs as before; see also `kills`.
    inpud.serve();
    inpud.ok(&["release", "status", "2018Q2", "nil", "--kind", "training"]);
    assert!(inpud.terminate().success());

    std::fs::remove_dir_all(&inpud.dir).expect("removed");
    copy(&older, &inpud.dir);
    let nil = ["release", "status", "2018Q3", "nil", "--kind", "training"];
    if std::fs::metadata(&inpud.dir)
        .and_then(|about| about.created())
        .is_err()
    {
        return;
    }
    // Whether it runs or not, and however often it is started again.
    inpud.refused(&nil, "unsure_head");
    inpud.serve();
    let why = inpud.refused(&nil, "unsure_head");
    assert!(why.contains("this node's directory is a copy"), "{why}");
    let problems = inpud.ok(&["health"])["problems"].to_string();
    assert!(problems.contains("restored"), "{problems}");
    assert!(inpud.terminate().success());
    inpud.serve();
    inpud.refused(&nil, "unsure_head");
    // The peer never saw the two later leaves, so nothing is lost to it; this copy may go on.
    anpud.serve();
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    inpud.ok(&nil);
}

/// A disk image put back does not know itself: the log can be forked then, and everybody is told.
#[test]
fn a_log_that_was_forked_all_the_same_is_named_by_everybody() {
    let world = World::new();
    let [mut inpud, mut anpud] = published(&world);
    let image = world.path("image");
    copy(&inpud.dir, &image);
    std::fs::remove_file(image.join("place")).expect("an image has none that differs");
    inpud.serve();
    inpud.publish("2018", "training");
    inpud.sync(&anpud);
    assert!(inpud.terminate().success());
    assert!(anpud.terminate().success());
    std::fs::remove_dir_all(&inpud.dir).expect("removed");
    copy(&image, &inpud.dir);
    inpud.serve();
    inpud.ok(&["release", "status", "2018Q3", "nil", "--kind", "training"]);
    anpud.serve();
    inpud.knows(&anpud);
    for node in [&inpud, &anpud] {
        wait_for("both to name the two histories", || {
            let (_, _said) = inpud.run(&["peer", "sync"]);
            let health = node.run(&["health"]).1.to_string();
            health.contains("\"equivocation\"").then_some(())
        });
    }
}

/// Returns the head of INPUD's log as a node knows it.
fn own_head(node: &Node) -> Value {
    let question = [
        "report",
        "training",
        "--measure",
        "activities",
        "--allow-partial",
    ];
    let answer = node.ok(&question);
    let heads = answer["as_of"]["checkpoints"].as_array().expect("heads");
    let own = heads.iter().find(|head| head["member"] == "inpud");
    own.cloned().expect("a head")
}
