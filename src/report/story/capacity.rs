//! What the networks have got done in themselves.

use super::super::error::ReportError;
use super::facts::{Facts, code};
use super::sentence;
use crate::charter::policy::CodeList;
use crate::model::{Kind, Measure};
use crate::wire;

/// "HR manual updated: 1 of 2 networks."
pub(super) fn sentences(facts: &Facts<'_>) -> Result<Vec<wire::StorySentence>, ReportError> {
    let state = wire::Filter {
        dimension: "state".to_owned(),
        codes: vec!["done".to_owned(), "in_use".to_owned()],
    };
    let (measure, kind) = (Measure::NetworksWith, Kind::CapacityMilestone);
    let answer = facts.ask_where(measure, kind, &["item"], &[state])?;
    let told = answer.happened().filter(|row| code(row, "item") != "other");
    Ok(told
        .map(|row| sentence(say(facts, row), vec![answer.basis(row)]))
        .collect())
}

fn say(facts: &Facts<'_>, row: &wire::Row) -> String {
    let networks = facts.listed.len();
    let item = code(row, "item");
    let label = facts.consortium.policy.label(CodeList::Item, item);
    let document = ["manual", "policy", "plan"]
        .iter()
        .any(|word| label.ends_with(word));
    let done = if document { "updated" } else { "done" };
    let exact = row.value.is_some() && row.members.len() == networks;
    let at_least = if exact { "" } else { "at least " };
    let of = if networks == 1 { "network" } else { "networks" };
    format!(
        "{label} {done}: {at_least}{} of {networks} {of}.",
        row.lower
    )
}
