//! A member's private keys: one type for each role, so that none is used for another.
//!
//! A text signed in one role must never be mistaken for a text signed in another, and a key lost in
//! one role must not be lost in all. Randomness comes in as a seed of 32 bytes.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::note::{SignatureLine, cosigned_text};
use super::vkey::{KeyError, KeyName, PublicKey32, SignatureKind, VerifierKey};
use crate::model::{ConsortiumId, MemberId};

macro_rules! signing_key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        ///
        /// Wiped from memory when dropped; its `Debug` shows nothing of it.
        pub struct $name(SigningKey);

        impl $name {
            /// Returns the key that follows from 32 bytes of fresh randomness. RFC 8032 §5.1.5.
            pub fn from_seed(seed: &[u8; 32]) -> Self {
                Self(SigningKey::from_bytes(seed))
            }

            /// Returns the seed, for sealing and for nothing else.
            pub fn seed(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }

            /// Returns the public half.
            pub fn public_key(&self) -> PublicKey32 {
                PublicKey32(self.0.verifying_key().to_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

signing_key! {
    /// Signs charters for a member; its recovery key is of this type too.
    GovernorKey
}

signing_key! {
    /// Signs a member's own checkpoints: the only signature it makes on data.
    LogKey
}

signing_key! {
    /// Cosigns other members' checkpoints.
    WitnessKey
}

signing_key! {
    /// Approves drafts for one person. It is no key of the member's: the person keeps it.
    ApproverKey
}

impl ApproverKey {
    pub(super) const fn key(&self) -> &SigningKey {
        &self.0
    }
}

impl GovernorKey {
    /// Returns what signs in this role as `<consortium>/<member>/governor`.
    pub fn signer(&self, consortium: &ConsortiumId, member: &MemberId) -> NoteSigner<'_> {
        NoteSigner::new(governor_name(consortium, member), &self.0)
    }

    /// Returns what signs a member's card as `<member>/governor`: a card is in no consortium yet.
    pub fn card_signer(&self, member: &MemberId) -> NoteSigner<'_> {
        NoteSigner::new(card_name(member), &self.0)
    }
}

impl LogKey {
    /// Returns what signs in this role as `<consortium>/<member>`, the log's origin.
    pub fn signer(&self, consortium: &ConsortiumId, member: &MemberId) -> NoteSigner<'_> {
        NoteSigner::new(log_name(consortium, member), &self.0)
    }
}

impl WitnessKey {
    /// Returns what cosigns in this role as `<consortium>/<member>/witness`.
    pub fn cosigner(&self, consortium: &ConsortiumId, member: &MemberId) -> Cosigner<'_> {
        let name = witness_name(consortium, member);
        Cosigner {
            verifier: VerifierKey::of_point(
                name,
                SignatureKind::Cosignature,
                self.0.verifying_key(),
            ),
            key: &self.0,
        }
    }
}

/// Signs the texts of notes under one name.
pub struct NoteSigner<'a> {
    verifier: VerifierKey,
    key: &'a SigningKey,
}

impl<'a> NoteSigner<'a> {
    fn new(name: KeyName, key: &'a SigningKey) -> Self {
        let verifier = VerifierKey::of_point(name, SignatureKind::Ed25519, key.verifying_key());
        Self { verifier, key }
    }

    /// Returns the key that verifies what this signs.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Returns the signature line for `text`.
    pub fn sign(&self, text: &str) -> SignatureLine {
        let signature = self.key.sign(text.as_bytes());
        SignatureLine::new(&self.verifier, signature.to_bytes().to_vec())
    }
}

impl fmt::Debug for NoteSigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NoteSigner").field(&self.verifier).finish()
    }
}

/// Cosigns the texts of checkpoints under one name. C2SP tlog-cosignature.
pub struct Cosigner<'a> {
    verifier: VerifierKey,
    key: &'a SigningKey,
}

impl Cosigner<'_> {
    /// Returns the key that verifies what this cosigns.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Returns the signature line for `text` at `time`, in POSIX seconds.
    pub fn cosign(&self, text: &str, time: u64) -> SignatureLine {
        let signature = self.key.sign(cosigned_text(time, text).as_bytes());
        let mut timed = time.to_be_bytes().to_vec();
        timed.extend_from_slice(&signature.to_bytes());
        SignatureLine::new(&self.verifier, timed)
    }
}

impl fmt::Debug for Cosigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cosigner").field(&self.verifier).finish()
    }
}

/// Opens payloads sealed to a member (X25519, RFC 7748).
///
/// Wiped from memory when dropped; its `Debug` shows nothing of it.
pub struct SealKey(StaticSecret);

