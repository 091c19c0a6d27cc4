//! Checkpoints: a log's tree size and root hash, signed by the log and cosigned by its witnesses.
//!
//! Source: C2SP tlog-checkpoint v1.0.0 and tlog-cosignature v1.0.1.

use std::fmt;
use std::str::FromStr;

use super::hash::Hash;
use super::witness::Cosignature;
use crate::identity::canon;
use crate::identity::keys::{Cosigner, LogKey, log_name};
use crate::identity::{
    KeyName, NoteError, SignatureKind, SignatureLine, SignedNote, VerifiedSignature, VerifierKey,
};
use crate::model::{ConsortiumId, MemberId};

/// Most bytes of a checkpoint with its signature lines; room for sixteen post-quantum ones.
pub const MAX_CHECKPOINT_BYTES: usize = 64 * 1024;

/// Why a checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no signed note, or a signature on it does not verify.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not an origin, a size and a root hash.
    #[error("the checkpoint does not read; expected {expected}")]
    BadBody {
        /// What belongs in the line that does not read.
        expected: &'static str,
    },
    /// It is another log's.
    #[error("the checkpoint is of the log {found}, not of {expected}")]
    OtherOrigin {
        /// The log it was expected of.
        expected: Origin,
        /// The log it is of.
        found: Origin,
    },
    /// Two checkpoints to be merged say different things.
    #[error("the checkpoints differ, so their cosignatures cannot be merged")]
    OtherTree,
    /// A key was given for a role it is not of.
    #[error("{name} is not a key of the kind this signature needs")]
    OtherKind {
        /// The key's name.
        name: KeyName,
    },
}

/// A log's identity: the first line of its checkpoints.
///
/// Never one of the lines that begin our other signed texts, so that none is read as another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Returns `<consortium>/<member>`, the origin of a member's log.
    pub fn of(consortium: &ConsortiumId, member: &MemberId) -> Self {
        Self(log_name(consortium, member).as_str().to_owned())
    }

    /// Returns the origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(given: &str) -> Result<Self, CheckpointError> {
        let plain = !given.is_empty() && !given.chars().any(char::is_control);
        let taken = given.starts_with("cosignature/v1")
            || matches!(
                given.split('/').collect::<Vec<_>>()[..],
                ["counterfoil", _, "v1"]
            );
        if !plain || taken {
            let expected = "an origin in the first line";
            return Err(CheckpointError::BadBody { expected });
        }
        Ok(Self(given.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a checkpoint says, unsigned: this log has so many leaves, with this root hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many leaves.
    pub size: u64,
    /// The root hash over them.
    pub root: Hash,
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    /// Reads the three lines strictly; extension lines are refused, since some witnesses sign them
    /// and some do not.
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let bad = |expected| CheckpointError::BadBody { expected };
        let whole = "an origin, a size and a root hash in three lines";
        let body = text.strip_suffix('\n').ok_or_else(|| bad(whole))?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(bad(whole));
        };
        let size = canon::from_decimal(size).ok_or_else(|| bad("a plain decimal size"))?;
        let root: Hash = root
            .parse()
            .map_err(|_| bad("a root hash of 32 bytes in base64"))?;
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(bad("the root hash of the empty tree beside size 0"));
        }
        Ok(Self {
            origin: origin.parse()?,
            size,
            root,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, size, root } = self;
        writeln!(f, "{origin}\n{size}\n{root}")
    }
}

