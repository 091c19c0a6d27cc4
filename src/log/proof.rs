//! One leaf with all its proof in one file, checkable offline against a charter.
//!
//! A `.tlog-proof` (c2sp.org/tlog-proof) carries the leaf's index, its inclusion path and the
//! checkpoint. Our `extra` carries what a reader needs to know the leaf by:
//!
//! ```text
//! u16 big-endian length of the leaf || leaf [|| salt[32] || payload]
//! ```
//!
//! `extra` is not signed, and need not be: the leaf in it is hashed up to the signed root, and the
//! salt and payload are hashed to the commitment in the leaf. They are there for a summary and for
//! nothing else.

use std::fmt;

use super::checkpoint::{CheckpointError, Origin, SignedCheckpoint, VerifiedCheckpoint};
use super::hash::{Hash, commitment, leaf_hash};
use super::leaf::{Leaf, LeafError};
use super::tree::{TreeError, verify_inclusion};
use crate::identity::{VerifierKey, canon};

/// Most bytes of a proof file.
pub const MAX_PROOF_BYTES: usize = 16 * 1024 * 1024;

/// Most hashes in an inclusion path: a tree of 2^63 leaves.
const MAX_PATH: usize = 63;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The file is longer than a proof may be.
    #[error("the proof is longer than {MAX_PROOF_BYTES} bytes")]
    TooLong,
    /// A line that does not read.
    #[error("line {line} of the proof does not read; expected {expected}")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// The proof does not carry its leaf in the way this project writes it.
    #[error("the proof carries no leaf that could be read")]
    NoLeaf,
    /// A summary without payload, or a payload beside a leaf that has none.
    #[error("the payload is missing from the proof, or does not belong in it")]
    Payload,
    /// The payload is not the one the leaf commits to.
    #[error("the payload is not what the leaf commits to; it was changed after publication")]
    Commitment,
    /// The leaf does not read.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The leaf is not in the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The checkpoint does not read, or is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A `.tlog-proof` document as it is written; nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes for the application; not covered by any signature.
    pub extra: Option<Vec<u8>>,
    /// Where the leaf stands.
    pub index: u64,
    /// The inclusion path, from the leaf up.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl TlogProof {
    /// Returns the proof of the leaf with text `leaf`, and of the payload it commits to.
    ///
    /// # Errors
    /// [`LeafError::TooLong`] for what is no leaf.
    pub fn new(
        leaf: &[u8],
        opening: Option<&Opening>,
        index: u64,
        path: Vec<Hash>,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Self, ProofError> {
        Ok(Self {
            extra: Some(encode_extra(leaf, opening)?),
            index,
            path,
            checkpoint: checkpoint.to_string(),
        })
    }

    /// Reads a proof in its one spelling.
    ///
    /// # Errors
    /// Names the line that does not read.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofError::TooLong);
        }
        let mut lines = Lines::new(bytes)?;
        lines.take(FIRST_LINE, |line| (line == FIRST_LINE).then_some(()))?;
        let extra = lines.peek().and_then(|line| line.strip_prefix("extra "));
        let extra = match extra {
            Some(_) => Some(lines.take("extra in base64", |line| {
                canon::from_base64(line.strip_prefix("extra ")?)
            })?),
            None => None,
        };
        let index = lines.take("index and a plain decimal", |line| {
            canon::from_decimal(line.strip_prefix("index ")?)
        })?;
        let mut path = Vec::new();
        while lines.peek() != Some("") {
            if path.len() == MAX_PATH {
                return Err(lines.bad("a blank line: no path is as long"));
            }
            path.push(lines.take("a hash of 32 bytes in base64", |line| line.parse().ok())?);
        }
        lines.take("a blank line", |_| Some(()))?;
        let checkpoint = lines.rest;
        if !checkpoint.ends_with('\n') {
            return Err(lines.bad("a checkpoint"));
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Reads the checkpoint in it, to learn which log it is of.
    ///
    /// # Errors
    /// Where it does not read.
    pub fn signed_checkpoint(&self) -> Result<SignedCheckpoint, ProofError> {
        Ok(SignedCheckpoint::parse(self.checkpoint.as_bytes())?)
    }

    /// Verifies all of it: payload to leaf, leaf to root hash, root hash to the log's signature.
    ///
    /// Cosignatures are the caller's to count, on [`Proven::checkpoint`].
    ///
    /// # Errors
    /// The first step that fails.
    pub fn verify(&self, origin: &Origin, log_keys: &[VerifierKey]) -> Result<Proven, ProofError> {
        let checkpoint = self.signed_checkpoint()?.verify(origin, log_keys)?;
        let extra = self.extra.as_deref().ok_or(ProofError::NoLeaf)?;
        let (text, opening) = decode_extra(extra)?;
        let leaf = Leaf::parse(text)?;
        let hash = leaf_hash(text);
        let (size, root) = (checkpoint.size(), checkpoint.root());
        verify_inclusion(self.index, size, hash, &self.path, root)?;
        match (&leaf, &opening) {
            (Leaf::Summary { commit, .. }, Some(opening)) => opening.check(*commit)?,
            (Leaf::Summary { .. }, None) | (_, Some(_)) => return Err(ProofError::Payload),
            (_, None) => {}
        }
        Ok(Proven {
            leaf,
            index: self.index,
            opening,
            checkpoint,
        })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", canon::to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The lines of a proof up to its checkpoint, taken one by one.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, ProofError> {
        let text = |valid: &[u8]| ProofError::BadLine {
            line: valid.iter().filter(|b| **b == b'\n').count() + 1,
            expected: "UTF-8",
        };
        let rest = std::str::from_utf8(bytes).map_err(|e| text(&bytes[..e.valid_up_to()]))?;
        Ok(Self { rest, line: 1 })
    }

    fn bad(&self, expected: &'static str) -> ProofError {
        let line = self.line;
        ProofError::BadLine { line, expected }
    }

    /// Returns the next line, where there is one that ends.
    fn peek(&self) -> Option<&'a str> {
        self.rest.split_once('\n').map(|(line, _)| line)
    }

    fn take<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ProofError> {
        let (line, rest) = self
            .rest
            .split_once('\n')
            .ok_or_else(|| self.bad(expected))?;
        let value = read(line).ok_or_else(|| self.bad(expected))?;
        (self.rest, self.line) = (rest, self.line + 1);
        Ok(value)
    }
}

