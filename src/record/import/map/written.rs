//! A MAP as it is written: TOML whose parts know their places, and nothing else of it checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Calendar, MapError};
use crate::model::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) kind: Option<Spanned<Kind>>,
    #[serde(default)]
    pub(super) rows: WrittenRows,
    #[serde(default)]
    pub(super) columns: BTreeMap<String, Spanned<OneOrMore>>,
    #[serde(default)]
    pub(super) constants: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, Spanned<BTreeMap<String, Spanned<String>>>>,
    #[serde(default)]
    pub(super) missing: BTreeMap<String, Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) dates: WrittenDates,
    #[serde(default)]
    pub(super) wide: BTreeMap<String, Spanned<WrittenWide>>,
}

/// One header, or several whose cells are put together.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRows {
    pub(super) header: Option<Spanned<u64>>,
    #[serde(default)]
    pub(super) skip: Vec<u64>,
    #[serde(default)]
    pub(super) stop_at_blank: bool,
    pub(super) ignore: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDates {
    #[serde(default)]
    pub(super) formats: Vec<Spanned<String>>,
    pub(super) calendar: Option<Calendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenWide {
    pub(super) columns: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) yes: Vec<String>,
}

/// Reads a MAP; what it says is not checked yet.
pub(super) fn read(text: &str) -> Result<Written, MapError> {
    toml::from_str(text).map_err(|error| MapError {
        key: None,
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        reason: error.message().replace('\n', " "),
    })
}

/// Returns the line of a byte, from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|b| **b == b'\n').count() + 1
}
