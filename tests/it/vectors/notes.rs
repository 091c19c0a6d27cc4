//! Signed notes and verifier keys.

use counterfoil::identity::note::MAX_SIGNATURES;
use counterfoil::identity::{NoteError, SignatureKind, SignedNote, VerifierKey, canon};
use serde_json::Value;

use super::{cases, text, texts};
use crate::shared;

fn bytes(case: &Value) -> Vec<u8> {
    match case["note"].as_str() {
        Some(note) => note.as_bytes().to_vec(),
        None => canon::from_base64(text(case, "note_b64")).expect("base64"),
    }
}

#[test]
fn notes_open_as_published() {
    for case in cases("signed-note/notes.json") {
        let bytes = bytes(&case);
        // One case gives a key of another name in the list; each must read or be refused alike.
        let keys: Result<Vec<VerifierKey>, _> = texts(&case, "vkeys")
            .iter()
            .map(|key| key.parse())
            .collect();
        let note = SignedNote::parse(&bytes, 1 << 20);
        if let Ok(note) = &note {
            assert_eq!(note.to_string().as_bytes(), bytes, "{case}");
        }
        let verified = note.and_then(|note| note.verify(&keys.expect("keys read")));
        let Ok(verified) = verified else {
            assert_eq!(case["ok"], false, "{case}: {verified:?}");
            check_error(&case, &verified.expect_err("refused"));
            continue;
        };
        assert_eq!(case["ok"], true, "{case}");
        let names: Vec<_> = verified
            .signatures
            .iter()
            .map(|s| s.name().as_str())
            .collect();
        assert_eq!(names, texts(&case, "verified"));
        let unknown: Vec<_> = verified.unknown.iter().map(|s| s.name().as_str()).collect();
        assert_eq!(unknown, texts(&case, "unverified"));
    }
}

#[track_caller]
fn check_error(case: &Value, error: &NoteError) {
    let class = match error {
        NoteError::NoKnownSignature => "no verifiable signatures",
        NoteError::AmbiguousKey { .. } => "ambiguous key",
        NoteError::BadSignature { .. } => "invalid signature",
        _ => "malformed note",
    };
    assert_eq!(text(case, "error"), class, "{case}");
}

#[test]
fn a_note_with_its_published_signature_is_reproduced() {
    let Some(case) = shared::json("vectors/signed-note/sign.json") else {
        return;
    };
    let expected = text(&case, "expected_note");
    let key: VerifierKey = text(&case, "vkey").parse().expect("a key");
    let read = SignedNote::parse(expected.as_bytes(), 1024).expect("a note");
    assert_eq!(read.text(), text(&case, "text"));
    assert!(read.verify(std::slice::from_ref(&key)).is_ok());
    let mut note = SignedNote::new(text(&case, "text").to_owned()).expect("plain text");
    note.add(read.signatures()[0].clone()).expect("one line");
    assert_eq!(note.to_string(), expected);
    for refused in case["refused_texts"].as_array().expect("a list") {
        assert!(SignedNote::new(text(refused, "text").to_owned()).is_err());
    }
    const { assert!(MAX_SIGNATURES >= 16) };
}

#[test]
fn verifier_keys() {
    let Some(file) = shared::json("vectors/signed-note/vkeys.json") else {
        return;
    };
    let list = file["vkeys"].as_array().expect("a list");
    for case in list {
        let given = text(case, "vkey");
        let key = given.parse::<VerifierKey>();
        assert_eq!(key.is_ok(), case["ok"] == true, "{case}: {key:?}");
        if let Ok(key) = key {
            assert_eq!(key.to_string(), given);
            let cosigns = text(case, "why").contains("0x04");
            assert_eq!(key.kind() == SignatureKind::Cosignature, cosigns, "{case}");
        }
    }
    mangled(text(&list[0], "vkey"));
}

/// Every proper substring, and every copy with one byte incremented, must be refused.
fn mangled(key: &str) {
    for from in 0..key.len() {
        for to in from..=key.len() {
            let part = &key[from..to];
            assert!(
                part == key || part.parse::<VerifierKey>().is_err(),
                "{part}"
            );
        }
    }
    for at in 0..key.len() {
        let mut bytes = key.as_bytes().to_vec();
        bytes[at] += 1;
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
    }
}
