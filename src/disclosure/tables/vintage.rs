//! Releases in the order of a log, and what of them stood beside each other.
//!
//! Only what hangs together in time is put together: nothing else bounds anything.
//!
//! A revision that contradicts what it replaces tells that records changed. What was said before it of the same or an overlapping
//! period, and has not changed since, may no longer be true beside it: it was attacked when it was
//! said, and is not put together with the revision, unless an overlapping period was revised too
//! since then and so explains it. So nothing is called disclosed that only two different states of
//! the records together would tell.

use std::collections::{BTreeMap, BTreeSet};

use super::count::{Count, Said};
use super::shown::Shown;
use super::venues::Venues;
use crate::charter::Policy;
use crate::model::{Cell, Figure, Period, Series, Table};

/// One release: what was let out about a period, under one leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vintage {
    /// The leaf.
    pub leaf: u64,
    /// The period.
    pub period: Period,
    /// Its tables that count persons.
    pub tables: Vec<Shown>,
    /// Its tables of activities.
    pub venues: Vec<Venues>,
}

impl Vintage {
    /// Reads it from the tables of one summary.
    pub fn of(leaf: u64, series: Series, tables: &[Table], policy: &Policy) -> Self {
        Self {
            leaf,
            period: series.period,
            tables: Shown::of(series, tables, policy),
            venues: Venues::of(series, tables),
        }
    }
}

/// Returns releases in which a table that says what it said before stands with the activities it
/// was first said of, and under the floor it was: shown again as it was, it speaks of the records
/// as they were, and tells nothing new.
pub(super) fn as_first_said(vintages: &[Vintage]) -> Vec<Vintage> {
    let mut settled: Vec<Vintage> = Vec::with_capacity(vintages.len());
    let mut newest: BTreeMap<Period, usize> = BTreeMap::new();
    for (at, vintage) in vintages.iter().enumerate() {
        let mut vintage = vintage.clone();
        if let Some(before) = newest.insert(vintage.period, at) {
            let before: &Vintage = &settled[before];
            let mut is_again = false;
            for shown in &mut vintage.tables {
                let mut tables = before.tables.iter();
                if let Some(same) = tables.find(|other| other.said == shown.said) {
                    shown.activities.clone_from(&same.activities);
                    shown.floor.clone_from(&same.floor);
                    is_again = true;
                }
            }
            // Which of both where it took place goes with nobody can tell.
            let then = before.venues.iter().filter(|_| is_again);
            let moved = then.filter(|then| !vintage.venues.contains(then));
            let moved: Vec<Venues> = moved.cloned().collect();
            vintage.venues.extend(moved);
        }
        settled.push(vintage);
    }
    settled
}

/// A table of a release: both by their numbers.
pub(super) type Piece = (usize, usize);

/// The releases of one kind.
pub(super) struct History<'v> {
    vintages: &'v [Vintage],
    /// The release of the same period before each.
    before: Vec<Option<usize>>,
    revisions: Vec<Revision>,
}

/// A release that contradicts what was said of its period before.
struct Revision {
    at: usize,
    since: usize,
    period: Period,
}

impl<'v> History<'v> {
    pub(super) fn of(vintages: &'v [Vintage]) -> Self {
        let mut newest: BTreeMap<Period, usize> = BTreeMap::new();
        let before = vintages.iter().enumerate();
        let before = before
            .map(|(at, vintage)| newest.insert(vintage.period, at))
            .collect();
        let mut history = Self {
            vintages,
            before,
            revisions: Vec::new(),
        };
        for (at, vintage) in vintages.iter().enumerate() {
            let Some(since) = history.before[at] else {
                continue;
            };
            let before = &vintages[since].tables;
            let mut tables = vintage.tables.iter();
            if tables.any(|table| {
                before
                    .iter()
                    .any(|other| contradict(&other.said, &table.said))
            }) {
                history.revisions.push(Revision {
                    at,
                    since,
                    period: vintage.period,
                });
            }
        }
        history
    }

