//! Attendances and completions: times somebody took part, or completed.
//!
//! Splits by gender or age come from the list of participants; heads that no list names stand
//! under `not_recorded` and `unknown`, so that every split adds up to its total.

use std::collections::HashMap;

use super::grid::{self, Grid, Stands};
use super::{Sum, TableRequest, starts_in};
use crate::model::{Dimension, Measure, dimension};
use crate::record::entry::{Record, Row, Values};
use crate::record::heads::Sessions;
use crate::record::schema::{Field, List};

/// How many came to one activity, as far as is known.
enum Heads<'r> {
    Known {
        /// Those whom the list names.
        rows: Vec<&'r Row>,
        /// Those whom it does not.
        rest: u32,
        /// The most different persons the rest can be known to be.
        crowd: u32,
    },
    Unknown,
}

impl<'r> Heads<'r> {
    const fn listed(rows: Vec<&'r Row>) -> Self {
        Self::Known {
            rows,
            rest: 0,
            crowd: 0,
        }
    }

    const fn headcount(heads: u32) -> Self {
        Self::Known {
            rows: Vec::new(),
            rest: heads,
            crowd: heads,
        }
    }
}

pub(super) fn add(
    sums: &mut [Sum],
    grid: &Grid<'_>,
    request: &TableRequest<'_>,
    record: &Record,
    joined: bool,
) {
    if !starts_in(record, request.period) {
        return;
    }
    let heads = match request.measure {
        Measure::Completions => completions(record, joined),
        _ => attendances(record, joined),
    };
    match heads {
        None => {}
        Some(Heads::Unknown) => {
            for cell in grid.find(|dimension| of_nobody(record, dimension)) {
                sums[cell].uncounted += 1;
            }
        }
        Some(Heads::Known { rows, rest, crowd }) => {
            for cell in grid.find(|dimension| of_everybody(record, dimension)) {
                sums[cell].counted += 1;
            }
            add_rows(sums, grid, record, &rows, (rest, crowd));
        }
    }
}

fn add_rows(
    sums: &mut [Sum],
    grid: &Grid<'_>,
    record: &Record,
    rows: &[&Row],
    (rest, crowd): (u32, u32),
) {
    // Heads without pseudonyms, per cell of this activity.
    let mut nameless: HashMap<usize, u64> = HashMap::new();
    for row in rows {
        for cell in grid.find(|dimension| of_participant(record, row, dimension)) {
            sums[cell].add(1);
            match row.person() {
                Some(person) => drop(sums[cell].persons.insert(person)),
                None => *nameless.entry(cell).or_default() += 1,
            }
        }
    }
    if rest > 0 {
        for cell in grid.find(|dimension| of_nobody(record, dimension)) {
            sums[cell].add(i64::from(rest));
            *nameless.entry(cell).or_default() += u64::from(crowd);
        }
    }
    for (cell, heads) in nameless {
        sums[cell].crowd = sums[cell].crowd.max(heads);
    }
}

/// Returns who came: by the sessions, else by the list, else by the head count. Of a joint
/// activity that another member leads, only the list is ours.
fn attendances(record: &Record, joined: bool) -> Option<Heads<'_>> {
    let listed = !record.rows(List::Participants).is_empty();
    let rows: Vec<&Row> = record.present().collect();
    if joined {
        return listed.then_some(Heads::listed(rows));
    }
    let (sum, largest) = match Sessions::of(record) {
        Sessions::Known { sum, largest } => (Some(sum), largest),
        Sessions::Gaps { .. } => return Some(Heads::Unknown),
        Sessions::Silent => (None, 0),
    };
    if let Some(sum) = sum {
        // A list longer than the sessions' sum cannot be a part of it.
        let rows = if rows.len() <= sum as usize {
            rows
        } else {
            Vec::new()
        };
        let rest = sum.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        return Some(Heads::Known {
            rows,
            rest,
            // The same persons come to several sessions.
            crowd: rest.min(largest),
        });
    }
    if listed {
        return Some(Heads::listed(rows));
    }
    let attended = record.count(Field::Attended);
    Some(attended.map_or(Heads::Unknown, Heads::headcount))
}

/// Returns who completed: by the list where it says so of anybody, else by the field.
fn completions(record: &Record, joined: bool) -> Option<Heads<'_>> {
    let said = |row: &&Row| row.yes(Field::Completed).is_some();
    if record.present().any(|row| said(&row)) {
        let completed = |row: &&Row| row.yes(Field::Completed) == Some(true);
        return Some(Heads::listed(record.present().filter(completed).collect()));
    }
    if joined {
        return None;
    }
    let completed = record.count(Field::Completed);
    Some(completed.map_or(Heads::Unknown, Heads::headcount))
}

/// Returns where a participant stands.
pub(super) fn of_participant<'r>(record: &'r Record, row: &'r Row, along: Dimension) -> Stands<'r> {
    let gender = || row.code(Field::Gender).unwrap_or(NO_GENDER);
    let band = || row.code(Field::AgeBand).unwrap_or(UNKNOWN);
    match along {
        Dimension::Gender => Stands::at(gender()),
        Dimension::Gender3 => Stands::at(dimension::gender3(gender())),
        Dimension::AgeBand => Stands::at(band()),
        Dimension::Age2 => Stands::at(dimension::age2(band())),
        Dimension::Role => Stands::at(row.code(Field::Role).unwrap_or(UNKNOWN)),
        _ => grid::of_record(record, along),
    }
}

/// Returns where heads stand of whom nothing is known.
pub(super) fn of_nobody(record: &Record, along: Dimension) -> Stands<'_> {
    match along {
        Dimension::Gender => Stands::at(NO_GENDER),
        Dimension::Gender3 => Stands::at(dimension::gender3(NO_GENDER)),
        Dimension::AgeBand | Dimension::Age2 | Dimension::Role => Stands::at(UNKNOWN),
        _ => grid::of_record(record, along),
    }
}

/// Returns every cell an activity speaks about.
pub(super) fn of_everybody(record: &Record, along: Dimension) -> Stands<'_> {
    if along.describes_persons() {
        return Stands::Everywhere;
    }
    grid::of_record(record, along)
}

pub(super) const NO_GENDER: &str = "not_recorded";
pub(super) const UNKNOWN: &str = "unknown";
