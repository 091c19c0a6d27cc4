//! A charter, by itself, as the first, and as the one after itself.
#![no_main]

use counterfoil::charter::{Charter, CharterNote, verify};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Charter::parse(text);
    }
    if let Ok(note) = CharterNote::parse(bytes) {
        let _ = verify::verify_first(&note).reason();
        let _ = verify::verify_alone(&note).reason();
        let _ = verify::verify_chain(&[note.clone(), note]);
    }
});
