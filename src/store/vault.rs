//! The vault: the data key of the private plane, and the passphrases that open it.
//!
//! `vault.toml` is a list of slots. Each wraps the same data key under a key that Argon2id makes
//! of a passphrase, with the cost it was made with, so that a later default leaves old slots
//! readable. RFC 9106 for Argon2id, draft-irtf-cfrg-xchacha for the wrapping.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Entropy, StoreError, file};

/// Most slots a vault has.
pub const MAX_SLOTS: usize = 8;

const MAX_BYTES: usize = 64 << 10;
const FORMAT: u32 = 1;
const WRAPPING: &[u8] = b"counterfoil/vault/v1";
const HEADING: &str = "# The key to this node's records, wrapped by its passphrase. Without this file nothing can\n\
                       # read them, not even the passphrase.\n";

/// The key under which the private plane lies. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

/// A key made from the data key for one purpose. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct SubKey(Zeroizing<[u8; 32]>);

/// What a key made from the data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Turning a person's identifier into a pseudonym.
    Pseudonym,
    /// Making an identifier for rows that came without one.
    SourceId,
    /// Sealing the rows of the private database.
    Seal,
    /// Choosing between cells that could be hidden as well as each other.
    TieBreak,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Pseudonym => b"pseudonym",
            Self::SourceId => b"source-id",
            Self::Seal => b"seal",
            Self::TieBreak => b"tie-break",
        }
    }
}

impl DataKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: Entropy) -> Result<Self, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        entropy(key.as_mut_slice()).map_err(StoreError::Entropy)?;
        Ok(Self(key))
    }

    /// Returns the key for a purpose: HMAC-SHA-256 of its name under the data key.
    pub fn derive(&self, purpose: Purpose) -> SubKey {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("HMAC takes keys of any length");
        mac.update(purpose.label());
        SubKey(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}

impl SubKey {
    /// Returns the bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl std::fmt::Debug for SubKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubKey")
    }
}

/// What one guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory in KiB. More makes guessing dearer on special hardware.
    pub memory_kib: u32,
    /// Passes over that memory. More makes guessing slower.
    pub passes: u32,
    /// Lanes that could be filled side by side.
    pub lanes: u32,
}

impl Cost {
    /// 64 MiB, three passes, one lane: about a fifth of a second on a small server.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };

    /// The least Argon2id accepts: for tests, where nothing is kept secret.
    pub const LEAST: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    /// Refuses a cost that would lock its owner out by taking all memory or a day.
    fn check(self) -> Result<Self, StoreError> {
        let bounds = [
            ("memory_kib", self.memory_kib, 8, 256 << 10),
            ("passes", self.passes, 1, 64),
            ("lanes", self.lanes, 1, self.memory_kib.min(64) / 8),
        ];
        for (what, given, min, max) in bounds {
            if !(min..=max).contains(&given) {
                let (given, min, max) = (given.into(), min.into(), max.into());
                return Err(StoreError::VaultBounds {
                    what,
                    given,
                    min,
                    max,
                });
            }
        }
        Ok(self)
    }
}

/// The wrapped data key, once for each passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    slots: Vec<Slot>,
}

/// A key of 32 bytes, wrapped under one passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    wrapped: Vec<u8>,
}

impl Vault {
    /// Makes a new data key and a vault that one passphrase opens.
    ///
    /// # Errors
    /// When the passphrase is empty, the cost is out of bounds, or there is no randomness.
    pub fn create(
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<(Self, DataKey), StoreError> {
        let key = DataKey::generate(entropy)?;
        let mut vault = Self { slots: Vec::new() };
        vault.add(&key, passphrase, cost, entropy)?;
        Ok((vault, key))
    }

    /// Returns the data key. Takes as long as the cost says, and its memory, for each slot tried.
    ///
    /// # Errors
    /// When no slot opens: the passphrase is wrong or the file was changed, and nothing says which.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<DataKey, StoreError> {
        self.find(passphrase).map(|(_, key)| key)
    }

    /// Adds a passphrase.
    ///
    /// # Errors
    /// When it is empty, the cost is out of bounds, or there are too many already.
    pub fn add(
        &mut self,
        key: &DataKey,
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        within("slots", self.slots.len() + 1, 1, MAX_SLOTS)?;
        within("the passphrase's length", passphrase.len(), 1, MAX_BYTES)?;
        let slot = Slot::wrap(&key.0, passphrase, WRAPPING, cost, entropy)?;
        self.slots.push(slot);
        Ok(())
    }

    /// Removes the slot that a passphrase opens; the last one stays.
    ///
    /// # Errors
    /// When the passphrase opens none, or opens the only one.
    pub fn remove(&mut self, passphrase: &[u8]) -> Result<(), StoreError> {
        let (slot, _) = self.find(passphrase)?;
        within("slots", self.slots.len() - 1, 1, MAX_SLOTS)?;
        self.slots.remove(slot);
        Ok(())
    }

