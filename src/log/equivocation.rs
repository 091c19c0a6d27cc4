//! Two heads of one log that cannot both be true: the notes themselves are the proof.

use super::checkpoint::VerifiedCheckpoint;

/// A log's signatures on two different root hashes for one tree size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    first: VerifiedCheckpoint,
    second: VerifiedCheckpoint,
}

impl Equivocation {
    /// Returns the proof, where these two convict their log: one origin, one size, two root hashes.
    pub fn detect(first: &VerifiedCheckpoint, second: &VerifiedCheckpoint) -> Option<Self> {
        let same_place = first.origin() == second.origin() && first.size() == second.size();
        (same_place && first.root() != second.root()).then(|| Self {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Returns the first head, whole.
    pub const fn first(&self) -> &VerifiedCheckpoint {
        &self.first
    }

    /// Returns the second head, whole.
    pub const fn second(&self) -> &VerifiedCheckpoint {
        &self.second
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::Hash;
    use super::*;
    use crate::identity::LogKey;

    fn head(member: &str, size: u64, root: u8) -> VerifiedCheckpoint {
        VerifiedCheckpoint::sign(
            &"demo".parse().expect("an id"),
            &member.parse().expect("an id"),
            &LogKey::from_seed(&[1; 32]),
            size,
            Hash([root; 32]),
        )
    }

    #[test]
    fn only_two_roots_at_one_size_convict_a_log() {
        let one = head("inpud", 3, 7);
        let found = Equivocation::detect(&one, &head("inpud", 3, 8)).expect("two roots");
        assert_eq!(
            (found.first().root().0[0], found.second().root().0[0]),
            (7, 8)
        );
        assert_eq!(Equivocation::detect(&one, &one), None);
        assert_eq!(Equivocation::detect(&one, &head("inpud", 4, 8)), None);
        assert_eq!(Equivocation::detect(&one, &head("anpud", 3, 8)), None);
    }
}
