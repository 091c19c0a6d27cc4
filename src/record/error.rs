//! Why a record could not be read, written or imported.

use uuid::Uuid;

use super::import::MapError;
use super::schema::{Field, List, lists_of};
use super::value::BadValue;
use crate::model::Kind;

/// Why a record could not be read, written or imported.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No record of this node has the id.
    #[error("there is no record {id}")]
    NotFound {
        /// The id as given.
        id: Uuid,
    },
    /// The kind has no field of this name.
    #[error(
        "{} {shape} has no field {given:?}; its fields: {accepted}",
        article(shape)
    )]
    UnknownField {
        /// What was being written.
        shape: &'static str,
        /// The name as given.
        given: String,
        /// The names it has.
        accepted: String,
    },
    /// A setting is not `FIELD=VALUE`.
    #[error("{given:?} is not FIELD=VALUE")]
    NotASetting {
        /// The text as given.
        given: String,
    },
    /// A field is named more than once.
    #[error("{field} is set more than once")]
    SetTwice {
        /// The field.
        field: Field,
    },
    /// A field's value was refused.
    #[error("{field} {value:?}: {reason}")]
    BadField {
        /// The field.
        field: Field,
        /// The value as given; hidden where it may name a person.
        value: String,
        /// What is wrong with it.
        reason: BadValue,
    },
    /// More than one mistake, all of them of the settings of one record.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Self>),
    /// The fields do not fit together.
    #[error("{field}: {reason}")]
    Misfit {
        /// The field to change.
        field: Field,
        /// What is wrong with it.
        reason: std::borrow::Cow<'static, str>,
    },
    /// Another record already has this source id.
    #[error("record {other} already has this source_id; edit that one, or choose another")]
    SourceTaken {
        /// The record that has it.
        other: Uuid,
    },
    /// The kind has no such list.
    #[error("{} {kind} has no list {list}; its lists: {}", article(kind.as_str()), names(*kind))]
    NoSuchList {
        /// The record's kind.
        kind: Kind,
        /// The list asked for.
        list: List,
    },
    /// Nobody stands in the list.
    #[error("nobody is named in {list}; persons are in participants and signatories")]
    NoPersons {
        /// The list asked for.
        list: List,
    },
    /// A text that identifies nobody, so that no import keeps anybody by it.
    #[error("this names no person: {reason}")]
    Nobody {
        /// What is wrong with it.
        reason: String,
    },
    /// The record would outgrow what is stored in one piece.
    #[error(
        "the record with its lists would be larger than {} MiB; split the activity",
        super::entry::MAX_RECORD >> 20
    )]
    TooLarge,
    /// The record is of another kind than the one asked for.
    #[error(
        "record {id} is {} {kind}, not {} {asked}",
        article(kind.as_str()),
        article(asked.as_str())
    )]
    OtherKind {
        /// The record.
        id: Uuid,
        /// What it is.
        kind: Kind,
        /// What it should have been.
        asked: Kind,
    },
    /// Nothing says which records the rows of a list belong to.
    #[error(
        "nothing says which records these {list} belong to: name one with --into, or say in the \
         MAP which column holds the record's source_id: [columns] record = \"…\""
    )]
    NoRecordColumn {
        /// The list.
        list: List,
    },
    /// Nothing says what the rows of a file are.
    #[error(
        "nothing says what the rows are: name it with --kind, or in the MAP: kind = \"training\""
    )]
    NoKind,
    /// The MAP was refused.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The file cannot be read as a table.
    #[error("{place}{error}")]
    Sheet {
        /// The file, and the sheet where it has sheets; may be empty.
        place: String,
        /// What is wrong.
        error: super::import::SheetError,
    },
    /// What is stored cannot be read back.
    #[error("stored record {id} cannot be read: {reason}; restore a backup")]
    Damaged {
        /// The record, or nil where the id itself is damaged.
        id: Uuid,
        /// What is wrong.
        reason: String,
    },
    /// The private database failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl RecordError {
    /// Returns several mistakes as one error; none of them, none.
    pub(super) fn of(mut mistakes: Vec<Self>) -> Result<(), Self> {
        match (mistakes.len(), mistakes.pop()) {
            (_, None) => Ok(()),
            (1, Some(mistake)) => Err(mistake),
            (_, Some(last)) => {
                mistakes.push(last);
                Err(Self::Several(mistakes))
            }
        }
    }

    /// Returns the field whose value was refused.
    pub(super) const fn field(&self) -> Option<Field> {
        match self {
            Self::BadField { field, .. } | Self::SetTwice { field } => Some(*field),
            _ => None,
        }
    }
}

impl From<super::import::SheetError> for RecordError {
    fn from(error: super::import::SheetError) -> Self {
        let place = String::new();
        Self::Sheet { place, error }
    }
}

/// Returns the article a word has.
pub(super) fn article(word: &str) -> &'static str {
    match word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => "an",
        false => "a",
    }
}

fn names(kind: Kind) -> String {
    let names: Vec<_> = lists_of(kind).iter().map(|l| l.as_str()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vowel_has_its_article() {
        let (kind, asked) = (Kind::AdvocacyAction, Kind::Training);
        let id = Uuid::nil();
        let told = RecordError::OtherKind { id, kind, asked }.to_string();
        assert!(
            told.ends_with("is an advocacy_action, not a training"),
            "{told}"
        );
    }
}
