//! Attacks from the literature, each with its numbers.

use std::cell::Cell as Counter;
use std::time::Duration;

use counterfoil::disclosure::tables::{Count, Layout, Said};
use counterfoil::disclosure::{Failure, Line, Microlp, Program, Solved, Solver, Trouble};
use counterfoil::model::{Axis, Cell, Dimension, Figure, Measure};

use super::book::{Member, Visit, axis, count, period, tally};
use super::enumerate::{Attacker, Leak, Moment};

pub(super) fn interval(lower: i64, upper: i64) -> Figure {
    Figure::Interval { lower, upper }
}

/// `heads` in one activity, without names.
pub(super) fn heads(quarter: &str, country: &'static str, heads: i64) -> Visit {
    Visit {
        heads,
        quarter: period(quarter),
        country,
        ..Visit::default()
    }
}

pub(super) fn countries(codes: &[&str]) -> Axis {
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

/// What a plain threshold shows of a plan's tables: nothing of what is below it.
pub(super) fn threshold(member: &Member) -> Vec<Said> {
    let cells = |count: &Count| {
        let shown = |value: i64| match value {
            value if value == 0 || value >= i64::from(member.floor.min_cell) => {
                Figure::Exact(value)
            }
            _ => Figure::Absent,
        };
        let tallies = tally(&member.visits, count).into_iter();
        let figures = tallies.map(|tally| shown(tally.value.expect("all is known")));
        figures
            .map(|figure| Cell {
                figure,
                uncounted: 0,
            })
            .collect()
    };
    let said = |count: &Count| Said {
        count: count.clone(),
        cells: cells(count),
        was: Vec::new(),
    };
    member.plan.iter().map(said).collect()
}

pub(super) fn moment(member: &Member) -> Moment {
    Moment {
        visits: member.visits.clone(),
        plan: member.plan.clone(),
        floor: member.floor.clone(),
        said_before: 0,
    }
}

/// Checks that a plain threshold gives away a sum by whose name it goes, and exactly what it is.
#[track_caller]
pub(super) fn threshold_gives_away(member: &Member, what: &str, truth: i64) {
    let leaks = Attacker::of(&moment(member), &threshold(member)).leaks();
    let exact = |leak: &&Leak| leak.what.contains(what) && leak.found == (truth, truth);
    assert!(leaks.iter().any(|leak| exact(&leak)), "{leaks:?}");
}

/// Checks that nothing that was ever published gives anybody away.
#[track_caller]
pub(super) fn nothing_is_given_away(member: &Member) {
    let moments = member.moments.iter();
    let attackers: Vec<_> = moments.map(|m| Attacker::of(m, &member.said)).collect();
    for (at, attacker) in attackers.iter().enumerate() {
        let leaks = attacker.leaks();
        assert!(leaks.is_empty(), "{leaks:?}");
        for later in &attackers[at + 1..] {
            let changes = attacker.changes(later);
            assert!(changes.is_empty(), "{changes:?}");
        }
    }
}

pub(super) fn genders() -> Axis {
    axis(Dimension::Gender3, &["women", "men", "another_or_not_said"])
}

/// Persons of one gender, of whom some completed.
pub(super) fn persons(
    from: u32,
    all: u32,
    completed: u32,
    gender: &'static str,
    quarter: &str,
) -> Vec<Visit> {
    let visit = |nth: u32| Visit {
        person: from + nth,
        gender,
        quarter: period(quarter),
        completed: nth < completed,
        ..Visit::default()
    };
    (0..all).map(visit).collect()
}

#[test]
fn a1_subtraction_undoes_a_threshold() {
    let visits = [("TH", 10), ("VN", 15), ("NP", 25), ("LA", 1)]
        .map(|(country, count)| heads("2018", country, count));
    let visits = visits.map(|visit| Visit {
        quarter: period("2018Q1"),
        ..visit
    });
    let by = [countries(&["TH", "VN", "NP", "LA"])];
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &by, "2018"),
    ];
    let mut member = Member::new(10, visits.to_vec(), plan);
    threshold_gives_away(&member, "LA", 1);
    member.publish("2018");
    nothing_is_given_away(&member);
}

