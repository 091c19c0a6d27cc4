//! What in a sentence may reach a person: addresses and telephone numbers.

use std::sync::LazyLock;

use regex::Regex;

/// Fewest digits that may be a telephone number.
const PHONE_DIGITS: usize = 7;

/// Returns what has an `@`, or a word for it, between two parts.
pub(super) fn emails(text: &str) -> Vec<&str> {
    let signs = [
        "@", "\u{ff20}", "(at)", "[at]", "{at}", "<at>", "|at|", "_at_",
    ];
    let has_sign = |word: &&str| {
        let word = word.to_lowercase();
        signs.iter().any(|sign| word.contains(sign))
    };
    let mut found: Vec<&str> = text.split(' ').filter(has_sign).collect();
    if found.is_empty() {
        found.extend(SPOKEN.find_iter(text).map(|spoken| spoken.as_str()));
    }
    found
}

/// Returns what has the shape of a host's name or of a URL, beside `emails`.
pub(super) fn links<'t>(text: &'t str, emails: &[&str]) -> Vec<&'t str> {
    let is_new = |word: &&str| !emails.iter().any(|email| email.contains(*word));
    let words = text.split(' ').filter(is_new);
    words.filter(|word| LINK.is_match(word)).collect()
}

/// Returns runs of digits that are long enough for a telephone number and neither dates nor
/// amounts. Anything but a letter may stand between the digits.
pub(super) fn phones(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    for run in text.split(char::is_alphabetic) {
        let begin = from;
        from = begin + run.len();
        from += text[from..].chars().next().map_or(0, char::len_utf8);
        let number =
            run.trim_matches(|letter: char| !letter.is_numeric() && !"+(".contains(letter));
        let digits = run.chars().filter(|letter| letter.is_numeric()).count();
        let after = &text[begin + run.len()..];
        if digits >= PHONE_DIGITS
            && !is_about_time(number)
            && !is_amount(&text[..begin], number, run, after)
        {
            found.push(number);
        }
    }
    found
}

/// Returns whether a run is dates and years with little beside them, such as a count.
fn is_about_time(number: &str) -> bool {
    if number.contains('+') || !DATE.is_match(number) {
        return false;
    }
    let rest = DATE.replace_all(number, " ");
    let parts: Vec<&str> = rest
        .split(|letter: char| !letter.is_numeric())
        .filter(|part| !part.is_empty())
        .collect();
    let digits: usize = parts.iter().map(|part| part.chars().count()).sum();
    digits <= 4 && !parts.iter().any(|part| part.starts_with('0'))
}

/// Returns whether a run is one amount in groups of three with its currency, or with what is
/// counted.
fn is_amount(before: &str, number: &str, run: &str, after: &str) -> bool {
    let next = after.split(|letter: char| !letter.is_alphabetic()).next();
    let last = before.rsplit(|letter: char| !letter.is_alphabetic()).next();
    let is_unit = |word: &str| {
        let is_code = word.len() == 3 && word.bytes().all(|b| b.is_ascii_uppercase());
        is_code
            || COUNTED
                .split_whitespace()
                .any(|unit| unit == word.to_lowercase())
    };
    let has_unit = run.contains(['$', '€', '£', '¥', '฿', '₹'])
        || next.is_some_and(is_unit)
        || last.is_some_and(is_unit);
    has_unit && AMOUNT.is_match(number)
}

/// What is counted in thousands.
const COUNTED: &str = "euro euros dollars pounds baht rupees people persons members participants \
    signatures signatories organisations organizations syringes needles tests kits";

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern written here")
}

/// `ana at example dot org`.
static SPOKEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[^ ]+ at [^ ]+( dot [^ ]+)+|[^ ]+ at [^ ]+\.[\w&&[^0-9_]]{2,}"));

/// A scheme, `www`, or a point between two parts of which the last are letters.
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)://|^\W*www\.|[\w-]{2,}([.\u{ff0e}\u{3002}]|[\[({](\.|dot)[\])}])[\w&&[^0-9_]]{2,}|[\w-]\.[\w&&[^0-9_]]{2,}/",
    )
});

/// A date with its year, or a year of this time and the part of the next.
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(199|20[0-3])[0-9](([-./])[0-9]{1,2}([-./])[0-9]{1,2}|[-/\u{2013}][0-9]{2})?\b|\b[0-9]{1,2}[-./][0-9]{1,2}[-./](199|20[0-3])[0-9]\b",
    )
});

static AMOUNT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^[1-9][0-9]{0,2}((,[0-9]{3})+|( [0-9]{3})+|('[0-9]{3})+|(\.[0-9]{3})+)([.,][0-9]{1,2})?$",
    )
});
