//! What one version of the charter is held to by itself: numbers, names, and keys told apart.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{CharterError, meaning};
use super::member::Member;
use super::policy::Audience;
use super::text::Charter;
use crate::identity::keys::governor_verifier;
use crate::log::witness::quorum;
use crate::model::MemberId;

/// Most governors: a version carries the signatures of the last one's governors and its own, and a
/// note has room for a hundred.
const MOST_GOVERNORS: usize = 40;

impl Charter {
    /// Checks everything one version can be held to by itself.
    pub(super) fn check(&self) -> Result<(), CharterError> {
        self.check_numbers()?;
        let mut ids = BTreeSet::new();
        for member in self.members() {
            if !ids.insert(&member.id) {
                return Err(meaning(format!("member {}", member.id), "stands twice"));
            }
            member.check()?;
        }
        self.check_governors()?;
        for member in self.members() {
            self.check_signing_keys(member)?;
        }
        self.check_distinct_keys()?;
        self.check_witnesses()?;
        self.check_audiences()
    }

    fn check_numbers(&self) -> Result<(), CharterError> {
        // A log of it would be called `cosignature/v1`, the words that begin what witnesses sign.
        if self.consortium().as_str() == "cosignature" {
            return Err(meaning(
                "consortium",
                "\"cosignature\" means something else",
            ));
        }
        match (self.version(), self.previous()) {
            (0, _) => Err(meaning("version", "must be 1 or more")),
            (1, Some(_)) => Err(meaning("previous", "version 1 has none before it")),
            (2.., None) => Err(meaning(
                "previous",
                "must be the base64 SHA-256 of the text of the version before",
            )),
            _ => Ok(()),
        }
    }

    fn check_governors(&self) -> Result<(), CharterError> {
        let count = self.governors().len();
        if !(1..=MOST_GOVERNORS).contains(&count) {
            return Err(meaning("governor", "there must be 1 to 40 of them"));
        }
        let threshold = usize::try_from(self.threshold()).unwrap_or(usize::MAX);
        if !(1..=count).contains(&threshold) {
            let message = format!("must be from 1 to {count}, the number of governors");
            return Err(meaning("threshold", message));
        }
        let mut seen = BTreeSet::new();
        for governor in self.governors() {
            let place = format!("governor {}", governor.member);
            if !seen.insert(&governor.member) {
                return Err(meaning(place, "stands twice"));
            }
            if !self.member(&governor.member).is_some_and(Member::is_active) {
                return Err(meaning(place, "is not a member"));
            }
        }
        Ok(())
    }

    /// Checks that the keys a member signs with stand in exactly one place and can be used.
    fn check_signing_keys(&self, member: &Member) -> Result<(), CharterError> {
        let place = format!("member {}: governor_key", member.id);
        let own = member.governor_key.is_some() || member.recovery_key.is_some();
        if own && self.is_governor(&member.id) {
            return Err(meaning(
                place,
                "a governor's keys stand under [[governor]] only",
            ));
        }
        let Some(keys) = self.signing_keys(&member.id) else {
            let message = "a member that is no governor needs governor_key and recovery_key";
            return Err(meaning(place, message));
        };
        let mut ids = Vec::new();
        for key in keys {
            let verifier = governor_verifier(self.consortium(), &member.id, key)
                .map_err(|error| meaning(&place, error.to_string()))?;
            ids.push(verifier.id());
        }
        // Ids are four bytes: two keys made to share one would make every signature doubtful.
        if ids[0] == ids[1] {
            return Err(meaning(place, "both keys answer to one id; make new ones"));
        }
        Ok(())
    }

    /// Refuses a key that stands twice: one key in two roles, or of two members, lets a signature
    /// be mistaken for another or one holder count as two.
    fn check_distinct_keys(&self) -> Result<(), CharterError> {
        let mut seen: BTreeMap<&[u8], String> = BTreeMap::new();
        for (_, place, bytes) in self.keys() {
            if let Some(earlier) = seen.insert(bytes, place.clone()) {
                return Err(meaning(place, format!("is the same key as {earlier}")));
            }
        }
        Ok(())
    }

