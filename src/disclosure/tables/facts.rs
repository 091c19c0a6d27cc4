//! What binds atoms whatever is published: how measures and periods hang together, and what
//! everybody reads from the tables of activities.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::{Body, Layout, VISITS};
use super::several::{beside_several, between_places, elsewhere, over_time, several_along};
use crate::disclosure::{Form, Row};
use crate::model::{Measure, table};

/// Above this many activities, that each person attends each at most once says nothing.
const MANY_ACTIVITIES: u32 = 10_000;

/// A row, and what it follows from.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) row: Row,
    pub(crate) from: From,
}

/// What a row follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Tables of one measure have one total.
    Agreement,
    /// Nothing took place there.
    Nothing,
    /// Who completed, or was one of the persons, attended.
    Attended(Measure),
    /// And did so there, or elsewhere, where every head is known well enough.
    AttendedThere,
    /// Nobody attends one activity twice.
    Once,
    /// Persons of a part of a year are persons of the year.
    Part,
}

/// Returns every such row, given for each table the most activities behind its cells.
pub(crate) fn facts<'s>(
    layout: &Layout,
    tables: impl Iterator<Item = (&'s Count, &'s [Option<u32>])> + Clone,
) -> Vec<Fact> {
    let agree = layout.agreements().into_iter();
    let mut facts: Vec<Fact> = agree.map(|row| fact(row, From::Agreement)).collect();
    let nothing: BTreeSet<Form> = tables
        .clone()
        .flat_map(|(count, most)| nothing_there(layout, count, most))
        .collect();
    let nothing = nothing.into_iter();
    facts.extend(nothing.map(|form| fact(Row::between(form, None, Some(0)), From::Nothing)));
    let between = between_places(layout, tables.clone().map(|(count, _)| count));
    for attended in layout
        .bodies()
        .iter()
        .filter(|b| b.measure == Measure::Attendances)
    {
        for of_them in layout
            .bodies()
            .iter()
            .filter(|body| is_of_attendances(body))
        {
            for (all, some, is_total) in layout.side_by_side(attended, of_them) {
                let row = Row::at_least_nothing(all.minus(&some));
                let from = match is_total {
                    true => From::Attended(of_them.measure),
                    false => From::AttendedThere,
                };
                if !is_total && some.terms().all(|(atom, _)| between.contains(&atom)) {
                    continue;
                }
                facts.push(fact(row, from));
            }
        }
    }
    let elsewhere: BTreeSet<Form> = tables
        .clone()
        .flat_map(|(count, most)| elsewhere(layout, count, most))
        .collect();
    let elsewhere = elsewhere.into_iter().map(Row::at_least_nothing);
    facts.extend(elsewhere.map(|row| fact(row, From::AttendedThere)));
    let over_time = over_time(layout, tables.clone()).into_iter();
    let over_time = over_time.map(Row::at_least_nothing);
    facts.extend(over_time.map(|row| fact(row, From::Part)));
    let once: BTreeSet<Form> = tables
        .flat_map(|(count, most)| once(layout, count, most))
        .collect();
    let once = once.into_iter().map(Row::at_least_nothing);
    facts.extend(once.map(|row| fact(row, From::Once)));
    facts.extend(persons_over_time(layout).map(|row| fact(row, From::Part)));
    facts
}

const fn fact(row: Row, from: From) -> Fact {
    Fact { row, from }
}

fn is_of_attendances(body: &Body) -> bool {
    matches!(body.measure, Measure::People | Measure::Completions)
}

/// Returns what is nothing where nothing took place: every measure that is laid out there.
fn nothing_there(layout: &Layout, count: &Count, most: &[Option<u32>]) -> Vec<Form> {
    let beside: &[Measure] = match VISITS.contains(&count.measure) {
        true => &VISITS,
        false => &[count.measure],
    };
    let empty = most
        .iter()
        .enumerate()
        .filter(|(_, most)| **most == Some(0));
    let forms = empty.flat_map(|(cell, _)| {
        // Persons of several countries stand where nothing takes place.
        let is_several = several_along(count, cell).next().is_some();
        let is_people = count.measure == Measure::People;
        let stands =
            move |measure: &&Measure| !is_several || is_people == (**measure == Measure::People);
        let forms = beside.iter().filter(stands);
        forms.filter_map(move |measure| layout.cell(&count.of(*measure), cell))
    });
    forms.collect()
}

