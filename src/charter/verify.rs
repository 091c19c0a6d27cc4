//! Whether a charter version counts: enough governors, each counted once.

use std::collections::{BTreeMap, BTreeSet};

use super::note::CharterNote;
use super::succession;
use super::text::Charter;
use crate::identity::{NoteError, PublicKey32};
use crate::model::MemberId;
use crate::wire;

/// What verifying one version of the charter showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Members whose signature is on it, in the order of their ids.
    pub signed_by: Vec<MemberId>,
    /// Governors it asks for itself.
    pub threshold: u32,
    /// Why it does not count; `None` where it does.
    pub refusal: Option<Refusal>,
}

/// Why a charter version does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A signature by one of the governors is not over this text.
    #[error("{0}: the text was changed after it was signed, or the signature was")]
    Signature(#[from] NoteError),
    /// Too few governors of one version have signed.
    #[error(
        "{need} governors of version {version} must sign and {} did ({}); still to ask: {}",
        have.len(), list(have), list(missing)
    )]
    TooFew {
        /// The version whose governors are meant.
        version: u32,
        /// How many must sign.
        need: u32,
        /// Who did.
        have: Vec<MemberId>,
        /// Who did not.
        missing: Vec<MemberId>,
    },
    /// Version 1 was asked for, or the versions between are missing.
    #[error("this is version {given}, which can only be judged right after version {}", given - 1)]
    NotNext {
        /// Its version.
        given: u32,
    },
    /// It follows another text than the one we hold.
    #[error("it follows another version {0} than this one")]
    OtherPrevious(u32),
    /// It is of another consortium.
    #[error("it is a charter of {given}, not of {ours}")]
    OtherConsortium {
        /// Whose it is.
        given: String,
        /// Whose it should be.
        ours: String,
    },
    /// A consortium has one version 1.
    #[error("it is another founding charter than ours")]
    OtherFounding,
    /// A member is no longer named.
    #[error("{0} is no longer named; who is removed stays in the list with the day it left")]
    Dropped(MemberId),
    /// A key changed hands.
    #[error("{place} belonged to {owner} before")]
    KeyMoved {
        /// Where it stands now.
        place: String,
        /// Whose it was.
        owner: MemberId,
    },
    /// A new member has not agreed.
    #[error("{0} is new and has not signed; nobody is made a member unasked")]
    NotAgreed(MemberId),
    /// Too few others agree to an act on a member.
    #[error(
        "removing {member} or changing its keys takes {need} governors other than itself, \
         and {} signed ({})",
        have.len(), list(have)
    )]
    ActOnMember {
        /// On whom.
        member: MemberId,
        /// How many must sign.
        need: u32,
        /// Which of the others did.
        have: Vec<MemberId>,
    },
    /// There are not two others who could act on a member.
    #[error(
        "{0} can be removed, or its keys changed, only by two governors other than itself, \
         and there are not two: such a consortium can only part"
    )]
    OnlyPart(MemberId),
    /// Two versions contradict each other, so neither counts.
    #[error("version {0} has two valid forms; governors must settle it before another version")]
    Conflict(u32),
    /// A version before it does not count.
    #[error("version {version} before it does not count: {refusal}")]
    Earlier {
        /// Which.
        version: u32,
        /// Why not.
        refusal: Box<Self>,
    },
}

fn list(members: &[MemberId]) -> String {
    if members.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<&str> = members.iter().map(MemberId::as_str).collect();
    names.join(", ")
}

impl Verified {
    /// Returns whether the version counts.
    pub const fn is_valid(&self) -> bool {
        self.refusal.is_none()
    }

