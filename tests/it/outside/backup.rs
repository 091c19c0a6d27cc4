//! A node is backed up, its machine is lost, and it is restored elsewhere: it says the same, byte
//! for byte, and signs nothing before a peer has given it what it may have forgotten.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::node::{A_TRAINING, bare, ok, program, read, refusal};
use crate::world::{Node, World, wait_for};

fn add(node: &Node, start: &str) {
    let start = format!("start={start}");
    node.ok(&[&A_TRAINING[..], &["country=online", "attended=14", &start]].concat());
}

fn publish(node: &Node, start: &str, period: &str) {
    add(node, start);
    node.publish(period, "training");
}

/// Everything a node says that must not change.
fn answers(node: &Node) -> Vec<Value> {
    let report = ["report", "training", "--measure", "activities"];
    let report = [&report[..], &["--allow-partial", "--by", "member,period"]].concat();
    let commands: [&[&str]; 7] = [
        &report,
        &["coverage", "--from", "2018Q1", "--to", "2018Q2"],
        &["story", "--from", "2018Q1", "--to", "2018Q2"],
        &["record", "list"],
        &["release", "list"],
        &["prove", "inpud", "0"],
        &["peer", "list"],
    ];
    let mut said: Vec<Value> = commands.iter().map(|command| node.ok(command)).collect();
    // When a sync last ended is this process's own memory.
    for peer in said[6]["peers"].as_array_mut().expect("peers") {
        peer["last_sync"].take();
        peer["error"].take();
    }
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Makes the two networks, with two releases of INPUD's at both.
fn pair(world: &World) -> [Node; 2] {
    let [inpud, anpud] = world.pair(&["--size", "small"]);
    inpud.knows(&anpud);
    publish(&inpud, "2018-02-03", "2018Q1");
    publish(&anpud, "2018-02-04", "2018Q1");
    publish(&inpud, "2018-05-03", "2018Q2");
    inpud.sync(&anpud);
    inpud.sync(&anpud);
    [inpud, anpud]
}

/// Restores into another directory, as on another machine: nothing of the first is there.
fn elsewhere(node: &mut Node, files: &[&str], flags: &[&str]) -> Value {
    std::fs::remove_dir_all(&node.dir).expect("wiped");
    node.dir = node.dir.with_file_name("elsewhere");
    node.ok(&[&["restore"], files, flags].concat())
}

#[test]
fn a_backup_restored_elsewhere_says_the_same_byte_for_byte() {
    let world = World::new();
    let [mut inpud, mut anpud] = pair(&world);
    let before = answers(&inpud);
    let file = world.path("inpud.age");
    let taken = inpud.ok(&["backup", text(&file)]);
    assert_eq!(taken["bytes"], file.metadata().expect("a file").len());
    assert_eq!(taken["tree_size"], 2, "{taken}");
    assert_eq!(taken["planes"], json!(["public", "private"]));
    // What came later is lost with the machine, but for what a peer has.
    publish(&inpud, "2018-08-03", "2018Q3");
    inpud.sync(&anpud);
    inpud.kill();
    anpud.terminate();

    let restored = elsewhere(&mut inpud, &[text(&file)], &[]);
    assert_eq!(restored["root_hash"], taken["root_hash"], "{restored}");
    assert_eq!(answers(&inpud), before);
    let health = inpud.run(&["health"]).1.to_string();
    assert!(health.contains("restored from a backup"), "{health}");

    // It serves, and signs nothing.
    inpud.serve();
    add(&inpud, "2018-11-03");
    let draft = inpud.ok(&["release", "preview", "2018Q4", "--kind", "training"]);
    let digest = draft["digest"].as_str().expect("a digest");
    inpud.refused(&["release", "publish", digest], "unsure_head");
    assert!(inpud.dir.join("restored").exists());
    anpud.serve();
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    assert!(
        !inpud.dir.join("restored").exists(),
        "a peer gave all it had"
    );
    assert_eq!(inpud.ok(&["health"])["tree_size"], 3, "the peer's leaf too");
    // What truly stood behind the third leaf was in no backup, so nothing more is let out.
    let said = inpud.refused(&["release", "publish", digest], "ledger");
    assert!(said.contains("leaf 2"), "{said}");
    assert_eq!(anpud.ok(&["health"])["problems"], json!([]));
}

#[test]
fn with_the_newest_backup_a_restored_node_goes_on_where_it_was() {
    let world = World::new();
    let [mut inpud, anpud] = pair(&world);
    // Each plane by itself, from a node that runs and from one that does not.
    let files = ["public.age", "private.age"].map(|name| world.path(name));
    inpud.ok(&["backup", "--plane", "public", text(&files[0])]);
    inpud.terminate();
    inpud.ok(&["backup", "--plane", "private", text(&files[1])]);
    elsewhere(&mut inpud, &[text(&files[1]), text(&files[0])], &[]);
    inpud.serve();
    inpud.knows(&anpud);
    inpud.sync(&anpud);
    publish(&inpud, "2018-08-03", "2018Q3");
    inpud.sync(&anpud);
    anpud.ok(&["prove", "inpud", "2"]);
    inpud.sync(&anpud);
    for node in [&inpud, &anpud] {
        assert_eq!(node.ok(&["health"])["problems"], json!([]));
    }
    // Once it has what its peers hold, a restart waits for nobody.
    inpud.terminate();
    assert_eq!(inpud.ok(&["health"])["problems"], json!([]));
}

#[test]
fn a_locked_node_backs_up_what_is_public() {
    let world = World::new();
    let [mut inpud, _anpud] = pair(&world);
    inpud.terminate();
    inpud.serve_locked();
    let file = world.path("f.age");
    inpud.refused(&["backup", text(&file)], "locked");
    assert!(!file.exists());
    let taken = inpud.ok(&["backup", "--plane", "public", text(&file)]);
    assert_eq!(
        (&taken["tree_size"], &taken["rows"]),
        (&json!(2), &json!(0))
    );
    inpud.kill();
    let restored = elsewhere(&mut inpud, &[text(&file)], &[]);
    let notes = restored["notes"].to_string();
    assert!(notes.contains("no private plane"), "{notes}");
    inpud.ok(&["prove", "inpud", "1"]);
    inpud.refused(&["record", "list"], "damaged");
}

#[test]
fn backups_for_a_key_are_verified_drilled_and_restored_with_it() {
    let world = World::new();
    let [mut inpud, _anpud] = pair(&world);
    let [file, key] = ["f.age", "key"].map(|name| world.path(name));
    let made = ok(world.root(), &["backup", "--new-key", text(&key)]);
    let recipient = made["recipient"].as_str().expect("a recipient").to_owned();
    let told = std::fs::read_to_string(&key).expect("a key");
    assert!(told.contains("AGE-SECRET-KEY-1") && told.contains(&recipient));
    inpud.ok(&["backup", text(&file), "--to", &recipient]);
    for looked in [
        &["backup", "--verify", text(&file), "--identity", text(&key)][..],
        &["backup", "--drill", text(&file), "--identity", text(&key)],
        &["restore", "--check", text(&file), "--identity", text(&key)],
    ] {
        let found = inpud.ok(looked);
        assert_eq!(found["verified"], true, "{found}");
        assert_eq!(
            (&found["leaves"], &found["payloads"]),
            (&json!(3), &json!(3))
        );
        assert!(found["rows"].as_u64().expect("a number") > 5, "{found}");
        assert_eq!(found["notes"], json!([]));
    }
    // A drill without the passphrase says what it did not prove.
    let drilled = ["backup", "--drill", text(&file), "--identity", text(&key)];
    let drilled = ok(world.root(), &drilled);
    assert!(
        drilled["notes"].to_string().contains("were not opened"),
        "{drilled}"
    );
    let left = std::fs::read_dir(world.root()).expect("a folder");
    let left = left
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains("drill"));
    assert_eq!(left.count(), 0, "a drill leaves nothing behind");
    // Without the key, not even the passphrase helps.
    inpud.refused(&["restore", text(&file)], "exists");
    inpud.kill();
    let before = answers(&inpud);
    let restored = elsewhere(&mut inpud, &[text(&file)], &["--identity", text(&key)]);
    assert_eq!(answers(&inpud), before);
    // Whoever knows the recipient can write such a file, and settings name a program to run.
    let aside = inpud.dir.join("counterfoil.toml.restored");
    assert!(aside.exists() && !inpud.dir.join("counterfoil.toml").exists());
    let notes = restored["notes"].to_string();
    assert!(notes.contains("counterfoil.toml.restored"), "{notes}");
    let looked = inpud.ok(&["doctor"])["checks"].to_string();
    assert!(looked.contains("then rename the file"), "{looked}");
    let missing = world.path("gone");
    let told = inpud.refused(
        &[
            "backup",
            "--verify",
            text(&file),
            "--identity",
            text(&missing),
        ],
        "file",
    );
    assert!(told.contains("cannot be read: No such file"), "{told}");
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let world = World::new();
    let [mut inpud, anpud] = pair(&world);
    let file = world.path("f.age");
    inpud.ok(&["backup", text(&file)]);
    let written = read(&file);
    // A file that is there stays as it is.
    inpud.refused(&["backup", text(&file)], "file");
    assert_eq!(read(&file), written);
    // Sealed under a slip of the finger, it would be lost.
    let wrong = world.write("wrong", "not the passphrase\n");
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    let other = world.path("g.age");
    let slip = ["--passphrase-file", &wrong, "backup", text(&other)];
    inpud.refused(&slip, "passphrase");
    inpud.refused(&["backup", text(&other), "--to", "age1nobody"], "invalid");
    inpud.refused(&["backup", text(&world.path("no/such/folder.age"))], "file");
    let names = std::fs::read_dir(world.root()).expect("a folder").flatten();
    let half = names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(half.count(), 0);

    // A directory that holds a node, running or not.
    let listed = inpud.ok(&["record", "list"]);
    inpud.refused(&["restore", text(&file)], "exists");
    assert_eq!(inpud.ok(&["record", "list"]), listed);
    anpud.refused(&["restore", text(&file)], "exists");
    inpud.terminate();
    inpud.refused(&["restore", text(&file)], "exists");
    assert_eq!(inpud.ok(&["record", "list"]), listed);

    // A file that is damaged, wherever, or is none; a passphrase that does not open it.
    let target = world.path("target");
    let into = |file: &str, passphrase: &str| {
        let restore = [
            "--dir",
            text(&target),
            "--passphrase-file",
            passphrase,
            "restore",
            file,
        ];
        let told = bare(world.root(), &restore);
        assert!(!target.exists(), "{told:?}");
        told
    };
    let right = inpud.passphrase();
    let right = text(&right);
    for step in 0..3 {
        let mut changed = written.clone();
        let at = 300 + (changed.len() - 301) * step / 2;
        changed[at] ^= 1;
        let changed = world.write("changed.age", changed);
        refusal(into(&changed, right), 1, "damaged");
        let cut = world.write("changed.age", &written[..at]);
        refusal(into(&cut, right), 1, "damaged");
    }
    refusal(into(text(&file), &wrong), 1, "passphrase");
    refusal(into(&wrong, right), 1, "damaged");
    refusal(into(text(&world.path("nothing")), right), 1, "file");
    let restore = [
        "--dir",
        text(&target),
        "--passphrase-file",
        right,
        "restore",
        text(&file),
    ];
    ok(world.root(), &restore);
}