/// What opens a commitment: erased together when a summary is recalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Fresh randomness for this payload alone.
    pub salt: [u8; 32],
    /// The exact bytes of the summary.
    pub payload: Vec<u8>,
}

impl Opening {
    /// Returns the commitment it opens.
    pub fn commitment(&self) -> Hash {
        commitment(&self.salt, &self.payload)
    }

    /// Checks it against the commitment in a leaf.
    ///
    /// # Errors
    /// [`ProofError::Commitment`].
    pub fn check(&self, commit: Hash) -> Result<(), ProofError> {
        (self.commitment() == commit)
            .then_some(())
            .ok_or(ProofError::Commitment)
    }
}

fn encode_extra(leaf: &[u8], opening: Option<&Opening>) -> Result<Vec<u8>, ProofError> {
    let length = u16::try_from(leaf.len()).map_err(|_| LeafError::TooLong)?;
    let mut extra = length.to_be_bytes().to_vec();
    extra.extend_from_slice(leaf);
    if let Some(opening) = opening {
        extra.extend_from_slice(&opening.salt);
        extra.extend_from_slice(&opening.payload);
    }
    Ok(extra)
}

fn decode_extra(extra: &[u8]) -> Result<(&[u8], Option<Opening>), ProofError> {
    let (length, rest) = extra.split_first_chunk().ok_or(ProofError::NoLeaf)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (leaf, rest) = rest.split_at_checked(length).ok_or(ProofError::NoLeaf)?;
    if rest.is_empty() {
        return Ok((leaf, None));
    }
    let (salt, payload) = rest.split_first_chunk().ok_or(ProofError::Payload)?;
    let opening = Opening {
        salt: *salt,
        payload: payload.to_vec(),
    };
    Ok((leaf, Some(opening)))
}

/// What a verified proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The leaf.
    pub leaf: Leaf,
    /// Where it stands in its log.
    pub index: u64,
    /// A summary's salt and payload, which the leaf commits to.
    pub opening: Option<Opening>,
    /// The checkpoint that covers it, signed by its log.
    pub checkpoint: VerifiedCheckpoint,
}

#[cfg(test)]
mod tests {
    use super::super::path::{MemoryTree, inclusion_path};
    use super::*;
    use crate::identity::LogKey;
    use crate::identity::keys::log_verifier;
    use crate::model::{ConsortiumId, MemberId};
    use proptest::prelude::*;

