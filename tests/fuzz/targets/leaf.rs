//! A leaf that is read has one encoding, the one it was read from.
#![no_main]

use counterfoil::log::Leaf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaf) = Leaf::parse(bytes) {
        let encoded = leaf.encode().expect("what was read can be written");
        assert_eq!(encoded.as_bytes(), bytes);
    }
});
