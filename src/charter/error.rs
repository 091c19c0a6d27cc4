//! What a card or a charter is refused for.

use std::ops::Range;

use super::policy::PolicyError;
use crate::identity::NoteError;
use crate::model::MemberId;

/// Why a card, a draft or a charter was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// The text is of another kind.
    #[error("the first line must be {expected}")]
    FirstLine {
        /// What it must be.
        expected: &'static str,
    },
    /// Not TOML, or a key or value that is not known.
    #[error("{what} line {line}: {message}")]
    Syntax {
        /// `card` or `charter`.
        what: &'static str,
        /// Line in the note, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value out of its range, or two parts that contradict each other.
    #[error("{place}: {message}")]
    Meaning {
        /// The key, the member or the governor.
        place: String,
        /// What is wrong there.
        message: String,
    },
    /// The policy in it makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It is not a signed note, or a signature on it is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Two copies that were to be merged are not of one draft.
    #[error("these are not copies of one draft: their texts differ; ask for one and sign it again")]
    DifferentDrafts,
    /// Who wants to sign has no place in the charter.
    #[error("{member} is not named in this charter, so it cannot sign it")]
    NotNamed {
        /// Who wanted to sign.
        member: MemberId,
    },
    /// The charter gives the signer other keys than it has.
    #[error("this charter gives {member} another governor key; make the draft again from its card")]
    OtherKey {
        /// Who wanted to sign.
        member: MemberId,
    },
}

/// Returns a [`CharterError::Meaning`].
pub(super) fn meaning(place: impl ToString, message: impl Into<String>) -> CharterError {
    CharterError::Meaning {
        place: place.to_string(),
        message: message.into(),
    }
}

/// Reads the TOML under the first line of a note's text.
pub(super) fn read_body<T: serde::de::DeserializeOwned>(
    text: &str,
    first_line: &'static str,
    what: &'static str,
) -> Result<T, CharterError> {
    let body = text
        .strip_prefix(first_line)
        .and_then(|rest| rest.strip_prefix('\n'))
        .ok_or(CharterError::FirstLine {
            expected: first_line,
        })?;
    toml::from_str(body).map_err(|error| CharterError::Syntax {
        what,
        line: 1 + line_of(body, error.span()),
        message: error.message().replace('\n', " "),
    })
}

/// Returns the line a span starts in, from 1.
pub(super) fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let at = span.map_or(0, |span| span.start).min(text.len());
    let before = &text.as_bytes()[..at];
    before.iter().filter(|b| **b == b'\n').count() + 1
}
