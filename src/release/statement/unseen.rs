//! What of a text cannot be published as a statement, such as what nobody sees in it.

use crate::model::steers_text;
use crate::model::table::{LONGEST_STATEMENT, WIDEST_STATEMENT, is_statement};

/// Returns what of a text cannot be published, or `None` where all of it can.
pub(super) fn fault(text: &str) -> Option<String> {
    let is_bad = |letter: &char| {
        steers_text(*letter) || is_unseen(*letter) || (letter.is_whitespace() && *letter != ' ')
    };
    if let Some(letter) = text.chars().find(is_bad) {
        let (what, instead) = match letter {
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ("a line break", "write one line"),
            _ if letter.is_whitespace() => ("another blank than the plain one", "write that"),
            _ => ("which nobody sees", "leave it out"),
        };
        return Some(format!("it holds {}, {what}: {instead}", named(letter)));
    }
    if is_statement(text) {
        return None;
    }
    let (letters, bytes) = (text.chars().count(), text.len());
    Some(match letters {
        0 => "it is empty".to_owned(),
        _ if letters > LONGEST_STATEMENT || bytes > WIDEST_STATEMENT => {
            format!("it has {letters} characters in {bytes} bytes")
        }
        _ => "it has blanks at an end or several together".to_owned(),
    })
}

/// Returns whether a character is drawn as nothing.
///
/// Source: Unicode Character Database 16, general category Cf, and what of
/// `Default_Ignorable_Code_Point` stands in for a letter.
fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Names a character by its number, and the ones that come in with copied texts in words.
fn named(letter: char) -> String {
    let name = match letter {
        '\t' => " (tab)",
        '\u{a0}' => " (no-break space)",
        '\u{ad}' => " (soft hyphen)",
        '\u{200b}' => " (zero width space)",
        '\u{200c}' => " (zero width non-joiner)",
        '\u{200d}' => " (zero width joiner)",
        '\u{200e}' => " (left-to-right mark)",
        '\u{200f}' => " (right-to-left mark)",
        '\u{202f}' => " (narrow no-break space)",
        '\u{2060}' => " (word joiner)",
        '\u{feff}' => " (byte order mark)",
        _ => "",
    };
    format!("U+{:04X}{name}", u32::from(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, said: &str) {
        let fault = fault(text).unwrap_or_default();
        assert!(fault.contains(said), "{text:?}: {fault}");
    }

    #[test]
    fn what_nobody_sees_is_refused_by_its_number() {
        for letter in "\u{ad}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\u{2066}\u{2069}\u{feff}\u{a0}".chars() {
            let text = format!("We met{letter} Ana.");
            check(&text, &format!("U+{:04X}", u32::from(letter)));
        }
        check("We\nmet.", "U+000A, a line break");
        check("We\u{a0}met.", "(no-break space)");
        for text in ["We met 😀\u{fe0f}.", "ฝึกอบรม 5 ครั้ง", "Straße – “née” №5"]
        {
            assert_eq!(fault(text), None, "{text:?}");
        }
    }

    #[test]
    fn both_limits_are_told() {
        check(&"a".repeat(241), "241 characters in 241 bytes");
        check(&"😀".repeat(200), "200 characters in 800 bytes");
        check("", "empty");
        check("a  b", "blanks");
        let error = crate::release::ReleaseError::BadStatement {
            given: String::new(),
            reason: String::new(),
        };
        let told = error.to_string();
        assert!(
            told.contains("240 characters and at most 720 bytes"),
            "{told}"
        );
    }
}
