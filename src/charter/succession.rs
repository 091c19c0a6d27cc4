//! What version N+1 needs so that it follows version N.
//!
//! - The next number, the same consortium, and the hash of exactly version N.
//! - The threshold of N's governors and the threshold of its own: the old must hand over and the
//!   new must take on. (The Update Framework, part 5.3.)
//! - The signature of every new member.
//! - For an *act* on a member, which is removing it or changing any of its keys: min(threshold,
//!   governors other than it) of the other governors of N, and never fewer than two. A version that
//!   does nothing but act needs no more from N's governors than that, so that nobody can veto its
//!   own removal.

use std::collections::{BTreeMap, BTreeSet};

use super::member::Member;
use super::note::CharterNote;
use super::text::Charter;
use super::verify::{Refusal, Signers};
use crate::identity::NoteError;
use crate::model::MemberId;

/// Who signed a version, by the keys of whom.
#[derive(Debug)]
pub(super) struct SuccessionSigners {
    /// Governors of the version before, by the keys they had then.
    old: Signers,
    /// Its own governors, by the keys they have in it.
    new: Signers,
    /// Members who were not members before.
    joining: Signers,
}

impl SuccessionSigners {
    pub(super) fn all(self) -> BTreeSet<MemberId> {
        let mut all = self.old.0;
        all.extend(self.new.0);
        all.extend(self.joining.0);
        all
    }
}

/// Fewest others who may act on a member.
const FEWEST_OTHERS: usize = 2;

pub(super) fn signers(
    previous: &Charter,
    note: &CharterNote,
) -> Result<SuccessionSigners, NoteError> {
    let next = note.charter();
    Ok(SuccessionSigners {
        old: Signers::of_governors(note, previous)?,
        new: Signers::of_governors(note, next)?,
        joining: Signers::among(note, next, joining(previous, next).map(|member| &member.id))?,
    })
}

pub(super) fn check(
    previous: &Charter,
    next: &Charter,
    signers: &SuccessionSigners,
) -> Result<(), Refusal> {
    check_follows(previous, next)?;
    check_names(previous, next)?;
    let acts = acts(previous, next);
    for member in &acts {
        check_act(previous, member, &signers.old)?;
    }
    if acts.is_empty() || !only_acts(previous, next, &acts) {
        signers.old.reach_threshold(previous)?;
    }
    signers.new.reach_threshold(next)?;
    match joining(previous, next).find(|member| !signers.joining.0.contains(&member.id)) {
        Some(member) => Err(Refusal::NotAgreed(member.id.clone())),
        None => Ok(()),
    }
}

fn check_follows(previous: &Charter, next: &Charter) -> Result<(), Refusal> {
    if next.consortium() != previous.consortium() {
        return Err(Refusal::OtherConsortium {
            given: next.consortium().to_string(),
            ours: previous.consortium().to_string(),
        });
    }
    if next.version() == 1 {
        return Err(Refusal::OtherFounding);
    }
    if Some(next.version()) != previous.version().checked_add(1) {
        return Err(Refusal::NotNext {
            given: next.version(),
        });
    }
    if next.previous() != Some(previous.hash()) {
        return Err(Refusal::OtherPrevious(previous.version()));
    }
    Ok(())
}

/// Refuses a list that forgets a member, whose log must stay verifiable, and keys that change
/// hands, by which one holder could sign as two.
fn check_names(previous: &Charter, next: &Charter) -> Result<(), Refusal> {
    let dropped = |member: &&Member| next.member(&member.id).is_none();
    if let Some(member) = previous.members().iter().find(dropped) {
        return Err(Refusal::Dropped(member.id.clone()));
    }
    let owners: BTreeMap<&[u8], &MemberId> = previous
        .keys()
        .map(|(owner, _, bytes)| (bytes, owner))
        .collect();
    for (owner, place, bytes) in next.keys() {
        if let Some(before) = owners.get(bytes).filter(|before| **before != owner) {
            return Err(Refusal::KeyMoved {
                place,
                owner: (*before).clone(),
            });
        }
    }
    Ok(())
}

/// Members of `next` who were not there, or had left.
fn joining<'a>(previous: &'a Charter, next: &'a Charter) -> impl Iterator<Item = &'a Member> {
    let was_here = |id| previous.member(id).is_some_and(Member::is_active);
    next.members()
        .iter()
        .filter(move |member| member.is_active() && !was_here(&member.id))
}