    /// Returns what was current after each release, and what is now, as far as it hangs together
    /// with one period.
    pub(super) fn states(&self) -> Vec<Vec<Piece>> {
        let mut newest: BTreeMap<Period, usize> = BTreeMap::new();
        let mut states = Vec::new();
        for (at, vintage) in self.vintages.iter().enumerate() {
            newest.insert(vintage.period, at);
            states.push(self.state(&newest, at, vintage.period));
        }
        let last = self.vintages.len().saturating_sub(1);
        let periods: Vec<Period> = newest.keys().copied().collect();
        states.extend(
            periods
                .into_iter()
                .map(|period| self.state(&newest, last, period)),
        );
        states
    }

    fn state(&self, newest: &BTreeMap<Period, usize>, end: usize, period: Period) -> Vec<Piece> {
        let near = together(period, newest.keys().copied());
        let current = newest.iter().filter(|(period, _)| near.contains(period));
        let pieces = current.flat_map(|(_, at)| {
            let tables = 0..self.vintages[*at].tables.len();
            tables.map(move |table| (*at, table))
        });
        pieces
            .filter(|piece| !self.is_overtaken(*piece, end))
            .collect()
    }

    /// Returns the releases of each table, oldest first, those left out that changed nothing.
    pub(super) fn chains(&self) -> Vec<Vec<Piece>> {
        let mut chains: BTreeMap<&Count, Vec<Piece>> = BTreeMap::new();
        for (at, vintage) in self.vintages.iter().enumerate() {
            for (table, shown) in vintage.tables.iter().enumerate() {
                if self.same_before((at, table)).is_none() {
                    chains
                        .entry(&shown.said.count)
                        .or_default()
                        .push((at, table));
                }
            }
        }
        chains.into_values().collect()
    }

    /// Returns the same table in the release before, where it said the same.
    fn same_before(&self, (at, table): Piece) -> Option<Piece> {
        let before = self.before[at]?;
        let own = &self.vintages[at].tables[table].said;
        let mut tables = self.vintages[before].tables.iter();
        let same = tables.position(|other| other.said == *own)?;
        Some((before, same))
    }

    fn is_overtaken(&self, piece: Piece, end: usize) -> bool {
        let period = self.vintages[piece.0].period;
        let first = std::iter::successors(Some(piece), |piece| self.same_before(*piece)).last();
        let said_at = first.map_or(piece.0, |(at, _)| at);
        let mut later = self
            .revisions
            .iter()
            .filter(|revision| said_at < revision.at && revision.at <= end);
        later.any(|revision| {
            revision.period == period
                || (overlap(revision.period, period) && !self.is_explained(revision, end))
        })
    }

    /// Returns whether an overlapping period was revised too.
    fn is_explained(&self, revision: &Revision, end: usize) -> bool {
        self.revisions.iter().any(|other| {
            other.period != revision.period
                && overlap(other.period, revision.period)
                && (revision.since < other.at && other.at <= end)
        })
    }
}

/// Returns whether what was said of one table at two times cannot both be true of the same records.
fn contradict(one: &Said, other: &Said) -> bool {
    let apart = |one: Figure, other: Figure| {
        one != Figure::Absent && other.upper().is_some_and(|upper| upper < one.lower())
    };
    let mut cells = one.cells.iter().zip(&other.cells);
    let differ = |(one, other): (&Cell, &Cell)| {
        apart(one.figure, other.figure) || apart(other.figure, one.figure)
    };
    one.count == other.count && cells.any(differ)
}

/// Returns a period with those that overlap it, or overlap one that does: what a release is held
/// against before it is let out.
fn together(own: Period, others: impl Iterator<Item = Period> + Clone) -> BTreeSet<Period> {
    let near: BTreeSet<Period> = others
        .clone()
        .filter(|other| overlap(own, *other))
        .collect();
    let further = others.filter(|other| near.iter().any(|near| overlap(*near, *other)));
    further.collect()
}

fn overlap(one: Period, other: Period) -> bool {
    one.first_day() <= other.last_day() && other.first_day() <= one.last_day()
}
