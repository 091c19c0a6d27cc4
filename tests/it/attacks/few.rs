//! A few persons, whose quarters, years and measures stand beside each other: what a plain
//! threshold tells of them, and that we do not.

use counterfoil::disclosure::tables::Said;
use counterfoil::model::{Figure, Measure};

use super::book::{Member, Visit, count};
use super::catalogue::{
    countries, genders, heads, interval, moment, nothing_is_given_away, persons, threshold,
    threshold_gives_away,
};
use super::enumerate::Attacker;

/// What a plain threshold shows to somebody who knows it: what is hidden is below it.
fn known_threshold(member: &Member) -> Vec<Said> {
    let below = interval(0, i64::from(member.floor.min_cell) - 1);
    let mut said = threshold(member);
    for cell in said.iter_mut().flat_map(|said| &mut said.cells) {
        if cell.figure == Figure::Absent {
            cell.figure = below;
        }
    }
    said
}

#[track_caller]
fn gives_away(member: &Member, what: &str, found: (i64, i64)) {
    let leaks = Attacker::of(&moment(member), &known_threshold(member)).leaks();
    let told = |leak: &super::enumerate::Leak| leak.what.contains(what) && leak.found == found;
    assert!(leaks.iter().any(told), "{leaks:?}");
}

const QUARTERS: [&str; 4] = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"];

fn eight_eight_eight_none() -> Member {
    let visits: Vec<Visit> = QUARTERS[..3].iter().map(|q| heads(q, "TH", 8)).collect();
    let plan = [&QUARTERS[..], &["2018"]].concat();
    let plan = plan
        .into_iter()
        .map(|when| count(Measure::Attendances, &[], when));
    Member::new(10, visits, plan.collect())
}

#[test]
fn quarters_of_8_8_8_0_beside_their_year_under_a_threshold() {
    // 24 less twice 9 leaves at least 6.
    gives_away(&eight_eight_eight_none(), "attendances 2018Q1 []", (6, 9));
}

#[test]
fn quarters_of_8_8_8_0_before_their_year() {
    let mut member = eight_eight_eight_none();
    for quarter in &QUARTERS[..3] {
        assert_eq!(member.publish(quarter), [[interval(0, 9)]]);
    }
    assert_eq!(member.publish("2018Q4"), [[Figure::Exact(0)]]);
    assert_eq!(member.publish("2018"), [[interval(0, 27)]]);
    nothing_is_given_away(&member);
}

#[test]
fn quarters_of_8_8_8_0_after_their_year() {
    let mut member = eight_eight_eight_none();
    let year = member.publish("2018");
    for quarter in QUARTERS {
        let shown = member.publish(quarter)[0][0];
        assert!(quarter == "2018Q4" || shown.value().is_none(), "{shown:?}");
    }
    nothing_is_given_away(&member);
    assert_eq!(member.publish("2018"), year);
    nothing_is_given_away(&member);
}

/// What will be said of a small quarter is said with it, if at all: it does not keep the year back.
#[test]
fn a_year_with_a_small_quarter_shows_what_is_large() {
    let visits = [heads("2018Q1", "TH", 7), heads("2018Q2", "VN", 30)];
    let by = [countries(&["TH", "VN", "NP"])];
    let mut plan = vec![count(Measure::Attendances, &by, "2018")];
    let totals = [&["2018"], &QUARTERS[..]].concat();
    let totals = totals.into_iter();
    plan.extend(totals.map(|when| count(Measure::Attendances, &[], when)));
    let mut member = Member::new(10, visits.to_vec(), plan);
    let year = member.publish("2018");
    assert_eq!(year[0][1..], [Figure::Exact(30), Figure::Exact(0)]);
    assert!(year[1][0].lower() >= 30, "{year:?}");
    for quarter in QUARTERS {
        member.publish(quarter);
        nothing_is_given_away(&member);
    }
    assert_eq!(member.publish("2018"), year);
}

#[test]
fn attendances_of_30_beside_29_completions() {
    let visits = persons(1, 30, 29, "woman", "2018Q1");
    let plan = [Measure::Attendances, Measure::Completions].map(|m| count(m, &[], "2018"));
    let mut member = Member::new(10, visits, plan.to_vec());
    threshold_gives_away(&member, "completions 2018 []: less than attendances", 1);
    assert_eq!(
        member.publish("2018"),
        [[Figure::Exact(30)], [interval(0, 30)]]
    );
    nothing_is_given_away(&member);
}

