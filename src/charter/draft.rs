//! Founding a consortium: version 1 of its charter, as yet unsigned.

use jiff::ToSpan;
use jiff::civil::Date;

use super::card::Card;
use super::error::{CharterError, meaning};
use super::member::{Governor, Member};
use super::note::CharterNote;
use super::policy::Policy;
use super::text::Body;
use crate::identity::SignedNote;
use crate::model::{ConsortiumId, MemberId, Period};

/// What founders agree on.
#[derive(Clone, Debug)]
pub struct Founding {
    /// What the consortium is called in keys and certificates.
    pub consortium: ConsortiumId,
    /// How many governors must sign a charter.
    pub threshold: u32,
    /// One card for each member, relays included.
    pub cards: Vec<Card>,
    /// What everybody publishes.
    pub policy: Policy,
    /// Who governs; every member but the relays where not said.
    pub governors: Option<Vec<MemberId>>,
    /// First period members are expected to report on.
    pub since: Period,
    /// Last day the charter is meant to be in force; see [`Founding::default_expiry`].
    pub expires: Date,
}

const YEARS_IN_FORCE: i64 = 3;

impl Founding {
    /// Returns the expiry of a charter made on the day `today`: three years on.
    pub fn default_expiry(today: Date) -> Date {
        today.saturating_add(YEARS_IN_FORCE.years())
    }

    /// Returns the draft of version 1.
    ///
    /// # Errors
    /// Names the part of the agreement that no charter can hold.
    pub fn draft(self) -> Result<CharterNote, CharterError> {
        let chosen = self.governors.as_deref();
        if let Some(stray) = chosen.and_then(|chosen| self.first_without_card(chosen)) {
            return Err(meaning(
                format!("governor {stray}"),
                "there is no card of it",
            ));
        }
        let governs = |member: &Member| match chosen {
            Some(chosen) => chosen.contains(&member.id),
            None => !member.relay,
        };
        let governor = self.cards.iter().filter(|card| governs(card.member()));
        let body = Body {
            consortium: self.consortium.clone(),
            version: 1,
            previous: None,
            since: self.since,
            expires: self.expires,
            threshold: self.threshold,
            governor: governor.map(governor_entry).collect(),
            member: self
                .cards
                .iter()
                .map(|card| member_entry(card, governs(card.member())))
                .collect(),
            policy: self.policy.clone(),
        };
        CharterNote::of_note(SignedNote::new(body.to_text()?)?)
    }

    fn first_without_card<'a>(&self, chosen: &'a [MemberId]) -> Option<&'a MemberId> {
        let has_card = |id: &MemberId| self.cards.iter().any(|card| card.member().id == *id);
        chosen.iter().find(|id| !has_card(id))
    }
}

fn governor_entry(card: &Card) -> Governor {
    Governor {
        member: card.member().id.clone(),
        key: card.governor_key(),
        recovery: card.recovery_key(),
    }
}

/// A governor's keys move from its member entry to its governor entry.
fn member_entry(card: &Card, governs: bool) -> Member {
    let mut member = card.member().clone();
    if governs {
        (member.governor_key, member.recovery_key) = (None, None);
    }
    member
}

#[cfg(test)]
mod tests {
    use super::super::policy::CodeList;
    use super::super::testing::{founding, id, person, relay};
    use super::*;
    use jiff::civil::date;

    #[test]
    fn every_member_but_the_relays_governs() {
        let (one, two, three) = (person("inpud", 1), person("anpud", 2), relay("relay", 3));
        let note = founding(&[&one, &two, &three], 2).draft().expect("a draft");
        let governors: Vec<_> = note
            .charter()
            .governors()
            .iter()
            .map(|g| &g.member)
            .collect();
        assert_eq!(governors, [&one.id, &two.id]);
        for person in [&one, &two, &three] {
            let keys = [person.key.public_key(), person.recovery.public_key()];
            assert_eq!(note.charter().signing_keys(&person.id), Some(keys));
        }
        assert_eq!(note.charter().version(), 1);
    }

    #[test]
    fn governors_can_be_chosen() {
        let (one, two) = (person("inpud", 1), person("anpud", 2));
        let chosen = |names: &[&str]| Founding {
            governors: Some(names.iter().map(|name| id(name)).collect()),
            ..founding(&[&one, &two], 1)
        };
        let note = chosen(&["anpud"]).draft().expect("a draft");
        assert_eq!(note.charter().governors().len(), 1);
        let error = chosen(&["x"]).draft().expect_err("no card").to_string();
        assert_eq!(error, "governor x: there is no card of it");
    }

    #[test]
    fn two_cards_of_one_member_are_refused() {
        let one = person("inpud", 1);
        let error = founding(&[&one, &one], 1).draft().expect_err("twice");
        assert_eq!(error.to_string(), "member inpud: stands twice");
    }

    #[test]
    fn a_label_of_two_lines_is_refused() {
        for label in ["a\n\u{2014} b", "a\tb", "a\u{7f}"] {
            let mut founding = founding(&[&person("inpud", 1)], 1);
            let topics = founding.policy.codes.get_mut(&CodeList::Topic);
            topics
                .expect("a list")
                .insert("x".to_owned(), label.to_owned());
            let error = founding.draft().expect_err("two lines").to_string();
            assert!(
                error.contains("one line") || error.contains("control"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_charter_lasts_three_years() {
        assert_eq!(
            Founding::default_expiry(date(2024, 2, 29)),
            date(2027, 2, 28)
        );
    }
}
