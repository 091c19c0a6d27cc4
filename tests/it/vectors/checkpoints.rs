//! Checkpoints of real logs, their cosignatures, and bodies that must not read.

use counterfoil::identity::VerifierKey;
use counterfoil::log::{Checkpoint, SignedCheckpoint};

use super::{cases, number, text, texts};

fn keys(given: &[&str]) -> Vec<VerifierKey> {
    given
        .iter()
        .map(|key| key.parse().expect("a key"))
        .collect()
}

#[test]
fn checkpoints_of_real_logs() {
    for case in cases("checkpoints/checkpoints.json") {
        let given = text(&case, "checkpoint");
        let expect = &case["expect"];
        let signed = SignedCheckpoint::parse(given.as_bytes()).expect("a checkpoint");
        assert_eq!(signed.to_string(), given);
        let Checkpoint { origin, size, root } = signed.checkpoint();
        assert_eq!(origin.as_str(), text(expect, "origin"));
        assert_eq!(*size, number(expect, "size"));
        assert_eq!(root.to_string(), text(expect, "root"));

        let log: Vec<_> = case["log_vkey"].as_str().into_iter().collect();
        let verified = signed.clone().verify(origin, &keys(&log));
        assert_eq!(
            verified.is_ok(),
            expect["log_signature_ok"] == true,
            "{case}"
        );

        // Witnesses proper, and others that sign as logs do.
        let (witnesses, others): (Vec<_>, Vec<_>) = keys(&texts(&case, "witness_vkeys"))
            .into_iter()
            .partition(|key| key.kind() == counterfoil::identity::SignatureKind::Cosignature);
        let found = signed.cosignatures(&witnesses).expect("all verify");
        let mut found: Vec<_> = found.iter().map(|c| (c.key, c.time)).collect();
        let list = expect["cosignatures"].as_array().expect("a list");
        let mut expected: Vec<_> = list
            .iter()
            .map(|c| {
                (
                    keys(&[text(c, "vkey")])[0].public_key(),
                    number(c, "timestamp"),
                )
            })
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{case}");

        let others_found = signed.note().signatures_by(&others).expect("all verify");
        let others_found: Vec<_> = others_found.iter().map(|s| s.key).collect();
        let expected: Vec<_> = keys(&texts(expect, "other_verified"));
        let expected: Vec<_> = expected.iter().map(VerifierKey::public_key).collect();
        assert_eq!(others_found, expected, "{case}");

        let all: Vec<_> = keys(&log)
            .into_iter()
            .chain(witnesses)
            .chain(others)
            .collect();
        let ignored = signed.note().verify(&all).expect("signed").unknown.len();
        assert_eq!(ignored as u64, number(expect, "ignored_lines"), "{case}");
    }
}

#[test]
fn cosignatures_that_must_not_count() {
    for case in cases("checkpoints/cosignature_negative.json") {
        let signed = SignedCheckpoint::parse(text(&case, "checkpoint").as_bytes());
        let signed = signed.expect("its text reads");
        let witnesses = keys(&texts(&case, "witness_vkeys"));
        let found = signed.cosignatures(&witnesses);
        if text(&case, "expect").contains("malformed") {
            assert!(found.is_err(), "{case}");
        } else {
            assert_eq!(found, Ok(vec![]), "{case}");
        }
        assert!(signed.note().verify(&witnesses).is_err());
    }
}

#[test]
fn bodies() {
    for case in cases("checkpoints/parse.json") {
        let body = text(&case, "body");
        let read = body.parse::<Checkpoint>();
        // C2SP allows extension lines and advises against them; this project refuses them.
        let extended = text(&case, "desc").contains("extension line");
        let accepted = case["c2sp_ok"] == true && !extended;
        assert_eq!(read.is_ok(), accepted, "{case}: {read:?}");
        if let Ok(checkpoint) = read {
            assert_eq!(checkpoint.to_string(), body);
        }
    }
}
