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
    let mut lacking: Lacking = BTreeMap::new();
    let mut coverage = Vec::new();
    for (kind, grain) in series {
        for row in facts.coverage(kind, grain)? {
            let state: Option<State> = row.state.parse().ok();
            let awaited = state.is_some_and(|state| state != State::NotExpected);
            *expected.entry(row.member.clone()).or_default() |= awaited;
            if state.is_some_and(State::is_lacking) {
                let said = match state {
                    Some(State::Withheld) => "withheld",
                    Some(State::Recalled) => "recalled",
                    Some(State::Excused) => "been excused from",
                    _ => "not yet sent",
                };
                let member = lacking.entry(row.member.clone()).or_default();
                let periods = member.entry((said, kind)).or_default();
                periods.push(row.period.clone());
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

/// Per member, what it has done to which kinds, and their periods.
type Lacking = BTreeMap<String, BTreeMap<(&'static str, Kind), Vec<String>>>;

fn say(awaited: &[&Member], lacking: &Lacking) -> String {
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
        if let Some(kinds) = lacking.get(member.id.as_str()) {
            clauses.push(format!("{} has {}", member.name, say_lacking(kinds)));
        }
    }
    format!("{}.", clauses.join("; "))
}

/// "not yet sent consultations for 2018Q1 and 2018Q2, withheld trainings for 2018Q1"
fn say_lacking(kinds: &BTreeMap<(&'static str, Kind), Vec<String>>) -> String {
    let mut before = "";
    let mut left = LACKING_NAMED;
    let mut said = Vec::new();
    let all: usize = kinds.values().map(Vec::len).sum();
    for ((verb, kind), periods) in kinds.iter().filter(|(_, periods)| !periods.is_empty()) {
        if left == 0 {
            break;
        }
        let named: Vec<&str> = periods.iter().take(left).map(String::as_str).collect();
        left -= named.len();
        let nouns = super::plural(&kind.to_string().replace('_', " "));
        let what = format!("{nouns} for {}", listed(&named));
        said.push(match *verb == before {
            true => what,
            false => format!("{verb} {what}"),
        });
        before = verb;
    }
    let named = LACKING_NAMED - left;
    if all > named {
        said.push(format!("and {} more", all - named));
    }
    said.join(", ")
}

/// "2018Q1, 2018Q2 and 2018Q3"
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_is_said_in_plain_words() {
        let periods = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut kinds = BTreeMap::new();
        kinds.insert(
            ("not yet sent", Kind::Consultation),
            periods(&["2018Q1", "2018Q2"]),
        );
        assert_eq!(
            say_lacking(&kinds),
            "not yet sent consultations for 2018Q1 and 2018Q2"
        );
        kinds.insert(("not yet sent", Kind::AdvocacyAction), periods(&["2018"]));
        kinds.insert(
            ("withheld", Kind::Training),
            periods(&["2018", "2019", "2020"]),
        );
        assert_eq!(
            say_lacking(&kinds),
            "not yet sent consultations for 2018Q1 and 2018Q2, advocacy actions for 2018, \
             withheld trainings for 2018 and 2019, and 1 more"
        );
    }
}
