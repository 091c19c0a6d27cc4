//! A second person's own word on a draft, where the node asks for one.
//!
//! The node keeps names and public keys; each private key is its owner's. A word belongs to one
//! digest, so a draft that changed has none; and to one rule, so that one given where three persons
//! were asked for does not count where two are. Whoever made the preview does not approve it: the
//! holder of the node's passphrase, or the person who claimed it.
//!
//! Nothing stored is believed: every signature is checked again whenever it is to count.

use serde::{Deserialize, Serialize};

use super::ReleaseError;
use crate::identity::{Act, PublicKey32, Word, canon};
use crate::model::{ConsortiumId, MemberId, steers_text};
use crate::store::{Changes, PrivateStore};

/// The part of the private database that holds the approvers' public keys by name.
const APPROVERS: u8 = 0x30;

/// The part that holds what persons said of drafts.
const WORDS: u8 = 0x31;

/// Most approvers of a node.
pub const MOST_APPROVERS: usize = 32;

/// Longest name of an approver, in bytes.
pub const LONGEST_NAME: usize = 200;

/// Of how many drafts it is remembered what was said, the newest.
const DRAFTS: usize = 256;

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// What they are called on this node.
    pub name: String,
    /// Their public key.
    pub key: PublicKey32,
}

/// The approvers of a node.
#[derive(Clone, Copy, Debug)]
pub struct Approvers<'a>(pub &'a PrivateStore);

impl Approvers<'_> {
    /// Returns them, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all(self) -> Result<Vec<Approver>, ReleaseError> {
        let mut all = Vec::new();
        for row in self.0.scan(APPROVERS, &[]) {
            let (name, key) = row?;
            let damaged = || ReleaseError::Log("an approver's key is damaged".to_owned());
            all.push(Approver {
                name: String::from_utf8(name).map_err(|_| damaged())?,
                key: PublicKey32(key.as_slice().try_into().map_err(|_| damaged())?),
            });
        }
        Ok(all)
    }

    /// Takes somebody in; `own` are the member's keys, which are no second person's. Durable when
    /// it returns.
    ///
    /// # Errors
    /// When the name is taken or none, the key is somebody's already or unusable, or there are too
    /// many.
    pub fn add(
        self,
        name: &str,
        key: PublicKey32,
        own: &[PublicKey32],
    ) -> Result<(), ReleaseError> {
        check_name(name)?;
        let all = self.all()?;
        if all.iter().any(|one| one.name == name) {
            return Err(ReleaseError::ApproverExists(name.to_owned()));
        }
        if let Some(one) = all.iter().find(|one| one.key == key) {
            return Err(ReleaseError::KeyTaken(one.name.clone()));
        }
        if own.contains(&key) {
            return Err(ReleaseError::OwnKey);
        }
        if !key.can_sign() {
            return Err(ReleaseError::UnusableKey);
        }
        if all.len() >= MOST_APPROVERS {
            return Err(ReleaseError::TooManyApprovers);
        }
        let mut changes = Changes::new();
        changes.put(APPROVERS, name.as_bytes(), key.0.to_vec());
        Ok(self.0.apply(changes)?)
    }

    /// Lets somebody go; what they approved no longer counts. Durable when it returns.
    ///
    /// # Errors
    /// When there is nobody of this name.
    pub fn remove(self, name: &str) -> Result<(), ReleaseError> {
        self.key_of(name)?;
        let mut changes = Changes::new();
        changes.delete(APPROVERS, name.as_bytes());
        Ok(self.0.apply(changes)?)
    }

    fn key_of(self, name: &str) -> Result<PublicKey32, ReleaseError> {
        let all = self.all()?;
        let found = all.into_iter().find(|one| one.name == name);
        found
            .map(|one| one.key)
            .ok_or_else(|| ReleaseError::UnknownApprover(name.to_owned()))
    }
}

/// Checks that a text can name an approver.
///
/// # Errors
/// When it is empty or too long, has blanks around it, or would steer a screen.
pub fn check_name(name: &str) -> Result<(), ReleaseError> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(steers_text);
    fits.then_some(()).ok_or(ReleaseError::BadName)
}

/// Whose drafts are approved, and how many persons that takes.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// The consortium.
    pub consortium: &'a ConsortiumId,
    /// The member.
    pub member: &'a MemberId,
    /// Persons asked for in all: the one who made the preview and publishes it, and others.
    pub persons: u32,
}

impl<'a> Rule<'a> {
    const fn word(self, act: Act, digest: &'a str) -> Word<'a> {
        Word {
            act,
            consortium: self.consortium,
            member: self.member,
            digest,
        }
    }

    const fn approve(self) -> Act {
        Act::Approve {
            persons: self.persons,
        }
    }
}

/// How a draft stands to the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who approved it, so that it counts.
    pub approved_by: Vec<String>,
    /// Which approvers made the preview themselves.
    pub previewed_by: Vec<String>,
    /// Persons asked for in all.
    pub needed: u32,
    /// Approvals that are missing.
    pub missing: u32,
}

