//! The code on the recovery sheet: it opens the vault as a passphrase does, and is made to be copied
//! from paper.
//!
//! Thirty-two letters and digits in eight groups: 140 random bits, and 20 that tell a slip of the
//! pen from another code. The letters are Crockford's base 32: `I`, `L` and `O` read as `1`, `1` and
//! `0`, there is no `U`, and small letters, blanks and dashes make no difference.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Entropy, StoreError};

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters that are chance, and letters that check them.
const RANDOM: usize = 28;
const CHECK: usize = 4;
const GROUP: usize = 4;
const LABEL: &[u8] = b"counterfoil/recovery/v1\n";

/// What stands before the code on a sheet.
const MARKER: &str = "Recovery code:";

/// What stands before the key on a sheet.
const KEY_MARKER: &str = "Recovery key:";

/// A code that opens a lost book. Wiped when dropped; printed only on purpose.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

/// A text that is no recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCode {
    /// It has another length, or letters that no code has.
    #[error("a recovery code has 32 letters and digits in groups of four")]
    Form,
    /// A letter is not the one that was written down.
    #[error("the recovery code has a slip in it: it does not match its own check letters")]
    Check,
    /// The sheet has none.
    #[error("there is no recovery code on this sheet")]
    Missing,
}

impl RecoveryCode {
    /// Makes a new code.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: Entropy) -> Result<Self, StoreError> {
        let mut random = Zeroizing::new([0; RANDOM]);
        entropy(random.as_mut_slice()).map_err(StoreError::Entropy)?;
        let mut letters = Zeroizing::new(String::with_capacity(RANDOM + CHECK));
        // A byte is as many times a multiple of 32, so every letter is as likely.
        random
            .iter()
            .for_each(|byte| letters.push(letter(u32::from(*byte))));
        let check = check(&letters);
        letters.push_str(&check);
        Ok(Self(letters))
    }

    /// Reads a code as somebody typed it.
    ///
    /// # Errors
    /// Says whether it is none, or has a slip in it.
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        let mut letters = Zeroizing::new(String::with_capacity(RANDOM + CHECK));
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                c => c,
            };
            if !c.is_ascii() || !LETTERS.contains(&(c as u8)) || letters.len() >= RANDOM + CHECK {
                return Err(BadCode::Form);
            }
            letters.push(c);
        }
        if letters.len() != RANDOM + CHECK {
            return Err(BadCode::Form);
        }
        let (random, said) = letters.split_at(RANDOM);
        if check(random) != said {
            return Err(BadCode::Check);
        }
        Ok(Self(letters))
    }

    /// Finds the code on a sheet, or takes a text that is nothing but a code.
    ///
    /// # Errors
    /// As [`RecoveryCode::parse`], and where there is none.
    pub fn from_sheet(text: &str) -> Result<Self, BadCode> {
        let Some((_, after)) = text.split_once(MARKER) else {
            return Self::parse(text).map_err(|error| match error {
                BadCode::Form => BadCode::Missing,
                error => error,
            });
        };
        let mut lines = after.lines().map(str::trim);
        let line = lines.find(|line| !line.is_empty());
        Self::parse(line.unwrap_or_default())
    }

    /// Returns the code in one spelling, for the one who derives keys from it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the code in groups, for paper.
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(RANDOM + CHECK + 8));
        for (at, c) in self.0.chars().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(c);
        }
        text
    }

    /// Returns the sheet to be kept on paper. `key` is the governor's recovery key, where it is
    /// known: only when the node is made.
    pub fn sheet(&self, key: Option<&str>) -> Zeroizing<String> {
        let mut sheet = Zeroizing::new(format!(
            "RECOVERY SHEET\n\n\
             Keep this on paper, away from the node, where nobody else finds it. It does not say\n\
             whose it is. Remove the file once it is printed or copied by hand.\n\n\
             {MARKER}\n\n    {}\n\n\
             It opens the book when every passphrase is forgotten. To choose a new passphrase:\n\
             write the code into a file and run\n\
             \x20   counterfoil passphrase change --recovery-file FILE\n\
             Small letters, blanks and dashes make no difference. Whoever has it and the node's\n\
             disk can read everything.\n",
            *self.grouped()
        ));
        if let Some(key) = key {
            sheet.push_str(&format!(
                "\n{KEY_MARKER}\n\n    {key}\n\n\
                 It signs charters in the network's place when the node itself is lost. Whoever has\n\
                 it can do the same.\n"
            ));
        }
        sheet
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

fn letter(number: u32) -> char {
    char::from(LETTERS[(number % 32) as usize])
}

/// Returns the letters that check others: the first 20 bits of their hash.
fn check(letters: &str) -> String {
    let hash = Sha256::new()
        .chain_update(LABEL)
        .chain_update(letters)
        .finalize();
    let bits = u32::from_be_bytes([0, hash[0], hash[1], hash[2]]) >> 4;
    let at = |n: u32| letter(bits >> (15 - 5 * n));
    (0..4).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::os_entropy;

    #[test]
    fn a_code_is_read_however_it_was_copied() {
        let code = RecoveryCode::generate(os_entropy).unwrap();
        let grouped = code.grouped();
        assert_eq!(grouped.len(), 39);
        let spellings = [
            grouped.to_string(),
            grouped.to_lowercase(),
            grouped.replace('-', " "),
            code.as_str().replace('1', "l").replace('0', "O"),
            format!("  {}\n", *grouped),
        ];
        for spelling in spellings {
            let read = RecoveryCode::from_sheet(&spelling).expect("the same code");
            assert_eq!(read.as_str(), code.as_str());
        }
    }

    #[test]
    fn a_sheet_has_its_code_and_its_key() {
        let code = RecoveryCode::generate(os_entropy).unwrap();
        for key in [None, Some("cm9ja2V0")] {
            let sheet = code.sheet(key);
            let read = RecoveryCode::from_sheet(&sheet).expect("a code");
            assert_eq!(read.as_str(), code.as_str());
            assert_eq!(sheet.contains("cm9ja2V0"), key.is_some());
            assert!(sheet.lines().all(|line| line.len() <= 90), "{}", *sheet);
        }
        // What earlier versions wrote has the key alone.
        let old = RecoveryCode::from_sheet("9vw6vFgcZwMRmGmTfNE5Yw7Zb1Wv0C5n3Q8ZJmA1b2c=\n");
        assert_eq!(old.unwrap_err(), BadCode::Missing);
    }

    #[test]
    fn the_check_letters_never_change() {
        // Codes on paper rest on this. Computed with Python's hashlib.
        assert_eq!(check("0000000000000000000000000000"), "6C9F");
    }

    proptest::proptest! {
        #[test]
        fn one_slip_is_noticed(at in 0_usize..32, other in 0_usize..32) {
            let code = RecoveryCode::generate(os_entropy).unwrap();
            let mut letters = code.as_str().as_bytes().to_vec();
            let is_slip = letters[at] != LETTERS[other];
            letters[at] = LETTERS[other];
            let read = RecoveryCode::parse(std::str::from_utf8(&letters).unwrap());
            proptest::prop_assert_eq!(read.is_err(), is_slip);
        }

        #[test]
        fn any_text_is_a_code_or_refused(text in ".{0,80}") {
            if let Ok(code) = RecoveryCode::from_sheet(&text) {
                proptest::prop_assert_eq!(code.as_str().len(), RANDOM + CHECK);
            }
        }
    }
}
