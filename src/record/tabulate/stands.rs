//! Measures that are what was said last: capacity items, reach among the own staff, policies.

use std::collections::HashMap;

use jiff::civil::Date;
use uuid::Uuid;

use super::grid::{self, Grid, Stands};
use super::{TableRequest, starts_in};
use crate::model::{Dimension, Measure, Period, Tally};
use crate::record::entry::{Record, Row, Values};
use crate::record::schema::{Field, List};

/// The last statement about each thing so far.
#[derive(Default)]
pub(super) struct Latest(HashMap<String, Statement>);

struct Statement {
    /// By first day, then by id: a later record of the same day is the later statement.
    said: (Date, Uuid),
    /// Where it counts; nowhere where it says "no".
    cells: Vec<usize>,
}

impl Latest {
    pub(super) fn add(
        &mut self,
        grid: &Grid<'_>,
        request: &TableRequest<'_>,
        record: &Record,
        joined: bool,
    ) {
        let Some(day) = record.start() else {
            return;
        };
        let said = (day, record.id);
        let by_then = day <= request.period.last_day();
        match request.measure {
            Measure::NetworksWith if by_then && !joined => {
                let of = |field| record.code(field).unwrap_or_default();
                let item = format!("{}/{}", of(Field::Domain), of(Field::Item));
                // A milestone that names no state says nothing about any.
                if record.code(Field::State).is_some() {
                    let cells = grid.find(|along| grid::of_record(record, along));
                    self.say(item, said, cells);
                }
            }
            // What a network says of its own staff is its own, whoever led the training.
            Measure::StaffReach if starts_in(record, request.period) => {
                self.add_reach(grid, record, said);
            }
            Measure::PoliciesInUse if by_then && !joined => {
                let policies = record.rows(List::Policies).iter();
                for (code, row) in policies.filter_map(|row| Some((row.code(Field::Code)?, row))) {
                    let cells = match is_in_use(row, request.period) {
                        true => grid.find(|along| grid::of_record(record, along)),
                        false => Vec::new(),
                    };
                    self.say(code.to_owned(), said, cells);
                }
            }
            _ => {}
        }
    }

    /// Takes a training's reach as a statement about each of its topics.
    fn add_reach(&mut self, grid: &Grid<'_>, record: &Record, said: (Date, Uuid)) {
        if record.code(Field::StaffReach).is_none() {
            return;
        }
        let topics: Vec<_> = record
            .codes(Field::Topics)
            .iter()
            .map(String::as_str)
            .collect();
        for topic in if topics.is_empty() { vec![""] } else { topics } {
            let cells = grid.find(|along| match (along, topic) {
                (Dimension::Topic, "") => Stands::At(Vec::new()),
                (Dimension::Topic, topic) => Stands::at(topic),
                _ => grid::of_record(record, along),
            });
            self.say(topic.to_owned(), said, cells);
        }
    }

    fn say(&mut self, thing: String, said: (Date, Uuid), cells: Vec<usize>) {
        let before = self.0.get(&thing).map(|statement| statement.said);
        if before.is_none_or(|before| before <= said) {
            self.0.insert(thing, Statement { said, cells });
        }
    }

    pub(super) fn finish(self, grid: &Grid<'_>, measure: Measure) -> Vec<Tally> {
        let zero = Tally {
            value: Some(0),
            ..Tally::default()
        };
        let mut tallies = vec![zero; grid.cells()];
        for cell in self.0.into_values().flat_map(|statement| statement.cells) {
            let tally = &mut tallies[cell];
            tally.activities += 1;
            // A network has an item or not; of policies it has several.
            tally.value = match measure {
                Measure::PoliciesInUse => Some(i64::from(tally.activities)),
                _ => Some(1),
            };
        }
        tallies
    }
}

fn is_in_use(row: &Row, period: Period) -> bool {
    let approved = row.day(Field::Approved);
    row.code(Field::Status) == Some("in_use") && approved.is_none_or(|day| day <= period.last_day())
}
