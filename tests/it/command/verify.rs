//! `verify`: proofs that hold, and every way in which one does not.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::{Person, charter, person, proof};
use super::run;

/// Three members and their charter.
struct World {
    dir: TempDir,
    inpud: Person,
    anpud: Person,
    third: Person,
}

impl World {
    fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().expect("a directory"),
            inpud: person("inpud", 1),
            anpud: person("anpud", 2),
            third: person("third", 3),
        };
        let people = [&world.inpud, &world.anpud, &world.third];
        world.write("charter", &charter(&people).to_string());
        world
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    fn verify(&self, text: &str, more: &[&str]) -> (i32, Value) {
        self.write("proof", text);
        let mut arguments = vec!["verify", "proof", "--charter", "charter"];
        arguments.extend(more);
        run(self.path(), &arguments)
    }

    #[track_caller]
    fn refused(&self, text: &str, more: &[&str], reason: &str) {
        let (code, value) = self.verify(text, more);
        assert_eq!((code, &value["valid"]), (1, &false.into()), "{value}");
        let said = value["reason"].as_str().expect("a reason");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn a_true_proof_says_all_it_shows() {
    let world = World::new();
    let text = proof(&world.inpud, "inpud", &[&world.anpud]).to_string();
    let (code, value) = world.verify(&text, &[]);
    assert_eq!(code, 0);
    let fingerprint = value["charter_fingerprint"]
        .as_str()
        .expect("six words")
        .to_owned();
    let wanted = json!({
        "kind": "summary", "valid": true, "member": "inpud", "series": "training/2018Q1",
        "leaf_index": 1, "witnessed": "some", "cosigned_by": ["anpud"],
        "charter_fingerprint": fingerprint, "reason": null,
    });
    assert_eq!(value, wanted);
    let (code, _) = world.verify(&text, &["--charter-fingerprint", &fingerprint]);
    assert_eq!(code, 0);
    let words: Vec<&str> = fingerprint.split(' ').collect();
    let loose = [&["--charter-fingerprint"], &words[..]].concat();
    assert_eq!(world.verify(&text, &loose).0, 0, "six words need no quotes");
}

#[test]
fn witnesses_are_counted_and_a_quorum_can_be_required() {
    let world = World::new();
    let by = |witnesses: &[&Person]| proof(&world.inpud, "inpud", witnesses).to_string();
    let (code, value) = world.verify(&by(&[]), &[]);
    assert_eq!((code, &value["witnessed"]), (0, &"none".into()));
    let both = [&world.anpud, &world.third];
    let (code, value) = world.verify(&by(&both), &["--require-quorum"]);
    assert_eq!((code, &value["witnessed"]), (0, &"quorum".into()));
    let one = by(&[&world.anpud]);
    world.refused(&one, &["--require-quorum"], "1 cosigned and 2 must");
    // A log is no witness of itself.
    let itself = by(&[&world.inpud, &world.anpud]);
    world.refused(&itself, &["--require-quorum"], "1 cosigned and 2 must");
}

#[test]
fn what_does_not_hold_says_where() {
    let world = World::new();
    let good = proof(&world.inpud, "inpud", &[&world.anpud]);
    world.refused("junk\n", &[], "line 1 of the proof");

    let mut changed = good.clone();
    if let Some(last) = changed.extra.as_mut().and_then(|extra| extra.last_mut()) {
        *last ^= 1;
    }
    world.refused(&changed.to_string(), &[], "not what the leaf commits to");

    let mut moved = good.clone();
    moved.index = 0;
    world.refused(&moved.to_string(), &[], "");

    let other = proof(&world.inpud, "anpud", &[]).to_string();
    world.refused(&other, &[], "another member");

    let stranger = proof(&person("stranger", 4), "stranger", &[]).to_string();
    world.refused(&stranger, &[], "belongs to no member");

    let mut impostor = person("inpud", 5);
    impostor.witness = person("inpud", 1).witness;
    let forged = proof(&impostor, "inpud", &[]).to_string();
    world.refused(&forged, &[], "");

    let wrong = ["--charter-fingerprint", "one two three four five six"];
    world.refused(&good.to_string(), &wrong, "another fingerprint");

    let people = [&world.inpud, &world.anpud];
    let unsigned = charter(&people).charter().text().to_owned();
    world.write("charter", &unsigned);
    world.refused(&good.to_string(), &[], "the charter does not count");
}

#[test]
fn files_that_are_not_there_are_errors() {
    let world = World::new();
    let (code, value) = run(world.path(), &["verify", "absent", "--charter", "charter"]);
    assert_eq!((code, &value["error"]["code"]), (1, &"file".into()));
    let text = proof(&world.inpud, "inpud", &[]).to_string();
    world.write("charter", "junk");
    let (code, value) = world.verify(&text, &[]);
    assert_eq!((code, &value["error"]["code"]), (1, &"charter".into()));
}
