//! A member's card.
#![no_main]

use counterfoil::charter::Card;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = Card::parse(bytes) {
        let _ = card.fingerprint();
    }
});