#[test]
fn a4_subgroup_complement() {
    let mut visits = persons(1, 19, 7, "man", "2018Q1");
    visits.extend(persons(20, 1, 1, "woman", "2018Q1"));
    let plan = [Measure::Attendances, Measure::Completions].map(|measure| {
        [
            count(measure, &[], "2018"),
            count(measure, &[genders()], "2018"),
        ]
    });
    let mut member = Member::new(5, visits, plan.concat());
    threshold_gives_away(&member, "completions 2018 [\"men\"]: the others", 1);
    member.publish("2018");
    nothing_is_given_away(&member);
}

#[test]
fn a9_everybody_of_a_group() {
    // 6 of 6: no count of them is small, and where it may be told that nobody is somewhere, no
    // other cell hides them.
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &[genders()], "2018"),
    ];
    let mut member = Member::new(5, persons(1, 6, 0, "woman", "2018Q1"), plan);
    member.floor.hide_existence = false;
    threshold_gives_away(&member, "attendances 2018 [\"women\"]: the others", 0);
    let shown = member.publish("2018");
    assert!(
        shown[0][0].value().is_none() || shown[1][0].value().is_none(),
        "{shown:?}"
    );
    nothing_is_given_away(&member);
}

#[test]
fn a6_cumulative_periods() {
    let mut visits = persons(1, 6, 0, "woman", "2018Q1");
    visits.extend(persons(10, 8, 0, "man", "2018Q1"));
    visits.extend(persons(20, 1, 0, "woman", "2018Q2"));
    let plan = ["2018Q1", "2018"].map(|when| {
        [
            count(Measure::People, &[], when),
            count(Measure::People, &[genders()], when),
        ]
    });
    let mut member = Member::new(5, visits, plan.concat());
    threshold_gives_away(&member, "people 2018 [\"women\"] less 2018Q1", 1);
    member.publish("2018Q1");
    member.publish("2018");
    nothing_is_given_away(&member);
}

#[test]
fn a_quarter_is_taken_from_its_year_by_where_it_was() {
    let visits = [
        heads("2018Q1", "online", 3),
        heads("2018Q1", "TH", 30),
        heads("2018Q2", "KE", 20),
    ];
    let visits = (1..)
        .zip(visits)
        .map(|(activity, visit)| Visit { activity, ..visit });
    let by = [countries(&["TH", "other", "online"])];
    let mut plan = vec![count(Measure::Attendances, &by, "2018")];
    let periods = ["2018Q1", "2018Q2", "2018Q3", "2018Q4", "2018"];
    plan.extend(periods.map(|when| count(Measure::Attendances, &[], when)));
    let mut member = Member::new(5, visits.collect(), plan);
    for when in periods {
        member.publish(when);
    }
    // The second quarter was in Kenya alone: with Thailand shown, three online would be left.
    let by_country = member.said.iter().find(|said| !said.count.is_total());
    let cells = by_country.expect("it was published").cells.iter();
    let shown: Vec<Option<i64>> = cells.map(|cell| cell.figure.value()).collect();
    assert_eq!(shown, [None, Some(20), None]);
    nothing_is_given_away(&member);
}

#[test]
fn a7_who_left_was_in_one_country() {
    let visits = [("TH", 9), ("VN", 22)].map(|(country, all)| heads("2018Q1", country, all));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &[countries(&["TH", "VN"])], "2018"),
    ];
    let mut member = Member::new(5, visits.to_vec(), plan);
    let (before, first) = (moment(&member), threshold(&member));
    let shown = member.publish("2018");
    assert_eq!(shown[0], [Figure::Exact(31)]);
    member.visits[0].heads = 8;
    let (after, second) = (moment(&member), threshold(&member));
    let (then, now) = (Attacker::of(&before, &first), Attacker::of(&after, &second));
    assert!(then.changes(&now).iter().any(|leak| leak.found == (1, 1)));
    assert_eq!(member.publish("2018"), shown);
    nothing_is_given_away(&member);
}

