//! `wipe`: keys first and for certain, then the rest; on a node that is locked, that runs, that is
//! damaged; and whoever cuts it short finds it finished.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::world::node::{A_TRAINING, bare, refusal};
use crate::world::{Node, World, copy, number};

fn strings<'v>(answer: &'v Value, name: &str) -> Vec<&'v str> {
    let list = answer[name].as_array().expect("a list").iter();
    list.map(|one| one.as_str().expect("text")).collect()
}

fn kinds(answer: &Value) -> Vec<&str> {
    let remains = answer["remains"].as_array().expect("a list").iter();
    remains
        .map(|one| {
            assert!(one["where"].is_string() && one["note"].is_string(), "{one}");
            one["what"].as_str().expect("text")
        })
        .collect()
}

fn is_without_keys(dir: &Path) {
    for name in [
        "vault.toml",
        "witness.key",
        "node.cert",
        "private",
        "format",
        "watch",
    ] {
        assert!(!dir.join(name).exists(), "{name} is left");
    }
}

fn with_a_record(world: &World, id: &str) -> Node {
    let node = world.member(id, &["--size", "small"]);
    node.ok(&[&A_TRAINING[..], &["start=2018-02-01"]].concat());
    node
}

#[test]
fn secrets_that_settings_name_inside_the_directory_go_too() {
    let world = World::new();
    let mut node = with_a_record(&world, "inpud");
    let own = |name: &str, text: &str| {
        let path = node.dir.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("a mode");
    };
    own("token", "0123456789abcdef0123");
    own("letter", "somebody's");
    own("counterfoil.toml", "metrics_token_file = 'token'\n");
    node.serve();
    let wiped = node.ok(&["wipe", "--yes"]);
    assert!(strings(&wiped, "destroyed").contains(&"token"), "{wiped}");
    assert!(!node.dir.join("token").exists());
    assert!(node.dir.join("letter").exists());
}

#[test]
fn nothing_is_wiped_unasked() {
    let world = World::new();
    let node = with_a_record(&world, "inpud");
    refusal(node.run(&["wipe"]), 2, "misuse");
    refusal(node.run(&["wipe", "--all"]), 2, "misuse");
    assert_eq!(
        node.ok(&["record", "list"])["records"][0]["fields"]["title"],
        "A day"
    );
    let nowhere = world.path("nowhere");
    let nowhere = nowhere.to_str().expect("UTF-8");
    refusal(
        bare(world.root(), &["wipe", "--yes", "--dir", nowhere]),
        1,
        "no_node",
    );
}

