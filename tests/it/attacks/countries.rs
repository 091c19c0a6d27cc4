//! What everybody knows of persons by country, who may have been in several: written once more from
//! the rule that counts them, and from the activities by country.

use std::collections::BTreeSet;

use counterfoil::disclosure::tables::Count;
use counterfoil::model::{Axis, Dimension, Measure, table};

use super::book::{SEVERAL, Visit, behind};
use super::possible::{Sum, less, plus};

/// What is in no country that is named.
pub(crate) const OTHER: &str = "other";

/// Returns the same table of another measure.
pub(crate) fn like(count: &Count, measure: Measure) -> Count {
    Count {
        measure,
        ..count.clone()
    }
}

/// Returns where in a table by country those stand who were in several.
pub(crate) fn several(count: &Count) -> Option<usize> {
    let along = count.axes.first()?;
    let by_country = along.dimension == Dimension::Country && count.measure == Measure::People;
    let mut codes = along.codes.iter();
    codes.position(|code| by_country && code == SEVERAL)
}

/// Returns what persons by country are at most, given how often somebody was met in each: who
/// stands in a country was met there, and who stands in several was met twice, and outside of any
/// place that is one country at most; or where something took place in several countries.
pub(crate) fn met(codes: &[String], people: &[Sum], met: &[Sum], single: &[Vec<bool>]) -> Vec<Sum> {
    let over: Vec<Sum> = met
        .iter()
        .zip(people)
        .map(|(met, people)| less(met, people))
        .collect();
    let outside = |place: &dyn Fn(usize) -> bool| {
        let outside = over.iter().enumerate().filter(|(at, _)| !place(*at));
        outside.fold(Sum::new(), |sum, (_, over)| plus(&sum, over, 1))
    };
    let several = codes
        .iter()
        .position(|code| code == SEVERAL)
        .expect("there is one");
    let mut facts: Vec<Sum> = (0..codes.len())
        .filter(|at| *at != several)
        .map(|at| over[at].clone())
        .collect();
    facts.push(plus(&outside(&|_| false), &over[several], 1));
    facts.extend(single.iter().map(|place| outside(&|at| place[at])));
    facts
}

/// Returns that who was in several countries in a part of a year was so in the year, and who was
/// in one of them is in that one or in several.
pub(crate) fn still_there(codes: &[String], year: &[Sum], part: &[Sum]) -> Vec<Sum> {
    let several = codes
        .iter()
        .position(|code| code == SEVERAL)
        .expect("there is one");
    let still = |at: usize| match at == several {
        true => less(&year[at], &part[at]),
        false => less(&plus(&year[at], &year[several], 1), &part[at]),
    };
    (0..codes.len()).map(still).collect()
}

/// Returns how many activities everybody can read of a cell: those of its period and, where it has
/// one, its country; of persons of several countries all, and none where all took place in one.
pub(crate) fn activities(visits: &[Visit], count: &Count, cell: usize) -> i64 {
    let codes = table::codes_at(&count.axes, cell);
    let along = count.axes.first();
    let along = along.filter(|axis| axis.dimension == Dimension::Country);
    let place = |visit: &Visit| -> &str {
        let is_named = |axis: &Axis| axis.codes.iter().any(|code| code == visit.country);
        match along.is_none_or(is_named) {
            true => visit.country,
            false => OTHER,
        }
    };
    let then = visits
        .iter()
        .filter(|visit| count.period.covers(visit.quarter));
    let held: BTreeSet<(&str, u32)> = then.map(|visit| (place(visit), visit.activity)).collect();
    let there = held
        .iter()
        .filter(|(place, _)| along.is_none() || *place == codes[0]);
    if several(count) != Some(cell) {
        return there.count() as i64;
    }
    let places: BTreeSet<&str> = held.iter().map(|(place, _)| *place).collect();
    let only = places.first().filter(|_| places.len() == 1);
    let is_one = |place: &&&str| **place != SEVERAL && (**place != OTHER || held.len() == 1);
    match only.filter(is_one) {
        Some(_) => 0,
        None => held.len() as i64,
    }
}

/// Returns the visits of whoever is alone in a cell.
pub(crate) fn visits_of(visits: &[Visit], count: &Count, cell: usize) -> Vec<Visit> {
    let there = behind(visits, count, cell);
    match there.iter().find(|visit| visit.person > 0) {
        Some(one) => {
            let own = visits.iter().filter(|visit| visit.person == one.person);
            own.cloned().collect()
        }
        None => there,
    }
}
