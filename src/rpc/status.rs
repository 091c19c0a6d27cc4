//! One error as it travels: a word for programs, a message, and what to do next.
//!
//! gRPC has seventeen codes; ours say more. The word travels in the metadata `counterfoil-code`,
//! the hint in `counterfoil-hint-bin`, because metadata without `-bin` must be ASCII.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

const CODE_KEY: &str = "counterfoil-code";
const HINT_KEY: &str = "counterfoil-hint-bin";

/// Most characters of a message or a hint. Both travel in headers, percent-encoded or in base64,
/// and an HTTP/2 peer refuses headers beyond some kilobytes.
const MOST_CHARS: usize = 600;

/// Our words and the gRPC code each travels under. A word that is not here travels as
/// `FAILED_PRECONDITION`: it was understood and refused, and asking again changes nothing.
const WORDS: &[(&str, Code)] = &[
    ("invalid", Code::InvalidArgument),
    ("not_found", Code::NotFound),
    ("exists", Code::AlreadyExists),
    ("changed", Code::Aborted),
    ("conflict", Code::Aborted),
    ("denied", Code::PermissionDenied),
    ("too_large", Code::ResourceExhausted),
    ("busy", Code::ResourceExhausted),
    ("unavailable", Code::Unavailable),
    ("cancelled", Code::Cancelled),
    ("timeout", Code::DeadlineExceeded),
    ("unknown_call", Code::Unimplemented),
    ("internal", Code::Internal),
    ("locked", Code::FailedPrecondition),
    ("no_charter", Code::FailedPrecondition),
    ("no_such_table", Code::FailedPrecondition),
    ("partial", Code::FailedPrecondition),
    ("recalled", Code::FailedPrecondition),
    ("passphrase", Code::FailedPrecondition),
    ("refused", Code::FailedPrecondition),
];

/// Returns the status that carries an error of ours: its word, what happened, and what to do
/// about it (empty for nothing).
pub fn status(code: &str, message: impl AsRef<str>, hint: impl AsRef<str>) -> Status {
    let mut metadata = MetadataMap::new();
    if let Ok(word) = MetadataValue::try_from(code) {
        metadata.insert(CODE_KEY, word);
    }
    let hint = shortened(hint.as_ref());
    if !hint.is_empty() {
        metadata.insert_bin(HINT_KEY, MetadataValue::from_bytes(hint.as_bytes()));
    }
    Status::with_metadata(grpc_code(code), shortened(message.as_ref()), metadata)
}

/// Returns the word a status carries, or the one its gRPC code stands for.
pub fn code_of(status: &Status) -> String {
    status
        .metadata()
        .get(CODE_KEY)
        .and_then(|word| word.to_str().ok())
        .filter(|word| is_word(word))
        .unwrap_or_else(|| word_for(status.code()))
        .to_owned()
}

/// Returns the hint a status carries; empty where it carries none.
pub fn hint_of(status: &Status) -> String {
    status
        .metadata()
        .get_bin(HINT_KEY)
        .and_then(|hint| hint.to_bytes().ok())
        .and_then(|hint| String::from_utf8(hint.to_vec()).ok())
        .map(|hint| shortened(&hint).to_owned())
        .unwrap_or_default()
}

fn grpc_code(word: &str) -> Code {
    WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map_or(Code::FailedPrecondition, |(_, code)| *code)
}

fn word_for(code: Code) -> &'static str {
    match code {
        Code::FailedPrecondition => "refused",
        Code::OutOfRange => "too_large",
        Code::Unauthenticated => "denied",
        _ => WORDS
            .iter()
            .find(|(_, known)| *known == code)
            .map_or("internal", |(word, _)| word),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn shortened(text: &str) -> &str {
    text.char_indices()
        .nth(MOST_CHARS)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_word_keeps_its_name() {
        for (word, code) in WORDS {
            let sent = status(word, "message", "hint");
            assert_eq!(sent.code(), *code);
            assert_eq!(code_of(&sent), *word);
        }
        assert_eq!(status("floor", "x", "").code(), Code::FailedPrecondition);
        assert_eq!(code_of(&status("floor", "x", "")), "floor");
    }

    #[test]
    fn a_foreign_status_gets_a_word() {
        assert_eq!(code_of(&Status::not_found("x")), "not_found");
        assert_eq!(code_of(&Status::unauthenticated("x")), "denied");
        assert_eq!(code_of(&Status::unknown("x")), "internal");
        assert_eq!(code_of(&Status::failed_precondition("x")), "refused");
        assert_eq!(hint_of(&Status::not_found("x")), "");
    }

    proptest! {
        #[test]
        fn any_text_travels_shortened(code in ".{0,20}", message in ".{0,900}", hint in ".{0,900}") {
            let sent = status(&code, &message, &hint);
            prop_assert_eq!(sent.message(), shortened(&message));
            prop_assert_eq!(hint_of(&sent), shortened(&hint));
            prop_assert!(is_word(&code_of(&sent)));
        }
    }
}
