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

/// A draft of two members under a policy, or why there is none.
fn draft(policy: &str) -> (i32, serde_json::Value) {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text);
    write("policy", policy).expect("written");
    let new = ["charter", "new", "--consortium", "demo", "--threshold", "2"];
    let mut arguments = [&new[..], &["--policy", "policy", "--card"]].concat();
    for (name, number) in [("inpud", 1), ("anpud", 2)] {
        write(name, &person(name, number).card.to_string()).expect("written");
        arguments.push(name);
    }
    run(dir.path(), &arguments)
}

#[track_caller]
fn refused(policy: &str, words: &[&str]) {
    let (code, value) = draft(policy);
    assert_eq!(
        (code, &value["error"]["code"]),
        (1, &"policy".into()),
        "{value}"
    );
    let message = value["error"]["message"].as_str().expect("a message");
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
}

/// A table of trained people in a policy.
fn people(id: &str, by: &str) -> String {
    format!(
        "[[table]]\nid = '{id}'\nkind = 'training'\nmeasure = 'people'\nby = [{by}]\n\
         period = ['year']\npersonal = true\n"
    )
}

#[test]
fn a8_tables_that_cut_across_each_other_make_no_charter() {
    let all = people("all", "");
    assert_eq!(draft(&all).0, 0);
    // Bands of age are the same for everybody, one within the other: no charter has its own.
    let nested = [people("bands", "'age_band'"), people("halves", "'age2'")].concat();
    assert_eq!(draft(&[&all, &*nested].concat()).0, 0);
    let bands = "[codes.age_band]\n18-24 = '18-24'\n18-25 = '18-25'\n";
    refused(&[&all, bands].concat(), &["policy", "line 8", "age_band"]);
    let split = people("bands", "'age_18_25'");
    refused(&[&all, &*split].concat(), &["line 12", "age_18_25"]);
    // What a charter can say that overlaps names both tables.
    let places = [people("places", "'country'"), people("regions", "'region'")].concat();
    refused(
        &[&all, &*places].concat(),
        &["\"places\"", "\"regions\"", "cut across"],
    );
    let subjects = people("subjects", "'topic'");
    refused(&[&all, &*subjects].concat(), &["\"subjects\"", "\"all\""]);
    let years = people("by_fy", "").replace("'year'", "'fy'");
    let years = ["financial_year_starts = 'April'\n", &all, &years].concat();
    refused(&years, &["\"all\"", "\"by_fy\"", "subtracted"]);
}

#[test]
fn a_floor_below_5_makes_no_charter_and_makes_one_void() {
    let floor = |least: &str| format!("[disclosure]\nmin_cell = {least}\n{}", people("all", ""));
    for least in ["4", "1", "0"] {
        refused(&floor(least), &["line 2", "disclosure.min_cell", "5"]);
    }
    for least in ["-5", "4.5", "99999999999", "'10'"] {
        refused(&floor(least), &["line 2"]);
    }
    for least in ["5", "10", "30"] {
        assert_eq!(draft(&floor(least)).0, 0, "{least}");
    }
    // Nor does one count that was drafted elsewhere, whoever signed it.
    let (_, drafted) = draft(&floor("10"));
    let text = drafted["text"].as_str().expect("a draft");
    CharterNote::parse(text.as_bytes()).expect("a charter");
    let dir = tempfile::tempdir().expect("a directory");
    for (name, least) in [("low", "4"), ("none", "0")] {
        let low = text.replace("min_cell = 10", &format!("min_cell = {least}"));
        assert_ne!(low, text);
        std::fs::write(dir.path().join(name), &low).expect("written");
        let (code, value) = run(dir.path(), &["charter", "verify", name]);
        assert_eq!(
            (code, &value["error"]["code"]),
            (1, &"charter".into()),
            "{value}"
        );
        let message = value["error"]["message"].as_str().expect("a message");
        assert!(message.contains("min_cell"), "{message}");
    }
}
