//! A member's card: what it says of itself, signed by its own governor key.
//!
//! A card is in no consortium yet, so its signature line is named `<member>/governor`. It proves
//! that whoever made it holds that key, and nothing more: people compare its six words before they
//! put it into a charter.

use super::error::{CharterError, meaning, read_body};
use super::member::Member;
use super::words;
use crate::identity::keys::card_verifier;
use crate::identity::{GovernorKey, PublicKey32, SignedNote};

const FIRST_LINE: &str = "counterfoil/card/v1";

/// Most bytes a card may have.
pub const MOST_CARD_LEN: usize = 64 << 10;

/// A card whose signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    note: SignedNote,
    member: Member,
    governor_key: PublicKey32,
    recovery_key: PublicKey32,
}

impl Card {
    /// Writes and signs a card. The governor key in `member` must be `key`'s.
    ///
    /// # Errors
    /// Names what in `member` no card may say.
    pub fn sign(member: Member, key: &GovernorKey) -> Result<Self, CharterError> {
        let body = toml::to_string(&member)
            .map_err(|error| meaning(format!("card of {}", member.id), error.to_string()))?;
        let mut note = SignedNote::new(format!("{FIRST_LINE}\n{body}"))?;
        let line = key.card_signer(&member.id).sign(note.text());
        note.add(line)?;
        Self::of_note(note)
    }

    /// Reads a card and verifies its signature.
    ///
    /// # Errors
    /// Names the line, or the key and what would be accepted.
    pub fn parse(bytes: &[u8]) -> Result<Self, CharterError> {
        Self::of_note(SignedNote::parse(bytes, MOST_CARD_LEN)?)
    }

    fn of_note(note: SignedNote) -> Result<Self, CharterError> {
        let member: Member = read_body(note.text(), FIRST_LINE, "card")?;
        member.check()?;
        let place = |key: &str| format!("card of {}: {key}", member.id);
        let (Some(governor_key), Some(recovery_key)) = (member.governor_key, member.recovery_key)
        else {
            let message = "a card needs both governor_key and recovery_key";
            return Err(meaning(place("governor_key"), message));
        };
        if member.joined.is_some() || member.left.is_some() {
            let message = "joined and left are for the charter to say";
            return Err(meaning(place("joined"), message));
        }
        let verifier = card_verifier(&member.id, governor_key)
            .map_err(|error| meaning(place("governor_key"), error.to_string()))?;
        note.verify(&[verifier])?;
        Ok(Self {
            note,
            member,
            governor_key,
            recovery_key,
        })
    }

    /// Returns what the member says of itself.
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Returns its governor key.
    pub const fn governor_key(&self) -> PublicKey32 {
        self.governor_key
    }

    /// Returns its recovery key.
    pub const fn recovery_key(&self) -> PublicKey32 {
        self.recovery_key
    }

    /// Returns the text that is signed.
    pub fn text(&self) -> &str {
        self.note.text()
    }

    /// Returns the six words people compare.
    pub fn fingerprint(&self) -> String {
        words::fingerprint(self.text())
    }
}

impl std::fmt::Display for Card {
    /// Writes the signed note, byte for byte as it was read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{id, person, person_as, relay};
    use super::*;
    use crate::identity::LogKey;
    use proptest::prelude::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Member), part_of_error: &str) {
        let mut member = person("inpud", 1).card.member;
        change(&mut member);
        let key = person("inpud", 1).key;
        let error = Card::sign(member, &key).expect_err("must be refused");
        assert!(error.to_string().contains(part_of_error), "{error}");
    }

    #[test]
    fn a_card_comes_back_as_it_was_signed() {
        for card in [person("inpud", 1).card, relay("relay", 2).card] {
            let read = Card::parse(card.to_string().as_bytes()).expect("a card");
            assert_eq!(read, card);
            assert_eq!(read.fingerprint().split(' ').count(), 6);
        }
        let text = person("inpud", 1).card.to_string();
        assert!(text.starts_with("counterfoil/card/v1\nid = \"inpud\"\n"));
        assert!(text.contains("\n\u{2014} inpud/governor "));
    }

    #[test]
    fn a_changed_card_is_refused() {
        let text = person("inpud", 1).card.to_string();
        let changed = text.replace("size = \"medium\"", "size = \"large\"");
        assert_ne!(changed, text);
        let error = Card::parse(changed.as_bytes()).expect_err("changed");
        assert!(matches!(error, CharterError::Note(_)), "{error}");
    }

    #[test]
    fn a_card_is_signed_by_the_key_in_it() {
        let stranger = GovernorKey::from_seed(&[77; 32]);
        let member = person("inpud", 1).card.member;
        assert!(Card::sign(member, &stranger).is_err());
    }

    #[test]
    fn errors_name_the_key() {
        check(|m| m.name = "two\nlines".into(), "member inpud: name");
        check(|m| m.countries = vec!["W3".into()], "ISO 3166-1 alpha-2");
        check(|m| m.countries = vec!["TH".into(); 2], "stands twice");
        check(|m| m.relay = true, "a relay has no log");
        check(|m| m.log_key = None, "member inpud: log_key");
        check(
            |m| m.recovery_key = None,
            "both governor_key and recovery_key",
        );
        check(|m| m.tls_cas.clear(), "member inpud: tls_cas");
        check(
            |m| m.endpoints = vec!["a b".into()],
            "member inpud: endpoints",
        );
        check(
            |m| m.left = Some(jiff::civil::date(2020, 1, 1)),
            "for the charter to say",
        );
        check(
            |m| m.witness_key = PublicKey32([0; 32]),
            "member inpud: witness_key: the public key is not a usable",
        );
        let text = person("inpud", 1).card.to_string();
        let error = Card::parse(text.replace("name = ", "nom = ").as_bytes());
        let error = error.expect_err("unknown key").to_string();
        assert!(
            error.starts_with("card line 3: unknown field `nom`"),
            "{error}"
        );
    }

    #[test]
    fn a_charter_is_no_card() {
        let text = person("inpud", 1).card.to_string();
        let error = Card::parse(text.replace("card/v1", "charter/v1").as_bytes());
        assert_eq!(
            error,
            Err(CharterError::FirstLine {
                expected: FIRST_LINE
            })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Card::parse(&bytes);
        }

        #[test]
        fn any_body_is_read_or_refused(body in "([a-z_.\\[\\]=\"0-9 ]{0,20}\n){0,8}") {
            let mut note = SignedNote::new(format!("{FIRST_LINE}\n{body}")).expect("plain text");
            let key = GovernorKey::from_seed(&[1; 32]);
            note.add(key.card_signer(&id("inpud")).sign(note.text())).expect("room");
            prop_assert!(Card::parse(note.to_string().as_bytes()).is_err());
        }

        #[test]
        fn a_changed_byte_is_noticed(at: proptest::sample::Index, bit in 0..8u8) {
            let card = person("inpud", 1).card;
            let mut bytes = card.to_string().into_bytes();
            let at = at.index(card.text().len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Card::parse(&bytes).is_err());
        }

        #[test]
        fn cards_round_trip(
            name in "[^\\p{Cc}]{1,40}",
            endpoints in proptest::collection::vec("[!-~]{1,40}", 0..8),
            cas in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..4),
            seed: [u8; 32],
        ) {
            let card = person_as("inpud", 1, |member| {
                (member.name, member.endpoints, member.tls_cas) = (name, endpoints, cas);
                member.log_key = Some(LogKey::from_seed(&seed).public_key());
            }).card;
            prop_assert_eq!(Card::parse(card.to_string().as_bytes()), Ok(card));
        }
    }
}