#[test]
fn a8_bands_that_cut_across_each_other_are_refused() {
    // 18 to 24 are 9 and 18 to 25 are 10: each is enough under a floor of 5, and one is 25.
    let ages = [[18; 9].as_slice(), &[25]].concat();
    let band = |from: i32, to: i32| ages.iter().filter(|age| (from..=to).contains(*age)).count();
    assert_eq!(
        (band(18, 24), band(18, 25), band(18, 25) - band(18, 24)),
        (9, 10, 1)
    );
    // What cuts across has no atoms to be proven safe on; see `command::charter` for the charter.
    let places = count(Measure::Attendances, &[countries(&["TH", "VN"])], "2018");
    let regions = axis(Dimension::Region, &["asia", "africa"]);
    let regions = count(Measure::Attendances, &[regions], "2018");
    Layout::of([&places, &regions].into_iter()).expect_err("they cut across each other");
}

#[test]
fn a10_insiders_do_not_read_their_neighbour() {
    let mut visits = persons(1, 1, 0, "woman", "2018Q1");
    visits.extend(persons(2, 4, 0, "man", "2018Q1"));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &[genders()], "2018"),
    ];
    let mut member = Member::new(5, visits, plan);
    threshold_gives_away(&member, "[\"men\"], to the one of 2018 women", 4);
    member.publish("2018");
    nothing_is_given_away(&member);
}

#[test]
fn a11_a_known_threshold_bounds_from_above() {
    for (each, total) in [(4, 8), (1, 2)] {
        let visits = [("TH", each), ("VN", each)].map(|(code, all)| heads("2018Q1", code, all));
        let plan = vec![
            count(Measure::Attendances, &[], "2018"),
            count(Measure::Attendances, &[countries(&["TH", "VN"])], "2018"),
        ];
        let mut member = Member::new(5, visits.to_vec(), plan);
        let mut said = threshold(&member);
        said[0].cells[0].figure = Figure::Exact(total);
        for hidden in &mut said[1].cells {
            hidden.figure = interval(1, 4);
        }
        let moment = moment(&member);
        let leaks = Attacker::of(&moment, &said).leaks();
        assert!(
            leaks.iter().any(|leak| leak.found == (each, each)),
            "{leaks:?}"
        );
        member.publish("2018");
        nothing_is_given_away(&member);
    }
}

#[test]
fn a12_what_was_hidden_first_cannot_be_told() {
    // One of four is too few, and one of three equals is hidden beside it.
    let codes = ["TH", "VN", "NP", "LA"];
    let visits = [("TH", 1), ("VN", 8), ("NP", 8), ("LA", 8)]
        .map(|(country, all)| heads("2018Q1", country, all));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &[countries(&codes)], "2018"),
    ];
    let mut patterns = std::collections::BTreeSet::new();
    for key in 0..16 {
        let mut member = Member::new(5, visits.to_vec(), plan.clone());
        member.key = [key; 32];
        let shown = member.publish("2018");
        let hidden: Vec<bool> = shown[1].iter().map(|f| f.value().is_none()).collect();
        let bounds = shown[1].iter().filter(|figure| figure.value().is_none());
        // Both say the same, so that none is marked as the small one.
        assert_eq!(bounds.collect::<std::collections::HashSet<_>>().len(), 1);
        patterns.insert(hidden);
        nothing_is_given_away(&member);
    }
    assert!(patterns.len() > 1, "{patterns:?}");
}

#[test]
fn a12_a_flag_tells_which_of_two_was_hidden_first() {
    // 6 in all; were it said that one is below 5 and the other is not, they would be 1 and 5.
    let visits = [("TH", 1), ("VN", 5)].map(|(code, all)| heads("2018Q1", code, all));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(Measure::Attendances, &[countries(&["TH", "VN"])], "2018"),
    ];
    let mut member = Member::new(5, visits.to_vec(), plan);
    let mut flagged = threshold(&member);
    flagged[1].cells[0].figure = interval(1, 4);
    flagged[1].cells[1].figure = interval(5, 50);
    let leaks = Attacker::of(&moment(&member), &flagged).leaks();
    let told = |leak: &Leak| leak.what.contains("TH") && leak.found == (1, 1);
    assert!(leaks.iter().any(told), "{leaks:?}");
    let shown = member.publish("2018");
    assert_eq!(shown[0], [Figure::Exact(6)]);
    assert_eq!(shown[1], [interval(0, 6), interval(0, 6)]);
    nothing_is_given_away(&member);
}

