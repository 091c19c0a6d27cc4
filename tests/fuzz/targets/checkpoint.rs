//! A checkpoint that is read is written as it was.
#![no_main]

use counterfoil::log::SignedCheckpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = SignedCheckpoint::parse(bytes) {
        assert_eq!(checkpoint.to_string().as_bytes(), bytes);
    }
});
