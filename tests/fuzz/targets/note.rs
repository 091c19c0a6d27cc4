//! A signed note that is read is written as it was.
#![no_main]

use counterfoil::identity::note::SignedNote;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = SignedNote::parse_draft(bytes, 1 << 16);
    if let Ok(note) = SignedNote::parse(bytes, 1 << 16) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
});
