//! The versions of one charter, each following the one before, and what happens when two do.

use super::note::CharterNote;
use super::text::Charter;
use super::verify::{Refusal, Verified, verify_first, verify_next};
use crate::identity::NoteError;

/// Every version that counts, from version 1 to the one in force.
///
/// What is in force depends on the notes that were offered and not on their order, so that nodes
/// that have seen the same notes agree.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Never empty; the note at `n` is of version `n + 1`.
    versions: Vec<CharterNote>,
    conflict: Option<Conflict>,
}

/// Two different versions that both follow the one in force. Governors signed both; until they have
/// settled it, nothing after the version they share counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The one whose text has the smaller hash.
    pub first: CharterNote,
    /// The other.
    pub second: CharterNote,
}

/// What a note offered to a chain was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Known already; signatures that were new are kept.
    Known,
    /// The next version; it is in force now.
    Next,
    /// A second valid form of a version; the one before it is in force again.
    Conflict,
}

impl Chain {
    /// Begins with a founding charter.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn found(note: CharterNote) -> Result<Self, Refusal> {
        match verify_first(&note).refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Self {
                versions: vec![note],
                conflict: None,
            }),
        }
    }

    /// Takes a version in.
    ///
    /// # Errors
    /// Why it does not count; nothing is changed then.
    pub fn offer(&mut self, note: CharterNote) -> Result<Offered, Refusal> {
        let version = note.charter().version();
        let at = version.saturating_sub(1) as usize;
        if let Some(known) = self.known_mut(at, note.charter().text()) {
            keep_signatures(known, &note)?;
            return Ok(Offered::Known);
        }
        if at == 0 {
            return Err(Refusal::OtherFounding);
        }
        let before = self.versions.get(at - 1);
        let before = before.ok_or(Refusal::NotNext { given: version })?;
        if let Some(refusal) = verify_next(before.charter(), &note).refusal {
            return Err(refusal);
        }
        if at == self.versions.len() {
            if self.conflict.is_some() {
                return Err(Refusal::Conflict(version));
            }
            self.versions.push(note);
            return Ok(Offered::Next);
        }
        let earlier = self.versions.swap_remove(at);
        self.versions.truncate(at);
        self.conflict = Some(Conflict::between(earlier, note));
        Ok(Offered::Conflict)
    }

    fn known_mut(&mut self, at: usize, text: &str) -> Option<&mut CharterNote> {
        let in_conflict = self.conflict.iter_mut();
        let in_conflict = in_conflict.flat_map(|c| [&mut c.first, &mut c.second]);
        let version = self.versions.get_mut(at).into_iter();
        version
            .chain(in_conflict)
            .find(|note| note.charter().text() == text)
    }

    /// Returns the charter in force.
    pub fn current(&self) -> &Charter {
        self.versions[self.versions.len() - 1].charter()
    }

    /// Returns the versions that count, the oldest first.
    pub fn versions(&self) -> &[CharterNote] {
        &self.versions
    }

    /// Returns one version.
    pub fn version(&self, version: u32) -> Option<&CharterNote> {
        self.versions.get(version.checked_sub(1)? as usize)
    }

    /// Returns the two versions that contradict each other, if there are any.
    pub const fn conflict(&self) -> Option<&Conflict> {
        self.conflict.as_ref()
    }

    /// Returns what verifying the version in force shows.
    pub fn verified(&self) -> Verified {
        let last = self.versions.len() - 1;
        match last.checked_sub(1) {
            Some(before) => verify_next(self.versions[before].charter(), &self.versions[last]),
            None => verify_first(&self.versions[last]),
        }
    }
}

/// Adds the signatures by governors of the version itself; others prove nothing and would only take
/// up room.
fn keep_signatures(known: &mut CharterNote, offered: &CharterNote) -> Result<(), NoteError> {
    let charter = offered.charter();
    let governors = charter.governors().iter().map(|g| &g.member);
    let keys: Vec<_> = governors.flat_map(|id| charter.signing_vkeys(id)).collect();
    for signature in offered.note().signatures_by(&keys)? {
        known.add(signature.line)?;
    }
    Ok(())
}

