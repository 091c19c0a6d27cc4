//! Ed25519: RFC 8032, Wycheproof and the C2SP edge cases.

use counterfoil::identity::{GovernorKey, LogKey, PublicKey32};
use ed25519_dalek::{Signer, SigningKey};

use super::{cases, hex, hex_32, number, text, texts};
use crate::shared;

fn rfc8032(file: &str) {
    for case in cases(file) {
        let seed = hex_32(text(&case, "secret_key"));
        let public = PublicKey32(hex_32(text(&case, "public_key")));
        let (message, mut signature) = (hex(text(&case, "message")), hex(text(&case, "signature")));
        assert_eq!(LogKey::from_seed(&seed).public_key(), public);
        assert_eq!(GovernorKey::from_seed(&seed).public_key(), public);
        let signed = SigningKey::from_bytes(&seed).sign(&message);
        assert_eq!(signed.to_bytes()[..], signature);
        assert!(public.verifies(&message, &signature));
        signature[3] ^= 1;
        assert!(!public.verifies(&message, &signature));
    }
}

#[test]
fn known_answers_of_rfc_8032() {
    rfc8032("rfc8032/rfc8032_section_7_1.json");
    rfc8032("rfc8032/sign_input.json");
}

#[test]
fn wycheproof() {
    let Some(file) = shared::json("vectors/c2sp-wycheproof/ed25519_test.json") else {
        return;
    };
    let mut run = 0;
    for group in file["testGroups"].as_array().expect("groups") {
        let key = PublicKey32(hex_32(text(&group["publicKey"], "pk")));
        for case in group["tests"].as_array().expect("tests") {
            let (message, signature) = (hex(text(case, "msg")), hex(text(case, "sig")));
            let valid = text(case, "result") == "valid";
            assert_eq!(key.verifies(&message, &signature), valid, "{case}");
            run += 1;
        }
    }
    assert_eq!(file["numberOfTests"], run);
}

#[test]
fn weak_and_non_canonical_points_are_refused() {
    const REFUSED: [&str; 5] = [
        "low_order_A",
        "low_order_R",
        "non_canonical_A",
        "non_canonical_R",
        "low_order_residue",
    ];
    let Some(measured) = shared::json("vectors/c2sp-cctv/expected_dalek.json") else {
        return;
    };
    let strict = measured["verify_strict_accepts"]
        .as_array()
        .expect("a list");
    for case in cases("c2sp-cctv/ed25519vectors.json") {
        let key = PublicKey32(hex_32(text(&case, "key")));
        let accepted = key.verifies(text(&case, "msg").as_bytes(), &hex(text(&case, "sig")));
        let by_rule = !texts(&case, "flags").iter().any(|f| REFUSED.contains(f));
        assert_eq!(accepted, by_rule, "{case}");
        assert_eq!(
            accepted,
            strict.contains(&number(&case, "number").into()),
            "{case}"
        );
    }
}
