//! Two heads of one log that cannot both be true: the notes themselves are the proof.
//!
//! Two root hashes at one size speak for themselves. At two sizes, a consistency proof shows what
//! the tree under the later head began with; where that is not what the earlier head says, no
//! tree bears out both. Nobody but the log can be convicted so, since both heads bear its
//! signature and the proof is bound to the later one.

use super::checkpoint::VerifiedCheckpoint;
use super::hash::Hash;
use super::tree::consistency_roots;

/// A log's signatures on two different histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    first: VerifiedCheckpoint,
    second: VerifiedCheckpoint,
    path: Vec<Hash>,
}

impl Equivocation {
    /// Returns the proof, where these two convict their log by themselves: one origin, one size,
    /// two root hashes.
    pub fn detect(first: &VerifiedCheckpoint, second: &VerifiedCheckpoint) -> Option<Self> {
        let same_place = first.origin() == second.origin() && first.size() == second.size();
        (same_place && first.root() != second.root()).then(|| Self {
            first: first.clone(),
            second: second.clone(),
            path: Vec::new(),
        })
    }

    /// Returns the proof, where `path` leads from the size of `first` to the tree of `second` and
    /// shows that it did not begin with what `first` says; an empty path as
    /// [`Equivocation::detect`].
    ///
    /// The path is a consistency proof with its first hash always there; see
    /// [`consistency_roots`].
    pub fn prove(
        first: &VerifiedCheckpoint,
        second: &VerifiedCheckpoint,
        path: Vec<Hash>,
    ) -> Option<Self> {
        if path.is_empty() {
            return Self::detect(first, second);
        }
        let (began, ended) = consistency_roots(first.size(), second.size(), &path)?;
        let convicts =
            first.origin() == second.origin() && ended == second.root() && began != first.root();
        convicts.then(|| Self {
            first: first.clone(),
            second: second.clone(),
            path,
        })
    }

    /// Returns the head of the smaller tree, whole.
    pub const fn first(&self) -> &VerifiedCheckpoint {
        &self.first
    }

    /// Returns the other head, whole.
    pub const fn second(&self) -> &VerifiedCheckpoint {
        &self.second
    }

    /// Returns the proof of what the second tree began with; empty where the sizes are the same.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::super::path::{MemoryTree, consistency_path, root_at};
    use super::*;
    use crate::identity::LogKey;
    use proptest::prelude::*;

    fn head(member: &str, size: u64, root: Hash) -> VerifiedCheckpoint {
        VerifiedCheckpoint::sign(
            &"demo".parse().expect("an id"),
            &member.parse().expect("an id"),
            &LogKey::from_seed(&[1; 32]),
            size,
            root,
        )
    }

    #[test]
    fn only_two_roots_at_one_size_convict_a_log_by_themselves() {
        let one = head("inpud", 3, Hash([7; 32]));
        let other = head("inpud", 3, Hash([8; 32]));
        let found = Equivocation::detect(&one, &other).expect("two roots");
        assert_eq!((found.first(), found.second()), (&one, &other));
        assert_eq!(Equivocation::detect(&one, &one), None);
        let elsewhere = [
            head("inpud", 4, Hash([8; 32])),
            head("anpud", 3, Hash([8; 32])),
        ];
        for other in elsewhere {
            assert_eq!(Equivocation::detect(&one, &other), None);
        }
    }

    fn tree(size: u64, odd_from: u64) -> MemoryTree {
        let mut tree = MemoryTree::new();
        tree.extend((0..size).map(|n| leaf_hash(&[n as u8, u8::from(n >= odd_from)])));
        tree
    }

    /// The proof with its first hash always there.
    fn whole_path(old: u64, new: &MemoryTree) -> Vec<Hash> {
        let path = consistency_path(old, new.size(), new).expect("in range");
        if old.is_power_of_two() {
            let first = root_at(old, new).expect("in range");
            return std::iter::once(first).chain(path).collect();
        }
        path
    }

    proptest! {
        #[test]
        fn two_histories_convict_and_one_does_not(
            old in 1..200_u64, more in 1..200_u64, odd: prop::sample::Index, flip: prop::sample::Index,
        ) {
            let (new, odd_from) = (old + more, odd.index(old as usize) as u64);
            let (honest, forked) = (tree(new, u64::MAX), tree(new, odd_from));
            let path = whole_path(old, &honest);
            let second = head("inpud", new, honest.root());
            let began = head("inpud", old, root_at(old, &honest).expect("in range"));
            prop_assert_eq!(Equivocation::prove(&began, &second, path.clone()), None);

            let other = head("inpud", old, root_at(old, &forked).expect("in range"));
            let found = Equivocation::prove(&other, &second, path.clone());
            let found = found.expect("two histories");
            prop_assert_eq!(found.path(), &path[..]);

            // No changed path frames an honest log.
            let mut changed = path;
            let at = flip.index(changed.len());
            changed[at].0[0] ^= 1;
            prop_assert_eq!(Equivocation::prove(&began, &second, changed), None);
        }
    }
}
