//! Logs that travel through others: a node never spoken to, a locked node, a relay, and nodes
//! that only dial out.

use serde_json::{Value, json};

use crate::world::node::{A_TRAINING, bare};
use crate::world::table::only;
use crate::world::{Node, World};

/// One training with a head count, published for its quarter.
fn trains(node: &Node, start: &str, attended: u32) {
    let (start_field, attended) = (format!("start={start}"), format!("attended={attended}"));
    let mut command = A_TRAINING.to_vec();
    command.extend(["--set", &start_field, "--set", &attended]);
    node.ok(&command);
    let month: u32 = start[5..7].parse().expect("a month");
    node.publish(
        &format!("{}Q{}", &start[..4], (month - 1) / 3 + 1),
        "training",
    );
}

/// Returns the checkpoint of a member's log as a node knows it.
fn head(node: &Node, member: &str) -> Value {
    let mut question = vec!["report", "training", "--measure", "activities"];
    question.extend(["--from", "2019Q1", "--to", "2019Q1", "--allow-partial"]);
    let answer = node.ok(&question);
    let heads = answer["as_of"]["checkpoints"].as_array().expect("heads");
    let of_member = heads.iter().find(|head| head["member"] == member);
    of_member.cloned().unwrap_or(Value::Null)
}

fn witnesses(head: &Value) -> Vec<&str> {
    let named = head["cosigned_by"].as_array().expect("witnesses");
    named.iter().filter_map(Value::as_str).collect()
}

fn attendances(node: &Node, period: &str, member: &str) -> Option<u64> {
    let mut question = vec!["report", "training", "--measure", "attendances"];
    question.extend(["--from", period, "--to", period, "--member", member]);
    question.push("--allow-partial");
    only(&node.ok(&question)).value
}

#[test]
fn what_one_node_signs_reaches_all_through_others() {
    let world = World::new();
    let large = ["--size", "large", "--countries", "TH"];
    let mut first = world.member("first", &large);
    let mut second = world.member("second", &large);
    let mut third = world.member("third", &large);
    let mut relay = world.relay("relay");
    for node in [&mut first, &mut second, &mut third] {
        node.serve();
    }
    relay.serve_locked();
    let charter = world.unite("2019", &[&first, &second, &third, &relay]);
    assert_eq!(second.terminate().code(), Some(0));
    second.serve_locked();
    assert_eq!(second.ok(&["health"])["locked"], true);

    // First and third only dial out: nobody knows where they are.
    first.knows(&second);
    third.knows(&second);
    trains(&first, "2019-02-01", 24);
    trains(&third, "2019-02-02", 31);
    first.sync(&second);
    third.sync(&second);
    first.sync(&second);
    both_ways_through_a_locked_node(&first, &second, &third);
    a_proof_needs_no_network(&world, &charter, &third);

    // The relay passes on what the second node, now gone, never saw.
    let gone = second.address();
    second.kill();
    a_peer_that_is_gone_or_another_is_named(&first, &gone, &relay);
    first.knows(&relay);
    third.knows(&relay);
    trains(&first, "2019-05-01", 40);
    first.sync(&relay);
    third.sync(&relay);
    assert_eq!(attendances(&third, "2019Q2", "first"), Some(40));
    let newest = head(&third, "first");
    assert_eq!(newest["tree_size"], 2);
    assert!(witnesses(&newest).contains(&"relay"), "{newest}");
    a_relay_keeps_no_secrets(&relay);
}

fn both_ways_through_a_locked_node(first: &Node, second: &Node, third: &Node) {
    for node in [first, second, third] {
        assert_eq!(
            attendances(node, "2019Q1", "first"),
            Some(24),
            "{}",
            node.id
        );
        assert_eq!(
            attendances(node, "2019Q1", "third"),
            Some(31),
            "{}",
            node.id
        );
        let heads = ["first", "third"].map(|member| head(node, member));
        for head in &heads {
            assert_eq!(head["tree_size"], 1, "{head}");
            assert!(witnesses(head).contains(&"second"), "{head}");
        }
    }
    for (node, other) in [(first, "third"), (third, "first")] {
        let peers = node.ok(&["peer", "list"]);
        let peers = peers["peers"].as_array().expect("peers");
        let other = peers.iter().find(|peer| peer["member"] == other);
        // Never spoken to, and nothing known of where it is.
        let Some(other) = other else { continue };
        assert_eq!(other["last_sync"], Value::Null, "{other}");
    }
    second.refused(&["record", "list"], "locked");
    second.refused(&["release", "preview", "2019Q1"], "locked");
}

/// A sync that fails says where and why, and exits with 1.
fn a_peer_that_is_gone_or_another_is_named(first: &Node, gone: &str, relay: &Node) {
    let failed = |peer: &str| {
        let (code, synced) = first.run(&["peer", "sync", "--peer", peer]);
        let peer = &synced["peers"][0];
        assert_eq!((code, &peer["ok"]), (1, &json!(false)), "{synced}");
        peer["error"].as_str().expect("a reason").to_owned()
    };
    let said = failed("second");
    assert!(said.contains(gone), "{said}");
    // Somebody else answers at the address: its certificate gives it away.
    first.ok(&["peer", "add", "third", &relay.url()]);
    let said = failed("third");
    assert!(said.contains("wrong certificate"), "{said}");
}

fn a_proof_needs_no_network(world: &World, charter: &str, third: &Node) {
    let proof = third.ok(&["prove", "first", "0"]);
    let text = proof["text"].as_str().expect("a proof");
    let file = world.write("first.tlog-proof", text);
    let nowhere = world.path("nowhere");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let verify = ["--dir", nowhere, "verify", &file, "--charter", charter];
    let (code, verdict) = bare(world.root(), &verify);
    assert_eq!(code, 0, "{verdict}");
    for (name, wanted) in [
        ("kind", json!("summary")),
        ("valid", json!(true)),
        ("member", json!("first")),
        ("series", json!("training/2019Q1")),
        ("leaf_index", json!(0)),
        ("reason", Value::Null),
    ] {
        assert_eq!(verdict[name], wanted, "{name} of {verdict}");
    }
    let cosigners = verdict["cosigned_by"].as_array().expect("witnesses");
    assert!(cosigners.contains(&"second".into()), "{verdict}");
    // Beside a node, the verdict says what became of the leaf.
    let verdict = third.ok(&["verify", &file, "--charter", charter]);
    assert_eq!(verdict["status"], "current", "{verdict}");

    // One letter of the payload changed: it says so, and exits with 1.
    let (head, tail) = text.split_once("extra ").expect("a payload");
    let swapped = if tail.starts_with('A') { "B" } else { "A" };
    let file = world.write("bent", format!("{head}extra {swapped}{}", &tail[1..]));
    let (code, verdict) = bare(world.root(), &["verify", &file, "--charter", charter]);
    assert_eq!((code, &verdict["valid"]), (1, &json!(false)), "{verdict}");
    assert!(verdict["reason"].is_string(), "{verdict}");
}

fn a_relay_keeps_no_secrets(relay: &Node) {
    let health = relay.ok(&["health"]);
    assert_eq!(health["tree_size"], 0, "{health}");
    relay.refused(&["record", "list"], "relay");
    assert!(!relay.dir.join("private").exists());
}
