//! Counting witnesses: how well a checkpoint is borne out by others than its log.
//!
//! Source: C2SP tlog-cosignature v1.0.1.

use std::collections::BTreeSet;

use crate::identity::{KeyName, PublicKey32, VerifierKey};
use crate::model::words;

/// A witness's word that this was, at that time, the largest consistent tree it had seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness key's name.
    pub name: KeyName,
    /// The witness key.
    pub key: PublicKey32,
    /// When, in POSIX seconds.
    pub time: u64,
}

words! {
    /// How well a checkpoint is witnessed.
    pub enum Witnessed as "witnessed" {
        /// By nobody.
        None = "none",
        /// By fewer than the quorum.
        Some = "some",
        /// By so many that two conflicting heads cannot both have as many.
        Quorum = "quorum",
    }
}

/// Returns how many of `witnesses` must cosign so that two conflicting heads need more than
/// `faulty` of them to sign both: ⌊(n + f) / 2⌋ + 1. The log's owner is no witness of itself.
pub const fn quorum(witnesses: usize, faulty: usize) -> usize {
    witnesses.saturating_add(faulty) / 2 + 1
}

/// Returns how well `cosignatures` out of `witnesses` bear a checkpoint out, when up to `faulty`
/// witnesses may lie. Public keys are counted, not names.
pub fn witnessed(
    cosignatures: &[Cosignature],
    witnesses: &[VerifierKey],
    faulty: usize,
) -> Witnessed {
    let all: BTreeSet<_> = witnesses.iter().map(VerifierKey::public_key).collect();
    let signed: BTreeSet<_> = cosignatures.iter().map(|c| c.key).collect();
    let signed = signed.intersection(&all).count();
    match signed {
        0 => Witnessed::None,
        _ if signed >= quorum(all.len(), faulty) => Witnessed::Quorum,
        _ => Witnessed::Some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::WitnessKey;

    fn cosigned(number: u8, member: &str) -> (Cosignature, VerifierKey) {
        let key = WitnessKey::from_seed(&[number; 32]);
        let (consortium, member) = ("demo".parse(), member.parse());
        let cosigner = key.cosigner(&consortium.expect("an id"), &member.expect("an id"));
        let verifier = cosigner.verifier_key().clone();
        let cosignature = Cosignature {
            name: verifier.name().clone(),
            key: verifier.public_key(),
            time: 1,
        };
        (cosignature, verifier)
    }

    #[test]
    fn two_heads_of_a_quorum_share_more_than_the_faulty() {
        assert_eq!(quorum(6, 1), 4);
        for (witnesses, faulty) in [(1, 0), (2, 0), (3, 1), (6, 1), (7, 2)] {
            assert!(2 * quorum(witnesses, faulty) > witnesses + faulty);
            assert!(2 * (quorum(witnesses, faulty) - 1) <= witnesses + faulty);
        }
        assert_eq!(quorum(0, 0), 1);
    }

    #[test]
    fn public_keys_are_counted_and_not_names() {
        let (one, key_one) = cosigned(1, "inpud");
        let (again, key_again) = cosigned(1, "anpud");
        let (_, key_two) = cosigned(2, "relay");
        let keys = [key_one, key_again, key_two];
        let found = [one, again];
        assert_eq!(witnessed(&found, &keys[..2], 0), Witnessed::Quorum);
        assert_eq!(witnessed(&found, &keys, 0), Witnessed::Some);
        assert_eq!(witnessed(&found, &keys[2..], 0), Witnessed::None);
        assert_eq!(witnessed(&[], &[], 0), Witnessed::None);
    }
}