/// Members `next` removes or gives other keys.
fn acts<'a>(previous: &'a Charter, next: &Charter) -> Vec<&'a MemberId> {
    let acted_on = |before: &&Member| {
        let Some(after) = next.member(&before.id) else {
            return true;
        };
        before.is_active() && !after.is_active()
            || !before.has_keys_of(after)
            || previous.signing_keys(&before.id) != next.signing_keys(&before.id)
    };
    let members = previous.members().iter().filter(acted_on);
    members.map(|member| &member.id).collect()
}

fn check_act(previous: &Charter, member: &MemberId, old: &Signers) -> Result<(), Refusal> {
    let others = || {
        let governors = previous.governors().iter().map(|g| &g.member);
        governors.filter(|governor| *governor != member)
    };
    let threshold = previous.threshold() as usize;
    let need = threshold.min(others().count()).max(FEWEST_OTHERS);
    if others().count() < need {
        return Err(Refusal::OnlyPart(member.clone()));
    }
    let signed = others().filter(|governor| old.0.contains(*governor));
    let have: Vec<MemberId> = signed.cloned().collect();
    if have.len() >= need {
        return Ok(());
    }
    Err(Refusal::ActOnMember {
        member: member.clone(),
        need: u32::try_from(need).unwrap_or(u32::MAX),
        have,
    })
}

/// Returns whether `next` differs from `previous` in nothing but the acts on `members`, and a
/// threshold lowered only as far as fewer governors make it.
fn only_acts(previous: &Charter, next: &Charter, members: &[&MemberId]) -> bool {
    let (before, after) = (previous.body(), next.body());
    let governors = u32::try_from(after.governor.len()).unwrap_or(u32::MAX);
    before.since == after.since
        && before.expires == after.expires
        && before.policy == after.policy
        && after.threshold == before.threshold.min(governors)
        && before.member.len() == after.member.len()
        && after
            .member
            .iter()
            .all(|member| is_act(previous, member, members))
        && governors_after(before.governor.iter().map(|g| &g.member), next)
            .eq(after.governor.iter().map(|g| &g.member))
}

/// Returns the governors there would be if only members were removed.
fn governors_after<'a>(
    before: impl Iterator<Item = &'a MemberId>,
    next: &'a Charter,
) -> impl Iterator<Item = &'a MemberId> {
    before.filter(|id| next.member(id).is_some_and(Member::is_active))
}

