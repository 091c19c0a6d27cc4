//! The data key of the private plane, and the keys made from it, one for each purpose.
//!
//! It has two roots. Under one lies the book: activities, counts, the member's own keys. Under the
//! other lies whatever leads to persons: their rows and the secret of their pseudonyms. Whoever has
//! the first root alone reads a book with nobody in it.

use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::store::{Entropy, StoreError};

/// Bytes of a data key as a slot wraps it.
pub(super) const LEN: usize = 4 * 32;

/// The key under which the private plane lies. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct DataKey {
    book: Root,
    persons: Root,
    /// Made once, as what is imported again is known by it whatever else changes.
    source_id: SubKey,
    tie_break: SubKey,
    /// Whether rows that lead to persons are lost for good, and are to be cleared away.
    is_plain: bool,
}

/// 32 random bytes that other keys are made from.
#[derive(Clone, PartialEq, Eq)]
struct Root(Zeroizing<[u8; 32]>);

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
    /// Sealing those of them that lead to persons.
    SealPersons,
    /// Sealing the names of the vault's slots.
    Names,
    /// Choosing between cells that could be hidden as well as each other.
    TieBreak,
}

impl DataKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: Entropy) -> Result<Self, StoreError> {
        let (book, persons) = (Root::generate(entropy)?, Root::generate(entropy)?);
        Ok(Self {
            source_id: book.derive(b"source-id"),
            tie_break: book.derive(b"tie-break"),
            book,
            persons,
            is_plain: false,
        })
    }

    /// Returns the key of a vault that has one root for everything.
    pub(super) fn of_one(root: Zeroizing<[u8; 32]>) -> Self {
        let root = Root(root);
        Self {
            source_id: root.derive(b"source-id"),
            tie_break: root.derive(b"tie-break"),
            book: root.clone(),
            persons: root,
            is_plain: false,
        }
    }

    /// Returns the same key with the book under a root of its own, where it has none yet.
    pub(super) fn parted(&self, entropy: Entropy) -> Result<Self, StoreError> {
        let mut parted = self.clone();
        if !self.is_parted() {
            parted.book = Root::generate(entropy)?;
        }
        Ok(parted)
    }

    /// Returns the key of the same book with nobody in it: what led to persons cannot be read with
    /// it, and those who come later are known by new pseudonyms.
    pub(super) fn without_persons(&self, entropy: Entropy) -> Result<Self, StoreError> {
        Ok(Self {
            persons: Root::generate(entropy)?,
            ..self.clone()
        })
    }

    /// Returns the key as one under which rows that do not open are cleared away.
    pub(super) const fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Returns whether what led to persons is lost, and is to be cleared away.
    pub const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns whether what leads to persons lies under a root of its own.
    pub fn is_parted(&self) -> bool {
        self.book != self.persons
    }

    /// Returns the key for a purpose: HMAC-SHA-256 of its name under one of the roots.
    pub fn derive(&self, purpose: Purpose) -> SubKey {
        match purpose {
            Purpose::SourceId => self.source_id.clone(),
            Purpose::TieBreak => self.tie_break.clone(),
            Purpose::Seal => self.book.derive(b"seal"),
            Purpose::SealPersons => self.persons.derive(b"seal"),
            Purpose::Pseudonym => self.persons.derive(b"pseudonym"),
            Purpose::Names => self.persons.derive(b"names"),
        }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        let parts = [
            &self.book.0,
            &self.persons.0,
            &self.source_id.0,
            &self.tie_break.0,
        ];
        for part in parts {
            bytes.extend_from_slice(part.as_slice());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LEN {
            return None;
        }
        let mut parts = bytes.chunks_exact(32).map(|part| {
            let part = <[u8; 32]>::try_from(part);
            part.ok().map(Zeroizing::new)
        });
        let mut part = || parts.next().flatten();
        Some(Self {
            book: Root(part()?),
            persons: Root(part()?),
            source_id: SubKey(part()?),
            tie_break: SubKey(part()?),
            is_plain: false,
        })
    }
}

impl Root {
    fn generate(entropy: Entropy) -> Result<Self, StoreError> {
        let mut root = Zeroizing::new([0; 32]);
        entropy(root.as_mut_slice()).map_err(StoreError::Entropy)?;
        Ok(Self(root))
    }

    fn derive(&self, label: &[u8]) -> SubKey {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .expect("HMAC takes keys of any length");
        mac.update(label);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::os_entropy;

    fn hex(key: &DataKey, purpose: Purpose) -> String {
        let key = key.derive(purpose);
        let bytes = key.as_bytes()[..8].iter();
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn nothing_prints_a_key() {
        let key = DataKey::generate(os_entropy).unwrap();
        let sub = key.derive(Purpose::Seal);
        assert_eq!(format!("{key:?} {sub:?}"), "DataKey SubKey");
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        // Stored pseudonyms rest on these, so they never change. Computed with Python's hmac.
        let one = DataKey::of_one(Zeroizing::new([7; 32]));
        assert_eq!(hex(&one, Purpose::Pseudonym), "c5706d14378ae9a6");
        assert_eq!(hex(&one, Purpose::SourceId), "fb98342cdf0ae990");
        assert_eq!(hex(&one, Purpose::Seal), "0563d9bafbc62f62");
        assert_eq!(hex(&one, Purpose::SealPersons), "0563d9bafbc62f62");

        // What names persons and rows stays when the book gets a root of its own.
        let parted = one.parted(os_entropy).unwrap();
        for purpose in [Purpose::Pseudonym, Purpose::SourceId, Purpose::SealPersons] {
            assert_eq!(hex(&parted, purpose), hex(&one, purpose));
        }
        assert!(parted.is_parted() && !one.is_parted());
        assert_ne!(hex(&parted, Purpose::Seal), hex(&one, Purpose::Seal));
        let plain = parted.without_persons(os_entropy).unwrap();
        assert_eq!(hex(&plain, Purpose::Seal), hex(&parted, Purpose::Seal));
        for purpose in [Purpose::Pseudonym, Purpose::SealPersons, Purpose::Names] {
            assert_ne!(hex(&plain, purpose), hex(&parted, purpose));
        }
    }

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let key = DataKey::generate(os_entropy).unwrap();
        let back = DataKey::from_bytes(&key.to_bytes()).unwrap();
        assert_eq!(*back.to_bytes(), *key.to_bytes());
        assert!(DataKey::from_bytes(&[0; LEN - 1]).is_none());
    }
}
