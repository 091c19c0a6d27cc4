//! A second person's own key: without it nothing leaves, and only exactly what they approved does.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::node::{bare, ok, program, read, refusal};
use crate::world::{Node, World};

/// Writes a file only its owner can read.
fn secret(world: &World, name: &str, text: &str) -> String {
    let path = world.write(name, text);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, mode).expect("a mode");
    path
}

/// Somebody with a key file and a passphrase of their own.
struct Person {
    name: &'static str,
    key: String,
    passphrase: String,
}

impl Person {
    fn new(world: &World, name: &'static str) -> Self {
        let key = world.path(&format!("{name}.key"));
        let words = format!("the words of {name}\n");
        Self {
            name,
            key: key.to_str().expect("UTF-8").to_owned(),
            passphrase: secret(world, &format!("{name}.words"), &words),
        }
    }

    /// Has a node make their key, and returns the public half.
    fn join(&self, node: &Node) -> String {
        let add = ["approver", "add", self.name, "--out", &self.key];
        let added = node.ok(&[&add[..], &self.words()].concat());
        assert_eq!(added["name"], self.name);
        assert_eq!(added["file"], self.key.as_str());
        added["key"].as_str().expect("a key").to_owned()
    }

    fn words(&self) -> [&str; 2] {
        ["--approver-passphrase-file", &self.passphrase]
    }

    fn flags(&self) -> [&str; 6] {
        let [flag, words] = self.words();
        ["--as", self.name, "--key", &self.key, flag, words]
    }

    fn approve<'a>(&'a self, digest: &'a str) -> Vec<&'a str> {
        [&["release", "approve", digest][..], &self.flags()].concat()
    }
}

fn add(node: &Node, title: &str) -> String {
    let title = format!("title={title}");
    let add = ["record", "add", "--kind", "training", "--set", &title];
    let added = node.ok(&[&add[..], &["start=2018-02-01", "attended=20"]].concat());
    added["id"].as_str().expect("an id").to_owned()
}

fn preview(node: &Node, flags: &[&str]) -> String {
    let preview = ["release", "preview", "2018Q1", "--kind", "training"];
    let draft = node.ok(&[&preview[..], flags].concat());
    draft["digest"].as_str().expect("a digest").to_owned()
}

/// Makes a pair of nodes of which the first asks for so many persons.
fn asking(world: &World, persons: u32) -> [Node; 2] {
    let mut nodes = ["inpud", "anpud"].map(|id| world.member(id, &["--size", "small"]));
    let settings = nodes[0].dir.join("counterfoil.toml");
    let mut text = String::from_utf8(read(&settings)).expect("UTF-8");
    text.push_str(&format!("\n[release]\napprovals = {persons}\n"));
    std::fs::write(&settings, text).expect("written");
    nodes.iter_mut().for_each(Node::serve);
    world.unite("2018", &[&nodes[0], &nodes[1]]);
    nodes
}

#[test]
fn nothing_leaves_without_a_second_person() {
    let world = World::new();
    let [mut inpud, _anpud] = asking(&world, 2);
    let id = add(&inpud, "one");
    let ana = Person::new(&world, "Ana");
    let key = ana.join(&inpud);
    let mode = std::fs::metadata(&ana.key).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(
        inpud.ok(&["approver", "list"]),
        json!({"approvers": [{"name": "Ana", "key": key}]})
    );

    let digest = preview(&inpud, &[]);
    let publish = ["release", "publish", &digest];
    let said = inpud.refused(&publish, "not_approved");
    assert!(
        said.contains("1 approval by other persons is missing"),
        "{said}"
    );
    inpud.refused(&[&publish[..], &["--hold", "24h"]].concat(), "not_approved");
    refusals(&world, &inpud, &ana, &digest);

    let draft = ["release", "preview", "2018Q1", "--kind", "training"];
    assert_eq!(
        inpud.ok(&draft)["approvals"],
        json!({"approved_by": [], "needed": 2, "missing": 1})
    );
    let standing = json!({
        "digest": digest, "period": "2018Q1", "approved_by": ["Ana"], "previewed_by": [],
        "needed": 2, "missing": 0,
    });
    assert_eq!(inpud.ok(&ana.approve(&digest)), standing);
    assert_eq!(inpud.ok(&ana.approve(&digest)), standing, "twice is once");

    // What was approved is one digest: a draft that changed has none.
    inpud.ok(&["record", "edit", &id, "--set", "attended=30"]);
    add(&inpud, "two");
    inpud.refused(&publish, "changed");
    inpud.refused(&ana.approve(&digest), "changed");
    let digest = preview(&inpud, &[]);
    inpud.refused(&["release", "publish", &digest], "not_approved");
    inpud.ok(&ana.approve(&digest));
    // It lasts, and comes back with the node.
    inpud.kill();
    inpud.serve();
    let published = inpud.ok(&["release", "publish", &digest]);
    assert_eq!(published["published"][0]["series"], "training/2018Q1");
    assert_eq!(published["held"], Value::Null);
    // With nothing to change, nobody is asked.
    let published = inpud.ok(&["release", "publish", &digest]);
    assert_eq!(published["published"], json!([]));
}