/// A checkpoint as it arrived: it reads, and nothing is known of its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint.
    ///
    /// # Errors
    /// Where it is no note, or its text no checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes, MAX_CHECKPOINT_BYTES)?;
        let checkpoint = note.text().parse()?;
        Ok(Self { checkpoint, note })
    }

    /// Returns what it says.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the note it came in.
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Verifies the log's own signature by one of `keys` (several while a log key is rotated).
    ///
    /// # Errors
    /// Where it is of another log, or not validly signed by it.
    pub fn verify(
        self,
        origin: &Origin,
        keys: &[VerifierKey],
    ) -> Result<VerifiedCheckpoint, CheckpointError> {
        if self.checkpoint.origin != *origin {
            return Err(CheckpointError::OtherOrigin {
                expected: origin.clone(),
                found: self.checkpoint.origin,
            });
        }
        check_kind(keys, SignatureKind::Ed25519)?;
        let log_lines = self.note.verify(keys)?.signatures;
        Ok(VerifiedCheckpoint {
            log_lines: log_lines.into_iter().map(|s| s.line).collect(),
            signed: self,
        })
    }

    /// Returns the cosignatures by `witnesses`, one per public key, possibly none.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] for one that does not verify.
    pub fn cosignatures(
        &self,
        witnesses: &[VerifierKey],
    ) -> Result<Vec<Cosignature>, CheckpointError> {
        check_kind(witnesses, SignatureKind::Cosignature)?;
        let mut found: Vec<Cosignature> = Vec::new();
        for signature in self.note.signatures_by(witnesses)? {
            let Some(time) = signature.time else {
                continue;
            };
            // A cosignature does not commit to its witness's name: one key counts once.
            match found.iter_mut().find(|c| c.key == signature.key) {
                Some(earlier) => earlier.time = earlier.time.max(time),
                None => found.push(Cosignature {
                    name: signature.name().clone(),
                    key: signature.key,
                    time,
                }),
            }
        }
        Ok(found)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

fn check_kind(keys: &[VerifierKey], kind: SignatureKind) -> Result<(), CheckpointError> {
    match keys.iter().find(|key| key.kind() != kind) {
        Some(key) => Err(CheckpointError::OtherKind {
            name: key.name().clone(),
        }),
        None => Ok(()),
    }
}

/// A checkpoint whose log's signature has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    signed: SignedCheckpoint,
    /// The log's own lines in the note.
    log_lines: Vec<SignatureLine>,
}

impl VerifiedCheckpoint {
    /// Signs a checkpoint of a member's own log.
    pub fn sign(
        consortium: &ConsortiumId,
        member: &MemberId,
        key: &LogKey,
        size: u64,
        root: Hash,
    ) -> Self {
        let origin = Origin::of(consortium, member);
        let checkpoint = Checkpoint { origin, size, root };
        let text = checkpoint.to_string();
        let line = key.signer(consortium, member).sign(&text);
        let mut note = SignedNote::new(text).expect("a member's checkpoint is three plain lines");
        note.add(line.clone()).expect("it is the first line");
        Self {
            signed: SignedCheckpoint { checkpoint, note },
            log_lines: vec![line],
        }
    }

    /// Returns what it says.
    pub const fn checkpoint(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }

    /// Returns it with its signatures, as it is stored and sent.
    pub const fn as_signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// Returns which log it is of.
    pub const fn origin(&self) -> &Origin {
        &self.checkpoint().origin
    }

    /// Returns how many leaves it covers.
    pub const fn size(&self) -> u64 {
        self.checkpoint().size
    }

    /// Returns the root hash over them.
    pub const fn root(&self) -> Hash {
        self.checkpoint().root
    }

    /// Returns the cosignatures by `witnesses`; see [`SignedCheckpoint::cosignatures`].
    ///
    /// # Errors
    /// As there.
    pub fn cosignatures(
        &self,
        witnesses: &[VerifierKey],
    ) -> Result<Vec<Cosignature>, CheckpointError> {
        self.signed.cosignatures(witnesses)
    }

    /// Adds a witness's cosignature at `time`, in POSIX seconds, in place of its earlier one.
    ///
    /// The caller has seen that this tree extends the largest it has cosigned for the log, and has
    /// stored it, before this leaves the node.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`].
    pub fn cosign(&mut self, cosigner: &Cosigner<'_>, time: u64) -> Result<(), CheckpointError> {
        let line = cosigner.cosign(self.signed.note.text(), time);
        let by_it = |line: &SignatureLine| line.is_by(cosigner.verifier_key());
        let kept = self.signed.note.signatures().iter().filter(|l| !by_it(l));
        let lines: Vec<_> = kept.cloned().chain([line]).collect();
        self.rewrite(lines)
    }

