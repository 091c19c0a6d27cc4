//! Signed notes: a text, a blank line, and signature lines anyone may add to.
//!
//! Source: C2SP signed-note v1.0.0, and tlog-cosignature for lines that carry a time.

use std::fmt;
use std::str::FromStr;

use super::canon;
use super::vkey::{KeyId, KeyName, PublicKey32, SignatureKind, VerifierKey};

/// Why a note was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is longer than its reader accepts.
    #[error("the note is longer than {limit} bytes")]
    TooLong {
        /// Most bytes accepted.
        limit: usize,
    },
    /// The bytes are not UTF-8, or hold a control character.
    #[error("the note is not plain text: UTF-8 without control characters, lines ended by LF")]
    NotPlainText,
    /// The text is empty or its last line is not ended.
    #[error("the note's text does not end in a line feed")]
    UnendedText,
    /// No blank line with signature lines after it.
    #[error("the note is not signed: no blank line followed by signature lines")]
    Unsigned,
    /// A line that is not `— name base64`.
    #[error("signature line {line} does not read: em dash, name, signature in base64")]
    BadLine {
        /// Counted from 1 after the blank line.
        line: usize,
    },
    /// More signature lines than are read.
    #[error("the note has more than {MAX_SIGNATURES} signature lines")]
    TooManySignatures,
    /// Two notes to be merged say different things.
    #[error("the notes have different texts, so their signatures cannot be merged")]
    OtherText,
    /// Two of the known keys answer to one name and id.
    #[error("two known keys answer to {name}; give each key once")]
    AmbiguousKey {
        /// The name they share.
        name: KeyName,
    },
    /// A line by a known key does not verify.
    #[error("the signature by {name} does not verify")]
    BadSignature {
        /// The key's name.
        name: KeyName,
    },
    /// No line is by a known key.
    #[error("the note is signed by no known key")]
    NoKnownSignature,
}

/// Most signature lines a note may have; C2SP asks for at least 16.
pub const MAX_SIGNATURES: usize = 100;

/// U+2014, never the shorter dash that looks like it.
const DASH: &str = "\u{2014} ";

/// A text with the signature lines under it, as yet unverified.
///
/// # Example
/// ```
/// use counterfoil::identity::{GovernorKey, SignedNote};
/// let key = GovernorKey::from_seed(&[7; 32]);
/// let signer = key.signer(&"demo".parse().unwrap(), &"inpud".parse().unwrap());
/// let mut note = SignedNote::new("Nothing about us without us.\n".to_owned()).unwrap();
/// note.add(signer.sign(note.text())).unwrap();
/// let again = SignedNote::parse(note.to_string().as_bytes(), 1024).unwrap();
/// assert!(again.verify(&[signer.verifier_key().clone()]).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Returns a note nobody has signed yet; it is written as its text alone.
    ///
    /// # Errors
    /// Where the text is not plain or its last line is not ended.
    pub fn new(text: String) -> Result<Self, NoteError> {
        check_text(&text)?;
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note of at most `limit` bytes with one signature line or more.
    ///
    /// # Errors
    /// What is wrong with it; the signatures themselves are not verified here.
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Self, NoteError> {
        let whole = plain_text(bytes, limit)?;
        // The text may hold blank lines itself: the last one separates.
        let blank = whole.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let mut note = Self::new(whole[..=blank].to_owned())?;
        let block = &whole[blank + 2..];
        if block.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let count = block.matches('\n').count();
        if count > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let lines = block
            .strip_suffix('\n')
            .ok_or(NoteError::BadLine { line: count + 1 })?;
        for (at, line) in lines.split('\n').enumerate() {
            let line = SignatureLine::parse(line).ok_or(NoteError::BadLine { line: at + 1 })?;
            note.signatures.push(line);
        }
        Ok(note)
    }

    /// Reads a note that may not be signed yet: a text without signature lines is one too.
    ///
    /// # Errors
    /// As [`SignedNote::parse`].
    pub fn parse_draft(bytes: &[u8], limit: usize) -> Result<Self, NoteError> {
        let whole = plain_text(bytes, limit)?;
        if whole.lines().any(|line| line.starts_with(DASH)) {
            return Self::parse(bytes, limit);
        }
        Self::new(whole.to_owned())
    }

    /// Returns what is signed, with its final line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the signature lines in their order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a line; one that is there already changes nothing.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] when there is no room for it.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        if self.signatures.contains(&line) {
            return Ok(());
        }
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// Adds the signature lines of another copy of the same text.
    ///
    /// # Errors
    /// Where the texts differ or the lines do not fit; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), NoteError> {
        if self.text != other.text {
            return Err(NoteError::OtherText);
        }
        let mut merged = self.clone();
        for line in &other.signatures {
            merged.add(line.clone())?;
        }
        *self = merged;
        Ok(())
    }

    /// Verifies the note: every line by a known key must verify, and one at least must be.
    /// Lines by unknown keys say nothing.
    ///
    /// # Errors
    /// Names the key whose line failed, or says that none was known.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Verified, NoteError> {
        let signatures = self.signatures_by(keys)?;
        if signatures.is_empty() {
            return Err(NoteError::NoKnownSignature);
        }
        let known = |line: &SignatureLine| keys.iter().any(|key| line.is_by(key));
        let mut unknown: Vec<_> = Vec::new();
        for line in self.signatures.iter().filter(|line| !known(line)) {
            if !unknown.contains(line) {
                unknown.push(line.clone());
            }
        }
        Ok(Verified {
            signatures,
            unknown,
        })
    }

    /// Returns the signatures by known keys, possibly none, one per key. Of several cosignatures by
    /// one key the newest is returned.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] for a line by a known key that does not verify,
    /// [`NoteError::AmbiguousKey`] where two of `keys` answer to it.
    pub fn signatures_by(&self, keys: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteError> {
        let mut found: Vec<VerifiedSignature> = Vec::new();
        for (at, line) in self.signatures.iter().enumerate() {
            if self.signatures[..at].contains(line) {
                continue;
            }
            let mut known = keys.iter().filter(|key| line.is_by(key));
            let Some(key) = known.next() else {
                continue;
            };
            let name = key.name();
            if known.next().is_some() {
                return Err(NoteError::AmbiguousKey { name: name.clone() });
            }
            let time = line
                .verify(key, &self.text)
                .ok_or_else(|| NoteError::BadSignature { name: name.clone() })?;
            match found.iter_mut().find(|s| s.is_by(key)) {
                Some(earlier) if earlier.time >= time => {}
                Some(earlier) => (earlier.time, earlier.line) = (time, line.clone()),
                None => found.push(VerifiedSignature {
                    key: key.public_key(),
                    time,
                    line: line.clone(),
                }),
            }
        }
        Ok(found)
    }
}