#[test]
fn a_node_that_does_not_run_is_wiped_whatever_else_is_broken() {
    let world = World::new();
    let node = with_a_record(&world, "inpud");
    // Neither settings nor passphrase are needed, nor a vault that can be read.
    std::fs::write(node.dir.join("counterfoil.toml"), "listen = 7").expect("written");
    std::fs::remove_file(node.passphrase()).expect("removed");
    std::fs::write(node.dir.join("vault.toml"), "half of a vau").expect("written");
    let wiped = node.ok(&["wipe", "--yes"]);
    assert_eq!(strings(&wiped, "destroyed"), ["vault.toml", "witness.key"]);
    assert_eq!(
        (&wiped["wiped"], &wiped["all"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        kinds(&wiped),
        [
            "public_copies",
            "published",
            "backups",
            "disk_images",
            "secrets_outside",
            "trust"
        ]
    );
    is_without_keys(&node.dir);
    assert!(node.dir.join("public").exists());
    std::fs::remove_file(node.dir.join("counterfoil.toml")).expect("removed");
    let dir = node.dir.to_str().expect("UTF-8");
    for command in [
        &["health"][..],
        &["record", "list"],
        &["serve"],
        &["init", "--member", "inpud", "--name", "again"],
    ] {
        let command = [&["--dir", dir][..], command].concat();
        let passphrase = world.secret("pass", "the passphrase\n");
        let command = [&command[..], &["--passphrase-file", &passphrase]].concat();
        refusal(bare(world.root(), &command), 1, "wiped");
    }
    let wiped = bare(world.root(), &["--dir", dir, "wipe", "--yes", "--all"]);
    assert_eq!(wiped.0, 0, "{}", wiped.1);
    assert_eq!(kinds(&wiped.1)[0], "published");
    assert!(!node.dir.exists(), "nothing is left");
}

#[test]
fn a_running_node_goes_down_locked_or_not() {
    let world = World::new();
    let mut locked = with_a_record(&world, "inpud");
    let mut unlocked = with_a_record(&world, "anpud");
    locked.serve();
    unlocked.serve();
    world.unite("2018", &[&locked, &unlocked]);
    locked.publish("2018", "training");
    unlocked.knows(&locked);
    unlocked.sync(&locked);
    locked.ok(&["lock"]);

    let wiped = locked.ok(&["wipe", "--yes"]);
    assert_eq!(
        strings(&wiped, "destroyed"),
        ["vault.toml", "witness.key", "node.cert"]
    );
    assert!(strings(&wiped, "removed").contains(&"private"), "{wiped}");
    assert!(locked.ended().success(), "an orderly end");
    is_without_keys(&locked.dir);
    // What it published is still told by others.
    let question = [
        "report",
        "training",
        "--measure",
        "activities",
        "--from",
        "2018",
    ];
    let question = [
        &question[..],
        &["--to", "2018", "--grain", "year", "--allow-partial"],
    ]
    .concat();
    let answer = unlocked.ok(&question);
    assert_eq!(answer["rows"][0]["value"], 1, "{answer}");

    let wiped = unlocked.ok(&["wipe", "--yes", "--all"]);
    assert_eq!(kinds(&wiped)[0], "published");
    assert!(unlocked.ended().success(), "an orderly end");
    assert!(!unlocked.dir.exists(), "nothing is left");
    let mut relay = world.relay("relay");
    relay.serve();
    let wiped = relay.ok(&["wipe", "--yes", "--all"]);
    assert!(
        strings(&wiped, "destroyed").contains(&"relay.keys"),
        "{wiped}"
    );
    assert!(relay.ended().success());
    assert!(!relay.dir.exists(), "nothing is left");
}

/// Kills of a normal run.
const KILLS: u64 = 6;

#[test]
fn a_wipe_cut_short_is_all_or_nothing_to_whoever_comes_next() {
    let kills = number("COUNTERFOIL_KILLS", KILLS);
    let world = World::new();
    let node = with_a_record(&world, "inpud");
    let kept = world.path("kept");
    copy(&node.dir, &kept);
    let begun = Instant::now();
    node.ok(&["wipe", "--yes"]);
    let usual = begun.elapsed();
    let mut outcomes = [0; 2];
    for kill in 0..kills {
        std::fs::remove_dir_all(&node.dir).expect("removed");
        copy(&kept, &node.dir);
        let mut command = node.command(&["wipe", "--yes"]);
        let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(usual.mul_f64(1.2 * kill as f64 / kills as f64));
        let _gone = child.kill();
        child.wait().expect("a process");
        let (code, listed) = node.run(&["record", "list"]);
        outcomes[usize::from(code != 0)] += 1;
        if code == 0 {
            assert_eq!(
                listed["records"][0]["fields"]["title"], "A day",
                "kill {kill}"
            );
            continue;
        }
        // Decided: by now its keys are gone, and the rest follows.
        assert_eq!(listed["error"]["code"], "wiped", "kill {kill}: {listed}");
        assert!(!node.dir.join("vault.toml").exists(), "kill {kill}");
        node.ok(&["wipe", "--yes"]);
        is_without_keys(&node.dir);
    }
    assert!(
        outcomes.iter().all(|count| *count > 0) || kills < 4,
        "{outcomes:?}"
    );
}
