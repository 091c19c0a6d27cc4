//! The policy of a charter.
#![no_main]

use counterfoil::charter::Policy;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Policy::parse(text);
});
