//! What can be seen of forty networks after a year of releases, and how wide the consortium's
//! figures are; beside two plainer ways to publish the same tables, and what an attacker reckons
//! out under each.
//!
//! Somebody is seen in a table where the cell they stand in is shown exactly. An attacker is
//! `counterfoil audit`: from public data alone, every table of a network together.

use std::collections::BTreeMap;

use counterfoil::charter::{Policy, Size};
use counterfoil::disclosure::tables::{Conclusion, Shown, Vintage, What, audit};
use counterfoil::disclosure::{Limits, Microlp};
use counterfoil::identity::LogKey;
use counterfoil::model::measure::Adds;
use counterfoil::model::{Cell, Dimension, Figure, Kind, Measure, Period, Table, table};
use counterfoil::release::draft::{Draft, DraftSummary, Terms};
use counterfoil::release::ledger::Ledger;
use counterfoil::release::publish::Door;
use counterfoil::store::{CheckpointFile, PublicStore, os_entropy};
use jiff::civil::date;

use crate::measure::{Took, say};
use crate::people::Life;
use crate::place;
use crate::plane::Plane;
use crate::random::Random;

const SEED: u64 = 20_181_231;
const NETWORKS: usize = 40;
/// Half of the networks have fewer people, half have more.
const MEDIAN: f64 = 20.0;
/// How far sizes lie apart: the standard deviation of their logarithm.
const SPREAD: f64 = 1.3;
const YEAR: i16 = 2018;
/// How many trainings a year has for each person.
const TRAININGS: f64 = 0.12;

/// Countries of the networks, each in some neighbouring ones.
const COUNTRIES: [&str; 12] = [
    "TH", "VN", "ID", "NP", "IN", "MM", "KH", "PH", "MY", "BD", "LK", "PK",
];

/// A table as a network's size decides whether it is published.
const SPLITS: [(&str, &[Dimension]); 5] = [
    ("total", &[]),
    ("gender", &[Dimension::Gender3]),
    ("age", &[Dimension::Age2]),
    ("country", &[Dimension::Country]),
    ("gender x age", &[Dimension::Gender, Dimension::AgeBand]),
];

pub(crate) fn run() {
    let mut random = Random(SEED);
    let policy = Policy::default_plan();
    let (took, networks) = Took::of(|| {
        let networks = (0..NETWORKS).map(|nth| Network::publish(nth, &mut random, &policy));
        networks.collect::<Vec<_>>()
    });
    let people: Vec<usize> = networks.iter().map(|network| network.people).collect();
    let of = |size: Size| networks.iter().filter(|n| n.size == size).count();
    say(
        "seed, networks, people",
        format!(
            "{SEED}, {NETWORKS}, {} ({} to {})",
            people.iter().sum::<usize>(),
            people.iter().min().unwrap_or(&0),
            people.iter().max().unwrap_or(&0),
        ),
    );
    say(
        "small, medium, large",
        format!(
            "{}, {}, {}",
            of(Size::Small),
            of(Size::Medium),
            of(Size::Large)
        ),
    );
    say(
        "released, four quarters and a year each",
        format!("{:.1} s", took.wall),
    );
    for way in Way::ALL {
        let (took, seen) = Took::of(|| Seen::of(&networks, way, &policy));
        seen.say(way);
        say("    attacked in", format!("{:.1} s", took.wall));
    }
}

/// A way to publish a true figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ours,
    Threshold,
    RoundedAtRandom,
    RoundedToNearest,
}

impl Way {
    const ALL: [Self; 4] = [
        Self::Ours,
        Self::Threshold,
        Self::RoundedAtRandom,
        Self::RoundedToNearest,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "as it is published",
            Self::Threshold => "threshold only",
            Self::RoundedAtRandom => "rounded to 5 at random",
            Self::RoundedToNearest => "rounded to the nearest 5",
        }
    }

    /// Returns what a reader learns of a value; `is_public` says that everybody knows where it
    /// is 0.
    fn show(self, value: i64, is_public: bool, floor: i64, random: &mut Random) -> Figure {
        if is_public && value == 0 {
            return Figure::Exact(0);
        }
        let around = |value: i64, within: i64| Figure::Interval {
            lower: (value - within).max(0),
            upper: value + within,
        };
        match self {
            Self::Threshold | Self::Ours if value < floor => Figure::Interval {
                lower: 0,
                upper: floor - 1,
            },
            Self::Threshold | Self::Ours => Figure::Exact(value),
            Self::RoundedAtRandom => {
                let up = random.happens(value.rem_euclid(5) as f64 / 5.0);
                around(value.div_euclid(5) * 5 + 5 * i64::from(up), 4)
            }
            Self::RoundedToNearest => around((value + 2).div_euclid(5) * 5, 2),
        }
    }
}

/// A network after its year.
struct Network {
    people: usize,
    size: Size,
    /// In the order they were released.
    releases: Vec<DraftSummary>,
}

