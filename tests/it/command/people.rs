//! Members with their keys, their charter and their logs, all made from numbers.

use counterfoil::charter::{Card, CharterNote, Founding, Member, Policy, Size};
use counterfoil::identity::{GovernorKey, LogKey, SealKey, WitnessKey};
use counterfoil::log::{
    Audience, Leaf, MemoryTree, Opening, TlogProof, VerifiedCheckpoint, inclusion_path, leaf_hash,
};
use counterfoil::model::{ConsortiumId, MemberId, Period, Summary};
use counterfoil::wire::payload;
use jiff::civil::date;

pub(crate) struct Person {
    pub(crate) id: MemberId,
    pub(crate) governor: GovernorKey,
    pub(crate) log: LogKey,
    pub(crate) witness: WitnessKey,
    pub(crate) card: Card,
}

pub(crate) fn person(name: &str, number: u8) -> Person {
    let seed = |role: u8| [number.wrapping_mul(16) + role; 32];
    let governor = GovernorKey::from_seed(&seed(0));
    let log = LogKey::from_seed(&seed(2));
    let witness = WitnessKey::from_seed(&seed(3));
    let id: MemberId = name.parse().expect("an id");
    let member = Member {
        id: id.clone(),
        name: name.to_uppercase(),
        size: Size::Medium,
        countries: vec!["TH".to_owned()],
        relay: false,
        governor_key: Some(governor.public_key()),
        recovery_key: Some(GovernorKey::from_seed(&seed(1)).public_key()),
        log_key: Some(log.public_key()),
        witness_key: witness.public_key(),
        seal_key: SealKey::from_seed(&seed(4)).public_key(),
        tls_cas: vec![vec![0x30, number]],
        endpoints: Vec::new(),
        joined: None,
        left: None,
    };
    let card = Card::sign(member, &governor).expect("a card");
    Person {
        id,
        governor,
        log,
        witness,
        card,
    }
}

pub(crate) fn consortium() -> ConsortiumId {
    "demo".parse().expect("an id")
}

/// A charter signed by everybody.
pub(crate) fn charter(people: &[&Person]) -> CharterNote {
    let founding = Founding {
        consortium: consortium(),
        threshold: 2,
        cards: people.iter().map(|person| person.card.clone()).collect(),
        policy: Policy::default_plan(),
        governors: None,
        since: Period::year(2018),
        expires: date(2028, 1, 1),
    };
    let mut note = founding.draft().expect("a draft");
    for person in people {
        note.sign(&person.governor, &person.id).expect("a signer");
    }
    note
}

/// A proof of a summary in `person`'s log that speaks for `speaks_for`, cosigned by `witnesses`.
pub(crate) fn proof(person: &Person, speaks_for: &str, witnesses: &[&Person]) -> TlogProof {
    let series = "training/2018Q1".parse().expect("a series");
    let summary = Summary {
        member: speaks_for.parse().expect("an id"),
        series,
        revision: 1,
        charter_version: 1,
        tables: Vec::new(),
        statements: Vec::new(),
    };
    let opening = Opening {
        salt: [7; 32],
        payload: payload::encode(&summary).expect("small enough"),
    };
    let leaf = Leaf::Summary {
        series,
        revision: 1,
        date: date(2018, 4, 12),
        replaces: None,
        audience: Audience::ALL,
        commit: opening.commitment(),
    };
    let leaf = leaf.encode().expect("a leaf");
    let mut tree = MemoryTree::new();
    tree.extend([leaf_hash(b"another"), leaf_hash(leaf.as_bytes())]);
    let consortium = consortium();
    let mut head = VerifiedCheckpoint::sign(&consortium, &person.id, &person.log, 2, tree.root());
    for witness in witnesses {
        let cosigner = witness.witness.cosigner(&consortium, &witness.id);
        head.cosign(&cosigner, 1_523_520_000)
            .expect("room for a line");
    }
    let path = inclusion_path(1, 2, &tree).expect("in range");
    TlogProof::new(leaf.as_bytes(), Some(&opening), 1, path, head.as_signed()).expect("a proof")
}
