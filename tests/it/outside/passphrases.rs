//! Several people open one node, each with a passphrase of their own; a sheet of paper opens it when
//! all of them are forgotten; and a crash leaves the old vault or the new one.

use std::process::Stdio;
use std::time::Instant;

use counterfoil::charter::Card;
use counterfoil::identity::{GovernorKey, canon};
use serde_json::{Value, json};

use crate::world::node::{A_TRAINING, read, refusal};
use crate::world::{Node, World, number};

fn words(listed: &Value) -> Vec<&str> {
    let passphrases = listed["passphrases"].as_array().expect("a list").iter();
    passphrases
        .map(|one| one["name"].as_str().expect("a word"))
        .collect()
}

/// Returns whether a passphrase opens the node, running or not.
fn opens(node: &Node, passphrase: &str) -> bool {
    let (code, answer) = node.run_with(Some(passphrase), &["passphrase", "list"]);
    if code != 0 {
        assert_eq!(answer["error"]["code"], "passphrase", "{answer}");
    }
    code == 0
}

#[test]
fn each_person_has_a_passphrase_of_their_own() {
    let world = World::new();
    let mut node = world.member("inpud", &["--size", "small"]);
    let own = node.passphrase();
    let own = own.to_str().expect("UTF-8");
    let desk = world.secret("desk", "the words at the desk\n");
    let home = world.secret("home", "the words at home\n");
    let other = world.secret("other", "other words\n");

    // With no node running.
    let listed = node.ok(&["passphrase", "list"]);
    assert_eq!(words(&listed), ["first", "recovery"]);
    assert_eq!(listed["locked"], true);
    let add = ["passphrase", "add", "desk", "--new-passphrase-file", &desk];
    assert_eq!(words(&node.ok(&add)), ["desk", "first", "recovery"]);
    node.refused(&add, "exists");
    let again = ["passphrase", "add", "b", "--new-passphrase-file", &desk];
    node.refused(&again, "passphrase_unusable");
    let steers = ["passphrase", "add", " b", "--new-passphrase-file", &home];
    node.refused(&steers, "invalid");
    // Nobody is asked where there is no terminal.
    node.refused(&["passphrase", "add", "b"], "passphrase");
    let unseen = node.run_with(None, &["passphrase", "list"]);
    refusal(unseen, 1, "passphrase");
    let wrong = node.run_with(Some(&other), &["passphrase", "list"]);
    refusal(wrong, 1, "passphrase");

    // With one that runs: locked, it asks for one; unlocked, it needs none but to change one.
    node.serve_locked();
    refusal(
        node.run_with(None, &["passphrase", "list"]),
        1,
        "passphrase",
    );
    for passphrase in [own, desk.as_str()] {
        let unlocked = node.run_with(Some(passphrase), &["unlock"]);
        assert_eq!(unlocked, (0, json!({"locked": false})));
        node.ok(&["lock"]);
    }
    node.run_with(Some(&desk), &["unlock"]);
    let add = ["passphrase", "add", "home", "--new-passphrase-file", &home];
    let (code, added) = node.run_with(None, &add);
    assert_eq!((code, &added["locked"]), (0, &json!(false)), "{added}");
    let change = ["passphrase", "change", "--new-passphrase-file", &other];
    refusal(node.run_with(None, &change), 1, "passphrase");
    let (code, changed) = node.run_with(Some(&desk), &change);
    assert_eq!((code, words(&changed).len()), (0, 4), "{changed}");
    assert!(!opens(&node, &desk) && opens(&node, &other) && opens(&node, &home));
    node.refused(&["passphrase", "remove", "nobody"], "not_found");
    node.ok(&["passphrase", "remove", "first"]);
    node.ok(&["lock"]);
    assert!(!opens(&node, own));
    assert!(node.terminate().success());

    let remove = |word| node.run_with(Some(&home), &["passphrase", "remove", word]);
    assert_eq!(remove("desk").0, 0);
    refusal(remove("home"), 1, "last_passphrase");
    assert_eq!(remove("recovery").0, 0);
    refusal(remove("home"), 1, "last_passphrase");
    assert!(opens(&node, &home) && !opens(&node, &other));

    let relay = world.relay("relay");
    relay.refused(&["passphrase", "list"], "relay");
}

