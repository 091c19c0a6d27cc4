//! One spelling per value: what decodes alike must be written alike.
//!
//! A value with two spellings is a text with two hashes, and some readers would sign one and some
//! the other (C2SP/C2SP#348).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns `bytes` in the standard alphabet with padding. RFC 4648 §4.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 in its one spelling; `None` for missing padding, stray bits or any other byte.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads exactly 32 bytes of base64 in its one spelling.
pub fn from_base64_32(text: &str) -> Option<[u8; 32]> {
    // 44 characters hold 32 bytes: nothing longer is worth decoding.
    (text.len() == 44)
        .then(|| from_base64(text)?.try_into().ok())
        .flatten()
}

/// Reads a decimal without sign, space or leading zero.
pub fn from_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_with_stray_bits_is_refused() {
        assert!(from_base64("Kjg=").is_some());
        for text in [
            "Kjh=", "Kjg", "Kjg==", "Kjg=\n", " Kjg=", "Kj-_", "Kjg=Kjg=",
        ] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }

    #[test]
    fn decimals_have_one_spelling() {
        assert_eq!(from_decimal("0"), Some(0));
        assert_eq!(from_decimal("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "00",
            "05",
            "+5",
            "-5",
            "5 ",
            "٥",
            "18446744073709551616",
        ] {
            assert_eq!(from_decimal(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike(text in "[A-Za-z0-9+/=]{0,12}", number in "[0-9+]{0,21}") {
            if let Some(bytes) = from_base64(&text) {
                prop_assert_eq!(to_base64(&bytes), text);
            }
            if let Some(value) = from_decimal(&number) {
                prop_assert_eq!(value.to_string(), number);
            }
        }
    }
}