#[test]
fn a13_rounding_gives_away_what_it_hides() {
    // Four cells shown as 5, their total as 10, each rounded to the nearest 5: 3 to 7, and 8 to 12.
    let all = (3..=7).flat_map(|a| (3..=7).flat_map(move |b| (3..=7).map(move |c| (a, b, c))));
    let tables = all.flat_map(|(a, b, c)| (3..=7).map(move |d| [a, b, c, d]));
    let possible: Vec<[i64; 4]> = tables
        .filter(|cells| (8..=12).contains(&cells.iter().sum::<i64>()))
        .collect();
    assert_eq!(possible, [[3; 4]]);
    // Five and fewer redacted, the rest rounded: what is shown as 5 is one of two.
    let rounded = |value: i64| (value + 2) / 5 * 5;
    let shown_as_5: Vec<i64> = (6..100).filter(|value| rounded(*value) == 5).collect();
    assert_eq!(shown_as_5, [6, 7]);
    // Of what is hidden we say bounds, and of what is shown the truth: nothing is rounded.
    let visits = ["TH", "VN", "NP", "LA"].map(|country| heads("2018Q1", country, 3));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(
            Measure::Attendances,
            &[countries(&["TH", "VN", "NP", "LA"])],
            "2018",
        ),
    ];
    let mut member = Member::new(5, visits.to_vec(), plan);
    member.publish("2018");
    nothing_is_given_away(&member);
}

/// How a solver fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Timeout,
    Internal,
    NotANumber,
}

/// A solver that fails from some solve on.
pub(super) struct Failing {
    pub(super) fault: Fault,
    pub(super) good: Counter<u32>,
}

struct NoNumbers(usize);

impl Solved for NoNumbers {
    fn values(&self) -> Vec<f64> {
        vec![f64::NAN; self.0]
    }

    fn is_best(&self) -> bool {
        true
    }

    fn and(&self, _: &Line) -> Result<Box<dyn Solved>, Failure> {
        Ok(Box::new(Self(self.0)))
    }
}

impl Solver for Failing {
    fn solve(&self, program: &Program, limit: Duration) -> Result<Box<dyn Solved>, Failure> {
        if let Some(left) = self.good.get().checked_sub(1) {
            self.good.set(left);
            return Microlp.solve(program, limit);
        }
        match self.fault {
            Fault::Timeout => Err(Trouble::Timeout.into()),
            Fault::Internal => Err(Trouble::Internal("injected".to_owned()).into()),
            Fault::NotANumber => Ok(Box::new(NoNumbers(program.columns.len()))),
        }
    }
}

#[test]
fn a24_a_solver_that_fails_publishes_nothing() {
    let visits = [("TH", 3), ("VN", 15), ("NP", 25)].map(|(code, all)| heads("2018Q1", code, all));
    let plan = vec![
        count(Measure::Attendances, &[], "2018"),
        count(
            Measure::Attendances,
            &[countries(&["TH", "VN", "NP"])],
            "2018",
        ),
    ];
    for fault in [Fault::Timeout, Fault::Internal, Fault::NotANumber] {
        let member = Member::new(5, visits.to_vec(), plan.clone());
        let solver = Failing {
            fault,
            good: Counter::new(0),
        };
        let (_, protected) = member.draft("2018", &solver);
        for verdict in &protected.verdicts {
            assert!(verdict.reason.is_some(), "{fault:?}");
            assert!(
                verdict
                    .cells
                    .iter()
                    .all(|cell| cell.figure == Figure::Absent)
            );
        }
        // Nothing is told that is not proven, wherever it fails.
        for good in 1..12 {
            let good = Counter::new(good);
            let (counts, protected) = member.draft("2018", &Failing { fault, good });
            let said = counts.into_iter().zip(protected.verdicts);
            let said: Vec<Said> = said
                .map(|(count, verdict)| Said {
                    count,
                    cells: verdict.cells,
                    was: Vec::new(),
                })
                .collect();
            let moment = moment(&member);
            let leaks = Attacker::of(&moment, &said).leaks();
            assert!(leaks.is_empty(), "{fault:?}: {leaks:?}");
        }
    }
}