    /// Returns how many passphrases open the vault.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Reads a vault file, or `None` where there is none.
    ///
    /// # Errors
    /// When it is not a vault, or asks for a cost out of bounds.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = file::read_small(path, MAX_BYTES)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| StoreError::damaged(path, "it is no text; restore a backup"))?;
        Self::parse(&text).map(Some).map_err(|error| match error {
            ParseError::Syntax(reason) => StoreError::damaged(path, reason),
            ParseError::Bounds(error) => error,
        })
    }

    /// Writes the vault file, whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses; the file is then as it was.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        file::write_atomic(path, self.to_text().as_bytes())
    }

    fn find(&self, passphrase: &[u8]) -> Result<(usize, DataKey), StoreError> {
        for (n, slot) in self.slots.iter().enumerate() {
            if let Some(key) = slot.unwrap(passphrase, WRAPPING)? {
                return Ok((n, DataKey(key)));
            }
        }
        Err(StoreError::WrongPassphrase)
    }

    fn to_text(&self) -> String {
        let written = Written {
            format: FORMAT,
            slot: self.slots.iter().map(Slot::to_written).collect(),
        };
        let text = toml::to_string(&written).expect("numbers and strings can be written as TOML");
        format!("{HEADING}{text}")
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let written: Written =
            toml::from_str(text).map_err(|error| ParseError::Syntax(one_line(error.message())))?;
        if written.format != FORMAT {
            return Err(ParseError::Syntax(format!(
                "it has format {} and this version reads {FORMAT}",
                written.format
            )));
        }
        within("slots", written.slot.len(), 1, MAX_SLOTS)?;
        let slots = written
            .slot
            .into_iter()
            .map(Slot::from_written)
            .collect::<Result<_, _>>()?;
        Ok(Self { slots })
    }
}

impl Slot {
    /// Wraps a key. `bound` is what it is bound to: it opens for nothing else.
    pub(super) fn wrap(
        key: &[u8; 32],
        passphrase: &[u8],
        bound: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<Self, StoreError> {
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        entropy(&mut salt).map_err(StoreError::Entropy)?;
        entropy(&mut nonce).map_err(StoreError::Entropy)?;
        let plain = Payload {
            msg: key.as_slice(),
            aad: bound,
        };
        let wrapped = wrapping(passphrase, &salt, cost)?
            .encrypt(&XNonce::from(nonce), plain)
            .map_err(|_| StoreError::WrongPassphrase)?;
        Ok(Self {
            cost,
            salt,
            nonce,
            wrapped,
        })
    }

    /// Returns the key, or `None` where the passphrase is another one.
    pub(super) fn unwrap(
        &self,
        passphrase: &[u8],
        bound: &[u8],
    ) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
        let sealed = Payload {
            msg: &self.wrapped,
            aad: bound,
        };
        let opened = wrapping(passphrase, &self.salt, self.cost)?
            .decrypt(&XNonce::from(self.nonce), sealed)
            .map(Zeroizing::new);
        let key = opened
            .ok()
            .and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok());
        Ok(key.map(Zeroizing::new))
    }

    pub(super) fn to_written(&self) -> WrittenSlot {
        WrittenSlot {
            kdf: "argon2id".to_owned(),
            cost: self.cost,
            salt: STANDARD.encode(self.salt),
            nonce: STANDARD.encode(self.nonce),
            wrapped: STANDARD.encode(&self.wrapped),
        }
    }

    pub(super) fn from_written(written: WrittenSlot) -> Result<Self, ParseError> {
        if written.kdf != "argon2id" {
            return Err(ParseError::Syntax(
                "a slot is not of kind argon2id".to_owned(),
            ));
        }
        let wrapped = decode("wrapped", &written.wrapped)?;
        Ok(Self {
            cost: written.cost.check()?,
            salt: sized("salt", &written.salt)?,
            nonce: sized("nonce", &written.nonce)?,
            wrapped,
        })
    }
}

/// The file as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    slot: Vec<WrittenSlot>,
}

/// A slot as written.
#[derive(Serialize, Deserialize)]
pub(super) struct WrittenSlot {
    kdf: String,
    #[serde(flatten)]
    cost: Cost,
    salt: String,
    nonce: String,
    wrapped: String,
}

/// Why a text is no slot.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParseError {
    #[error("{0}")]
    Syntax(String),
    #[error(transparent)]
    Bounds(StoreError),
}

impl From<StoreError> for ParseError {
    fn from(error: StoreError) -> Self {
        Self::Bounds(error)
    }
}

/// Makes the cipher that wraps the data key under a passphrase.
fn wrapping(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<XChaCha20Poly1305, StoreError> {
    let cost = cost.check()?;
    let mut key = Zeroizing::new([0; 32]);
    // The checked bounds lie inside those of Argon2, so the passphrase is all that can be wrong.
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| StoreError::WrongPassphrase)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut_slice())
        .map_err(|_| StoreError::WrongPassphrase)?;
    Ok(XChaCha20Poly1305::new(
        key.as_slice()
            .try_into()
            .map_err(|_| StoreError::WrongPassphrase)?,
    ))
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, ParseError> {
    STANDARD
        .decode(text)
        .map_err(|_| ParseError::Syntax(format!("{what} is not base64")))
}

