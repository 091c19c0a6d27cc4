//! `.tlog-proof` documents, witness policies, and a whole proof of another log made of the same parts.

use std::collections::HashMap;

use counterfoil::identity::PublicKey32;
use counterfoil::log::{Checkpoint, Hash, Policy, TlogProof, leaf_hash, verify_inclusion};

use super::{cases, hex, hex_32, number, text, texts};

#[test]
fn documents() {
    for case in cases("tlog-proof/parse.json") {
        let given = text(&case, "proof");
        let read = TlogProof::parse(given.as_bytes());
        assert_eq!(read.is_ok(), case["ok"] == true, "{case}: {read:?}");
        let Ok(proof) = read else {
            continue;
        };
        assert_eq!(proof.to_string(), given);
        assert_eq!(proof.index, number(&case, "index"));
        let hashes: Vec<_> = proof.path.iter().map(Hash::to_string).collect();
        assert_eq!(hashes, texts(&case, "hashes"));
        assert_eq!(proof.checkpoint, text(&case, "checkpoint"));
        let extra = case["extra_utf8"]
            .as_str()
            .map(|extra| extra.as_bytes().to_vec());
        assert_eq!(proof.extra, extra);
    }
}

#[test]
fn policies() {
    for case in cases("tlog-proof/policy.json") {
        let read = text(&case, "policy").parse::<Policy>();
        // C2SP forbids one key under two names, which the cases' source lets pass.
        let twice = case["spec_note"]
            .as_str()
            .is_some_and(|note| note.contains("SAME key") || note.contains("duplicate key"));
        assert_eq!(
            read.is_ok(),
            case["ok"] == true && !twice,
            "{case}: {read:?}"
        );
        if let Ok(policy) = read {
            let (threshold, members) = policy.quorum();
            assert_eq!(threshold as u64, number(&case, "n"));
            assert_eq!(members as u64, number(&case, "members"));
            assert!(!policy.is_met_by(&[]));
        }
    }
}

/// Sigsum writes its proofs in its own way over the same tree, checkpoint and signatures.
#[test]
fn a_sigsum_proof() {
    let known = |case: &serde_json::Value| case["ok"] == true;
    for case in cases("sigsum-go/proofs.json")
        .iter()
        .filter(|case| known(case))
    {
        let log_key = PublicKey32(hex_32(text(case, "log_key_hex")));
        let submit_key = PublicKey32(hex_32(text(case, "submit_key_hex")));
        let checksum = Hash::of(&hex(text(case, "message_hex")));
        let (mut fields, mut path) = (HashMap::new(), Vec::new());
        for (name, value) in text(case, "proof")
            .lines()
            .filter_map(|l| l.split_once('='))
        {
            match name {
                "node_hash" => path.push(Hash(hex_32(value))),
                _ => drop(fields.insert(name, value)),
            }
        }

        let [_, key_hash, signature] = fields["leaf"].split(' ').collect::<Vec<_>>()[..] else {
            panic!("a leaf of three parts: {case}");
        };
        assert_eq!(Hash(hex_32(key_hash)), Hash::of(&submit_key.0));
        let statement = [&b"sigsum.org/v1/tree-leaf\0"[..], &checksum.0].concat();
        assert!(submit_key.verifies(&statement, &hex(signature)));

        let leaf = [&checksum.0[..], &hex(signature), &hex(key_hash)].concat();
        let decimal = |name: &str| fields[name].parse().expect("a decimal");
        let (index, size): (u64, u64) = (decimal("leaf_index"), decimal("size"));
        let root = Hash(hex_32(fields["root_hash"]));
        let leaf = leaf_hash(&leaf);
        assert_eq!(verify_inclusion(index, size, leaf, &path, root), Ok(()));
        assert!(verify_inclusion(index - 1, size, leaf, &path, root).is_err());

        let origin = format!("sigsum.org/v1/tree/{}", fields["log"]);
        let origin = origin.parse().expect("an origin");
        let body = Checkpoint { origin, size, root }.to_string();
        assert!(log_key.verifies(body.as_bytes(), &hex(fields["signature"])));
    }
}
