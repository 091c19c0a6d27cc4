//! What two networks may both have reported: one joint activity that nobody was named to lead.
//!
//! Public figures show no more than that two networks report something of one kind and type in
//! one period, and neither counts a joint activity led by another there. So it is asked, not said.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::Ask;
use super::columns::Columns;
use super::consortium::{Asker, Consortium};
use super::error::ReportError;
use super::notes::{number_word, with_article};
use super::query::figures;
use crate::charter::policy::CodeList;
use crate::model::{Dimension, Kind, Measure};
use crate::wire;

/// Most questions in one answer.
const MOST: usize = 10;

/// By what figure one kind of activity is known again.
struct Sign {
    measure: Measure,
    along: Dimension,
    list: CodeList,
}

const fn sign_of(kind: Kind) -> Option<Sign> {
    let (measure, along, list) = match kind {
        Kind::AdvocacyAction => (
            Measure::Activities,
            Dimension::ActionType,
            CodeList::ActionType,
        ),
        Kind::Consultation => (Measure::Meetings, Dimension::Document, CodeList::Document),
        Kind::JointProject => (Measure::Activities, Dimension::Grant, CodeList::Grant),
        // Every network trains its own staff in the same things, and has the same milestones.
        Kind::Training | Kind::CapacityMilestone => return None,
    };
    Some(Sign {
        measure,
        along,
        list,
    })
}

/// Returns a question for every kind, type and period that several networks report, none of them
/// as joint. Of `request` only kind, periods, grain, members and date count.
pub(super) fn find(
    columns: &Columns,
    consortium: &Consortium,
    asker: &Asker,
    request: &wire::QueryRequest,
) -> Vec<String> {
    let Some((kind, sign)) = request.kind.parse().ok().and_then(|kind| {
        let sign = sign_of(kind)?;
        Some((kind, sign))
    }) else {
        return Vec::new();
    };
    let rows = |measure: Measure, by: &[&str]| {
        let request = wire::QueryRequest {
            measure: measure.to_string(),
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            r#where: Vec::new(),
            allow_partial: true,
            provenance: false,
            ..request.clone()
        };
        let ask = Ask::read(columns, consortium, asker, &request)?;
        if ask.members.len() < 2 {
            return Ok(Vec::new());
        }
        Ok::<_, ReportError>(figures(columns, consortium, &ask)?.0)
    };
    let along = sign.along.as_str();
    // A plan without these tables, or too large an answer, leaves nothing to ask about.
    let (Ok(reported), Ok(joined)) = (
        rows(sign.measure, &["member", "period", along]),
        rows(Measure::ActivitiesJoined, &["member", "period"]),
    ) else {
        return Vec::new();
    };
    questions(consortium, kind, &sign, &reported, &joined)
}

fn questions(
    consortium: &Consortium,
    kind: Kind,
    sign: &Sign,
    reported: &[wire::Row],
    joined: &[wire::Row],
) -> Vec<String> {
    let joined: BTreeSet<(&str, &str)> = joined
        .iter()
        .filter(|row| row.upper != Some(0))
        .map(|row| (word(row, "member"), word(row, "period")))
        .collect();
    // Rows come in the order of periods, and the questions keep it.
    let mut order: Vec<&str> = Vec::new();
    let mut networks: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for row in reported.iter().filter(|row| row.lower > 0) {
        let (period, code) = (word(row, "period"), word(row, sign.along.as_str()));
        if joined.contains(&(word(row, "member"), period)) || says_nothing(kind, code) {
            continue;
        }
        let nth = order.iter().position(|known| *known == period);
        let nth = nth.unwrap_or_else(|| {
            order.push(period);
            order.len() - 1
        });
        *networks.entry((nth, code)).or_default() += 1;
    }
    networks
        .into_iter()
        .filter(|(_, networks)| *networks > 1)
        .take(MOST)
        .map(|((nth, code), networks)| {
            let networks = number_word(networks);
            let label = consortium.policy.label(sign.list, code);
            let what = say(kind, label);
            let same = match kind {
                Kind::Consultation => "ones",
                _ => "one",
            };
            format!(
                "{networks} networks report {what} in {}: the same {same}?",
                order[nth]
            )
        })
        .collect()
}

fn word<'a>(row: &'a wire::Row, name: &str) -> &'a str {
    row.group.get(name).map_or("", String::as_str)
}

/// Returns whether two activities under a code need have nothing in common.
fn says_nothing(kind: Kind, code: &str) -> bool {
    kind != Kind::AdvocacyAction && matches!(code, "none" | "other")
}

fn say(kind: Kind, label: &str) -> String {
    match kind {
        Kind::Consultation => format!("meetings on {label}"),
        Kind::JointProject => format!("a project under {}", named_grant(label)),
        _ => with_article(label),
    }
}

/// Returns a grant's name with the article a fund has: `the Robert Carr Fund`.
fn named_grant(label: &str) -> String {
    match label.ends_with("Fund") {
        true => format!("the {label}"),
        false => label.to_owned(),
    }
}
