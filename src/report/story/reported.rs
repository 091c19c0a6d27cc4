//! Who reported, and what lacks.

use std::collections::BTreeMap;

use super::super::consortium::Member;
use super::super::coverage::State;
use super::super::error::ReportError;
use super::super::notes::number_word;
use super::facts::Facts;
use crate::model::{Grain, Kind};
use crate::wire;

/// Most lacking series named per network.
const LACKING_NAMED: usize = 5;

/// The kinds a story tells of.
const TOLD: [Kind; 4] = [
    Kind::Training,
    Kind::Consultation,
    Kind::AdvocacyAction,
    Kind::CapacityMilestone,
];

/// "Both networks reported."
pub(super) fn sentence(
    facts: &Facts<'_>,
    quarterly: bool,
) -> Result<wire::StorySentence, ReportError> {
    let mut series = Vec::new();
    for kind in TOLD {
        series.extend(facts.grains_of(kind).first().map(|grain| (kind, *grain)));
        let quarters = (kind, Grain::Quarter);
        if quarterly && kind == Kind::AdvocacyAction && !series.contains(&quarters) {
            series.push(quarters);
        }
    }
    let mut expected: BTreeMap<String, bool> = BTreeMap::new();
    let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut coverage = Vec::new();
    for (kind, grain) in series {
        for row in facts.coverage(kind, grain)? {
            let state: Option<State> = row.state.parse().ok();
            let awaited = state.is_some_and(|state| state != State::NotExpected);
            *expected.entry(row.member.clone()).or_default() |= awaited;
            if state.is_some_and(State::is_lacking) {
                let what = format!("{}/{} ({})", row.kind, row.period, row.state);
                lacking.entry(row.member.clone()).or_default().push(what);
            }
            if awaited {
                coverage.push(row);
            }
        }
    }
    let awaited = |member: &&&Member| expected.get(member.id.as_str()) == Some(&true);
    let awaited: Vec<&Member> = facts.listed.iter().filter(awaited).copied().collect();
    Ok(wire::StorySentence {
        text: say(&awaited, &lacking),
        coverage,
        ..wire::StorySentence::default()
    })
}

fn say(awaited: &[&Member], lacking: &BTreeMap<String, Vec<String>>) -> String {
    let lacks = |member: &&&Member| lacking.contains_key(member.id.as_str());
    let in_full: Vec<&str> = awaited
        .iter()
        .filter(|member| !lacks(member))
        .map(|member| member.name.as_str())
        .collect();
    if in_full.len() == awaited.len() {
        return match &in_full[..] {
            [] => "Nobody was expected to report yet.".to_owned(),
            [one] => format!("{one} reported."),
            [_, _] => "Both networks reported.".to_owned(),
            many => format!("All {} networks reported.", number_word(many.len())),
        };
    }
    let mut clauses = Vec::new();
    if let Some((last, others)) = in_full.split_last() {
        let others = others.join(", ");
        let and = if others.is_empty() { "" } else { " and " };
        clauses.push(format!("{others}{and}{last} reported"));
    }
    for member in awaited.iter().filter(lacks) {
        let series = lacking
            .get(member.id.as_str())
            .map_or(&[][..], Vec::as_slice);
        let mut named = series[..series.len().min(LACKING_NAMED)].join(", ");
        if series.len() > LACKING_NAMED {
            named.push_str(&format!(" and {} more", series.len() - LACKING_NAMED));
        }
        clauses.push(format!("{} lacks {named}", member.name));
    }
    format!("{}.", clauses.join("; "))
}
