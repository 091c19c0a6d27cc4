//! Every sentence of a story, held against plain counts.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::model::{Kind, Measure, Period};
use jiff::civil::Date;
use proptest::prelude::*;

use super::Node;
use super::count::{Cell, check_row, last_reach};
use super::deeds::{Network, TOPICS, What};

/// The sentences with exact figures, as plain counts make them; those about persons and what came
/// of actions are left to others.
pub(super) fn plain_sentences(
    world: &[Network],
    members: &[&str],
    year: bool,
    (first, last): (Date, Date),
) -> Vec<String> {
    let cell = |codes: &[(&str, &str)]| Cell {
        networks: world
            .iter()
            .filter(|network| members.contains(&network.id))
            .collect(),
        first,
        last,
        codes: codes
            .iter()
            .map(|(name, code)| {
                (
                    (*name).to_owned(),
                    code.split(' ').map(str::to_owned).collect(),
                )
            })
            .collect(),
    };
    let mut told = Vec::new();
    let labels = [
        ("accounting", "Accounting"),
        ("auditing", "Auditing"),
        ("hr", "Human resources"),
    ];
    for (topic, label) in labels.iter().filter(|_| year) {
        let networks = cell(&[]).networks;
        let said: Vec<(String, &str)> = networks
            .iter()
            .filter_map(|network| {
                Some((network.id.to_uppercase(), *last_reach(network).get(topic)?))
            })
            .collect();
        if let Some(((name, reach), others)) = said.split_first() {
            let reach = if *reach == "none" { "no" } else { reach };
            let others: String = others.iter().map(|(n, r)| format!(", {n} {r}")).collect();
            told.push(format!("{label}: {name} {reach} staff{others}."));
        }
    }
    let trainings = cell(&[]).truth(Kind::Training, Measure::Activities);
    if trainings > 0 {
        let of =
            |topic: &&str| cell(&[("topic", topic)]).truth(Kind::Training, Measure::Activities);
        let parts: Vec<i64> = TOPICS.iter().map(of).filter(|count| *count > 0).collect();
        let words: Vec<String> = parts.iter().map(ToString::to_string).collect();
        let aside = if parts.iter().sum::<i64>() > trainings {
            "; some in several subjects"
        } else {
            ""
        };
        told.push(match parts.len() {
            1 => format!("Trainings {trainings}."),
            _ => format!("Trainings {trainings} ({}{aside}).", words.join("+")),
        });
    }
    let count = |measure| cell(&[]).truth(Kind::Consultation, measure);
    let clauses = [
        (count(Measure::SuggestionsSent), "sent"),
        (count(Measure::SuggestionsPromised), "promised"),
        (count(Measure::SuggestionsInFinalText), "in the final text"),
        (count(Measure::SuggestionsPartly), "taken in part"),
        (count(Measure::SuggestionsRefused), "refused"),
    ];
    let mut said: Vec<String> = Vec::new();
    for (number, what) in clauses.iter().filter(|(number, _)| *number > 0) {
        let noun = match (said.is_empty(), *number) {
            (true, 1) => " suggestion",
            (true, _) => " suggestions",
            (false, _) => "",
        };
        said.push(format!("{number}{noun} {what}"));
    }
    if !said.is_empty() {
        if clauses[2..].iter().all(|(number, _)| *number == 0) {
            said.push("final text not yet known".to_owned());
        }
        told.push(format!("Standards: {}.", said.join(", ")));
    }
    let items = [
        ("finance_manual", "Finance manual updated"),
        ("hr_manual", "HR manual updated"),
        ("restructuring", "Restructuring done"),
    ];
    for (item, label) in items {
        let codes = cell(&[("item", item), ("state", "done in_use")]);
        let with = codes.truth(Kind::CapacityMilestone, Measure::NetworksWith);
        if with > 0 {
            let of = if members.len() == 1 {
                "network"
            } else {
                "networks"
            };
            told.push(format!("{label}: {with} of {} {of}.", members.len()));
        }
    }
    told.push(match members {
        [one] => format!("{} reported.", one.to_uppercase()),
        [_, _] => "Both networks reported.".to_owned(),
        _ => "All three networks reported.".to_owned(),
    });
    told
}

