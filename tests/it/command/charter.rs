//! `charter new` and `charter verify`, with no node.

use super::people::person;
use super::run;

use counterfoil::charter::CharterNote;

#[test]
fn a_draft_counts_once_enough_governors_signed() {
    let dir = tempfile::tempdir().expect("a directory");
    let people = [person("inpud", 1), person("anpud", 2)];
    for person in &people {
        let path = dir.path().join(format!("{}.card", person.id));
        std::fs::write(path, person.card.to_string()).expect("written");
    }
    let (code, drafted) = run(
        dir.path(),
        &[
            "charter",
            "new",
            "--consortium",
            "demo",
            "--threshold",
            "2",
            "--since",
            "2018",
            "--card",
            "inpud.card",
            "anpud.card",
        ],
    );
    assert_eq!(code, 0);
    let text = drafted["text"].as_str().expect("a draft");
    let mut note = CharterNote::parse(text.as_bytes()).expect("a charter");
    assert_eq!(note.charter().since().to_string(), "2018");

    let mut judge = |wanted: bool, signers: &[&str]| {
        let path = dir.path().join("charter.note");
        std::fs::write(path, note.to_string()).expect("written");
        let (code, value) = run(dir.path(), &["charter", "verify", "charter.note"]);
        assert_eq!(
            (code == 0, &value["valid"]),
            (wanted, &wanted.into()),
            "{value}"
        );
        assert_eq!(value["signed_by"], serde_json::json!(signers));
        assert_eq!(value["fingerprint"], note.charter().fingerprint());
        if let Some(next) = people.get(signers.len()) {
            note.sign(&next.governor, &next.id).expect("a signer");
        }
    };
    judge(false, &[]);
    judge(false, &["inpud"]);
    judge(true, &["anpud", "inpud"]);
}

#[test]
fn what_is_no_card_or_charter_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("junk"), "junk\n").expect("written");
    let new = [
        "charter",
        "new",
        "--consortium",
        "demo",
        "--threshold",
        "2",
        "--card",
        "junk",
    ];
    let (code, value) = run(dir.path(), &new);
    assert_eq!(
        (code, &value["error"]["code"]),
        (1, &"card".into()),
        "{value}"
    );
    let (code, value) = run(dir.path(), &["charter", "verify", "junk"]);
    assert_eq!(
        (code, &value["error"]["code"]),
        (1, &"charter".into()),
        "{value}"
    );
    let (code, value) = run(dir.path(), &["charter", "verify", "absent"]);
    assert_eq!(
        (code, &value["error"]["code"]),
        (1, &"file".into()),
        "{value}"
    );
}
