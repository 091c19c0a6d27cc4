//! The consortium's code lists, as far as records need them.

use std::collections::{BTreeMap, BTreeSet};

/// The charter's lists of codes by name (`topic`, `grant`, `document` …).
///
/// A list the charter does not have accepts every well-formed code, so that a node can keep
/// records before it belongs to a consortium; tables then count them as `other`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeLists(BTreeMap<String, BTreeSet<String>>);

impl CodeLists {
    /// Makes lists from (name, codes).
    pub fn new<N, C, I>(lists: impl IntoIterator<Item = (N, C)>) -> Self
    where
        N: Into<String>,
        C: IntoIterator<Item = I>,
        I: Into<String>,
    {
        let owned = |codes: C| codes.into_iter().map(Into::into).collect();
        Self(
            lists
                .into_iter()
                .map(|(name, codes)| (name.into(), owned(codes)))
                .collect(),
        )
    }

    /// Adds a list.
    #[must_use]
    pub fn with(mut self, name: &str, codes: impl IntoIterator<Item = String>) -> Self {
        self.0.insert(name.to_owned(), codes.into_iter().collect());
        self
    }

    /// Returns the code of `list` that a text names, without regard to case; `other` is in every
    /// list.
    pub fn find(&self, list: &str, text: &str) -> Option<&str> {
        let Some(codes) = self.0.get(list) else {
            return (text == OTHER).then_some(OTHER);
        };
        if let Some(code) = codes.get(text) {
            return Some(code);
        }
        codes
            .iter()
            .map(String::as_str)
            .chain([OTHER])
            .find(|code| code.eq_ignore_ascii_case(text))
    }

    /// Returns whether a text may be a member: one of the charter's, where there is a charter.
    pub(super) fn may_be_member(&self, text: &str) -> bool {
        !self.has(MEMBERS) || self.codes(MEMBERS).any(|member| member == text)
    }

    /// Returns whether the charter has a list of this name.
    pub fn has(&self, list: &str) -> bool {
        self.0.contains_key(list)
    }

    /// Returns the charter's currencies, for messages; empty where it names none.
    pub fn currencies(&self) -> String {
        let currencies: Vec<_> = self.codes(CURRENCY).collect();
        currencies.join(" ")
    }

    /// Returns the codes of a list, in order; none where the charter does not have it.
    pub fn codes(&self, list: &str) -> impl Iterator<Item = &str> {
        self.0.get(list).into_iter().flatten().map(String::as_str)
    }
}

/// The list of the charter's members.
pub const MEMBERS: &str = "member";

/// The code that stands for whatever a list does not name.
pub const OTHER: &str = "other";

/// The list of currencies.
pub const CURRENCY: &str = "currency";

/// Returns whether a text can be a code: 1 to 64 letters, digits, `_`, `-` or `.`.
pub fn is_well_formed(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_is_in_every_list() {
        let lists = CodeLists::new([("topic", ["accounting"])]);
        assert_eq!(lists.find("topic", "Accounting"), Some("accounting"));
        assert_eq!(lists.find("topic", "other"), Some("other"));
        assert_eq!(lists.find("topic", "knitting"), None);
        assert!(lists.has("topic") && !lists.has("grant"));
    }

    #[test]
    fn a_lead_is_one_of_the_charters_members() {
        let lists = CodeLists::default();
        assert!(lists.may_be_member("anybody"), "before there is a charter");
        let lists = lists.with(MEMBERS, ["inpud".to_owned()]);
        assert!(lists.may_be_member("inpud") && !lists.may_be_member("nobody"));
    }
}