pub(super) fn check_story(
    world: &[Network],
    node: &Node,
    from: &str,
    to: &str,
    members: &[&str],
) -> Result<(), TestCaseError> {
    let story = node.story(from, to, members);
    for sentence in &story.sentences {
        for told in &sentence.rows {
            let (query, row) = (told.query.as_ref(), told.row.as_ref());
            check_row(world, query.expect("a query"), row.expect("a row"))?;
        }
    }
    let period = |text: &str| text.parse::<Period>().expect("a period");
    let span = (period(from).first_day(), period(to).last_day());
    let expected = plain_sentences(world, members, from == "2018", span);
    let actions = advocacy(world, members, span);
    let texts: Vec<&str> = story
        .sentences
        .iter()
        .map(|told| told.text.as_str())
        .collect();
    let is_plain = |text: &&&str| !text.starts_with("Community members") && !is_about_actions(text);
    let plain: Vec<&str> = texts.iter().filter(is_plain).copied().collect();
    prop_assert_eq!(&plain, &expected, "{:?}", texts);
    let about: Vec<&str> = texts
        .iter()
        .filter(|text| is_about_actions(text))
        .copied()
        .collect();
    check_actions(&about, &actions)?;
    for text in texts
        .iter()
        .filter(|text| text.starts_with("Community members"))
    {
        check_people(world, members, span, text)?;
    }
    Ok(())
}

pub(super) const LABELS: [(&str, &str, &str); 4] = [
    ("open_letter", "open letter", "open letters"),
    ("statement", "statement", "statements"),
    ("meeting", "meeting", "meetings"),
    ("campaign", "campaign", "campaigns"),
];

pub(super) const RESULTS: [(&str, &str); 3] = [
    ("first_draft_stopped", "first draft stopped"),
    ("changes_promised", "changes promised"),
    ("response", "answered"),
];

pub(super) fn is_about_actions(text: &str) -> bool {
    let counted = text
        .split_once(' ')
        .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    counted && !text.contains("suggestion")
}

/// Returns the actions counted: type, outcome, quarter, signatories.
pub(super) fn advocacy(
    world: &[Network],
    members: &[&str],
    (first, last): (Date, Date),
) -> Vec<(&'static str, &'static str, i8, u32)> {
    let mine = world.iter().filter(|network| members.contains(&network.id));
    let counted = mine
        .flat_map(|network| &network.deeds)
        .filter(|deed| !deed.hidden && !deed.joined && (first..=last).contains(&deed.day));
    counted
        .filter_map(|deed| match &deed.what {
            What::Action {
                action,
                outcome,
                signed,
            } => Some((*action, *outcome, (deed.day.month() + 2) / 3, *signed)),
            _ => None,
        })
        .collect()
}