fn plain_text(bytes: &[u8], limit: usize) -> Result<&str, NoteError> {
    if bytes.len() > limit {
        return Err(NoteError::TooLong { limit });
    }
    std::str::from_utf8(bytes).map_err(|_| NoteError::NotPlainText)
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::NotPlainText);
    }
    if !text.ends_with('\n') {
        return Err(NoteError::UnendedText);
    }
    Ok(())
}

impl fmt::Display for SignedNote {
    /// Writes the note byte for byte as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if !self.signatures.is_empty() {
            f.write_str("\n")?;
        }
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// One signature under a note: `— name base64(id || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    pub(super) fn new(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self {
            name: key.name().clone(),
            id: key.id(),
            signature,
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix(DASH)?.split_once(' ')?;
        let name = KeyName::from_str(name).ok()?;
        let blob = canon::from_base64(blob)?;
        let (id, signature) = blob.split_first_chunk()?;
        (!signature.is_empty()).then(|| Self {
            name,
            id: KeyId(*id),
            signature: signature.to_vec(),
        })
    }

    /// Returns the name it is given under.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the id of the key it says it is by.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns whether it says it is by `key`: name and id both count.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }

    /// Returns the time it was cosigned at (`Some(None)` for a plain signature), or `None` when it
    /// does not verify.
    fn verify(&self, key: &VerifierKey, text: &str) -> Option<Option<u64>> {
        match key.kind() {
            SignatureKind::Ed25519 => key
                .verifies(text.as_bytes(), &self.signature)
                .then_some(None),
            SignatureKind::Cosignature => {
                let (time, signature) = self.signature.split_first_chunk()?;
                let time = u64::from_be_bytes(*time);
                key.verifies(cosigned_text(time, text).as_bytes(), signature)
                    .then_some(Some(time))
            }
        }
    }
}

/// Returns what a cosignature at `time` (POSIX seconds) is over.
pub(super) fn cosigned_text(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.id.0.to_vec();
        blob.extend_from_slice(&self.signature);
        write!(f, "{DASH}{} {}", self.name, canon::to_base64(&blob))
    }
}

/// What verifying a note showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// By known keys, one per key, in the note's order; never empty.
    pub signatures: Vec<VerifiedSignature>,
    /// Distinct lines by keys that are not known; they prove nothing.
    pub unknown: Vec<SignatureLine>,
}

/// A signature that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// The key it is by; count these and not names or ids, which one key may have several of.
    pub key: PublicKey32,
    /// When a cosignature was made, in POSIX seconds; `None` for a plain signature.
    pub time: Option<u64>,
    /// The line itself.
    pub line: SignatureLine,
}

