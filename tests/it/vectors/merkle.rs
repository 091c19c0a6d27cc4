//! RFC 6962 hashes, inclusion and consistency, of small trees and of real logs.

use counterfoil::log::{
    Frontier, Hash, MemoryTree, Nodes, leaf_hash, node_hash, verify_consistency, verify_inclusion,
};
use serde_json::Value;

use super::{cases, hex, hex_32, number, text};
use crate::shared;

/// Returns the hashes in a list, or `None` where one of them is no hash.
fn path(case: &Value) -> Option<Vec<Hash>> {
    let list = case["proof"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|hash| hash.as_str()?.parse().ok())
        .collect()
}

fn inclusion_holds(case: &Value) -> Option<bool> {
    let leaf = match case["leaf_data_utf8"].as_str() {
        Some(data) => leaf_hash(data.as_bytes()),
        None => text(case, "leafHash").parse().ok()?,
    };
    let root = text(case, "root").parse().ok()?;
    let (index, size) = (number(case, "leafIdx"), number(case, "treeSize"));
    Some(verify_inclusion(index, size, leaf, &path(case)?, root).is_ok())
}

fn consistency_holds(case: &Value) -> Option<bool> {
    let (old, new) = (number(case, "size1"), number(case, "size2"));
    let old_root = text(case, "root1").parse().ok()?;
    let new_root = text(case, "root2").parse().ok()?;
    Some(verify_consistency(old, new, old_root, new_root, &path(case)?).is_ok())
}

#[track_caller]
fn check(case: &Value, holds: Option<bool>) {
    let refused = case["wantErr"].as_bool().expect("an outcome");
    assert_eq!(holds == Some(true), !refused, "{case}");
}

#[test]
fn inclusion() {
    for case in cases("transparency-dev-merkle/inclusion.json") {
        check(&case, inclusion_holds(&case));
    }
}

#[test]
fn consistency() {
    for case in cases("transparency-dev-merkle/consistency.json") {
        // Its two roots are a word of twelve bytes, which no hash of ours can be.
        let no_hashes =
            text(&case, "file").ends_with("/sizes-are-equal-one-and-proof-is-empty.json");
        if no_hashes {
            assert_eq!(consistency_holds(&case), None);
        } else {
            check(&case, consistency_holds(&case));
        }
    }
}

#[test]
fn every_node_of_a_small_tree() {
    let Some(file) = shared::json("vectors/transparency-dev-merkle/tree.json") else {
        return;
    };
    let list = |value: &Value| value.as_array().cloned().expect("a list");
    let hash = |value: &Value| Hash(hex_32(value.as_str().expect("hexadecimal")));
    let (mut frontier, mut tree) = (Frontier::new(), MemoryTree::new());
    let mut roots = vec![frontier.root()];
    for input in list(&file["leaf_inputs_hex"]) {
        let leaf = leaf_hash(&hex(input.as_str().expect("hexadecimal")));
        frontier.push(leaf);
        tree.push(leaf);
        roots.push(frontier.root());
    }
    let expected: Vec<_> = list(&file["root_hash_hex_by_size"])
        .iter()
        .map(hash)
        .collect();
    assert_eq!(roots, expected);
    for (level, nodes) in list(&file["node_hashes_hex_by_level"]).iter().enumerate() {
        for (index, node) in list(nodes).iter().enumerate() {
            assert_eq!(tree.node(level as u32, index as u64), Ok(hash(node)));
        }
    }
}

#[test]
fn the_hasher() {
    let Some(file) = shared::json("vectors/transparency-dev-merkle/tree.json") else {
        return;
    };
    for case in file["hasher"].as_array().expect("a list") {
        let expected = Hash(hex_32(text(case, "hex")));
        match text(case, "desc") {
            "empty tree root" => assert_eq!(Hash::EMPTY_ROOT, expected),
            // Its children are four bytes each, which no node of ours has.
            "node" => assert_eq!(Hash::of(b"\x01N123N456"), expected),
            _ => assert_eq!(leaf_hash(text(case, "leaf_utf8").as_bytes()), expected),
        }
    }
    let (left, right) = (Hash([2; 32]), Hash([3; 32]));
    let whole = [&[1][..], &left.0, &right.0].concat();
    assert_eq!(node_hash(&left, &right), Hash::of(&whole));
}

/// Reads a single case and checks that it holds, and that no version of it with one bit flipped
/// in its proof does.
fn real(file: &str, holds: impl Fn(&Value) -> Option<bool>) {
    let Some(case) = shared::json(&format!("vectors/real-log-proofs/{file}")) else {
        return;
    };
    check(&case, holds(&case));
    let hashes = path(&case).expect("a proof");
    for (at, hash) in hashes.iter().enumerate() {
        for bit in [0, 100, 255] {
            let mut flipped = *hash;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            let mut changed = case.clone();
            changed["proof"][at] = flipped.to_string().into();
            assert_eq!(holds(&changed), Some(false), "{changed}");
        }
    }
}

#[test]
fn proofs_of_real_logs() {
    real("inclusion_tesseroak.json", inclusion_holds);
    real("consistency_argon2020.json", consistency_holds);
}