impl Network {
    fn publish(nth: usize, random: &mut Random, policy: &Policy) -> Self {
        let people = (MEDIAN * (SPREAD * random.normal()).exp()).round().max(3.0) as usize;
        let size = match people {
            ..50 => Size::Small,
            50..200 => Size::Medium,
            _ => Size::Large,
        };
        let countries: [&str; 4] = std::array::from_fn(|at| COUNTRIES[(nth + at) % 12]);
        let plane = Plane::new();
        let trainings = ((people as f64 * TRAININGS).ceil() as usize).max(2);
        let own = Random(SEED.wrapping_add(1 + nth as u64));
        let mut life = Life::new(people, &countries, own);
        let kind = Kind::Training;
        let said = life.year(kind, YEAR, trainings, 1.0);
        said.import(&plane, kind);
        said.import_late(&plane, kind);
        let named: Vec<String> = countries[..3].iter().map(|code| (*code).into()).collect();
        let terms = Terms {
            members: &[],
            member: &plane.member,
            size,
            countries: &named,
            charter_version: 1,
            policy,
        };
        Self {
            people,
            size,
            releases: releases(&plane, &terms),
        }
    }

    /// Returns its releases as they are published one way.
    fn vintages(&self, way: Way, policy: &Policy, random: &mut Random) -> Vec<Vintage> {
        let vintage = |(leaf, release): (u64, &DraftSummary)| {
            let series = release.summary.series;
            let tables: Vec<Table> = (0..release.summary.tables.len())
                .map(|at| shown(release, at, way, policy, random))
                .collect();
            Vintage::of(leaf, series, &tables, policy)
        };
        (0..).zip(&self.releases).map(vintage).collect()
    }
}

/// Publishes four quarters and their year.
fn releases(plane: &Plane, terms: &Terms<'_>) -> Vec<DraftSummary> {
    let folder = place::folder();
    let public = PublicStore::open(&folder.path().join("public"), os_entropy);
    let door = Door {
        private: &plane.store,
        public: &public.expect("a public plane"),
        consortium: &"inpud-anpud".parse().expect("an id"),
        member: &plane.member,
        log_key: &LogKey::from_seed(&[7; 32]),
        checkpoint_file: &CheckpointFile::at(folder.path().join("checkpoint")),
        entropy: os_entropy,
    };
    let quarters = (1..=4).map(|nth| Period::quarter(YEAR, nth).expect("a quarter"));
    let mut releases = Vec::new();
    for period in quarters.chain([Period::year(YEAR)]) {
        let kinds = [Kind::Training];
        let draft = Draft::make(terms, period, &kinds, &plane.store, Ledger(&plane.store));
        let draft = draft.expect("a draft");
        let published = door.publish(&draft, date(YEAR + 1, 2, 1));
        published.expect("published");
        releases.extend(draft.summaries);
    }
    releases
}

/// Returns one table of a release as it is shown one way.
fn shown(
    release: &DraftSummary,
    at: usize,
    way: Way,
    policy: &Policy,
    random: &mut Random,
) -> Table {
    let table = &release.summary.tables[at];
    let period = release.summary.series.period;
    let mut sheets = release.state.sheets.iter();
    let sheet = sheets.find(|sheet| sheet.id == table.id && sheet.count.period == period);
    // What counts nobody is shown as it is.
    let Some(sheet) = sheet.filter(|_| way != Way::Ours) else {
        return table.clone();
    };
    let floor = i64::from(policy.disclosure.min_cell);
    let tallies = release.truths[at].iter().zip(&sheet.activities);
    let cells = tallies.map(|(tally, activities)| Cell {
        figure: tally.value.map_or(Figure::Absent, |value| {
            way.show(value, *activities == Some(0), floor, random)
        }),
        uncounted: tally.uncounted,
    });
    Table {
        cells: cells.collect(),
        ..table.clone()
    }
}

/// What is seen of all networks.
#[derive(Default)]
struct Seen {
    /// Per measure and split: true heads, and those of them in exact cells.
    heads: BTreeMap<(Measure, usize), (i64, i64)>,
    /// The consortium's cells of the year, by measure, split and codes.
    cells: BTreeMap<(Measure, usize, Vec<String>), Combined>,
    hidden: usize,
    recovered: usize,
    narrowed: usize,
    disclosed: usize,
}

/// A cell over all networks that publish it, as a report adds it up.
struct Combined {
    adds: Adds,
    lower: i64,
    upper: Option<i64>,
    truth: i64,
}

impl Seen {
    fn of(networks: &[Network], way: Way, policy: &Policy) -> Self {
        let mut seen = Self::default();
        let mut random = Random(SEED);
        for network in networks {
            let vintages = network.vintages(way, policy, &mut random);
            for (release, vintage) in network.releases.iter().zip(&vintages) {
                for shown in &vintage.tables {
                    seen.add(release, shown);
                }
            }
            let found = audit(&vintages, &Limits::default(), &Microlp).expect("the solver solves");
            seen.disclosed += found.iter().filter(|one| one.disclosed).count();
            for one in found.iter().filter(|one| is_narrower(one, &vintages)) {
                seen.narrowed += 1;
                seen.recovered += usize::from(one.known.width() == Some(0));
            }
        }
        // Whoever a network has no table for is not seen in it.
        for measure in [Measure::People, Measure::Attendances] {
            let all = seen.heads.get(&(measure, 0)).map_or(0, |(all, _)| *all);
            for split in 0..SPLITS.len() {
                seen.heads.entry((measure, split)).or_default().0 = all;
            }
        }
        seen
    }

