//! Fingerprints as six words that can be read out over a bad line.
//!
//! Each word is consonant, vowel, consonant, vowel, such as `bade`: eleven bits of the SHA-256,
//! so six words carry 66 bits. They are made of syllables and not taken from a dictionary because
//! the people who compare them share no mother tongue. Letters that many of them hear alike (b and
//! p, k and c, o and u) never stand in one place.

use sha2::{Digest, Sha256};

/// First letter: four bits.
const ONSETS: &[u8; 16] = b"bdfgjklmnrstvwyz";
/// Second and fourth letter: two bits.
const VOWELS: &[u8; 4] = b"aeio";
/// Third letter: three bits.
const MIDDLES: &[u8; 8] = b"dlmnrstv";

const WORDS: usize = 6;
const BITS_PER_WORD: usize = 11;

/// Returns the six words that stand for `text`, separated by spaces.
///
/// # Example
/// ```
/// use counterfoil::charter::words;
/// let said = words::fingerprint("counterfoil/charter/v1\n");
/// assert_eq!(said.split(' ').count(), 6);
/// assert!(words::matches(&said.to_uppercase().replace(' ', "-"), "counterfoil/charter/v1\n"));
/// ```
pub fn fingerprint(text: &str) -> String {
    of_digest(&Sha256::digest(text).into())
}

/// Returns whether somebody who was told `given` was told the fingerprint of `text`: letters count
/// in any case, and spaces or dashes between the words.
pub fn matches(given: &str, text: &str) -> bool {
    let given: Vec<String> = given
        .split(|c: char| c.is_whitespace() || c == '-')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    given.join(" ") == fingerprint(text)
}

/// Returns the six words for the first 66 bits of a digest.
fn of_digest(digest: &[u8; 32]) -> String {
    let words: Vec<String> = (0..WORDS)
        .map(|nth| word(bits(digest, nth * BITS_PER_WORD)))
        .collect();
    words.join(" ")
}

/// Returns the eleven bits that start at bit `at`, the highest bit of the first byte being bit 0.
fn bits(digest: &[u8; 32], at: usize) -> usize {
    (at..at + BITS_PER_WORD).fold(0, |value, bit| {
        let set = digest[bit / 8] >> (7 - bit % 8) & 1;
        value << 1 | usize::from(set)
    })
}

fn word(value: usize) -> String {
    [
        ONSETS[value >> 7 & 15],
        VOWELS[value >> 5 & 3],
        MIDDLES[value >> 2 & 7],
        VOWELS[value & 3],
    ]
    .map(char::from)
    .iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_value_has_its_own_word() {
        let words: BTreeSet<String> = (0..1 << BITS_PER_WORD).map(word).collect();
        assert_eq!(words.len(), 2048);
    }

    #[test]
    fn the_words_follow_from_the_first_66_bits() {
        assert_eq!(of_digest(&[0; 32]), "bada bada bada bada bada bada");
        assert_eq!(of_digest(&[0xff; 32]), "zovo zovo zovo zovo zovo zovo");
        let mut digest = [0; 32];
        digest[1] = 0b0010_0000; // bit 10, the last of the first word
        assert_eq!(of_digest(&digest), "bade bada bada bada bada bada");
        digest[8] = 0b0100_0000; // bit 65, the last of the sixth
        assert_eq!(of_digest(&digest), "bade bada bada bada bada bade");
        digest[8] |= 0b0010_0000; // bit 66, beyond it
        assert_eq!(of_digest(&digest), "bade bada bada bada bada bade");
    }

    #[test]
    fn a_fingerprint_is_known_however_it_was_written_down() {
        let said = fingerprint("a\n");
        assert!(matches(&format!("  {}\n", said.replace(' ', " - ")), "a\n"));
        assert!(!matches(&said, "b\n"));
        assert!(!matches(&said[..said.len() - 5], "a\n"));
        assert!(!matches("", "a\n"));
    }
}
