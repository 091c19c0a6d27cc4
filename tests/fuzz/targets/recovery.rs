//! Recovery codes, as somebody typed them, and the sheets they stand on.
#![no_main]

use counterfoil::store::RecoveryCode;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = RecoveryCode::from_sheet(text);
    if let Ok(code) = RecoveryCode::parse(text) {
        let again = RecoveryCode::parse(code.as_str()).expect("a code");
        assert_eq!(again.as_str(), code.as_str());
    }
});