    fn add(&mut self, release: &DraftSummary, shown: &Shown) {
        let count = &shown.said.count;
        let mut tables = release.summary.tables.iter();
        let at = tables.position(|table| table.id == shown.id);
        let truths = &release.truths[at.expect("it is one of these")];
        let by: Vec<Dimension> = count.dimensions().collect();
        let split = SPLITS.iter().position(|(_, split)| *split == by);
        for (at, (cell, truth)) in shown.said.cells.iter().zip(truths).enumerate() {
            let truth = truth.value.unwrap_or(0);
            let is_exact = cell.figure.value().is_some();
            self.hidden += usize::from(!is_exact);
            let Some(split) = split.filter(|_| count.period == Period::year(YEAR)) else {
                continue;
            };
            let (all, exact) = self.heads.entry((count.measure, split)).or_default();
            *all += truth;
            *exact += if is_exact { truth } else { 0 };
            let codes = table::codes_at(&count.axes, at);
            let codes = codes.into_iter().map(str::to_owned).collect();
            let combined = self.cells.entry((count.measure, split, codes));
            let combined = combined.or_insert_with(|| Combined {
                adds: count.measure.adds(),
                lower: 0,
                upper: Some(0),
                truth: 0,
            });
            combined.add(cell.figure, truth);
        }
    }

    fn say(&self, way: Way) {
        say(&format!("  {}", way.name()), "");
        for measure in [Measure::People, Measure::Attendances] {
            let part = |split: usize| {
                let (all, exact) = self.heads[&(measure, split)];
                let part = 100.0 * exact as f64 / (all.max(1)) as f64;
                format!("{} {part:.1} %", SPLITS[split].0)
            };
            let parts: Vec<String> = (0..SPLITS.len()).map(part).collect();
            say(
                &format!("    {measure} in exact cells of the year"),
                parts.join(", "),
            );
        }
        for adds in [Adds::Distinct, Adds::Additive] {
            let parts: Vec<String> = (0..SPLITS.len()).map(|s| self.width(s, adds)).collect();
            let name = match adds {
                Adds::Distinct => "people",
                _ => "attendances and completions",
            };
            say(
                &format!("    mean interval of a consortium cell, {name}"),
                parts.join(", "),
            );
        }
        say(
            "    cells not exact, narrowed by others, reckoned out",
            format!("{}, {}, {}", self.hidden, self.narrowed, self.recovered),
        );
        say("    sums that give somebody away", self.disclosed);
    }

    /// Says how wide the cells of a split are, and how large they truly are.
    fn width(&self, split: usize, adds: Adds) -> String {
        let cells = self.cells.iter();
        let cells = cells.filter(|((_, own, _), cell)| *own == split && cell.adds == adds);
        let cells: Vec<&Combined> = cells.map(|(_, cell)| cell).collect();
        let bounded: Vec<i64> = cells.iter().filter_map(|cell| cell.width()).collect();
        let truth: i64 = cells.iter().map(|cell| cell.truth).sum();
        let endless = match cells.len() - bounded.len() {
            0 => String::new(),
            some => format!(" ({some} without an end)"),
        };
        format!(
            "{} {:.0} of {:.0}{endless}",
            SPLITS[split].0,
            bounded.iter().sum::<i64>() as f64 / bounded.len().max(1) as f64,
            truth as f64 / cells.len().max(1) as f64,
        )
    }
}

impl Combined {
    fn add(&mut self, figure: Figure, truth: i64) {
        self.truth += truth;
        self.lower = match self.adds {
            Adds::Distinct => self.lower.max(figure.lower()),
            _ => self.lower + figure.lower(),
        };
        self.upper = self.upper.zip(figure.upper()).map(|(sum, own)| sum + own);
    }

    fn width(&self) -> Option<i64> {
        Some(self.upper? - self.lower)
    }
}

/// Returns whether a conclusion says more of a cell than was shown of it.
fn is_narrower(conclusion: &Conclusion, vintages: &[Vintage]) -> bool {
    let about = &conclusion.about;
    if about.what != What::Cell {
        return false;
    }
    let vintages = vintages.iter().filter(|one| one.period == about.period);
    let mut tables = vintages.flat_map(|vintage| &vintage.tables);
    let shown = tables.find(|shown| shown.id == about.place.table);
    let codes: Vec<&str> = about.place.codes.iter().map(|(_, code)| &**code).collect();
    shown.is_some_and(|shown| {
        let at = table::index_of(&shown.said.count.axes, &codes);
        let cell = at.and_then(|at| shown.said.cells.get(at));
        cell.is_some_and(|cell| {
            let lower = conclusion.known.lower > Some(cell.figure.lower());
            let upper = conclusion.known.upper.zip(cell.figure.upper());
            lower || upper.is_some_and(|(known, said)| known < said)
        })
    })
}