/// Returns that attendances are at most as many as persons times activities, wherever a table
/// tells how many of these there were: in each of its cells, and in each sum of them.
fn once(layout: &Layout, count: &Count, most: &[Option<u32>]) -> Vec<Form> {
    if !VISITS.contains(&count.measure) {
        return Vec::new();
    }
    let (people, attended) = (count.of(Measure::People), count.of(Measure::Attendances));
    let most_of = |cell: usize, kept: &[usize]| {
        // How often persons of several countries came, only a table of persons can tell; but what
        // took place in several, only they came to.
        let is_told = count.measure == Measure::People
            || several_along(count, cell).all(|axis| kept.contains(&axis));
        let most = most.get(cell).copied().flatten().filter(|_| is_told);
        let most = most.filter(|most| *most <= MANY_ACTIVITIES)?;
        let mut stand = BTreeSet::from([cell]);
        stand.extend(
            kept.iter()
                .filter_map(|axis| beside_several(count, cell, *axis)),
        );
        let forms = stand.iter().map(|cell| layout.cell(&people, *cell));
        let forms: Vec<Form> = forms.collect::<Option<_>>()?;
        let all = forms
            .iter()
            .fold(Form::default(), |sum, form| sum.plus(form));
        Some(all.times(i64::from(most)))
    };
    let mut rooms = Vec::new();
    for subset in 0u32..(1 << count.axes.len().min(8)) {
        let (margin, kept, cells) = margin(&attended, subset);
        let mut all = vec![Some(Form::default()); margin.cells()];
        for (cell, at) in cells.into_iter().enumerate() {
            all[at] = all[at]
                .take()
                .zip(most_of(cell, &kept))
                .map(|(all, most)| all.plus(&most));
        }
        let room = |(at, all): (usize, Option<Form>)| Some(all?.minus(&layout.cell(&margin, at)?));
        rooms.extend(all.into_iter().enumerate().filter_map(room));
    }
    rooms
}

/// Returns a table with some of another's axes, which these are, and which of its cells each of the
/// other's is in.
fn margin(count: &Count, subset: u32) -> (Count, Vec<usize>, Vec<usize>) {
    let is_kept = |axis: &usize| subset >> axis & 1 == 1;
    let kept: Vec<usize> = (0..count.axes.len()).filter(is_kept).collect();
    let margin = count.split(kept.iter().map(|axis| count.axes[*axis].clone()).collect());
    let cells = (0..count.cells()).map(|cell| {
        let codes = table::codes_at(&count.axes, cell);
        let codes: Vec<&str> = kept.iter().map(|axis| codes[*axis]).collect();
        table::index_of(&margin.axes, &codes).unwrap_or(0)
    });
    let cells: Vec<usize> = cells.collect();
    (margin, kept, cells)
}

