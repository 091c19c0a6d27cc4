//! Invented networks: who is in one, what takes place, who comes to it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use counterfoil::model::Kind;
use counterfoil::record::{List, Target};

use crate::plane::Plane;
use crate::random::Random;

/// Somebody who comes now and then.
#[derive(Clone, Copy, Debug)]
struct Person {
    gender: &'static str,
    age_band: &'static str,
    home: &'static str,
}

/// A network's people through the years.
#[derive(Debug)]
pub(crate) struct Life {
    random: Random,
    /// Where its people live, and how often.
    homes: Vec<(&'static str, u32)>,
    people: Vec<Person>,
}

/// What one year has of one kind, as files to import.
#[derive(Debug, Default)]
pub(crate) struct Year {
    activities: String,
    participants: String,
    /// Participants of activities whose lists came in late.
    late: String,
}

const GENDERS: &[(&str, u32)] = &[
    ("woman", 44),
    ("man", 36),
    ("trans_woman", 6),
    ("trans_man", 2),
    ("non_binary", 4),
    ("not_said", 6),
    ("not_recorded", 2),
];

const AGE_BANDS: &[(&str, u32)] = &[
    ("15-19", 4),
    ("20-24", 12),
    ("25-29", 16),
    ("30-39", 34),
    ("40-49", 20),
    ("50+", 10),
    ("unknown", 4),
];

/// How often people live in the first, second … country of a network, in percent.
const HOMES: [u32; 4] = [58, 26, 11, 5];

/// How often somebody who came comes once more.
const AGAIN: f64 = 0.45;
const MOST_VISITS: usize = 8;
const COMPLETED: f64 = 0.75;
/// How often a list comes in late.
const LATE: f64 = 0.07;

impl Life {
    /// Invents a network of so many people in up to four countries.
    pub(crate) fn new(people: usize, countries: &[&'static str], mut random: Random) -> Self {
        let homes: Vec<(&str, u32)> = countries.iter().copied().zip(HOMES).collect();
        let people = (0..people).map(|_| Person {
            gender: random.one_of(GENDERS),
            age_band: random.one_of(AGE_BANDS),
            home: random.one_of(&homes),
        });
        Self {
            people: people.collect(),
            homes,
            random,
        }
    }

    /// Lets this part of the people come to so many activities in a year.
    pub(crate) fn year(&mut self, kind: Kind, year: i16, activities: usize, part: f64) -> Year {
        let topic = if kind == Kind::Training {
            "topics"
        } else {
            "document"
        };
        let mut said = Year {
            activities: format!("source_id,title,start,country,{topic}\n"),
            ..Year::default()
        };
        let mut places = Vec::new();
        for nth in 0..activities {
            let place = self.random.one_of(&self.homes);
            let topic = match kind {
                Kind::Training => ["accounting", "auditing", "harm_reduction"][nth % 3],
                _ => "treatment_standards",
            };
            let (month, day) = (1 + self.random.below(12), 1 + self.random.below(28));
            let _ = writeln!(
                said.activities,
                "{kind}-{year}-{nth},Number {nth},{year}-{month:02}-{day:02},{place},{topic}"
            );
            let is_late = self.random.happens(LATE) && month < 10;
            places.push((place, is_late));
        }
        let mut came = BTreeSet::new();
        for person in 0..self.people.len() {
            if self.random.happens(part) {
                self.visits(person, &places, &mut came);
            }
        }
        for (nth, person) in came {
            let list = match places[nth].1 {
                true => &mut said.late,
                false => &mut said.participants,
            };
            let Person {
                gender, age_band, ..
            } = self.people[person];
            let completed = self.random.happens(COMPLETED) && kind == Kind::Training;
            let completed = if completed { "yes" } else { "no" };
            let _ = writeln!(
                list,
                "{kind}-{year}-{nth},person {person},{gender},{age_band},member,{completed}"
            );
        }
        said
    }

    /// Lets one person come to some activities, mostly near by.
    fn visits(
        &mut self,
        person: usize,
        places: &[(&str, bool)],
        came: &mut BTreeSet<(usize, usize)>,
    ) {
        for _ in 0..MOST_VISITS {
            let mut nth = self.random.below(places.len());
            for _ in 0..3 {
                if places[nth].0 == self.people[person].home {
                    break;
                }
                nth = self.random.below(places.len());
            }
            came.insert((nth, person));
            if !self.random.happens(AGAIN) {
                return;
            }
        }
    }
}

impl Year {
    /// Imports what took place, and the lists that came in in time.
    pub(crate) fn import(&self, plane: &Plane, kind: Kind) {
        plane.take(kind, Target::Records, self.activities.as_bytes());
        take(plane, kind, &self.participants);
    }

    /// Imports the lists that came in late; returns whether there are any.
    pub(crate) fn import_late(&self, plane: &Plane, kind: Kind) -> bool {
        take(plane, kind, &self.late);
        !self.late.is_empty()
    }
}

fn take(plane: &Plane, kind: Kind, rows: &str) {
    if !rows.is_empty() {
        let file = format!("record,person,gender,age_band,role,completed\n{rows}");
        let list = Target::ListOfEach(List::Participants);
        plane.take(kind, list, file.as_bytes());
    }
}