/// The settings for backups by the node itself.
fn schedule(node: &Node, settings: &str) {
    let path = node.dir.join("counterfoil.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, format!("{text}\n{settings}\n")).expect("written");
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "age"));
    paths.sort();
    paths
}

#[test]
fn a_running_node_backs_up_by_itself_after_each_release() {
    let world = World::new();
    let mut inpud = world.member("inpud", &["--size", "small"]);
    let mut anpud = world.member("anpud", &["--size", "small"]);
    let folder = world.path("backups");
    let key = world.path("key");
    let made = ok(world.root(), &["backup", "--new-key", text(&key)]);
    let recipient = made["recipient"].as_str().expect("a recipient");
    schedule(
        &inpud,
        &format!(
            "[backup]\ndir = '{}'\nto = '{recipient}'\nkeep = 2",
            folder.display()
        ),
    );
    inpud.serve();
    anpud.serve();
    world.unite("2018", &[&inpud, &anpud]);
    // None was there, so the first is due at once.
    wait_for("the first backup", || backups(&folder).first().cloned());
    let newest_has = |leaves: u64| {
        wait_for("a backup of the newest release", || {
            let newest = backups(&folder).pop()?;
            let found = bare(
                world.root(),
                &[
                    "backup",
                    "--verify",
                    text(&newest),
                    "--identity",
                    text(&key),
                ],
            )
            .1;
            (found["tree_size"] == leaves).then_some(())
        });
    };
    for (leaves, (start, period)) in (1..).zip([
        ("2018-02-03", "2018Q1"),
        ("2018-05-03", "2018Q2"),
        ("2018-08-03", "2018Q3"),
    ]) {
        publish(&inpud, start, period);
        newest_has(leaves);
    }
    wait_for("the oldest to go", || {
        (backups(&folder).len() == 2).then_some(())
    });

    // Where it fails, the node says so and goes on. A folder that is gone may be a disk that is not
    // there: none is made in its place.
    inpud.terminate();
    std::fs::remove_dir_all(&folder).expect("removed");
    inpud.serve();
    let trouble = wait_for("health to say so", || {
        let health = inpud.run(&["health"]).1.to_string();
        health.contains("the last backup failed").then_some(health)
    });
    assert!(trouble.contains("backups is gone"), "{trouble}");
    assert!(!folder.exists());
}

#[test]
fn a_plan_with_nobody_to_seal_for_is_named() {
    let world = World::new();
    let inpud = world.member("inpud", &[]);
    schedule(&inpud, "[backup]\ndir = 'here'");
    let mut command = program(world.root());
    command.args(["--json", "--dir", text(&inpud.dir), "serve"]);
    let output = command.output().expect("it starts");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let said = refusal((output.status.code().expect("a code"), answer), 1, "config");
    assert!(said.contains("backup.dir needs backup.to"), "{said}");
}
