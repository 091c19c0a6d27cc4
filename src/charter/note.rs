//! The charter as a note that governors sign, one copy each, and merge.

use super::error::CharterError;
use super::text::{Charter, MOST_CHARTER_LEN};
use crate::identity::{GovernorKey, NoteError, SignatureLine, SignedNote};
use crate::model::MemberId;

/// A charter version with the signatures on it, possibly none: a draft is its text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterNote {
    note: SignedNote,
    charter: Charter,
}

impl CharterNote {
    /// Reads a draft or a signed charter; signatures are not verified here.
    ///
    /// # Errors
    /// Names the line, or the part and what would be accepted.
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        Self::of_note(SignedNote::parse_draft(bytes, MOST_CHARTER_LEN)?)
    }

    pub(super) fn of_note(note: SignedNote) -> Result<Self, CharterError> {
        let charter = Charter::parse(note.text())?;
        Ok(Self { note, charter })
    }

    /// Reads several copies of one draft and puts all their signatures on one.
    ///
    /// # Errors
    /// Where a copy cannot be read, or the copies are not of one draft.
    pub fn merge<B: AsRef<[u8]>>(copies: &[B]) -> Result<Self, CharterError> {
        let mut copies = copies.iter().map(|copy| Self::parse(copy.as_ref()));
        let mut merged = copies
            .next()
            .unwrap_or(Err(CharterError::Note(NoteError::Unsigned)))?;
        for copy in copies {
            merged
                .note
                .merge(&copy?.note)
                .map_err(|error| match error {
                    NoteError::OtherText => CharterError::DifferentDrafts,
                    other => CharterError::Note(other),
                })?;
        }
        Ok(merged)
    }

    /// Adds `member`'s signature; signing again changes nothing.
    ///
    /// # Errors
    /// Where the charter does not name the member, or a founding charter gives it another key.
    pub fn sign(&mut self, key: &GovernorKey, member: &MemberId) -> Result<(), CharterError> {
        let keys = self
            .charter
            .signing_keys(member)
            .ok_or_else(|| CharterError::NotNamed {
                member: member.clone(),
            })?;
        // A later version may replace the very key that agrees to it.
        if self.charter.version() == 1 && !keys.contains(&key.public_key()) {
            return Err(CharterError::OtherKey {
                member: member.clone(),
            });
        }
        let signer = key.signer(self.charter.consortium(), member);
        Ok(self.add(signer.sign(self.note.text()))?)
    }

    pub(super) fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        self.note.add(line)
    }

    /// Returns what the note says.
    pub const fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Returns the note itself.
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }
}

impl std::fmt::Display for CharterNote {
    /// Writes the note, byte for byte as it was read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{draft, id, person, relay, sign};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_draft_is_its_text_and_is_signed_in_place() {
        let (one, two) = (person("inpud", 1), person("anpud", 2));
        let mut note = draft(&[&one, &two], 2);
        assert_eq!(note.to_string(), note.charter().text());
        note = CharterNote::parse(note.to_string().as_bytes()).expect("a draft");
        sign(&mut note, &[&one]);
        let once = note.to_string();
        assert!(once.contains("\n\n\u{2014} demo/inpud/governor "));
        sign(&mut note, &[&one]);
        assert_eq!(note.to_string(), once, "signing again changes nothing");
        assert_eq!(CharterNote::parse(once.as_bytes()), Ok(note));
    }

    #[test]
    fn copies_of_a_draft_merge_in_any_order() {
        let (one, two) = (person("inpud", 1), person("anpud", 2));
        let (mut first, mut second) = (draft(&[&one, &two], 2), draft(&[&one, &two], 2));
        sign(&mut first, &[&one]);
        sign(&mut second, &[&two]);
        let copies = [first.to_string(), second.to_string(), first.to_string()];
        let merged = CharterNote::merge(&copies).expect("one draft");
        assert_eq!(merged.note().signatures().len(), 2);
        let other = draft(&[&one, &two], 1).to_string();
        let error = CharterNote::merge(&[first.to_string(), other]);
        assert_eq!(error, Err(CharterError::DifferentDrafts));
        assert!(CharterNote::merge::<&str>(&[]).is_err());
    }

    #[test]
    fn only_the_named_sign_and_with_the_key_named() {
        let (one, two, three) = (person("inpud", 1), person("anpud", 2), relay("relay", 3));
        let mut note = draft(&[&one, &two, &three], 2);
        assert_eq!(
            note.sign(&one.key, &id("x")),
            Err(CharterError::NotNamed { member: id("x") })
        );
        let anpud = id("anpud");
        assert_eq!(
            note.sign(&one.key, &anpud),
            Err(CharterError::OtherKey { member: anpud })
        );
        assert_eq!(note.sign(&two.recovery, &two.id), Ok(()));
        assert_eq!(note.sign(&three.key, &three.id), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(CharterNote::parse(&bytes).is_err());
        }
    }
}
