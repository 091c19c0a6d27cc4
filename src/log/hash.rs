//! SHA-256 over leaves and nodes, and the salted commitment to a payload.
//!
//! Source: RFC 6962 §2.1.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::identity::canon;

/// A SHA-256 hash, written in base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root hash of a tree with no leaves: SHA-256 of nothing.
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Returns the hash as bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the plain SHA-256 of `bytes`, for what is named by its hash.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// Returns the hash of a leaf: SHA-256(0x00 || data).
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0])
            .chain_update(data)
            .finalize()
            .into(),
    )
}

/// Returns the hash of a node over its two children: SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// Returns what a leaf holds in place of a payload:
/// SHA-256(`counterfoil/commit/v1` LF || salt || payload).
///
/// Payloads are small counts, so without a fresh salt the hash could be searched; with it, an
/// erased payload and salt leave nothing behind.
pub fn commitment(salt: &[u8; 32], payload: &[u8]) -> Hash {
    let digest = Sha256::new()
        .chain_update(b"counterfoil/commit/v1\n")
        .chain_update(salt)
        .chain_update(payload)
        .finalize();
    Hash(digest.into())
}

/// Text that is not 32 bytes in the one spelling of base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 32 bytes in base64 with padding")]
pub struct BadHash;

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(given: &str) -> Result<Self, BadHash> {
        canon::from_base64_32(given).map(Self).ok_or(BadHash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&canon::to_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaf_hashes_with_leaf_prefix() {
        // SHA-256(0x00), RFC 9162 §2.1.1
        assert_eq!(leaf_hash(b"").0[..4], [0x6e, 0x34, 0x0b, 0x9c]);
        assert_eq!(Hash::of(b""), Hash::EMPTY_ROOT);
    }

    #[test]
    fn a_commitment_moves_with_salt_and_payload() {
        let one = commitment(&[1; 32], b"payload");
        assert_ne!(one, commitment(&[2; 32], b"payload"));
        assert_ne!(one, commitment(&[1; 32], b"payloae"));
        let whole = [&b"counterfoil/commit/v1\n"[..], &[1; 32], b"payload"].concat();
        assert_eq!(one, Hash::of(&whole));
    }

    #[test]
    fn a_hash_has_one_spelling() {
        let text = Hash::EMPTY_ROOT.to_string();
        assert_eq!(text.parse(), Ok(Hash::EMPTY_ROOT));
        assert_eq!(text.replace("U=", "V=").parse::<Hash>(), Err(BadHash));
        assert_eq!(
            serde_json::to_string(&Hash::EMPTY_ROOT).ok(),
            Some(format!("{text:?}"))
        );
    }
}
