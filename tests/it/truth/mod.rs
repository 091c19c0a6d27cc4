//! Random small books through the real door, and every figure and sentence that comes out of them
//! held against a plain count of what went in.

mod count;
mod deeds;
mod told;

use counterfoil::charter::Policy;
use counterfoil::report::{self, Asker, Columns, Consortium, Member};
use counterfoil::wire;
use jiff::civil::date;
use proptest::prelude::*;

use count::check_row;
use deeds::{Network, networks};
use told::check_story;

/// The questions every world is asked, by kind, measure, what to split by, and grain.
const QUESTIONS: &[(&str, &str, &str, &str)] = &[
    ("training", "activities", "", "quarter"),
    ("training", "activities", "member,period", "quarter"),
    ("training", "activities", "topic,grant", "year"),
    ("training", "activities", "topic", "quarter"),
    ("training", "activities_joined", "member", "year"),
    ("training", "hours", "topic,grant", "quarter"),
    ("training", "staff_reach", "topic,reach", "year"),
    ("training", "staff_reach", "topic,member,reach", "year"),
    ("training", "people", "member", "year"),
    ("training", "people", "", "year"),
    ("training", "people", "period,member", "quarter"),
    ("consultation", "meetings", "document", "quarter"),
    ("consultation", "suggestions_sent", "period", "quarter"),
    ("consultation", "suggestions_promised", "document", "year"),
    (
        "consultation",
        "suggestions_in_final_text",
        "member",
        "quarter",
    ),
    ("consultation", "suggestions_partly", "", "year"),
    ("consultation", "suggestions_refused", "", "quarter"),
    ("consultation", "suggestions_open", "member", "year"),
    (
        "advocacy_action",
        "activities",
        "period,action_type,outcome",
        "quarter",
    ),
    ("advocacy_action", "activities", "outcome", "year"),
    ("advocacy_action", "signatories", "member", "year"),
    ("advocacy_action", "signatories", "", "quarter"),
    ("capacity_milestone", "networks_with", "item,state", "year"),
    (
        "capacity_milestone",
        "networks_with",
        "member,domain,item,state",
        "quarter",
    ),
    ("joint_project", "activities", "grant", "quarter"),
    ("joint_project", "budget", "currency", "year"),
    ("joint_project", "spent", "grant,currency", "year"),
];

fn check_reports(world: &[Network], node: &Node) -> Result<(), TestCaseError> {
    for (kind, measure, by, grain) in QUESTIONS {
        let names = by.split(',').filter(|name| !name.is_empty());
        let request = wire::QueryRequest {
            kind: (*kind).to_owned(),
            measure: (*measure).to_owned(),
            by: names.map(str::to_owned).collect(),
            from: "2018".to_owned(),
            to: "2018".to_owned(),
            grain: (*grain).to_owned(),
            ..wire::QueryRequest::default()
        };
        let answer = report::query(&node.columns, &node.consortium, &node.asker, &request);
        let answer =
            answer.map_err(|error| TestCaseError::fail(format!("{request:?}: {error}")))?;
        let query = answer.query.expect("the query");
        for row in answer.rows.iter().filter(|row| !row.members.is_empty()) {
            check_row(world, &query, row)?;
        }
    }
    Ok(())
}

/// What one node knows.
struct Node {
    columns: Columns,
    consortium: Consortium,
    asker: Asker,
}

impl Node {
    fn of(world: &[Network]) -> Self {
        let policy = Policy::default_plan();
        let mut columns = Columns::new();
        for network in world {
            network.publish(&policy, &mut columns);
        }
        let member = |network: &Network| Member {
            id: network.member(),
            name: network.id.to_uppercase(),
            size: network.size,
            countries: Vec::new(),
            relay: false,
            joined: None,
            left: None,
        };
        Self {
            columns,
            consortium: Consortium {
                id: "pwud".parse().expect("an id"),
                version: 1,
                since: "2018".parse().expect("a period"),
                policy,
                members: world.iter().map(member).collect(),
            },
            asker: Asker {
                today: date(2019, 3, 1),
                reader: None,
            },
        }
    }

    fn story(&self, from: &str, to: &str, members: &[&str]) -> wire::StoryResponse {
        let request = wire::StoryRequest {
            from: from.to_owned(),
            to: to.to_owned(),
            members: members.iter().map(|id| (*id).to_owned()).collect(),
            at: String::new(),
        };
        report::story(&self.columns, &self.consortium, &self.asker, &request).expect("a story")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn what_comes_out_is_what_went_in(world in networks()) {
        let node = Node::of(&world);
        check_reports(&world, &node)?;
        let all: Vec<&str> = world.iter().map(|network| network.id).collect();
        check_story(&world, &node, "2018", "2018", &all)?;
        check_story(&world, &node, "2018", "2018", &all[1..2])?;
        check_story(&world, &node, "2018Q2", "2018Q3", &all)?;
    }
}
