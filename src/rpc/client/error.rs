//! What a call failed with.

use std::io;

use crate::rpc::status;

/// A node that refused or failed, or a connection that broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// A word for programs, such as `locked`.
    pub code: String,
    /// What happened, in one line.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        // A node's own answer has no cause on this side of the connection.
        if std::error::Error::source(&status).is_some() && status::hint_of(&status).is_empty() {
            return Self::cut_off();
        }
        Self {
            code: status::code_of(&status),
            message: match status.message() {
                "" => status.code().description().to_owned(),
                message => message.to_owned(),
            },
            hint: status::hint_of(&status),
        }
    }
}

impl CallError {
    fn cut_off() -> Self {
        Self {
            code: "unavailable".to_owned(),
            message: "the node went away before it answered".to_owned(),
            hint: "it may have done what was asked: look, then ask again".to_owned(),
        }
    }

    pub(super) fn file(error: &io::Error) -> Self {
        Self {
            code: "file".to_owned(),
            message: format!("the file could not be read to its end: {error}"),
            hint: "nothing was stored; try again".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_an_error_with_all_three_parts() {
        let error = CallError::from(status::status(
            "locked",
            "the node is locked",
            "unlock it – now",
        ));
        assert_eq!(error.code, "locked");
        assert_eq!(error.message, "the node is locked");
        assert_eq!(error.hint, "unlock it – now");
    }

    #[test]
    fn a_status_without_words_says_what_its_code_means() {
        let error = CallError::from(tonic::Status::unavailable(""));
        assert_eq!(error.code, "unavailable");
        assert!(!error.message.is_empty());
    }
}