impl VerifiedSignature {
    /// Returns the name it was given under.
    pub fn name(&self) -> &KeyName {
        self.line.name()
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.key == key.public_key() && self.line.is_by(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{GovernorKey, WitnessKey};
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "Nothing about us\n\nwithout us.\n";

    fn governor(seed: u8, member: &str) -> (SignatureLine, VerifierKey) {
        let key = GovernorKey::from_seed(&[seed; 32]);
        let signer = key.signer(
            &"demo".parse().expect("an id"),
            &member.parse().expect("an id"),
        );
        (signer.sign(TEXT), signer.verifier_key().clone())
    }

    fn note(lines: &[&SignatureLine]) -> SignedNote {
        let mut note = SignedNote::new(TEXT.to_owned()).expect("plain text");
        for line in lines {
            note.add((*line).clone()).expect("few lines");
        }
        note
    }

    #[test]
    fn the_last_blank_line_separates() {
        let (line, key) = governor(1, "inpud");
        let read = SignedNote::parse(note(&[&line]).to_string().as_bytes(), 1024).expect("a note");
        assert_eq!(read.text(), TEXT);
        assert_eq!(
            read.verify(&[key]).expect("signed").signatures[0].line,
            line
        );
    }

    #[test]
    fn an_en_dash_is_no_em_dash() {
        let (line, _) = governor(1, "inpud");
        let text = note(&[&line]).to_string().replace('\u{2014}', "\u{2013}");
        assert_eq!(
            SignedNote::parse(text.as_bytes(), 1024),
            Err(NoteError::BadLine { line: 1 })
        );
    }

    #[test]
    fn copies_of_a_note_merge() {
        let ((one, _), (two, _)) = (governor(1, "inpud"), governor(2, "anpud"));
        let mut first = note(&[&one]);
        first.merge(&note(&[&two, &one])).expect("the same text");
        assert_eq!(first, note(&[&one, &two]));
        let other = SignedNote::new("Something else.\n".to_owned()).expect("plain text");
        assert_eq!(first.merge(&other), Err(NoteError::OtherText));
    }

    #[test]
    fn a_known_key_that_fails_rejects_the_note() {
        let ((one, key_one), (two, key_two)) = (governor(1, "inpud"), governor(2, "anpud"));
        let mut bad = two;
        bad.signature[5] ^= 1;
        let both = note(&[&one, &bad]);
        assert!(both.verify(std::slice::from_ref(&key_one)).is_ok());
        let name = key_two.name().clone();
        assert_eq!(
            both.verify(&[key_one, key_two]),
            Err(NoteError::BadSignature { name })
        );
    }

    #[test]
    fn sixteen_lines_are_read_and_a_hundred_and_one_are_not() {
        let (line, key) = governor(1, "inpud");
        let mut text = note(&[&line]).to_string();
        while text.matches(DASH).count() < MAX_SIGNATURES {
            text.push_str(&format!("{line}\n"));
        }
        let read = SignedNote::parse(text.as_bytes(), 1 << 20).expect("a hundred lines");
        assert_eq!(read.verify(&[key]).expect("signed").signatures.len(), 1);
        text.push_str(&format!("{line}\n"));
        assert_eq!(
            SignedNote::parse(text.as_bytes(), 1 << 20),
            Err(NoteError::TooManySignatures)
        );
    }

    #[test]
    fn the_newest_cosignature_of_a_key_counts() {
        let key = WitnessKey::from_seed(&[3; 32]);
        let cosigner = key.cosigner(
            &"demo".parse().expect("an id"),
            &"anpud".parse().expect("an id"),
        );
        let lines = [7, 9, 8].map(|time| cosigner.cosign(TEXT, time));
        let found = note(&lines.each_ref())
            .signatures_by(std::slice::from_ref(cosigner.verifier_key()))
            .expect("all verify");
        assert_eq!(found.iter().map(|s| s.time).collect::<Vec<_>>(), [Some(9)]);
    }

    #[test]
    fn a_draft_is_its_text() {
        let draft = SignedNote::parse_draft(TEXT.as_bytes(), 1024).expect("a draft");
        assert_eq!(draft.to_string(), TEXT);
        assert_eq!(
            SignedNote::parse(TEXT.as_bytes(), 1024),
            Err(NoteError::BadLine { line: 1 })
        );
        let (line, _) = governor(1, "inpud");
        let signed = note(&[&line]);
        assert_eq!(
            SignedNote::parse_draft(signed.to_string().as_bytes(), 1024),
            Ok(signed)
        );
    }

    #[test]
    fn a_note_over_its_readers_limit_is_refused() {
        assert_eq!(
            SignedNote::parse(b"abc", 2),
            Err(NoteError::TooLong { limit: 2 })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SignedNote::parse(&bytes, 1024);
            let _ = SignedNote::parse_draft(&bytes, 1024);
        }

        #[test]
        fn what_is_read_is_written_alike(
            text in "([a-z \n\u{2014}]{0,20}\n){1,3}",
            lines in proptest::collection::vec("\u{2014} [a-z+ ]{1,4} [A-Za-z0-9+/]{6}[A-Za-z0-9+/=]{2}", 1..4),
        ) {
            let whole = format!("{text}\n{}\n", lines.join("\n"));
            if let Ok(note) = SignedNote::parse(whole.as_bytes(), 1024) {
                prop_assert_eq!(note.to_string(), whole);
            }
        }

        #[test]
        fn a_changed_byte_is_noticed(at in 0..TEXT.len() - 1) {
            let (line, key) = governor(1, "inpud");
            let mut bytes = note(&[&line]).to_string().into_bytes();
            bytes[at] ^= 1;
            if let Ok(note) = SignedNote::parse(&bytes, 1024) {
                prop_assert!(note.verify(&[key]).is_err());
            }
        }
    }
}
