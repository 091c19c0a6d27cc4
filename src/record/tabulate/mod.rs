//! The numbers of a plan table, as this node alone knows them: nothing is protected yet.
//!
//! - `grid`: where in a table a code stands.
//! - `amounts`: what one activity adds to a measure that sums.
//! - `heads`: attendances and completions.
//! - `people`: different persons.
//! - `stands`: measures that are what was said last.
//!
//! When something counts: an activity and its money by its first day; a suggestion by the day it
//! was sent or decided; a milestone by the day it was due or done; levels as they stand on the
//! period's last day. A record whose visibility is `node` counts nowhere. A joint activity led by
//! another member counts in `activities_joined`, and otherwise only through this node's own list
//! of participants and what it says of its own staff.

mod amounts;
mod grid;
mod heads;
mod people;
mod stands;

use std::collections::HashSet;

use super::entry::{Record, Values};
use super::person::Pseudonym;
use super::schema::Field;
use crate::charter::policy::Of;
use crate::model::{Axis, Kind, Measure, MemberId, Period, Tally};
pub(super) use amounts::closed;
use grid::Grid;
use people::People;
use stands::Latest;

/// One table of the plan for one period.
#[derive(Clone, Copy, Debug)]
pub struct TableRequest<'a> {
    /// Whose records are counted.
    pub kind: Kind,
    /// What is counted.
    pub measure: Measure,
    /// Split by what, with the codes of each axis.
    pub axes: &'a [Axis],
    /// When.
    pub period: Period,
    /// Which signatories, where the measure counts them.
    pub signers: Of,
}

/// A table being counted, record by record. The order of the records makes no difference.
pub struct Counting<'a> {
    request: TableRequest<'a>,
    me: &'a MemberId,
    grid: Grid<'a>,
    state: State,
}

impl std::fmt::Debug for Counting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counting")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

enum State {
    Sums(Vec<Sum>),
    People(People),
    Latest(Latest),
}

/// What a cell has so far.
#[derive(Clone, Debug, Default)]
struct Sum {
    value: i64,
    counted: u32,
    uncounted: u32,
    persons: HashSet<Pseudonym>,
    /// Most heads without pseudonyms in one activity.
    crowd: u64,
    /// The largest amounts one activity adds.
    largest: i64,
    second: i64,
}

/// Counts one table.
pub fn tabulate<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    request: TableRequest<'_>,
    me: &MemberId,
) -> Vec<Tally> {
    let mut counting = Counting::new(request, me);
    records.into_iter().for_each(|record| counting.add(record));
    counting.finish()
}

impl<'a> Counting<'a> {
    /// Starts a table at nothing. Several tables can be counted in one pass over the records.
    pub fn new(request: TableRequest<'a>, me: &'a MemberId) -> Self {
        let grid = Grid::new(request.axes);
        let state = match request.measure {
            Measure::People => State::People(People::new(&grid)),
            Measure::NetworksWith | Measure::StaffReach | Measure::PoliciesInUse => {
                State::Latest(Latest::default())
            }
            _ => State::Sums(vec![Sum::default(); grid.cells()]),
        };
        Self {
            request,
            me,
            grid,
            state,
        }
    }

    /// Takes one record into account. Records of other kinds are passed over.
    pub fn add(&mut self, record: &Record) {
        let is_hidden = record.code(Field::Visibility) == Some("node");
        if record.kind != self.request.kind || is_hidden {
            return;
        }
        let joined = record.is_led_by_another(self.me);
        match &mut self.state {
            State::People(people) => people.add(&self.grid, &self.request, record, joined),
            State::Latest(latest) => latest.add(&self.grid, &self.request, record, joined),
            State::Sums(sums) => match self.request.measure {
                Measure::Attendances | Measure::Completions => {
                    heads::add(sums, &self.grid, &self.request, record, joined);
                }
                Measure::Signatories => {
                    amounts::add_signatories(sums, &self.grid, &self.request, record, joined);
                }
                _ => amounts::add(sums, &self.grid, &self.request, record, joined),
            },
        }
    }

    /// Returns one tally per cell, the last axis fastest.
    pub fn finish(self) -> Vec<Tally> {
        match self.state {
            State::Sums(sums) => sums.iter().map(Sum::tally).collect(),
            State::People(people) => people.finish(&self.grid),
            State::Latest(latest) => latest.finish(&self.grid, self.request.measure),
        }
    }
}

impl Sum {
    fn add(&mut self, more: i64) {
        self.value = self.value.saturating_add(more);
    }

    /// Adds what one activity amounts to.
    fn add_amount(&mut self, amount: i64) {
        self.add(amount);
        if amount > self.largest {
            self.second = std::mem::replace(&mut self.largest, amount);
        } else {
            self.second = self.second.max(amount);
        }
    }

    fn tally(&self) -> Tally {
        let unknown = self.counted == 0 && self.uncounted > 0 && self.value == 0;
        Tally {
            value: (!unknown).then_some(self.value),
            uncounted: self.uncounted,
            contributors: self.crowd.max(self.persons.len() as u64),
            activities: self.counted.saturating_add(self.uncounted),
            largest: self.largest,
            second: self.second,
        }
    }
}

/// Returns whether an activity belongs to the period.
fn starts_in(record: &Record, period: Period) -> bool {
    record.start().is_some_and(|day| period.contains(day))
}

#[cfg(test)]
mod tests;
