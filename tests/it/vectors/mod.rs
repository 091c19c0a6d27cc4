//! Vectors published by others: what they accept we accept, what they refuse we refuse.

mod checkpoints;
mod ed25519;
mod merkle;
mod notes;
mod proofs;

use serde_json::Value;

use crate::shared;

/// Reads a vector file as a list of cases; empty, with a line saying so, where it is not there.
fn cases(relative: &str) -> Vec<Value> {
    match shared::json(&format!("vectors/{relative}")) {
        Some(Value::Array(cases)) => {
            assert!(!cases.is_empty(), "{relative} holds no case");
            cases
        }
        Some(other) => panic!("{relative} is no list: {other}"),
        None => Vec::new(),
    }
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is text in {case}"))
}

fn number(case: &Value, field: &str) -> u64 {
    case[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field} is a number in {case}"))
}

fn texts<'a>(case: &'a Value, field: &str) -> Vec<&'a str> {
    let list = case[field].as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(Value::as_str).collect()
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text:?}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn hex_32(text: &str) -> [u8; 32] {
    hex(text).try_into().expect("32 bytes")
}