fn sized<const N: usize>(what: &str, text: &str) -> Result<[u8; N], ParseError> {
    decode(what, text)?
        .try_into()
        .map_err(|_| ParseError::Syntax(format!("{what} is not {N} bytes long")))
}

fn within(what: &'static str, given: usize, min: usize, max: usize) -> Result<(), StoreError> {
    if (min..=max).contains(&given) {
        return Ok(());
    }
    let (given, min, max) = (given as u64, min as u64, max as u64);
    Err(StoreError::VaultBounds {
        what,
        given,
        min,
        max,
    })
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::os_entropy;

    fn vault(passphrase: &[u8]) -> (Vault, DataKey) {
        Vault::create(passphrase, Cost::LEAST, os_entropy).unwrap()
    }

    #[track_caller]
    fn check_same(a: &DataKey, b: &DataKey) {
        assert_eq!(a.0, b.0);
    }

    #[test]
    fn the_passphrase_opens_what_it_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.toml");
        assert!(Vault::read(&path).unwrap().is_none());
        let (vault, key) = vault(b"correct horse");
        vault.write(&path).unwrap();
        let read = Vault::read(&path).unwrap().unwrap();
        assert_eq!(read, vault);
        check_same(&read.unlock(b"correct horse").unwrap(), &key);
    }

    #[test]
    fn a_wrong_passphrase_and_a_changed_file_say_the_same() {
        let (mut vault, _) = vault(b"correct horse");
        let wrong = vault.unlock(b"battery staple").unwrap_err().to_string();
        vault.slots[0].wrapped[3] ^= 1;
        assert_eq!(
            vault.unlock(b"correct horse").unwrap_err().to_string(),
            wrong
        );
    }

    #[test]
    fn every_slot_opens_the_same_key_and_the_last_one_stays() {
        let (mut vault, key) = vault(b"first");
        vault
            .add(
                &key,
                b"second",
                Cost {
                    memory_kib: 16,
                    ..Cost::LEAST
                },
                os_entropy,
            )
            .unwrap();
        check_same(&vault.unlock(b"second").unwrap(), &key);
        vault.remove(b"first").unwrap();
        assert!(matches!(
            vault.unlock(b"first"),
            Err(StoreError::WrongPassphrase)
        ));
        assert!(matches!(
            vault.remove(b"second"),
            Err(StoreError::VaultBounds { .. })
        ));
        check_same(&vault.unlock(b"second").unwrap(), &key);
        for n in 1..MAX_SLOTS {
            vault
                .add(&key, &[n as u8], Cost::LEAST, os_entropy)
                .unwrap();
        }
        assert!(
            vault
                .add(&key, b"one too many", Cost::LEAST, os_entropy)
                .is_err()
        );
        assert!(Vault::create(b"", Cost::LEAST, os_entropy).is_err());
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_it_is_paid() {
        let (vault, _) = vault(b"passphrase");
        let text = vault.to_text();
        for (from, to) in [
            ("memory_kib = 8", "memory_kib = 4000000000"),
            ("memory_kib = 8", "memory_kib = 7"),
            ("passes = 1", "passes = 4000000000"),
            ("passes = 1", "passes = 0"),
            ("lanes = 1", "lanes = 2"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(
                matches!(Vault::parse(&changed), Err(ParseError::Bounds(_))),
                "{to}"
            );
        }
    }

    #[test]
    fn nothing_prints_a_key() {
        let (_, key) = vault(b"passphrase");
        assert_eq!(
            format!("{key:?} {:?}", key.derive(Purpose::Seal)),
            "DataKey SubKey"
        );
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        // Stored pseudonyms rest on these, so they never change. Computed with Python's hmac.
        let key = DataKey(Zeroizing::new([7; 32]));
        let hex = |purpose| -> String {
            key.derive(purpose).as_bytes()[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        };
        assert_eq!(hex(Purpose::Pseudonym), "c5706d14378ae9a6");
        assert_eq!(hex(Purpose::SourceId), "fb98342cdf0ae990");
        assert_eq!(hex(Purpose::Seal), "0563d9bafbc62f62");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused(text: String) {
            assert!(Vault::parse(&text).is_err());
        }

        #[test]
        fn a_cut_vault_is_refused(cut: proptest::sample::Index) {
            let text = Vault { slots: vec![Slot { cost: Cost::DEFAULT, salt: [1; 16], nonce: [2; 24], wrapped: vec![3; 48] }] }.to_text();
            let cut = cut.index(text.len() - 1);
            if let Ok(vault) = Vault::parse(&text[..cut]) {
                assert_eq!(vault.slots.len(), 1);
            }
        }
    }
}
