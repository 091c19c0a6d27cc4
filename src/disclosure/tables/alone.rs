//! What whoever is alone somewhere knows: what they add themselves, to every measure there, and in
//! every part of a longer time.

use std::collections::{BTreeMap, BTreeSet};

use super::count::{Count, Sheet, State};
use super::layout::{Layout, VISITS};
use super::several::several_along;
use crate::model::{Axis, Measure, Period, Tally};

/// A cell of a block, whatever is counted there.
type Place = (Vec<Axis>, usize);

/// Who adds to what is counted in one place, in some time.
#[derive(Default)]
struct Added {
    /// What one person at most adds to.
    atoms: Vec<usize>,
    is_one: bool,
    are_more: bool,
}

/// Returns the atoms one person alone knows: those of every measure in one place where nobody else
/// stands, and of a longer time those of the parts of it, too.
pub(super) fn alone(layout: &Layout, state: &State) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<Place, BTreeMap<Period, Added>> = BTreeMap::new();
    let mut periods: BTreeSet<Period> = BTreeSet::new();
    let mut atom = 0;
    for count in layout.wants() {
        periods.insert(count.period);
        let empty = Vec::new();
        let tallies = state.atoms.get(&count).unwrap_or(&empty);
        for cell in 0..count.cells() {
            let tally = tallies.get(cell).copied().unwrap_or_default();
            let place = places.entry((count.axes.clone(), cell)).or_default();
            let added = place.entry(count.period).or_default();
            if tally.contributors <= 1 {
                added.atoms.push(atom);
                added.is_one |= tally.contributors == 1 && tally.value.is_some_and(|v| v > 0);
            } else {
                added.are_more = true;
            }
            atom += 1;
        }
    }
    let mut alone: BTreeSet<Vec<usize>> = BTreeSet::new();
    for times in places.into_values() {
        for time in &periods {
            let parts = || times.iter().filter(|(part, _)| time.covers(**part));
            // Where the whole is not counted, who is alone in each part may be the same person.
            let is_one = match times.get(time) {
                Some(added) => added.is_one,
                None => parts().any(|(_, a)| a.is_one) && !parts().any(|(_, a)| a.are_more),
            };
            if is_one {
                let all = parts().flat_map(|(_, added)| &added.atoms);
                let mut all: Vec<usize> = all.copied().collect();
                all.sort_unstable();
                // What is in the parts may be another's who stands elsewhere as a person of the
                // whole.
                let own = times.get(time).map(|added| added.atoms.clone());
                alone.extend(own.into_iter().chain([all]));
            }
        }
    }
    alone.extend(
        state
            .sheets
            .iter()
            .flat_map(|sheet| alone_in(layout, sheet)),
    );
    alone.into_iter().collect()
}

/// Returns the atoms that whoever is alone in a cell knows: who is alone in a year is alone, or
/// away, in each part of it.
fn alone_in<'l>(layout: &'l Layout, sheet: &'l Sheet) -> impl Iterator<Item = Vec<usize>> + 'l {
    let is_one = |tally: &Tally| tally.contributors == 1 && tally.value.is_some_and(|v| v > 0);
    let is_of_visits = VISITS.contains(&sheet.count.measure);
    let cells = sheet.tallies.iter().enumerate();
    let ones = cells.filter(move |(_, tally)| is_of_visits && is_one(tally));
    ones.map(move |(cell, _)| {
        let period = sheet.count.period;
        let parts = layout.bodies().iter().filter_map(move |body| {
            let like = Count {
                measure: body.measure,
                period: body.only.unwrap_or(period),
                ..sheet.count.clone()
            };
            let is_there = period.covers(like.period) && is_theirs(&sheet.count, cell, &like);
            is_there.then(|| layout.cell(&like, cell)).flatten()
        });
        let atoms: BTreeSet<usize> = parts
            .flat_map(|form| form.terms().map(|(atom, _)| atom).collect::<Vec<_>>())
            .collect();
        atoms.into_iter().collect()
    })
}

/// Returns whether all that is counted in a cell of one table is of whoever is alone there in
/// another. Others than the one who completed may have attended, and so may those of several
/// places where one person stands; these stand together wherever they attended.
fn is_theirs(alone: &Count, cell: usize, other: &Count) -> bool {
    let is_of_several = |cell: usize| several_along(alone, cell).next().is_some();
    match alone.measure {
        _ if !VISITS.contains(&other.measure) => false,
        Measure::Completions => other.measure == Measure::Completions,
        Measure::People if !is_of_several(cell) => {
            other == alone || !(0..alone.cells()).any(is_of_several)
        }
        Measure::Attendances if is_of_several(cell) => other.measure != Measure::People,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::policy::Of;
    use crate::model::Dimension;

    #[test]
    fn who_is_alone_in_a_year_is_alone_in_its_parts() {
        let count = |measure, period: &str| Count {
            measure,
            signers: Of::Organisations,
            axes: Vec::new(),
            period: period.parse().expect("a period"),
        };
        let tables = [
            count(Measure::Attendances, "2018Q1"),
            count(Measure::Attendances, "2018Q2"),
            count(Measure::People, "2018"),
        ];
        let layout = Layout::of(tables.iter()).expect("they fit");
        let one = Tally {
            value: Some(1),
            contributors: 1,
            ..Tally::default()
        };
        let state = State {
            sheets: Vec::new(),
            atoms: tables.into_iter().map(|count| (count, vec![one])).collect(),
        };
        // Attendances of four quarters, and persons of the year.
        let alone = alone(&layout, &state);
        assert_eq!(alone, [vec![0], vec![0, 1, 2, 3, 4], vec![1], vec![4]]);
    }
    #[test]
    fn who_stands_alone_in_a_country_need_not_be_the_only_one_who_came() {
        let count = |measure, period: &str| Count {
            measure,
            signers: Of::Organisations,
            axes: vec![Axis {
                dimension: Dimension::Country,
                codes: ["TH", "several"].map(str::to_owned).to_vec(),
            }],
            period: period.parse().expect("a period"),
        };
        let [attended, people] = [Measure::Attendances, Measure::People].map(|m| count(m, "2018"));
        let completed = count(Measure::Completions, "2018");
        let quarter = count(Measure::People, "2018Q1");
        assert!(is_theirs(&attended, 0, &people) && is_theirs(&attended, 0, &quarter));
        assert!(!is_theirs(&people, 0, &attended) && !is_theirs(&people, 0, &quarter));
        assert!(is_theirs(&people, 1, &attended) && is_theirs(&people, 1, &quarter));
        assert!(!is_theirs(&attended, 1, &people) && is_theirs(&attended, 1, &completed));
        assert!(!is_theirs(&completed, 0, &attended) && is_theirs(&completed, 0, &completed));
        // Where nobody can stand in several, who stands somewhere came there alone.
        let [attended, people] = [attended, people].map(|count| count.split(Vec::new()));
        assert!(is_theirs(&people, 0, &attended));
    }
}
