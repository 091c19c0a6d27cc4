//! The frontier of a tree that is read is written as it was; proofs of any shape are judged.
#![no_main]

use counterfoil::log::{Frontier, Hash, verify_consistency, verify_inclusion};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(frontier) = Frontier::decode(bytes) {
        assert_eq!(frontier.encode(), bytes);
        let _ = frontier.root();
    }
    let Some((numbers, rest)) = bytes.split_at_checked(16) else {
        return;
    };
    let number = |at: usize| u64::from_be_bytes(numbers[at..at + 8].try_into().expect("8 bytes"));
    let hashes = rest
        .chunks_exact(32)
        .map(|hash| Hash(hash.try_into().expect("32 bytes")));
    let hashes: Vec<Hash> = hashes.collect();
    if let [one, other, path @ ..] = hashes.as_slice() {
        let _ = verify_inclusion(number(0), number(8), *one, path, *other);
        let _ = verify_consistency(number(0), number(8), *one, *other, path);
    }
});
