//! Persons as pseudonyms, and the keyed names of rows.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::ZeroizeOnDrop;

/// The two keys of the private plane that records need, both derived by the vault.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RecordKeys {
    person: [u8; 32],
    source: [u8; 32],
}

impl RecordKeys {
    /// Takes the key for pseudonyms and the key for the names of rows.
    pub const fn new(person: [u8; 32], source: [u8; 32]) -> Self {
        Self { person, source }
    }

    /// Returns the pseudonym of a person, or `None` where nothing identifying is left after
    /// normalisation.
    pub fn pseudonym(&self, identifier: &str) -> Option<Pseudonym> {
        let normal = normalise(identifier);
        (!normal.is_empty()).then(|| Pseudonym(mac(&self.person, &[normal.as_bytes()])))
    }

    /// Returns the name of a row that these parts identify.
    pub fn source_key(&self, parts: &[&[u8]]) -> SourceKey {
        SourceKey(mac(&self.source, parts))
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKeys")
    }
}

/// HMAC-SHA-256 cut to 128 bits (RFC 2104 §5). Each part is preceded by its length, so that no
/// two lists of parts give the same bytes.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let whole = mac.finalize().into_bytes();
    let mut cut = [0; 16];
    cut.copy_from_slice(&whole[..16]);
    cut
}

/// What people write where they do not know who it was.
const PLACEHOLDERS: &[&str] = &[
    "n/a",
    "n.a.",
    "n.a",
    "#n/a",
    "na",
    "x",
    "xx",
    "xxx",
    "none",
    "null",
    "nil",
    "nobody",
    "no name",
    "unnamed",
    "anon",
    "anon.",
    "anonymous",
    "unknown",
    "not known",
    "not given",
    "not recorded",
    "not_recorded",
    "sin nombre",
    "anónimo",
    "anónima",
    "anonimo",
    "anonima",
    "desconocido",
    "desconocida",
    "anonyme",
    "inconnu",
    "inconnue",
    "anônimo",
    "desconhecido",
    "неизвестно",
    "аноним",
    "ไม่ทราบ",
    "ไม่ระบุ",
    "匿名",
];

/// Returns whether a text stands for nobody in particular: each such row would otherwise be the
/// same person.
pub(super) fn is_placeholder(identifier: &str) -> bool {
    let normal = normalise(identifier);
    let is_blank = !normal.chars().any(char::is_alphanumeric);
    (is_blank && !normal.is_empty()) || PLACEHOLDERS.contains(&normal.as_str())
}

/// Returns whether a text has an identifier in it, in any spelling, as words of its own. What is
/// shorter than three characters stands in any text.
pub(super) fn mentions(text: &str, identifier: &str) -> bool {
    let (text, wanted) = (normalise(text), normalise(identifier));
    let is_apart = |at: usize| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = text[..at].chars().next_back();
        !letter(before) && !letter(text[at + wanted.len()..].chars().next())
    };
    wanted.chars().count() >= 3 && text.match_indices(&wanted).any(|(at, _)| is_apart(at))
}