    /// Takes over the cosignatures of another copy: the log's lines stay first, then one line per
    /// witness with its newest time, in the order of their names. Lines by anybody else are
    /// dropped, so that copies passed around do not grow. Returns whether anything changed.
    ///
    /// # Errors
    /// Where the copies differ, or a cosignature by one of `witnesses` does not verify; nothing is
    /// changed then.
    pub fn merge(
        &mut self,
        other: &SignedCheckpoint,
        witnesses: &[VerifierKey],
    ) -> Result<bool, CheckpointError> {
        if self.checkpoint() != other.checkpoint() {
            return Err(CheckpointError::OtherTree);
        }
        check_kind(witnesses, SignatureKind::Cosignature)?;
        let mut newest = self.signed.note.signatures_by(witnesses)?;
        for theirs in other.note.signatures_by(witnesses)? {
            let same =
                |s: &&mut VerifiedSignature| s.key == theirs.key && s.name() == theirs.name();
            match newest.iter_mut().find(same) {
                Some(ours) if ours.time >= theirs.time => {}
                Some(ours) => *ours = theirs,
                None => newest.push(theirs),
            }
        }
        newest.sort_by(|a, b| (a.name(), a.key).cmp(&(b.name(), b.key)));
        let before = self.signed.note.clone();
        let log_lines = self.log_lines.iter().cloned();
        self.rewrite(
            log_lines
                .chain(newest.into_iter().map(|s| s.line))
                .collect(),
        )?;
        Ok(self.signed.note != before)
    }

    fn rewrite(&mut self, lines: Vec<SignatureLine>) -> Result<(), CheckpointError> {
        let mut note = SignedNote::new(self.signed.note.text().to_owned())?;
        for line in lines {
            note.add(line)?;
        }
        self.signed.note = note;
        Ok(())
    }
}

