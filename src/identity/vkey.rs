//! Key names and public keys, as signed notes name them.
//!
//! Source: C2SP signed-note v1.0.0.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::canon;

/// Why a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, or holds a space, a plus sign or a control character.
    #[error(
        "{given:?} cannot name a key: it must not be empty and must hold no space and no plus sign"
    )]
    BadName {
        /// The name as given.
        given: String,
    },
    /// The bytes are not 32, or not in the one spelling of base64.
    #[error("a public key is 32 bytes in base64 with padding")]
    NotAKey,
    /// The bytes are no point of the curve, or one whose signatures prove nothing.
    #[error("the public key is not a usable Ed25519 point")]
    NotAPoint,
    /// The text is not `name+id+key`.
    #[error("a verifier key reads name+id+key, with the id as eight small hexadecimal digits")]
    NotAVerifierKey,
    /// The key is of a kind that is not supported.
    #[error(
        "signature type {kind:#04x} is not supported; accepted: 0x01 (Ed25519), 0x04 (cosignature)"
    )]
    UnsupportedKind {
        /// The kind's number.
        kind: u8,
    },
    /// The id does not follow from the name and the key.
    #[error("key id {given} does not belong to this name and key; it would be {expected}")]
    WrongId {
        /// The id as given.
        given: KeyId,
        /// The id that follows.
        expected: KeyId,
    },
}

/// What a key is called in signature lines: not empty, no Unicode space, no `+`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(given: &str) -> Result<Self, KeyError> {
        let stray = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if given.is_empty() || given.contains(stray) {
            return Err(KeyError::BadName {
                given: given.chars().take(64).collect(),
            });
        }
        Ok(Self(given.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says which key a signature line is by: the first four bytes of
/// SHA-256(name || 0x0A || kind || public key).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    fn of(name: &KeyName, kind: SignatureKind, key: &PublicKey32) -> Self {
        let digest = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', kind as u8])
            .chain_update(key.0)
            .finalize();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a signature is over, by its number in key ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SignatureKind {
    /// Ed25519 over the note's text.
    Ed25519 = 0x01,
    /// Ed25519 over a time and the note's text. C2SP tlog-cosignature.
    Cosignature = 0x04,
}

impl SignatureKind {
    fn from_number(kind: u8) -> Result<Self, KeyError> {
        match kind {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            _ => Err(KeyError::UnsupportedKind { kind }),
        }
    }
}

/// A bare public key, Ed25519 or X25519, written in base64 as cards and charters write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey32(pub [u8; 32]);

impl PublicKey32 {
    /// Returns whether `signature` is this Ed25519 key's over `message`.
    ///
    /// Weak keys and non-canonical points are refused (`verify_strict`): lenient verifiers
    /// disagree with each other, and a consortium split by one signature is a fork.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| verifies(&key, message, signature))
    }

    /// Returns whether a signature by this Ed25519 key could count at all.
    pub fn can_sign(&self) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| !key.is_weak())
    }
}

fn verifies(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

impl FromStr for PublicKey32 {
    type Err = KeyError;

    fn from_str(given: &str) -> Result<Self, KeyError> {
        canon::from_base64_32(given)
            .map(Self)
            .ok_or(KeyError::NotAKey)
    }
}

impl fmt::Display for PublicKey32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&canon::to_base64(&self.0))
    }
}

impl fmt::Debug for PublicKey32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for PublicKey32 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey32 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A public key with the name and the kind it signs under: `name+id+base64(kind || key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: SignatureKind,
    id: KeyId,
    point: VerifyingKey,
}

impl VerifierKey {
    /// Returns the key under `name`.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`] where no signature by it could count.
    pub fn new(name: KeyName, kind: SignatureKind, key: PublicKey32) -> Result<Self, KeyError> {
        let point = VerifyingKey::from_bytes(&key.0)
            .ok()
            .filter(|point| !point.is_weak())
            .ok_or(KeyError::NotAPoint)?;
        Ok(Self::of_point(name, kind, point))
    }

    pub(super) fn of_point(name: KeyName, kind: SignatureKind, point: VerifyingKey) -> Self {
        let id = KeyId::of(&name, kind, &PublicKey32(point.to_bytes()));
        Self {
            name,
            kind,
            id,
            point,
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the kind of signature it makes.
    pub const fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// Returns the id its signature lines begin with.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the bare key.
    pub fn public_key(&self) -> PublicKey32 {
        PublicKey32(self.point.to_bytes())
    }

    /// Returns whether `signature` (without the key id) is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verifies(&self.point, message, signature)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(given: &str) -> Result<Self, KeyError> {
        // Base64 may hold further plus signs.
        let mut parts = given.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::NotAVerifierKey);
        };
        let given = parse_id(id).ok_or(KeyError::NotAVerifierKey)?;
        let bytes = canon::from_base64(key).ok_or(KeyError::NotAKey)?;
        let (kind, key) = bytes.split_first().ok_or(KeyError::NotAKey)?;
        let kind = SignatureKind::from_number(*kind)?;
        let key = PublicKey32(key.try_into().map_err(|_| KeyError::NotAKey)?);
        let name: KeyName = name.parse()?;
        let expected = KeyId::of(&name, kind, &key);
        if given != expected {
            return Err(KeyError::WrongId { given, expected });
        }
        Self::new(name, kind, key)
    }
}

fn parse_id(text: &str) -> Option<KeyId> {
    let small_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == 8 && text.bytes().all(small_hex))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
        .map(|id| KeyId(id.to_be_bytes()))
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind as u8];
        bytes.extend_from_slice(self.point.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, canon::to_base64(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_hold_no_space_and_no_plus() {
        for name in ["", "a b", "a+b", "a\u{2003}b", "a\n", "a\u{7f}"] {
            assert!(name.parse::<KeyName>().is_err(), "{name:?}");
        }
        assert!("inpud-anpud/inpud/witness".parse::<KeyName>().is_ok());
    }

    #[test]
    fn the_identity_point_is_no_key() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let name = "a".parse().expect("a name");
        assert_eq!(
            VerifierKey::new(name, SignatureKind::Ed25519, PublicKey32(identity)),
            Err(KeyError::NotAPoint)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            if let Ok(key) = text.parse::<VerifierKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }

        #[test]
        fn verifier_keys_round_trip(seed: [u8; 32], name in "[a-z/]{1,20}", cosigns: bool) {
            let point = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
            let kind = if cosigns { SignatureKind::Cosignature } else { SignatureKind::Ed25519 };
            let key = VerifierKey::of_point(name.parse().expect("a name"), kind, point);
            prop_assert_eq!(key.to_string().parse::<VerifierKey>(), Ok(key.clone()));
            prop_assert_eq!(key.public_key().to_string().parse(), Ok(key.public_key()));
        }
    }
}