/// What persons said of drafts.
#[derive(Clone, Copy, Debug)]
pub struct Approvals<'a> {
    /// Where it is kept.
    pub store: &'a PrivateStore,
    /// What it is held against.
    pub rule: Rule<'a>,
}

impl Approvals<'_> {
    /// Returns how a draft stands.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn standing(&self, digest: &str) -> Result<Standing, ReleaseError> {
        let said = self.said()?;
        let said = said.iter().find(|said| said.digest == digest);
        let words = said.map_or(&[][..], |said| &said.words);
        let approvers = Approvers(self.store).all()?;
        let who = |act| -> Vec<String> {
            let word = self.rule.word(act, digest);
            let signed = approvers.iter().filter(|one| {
                let mut of_one = words.iter().filter(|signed| signed.name == one.name);
                of_one.any(|signed| {
                    let signature = canon::from_base64(&signed.signature);
                    signature.is_some_and(|signature| word.is_signed(one.key, &signature))
                })
            });
            signed.map(|one| one.name.clone()).collect()
        };
        let previewed_by = who(Act::Preview);
        let mut approved_by = who(self.rule.approve());
        approved_by.retain(|name| !previewed_by.contains(name));
        let others = u32::try_from(approved_by.len()).unwrap_or(u32::MAX);
        let needed = self.rule.persons;
        Ok(Standing {
            missing: needed.saturating_sub(1).saturating_sub(others),
            needed,
            approved_by,
            previewed_by,
        })
    }

    /// Takes in that somebody approves a draft. Durable when it returns.
    ///
    /// # Errors
    /// When nobody of this name is registered, they made the preview, or the signature is not
    /// theirs.
    pub fn approve(
        &self,
        digest: &str,
        name: &str,
        signature: &[u8],
    ) -> Result<Standing, ReleaseError> {
        let previewed_by = self.standing(digest)?.previewed_by;
        if previewed_by.iter().any(|one| one == name) {
            return Err(ReleaseError::OwnPreview(name.to_owned()));
        }
        self.take(self.rule.approve(), digest, name, signature)
    }

    /// Takes in that somebody made the preview of a draft, and so does not approve it. Durable when
    /// it returns.
    ///
    /// # Errors
    /// When nobody of this name is registered, or the signature is not theirs.
    pub fn claim(
        &self,
        digest: &str,
        name: &str,
        signature: &[u8],
    ) -> Result<Standing, ReleaseError> {
        self.take(Act::Preview, digest, name, signature)
    }

    fn take(
        &self,
        act: Act,
        digest: &str,
        name: &str,
        signature: &[u8],
    ) -> Result<Standing, ReleaseError> {
        let key = Approvers(self.store).key_of(name)?;
        if !self.rule.word(act, digest).is_signed(key, signature) {
            return Err(ReleaseError::NotTheirKey(name.to_owned()));
        }
        let mut all = self.said()?;
        let at = all.iter().position(|said| said.digest == digest);
        let before = at.map(|at| all.remove(at).words);
        all.push(Said {
            digest: digest.to_owned(),
            words: with(before.unwrap_or_default(), name, signature),
        });
        let surplus = all.len().saturating_sub(DRAFTS);
        let bytes = serde_json::to_vec(&all[surplus..]).map_err(ReleaseError::Ledger)?;
        let mut changes = Changes::new();
        changes.put(WORDS, &[], bytes);
        self.store.apply(changes)?;
        self.standing(digest)
    }

    fn said(&self) -> Result<Vec<Said>, ReleaseError> {
        match self.store.get(WORDS, &[])? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(Vec::new()),
        }
    }
}

/// Returns what was said with one more word, each once. Under rules that came and went somebody may
/// have said more than one; the newest stay.
fn with(mut words: Vec<Signed>, name: &str, signature: &[u8]) -> Vec<Signed> {
    let signature = canon::to_base64(signature);
    words.retain(|signed| signed.signature != signature);
    words.push(Signed {
        name: name.to_owned(),
        signature,
    });
    let surplus = words.len().saturating_sub(4 * MOST_APPROVERS);
    words.split_off(surplus)
}

/// What was said of one draft.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    digest: String,
    words: Vec<Signed>,
}

/// One person's word; which one it is shows from what the signature fits.
#[derive(Debug, Serialize, Deserialize)]
struct Signed {
    name: String,
    /// Base64.
    signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ApproverKey;
    use crate::store::{DataKey, os_entropy};

    /// A private plane with Ana and Binh as approvers.
    struct Book {
        _dir: tempfile::TempDir,
        store: PrivateStore,
        consortium: ConsortiumId,
        member: MemberId,
    }

    fn key(number: u8) -> ApproverKey {
        ApproverKey::from_seed(&[number; 32])
    }

    impl Book {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            let data_key = DataKey::generate(os_entropy).expect("randomness");
            let store = PrivateStore::open(&dir.path().join("private"), &data_key, os_entropy);
            let book = Self {
                store: store.expect("a store"),
                consortium: "walk".parse().expect("an id"),
                member: "inpud".parse().expect("an id"),
                _dir: dir,
            };
            for (name, number) in [("Ana", 1), ("Binh", 2)] {
                book.add(name, number).expect("taken in");
            }
            book
        }