/// Returns whether an entry is as it was, but for its keys and its leaving where it is acted on.
fn is_act(previous: &Charter, after: &Member, members: &[&MemberId]) -> bool {
    let Some(before) = previous.member(&after.id) else {
        return false;
    };
    if !members.contains(&&after.id) {
        return before == after;
    }
    let acted_on = Member {
        governor_key: after.governor_key,
        recovery_key: after.recovery_key,
        log_key: after.log_key,
        witness_key: after.witness_key,
        seal_key: after.seal_key,
        tls_cas: after.tls_cas.clone(),
        left: after.left,
        ..before.clone()
    };
    acted_on == *after
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Person, draft, id, person, relay, sign, successor};
    use super::super::text::Body;
    use super::super::verify::verify_next;
    use crate::identity::{GovernorKey, LogKey};
    use jiff::civil::date;

    /// Marks a member as having left, and takes it from the governors.
    fn remove(body: &mut Body, name: &str) {
        let id = id(name);
        let governor = body.governor.iter().position(|g| g.member == id);
        let governor = governor.map(|at| body.governor.remove(at));
        let member = body.member.iter_mut().find(|m| m.id == id).expect("named");
        member.left = Some(date(2019, 1, 1));
        if let Some(governor) = governor {
            member.governor_key = Some(governor.key);
            member.recovery_key = Some(governor.recovery);
        }
        let governors = u32::try_from(body.governor.len()).expect("few");
        body.threshold = body.threshold.min(governors);
    }

    fn rebind(body: &mut Body, name: &str) {
        let member = body.member.iter_mut().find(|m| m.id == id(name));
        member.expect("named").log_key = Some(LogKey::from_seed(&[99; 32]).public_key());
    }

    fn add(body: &mut Body, newcomer: &Person) {
        body.member.push(newcomer.card.member().clone());
    }

    fn demote(body: &mut Body, at: usize) {
        let governor = body.governor.remove(at);
        let member = body.member.iter_mut().find(|m| m.id == governor.member);
        let member = member.expect("named");
        (member.governor_key, member.recovery_key) = (Some(governor.key), Some(governor.recovery));
    }

    /// What changes, and who signs: names with their numbers, as in `person`.
    struct Case {
        says: &'static str,
        governors: usize,
        threshold: u32,
        change: fn(&mut Body),
        signers: &'static [usize],
        /// Part of the reason it does not count; empty where it does.
        reason: &'static str,
    }

    const NAMES: [&str; 4] = ["inpud", "anpud", "enpud", "menpud"];

    fn people(count: usize) -> Vec<Person> {
        let numbered = NAMES.iter().zip(1..);
        let people = numbered.map(|(name, number)| person(name, number));
        people.take(count).collect()
    }

    #[track_caller]
    fn check(case: &Case) {
        let people = people(case.governors);
        let founders: Vec<&Person> = people.iter().collect();
        let previous = draft(&founders, case.threshold);
        let mut next = successor(previous.charter(), case.change);
        let newcomers = [person("newcomer", 50), relay("passer", 51)];
        for at in case.signers {
            let person = match at {
                50 | 51 => &newcomers[at - 50],
                _ => &people[*at],
            };
            sign(&mut next, &[person]);
        }
        let reason = verify_next(previous.charter(), &next).reason();
        assert_eq!(
            reason.is_empty(),
            case.reason.is_empty(),
            "{}: {reason}",
            case.says
        );
        assert!(reason.contains(case.reason), "{}: {reason}", case.says);
    }

    #[rustfmt::skip]
    const CASES: &[Case] = &[
        Case { says: "nothing but a new expiry", governors: 3, threshold: 2, change: |b| b.expires = date(2024, 1, 1), signers: &[0, 2], reason: "" },
        Case { says: "one of two", governors: 3, threshold: 2, change: |_| {}, signers: &[1], reason: "2 governors of version 1 must sign and 1 did (anpud)" },
        Case { says: "a lower threshold needs the old one", governors: 3, threshold: 3, change: |b| b.threshold = 1, signers: &[0, 1], reason: "3 governors of version 1" },
        Case { says: "a higher threshold needs itself", governors: 3, threshold: 1, change: |b| b.threshold = 3, signers: &[0, 1], reason: "3 governors of version 2" },
        Case { says: "the policy needs the threshold", governors: 2, threshold: 2, change: |b| b.policy.disclosure.min_cell = 5, signers: &[0], reason: "2 governors" },
        Case { says: "a version left out", governors: 1, threshold: 1, change: |b| b.version = 3, signers: &[0], reason: "right after version 2" },
        Case { says: "another version before it", governors: 1, threshold: 1, change: |b| b.previous = Some([7; 32]), signers: &[0], reason: "it follows another version 1" },
        Case { says: "another consortium", governors: 1, threshold: 1, change: |b| b.consortium = "other".parse().expect("an id"), signers: &[0], reason: "it is a charter of other, not of demo" },
        Case { says: "a second founding", governors: 1, threshold: 1, change: |b| (b.version, b.previous) = (1, None), signers: &[0], reason: "another founding charter" },
        Case { says: "a newcomer who agrees", governors: 2, threshold: 2, change: |b| add(b, &person("newcomer", 50)), signers: &[0, 1, 50], reason: "" },
        Case { says: "a newcomer nobody asked", governors: 2, threshold: 2, change: |b| add(b, &person("newcomer", 50)), signers: &[0, 1], reason: "newcomer is new and has not signed" },
        Case { says: "a newcomer does not vote on itself", governors: 2, threshold: 2, change: |b| add(b, &person("newcomer", 50)), signers: &[0, 50], reason: "2 governors of version 1 must sign and 1 did (inpud)" },
        Case { says: "a new relay agrees too", governors: 2, threshold: 2, change: |b| add(b, &relay("passer", 51)), signers: &[0, 1, 51], reason: "" },
        Case { says: "a relay nobody asked", governors: 2, threshold: 2, change: |b| add(b, &relay("passer", 51)), signers: &[0, 1], reason: "passer is new" },
        Case { says: "two of three remove the third", governors: 3, threshold: 2, change: |b| remove(b, "enpud"), signers: &[0, 1], reason: "" },
        Case { says: "nobody vetoes its own removal", governors: 3, threshold: 3, change: |b| remove(b, "enpud"), signers: &[0, 1], reason: "" },
        Case { says: "the removed does not count", governors: 3, threshold: 2, change: |b| remove(b, "enpud"), signers: &[0, 2], reason: "takes 2 governors other than itself, and 1 signed (inpud)" },
        Case { says: "never one alone", governors: 3, threshold: 1, change: |b| remove(b, "enpud"), signers: &[0], reason: "takes 2 governors other than itself" },
        Case { says: "three of four remove the fourth", governors: 4, threshold: 3, change: |b| remove(b, "menpud"), signers: &[0, 1], reason: "takes 3 governors" },
        Case { says: "two can only part", governors: 2, threshold: 2, change: |b| remove(b, "anpud"), signers: &[0, 1], reason: "such a consortium can only part" },
        Case { says: "two cannot change keys either", governors: 2, threshold: 2, change: |b| rebind(b, "anpud"), signers: &[0, 1], reason: "such a consortium can only part" },
        Case { says: "other keys by two others", governors: 3, threshold: 2, change: |b| rebind(b, "enpud"), signers: &[0, 1], reason: "" },
        Case { says: "other keys by itself and one other", governors: 3, threshold: 2, change: |b| rebind(b, "enpud"), signers: &[0, 2], reason: "removing enpud or changing its keys" },
        Case { says: "another CA is another key", governors: 3, threshold: 2, change: |b| b.member[2].tls_cas.push(vec![0x30]), signers: &[0, 2], reason: "removing enpud or changing its keys" },
        Case { says: "another governor key", governors: 3, threshold: 2, change: |b| b.governor[2].key = GovernorKey::from_seed(&[98; 32]).public_key(), signers: &[0, 2], reason: "removing enpud or changing its keys" },
        Case { says: "an act with more in it needs the threshold", governors: 3, threshold: 3, change: |b| { remove(b, "enpud"); b.policy.disclosure.min_cell = 5; }, signers: &[0, 1], reason: "3 governors of version 1" },
        Case { says: "an act with a lower threshold in it", governors: 4, threshold: 4, change: |b| { remove(b, "menpud"); b.threshold = 1; }, signers: &[0, 1, 2], reason: "4 governors of version 1" },
        Case { says: "an act with another size in it", governors: 3, threshold: 3, change: |b| { remove(b, "enpud"); b.member[2].name = "X".into(); }, signers: &[0, 1], reason: "3 governors of version 1" },
        Case { says: "an act with a newcomer in it", governors: 3, threshold: 3, change: |b| { remove(b, "enpud"); add(b, &person("newcomer", 50)); }, signers: &[0, 1, 50], reason: "3 governors of version 1" },
        Case { says: "an act with another governor demoted", governors: 4, threshold: 4, change: |b| { remove(b, "menpud"); demote(b, 2); b.threshold = 2; }, signers: &[0, 1, 2], reason: "4 governors of version 1" },
        Case { says: "a member dropped from the list", governors: 3, threshold: 2, change: |b| { b.member.pop(); b.governor.pop(); }, signers: &[0, 1], reason: "enpud is no longer named" },
        Case { says: "keys that change hands", governors: 3, threshold: 2, change: |b| { let (a, z) = (b.member[0].witness_key, b.member[1].witness_key); (b.member[0].witness_key, b.member[1].witness_key) = (z, a); }, signers: &[0, 1, 2], reason: "belonged to" },
        Case { says: "another endpoint is no act", governors: 2, threshold: 2, change: |b| b.member[0].endpoints.clear(), signers: &[0, 1], reason: "" },
        Case { says: "a governor steps down", governors: 3, threshold: 2, change: |b| demote(b, 2), signers: &[0, 2], reason: "2 governors of version 2 must sign and 1 did" },
    ];

    #[test]
    fn a_version_follows_only_by_the_rules() {
        for case in CASES {
            check(case);
        }
    }

    #[test]
    fn who_lost_a_key_signs_with_the_other() {
        let people = people(2);
        let previous = draft(&[&people[0], &people[1]], 2);
        let mut next = successor(previous.charter(), |b| b.expires = date(2030, 1, 1));
        sign(&mut next, &[&people[0]]);
        next.sign(&people[1].recovery, &people[1].id)
            .expect("named");
        assert!(verify_next(previous.charter(), &next).is_valid());
    }

    #[test]
    fn who_returns_must_agree_again() {
        let people = people(3);
        let founders: Vec<&Person> = people.iter().collect();
        let first = draft(&founders, 2);
        let second = successor(first.charter(), |b| remove(b, "enpud"));
        let mut third = successor(second.charter(), |b| {
            let member = b.member.iter_mut().find(|m| m.id == id("enpud"));
            member.expect("named").left = None;
        });
        sign(&mut third, &[&people[0], &people[1]]);
        let reason = verify_next(second.charter(), &third).reason();
        assert_eq!(
            reason,
            "enpud is new and has not signed; nobody is made a member unasked"
        );
        sign(&mut third, &[&people[2]]);
        let verified = verify_next(second.charter(), &third);
        assert_eq!(verified.reason(), "");
        assert_eq!(verified.signed_by.len(), 3);
    }
}
