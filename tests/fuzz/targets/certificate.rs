//! A certificate from whoever connects: none of these is signed by the authority it names.
#![no_main]

use counterfoil::identity::cert::{Usage, claimed_id, verify_peer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = claimed_id(bytes);
    let consortium = "inpud-anpud".parse().expect("an id");
    for usage in [Usage::Client, Usage::Server] {
        let judged = verify_peer(bytes, &[bytes.to_vec()], &consortium, 1_700_000_000, usage);
        assert!(judged.is_err());
    }
});