        fn add(&self, name: &str, number: u8) -> Result<(), ReleaseError> {
            let own = [key(9).public_key()];
            Approvers(&self.store).add(name, key(number).public_key(), &own)
        }

        fn asking(&self, persons: u32) -> Approvals<'_> {
            Approvals {
                store: &self.store,
                rule: Rule {
                    consortium: &self.consortium,
                    member: &self.member,
                    persons,
                },
            }
        }
    }

    impl Approvals<'_> {
        fn signs(&self, act: Act, digest: &str, number: u8) -> Vec<u8> {
            key(number).sign(self.rule.word(act, digest))
        }

        fn says_yes(&self, digest: &str, name: &str, number: u8) -> Result<u32, ReleaseError> {
            let signature = self.signs(self.rule.approve(), digest, number);
            Ok(self.approve(digest, name, &signature)?.missing)
        }

        fn missing(&self, digest: &str) -> u32 {
            self.standing(digest).expect("readable").missing
        }
    }

    #[test]
    fn every_person_counts_once_for_one_digest() {
        let book = Book::new();
        let three = book.asking(3);
        assert_eq!(three.missing("d1"), 2);
        assert_eq!(three.says_yes("d1", "Ana", 1).expect("taken"), 1);
        assert_eq!(three.says_yes("d1", "Ana", 1).expect("taken"), 1);
        assert_eq!(three.says_yes("d1", "Binh", 2).expect("taken"), 0);
        assert_eq!(three.missing("d2"), 2);
        assert_eq!(book.asking(1).missing("d2"), 0);
        // Said under another rule, it was said of something else.
        assert_eq!(book.asking(2).missing("d1"), 1);
    }

    #[test]
    fn whoever_made_the_preview_does_not_approve_it() {
        let book = Book::new();
        let two = book.asking(2);
        let claimed = two.claim("d1", "Ana", &two.signs(Act::Preview, "d1", 1));
        assert_eq!(claimed.expect("claimed").previewed_by, ["Ana"]);
        let refused = two.says_yes("d1", "Ana", 1);
        assert!(matches!(refused, Err(ReleaseError::OwnPreview(_))));
        assert_eq!(two.says_yes("d1", "Binh", 2).expect("taken"), 0);
        // Claimed after it was approved, it is approved no longer.
        let claimed = two.claim("d1", "Binh", &two.signs(Act::Preview, "d1", 2));
        assert_eq!(claimed.expect("claimed").missing, 1);
        assert_eq!(two.says_yes("d2", "Ana", 1).expect("taken"), 0);
    }

    #[test]
    fn a_key_that_is_not_registered_approves_nothing() {
        let book = Book::new();
        let two = book.asking(2);
        let refused = two.says_yes("d1", "Ana", 2);
        assert!(matches!(refused, Err(ReleaseError::NotTheirKey(_))));
        let refused = two.says_yes("d1", "Carla", 3);
        assert!(matches!(refused, Err(ReleaseError::UnknownApprover(_))));
        let preview = two.signs(Act::Preview, "d1", 1);
        assert!(two.approve("d1", "Ana", &preview).is_err());
        two.says_yes("d1", "Ana", 1).expect("taken");
        Approvers(&book.store).remove("Ana").expect("there");
        assert_eq!(two.missing("d1"), 1);
        // Another key under the same name is another person.
        book.add("Ana", 4).expect("taken in");
        assert_eq!(two.missing("d1"), 1);
    }

    #[test]
    fn one_person_is_one_approver() {
        let book = Book::new();
        let refused = |name: &str, number: u8| book.add(name, number).expect_err("refused");
        assert!(matches!(refused("Ana", 3), ReleaseError::ApproverExists(_)));
        assert!(matches!(refused("Ann", 1), ReleaseError::KeyTaken(_)));
        assert!(matches!(refused("Self", 9), ReleaseError::OwnKey));
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in ["", " Ana", "a\nb", "a\u{202e}b", &long] {
            assert!(
                matches!(refused(name, 3), ReleaseError::BadName),
                "{name:?}"
            );
        }
        let weak = PublicKey32([0; 32]);
        let refused = Approvers(&book.store).add("Weak", weak, &[]);
        assert!(matches!(refused, Err(ReleaseError::UnusableKey)));
        assert_eq!(Approvers(&book.store).all().expect("readable").len(), 2);
        assert!(Approvers(&book.store).remove("Nobody").is_err());
    }

    #[test]
    fn what_was_said_of_old_drafts_is_let_go() {
        let book = Book::new();
        let two = book.asking(2);
        for draft in 0..=DRAFTS {
            two.says_yes(&format!("d{draft}"), "Ana", 1).expect("taken");
        }
        assert_eq!((two.missing("d0"), two.missing("d1")), (1, 0));
    }
}