/// Brings the spellings of one identifier together: NFKC, small letters, single spaces, no
/// invisible characters; a telephone number keeps its digits and a leading `+`.
fn normalise(identifier: &str) -> String {
    let small: String = identifier.nfkc().flat_map(char::to_lowercase).collect();
    let visible: String = small.nfkc().filter(|c| !is_invisible(*c)).collect();
    let words: Vec<_> = visible.split_whitespace().collect();
    let text = words.join(" ");
    as_telephone(&text).unwrap_or(text)
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

/// Returns the digits of a telephone number, `00` in front read as `+`.
///
/// Anything shorter than six digits is some other number and stays as it is.
fn as_telephone(text: &str) -> Option<String> {
    let punctuation = |c| matches!(c, ' ' | '+' | '-' | '.' | '(' | ')' | '/');
    if !text.chars().all(|c| c.is_ascii_digit() || punctuation(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 6 {
        return None;
    }
    if text.starts_with('+') || text.starts_with("(+") {
        return Some(format!("+{digits}"));
    }
    match digits.strip_prefix("00") {
        Some(abroad) => Some(format!("+{abroad}")),
        None => Some(digits),
    }
}

macro_rules! keyed {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Returns its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Takes 16 bytes back into it.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(NotHex);
                }
                let number = u128::from_str_radix(text, 16).map_err(|_| NotHex)?;
                Ok(Self(number.to_be_bytes()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

keyed! {
    /// A person as far as this node will ever say: the same person gives the same pseudonym on
    /// this node and another one elsewhere.
    Pseudonym
}

keyed! {
    /// The name by which a row of a file is known again.
    SourceKey
}

impl SourceKey {
    /// Returns the name of a row that is known by its place alone.
    pub(super) const fn numbered(place: usize) -> Self {
        Self((place as u128).to_be_bytes())
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 hexadecimal digits")]
pub struct NotHex;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> RecordKeys {
        RecordKeys::new([1; 32], [2; 32])
    }

    #[track_caller]
    fn check_same(a: &str, b: &str, same: bool) {
        assert_eq!(keys().pseudonym(a) == keys().pseudonym(b), same, "{a} {b}");
    }

    #[test]
    fn spellings_of_one_person_meet() {
        check_same("  Nguyễn  Thị\tMai ", "nguyễn thị mai", true);
        check_same("Zoe\u{301}", "zoé", true);
        check_same("\u{feff}a@b.org", "A@B.org", true);
        check_same("+66 (0)81-234.5678", "+660812345678", true);
        check_same("0066 81 234 5678", "+66812345678", true);
        check_same("José", "Jose", false);
        check_same("12-34", "1234", false);
        check_same("0812345678", "0812345679", false);
    }

    #[test]
    fn a_text_mentions_whole_words_only() {
        for (text, identifier, is_there) in [
            ("Thanks to  MAI Nguyen!", "mai nguyen", true),
            ("write to mai@example.org.", "Mai@Example.org", true),
            ("P-30 came", "P-3", false),
            ("Maintenance", "Mai", false),
            ("Mai, Ana", "ana", true),
            ("Al came", "Al", false),
            ("", "Mai", false),
            ("Mai", "", false),
        ] {
            assert_eq!(mentions(text, identifier), is_there, "{text} {identifier}");
        }
    }

    #[test]
    fn nothing_is_nobody() {
        for text in ["", "  ", "\u{200b}"] {
            assert_eq!(keys().pseudonym(text), None);
        }
    }

    #[test]
    fn what_stands_for_anybody_is_nobody() {
        for text in [
            "N/A",
            "na",
            "-",
            "--",
            "?",
            ".",
            "Unknown",
            "ANONYMOUS",
            "none",
            "X",
            "anon",
            "not  known",
            "Sin Nombre",
            "ไม่ทราบ",
            "—",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["", "Nana", "X-1", "Ann Known", "P-001", "0", "ณ", "12-34"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn another_key_gives_another_pseudonym() {
        let other = RecordKeys::new([3; 32], [2; 32]);
        assert_ne!(other.pseudonym("mai"), keys().pseudonym("mai"));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            keys().source_key(&[b"ab", b"c"]),
            keys().source_key(&[b"a", b"bc"])
        );
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in ".{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn what_a_text_mentions_is_in_it(text in ".{0,40}", identifier in ".{0,4}") {
            if mentions(&text, &identifier) {
                prop_assert!(normalise(&text).contains(&normalise(&identifier)));
            }
        }

        #[test]
        fn names_round_trip(bytes in any::<[u8; 16]>()) {
            let key = SourceKey(bytes);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn any_text_is_a_name_or_refused(text in ".{0,40}") {
            if let Ok(key) = text.parse::<Pseudonym>() {
                prop_assert_eq!(key.to_string(), text.to_lowercase());
            }
        }
    }
}
