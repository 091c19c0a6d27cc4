//! A proof that is read is written as it was, and what it holds can be looked at.
#![no_main]

use counterfoil::log::TlogProof;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = TlogProof::parse(bytes) {
        let _ = proof.signed_checkpoint();
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
});