#[test]
fn attendances_of_12_by_2_people() {
    let visit = |nth: u32| Visit {
        person: 1 + nth % 2,
        activity: 1 + nth / 2,
        ..Visit::default()
    };
    let plan = [Measure::Attendances, Measure::People].map(|m| count(m, &[], "2018"));
    let mut member = Member::new(5, (0..12).map(visit).collect(), plan.to_vec());
    // 12 is no small count; 2 persons are, and in 6 activities 12 times is twice each at least.
    threshold_gives_away(&member, "attendances 2018 []", 12);
    gives_away(&member, "people 2018 []", (2, 4));
    let shown = member.publish("2018");
    assert_eq!(shown[1], [interval(0, 4)]);
    let (lower, upper) = (shown[0][0].lower(), shown[0][0].upper());
    assert!(
        lower == 0 && upper.is_some_and(|upper| upper >= 12),
        "{shown:?}"
    );
    nothing_is_given_away(&member);
}

#[test]
fn attendances_of_12_by_2_people_whom_no_table_counts() {
    let visit = |nth: u32| Visit {
        person: 1 + nth % 2,
        activity: 1 + nth / 2,
        ..Visit::default()
    };
    let plan = vec![count(Measure::Attendances, &[], "2018")];
    let mut member = Member::new(5, (0..12).map(visit).collect(), plan);
    threshold_gives_away(&member, "attendances 2018 []", 12);
    let shown = member.publish("2018")[0][0];
    assert!(shown.value().is_none() && shown.lower() == 0, "{shown:?}");
    nothing_is_given_away(&member);
}

/// A network that grows from `many` persons or shrinks to it, over three years.
fn small_network(many: u32) -> (Member, Vec<String>, Vec<&'static str>) {
    let years = ["2016", "2017", "2018"];
    let mut quarters = Vec::new();
    let mut visits = Vec::new();
    let mut plan = Vec::new();
    for (nth, year) in years.into_iter().enumerate() {
        let came = [many, 9 - many.min(7), 2][nth];
        visits.extend(persons(1, came, came / 2, "woman", &format!("{year}Q1")));
        let later = persons(2, 2, 1, "man", &format!("{year}Q3"));
        visits.extend(later.into_iter().map(|visit| Visit {
            activity: 2,
            ..visit
        }));
        plan.push(count(Measure::People, &[], year));
        plan.push(count(Measure::Attendances, &[], year));
        plan.push(count(Measure::Attendances, &[genders()], year));
        for quarter in ["Q1", "Q3"] {
            plan.push(count(
                Measure::Attendances,
                &[],
                &format!("{year}{quarter}"),
            ));
            quarters.push(format!("{year}{quarter}"));
        }
    }
    (Member::new(10, visits, plan), quarters, years.to_vec())
}

#[test]
fn a_network_of_2_to_9_persons_over_three_years_under_a_threshold() {
    // Nobody of another gender came: 0 is told, and with it that all are women or men.
    let (member, ..) = small_network(9);
    gives_away(
        &member,
        "attendances 2016 [\"another_or_not_said\"]",
        (0, 0),
    );
    // 11 is no small count, but it is 9 persons, of whom 2 came twice.
    threshold_gives_away(&member, "attendances 2016 []", 11);
}

#[test]
fn a_network_of_2_to_9_persons_over_three_years() {
    for many in 2..=9 {
        for quarters_first in [true, false] {
            let (mut member, quarters, years) = small_network(many);
            let quarters: Vec<&str> = quarters.iter().map(String::as_str).collect();
            let order = match quarters_first {
                true => [quarters, years].concat(),
                false => [years, quarters].concat(),
            };
            for period in order {
                member.publish(period);
            }
            nothing_is_given_away(&member);
        }
    }
}

#[test]
fn a_network_of_2_to_9_persons_says_the_same_every_year() {
    for many in 2..=9 {
        let years = ["2016", "2017", "2018"];
        let mut plan = Vec::new();
        let mut visits = Vec::new();
        for year in years {
            plan.push(count(Measure::Attendances, &[], year));
            plan.push(count(Measure::People, &[], year));
            visits.extend(persons(1, many, 0, "woman", &format!("{year}Q1")));
        }
        let mut member = Member::new(10, visits, plan);
        for year in years {
            assert_eq!(member.publish(year), [[interval(0, 9)], [interval(0, 9)]]);
        }
    }
}