impl fmt::Display for VerifiedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signed.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::WitnessKey;
    use crate::identity::keys::log_verifier;
    use proptest::prelude::*;

    fn demo() -> ConsortiumId {
        "demo".parse().expect("an id")
    }

    fn inpud() -> MemberId {
        "inpud".parse().expect("an id")
    }

    fn head(size: u64, root: u8) -> VerifiedCheckpoint {
        let key = LogKey::from_seed(&[1; 32]);
        VerifiedCheckpoint::sign(&demo(), &inpud(), &key, size, Hash([root; 32]))
    }

    fn log_keys() -> [VerifierKey; 1] {
        let key = LogKey::from_seed(&[1; 32]).public_key();
        [log_verifier(&demo(), &inpud(), key).expect("a point")]
    }

    fn witness(number: u8) -> (WitnessKey, MemberId) {
        let member = format!("member-{number}").parse().expect("an id");
        (WitnessKey::from_seed(&[number; 32]), member)
    }

    fn cosign(head: &mut VerifiedCheckpoint, number: u8, time: u64) -> VerifierKey {
        let (key, member) = witness(number);
        let cosigner = key.cosigner(&demo(), &member);
        head.cosign(&cosigner, time).expect("few lines");
        cosigner.verifier_key().clone()
    }

    #[test]
    fn a_signed_checkpoint_verifies_for_its_log_alone() {
        let read = SignedCheckpoint::parse(head(3, 7).to_string().as_bytes()).expect("reads");
        let origin = Origin::of(&demo(), &inpud());
        assert_eq!(read.clone().verify(&origin, &log_keys()), Ok(head(3, 7)));

        let other = Origin::of(&demo(), &"anpud".parse().expect("an id"));
        assert!(matches!(
            read.clone().verify(&other, &log_keys()),
            Err(CheckpointError::OtherOrigin { .. })
        ));
        let stranger = LogKey::from_seed(&[2; 32]).public_key();
        let stranger = log_verifier(&demo(), &inpud(), stranger).expect("a point");
        assert_eq!(
            read.clone().verify(&origin, &[stranger]),
            Err(NoteError::NoKnownSignature.into())
        );
        let (key, member) = witness(1);
        let cosigner = key.cosigner(&demo(), &member);
        assert!(matches!(
            read.verify(&origin, &[cosigner.verifier_key().clone()]),
            Err(CheckpointError::OtherKind { .. })
        ));
    }

    #[test]
    fn bodies_have_one_spelling() {
        let body = head(3, 7).checkpoint().to_string();
        assert_eq!(body.parse().as_ref(), Ok(head(3, 7).checkpoint()));
        for (from, to) in [
            ("\n3\n", "\n03\n"),
            ("\n3\n", "\n+3\n"),
            ("\n3\n", "\n0\n"),
            ("c=\n", "d=\n"),
            ("c=\n", "c=\n\n"),
            ("c=\n", "c=\nextension\n"),
            ("c=\n", "c="),
            ("demo/inpud", "cosignature/v1"),
            ("demo/inpud", "counterfoil/charter/v1"),
            ("demo/inpud", ""),
        ] {
            assert!(body.contains(from), "{from:?} in {body:?}");
            let changed = body.replacen(from, to, 1);
            assert!(changed.parse::<Checkpoint>().is_err(), "{changed:?}");
        }
    }

    #[test]
    fn cosigning_again_renews_the_time() {
        let mut head = head(3, 7);
        let key = cosign(&mut head, 1, 100);
        cosign(&mut head, 1, 200);
        let found = head
            .cosignatures(std::slice::from_ref(&key))
            .expect("verifies");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].key, found[0].time), (key.public_key(), 200));
    }

    #[test]
    fn merging_keeps_the_newest_and_drops_strangers() {
        let (mut ours, mut theirs) = (head(3, 7), head(3, 7));
        let two = cosign(&mut ours, 2, 50);
        let one = cosign(&mut ours, 1, 100);
        cosign(&mut theirs, 1, 90);
        cosign(&mut theirs, 2, 60);
        cosign(&mut theirs, 9, 60);
        let witnesses = [two, one];
        assert_eq!(ours.merge(theirs.as_signed(), &witnesses), Ok(true));
        let lines = ours.as_signed().note().signatures();
        let names: Vec<_> = lines.iter().map(|l| l.name().to_string()).collect();
        assert_eq!(
            names,
            [
                "demo/inpud",
                "demo/member-1/witness",
                "demo/member-2/witness"
            ]
        );
        let found = ours.cosignatures(&witnesses).expect("verify");
        let times: Vec<_> = found.iter().map(|c| c.time).collect();
        assert_eq!(times, [100, 60]);
        assert_eq!(ours.merge(theirs.as_signed(), &witnesses), Ok(false));
        assert_eq!(
            ours.merge(head(4, 7).as_signed(), &witnesses),
            Err(CheckpointError::OtherTree)
        );
    }

    #[test]
    fn a_cosignature_moved_to_another_tree_is_refused() {
        let mut head_3 = head(3, 7);
        let key = cosign(&mut head_3, 1, 100);
        let moved = head_3.to_string().replacen("\n3\n", "\n4\n", 1);
        let moved = SignedCheckpoint::parse(moved.as_bytes()).expect("reads");
        assert!(moved.cosignatures(&[key]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-z0-9+/=]{0,44}\n){0,4}") {
            if let Ok(checkpoint) = text.parse::<Checkpoint>() {
                prop_assert_eq!(checkpoint.to_string(), text.clone());
            }
            let _ = SignedCheckpoint::parse(text.as_bytes());
        }

        #[test]
        fn checkpoints_round_trip(origin in "[a-z][a-z /.]{0,20}", size in 1_u64.., root: [u8; 32]) {
            let origin = origin.parse().expect("an origin");
            let checkpoint = Checkpoint { origin, size, root: Hash(root) };
            prop_assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
        }

        #[test]
        fn no_flipped_bit_verifies(at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = head(3, 7).to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let origin = Origin::of(&demo(), &inpud());
            let verified = SignedCheckpoint::parse(&bytes).and_then(|c| c.verify(&origin, &log_keys()));
            prop_assert!(verified.is_err());
        }
    }
}
