//! What members agreed to publish: floor, due days, code lists, tables. TOML inside the charter.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::line_of;
use super::soundness;
use crate::model::{Dimension, Grain, Kind, Measure, MemberId, words};

words! {
    /// How many persons a member reaches in a year, declared in its card, so that the shape of
    /// what it publishes never depends on this year's counts.
    pub enum Size as "size" {
        /// Under 50 persons a year.
        Small = "small",
        /// Under 200.
        Medium = "medium",
        /// 200 and more.
        Large = "large",
    }
}

words! {
    /// Which signatories a table counts.
    pub enum Of as "of" {
        /// Organisations.
        Organisations = "organisations",
        /// Organisations that agreed to be named.
        PublicOrganisations = "public_organisations",
        /// Persons signing for themselves.
        Individuals = "individuals",
    }
}

words! {
    /// A list of codes that belongs to the consortium.
    pub enum CodeList as "code list" {
        /// What trainings are about.
        Topic = "topic",
        /// Themes of any activity.
        Theme = "theme",
        /// Types of advocacy action.
        ActionType = "action_type",
        /// Outcomes of advocacy.
        Outcome = "outcome",
        /// Areas of organisational capacity.
        Domain = "domain",
        /// Items within the areas.
        Item = "item",
        /// Documents consulted on.
        Document = "document",
        /// Grants.
        Grant = "grant",
        /// ISO 4217 currencies money is recorded in.
        Currency = "currency",
    }
}

impl CodeList {
    /// Returns the list a dimension takes its codes from, if it is one of these.
    pub const fn of(dimension: Dimension) -> Option<Self> {
        match dimension {
            Dimension::Topic => Some(Self::Topic),
            Dimension::ActionType => Some(Self::ActionType),
            Dimension::Outcome => Some(Self::Outcome),
            Dimension::Domain => Some(Self::Domain),
            Dimension::Item => Some(Self::Item),
            Dimension::Document => Some(Self::Document),
            Dimension::Grant => Some(Self::Grant),
            Dimension::Currency => Some(Self::Currency),
            _ => None,
        }
    }
}

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Month in which financial years start; `FY…` periods exist only where it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub financial_year_starts: Option<YearStart>,
    /// The disclosure floor.
    #[serde(default)]
    pub disclosure: Floor,
    /// Who must have witnessed a checkpoint.
    #[serde(default)]
    pub witness: WitnessPolicy,
    /// When each kind is due and who may see it.
    #[serde(default)]
    pub kind: BTreeMap<Kind, KindPolicy>,
    /// Code → label, per list.
    #[serde(default)]
    pub codes: BTreeMap<CodeList, BTreeMap<String, String>>,
    /// The tables everybody publishes, in order.
    #[serde(default)]
    pub table: Vec<TableSpec>,
}

words! {
    /// A month a financial year may start in.
    pub enum YearStart as "financial_year_starts" {
        /// 1 January.
        January = "January",
        /// 1 April.
        April = "April",
        /// 1 July.
        July = "July",
        /// 1 October.
        October = "October",
    }
}

impl YearStart {
    /// Returns the month's number, January being 1.
    pub const fn month(self) -> i8 {
        match self {
            Self::January => 1,
            Self::April => 4,
            Self::July => 7,
            Self::October => 10,
        }
    }
}

/// The least that must stand behind a figure about persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Floor {
    /// Smallest value and smallest number of contributors shown exactly; never below
    /// [`Floor::LEAST`].
    pub min_cell: u32,
    /// For personal tables, whether a true 0 is shown like any other value below `min_cell`.
    pub hide_existence: bool,
}

impl Floor {
    /// The lowest `min_cell` a charter may set.
    pub const LEAST: u32 = 5;
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            min_cell: 10,
            hide_existence: true,
        }
    }
}

/// How a checkpoint's cosignatures are judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WitnessPolicy {
    /// How many witnesses may lie.
    pub f: u32,
    /// Days after which the newest cosignature is stale.
    pub fresh_days: u32,
}

impl Default for WitnessPolicy {
    fn default() -> Self {
        Self {
            f: 0,
            fresh_days: 35,
        }
    }
}

/// What is agreed for one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KindPolicy {
    /// Days after a period's end by which its summary is due.
    pub due_days: u32,
    /// Who may see payloads: `*`, or a list of members.
    pub audience: Audience,
}

impl Default for KindPolicy {
    fn default() -> Self {
        Self {
            due_days: 45,
            audience: Audience::Everybody,
        }
    }
}

/// Who may see a payload.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "AudienceText", into = "AudienceText")]
pub enum Audience {
    /// Every member; written `*`.
    #[default]
    Everybody,
    /// These members, and the one who published.
    Members(BTreeSet<MemberId>),
}