/// Returns that the largest part is at most the whole, and the whole at most the sum of parts.
fn persons_over_time(layout: &Layout) -> impl Iterator<Item = Row> {
    let people = |body: &&Body| body.measure == Measure::People;
    let bodies: Vec<&Body> = layout.bodies().iter().filter(people).collect();
    let total = |body: &Body| layout.total(body);
    let mut rows = Vec::new();
    for whole in &bodies {
        let Some(period) = whole.only else { continue };
        let within = |part: &&&Body| {
            part.only
                .is_some_and(|only| only != period && period.covers(only))
        };
        let parts: Vec<&&Body> = bodies.iter().filter(within).collect();
        rows.extend(
            parts
                .iter()
                .map(|part| Row::at_least_nothing(total(whole).minus(&total(part)))),
        );
        let mut grains: Vec<_> = parts
            .iter()
            .filter_map(|p| p.only)
            .map(|p| p.grain())
            .collect();
        grains.sort_unstable();
        grains.dedup();
        for grain in grains {
            let of_grain = parts
                .iter()
                .filter(|p| p.only.is_some_and(|p| p.grain() == grain));
            let of_grain: Vec<_> = of_grain.collect();
            if of_grain.len() == period.split(grain, 1).len() {
                let sum = of_grain
                    .iter()
                    .fold(Form::default(), |sum, part| sum.plus(&total(part)));
                rows.push(Row::at_least_nothing(sum.minus(&total(whole))));
            }
        }
    }
    rows.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::policy::Of;
    use crate::model::{Axis, Dimension};

    fn attendances_and_people(codes: [&str; 3]) -> ([Count; 2], Layout) {
        let counts = [Measure::Attendances, Measure::People].map(|measure| Count {
            measure,
            signers: Of::Organisations,
            axes: vec![Axis {
                dimension: Dimension::Country,
                codes: codes.map(str::to_owned).to_vec(),
            }],
            period: "2018".parse().expect("a year"),
        });
        let layout = Layout::of(counts.iter()).expect("they fit");
        (counts, layout)
    }

    /// Returns whether facts allow so many attendances and persons along some codes, given the most
    /// activities behind attendances there, and behind persons.
    fn allows(
        codes: [&str; 3],
        most: [[Option<u32>; 3]; 2],
        [attended, people]: [[i64; 3]; 2],
    ) -> bool {
        let (counts, layout) = attendances_and_people(codes);
        let tables = counts.iter().zip(&most);
        let facts = facts(&layout, tables.map(|(count, most)| (count, &most[..])));
        let atom = |count: &Count, cell| {
            let form = layout.cell(count, cell).expect("it is laid out");
            form.terms().next().expect("it has an atom").0
        };
        let mut truth = vec![0; layout.atoms()];
        for cell in 0..3 {
            truth[atom(&counts[0], cell)] = attended[cell];
            truth[atom(&counts[1], cell)] = people[cell];
        }
        facts.iter().all(|fact| fact.row.admits(&truth))
    }

    #[test]
    fn persons_of_several_countries_stand_where_nothing_took_place() {
        let (counts, layout) = attendances_and_people(["TH", "VN", "several"]);
        let [attendances, people] = &counts;
        for (of_several, is_none) in [(Some(2), false), (Some(0), true)] {
            let most = [
                (attendances, [Some(1), Some(0), Some(0)]),
                (people, [Some(1), Some(0), of_several]),
            ];
            let tables = most.iter().map(|(count, most)| (*count, most.as_slice()));
            let facts = facts(&layout, tables);
            let is_nothing = |count: &Count, cell| {
                let form = layout.cell(count, cell);
                facts
                    .iter()
                    .any(|fact| fact.from == From::Nothing && Some(&fact.row.form) == form.as_ref())
            };
            assert!(is_nothing(attendances, 1) && is_nothing(attendances, 2));
            assert!(is_nothing(people, 1));
            assert_eq!(is_nothing(people, 2), is_none);
        }
    }

    #[test]
    fn who_was_in_several_places_attended_in_each_of_them() {
        let most = [[Some(1), Some(1), Some(0)], [Some(1), Some(1), Some(2)]];
        let allows = |attended, people| allows(["TH", "VN", "several"], most, [attended, people]);
        assert!(allows([9, 9, 0], [9, 9, 0]));
        assert!(allows([9, 9, 0], [8, 8, 1]));
        assert!(allows([1, 1, 0], [0, 0, 1]));
        assert!(!allows([9, 9, 0], [9, 9, 1]));
        assert!(!allows([9, 0, 0], [8, 0, 1]));
    }

    #[test]
    fn one_activity_that_no_code_names_is_in_one_place() {
        let codes = ["TH", "other", "several"];
        let most = |other| {
            [
                [Some(9), Some(other), Some(1)],
                [Some(9), Some(other), None],
            ]
        };
        // Five were in several places, four of them where one activity was in several.
        let allows = |other, attended| allows(codes, most(other), [attended, [0, 0, 5]]);
        assert!(allows(2, [0, 5, 4]) && !allows(1, [0, 5, 4]));
        assert!(allows(1, [1, 5, 4]) && allows(1, [0, 5, 5]));
    }

    #[test]
    fn what_took_place_in_several_places_is_for_persons_of_several() {
        let codes = ["TH", "other", "several"];
        let most = |there| [[Some(9), Some(9), there], [Some(9), Some(9), None]];
        let allows = |there, people| allows(codes, most(there), [[9, 9, 4], people]);
        assert!(allows(Some(4), [8, 8, 1]) && !allows(Some(3), [8, 8, 1]));
        assert!(allows(Some(2), [8, 8, 2]) && !allows(Some(1), [8, 8, 2]));
        assert!(allows(None, [8, 8, 1]));
    }
}
