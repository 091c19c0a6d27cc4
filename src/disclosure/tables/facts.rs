//! What binds atoms whatever is published: how measures and periods hang together, and what
//! everybody reads from the tables of activities.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::{Body, Layout, VISITS};
use crate::disclosure::{Form, Row};
use crate::model::{Measure, table};

/// Above this many activities, that each person attends each at most once says nothing.
const MANY_ACTIVITIES: u32 = 10_000;

/// Where what is in more than one place stands.
pub(super) const SEVERAL: &str = "several";

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
    /// And did so there, where every head is known well enough: a person of two countries stands
    /// in neither.
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
                facts.push(fact(row, from));
            }
        }
    }
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
        let is_several = is_several(count, cell);
        let is_people = count.measure == Measure::People;
        let stands =
            move |measure: &&Measure| !is_several || is_people == (**measure == Measure::People);
        let forms = beside.iter().filter(stands).map(move |measure| {
            let like = Count {
                measure: *measure,
                ..count.clone()
            };
            layout.cell(&like, cell)
        });
        forms.flatten()
    });
    forms.collect()
}

fn is_several(count: &Count, cell: usize) -> bool {
    table::codes_at(&count.axes, cell).contains(&SEVERAL)
}

/// Returns that attendances are at most as many as persons times activities, wherever a table
/// tells how many of these there were: in each of its cells, and in each sum of them.
fn once(layout: &Layout, count: &Count, most: &[Option<u32>]) -> Vec<Form> {
    if !VISITS.contains(&count.measure) {
        return Vec::new();
    }
    let like = |measure| Count {
        measure,
        ..count.clone()
    };
    let (people, attended) = (like(Measure::People), like(Measure::Attendances));
    let most_of = |(cell, most): (usize, &Option<u32>)| {
        // How often persons of several countries came, only a table of persons can tell.
        if count.measure != Measure::People && is_several(count, cell) {
            return None;
        }
        let most = most.filter(|most| *most <= MANY_ACTIVITIES)?;
        Some(layout.cell(&people, cell)?.times(i64::from(most)))
    };
    let most: Vec<Option<Form>> = most.iter().enumerate().map(most_of).collect();
    let mut rooms = Vec::new();
    for subset in 0u32..(1 << count.axes.len().min(8)) {
        let (margin, cells) = margin(&attended, subset);
        let mut all = vec![Some(Form::default()); margin.cells()];
        for (most, at) in most.iter().zip(cells) {
            all[at] = all[at]
                .take()
                .zip(most.as_ref())
                .map(|(all, most)| all.plus(most));
        }
        let room = |(at, all): (usize, Option<Form>)| Some(all?.minus(&layout.cell(&margin, at)?));
        rooms.extend(all.into_iter().enumerate().filter_map(room));
    }
    rooms
}

/// Returns a table with some of another's axes, and which of its cells each of the other's is in.
fn margin(count: &Count, subset: u32) -> (Count, Vec<usize>) {
    let is_kept = |axis: &usize| subset >> axis & 1 == 1;
    let kept: Vec<usize> = (0..count.axes.len()).filter(is_kept).collect();
    let margin = count.split(kept.iter().map(|axis| count.axes[*axis].clone()).collect());
    let cells = (0..count.cells()).map(|cell| {
        let codes = table::codes_at(&count.axes, cell);
        let codes: Vec<&str> = kept.iter().map(|axis| codes[*axis]).collect();
        table::index_of(&margin.axes, &codes).unwrap_or(0)
    });
    let cells = cells.collect();
    (margin, cells)
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

    #[test]
    fn persons_of_several_countries_stand_where_nothing_took_place() {
        let count = |measure| Count {
            measure,
            signers: Of::Organisations,
            axes: vec![Axis {
                dimension: Dimension::Country,
                codes: ["TH", "VN", "several"].map(str::to_owned).to_vec(),
            }],
            period: "2018".parse().expect("a year"),
        };
        let counts = [Measure::Attendances, Measure::People].map(count);
        let layout = Layout::of(counts.iter()).expect("they fit");
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
}