    /// Returns why it does not count, in plain words; empty where it does.
    pub fn reason(&self) -> String {
        let refusal = self.refusal.as_ref();
        refusal.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns what services say of `charter`, which this is the verdict on.
    pub fn to_state(&self, charter: &Charter) -> wire::CharterState {
        let member = |member: &super::Member| wire::CharterMember {
            id: member.id.to_string(),
            name: member.name.clone(),
            state: member.state().to_string(),
        };
        wire::CharterState {
            consortium: charter.consortium().to_string(),
            version: charter.version(),
            valid: self.is_valid(),
            threshold: self.threshold,
            signed_by: self.signed_by.iter().map(ToString::to_string).collect(),
            members: charter.members().iter().map(member).collect(),
            fingerprint: charter.fingerprint(),
            reason: self.reason(),
        }
    }

    fn of(note: &CharterNote, refusal: Option<Refusal>, signed_by: BTreeSet<MemberId>) -> Self {
        Self {
            signed_by: signed_by.into_iter().collect(),
            threshold: note.charter().threshold(),
            refusal,
        }
    }
}

/// Verifies a founding charter: version 1, signed by the threshold of its own governors.
pub fn verify_first(note: &CharterNote) -> Verified {
    let charter = note.charter();
    let signers = match Signers::of_governors(note, charter) {
        Ok(signers) => signers,
        Err(error) => return Verified::of(note, Some(error.into()), BTreeSet::new()),
    };
    let refusal = match charter.version() {
        1 => signers.reach_threshold(charter).err(),
        given => Some(Refusal::NotNext { given }),
    };
    Verified::of(note, refusal, signers.0)
}

/// Verifies a version by itself: enough of its own governors signed it. Whether it follows from the
/// versions before it stays open, so a reader relies on its fingerprint.
pub fn verify_alone(note: &CharterNote) -> Verified {
    match Signers::of_governors(note, note.charter()) {
        Ok(signers) => {
            let refusal = signers.reach_threshold(note.charter()).err();
            Verified::of(note, refusal, signers.0)
        }
        Err(error) => Verified::of(note, Some(error.into()), BTreeSet::new()),
    }
}

/// Verifies a version against the one before it, which counts.
pub fn verify_next(previous: &Charter, note: &CharterNote) -> Verified {
    match succession::signers(previous, note) {
        Ok(signers) => {
            let refusal = succession::check(previous, note.charter(), &signers).err();
            Verified::of(note, refusal, signers.all())
        }
        Err(error) => Verified::of(note, Some(error.into()), BTreeSet::new()),
    }
}

/// Verifies the last of several versions, given from version 1 on without a gap; `None` where none
/// is given.
pub fn verify_chain(notes: &[CharterNote]) -> Option<Verified> {
    let (last, earlier) = notes.split_last()?;
    let mut before: Option<&Charter> = None;
    for note in earlier {
        if let Some(refusal) = verify_after(before, note).refusal {
            let refusal = Refusal::Earlier {
                version: note.charter().version(),
                refusal: Box::new(refusal),
            };
            let signers = Signers::of_governors(last, last.charter()).unwrap_or_default();
            return Some(Verified::of(last, Some(refusal), signers.0));
        }
        before = Some(note.charter());
    }
    Some(verify_after(before, last))
}

fn verify_after(before: Option<&Charter>, note: &CharterNote) -> Verified {
    match before {
        Some(before) => verify_next(before, note),
        None => verify_first(note),
    }
}

/// Members whose signature verified, each once however many keys it signed with.
#[derive(Clone, Debug, Default)]
pub(super) struct Signers(pub(super) BTreeSet<MemberId>);

impl Signers {
    /// Returns which governors of `by` signed, with the keys `by` gives them.
    pub(super) fn of_governors(note: &CharterNote, by: &Charter) -> Result<Self, NoteError> {
        Self::among(note, by, by.governors().iter().map(|g| &g.member))
    }

