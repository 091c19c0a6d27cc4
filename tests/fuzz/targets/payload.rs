//! A summary that is read has one encoding, the one it was read from.
#![no_main]

use counterfoil::wire::payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(summary) = payload::decode(bytes) {
        let encoded = payload::encode(&summary).expect("what was read can be written");
        assert_eq!(encoded, bytes);
    }
});