    /// Returns every key with its owner and the place it stands in.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&MemberId, String, &[u8])> {
        let of_governors = self.governors().iter().flat_map(|governor| {
            let id = &governor.member;
            [
                (id, format!("governor {id}: key"), &governor.key.0[..]),
                (
                    id,
                    format!("governor {id}: recovery"),
                    &governor.recovery.0[..],
                ),
            ]
        });
        let of_members = self.members().iter().flat_map(|member| {
            let id = &member.id;
            member
                .keys()
                .map(move |(name, bytes)| (id, format!("member {id}: {name}"), bytes))
        });
        of_governors.chain(of_members)
    }

    /// Refuses a quorum no log could ever have: its owner is no witness of itself.
    fn check_witnesses(&self) -> Result<(), CharterError> {
        let active = self.members().iter().filter(|member| member.is_active());
        let others = active.count().saturating_sub(1);
        let faulty = usize::try_from(self.policy().witness.f).unwrap_or(usize::MAX);
        let needed = quorum(others, faulty);
        if faulty > 0 && needed > others {
            let message = format!(
                "with {faulty} that may lie, {needed} members must confirm a log, and there are \
                 {others} beside its owner"
            );
            return Err(meaning("policy.witness.f", message));
        }
        Ok(())
    }

    fn check_audiences(&self) -> Result<(), CharterError> {
        for (kind, agreed) in &self.policy().kind {
            let Audience::Members(audience) = &agreed.audience else {
                continue;
            };
            if let Some(stray) = audience.iter().find(|id| self.member(id).is_none()) {
                let place = format!("policy.kind.{kind}.audience");
                let members = self.members().iter().map(|member| member.id.as_str());
                let members = members.collect::<Vec<_>>().join(" ");
                let message = format!("{stray} is not a member; accepted: {members}");
                return Err(meaning(place, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, id};
    use super::super::text::Body;
    use super::*;
    use crate::identity::GovernorKey;
    use crate::model::Kind;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Body), part_of_error: &str) {
        let mut body = testing::charter().body().clone();
        change(&mut body);
        let text = body.to_text().expect("a text");
        let error = Charter::parse(&text)
            .expect_err("must be refused")
            .to_string();
        assert!(error.contains(part_of_error), "{error}");
    }

    #[test]
    fn errors_name_the_place() {
        check(|b| b.threshold = 0, "threshold: must be from 1 to 2");
        check(|b| b.threshold = 3, "threshold: must be from 1 to 2");
        check(|b| b.governor.clear(), "governor: there must be");
        check(
            |b| b.governor[1] = b.governor[0].clone(),
            "governor inpud: stands twice",
        );
        check(
            |b| b.governor[0].member = id("x"),
            "governor x: is not a member",
        );
        check(
            |b| b.member[1].id = id("inpud"),
            "member inpud: stands twice",
        );
        check(
            |b| b.member[2].governor_key = None,
            "member relay: governor_key",
        );
        check(
            |b| b.member[0].governor_key = b.member[2].governor_key,
            "stand under [[governor]] only",
        );
        check(
            |b| b.member[1].left = Some(b.expires),
            "governor anpud: is not a member",
        );
        check(
            |b| b.consortium = "cosignature".parse().expect("an id"),
            "consortium",
        );
        check(|b| b.version = 0, "version: must be 1 or more");
        check(|b| b.version = 2, "previous: must be");
        check(|b| b.previous = Some([0; 32]), "previous: version 1");
        check(|b| b.policy.disclosure.min_cell = 1, "disclosure.min_cell");
        let stray = Audience::Members([id("x")].into());
        check(
            |b| b.policy.kind.entry(Kind::Training).or_default().audience = stray,
            "policy.kind.training.audience: x is not a member",
        );
    }

    #[test]
    fn no_key_stands_twice() {
        check(
            |b| b.member[1].witness_key = b.member[0].witness_key,
            "member anpud: witness_key: is the same key as member inpud: witness_key",
        );
        check(
            |b| b.governor[1].recovery = b.governor[0].key,
            "governor inpud: key",
        );
        check(
            |b| b.member[0].log_key = Some(b.governor[0].key),
            "is the same key as",
        );
        check(
            |b| b.member[0].seal_key = b.member[2].witness_key,
            "is the same key as",
        );
        check(
            |b| b.member[1].tls_cas = b.member[0].tls_cas.clone(),
            "is the same key as",
        );
    }

    #[test]
    fn a_pair_of_keys_with_one_id_is_refused() {
        // Found by search: under demo/inpud/governor both have the same four-byte id.
        let key = |number: u64| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            GovernorKey::from_seed(&seed).public_key()
        };
        check(
            |b| (b.governor[0].key, b.governor[0].recovery) = (key(27105), key(86395)),
            "both keys answer to one id",
        );
    }
}
