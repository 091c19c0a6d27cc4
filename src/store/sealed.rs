//! One sealed value: what a row of the private plane looks like on disk.
//!
//! ```text
//! nonce[24] ‖ XChaCha20-Poly1305(key, nonce, aad = sequence number,
//!             space ‖ length ‖ real key ‖ length ‖ value ‖ zeros up to a multiple of 64)
//! ```
//! Its place (the sequence number) is authenticated, so that rows cannot change places, and its
//! length says only in which step of 64 bytes the row lies.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::codec::{Reader, Writer};
use super::vault::SubKey;
use super::{Entropy, StoreError};

const STEP: usize = 64;
const NONCE: usize = 24;

/// Seals and opens rows under one key.
pub struct Sealer(XChaCha20Poly1305);

/// A row, opened. Wiped when dropped.
pub struct Opened {
    plain: Zeroizing<Vec<u8>>,
    key: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
}

impl Sealer {
    /// Takes the key for [`super::Purpose::Seal`].
    pub fn new(key: &SubKey) -> Self {
        Self(XChaCha20Poly1305::new(key.as_bytes().into()))
    }

    /// Seals a row for its place.
    ///
    /// # Errors
    /// When there is no randomness for the nonce.
    pub fn seal(
        &self,
        sequence: u64,
        key: &[u8],
        value: &[u8],
        entropy: Entropy,
    ) -> Result<Vec<u8>, StoreError> {
        let length = (key.len() + value.len() + 8).next_multiple_of(STEP);
        let plain = Writer::with_capacity(length + STEP).bytes(key).bytes(value);
        let mut plain = Zeroizing::new(plain.finish());
        plain.resize(length, 0);
        let mut nonce = [0; NONCE];
        entropy(&mut nonce).map_err(StoreError::Entropy)?;
        let tag = self
            .0
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &sequence.to_be_bytes(),
                plain.as_mut_slice().into(),
            )
            .map_err(|_| too_large(value.len()))?;
        let sealed = Writer::with_capacity(NONCE + length + 16)
            .raw(&nonce)
            .raw(&plain)
            .raw(&tag);
        Ok(sealed.finish())
    }

    /// Opens the row at a place; `None` when the key, the place or a single bit is not the one it
    /// was sealed with.
    pub fn open(&self, sequence: u64, sealed: &[u8]) -> Option<Opened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let (sealed, tag) = sealed.split_last_chunk::<16>()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &sequence.to_be_bytes(),
                plain.as_mut_slice().into(),
                tag.into(),
            )
            .ok()?;
        let mut reader = Reader::new(&plain);
        let key = reader.bytes()?.len();
        let value = reader.bytes()?.len();
        let (key, value) = (4..4 + key, 8 + key..8 + key + value);
        Some(Opened { plain, key, value })
    }
}

impl Opened {
    /// Returns the real key.
    pub fn key(&self) -> &[u8] {
        &self.plain[self.key.clone()]
    }

    /// Returns the value, in memory that wipes itself.
    pub fn to_value(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.plain[self.value.clone()].to_vec())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

fn too_large(bytes: usize) -> StoreError {
    StoreError::TooLarge {
        what: "a value",
        bytes,
        max: super::durable::MAX_VALUE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DataKey, Purpose, os_entropy};

    fn sealer() -> Sealer {
        Sealer::new(&DataKey::generate(os_entropy).unwrap().derive(Purpose::Seal))
    }

    #[test]
    fn a_row_opens_only_in_its_place_and_with_its_key() {
        let sealer_a = sealer();
        let sealed = sealer_a.seal(7, b"key", b"value", os_entropy).unwrap();
        assert_eq!(
            sealer_a.open(7, &sealed).unwrap().to_value().as_slice(),
            b"value"
        );
        assert!(sealer_a.open(8, &sealed).is_none());
        assert!(sealer().open(7, &sealed).is_none());
    }

    #[test]
    fn the_length_says_little() {
        let sealer = sealer();
        let length = |n| {
            sealer
                .seal(0, b"key", &vec![1; n], os_entropy)
                .unwrap()
                .len()
        };
        assert_eq!(length(0), length(53));
        assert_eq!(length(54), length(53) + 64);
    }

    proptest::proptest! {
        #[test]
        fn what_is_sealed_can_be_opened(sequence: u64, key: Vec<u8>, value: Vec<u8>) {
            let sealer = sealer();
            let opened = sealer.open(sequence, &sealer.seal(sequence, &key, &value, os_entropy).unwrap()).unwrap();
            assert_eq!((opened.key(), opened.to_value().as_slice()), (&key[..], &value[..]));
        }

        #[test]
        fn one_changed_bit_is_noticed(value: Vec<u8>, bit: proptest::sample::Index) {
            let sealer = sealer();
            let mut sealed = sealer.seal(1, b"key", &value, os_entropy).unwrap();
            let at = bit.index(sealed.len() * 8);
            sealed[at / 8] ^= 1 << (at % 8);
            assert!(sealer.open(1, &sealed).is_none());
        }

        #[test]
        fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
            assert!(sealer().open(1, &bytes).is_none());
        }
    }
}
