//! Many at once: commands on one node, and two nodes that sync with each other meanwhile.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{Node, World};

/// Commands at once, and how often each comes back.
const HANDS: usize = 6;
const TIMES: usize = 4;

#[test]
fn many_hands_on_one_node_lose_nothing() {
    let world = World::new();
    let [inpud, anpud] = world.pair(&["--size", "small"]);
    inpud.knows(&anpud);
    anpud.knows(&inpud);

    let mut ids = BTreeSet::new();
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                let inpud = &inpud;
                scope.spawn(move || add_and_publish(inpud, hand))
            })
            .collect();
        let meanwhile = scope.spawn(|| {
            for _ in 0..TIMES {
                // Two nodes that keep dialling each other may get in each other's way: a sync then
                // says so and can be asked for again. What counts is that nothing is lost.
                inpud.run(&["peer", "sync"]);
                anpud.run(&["peer", "sync"]);
                anpud.ok(&["coverage", "--from", "2018", "--to", "2018"]);
            }
        });
        for hand in hands {
            ids.extend(hand.join().expect("every command was answered"));
        }
        meanwhile.join().expect("every command was answered");
    });

    assert_eq!(ids.len(), HANDS * TIMES, "no id twice");
    let listed = inpud.ok(&["record", "list"]);
    let listed = listed["records"].as_array().expect("records");
    assert_eq!(listed.len(), HANDS * TIMES);
    inpud.publish("2018Q1", "training");
    anpud.sync(&inpud);
    for node in [&inpud, &anpud] {
        let mut question = vec!["report", "training", "--measure", "activities"];
        question.extend(["--from", "2018Q1", "--to", "2018Q1", "--allow-partial"]);
        let answer = node.ok(&question);
        assert_eq!(answer["rows"][0]["value"], HANDS * TIMES, "{}", node.id);
        assert_eq!(node.ok(&["health"])["problems"], json!([]));
    }
}

/// Adds records and publishes after each; returns their ids.
fn add_and_publish(node: &Node, hand: usize) -> Vec<String> {
    let title = format!("title=hand {hand}");
    let mut add = vec![
        "record",
        "add",
        "--kind",
        "training",
        "--set",
        "start=2018-02-03",
    ];
    add.extend(["--set", &title]);
    (0..TIMES)
        .map(|_| {
            let added = node.ok(&add);
            let draft = node.ok(&["release", "preview", "2018Q1", "--kind", "training"]);
            let digest = draft["digest"].as_str().expect("a digest");
            let (code, answer) = node.run(&["release", "publish", digest]);
            // Another hand added a record since the preview: refused, and nothing left.
            let changed = answer["error"]["code"] == "changed";
            assert!(code == 0 || changed, "{answer}");
            added["id"].as_str().expect("an id").to_owned()
        })
        .collect()
}