fn refusals(world: &World, node: &Node, ana: &Person, digest: &str) {
    // Somebody else's key, somebody nobody knows, a key that is gone.
    let eve = Person::new(world, "Eve");
    let made = ok(
        world.root(),
        &[
            &["approver", "key", "Eve", "--out", &eve.key][..],
            &eve.words(),
        ]
        .concat(),
    );
    node.refused(&eve.approve(digest), "unknown_approver");
    let [flag, words] = eve.words();
    let as_ana = ["--as", "Ana", "--key", &eve.key, flag, words];
    let approve = ["release", "approve", digest];
    node.refused(&[&approve[..], &as_ana].concat(), "wrong_key");
    let gone = ["--as", "Ana", "--key", "no.key", flag, words];
    node.refused(&[&approve[..], &gone].concat(), "file");
    // The wrong words; the node's own; none at all.
    let with_words = |words: &str, code: &str| {
        let [flag, _] = ana.words();
        let flags = ["--as", "Ana", "--key", &ana.key, flag, words];
        let said = node.refused(&[&approve[..], &flags].concat(), code);
        assert!(!said.contains("the words of"), "{said}");
    };
    with_words(words, "passphrase");
    with_words(node.passphrase().to_str().expect("UTF-8"), "passphrase");
    with_words("no.words", "config");
    let none = ["--as", "Ana", "--key", &ana.key];
    node.refused(&[&approve[..], &none].concat(), "passphrase");
    refusal(node.run(&approve), 2, "misuse");
    node.refused(&ana.approve(&"0".repeat(64)), "not_found");
    // One person is one approver, and a file that is there is not written over.
    let key = made["key"].as_str().expect("a key");
    let taken = ["approver", "add", "Eve", "--out", &ana.key];
    node.refused(&[&taken[..], &eve.words()].concat(), "file");
    node.refused(&["approver", "add", "Ana", "--key", key], "exists");
    refusal(
        node.run(&["approver", "add", "Eve", "--key", "nonsense"]),
        2,
        "misuse",
    );
    refusal(node.run(&["approver", "add", "Eve"]), 2, "misuse");
    node.refused(&["approver", "remove", "Eve"], "unknown_approver");
    let name = ["approver", "add", " Eve", "--out", "new.key"];
    node.refused(&[&name[..], &eve.words()].concat(), "invalid");
    assert!(!world.path("new.key").exists());
    // Nothing of that approved anything.
    node.refused(&["release", "publish", digest], "not_approved");
}

#[test]
fn whoever_made_the_preview_asks_another() {
    let world = World::new();
    let [inpud, _anpud] = asking(&world, 2);
    add(&inpud, "one");
    let [ana, binh] = ["Ana", "Binh"].map(|name| Person::new(&world, name));
    ana.join(&inpud);
    // Binh's key was made where Binh is; his words come by the environment.
    let mut make = program(world.root());
    let made = make
        .args(["--json", "approver", "key", "Binh", "--out", &binh.key])
        .env("COUNTERFOIL_APPROVER_PASSPHRASE_FILE", &binh.passphrase)
        .stdout(Stdio::piped())
        .output()
        .expect("it starts");
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let key = made["key"].as_str().expect("a key");
    assert_eq!(
        inpud.ok(&["approver", "add", "Binh", "--key", key]),
        json!({"name": "Binh", "key": key})
    );

    let digest = preview(&inpud, &ana.flags());
    inpud.refused(&ana.approve(&digest), "own_preview");
    inpud.refused(&["release", "publish", &digest], "not_approved");
    let standing = inpud.ok(&binh.approve(&digest));
    assert_eq!(standing["previewed_by"], json!(["Ana"]), "{standing}");
    assert_eq!(
        (&standing["approved_by"], &standing["missing"]),
        (&json!(["Binh"]), &json!(0))
    );
    // Let go, he approved nothing.
    inpud.ok(&["approver", "remove", "Binh"]);
    inpud.refused(&["release", "publish", &digest], "not_approved");
    inpud.ok(&["approver", "add", "Binh", "--key", key]);
    inpud.ok(&["release", "publish", &digest]);

    // Nobody but the node's own user and passphrase may say who approves.
    let dir = inpud.dir.to_str().expect("UTF-8").to_owned();
    drop(inpud);
    let list = bare(world.root(), &["--dir", &dir, "approver", "list"]);
    refusal(list, 1, "passphrase");
}

#[test]
fn where_one_person_is_enough_nobody_else_is_asked() {
    let world = World::new();
    let [inpud, _anpud] = asking(&world, 1);
    add(&inpud, "one");
    let ana = Person::new(&world, "Ana");
    ana.join(&inpud);
    let digest = preview(&inpud, &[]);
    let standing = inpud.ok(&ana.approve(&digest));
    assert_eq!(
        (&standing["needed"], &standing["missing"]),
        (&json!(1), &json!(0))
    );
    inpud.ok(&["release", "publish", &digest]);
}