    const INDEX: u64 = 2;

    fn ids() -> (ConsortiumId, MemberId) {
        let (consortium, member) = ("demo".parse(), "inpud".parse());
        (consortium.expect("an id"), member.expect("an id"))
    }

    fn opening() -> Opening {
        Opening {
            salt: [5; 32],
            payload: b"the summary".to_vec(),
        }
    }

    fn leaf(number: u64) -> String {
        let commit = opening().commitment();
        if number == INDEX {
            return format!(
                "counterfoil/leaf/v1\nsummary training/2018Q1 1\ndate 2018-04-12\n\
                 replaces -\naudience *\ncommit {commit}\n"
            );
        }
        format!("counterfoil/leaf/v1\nrecall {number} error\ndate 2018-04-12\n")
    }

    fn proof_of(index: u64, opening: Option<&Opening>) -> TlogProof {
        let mut tree = MemoryTree::new();
        tree.extend((0..5).map(|n| leaf_hash(leaf(n).as_bytes())));
        let (consortium, member) = ids();
        let key = LogKey::from_seed(&[1; 32]);
        let head = VerifiedCheckpoint::sign(&consortium, &member, &key, 5, tree.root());
        let path = inclusion_path(index, 5, &tree).expect("in range");
        TlogProof::new(
            leaf(index).as_bytes(),
            opening,
            index,
            path,
            head.as_signed(),
        )
        .expect("a short leaf")
    }

    fn verify(proof: &TlogProof) -> Result<Proven, ProofError> {
        let (consortium, member) = ids();
        let key = LogKey::from_seed(&[1; 32]).public_key();
        let key = log_verifier(&consortium, &member, key).expect("a point");
        proof.verify(&Origin::of(&consortium, &member), &[key])
    }

    #[test]
    fn a_summary_is_proved_with_its_payload() {
        let proof = proof_of(INDEX, Some(&opening()));
        let read = TlogProof::parse(proof.to_string().as_bytes()).expect("as written");
        assert_eq!(read, proof);
        let proven = verify(&read).expect("a true proof");
        assert_eq!((proven.index, proven.opening), (INDEX, Some(opening())));
    }

    #[test]
    fn other_leaves_are_proved_without_payload() {
        assert_eq!(verify(&proof_of(4, None)).map(|p| p.opening), Ok(None));
        assert_eq!(
            verify(&proof_of(4, Some(&opening()))),
            Err(ProofError::Payload)
        );
        assert_eq!(verify(&proof_of(INDEX, None)), Err(ProofError::Payload));
    }

    #[test]
    fn another_payload_is_refused() {
        let mut other = opening();
        other.payload[0] ^= 1;
        assert_eq!(
            verify(&proof_of(INDEX, Some(&other))),
            Err(ProofError::Commitment)
        );
    }

    #[test]
    fn a_proof_for_one_leaf_fails_for_another() {
        let mut proof = proof_of(3, None);
        proof.extra = proof_of(4, None).extra;
        assert_eq!(verify(&proof), Err(TreeError::NotIncluded.into()));
    }

    #[test]
    fn a_path_longer_than_any_tree_is_refused() {
        let mut proof = proof_of(4, None);
        proof.path = vec![Hash::EMPTY_ROOT; 64];
        assert!(TlogProof::parse(proof.to_string().as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_flipped_bit_verifies(at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = proof_of(INDEX, Some(&opening())).to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(TlogProof::parse(&bytes).and_then(|proof| verify(&proof)).is_err());
        }

        #[test]
        fn what_is_read_is_written_alike(
            text in "(extra [A-Za-z0-9+/]{4}\n)?index [0-9]{1,3}\n([A-Za-z0-9+/]{43}=\n){0,2}\n?[a-z\n]{0,5}\n",
        ) {
            let text = format!("{FIRST_LINE}\n{text}");
            if let Ok(proof) = TlogProof::parse(text.as_bytes()) {
                prop_assert_eq!(proof.to_string(), text);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = TlogProof::parse(&bytes);
            let _ = decode_extra(&bytes).map(|(leaf, opening)| {
                let again = encode_extra(leaf, opening.as_ref());
                assert_eq!(again.as_deref(), Ok(&bytes[..]));
            });
        }
    }
}
