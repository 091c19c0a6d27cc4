//! Attacks from the literature, each with its numbers.

use counterfoil::model::{Axis, Dimension, Figure, Measure};

use super::book::{Member, Visit, axis, count, period};

fn interval(lower: i64, upper: i64) -> Figure {
    Figure::Interval { lower, upper }
}

/// `heads` in one activity, without names.
fn heads(quarter: &str, country: &'static str, heads: i64) -> Visit {
    Visit {
        heads,
        quarter: period(quarter),
        country,
        ..Visit::default()
    }
}

fn countries(codes: &[&str]) -> Axis {
    axis(Dimension::Country, codes)
}

#[test]
fn a1_subtraction() {
    let visits = [("TH", 10), ("VN", 15), ("NP", 25), ("LA", 1)]
        .map(|(country, count)| heads("2018Q1", country, count));
    let by = [countries(&["TH", "VN", "NP", "LA"])];
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &by, "2018"),
    ];
    let mut member = Member::new(10, visits.to_vec(), plan);
    let shown = member.publish("2018");
    assert_eq!(shown[0], [Figure::Exact(51)]);
    assert_eq!(shown[1].iter().filter(|f| f.value().is_none()).count(), 2);
}

#[test]
fn quarters_beside_their_year() {
    let visits = ["2018Q1", "2018Q2", "2018Q3"].map(|quarter| heads(quarter, "TH", 8));
    let plan = ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"]
        .map(|when| count(Measure::Attendances, &[], when));
    let mut member = Member::new(10, visits.to_vec(), plan.to_vec());
    let small = interval(0, 9);
    for quarter in ["2018Q1", "2018Q2", "2018Q3"] {
        assert_eq!(member.publish(quarter), [[small]]);
    }
    assert_eq!(member.publish("2018Q4"), [[Figure::Exact(0)]]);
    assert_eq!(member.publish("2018"), [[interval(0, 27)]]);
}

#[test]
fn completions_beside_attendances() {
    let visit = |person| Visit {
        person,
        completed: person != 30,
        ..Visit::default()
    };
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Completions, &[], "2018"),
    ];
    let mut member = Member::new(10, (1..=30).map(visit).collect(), plan);
    let shown = member.publish("2018");
    assert_eq!(shown, [[Figure::Exact(30)], [interval(0, 30)]]);
}