impl SealKey {
    /// Returns the key that follows from 32 bytes of fresh randomness.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*seed))
    }

    /// Returns the seed, for sealing and for nothing else.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Returns the public half.
    pub fn public_key(&self) -> PublicKey32 {
        PublicKey32(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Returns `<consortium>/<member>`: a log's origin and the name of its key.
pub fn log_name(consortium: &ConsortiumId, member: &MemberId) -> KeyName {
    name(format!("{consortium}/{member}"))
}

/// Returns `<consortium>/<member>/witness`.
pub fn witness_name(consortium: &ConsortiumId, member: &MemberId) -> KeyName {
    name(format!("{consortium}/{member}/witness"))
}

/// Returns `<consortium>/<member>/governor`.
pub fn governor_name(consortium: &ConsortiumId, member: &MemberId) -> KeyName {
    name(format!("{consortium}/{member}/governor"))
}

/// Returns `<member>/governor`: the name under which a card is signed.
pub fn card_name(member: &MemberId) -> KeyName {
    name(format!("{member}/governor"))
}

fn name(text: String) -> KeyName {
    text.parse()
        .expect("identifiers hold small letters, digits and dashes only")
}

/// Returns the key that verifies a member's checkpoints.
///
/// # Errors
/// [`KeyError::NotAPoint`] where no signature by it could count; so in the two below.
pub fn log_verifier(
    consortium: &ConsortiumId,
    member: &MemberId,
    key: PublicKey32,
) -> Result<VerifierKey, KeyError> {
    VerifierKey::new(log_name(consortium, member), SignatureKind::Ed25519, key)
}

/// Returns the key that verifies a member's cosignatures.
///
/// # Errors
/// As [`log_verifier`].
pub fn witness_verifier(
    consortium: &ConsortiumId,
    member: &MemberId,
    key: PublicKey32,
) -> Result<VerifierKey, KeyError> {
    VerifierKey::new(
        witness_name(consortium, member),
        SignatureKind::Cosignature,
        key,
    )
}

/// Returns the key that verifies a member's signature on a charter.
///
/// # Errors
/// As [`log_verifier`].
pub fn governor_verifier(
    consortium: &ConsortiumId,
    member: &MemberId,
    key: PublicKey32,
) -> Result<VerifierKey, KeyError> {
    VerifierKey::new(
        governor_name(consortium, member),
        SignatureKind::Ed25519,
        key,
    )
}

/// Returns the key that verifies a member's card.
///
/// # Errors
/// As [`log_verifier`].
pub fn card_verifier(member: &MemberId, key: PublicKey32) -> Result<VerifierKey, KeyError> {
    VerifierKey::new(card_name(member), SignatureKind::Ed25519, key)
}

#[cfg(test)]
mod tests {
    use super::super::canon;
    use super::*;

    fn ids() -> (ConsortiumId, MemberId) {
        (
            "demo".parse().expect("an id"),
            "inpud".parse().expect("an id"),
        )
    }

    #[test]
    fn one_seed_signs_differently_in_each_role() {
        let (consortium, member) = ids();
        let seed = [9; 32];
        let (log, governor, witness) = (
            LogKey::from_seed(&seed),
            GovernorKey::from_seed(&seed),
            WitnessKey::from_seed(&seed),
        );
        let verifiers = [
            log.signer(&consortium, &member).verifier_key().to_string(),
            governor
                .signer(&consortium, &member)
                .verifier_key()
                .to_string(),
            witness
                .cosigner(&consortium, &member)
                .verifier_key()
                .to_string(),
        ];
        assert!(verifiers[0].starts_with("demo/inpud+"));
        assert!(verifiers[1].starts_with("demo/inpud/governor+"));
        assert!(verifiers[2].starts_with("demo/inpud/witness+"));
        assert_eq!(log.public_key(), witness.public_key());
    }

    #[test]
    fn bare_keys_give_the_verifiers_their_private_halves_give() {
        let (consortium, member) = ids();
        let (log, governor, witness) = (
            LogKey::from_seed(&[1; 32]),
            GovernorKey::from_seed(&[2; 32]),
            WitnessKey::from_seed(&[3; 32]),
        );
        assert_eq!(
            log_verifier(&consortium, &member, log.public_key()).as_ref(),
            Ok(log.signer(&consortium, &member).verifier_key())
        );
        assert_eq!(
            governor_verifier(&consortium, &member, governor.public_key()).as_ref(),
            Ok(governor.signer(&consortium, &member).verifier_key())
        );
        assert_eq!(
            witness_verifier(&consortium, &member, witness.public_key()).as_ref(),
            Ok(witness.cosigner(&consortium, &member).verifier_key())
        );
    }

    #[test]
    fn signing_reproduces_a_published_note() {
        // golang.org/x/mod sumdb/note, TestSign.
        let seed = canon::from_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz");
        let seed = seed.and_then(|seed| seed[1..].try_into().ok());
        let key = SigningKey::from_bytes(&seed.expect("a kind and a seed"));
        let signer = NoteSigner::new("PeterNeumann".parse().expect("a name"), &key);
        let line = signer.sign(
            "If you think cryptography is the answer to your problem,\n\
             then you don't know what your problem is.\n",
        );
        assert_eq!(
            line.to_string(),
            "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ\
             SNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
        );
    }

    #[test]
    fn a_seed_comes_back_and_is_never_shown() {
        let key = SealKey::from_seed(&[0xab; 32]);
        assert_eq!(*key.seed(), [0xab; 32]);
        assert_eq!(*LogKey::from_seed(&[0xcd; 32]).seed(), [0xcd; 32]);
        assert_eq!(format!("{key:?}"), "SealKey(..)");
        assert_eq!(
            format!("{:?}", LogKey::from_seed(&[0xcd; 32])),
            "LogKey(..)"
        );
    }

    #[test]
    fn a_seal_key_gives_its_published_public_key() {
        // RFC 7748 §6.1, Alice.
        let seed = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
            0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
            0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = SealKey::from_seed(&seed).public_key().0;
        assert_eq!(public[..4], [0x85, 0x20, 0xf0, 0x09]);
        assert_eq!(public[28..], [0xaa, 0x9b, 0x4e, 0x6a]);
    }
}
