//! Why a command did not do what it was asked: a word, a line, and what to do next.

use std::borrow::Cow;
use std::io::ErrorKind;

use serde::Serialize;

use crate::config::ConfigError;
use crate::rpc::CallError;

/// A command refused, failed or misused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A word for programs, such as `locked`.
    pub code: Cow<'static, str>,
    /// What happened, in one line.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Failure {
    /// Code of a command line that cannot be understood.
    pub const MISUSE: &'static str = "misuse";

    /// Returns a failure; the message and the hint become one line each.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        message: impl AsRef<str>,
        hint: impl AsRef<str>,
    ) -> Self {
        Self {
            code: code.into(),
            message: one_line(message.as_ref()),
            hint: one_line(hint.as_ref()),
        }
    }

    /// Returns the failure of a command line that cannot be understood.
    pub fn misuse(message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self::new(Self::MISUSE, message, hint)
    }

    /// Returns the failure of reading or writing a file.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::AlreadyExists => "name a file that is not there yet",
            ErrorKind::IsADirectory => "name a file, not a folder",
            _ => "check the path, its owner and its mode",
        };
        // The number of the system's error says nothing to whoever reads this.
        let error = error.to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        Self::new("file", format!("{what} {}: {error}", path.display()), hint)
    }

    /// Returns the exit code: 2 for misuse, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        if self.code == Self::MISUSE { 2 } else { 1 }
    }

    /// Returns it as the JSON of every command.
    pub(super) fn to_json(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Body {
            code: String,
            message: String,
            hint: String,
        }
        #[derive(Serialize)]
        struct Document {
            error: Body,
        }
        Document {
            error: Body {
                code: self.code.to_string(),
                message: self.message.clone(),
                hint: self.hint.clone(),
            },
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::new(error.code, error.message, error.hint)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new("config", error.to_string(), error.hint)
    }
}

/// Joins lines and runs of white space, so that a message stays one line wherever it is shown.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_code_message_and_hint_on_one_line_each() {
        let failure = Failure::new(
            "locked",
            "the node\n  is locked",
            "run `counterfoil unlock`",
        );
        let json = serde_json::to_string(&failure.to_json()).expect("it is JSON");
        assert_eq!(
            json,
            r#"{"error":{"code":"locked","message":"the node is locked","hint":"run `counterfoil unlock`"}}"#
        );
    }

    #[test]
    fn only_misuse_exits_with_two() {
        assert_eq!(Failure::misuse("x", "").exit_code(), 2);
        assert_eq!(Failure::new("config", "x", "").exit_code(), 1);
    }
}
