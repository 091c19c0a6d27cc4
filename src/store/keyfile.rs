//! A person's private key in a file of their own, wrapped under a passphrase of their own.
//!
//! The file is the person's to keep: no node holds it, and none knows its passphrase.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::vault::{Slot, WrittenSlot};
use super::{Cost, Entropy, StoreError, file};
use crate::identity::{ApproverKey, PublicKey32};

const MAX_BYTES: usize = 16 << 10;
const FORMAT: &str = "counterfoil/approver-key/v1";
const HEADING: &str = "# The key of one person who approves what leaves a node. It is theirs alone: keep it, and its\n\
                       # passphrase, away from whoever runs the node.\n";

/// A private key, wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    name: String,
    key: PublicKey32,
    slot: Slot,
}

impl KeyFile {
    /// Makes a key and wraps it.
    ///
    /// # Errors
    /// When the cost is out of bounds, or there is no randomness.
    pub fn make(
        name: &str,
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<Self, StoreError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy(seed.as_mut_slice()).map_err(StoreError::Entropy)?;
        let key = ApproverKey::from_seed(&seed).public_key();
        let slot = Slot::wrap(&seed, passphrase, &bound(key), cost, entropy)?;
        Ok(Self {
            name: name.to_owned(),
            key,
            slot,
        })
    }

    /// Returns whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the public half.
    pub const fn public_key(&self) -> PublicKey32 {
        self.key
    }

    /// Opens the key. Takes as long as its cost says.
    ///
    /// # Errors
    /// When the passphrase is wrong or the file was changed: nobody can tell which.
    pub fn open(&self, passphrase: &[u8]) -> Result<ApproverKey, StoreError> {
        let seed = self.slot.unwrap(passphrase, &bound(self.key))?;
        let key = seed.map(|seed| ApproverKey::from_seed(&seed));
        key.filter(|key| key.public_key() == self.key)
            .ok_or(StoreError::WrongKeyFilePassphrase)
    }

    /// Returns the text of the file.
    pub fn to_text(&self) -> String {
        let written = Written {
            format: FORMAT.to_owned(),
            name: self.name.clone(),
            key: self.key,
            sealed: self.slot.to_written(),
        };
        let text = toml::to_string(&written).expect("numbers and strings can be written as TOML");
        format!("{HEADING}{text}")
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When there is none, it is none, or it asks for a cost out of bounds.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let damaged = |reason: &str| StoreError::damaged(path, reason);
        let bytes = file::read_small(path, MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| damaged("there is no such file"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is no key file"))?;
        Self::parse(text).map_err(|reason| damaged(&reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text)
            .map_err(|error| format!("it is no key file: {}", one_line(error.message())))?;
        if written.format != FORMAT {
            return Err(format!("it is no key file of format {FORMAT}"));
        }
        Ok(Self {
            name: written.name,
            key: written.key,
            slot: Slot::from_written(written.sealed).map_err(|error| error.to_string())?,
        })
    }
}

/// What a wrapped key is bound to: that it is one of these, and whose.
fn bound(key: PublicKey32) -> Vec<u8> {
    [FORMAT.as_bytes(), b"\n", &key.0].concat()
}

fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The file as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    name: String,
    key: PublicKey32,
    sealed: WrittenSlot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::os_entropy;

    fn made() -> KeyFile {
        KeyFile::make("Ana", b"six words", Cost::LEAST, os_entropy).expect("made")
    }

    #[test]
    fn the_passphrase_opens_the_key_it_was_made_with() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ana.key");
        let made = made();
        std::fs::write(&path, made.to_text()).expect("written");
        let read = KeyFile::read(&path).expect("a key file");
        assert_eq!((&read, read.name()), (&made, "Ana"));
        let key = read.open(b"six words").expect("the passphrase");
        assert_eq!(key.public_key(), made.public_key());
        let wrong = read.open(b"five words").expect_err("another");
        assert!(matches!(wrong, StoreError::WrongKeyFilePassphrase));
    }

    #[test]
    fn a_file_that_names_another_key_opens_for_nobody() {
        let (one, other) = (made(), made());
        let text = one.to_text();
        let changed = text.replace(&one.key.to_string(), &other.key.to_string());
        assert_ne!(changed, text);
        let changed = KeyFile::parse(&changed).expect("a key file");
        assert!(changed.open(b"six words").is_err());
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_it_is_paid() {
        let text = made().to_text();
        let dear = text.replace("memory_kib = 8", "memory_kib = 4000000000");
        assert_ne!(dear, text);
        assert!(KeyFile::parse(&dear).is_err());
    }

    #[test]
    fn nothing_prints_a_secret() {
        let key = made().open(b"six words").expect("the passphrase");
        assert_eq!(format!("{key:?}"), "ApproverKey(..)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_key_file_or_refused(text in ".{0,200}") {
            let _refused = KeyFile::parse(&text).is_err();
        }

        #[test]
        fn a_changed_file_is_refused_or_opens_nothing_else(at: proptest::sample::Index, byte in b' '..b'~') {
            let text = made().to_text();
            let mut bytes = text.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).expect("ASCII");
            if let Ok(file) = KeyFile::parse(&changed)
                && let Ok(key) = file.open(b"six words")
            {
                proptest::prop_assert!(text.contains(&key.public_key().to_string()));
            }
        }
    }
}
