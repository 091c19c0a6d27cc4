//! One key of 32 bytes, wrapped under one passphrase with a salt of its own: a person's key file, and
//! the vault as it was before it had several slots.
//!
//! Argon2id (RFC 9106) makes a key of the passphrase, at the cost that is written beside it, so that
//! a later default leaves old files readable; draft-irtf-cfrg-xchacha wraps.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::store::{Entropy, StoreError};

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
    pub(super) fn check(self) -> Result<Self, StoreError> {
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

/// A key of 32 bytes, wrapped under one passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Slot {
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    wrapped: Vec<u8>,
}

impl Slot {
    /// Wraps a key. `bound` is what it is bound to: it opens for nothing else.
    pub(in crate::store) fn wrap(
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
    pub(in crate::store) fn unwrap(
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

    /// Returns what a guess costs.
    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }

    /// Returns a slot as long as this one that nothing opens.
    pub(super) fn destroyed(&self, entropy: Entropy) -> Result<Self, StoreError> {
        let mut destroyed = self.clone();
        let parts: [&mut [u8]; 3] = [
            &mut destroyed.salt,
            &mut destroyed.nonce,
            &mut destroyed.wrapped,
        ];
        for part in parts {
            entropy(part).map_err(StoreError::Entropy)?;
        }
        Ok(destroyed)
    }

    pub(in crate::store) fn to_written(&self) -> WrittenSlot {
        WrittenSlot {
            kdf: "argon2id".to_owned(),
            cost: self.cost,
            salt: STANDARD.encode(self.salt),
            nonce: STANDARD.encode(self.nonce),
            wrapped: STANDARD.encode(&self.wrapped),
        }
    }

    pub(in crate::store) fn from_written(written: WrittenSlot) -> Result<Self, ParseError> {
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

/// A slot as written.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct WrittenSlot {
    kdf: String,
    #[serde(flatten)]
    cost: Cost,
    salt: String,
    nonce: String,
    wrapped: String,
}

/// Why a text is no slot.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum ParseError {
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
pub(super) fn wrapping(
    passphrase: &[u8],
    salt: &[u8],
    cost: Cost,
) -> Result<XChaCha20Poly1305, StoreError> {
    let cost = cost.check()?;
    let mut key = Zeroizing::new([0; 32]);
    // The checked bounds lie inside those of Argon2, so the passphrase is all that can be wrong.
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| StoreError::WrongPassphrase)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, key.as_mut_slice(), &mut memory);
    // The key could be made again from what the passes left behind.
    memory.iter_mut().for_each(|block| block.zeroize());
    made.map_err(|_| StoreError::WrongPassphrase)?;
    Ok(XChaCha20Poly1305::new(
        key.as_slice()
            .try_into()
            .map_err(|_| StoreError::WrongPassphrase)?,
    ))
}

pub(super) fn decode(what: &str, text: &str) -> Result<Vec<u8>, ParseError> {
    STANDARD
        .decode(text)
        .map_err(|_| ParseError::Syntax(format!("{what} is not base64")))
}

pub(super) fn sized<const N: usize>(what: &str, text: &str) -> Result<[u8; N], ParseError> {
    decode(what, text)?
        .try_into()
        .map_err(|_| ParseError::Syntax(format!("{what} is not {N} bytes long")))
}

pub(super) fn within(
    what: &'static str,
    given: usize,
    min: usize,
    max: usize,
) -> Result<(), StoreError> {
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

pub(super) fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