impl Conflict {
    fn between(one: CharterNote, other: CharterNote) -> Self {
        let (first, second) = if one.charter().hash() <= other.charter().hash() {
            (one, other)
        } else {
            (other, one)
        };
        Self { first, second }
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "version {} of the charter has two valid forms, {:?} and {:?}; \
             governors must settle it",
            self.first.charter().version(),
            self.first.charter().fingerprint(),
            self.second.charter().fingerprint(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Person, draft, person, sign, successor};
    use super::super::text::Body;
    use super::*;

    fn two() -> [Person; 2] {
        [person("inpud", 1), person("anpud", 2)]
    }

    fn founded(people: &[Person; 2]) -> CharterNote {
        let mut note = draft(&[&people[0], &people[1]], 1);
        sign(&mut note, &[&people[0]]);
        note
    }

    fn next(people: &[Person; 2], previous: &Charter, floor: u32) -> CharterNote {
        let change = |body: &mut Body| body.policy.disclosure.min_cell = floor;
        let mut note = successor(previous, change);
        sign(&mut note, &[&people[0]]);
        note
    }

    #[test]
    fn versions_follow_one_another() {
        let people = two();
        let first = founded(&people);
        let second = next(&people, first.charter(), 11);
        let third = next(&people, second.charter(), 12);
        let mut chain = Chain::found(first.clone()).expect("it counts");
        let gap = chain.offer(third.clone());
        assert_eq!(gap, Err(Refusal::NotNext { given: 3 }));
        assert_eq!(chain.offer(second), Ok(Offered::Next));
        assert_eq!(chain.offer(third), Ok(Offered::Next));
        assert_eq!(chain.offer(first.clone()), Ok(Offered::Known));
        assert_eq!(chain.current().version(), 3);
        assert_eq!(chain.version(1), Some(&first));
        assert_eq!((chain.version(0), chain.version(4)), (None, None));
        assert!(chain.verified().is_valid());
    }

    #[test]
    fn what_does_not_count_changes_nothing() {
        let people = two();
        let first = founded(&people);
        let unsigned = successor(first.charter(), |_| {});
        assert!(Chain::found(unsigned.clone()).is_err());
        let mut chain = Chain::found(first).expect("it counts");
        assert!(matches!(chain.offer(unsigned), Err(Refusal::TooFew { .. })));
        let mut other = draft(&[&people[1]], 1);
        sign(&mut other, &[&people[1]]);
        assert_eq!(chain.offer(other), Err(Refusal::OtherFounding));
        assert_eq!(chain.versions().len(), 1);
    }

    #[test]
    fn two_valid_successors_are_a_conflict_in_any_order() {
        let people = two();
        let first = founded(&people);
        let [one, other] = [11, 12].map(|floor| next(&people, first.charter(), floor));
        let after = next(&people, one.charter(), 13);
        let settled = |offers: &[&CharterNote]| {
            let mut chain = Chain::found(first.clone()).expect("it counts");
            for note in offers {
                let _ = chain.offer((*note).clone());
            }
            (chain.current().clone(), chain.conflict().cloned())
        };
        let (current, conflict) = settled(&[&one, &after, &other]);
        assert_eq!(&current, first.charter());
        let conflict = conflict.expect("two successors");
        assert!(
            conflict
                .to_string()
                .starts_with("version 2 of the charter has two valid forms")
        );
        for offers in [
            [&one, &other, &after],
            [&other, &one, &after],
            [&other, &after, &one],
        ] {
            assert_eq!(settled(&offers), (current.clone(), Some(conflict.clone())));
        }
    }

    #[test]
    fn nothing_follows_a_conflict() {
        let people = two();
        let first = founded(&people);
        let mut chain = Chain::found(first.clone()).expect("it counts");
        let [a, b, c] = [11, 12, 13].map(|floor| next(&people, first.charter(), floor));
        assert_eq!(chain.offer(a.clone()), Ok(Offered::Next));
        assert_eq!(chain.offer(b), Ok(Offered::Conflict));
        assert_eq!(chain.offer(a), Ok(Offered::Known));
        assert_eq!(chain.offer(c), Err(Refusal::Conflict(2)));
    }

    #[test]
    fn late_signatures_are_kept_and_strange_ones_are_not() {
        let people = two();
        let first = founded(&people);
        let mut chain = Chain::found(first.clone()).expect("it counts");
        let mut late = draft(&[&people[0], &people[1]], 1);
        sign(&mut late, &[&people[1]]);
        let stranger = person("enpud", 9);
        let signer = stranger
            .key
            .signer(first.charter().consortium(), &stranger.id);
        late.add(signer.sign(first.charter().text())).expect("room");
        assert_eq!(chain.offer(late), Ok(Offered::Known));
        assert_eq!(chain.versions()[0].note().signatures().len(), 2);
        assert_eq!(chain.verified().signed_by.len(), 2);
    }
}
