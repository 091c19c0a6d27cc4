//! Different persons: one atom per person, table and period, so that nobody is counted twice.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;
use uuid::Uuid;

use super::grid::{Grid, Stands};
use super::heads::{self, NO_GENDER, UNKNOWN};
use super::{Sum, TableRequest, starts_in};
use crate::model::{Dimension, Tally, dimension};
use crate::record::entry::{Record, Row, Values};
use crate::record::person::Pseudonym;
use crate::record::schema::{Field, List};

/// The persons of a table so far, and what is known of each cell's activities.
pub(super) struct People {
    atoms: HashMap<Pseudonym, Atom>,
    cells: Vec<Sum>,
}

/// One person in one period.
#[derive(Default)]
struct Atom {
    gender: Last,
    band: Last,
    roles: BTreeSet<String>,
    /// Codes met along each axis that describes activities.
    met: HashMap<Dimension, BTreeSet<String>>,
}

/// What was said last of a person; ties fall to the later record and then to the code, so that
/// the order of reading makes no difference.
#[derive(Default)]
struct Last(Option<(Date, Uuid, String)>);

impl Last {
    fn say(&mut self, day: Date, id: Uuid, code: &str) {
        let said = Some((day, id, code.to_owned()));
        if said > self.0 {
            self.0 = said;
        }
    }

    fn code(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, _, code)| code.as_str())
    }
}

impl People {
    pub(super) fn new(grid: &Grid<'_>) -> Self {
        Self {
            atoms: HashMap::new(),
            cells: vec![Sum::default(); grid.cells()],
        }
    }

    pub(super) fn add(
        &mut self,
        grid: &Grid<'_>,
        request: &TableRequest<'_>,
        record: &Record,
        joined: bool,
    ) {
        let Some(day) = record.start().filter(|_| starts_in(record, request.period)) else {
            return;
        };
        let listed = !record.rows(List::Participants).is_empty();
        if joined && !listed {
            return;
        }
        let nobody = || record.count(Field::Attended) == Some(0);
        let nameless = record.present().any(|row| row.person().is_none());
        if (listed && !nameless) || (!listed && nobody()) {
            for cell in grid.find(|dimension| heads::of_everybody(record, dimension)) {
                self.cells[cell].counted += 1;
            }
        } else {
            // Heads without pseudonyms may be anybody, also persons already counted.
            for cell in grid.find(|dimension| heads::of_nobody(record, dimension)) {
                self.cells[cell].uncounted += 1;
            }
        }
        for row in record.present() {
            if let Some(person) = row.person() {
                let atom = self.atoms.entry(person).or_default();
                atom.meet(grid, record, row, day);
            }
        }
    }

    pub(super) fn finish(mut self, grid: &Grid<'_>) -> Vec<Tally> {
        for (person, atom) in &self.atoms {
            for cell in grid.find(|dimension| atom.stands(dimension)) {
                self.cells[cell].add(1);
                self.cells[cell].persons.insert(*person);
            }
        }
        self.cells.iter().map(Sum::tally).collect()
    }
}

impl Atom {
    fn meet(&mut self, grid: &Grid<'_>, record: &Record, row: &Row, day: Date) {
        // What was not recorded does not undo what was.
        if let Some(gender) = row.code(Field::Gender).filter(|code| *code != NO_GENDER) {
            self.gender.say(day, record.id, gender);
        }
        if let Some(band) = row.code(Field::AgeBand).filter(|code| *code != UNKNOWN) {
            self.band.say(day, record.id, band);
        }
        if let Some(role) = row.code(Field::Role).filter(|code| *code != UNKNOWN) {
            self.roles.insert(role.to_owned());
        }
        for along in grid.dimensions().filter(|d| !d.describes_persons()) {
            if let Stands::At(codes) = heads::of_participant(record, row, along) {
                let met = self.met.entry(along).or_default();
                met.extend(codes.into_iter().map(str::to_owned));
            }
        }
    }

    fn stands(&self, along: Dimension) -> Stands<'_> {
        let gender = self.gender.code().unwrap_or(NO_GENDER);
        let band = self.band.code().unwrap_or(UNKNOWN);
        match along {
            Dimension::Gender => Stands::at(gender),
            Dimension::Gender3 => Stands::at(dimension::gender3(gender)),
            Dimension::AgeBand => Stands::at(band),
            Dimension::Age2 => Stands::at(dimension::age2(band)),
            Dimension::Role if self.roles.is_empty() => Stands::at(UNKNOWN),
            Dimension::Role => one_or_several(&self.roles),
            _ => match self.met.get(&along) {
                Some(met) if along.is_multi_valued() => {
                    Stands::At(met.iter().map(String::as_str).collect())
                }
                Some(met) => one_or_several(met),
                None => Stands::At(Vec::new()),
            },
        }
    }
}

/// Two countries or roles are `several`, and `other` where an axis has no such code.
fn one_or_several(codes: &BTreeSet<String>) -> Stands<'_> {
    match codes.len() {
        0 => Stands::At(Vec::new()),
        1 => Stands::At(codes.iter().map(String::as_str).collect()),
        _ => Stands::at("several"),
    }
}