#[test]
fn the_recovery_sheet_opens_a_lost_book() {
    let world = World::new();
    let sheet = world.path("sheet");
    let sheet = sheet.to_str().expect("UTF-8");
    let mut node = world.member("inpud", &["--recovery-out", sheet]);
    let text = String::from_utf8(read(sheet.as_ref())).expect("UTF-8");
    assert!(!text.contains("inpud"), "a sheet does not say whose it is");
    // The key on it is the one the card names.
    let card = Card::parse(&read(&node.dir.join("card"))).expect("a card");
    let mut keys = text.lines().filter_map(|line| {
        let seed = canon::from_base64_32(line.trim())?;
        Some(GovernorKey::from_seed(&seed).public_key())
    });
    assert_eq!(keys.next(), card.member().recovery_key);
    node.ok(&[&A_TRAINING[..], &["start=2018-02-01"]].concat());

    // Forgotten: the node is reachable all the same, and the sheet opens it.
    let forgotten = world.secret("forgotten", "something else\n");
    node.serve_locked();
    assert_eq!(node.run(&["health"]).1["locked"], true);
    let address = node.address();
    std::net::TcpStream::connect(address).expect("peers reach a locked node");
    refusal(
        node.run_with(Some(&forgotten), &["unlock"]),
        1,
        "passphrase",
    );
    let unlock = ["unlock", "--recovery-file", sheet];
    let unlocked = node.run_with(None, &unlock);
    assert_eq!(unlocked, (0, json!({"locked": false})));
    node.ok(&["lock"]);
    let first = world.secret("new-1", "chosen anew\n");
    let second = world.secret("new-2", "chosen once more\n");
    let change = |node: &Node, new: &str| {
        let change = ["passphrase", "change", "--recovery-file", sheet];
        let change = [&change[..], &["--new-passphrase-file", new]].concat();
        node.run_with(None, &change)
    };
    assert_eq!(change(&node, &first).0, 0);
    assert!(opens(&node, &first));
    assert!(node.terminate().success());
    assert_eq!(change(&node, &second).0, 0);
    assert!(opens(&node, &second) && !opens(&node, &first));
    let own = node.passphrase();
    assert!(!opens(&node, own.to_str().expect("UTF-8")));
    let (code, listed) = node.run_with(Some(&second), &["record", "list"]);
    assert_eq!(
        (code, &listed["records"][0]["fields"]["title"]),
        (0, &json!("A day"))
    );

    slips(&world, &node, &text);
    // Another sheet; the one before opens nothing any more.
    let newer = world.path("newer");
    let newer = newer.to_str().expect("UTF-8");
    let make = ["passphrase", "recovery", "--out", newer];
    assert_eq!(node.run_with(Some(&second), &make).0, 0);
    refusal(node.run_with(Some(&second), &make), 1, "file");
    let by = |sheet| node.run_with(None, &["passphrase", "list", "--recovery-file", sheet]);
    refusal(by(sheet), 1, "passphrase");
    assert_eq!(by(newer).0, 0);
}

/// What is no code, or has a slip of the pen in it, is told from a code that opens nothing.
fn slips(world: &World, node: &Node, sheet: &str) {
    let at = sheet.find('-').expect("a group");
    let (before, after) = sheet.split_at(at + 1);
    let slip = if after.starts_with('7') { "8" } else { "7" };
    let slipped = [before, slip, &after[1..]].concat();
    let old = "kLsbR+Cf21CyETmSGcYN+b9DANcxBRoLkNiFHUKfbgI=\n";
    for (name, text) in [("slip", slipped.as_str()), ("old", old), ("empty", "")] {
        let file = world.write(name, text);
        let list = ["passphrase", "list", "--recovery-file", &file];
        refusal(node.run_with(None, &list), 1, "recovery_code");
    }
}

/// Kills of a normal run.
const KILLS: u64 = 4;

#[test]
fn a_change_cut_short_leaves_the_old_passphrase_or_the_new_one() {
    let kills = number("COUNTERFOIL_KILLS", KILLS);
    let world = World::new();
    let node = world.member("inpud", &["--size", "small"]);
    let files = ["one", "two"].map(|name| world.secret(name, &format!("the words {name}\n")));
    let own = node.passphrase();
    let mut current = own.to_str().expect("UTF-8").to_owned();
    let change = |from: &str, to: &str| {
        let mut command = node.command(&["passphrase", "change", "--new-passphrase-file", to]);
        command.env("COUNTERFOIL_PASSPHRASE_FILE", from);
        command.stdout(Stdio::null());
        command
    };
    let begun = Instant::now();
    assert!(
        change(&current, &files[0])
            .status()
            .expect("it starts")
            .success()
    );
    let usual = begun.elapsed();
    current.clone_from(&files[0]);
    for kill in 0..kills {
        let next = &files[usize::from(current == files[0])];
        let mut child = change(&current, next).spawn().expect("it starts");
        // From the middle to just past the end: before that, nothing was done.
        let moment = usual.mul_f64(0.5 + 0.6 * kill as f64 / kills as f64);
        std::thread::sleep(moment);
        let ended = child.try_wait().expect("a process");
        let _gone = child.kill();
        child.wait().expect("a process");
        let opened = [opens(&node, &current), opens(&node, next)];
        assert_ne!(opened[0], opened[1], "kill {kill}: exactly one opens it");
        let done = ended.is_some_and(|status| status.success());
        assert!(
            !done || opened[1],
            "kill {kill}: what was acknowledged holds"
        );
        if opened[1] {
            current.clone_from(next);
        }
    }
}
