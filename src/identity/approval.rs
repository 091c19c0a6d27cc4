//! One person's word on one draft: signed with a key that is theirs, about exactly those bytes.
//!
//! What is signed says whose draft it is and under which rule, so that a word given to one member
//! or under one rule is none elsewhere.

use ed25519_dalek::Signer as _;

use super::keys::ApproverKey;
use super::vkey::PublicKey32;
use crate::model::{ConsortiumId, MemberId};

/// What a person says of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It may leave, where so many persons are asked for in all.
    Approve {
        /// How many.
        persons: u32,
    },
    /// They made the preview, so that somebody else must approve it.
    Preview,
}

/// A draft, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// What is said.
    pub act: Act,
    /// The consortium.
    pub consortium: &'a ConsortiumId,
    /// The member whose draft it is.
    pub member: &'a MemberId,
    /// The draft's digest, in hexadecimal.
    pub digest: &'a str,
}

impl Word<'_> {
    /// Returns the bytes that are signed: a line that says what they are, then each part after its
    /// length in four bytes.
    fn to_bytes(self) -> Vec<u8> {
        let (line, persons) = match self.act {
            Act::Approve { persons } => ("counterfoil/approval/v1\n", Some(persons.to_be_bytes())),
            Act::Preview => ("counterfoil/preview/v1\n", None),
        };
        let mut bytes = line.as_bytes().to_vec();
        let names = [self.consortium.as_str(), self.member.as_str(), self.digest];
        let parts = names.iter().map(|name| name.as_bytes());
        for part in parts.chain(persons.iter().map(|persons| persons.as_slice())) {
            bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Returns whether `signature` is this word, by this key.
    pub fn is_signed(self, key: PublicKey32, signature: &[u8]) -> bool {
        key.verifies(&self.to_bytes(), signature)
    }
}

impl ApproverKey {
    /// Signs a word. RFC 8032 §5.1.6.
    pub fn sign(&self, word: Word<'_>) -> Vec<u8> {
        self.key().sign(&word.to_bytes()).to_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_for_one_draft_of_one_member_under_one_rule() {
        let key = ApproverKey::from_seed(&[7; 32]);
        let [walk, other]: [ConsortiumId; 2] =
            ["walk", "other"].map(|id| id.parse().expect("an id"));
        let [inpud, anpud]: [MemberId; 2] = ["inpud", "anpud"].map(|id| id.parse().expect("an id"));
        let word = Word {
            act: Act::Approve { persons: 2 },
            consortium: &walk,
            member: &inpud,
            digest: "d1",
        };
        let signature = key.sign(word);
        let public = key.public_key();
        assert!(word.is_signed(public, &signature));
        let others = [
            Word {
                digest: "d2",
                ..word
            },
            Word {
                member: &anpud,
                ..word
            },
            Word {
                consortium: &other,
                ..word
            },
            Word {
                act: Act::Approve { persons: 3 },
                ..word
            },
            Word {
                act: Act::Preview,
                ..word
            },
        ];
        for other in others {
            assert!(!other.is_signed(public, &signature), "{other:?}");
        }
        let stranger = ApproverKey::from_seed(&[8; 32]).public_key();
        assert!(!word.is_signed(stranger, &signature));
        assert!(!word.is_signed(public, &signature[..63]));
    }

    #[test]
    fn parts_do_not_run_together() {
        let [ab, a]: [ConsortiumId; 2] = ["ab", "a"].map(|id| id.parse().expect("an id"));
        let [c, bc]: [MemberId; 2] = ["c", "bc"].map(|id| id.parse().expect("an id"));
        let word = |consortium, member| Word {
            act: Act::Preview,
            consortium,
            member,
            digest: "",
        };
        assert_ne!(word(&ab, &c).to_bytes(), word(&a, &bc).to_bytes());
    }
}
