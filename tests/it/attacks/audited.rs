//! What a member publishes by the rules, audited from outside: nothing is ever disclosed.

use counterfoil::disclosure::tables::{Conclusion, Shown, Venues, Vintage, audit};
use counterfoil::disclosure::{Limits, Microlp};
use counterfoil::model::{Axis, Dimension, Measure};
use proptest::prelude::*;

use super::book::{Member, Visit, axis, count, period, tally};

const QUARTERS: [&str; 4] = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"];

/// How many activities took place where in a quarter, as whoever was told about each knows.
fn venues(visits: &[Visit], quarter: &str) -> Venues {
    let activities = count(Measure::Attendances, &places(), quarter);
    let held = tally(visits, &activities);
    Venues {
        period: period(quarter),
        axes: places().to_vec(),
        cells: held.iter().map(|tally| Some(tally.activities)).collect(),
        joined: Some(0),
    }
}

fn places() -> [Axis; 1] {
    [axis(Dimension::Country, &["TH", "VN", "other"])]
}

/// Publishes periods one after another, with something new in the book before some.
fn published(mut member: Member, steps: &[(&str, Vec<Visit>)]) -> Vec<Vintage> {
    let mut vintages = Vec::new();
    for (leaf, (when, new)) in (0..).zip(steps) {
        member.visits.extend(new.iter().cloned());
        let before = member.said.len();
        member.publish(when);
        let state = member.past.last().expect("what was so");
        let shown = member.said[before..].iter().map(|said| Shown {
            id: format!("{} {:?}", said.count.measure, said.count.axes),
            attributes: said
                .count
                .dimensions()
                .filter(|d| d.describes_persons())
                .collect(),
            activities: state
                .sheet(&said.count)
                .expect("a sheet")
                .activities
                .clone(),
            said: said.read_from_outside(),
            floor: member.floor.clone(),
        });
        vintages.push(Vintage {
            leaf,
            period: period(when),
            tables: shown.collect(),
            venues: QUARTERS
                .map(|quarter| venues(&member.visits, quarter))
                .to_vec(),
        });
    }
    vintages
}

fn disclosed(vintages: &[Vintage]) -> Vec<Conclusion> {
    let found = audit(vintages, &Limits::default(), &Microlp).expect("the solver solves");
    assert!(!found.is_empty());
    found.into_iter().filter(|one| one.disclosed).collect()
}

fn plan() -> Vec<counterfoil::disclosure::tables::Count> {
    let genders: [Axis; 1] = [axis(
        Dimension::Gender3,
        &["women", "men", "another_or_not_said"],
    )];
    let mut plan = Vec::new();
    for measure in [Measure::Attendances, Measure::People, Measure::Completions] {
        for quarter in QUARTERS {
            plan.push(count(measure, &[], quarter));
        }
        plan.push(count(measure, &[], "2018"));
        plan.push(count(measure, &genders, "2018"));
        plan.push(count(measure, &places(), "2018"));
    }
    plan
}

fn visits(most: usize) -> impl Strategy<Value = Vec<Visit>> {
    let quarter = prop_oneof![
        Just("2018Q1"),
        Just("2018Q2"),
        Just("2018Q3"),
        Just("2018Q4")
    ];
    let gender = prop_oneof![4 => Just("woman"), 3 => Just("man"), 1 => Just("non_binary")];
    let country = prop_oneof![4 => Just("TH"), 2 => Just("VN"), 1 => Just("NP")];
    let visit = (1u32..40, 1u32..5, quarter, gender, country, any::<bool>());
    let visit = visit.prop_map(
        |(person, activity, quarter, gender, country, completed)| Visit {
            person,
            activity,
            quarter: period(quarter),
            gender,
            country,
            completed,
            ..Visit::default()
        },
    );
    proptest::collection::vec(visit, 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn what_is_published_by_the_rules_is_never_disclosed(
        first in visits(80),
        later in visits(30),
        last in visits(12),
    ) {
        let member = Member::new(5, first, plan());
        let steps = [
            ("2018Q1", Vec::new()),
            ("2018Q2", Vec::new()),
            ("2018Q3", Vec::new()),
            ("2018Q4", Vec::new()),
            ("2018", Vec::new()),
            ("2018", later),
            ("2018Q2", last),
            ("2018", Vec::new()),
        ];
        let found = disclosed(&published(member, &steps));
        prop_assert!(found.is_empty(), "{found:#?}");
    }
}