/// Checks counts, organisations and outcomes told, and that none is left out.
pub(super) fn check_actions(
    told: &[&str],
    actions: &[(&str, &str, i8, u32)],
) -> Result<(), TestCaseError> {
    let signed: u32 = actions.iter().map(|(.., signed)| signed).sum();
    let mut organisations = Vec::new();
    let mut results: Vec<(String, String)> = Vec::new();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for text in told {
        let head = text
            .trim_end_matches('.')
            .split(": ")
            .next()
            .unwrap_or_default();
        for part in head.split(", ") {
            let (number, what) = part.split_once(' ').expect("a number and a noun");
            let number: usize = number.parse().expect("a number");
            if what.starts_with("organisation") {
                organisations.push(number as u32);
                continue;
            }
            let (code, ..) = LABELS
                .iter()
                .find(|(_, one, many)| what == if number == 1 { *one } else { *many })
                .unwrap_or_else(|| panic!("{text}"));
            let truth = actions.iter().filter(|(action, ..)| action == code).count();
            prop_assert_eq!(number, truth, "{}", text);
            types.insert(code);
        }
        let code = *types
            .iter()
            .find(|code| {
                let (_, one, many) = LABELS.iter().find(|(c, ..)| c == *code).expect("a label");
                head.contains(one) || head.contains(many)
            })
            .unwrap_or(&"");
        if let Some((_, outcomes)) = text.trim_end_matches('.').split_once(": ") {
            for clause in outcomes
                .split(", ")
                .filter(|clause| *clause != "no outcome yet")
            {
                results.push((code.to_owned(), clause.to_owned()));
            }
        }
    }
    prop_assert_eq!(organisations.iter().sum::<u32>(), signed, "{:?}", told);
    let said = |outcome: &str, quarter: i8| {
        let label = RESULTS
            .iter()
            .find(|(code, _)| *code == outcome)
            .map(|(_, label)| *label);
        let label = label.unwrap_or_default();
        results
            .iter()
            .any(|(_, clause)| *clause == format!("{label} (Q{quarter})") || *clause == label)
    };
    for (action, outcome, quarter, _) in actions {
        let told_of = *outcome == "none_yet" || said(outcome, *quarter);
        prop_assert!(told_of, "{} {} Q{}: {:?}", action, outcome, quarter, told);
        // A meeting's outcome may be told after the one letter or statement it was about.
        let stands = types.contains(action) || *action == "meeting";
        prop_assert!(stands, "{}: {:?}", action, told);
    }
    for (code, clause) in &results {
        let (label, quarter) = clause.split_once(" (Q").unwrap_or((clause, ""));
        let quarter: Option<i8> = quarter.trim_end_matches(')').parse().ok();
        let (outcome, _) = RESULTS
            .iter()
            .find(|(_, l)| *l == label)
            .expect("an outcome");
        let holds = actions.iter().any(|(action, came, when, _)| {
            (action == code || *action == "meeting")
                && came == outcome
                && quarter.is_none_or(|quarter| quarter == *when)
        });
        prop_assert!(holds, "{}: {:?}", clause, told);
    }
    Ok(())
}

/// Reads `fewer than 10 in INPUD, 34 in ANPUD` and holds it against the persons there were.
pub(super) fn check_people(
    world: &[Network],
    members: &[&str],
    span: (Date, Date),
    text: &str,
) -> Result<(), TestCaseError> {
    let (head, said) = text.split_once(": ").expect("what is said");
    let said = said.trim_end_matches('.');
    let of_period = head.strip_prefix("Community members trained in ");
    let span = of_period.map_or(span, |period| {
        let period: Period = period.parse().expect("a period");
        (period.first_day(), period.last_day())
    });
    for network in world.iter().filter(|network| members.contains(&network.id)) {
        let cell = Cell {
            networks: vec![network],
            first: span.0,
            last: span.1,
            codes: BTreeMap::new(),
        };
        let own = format!(" in {}", network.id.to_uppercase());
        let words = said
            .split(", ")
            .find_map(|part| part.strip_suffix(own.as_str()));
        let words = words.or_else(|| said.strip_suffix(" in each network"));
        // One network that publishes such a table is told alone.
        let alone = (!said.contains(" in ") && members.len() == 1).then_some(said);
        let Some(words) = words.or(alone) else {
            continue;
        };
        let words = words.split(" (").next().unwrap_or_default();
        let number = |text: &str| text.parse::<i64>().expect("a number");
        let truth = cell.truth(Kind::Training, Measure::People);
        let holds = if let Some(below) = words.strip_prefix("fewer than ") {
            truth < number(below)
        } else if let Some(least) = words.strip_prefix("at least ") {
            truth >= number(least)
        } else if let Some((low, high)) = words
            .strip_prefix("between ")
            .and_then(|w| w.split_once(" and "))
        {
            (number(low)..=number(high)).contains(&truth)
        } else {
            words == "not known" || number(words) == truth
        };
        prop_assert!(holds, "{text}: {} {truth}", network.id);
    }
    Ok(())
}