impl Audience {
    /// Returns whether `reader` may see what `publisher` published to it.
    pub fn includes(&self, reader: &MemberId, publisher: &MemberId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Members(members) => reader == publisher || members.contains(reader),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AudienceText {
    Star(String),
    Members(BTreeSet<MemberId>),
}

impl TryFrom<AudienceText> for Audience {
    type Error = String;

    fn try_from(text: AudienceText) -> Result<Self, String> {
        match text {
            AudienceText::Star(star) if star == "*" => Ok(Self::Everybody),
            AudienceText::Star(other) => Err(format!(
                "audience {other:?} is neither \"*\" nor a list of members"
            )),
            AudienceText::Members(members) => Ok(Self::Members(members)),
        }
    }
}

impl From<Audience> for AudienceText {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Everybody => Self::Star("*".to_owned()),
            Audience::Members(members) => Self::Members(members),
        }
    }
}

/// One table of the plan: measure × dimensions, for the periods and sizes named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Its name, unique in the plan.
    pub id: String,
    /// Kind of record.
    pub kind: Kind,
    /// What is counted.
    pub measure: Measure,
    /// Dimensions; empty for a total.
    #[serde(default)]
    pub by: Vec<Dimension>,
    /// Grains at which it is published.
    pub period: Vec<Grain>,
    /// Whether it counts persons, and so passes disclosure control.
    #[serde(default)]
    pub personal: bool,
    /// Sizes of member that publish it.
    #[serde(default = "all_sizes")]
    pub sizes: Vec<Size>,
    /// Dimensions that describe persons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Dimension>,
    /// Which signatories count; all organisations where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
}

fn all_sizes() -> Vec<Size> {
    Size::ALL.to_vec()
}

/// A policy that cannot stand in a charter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or a key or value that is not known.
    #[error("policy line {line}: {message}")]
    Syntax {
        /// Line in the policy, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value out of its range, or two parts that contradict each other.
    #[error("policy{}: {place}: {message}", at_line(*.line))]
    Meaning {
        /// Line in the policy, from 1, where it was read from a text.
        line: Option<usize>,
        /// The key or table.
        place: String,
        /// What is wrong there.
        message: String,
    },
}

impl Policy {
    /// Reads a policy and checks that every part of it makes sense.
    ///
    /// # Errors
    /// Names the line, or the key and what would be accepted.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError::Syntax {
            line: line_of(text, error.span()),
            message: error.message().replace('\n', " "),
        })?;
        soundness::check(&policy).map_err(|fault| {
            let line = fault.line_in(text);
            fault.at_line(line)
        })?;
        Ok(policy)
    }

    /// Checks ranges, code spellings and the tables.
    ///
    /// # Errors
    /// Names the key and what would be accepted.
    pub fn check(&self) -> Result<(), PolicyError> {
        soundness::check(self).map_err(|fault| fault.at_line(None))
    }

    /// Returns the month financial years start in; 1 where none is named.
    pub fn fy_month(&self) -> i8 {
        self.financial_year_starts.map_or(1, YearStart::month)
    }

    /// Returns what is agreed for a kind.
    pub fn kind(&self, kind: Kind) -> KindPolicy {
        self.kind.get(&kind).cloned().unwrap_or_default()
    }

    /// Returns the codes of a consortium list, in order, always ending with `other`; grants also
    /// have `none`.
    pub fn codes(&self, list: CodeList) -> Vec<String> {
        let mut codes: Vec<String> = self
            .codes
            .get(&list)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|code| !matches!(code.as_str(), "other" | "none"))
            .cloned()
            .collect();
        match list {
            // Amounts in different currencies cannot share a cell, so there is no "other" one.
            CodeList::Currency => return codes,
            CodeList::Grant => codes.push("none".to_owned()),
            _ => {}
        }
        codes.push("other".to_owned());
        codes
    }

    /// Returns the label of a code, or the code itself.
    pub fn label<'a>(&'a self, list: CodeList, code: &'a str) -> &'a str {
        self.codes
            .get(&list)
            .and_then(|codes| codes.get(code))
            .map_or(code, String::as_str)
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" line {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, part_of_error: &str) {
        let error = Policy::parse(text)
            .expect_err("must be refused")
            .to_string();
        assert!(error.contains(part_of_error), "{error}");
    }

    #[test]
    fn a_policy_that_exposes_persons_is_refused() {
        check("[disclosure]\nmin_cell = 4", "disclosure.min_cell");
        check(
            "[[table]]\nid='t'\nkind='training'\nmeasure='attendances'\nperiod=['year']",
            "personal must be true",
        );
    }

    #[test]
    fn errors_name_the_place() {
        check("[disclosure]\n\nmin_cel = 10", "line 3");
        check("[kind.training]\naudience = 'all'", "line 2");
        check(
            "[[table]]\nid='t'\nkind='training'\nmeasure='spent'\nperiod=['year']",
            "policy line 4: table \"t\": training has no measure spent",
        );
        check(
            "[codes.topic]\na = 'A'\n'a b' = 'A'",
            "policy line 3: codes.topic",
        );
        check("\n[disclosure]\nmin_cell = 4", "policy line 3: disclosure");
    }

    #[test]
    fn the_default_policy_is_its_own_text() {
        let policy = Policy::default_plan();
        policy.check().expect("the default plan makes sense");
        let text = toml::to_string(&policy).expect("a policy is TOML");
        assert_eq!(Policy::parse(&text), Ok(policy));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}|([a-z.\\[\\]=\"0-9 ]{0,20}\n){0,8}") {
            if let Err(error) = Policy::parse(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