    /// Returns which of `members` signed, with the keys `by` gives them.
    pub(super) fn among<'a>(
        note: &CharterNote,
        by: &Charter,
        members: impl Iterator<Item = &'a MemberId>,
    ) -> Result<Self, NoteError> {
        let mut owners: BTreeMap<PublicKey32, &MemberId> = BTreeMap::new();
        let mut keys = Vec::new();
        for member in members {
            for key in by.signing_vkeys(member) {
                owners.insert(key.public_key(), member);
                keys.push(key);
            }
        }
        let signatures = note.note().signatures_by(&keys)?;
        let signers = signatures.iter().filter_map(|s| owners.get(&s.key));
        Ok(Self(signers.map(|member| (*member).clone()).collect()))
    }

    /// Checks that as many governors of `charter` signed as it asks for.
    pub(super) fn reach_threshold(&self, charter: &Charter) -> Result<(), Refusal> {
        let governors = charter.governors().iter().map(|g| &g.member);
        let (have, missing): (Vec<_>, Vec<_>) =
            governors.cloned().partition(|id| self.0.contains(id));
        let need = charter.threshold();
        if have.len() as u64 >= u64::from(need) {
            return Ok(());
        }
        Err(Refusal::TooFew {
            version: charter.version(),
            need,
            have,
            missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Person, draft, id, person, sign, successor};
    use super::*;
    use proptest::prelude::*;

    fn three() -> [Person; 3] {
        [person("inpud", 1), person("anpud", 2), person("enpud", 3)]
    }

    #[track_caller]
    fn check(note: &str, signed_by: &[&str], part_of_reason: &str) {
        let note = CharterNote::parse(note.as_bytes()).expect("a note");
        let verified = verify_first(&note);
        let by: Vec<&str> = verified.signed_by.iter().map(MemberId::as_str).collect();
        assert_eq!(by, signed_by);
        assert_eq!(verified.is_valid(), part_of_reason.is_empty());
        assert!(
            verified.reason().contains(part_of_reason),
            "{}",
            verified.reason()
        );
    }

    /// Returns the note with signature lines by these keys under these names.
    fn signed(draft: &CharterNote, lines: &[(&crate::identity::GovernorKey, &str)]) -> String {
        let mut note = draft.clone();
        for (key, name) in lines {
            let signer = key.signer(draft.charter().consortium(), &id(name));
            note.add(signer.sign(draft.charter().text())).expect("room");
        }
        note.to_string()
    }

    #[test]
    fn enough_governors_make_it_count() {
        let [one, two, three] = three();
        let draft = draft(&[&one, &two, &three], 2);
        check(
            &draft.to_string(),
            &[],
            "did (nobody); still to ask: inpud, anpud, enpud",
        );
        let few = signed(&draft, &[(&two.key, "anpud")]);
        check(
            &few,
            &["anpud"],
            "2 governors of version 1 must sign and 1 did (anpud)",
        );
        let enough = signed(&draft, &[(&three.recovery, "enpud"), (&two.key, "anpud")]);
        check(&enough, &["anpud", "enpud"], "");
    }

    #[test]
    fn a_governor_with_two_keys_is_one_governor() {
        let [one, two, three] = three();
        let draft = draft(&[&one, &two, &three], 2);
        let both = signed(&draft, &[(&one.key, "inpud"), (&one.recovery, "inpud")]);
        check(&both, &["inpud"], "1 did");
    }

    #[test]
    fn a_line_written_twice_counts_once() {
        let [one, two, three] = three();
        let draft = draft(&[&one, &two, &three], 2);
        let once = signed(&draft, &[(&one.key, "inpud")]);
        let line = once.lines().last().expect("a line");
        check(&format!("{once}{line}\n{line}\n"), &["inpud"], "1 did");
    }

    #[test]
    fn unknown_keys_and_other_names_count_for_nothing() {
        let [one, two, three] = three();
        let draft = draft(&[&one, &two], 2);
        let stranger = [
            (&one.key, "inpud"),
            (&three.key, "enpud"),
            (&three.key, "anpud"),
        ];
        check(&signed(&draft, &stranger), &["inpud"], "1 did");
        let swapped = [(&one.key, "anpud"), (&two.key, "inpud")];
        check(&signed(&draft, &swapped), &[], "did (nobody)");
    }

    #[test]
    fn a_line_that_borrows_name_and_id_spoils_the_note() {
        let [one, two, _] = three();
        let draft = draft(&[&one, &two], 1);
        let honest = signed(&draft, &[(&one.key, "inpud")]);
        let other = signed(&draft, &[(&two.key, "anpud")]);
        let blob = |note: &str| {
            let line = note.lines().last().expect("a line");
            let blob = line.rsplit(' ').next().expect("a blob");
            crate::identity::canon::from_base64(blob).expect("base64")
        };
        // The id of inpud's key before anpud's signature.
        let mut forged = blob(&honest)[..4].to_vec();
        forged.extend_from_slice(&blob(&other)[4..]);
        let forged = crate::identity::canon::to_base64(&forged);
        let line = format!("\u{2014} demo/inpud/governor {forged}\n");
        let reason = "the signature by demo/inpud/governor does not verify";
        check(&format!("{}\n{line}", draft.charter().text()), &[], reason);
        check(&format!("{other}{line}"), &[], reason);
    }

    #[test]
    fn a_text_changed_after_signing_says_so() {
        let [one, two, _] = three();
        let mut note = draft(&[&one, &two], 2);
        sign(&mut note, &[&one, &two]);
        let changed = note
            .to_string()
            .replacen("threshold = 2", "threshold = 1", 1);
        check(&changed, &[], "the text was changed after it was signed");
    }

    #[test]
    fn a_later_version_alone_proves_nothing() {
        let [one, two, _] = three();
        let mut first = draft(&[&one, &two], 2);
        sign(&mut first, &[&one, &two]);
        let mut second = successor(first.charter(), |_| {});
        sign(&mut second, &[&one, &two]);
        check(
            &second.to_string(),
            &["anpud", "inpud"],
            "right after version 1",
        );
        let chain = |notes: &[&CharterNote]| {
            let notes: Vec<CharterNote> = notes.iter().map(|note| (*note).clone()).collect();
            verify_chain(&notes).map(|verified| verified.reason())
        };
        assert_eq!(chain(&[]), None);
        assert_eq!(chain(&[&first, &second]).as_deref(), Some(""));
        let mut third = successor(second.charter(), |_| {});
        sign(&mut third, &[&one, &two]);
        assert_eq!(chain(&[&first, &second, &third]).as_deref(), Some(""));
        let unsigned = successor(first.charter(), |_| {});
        let reason = chain(&[&first, &unsigned, &third]).expect("three notes");
        assert!(
            reason.starts_with("version 2 before it does not count: "),
            "{reason}"
        );
    }

    #[test]
    fn services_are_told_the_same() {
        let [one, two, _] = three();
        let mut note = draft(&[&one, &two], 2);
        sign(&mut note, &[&two]);
        let state = verify_first(&note).to_state(note.charter());
        assert_eq!((state.consortium.as_str(), state.version), ("demo", 1));
        assert!(!state.valid && state.reason.contains("still to ask: inpud"));
        assert_eq!(state.signed_by, ["anpud"]);
        let members: Vec<_> = state.members.iter().map(|m| (&*m.id, &*m.state)).collect();
        assert_eq!(members, [("inpud", "member"), ("anpud", "member")]);
        assert_eq!(state.fingerprint, note.charter().fingerprint());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn one_bit_changed_never_counts(at: proptest::sample::Index, bit in 0..8u8) {
            let one = person("inpud", 1);
            let mut note = draft(&[&one], 1);
            sign(&mut note, &[&one]);
            let mut bytes = note.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(changed) = CharterNote::parse(&bytes) {
                prop_assert!(!verify_first(&changed).is_valid());
            }
        }
    }
}
