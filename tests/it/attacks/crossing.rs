//! Random books published with crossed tables, in quarters and their year, in any order; attacked
//! by trying out whole numbers.

use counterfoil::model::{Dimension, Measure};
use proptest::prelude::*;

use counterfoil::disclosure::tables::Count;

use super::book::{Member, Visit, count, period, tally};
use super::catalogue::{countries, genders, heads};
use super::crossed::{puzzle, sums};
use super::possible::{NO_BOUND, Ready, Sum, value};

const FLOOR: i64 = 5;
const QUARTERS: [&str; 2] = ["2018Q1", "2018Q2"];
const PLACES: [&str; 2] = ["TH", "VN"];
const GENDERS: [&str; 3] = ["woman", "man", "non_binary"];

/// One activity in each quarter and place, to which so many of each gender came.
fn visits(counts: &[i64]) -> Vec<Visit> {
    let places = QUARTERS
        .iter()
        .flat_map(|quarter| PLACES.map(|place| (*quarter, place)));
    let all = places.zip(1..).flat_map(|((quarter, place), activity)| {
        GENDERS.map(|gender| Visit {
            gender,
            activity,
            ..heads(quarter, place, 0)
        })
    });
    all.zip(counts)
        .map(|(visit, heads)| Visit {
            heads: *heads,
            ..visit
        })
        .collect()
}

fn member(visits: &[Visit], keep: u16, hide_existence: bool) -> Member {
    let splits = [
        vec![],
        vec![countries(&PLACES)],
        vec![genders()],
        vec![countries(&PLACES), genders()],
    ];
    let periods = ["2018", "2018Q1", "2018Q2", "2018Q3", "2018Q4"];
    let all = periods
        .iter()
        .flat_map(|when| splits.iter().map(move |axes| (axes, when)));
    let is_kept = |nth: usize, axes: &[_]| axes.is_empty() || keep >> (nth % 12) & 1 == 1;
    let plan = all
        .enumerate()
        .filter(|(nth, (axes, _))| is_kept(*nth, axes))
        .map(|(_, (axes, when))| count(Measure::Attendances, axes, when));
    let mut member = Member::new(5, visits.to_vec(), plan.collect());
    member.floor.hide_existence = hide_existence;
    member
}

/// A sum nobody may bound tightly: it must be possible that it is at most, and at least, so many.
type Secret = (String, Sum, i64, i64);

/// Returns the sums nobody may bound tightly in a period, and what must be possible of each.
fn secrets(member: &Member, visits: &[Visit], when: &str) -> Vec<Secret> {
    let truth: Vec<i64> = visits.iter().map(|visit| visit.heads).collect();
    let mut secrets = Vec::new();
    let of_it = |count: &&Count| period(when).covers(count.period);
    for count in member.plan.iter().filter(of_it) {
        let total = count.split(Vec::new());
        let whole = tally(visits, &total)[0].value.expect("all is known");
        let limit = FLOOR - i64::from(whole < FLOOR);
        let cells = sums(visits, count);
        let tallies = tally(visits, count);
        for (cell, (sum, tally)) in cells.iter().zip(&tallies).enumerate() {
            // Where nothing took place, everybody knows that nobody came.
            if sum.is_empty() {
                continue;
            }
            let name = format!("{:?} {} {cell}", count.axes, count.period);
            let all = value(sum, &truth);
            let hidden = member.floor.hide_existence;
            let is_weak = all < FLOOR || tally.contributors < FLOOR as u64;
            if is_weak && (all > 0 || hidden) {
                secrets.push((name.clone(), sum.clone(), i64::from(!hidden), limit));
            }
            // What is left of a group.
            let Some(at) = count
                .axes
                .iter()
                .position(|a| a.dimension == Dimension::Gender3)
            else {
                continue;
            };
            let genders = count.axes[at].codes.len();
            let group = cell / genders * genders..(cell / genders + 1) * genders;
            let rest = group
                .filter(|other| *other != cell)
                .map(|other| &cells[other]);
            let rest: Sum = rest.flatten().map(|(at, times)| (*at, *times)).collect();
            if all > 0 && value(&rest, &truth) < FLOOR {
                secrets.push((format!("{name}: the others"), rest, 0, limit));
            }
        }
    }
    secrets
}

/// Finds a sum that is bounded too tightly, and was not before.
fn leak(before: &Ready, now: &Ready, secrets: &[Secret]) -> Option<String> {
    let told = |sum: &Sum, lower: i64, upper: i64| {
        before.is_possible(sum, lower, upper) && !now.is_possible(sum, lower, upper)
    };
    let mut secrets = secrets.iter();
    let leak =
        secrets.find(|(_, sum, most, least)| told(sum, 0, *most) || told(sum, *least, NO_BOUND));
    leak.map(|(name, sum, most, least)| {
        format!("{name}: {:?}, due {most} to {least}", now.range(sum))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn crossed_tables_tell_of_nobody(
        counts in proptest::collection::vec(prop_oneof![0i64..3, 0i64..7, 0i64..15], 12),
        keep in any::<u16>(),
        hide in any::<bool>(),
        order in Just(vec!["2018Q1", "2018Q2", "2018"]).prop_shuffle(),
    ) {
        let visits = visits(&counts);
        let mut member = member(&visits, keep, hide);
        let mut before = puzzle(&visits, &[]);
        for period in order {
            member.publish(period);
            let now = puzzle(&visits, &member.said);
            let found = leak(&before, &now, &secrets(&member, &visits, period));
            prop_assert!(found.is_none(), "after {period}: {found:?}\n{:#?}", member.said);
            before = now;
        }
    }
}
