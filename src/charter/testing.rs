//! Members and charters for the tests of this room.

use jiff::civil::date;

use super::text::Body;
use super::{Card, Charter, CharterNote, Founding, Member, Policy, Size};
use crate::identity::{GovernorKey, LogKey, SealKey, SignedNote, WitnessKey};
use crate::model::{MemberId, Period};

/// One member's keys, made from a number.
pub(super) struct Person {
    pub(super) id: MemberId,
    pub(super) key: GovernorKey,
    pub(super) recovery: GovernorKey,
    pub(super) card: Card,
}

pub(super) fn id(text: &str) -> MemberId {
    text.parse().expect("an id")
}

pub(super) fn person(name: &str, number: u8) -> Person {
    person_as(name, number, |_| {})
}

pub(super) fn relay(name: &str, number: u8) -> Person {
    person_as(name, number, |member| {
        member.relay = true;
        member.log_key = None;
    })
}

pub(super) fn person_as(name: &str, number: u8, change: impl FnOnce(&mut Member)) -> Person {
    let seed = |role: u8| {
        let mut seed = [number; 32];
        seed[0] = role;
        seed
    };
    let key = GovernorKey::from_seed(&seed(0));
    let recovery = GovernorKey::from_seed(&seed(1));
    let mut member = Member {
        id: id(name),
        name: name.to_uppercase(),
        size: Size::Medium,
        countries: vec!["TH".to_owned()],
        relay: false,
        governor_key: Some(key.public_key()),
        recovery_key: Some(recovery.public_key()),
        log_key: Some(LogKey::from_seed(&seed(2)).public_key()),
        witness_key: WitnessKey::from_seed(&seed(3)).public_key(),
        seal_key: SealKey::from_seed(&seed(4)).public_key(),
        tls_cas: vec![vec![0x30, number]],
        endpoints: vec![format!("https://{name}.example:7443")],
        joined: None,
        left: None,
    };
    change(&mut member);
    let card = Card::sign(member, &key).expect("a card");
    Person {
        id: id(name),
        key,
        recovery,
        card,
    }
}

pub(super) fn founding(persons: &[&Person], threshold: u32) -> Founding {
    Founding {
        consortium: "demo".parse().expect("an id"),
        threshold,
        cards: persons.iter().map(|person| person.card.clone()).collect(),
        policy: Policy::default_plan(),
        governors: None,
        since: Period::year(2018),
        expires: date(2021, 4, 12),
    }
}

pub(super) fn draft(persons: &[&Person], threshold: u32) -> CharterNote {
    founding(persons, threshold).draft().expect("a draft")
}

pub(super) fn sign(note: &mut CharterNote, signers: &[&Person]) {
    for person in signers {
        note.sign(&person.key, &person.id).expect("a signer");
    }
}

/// The version after `previous` with something changed, as yet unsigned.
pub(super) fn successor(previous: &Charter, change: impl FnOnce(&mut Body)) -> CharterNote {
    let mut body = previous.body().clone();
    body.version += 1;
    body.previous = Some(previous.hash());
    change(&mut body);
    let text = body.to_text().expect("a text");
    CharterNote::of_note(SignedNote::new(text).expect("plain text")).expect("a charter")
}

/// Two members who govern together, and a relay.
pub(super) fn charter() -> Charter {
    let people = [person("inpud", 1), person("anpud", 2), relay("relay", 3)];
    draft(&people.each_ref(), 2).charter().clone()
}
