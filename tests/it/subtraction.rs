//! A reader who keeps every release and subtracts: nothing of a few persons may come out.
//!
//! Random small books are changed and released, period by period, in any order and under changing
//! size classes. After each release the reader puts together whatever happened to be true of one
//! and the same day, which is more than anybody could know to be, and draws every conclusion.

use std::collections::BTreeMap;

use counterfoil::charter::{Policy, Size};
use counterfoil::model::{Figure, Kind, Measure, MemberId, Period, Summary, Table};
use counterfoil::record::{self, CodeLists, Desk, RecordKeys};
use counterfoil::release::ledger::{Entry, Ledger};
use counterfoil::release::{Draft, Terms};
use counterfoil::store::{DataKey, PrivateStore, SaltedPayload};
use proptest::prelude::*;
use uuid::Uuid;

use crate::memory::MemoryBook;

const COUNTRIES: [&str; 2] = ["TH", "VN"];
const QUARTERS: [&str; 4] = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"];
const FLOOR: i64 = 10;

/// What is truly so: attended and completed by activity.
#[derive(Clone, Copy, Debug)]
struct Training {
    id: Uuid,
    quarter: usize,
    country: usize,
    attended: i64,
    completed: i64,
}

#[derive(Clone, Debug)]
enum Act {
    Add(usize, usize, i64, i64),
    Change(usize, i64, i64),
    Move(usize, usize),
    Delete(usize),
    Release(usize, Size),
}

fn act() -> impl Strategy<Value = Act> {
    let heads = || prop_oneof![1i64..12, 10i64..14, 18i64..24, 28i64..45];
    let missed = || prop_oneof![Just(0i64), 0i64..12, 0i64..40];
    let size = prop_oneof![
        6 => Just(Size::Large),
        1 => Just(Size::Medium),
        1 => Just(Size::Small)
    ];
    prop_oneof![
        4 => (0..4usize, 0..2usize, heads(), missed()).prop_map(|(q, c, a, m)| Act::Add(q, c, a, m)),
        2 => (any::<usize>(), heads(), missed()).prop_map(|(at, a, m)| Act::Change(at, a, m)),
        1 => (any::<usize>(), 0..4usize).prop_map(|(at, q)| Act::Move(at, q)),
        1 => any::<usize>().prop_map(Act::Delete),
        6 => (0..6usize, size).prop_map(|(period, size)| Act::Release(period, size)),
    ]
}

/// One release with what was so that day.
struct Release {
    period: Period,
    summary: Summary,
    truth: Vec<Training>,
}

struct Node {
    _dir: tempfile::TempDir,
    store: PrivateStore,
    shelf: MemoryBook,
    policy: Policy,
    member: MemberId,
    books: Vec<Training>,
    releases: Vec<Release>,
    chance: u64,
}

fn entropy(bytes: &mut [u8]) -> std::io::Result<()> {
    bytes.fill(7);
    Ok(())
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::tempdir_in(if std::path::Path::new("/dev/shm").exists() {
            "/dev/shm"
        } else {
            "/tmp"
        })
        .expect("a directory");
        let key = DataKey::generate(entropy).expect("a key");
        let store = PrivateStore::open(&dir.path().join("db"), &key, entropy).expect("a store");
        Self {
            _dir: dir,
            store,
            shelf: MemoryBook::default(),
            policy: Policy::default_plan(),
            member: "inpud".parse().expect("an id"),
            books: Vec::new(),
            releases: Vec::new(),
            chance: 0,
        }
    }

    fn play(&mut self, act: &Act) -> Option<usize> {
        match act {
            Act::Add(quarter, country, attended, missed) => {
                let mut training = Training {
                    id: Uuid::nil(),
                    quarter: *quarter,
                    country: *country,
                    attended: *attended,
                    completed: (attended - missed).max(0),
                };
                training.id = self.write(None, &training);
                self.books.push(training);
            }
            Act::Change(at, attended, missed) if !self.books.is_empty() => {
                let at = at % self.books.len();
                self.books[at].attended = *attended;
                self.books[at].completed = (attended - missed).max(0);
                self.rewrite(at);
            }
            Act::Move(at, quarter) if !self.books.is_empty() => {
                let at = at % self.books.len();
                self.books[at].quarter = *quarter;
                self.rewrite(at);
            }
            Act::Delete(at) if !self.books.is_empty() => {
                let training = self.books.remove(at % self.books.len());
                record::edit::delete(&self.shelf, training.id).expect("deleted");
            }
            Act::Release(period, size) => {
                let period = QUARTERS.get(*period).unwrap_or(&"2018");
                return Some(self.release(period.parse().expect("a period"), *size));
            }
            _ => {}
        }
        None
    }

    fn rewrite(&mut self, at: usize) {
        let training = self.books[at];
        self.write(Some(training.id), &training);
    }

    fn write(&mut self, id: Option<Uuid>, training: &Training) -> Uuid {
        let start = format!("2018-{:02}-15", training.quarter * 3 + 2);
        let (attended, completed) = (
            training.attended.to_string(),
            training.completed.to_string(),
        );
        let settings = [
            ("title", "Bookkeeping"),
            ("start", start.as_str()),
            ("country", COUNTRIES[training.country]),
            ("attended", attended.as_str()),
            ("completed", completed.as_str()),
        ];
        let chance = &mut self.chance;
        let mut random = |bytes: &mut [u8]| {
            *chance += 1;
            bytes.fill(0);
            bytes[..8].copy_from_slice(&chance.to_be_bytes());
        };
        let mut desk = Desk {
            member: &self.member,
            codes: &CodeLists::default(),
            keys: &RecordKeys::new([1; 32], [2; 32]),
            now: jiff::Timestamp::UNIX_EPOCH,
            random: &mut random,
        };
        let written = match id {
            Some(id) => record::edit::edit(&self.shelf, &mut desk, id, &settings),
            None => record::edit::add(&self.shelf, &mut desk, Kind::Training, &settings),
        };
        written.expect("a good record").id
    }

    fn release(&mut self, period: Period, size: Size) -> usize {
        let countries = COUNTRIES.map(str::to_owned);
        let terms = Terms {
            members: &[],
            member: &self.member,
            size,
            countries: &countries,
            charter_version: 1,
            policy: &self.policy,
        };
        let ledger = Ledger(&self.store);
        let draft =
            Draft::make(&terms, period, &[Kind::Training], &self.shelf, ledger).expect("a draft");
        let mut summaries = draft.summaries;
        let summary = summaries.pop().expect("one kind");
        if !summary.unchanged {
            let entry = Entry {
                index: self.releases.len() as u64,
                leaf: String::new(),
                has_payload: true,
                series: Some(summary.summary.series.to_string()),
                state: Some(summary.state),
                proof: summary.proof,
                marks: None,
            };
            let payload = SaltedPayload {
                salt: [0; 32],
                payload: summary.payload,
            };
            ledger.write(&[(entry, Some(payload))]).expect("written");
            // What is shown again unchanged speaks of the day it was first shown.
            let before = self.releases.iter().rev().find(|before| {
                before.period == period && personal(&before.summary).eq(personal(&summary.summary))
            });
            let truth = before.map_or_else(|| self.books.clone(), |before| before.truth.clone());
            self.releases.push(Release {
                period,
                summary: summary.summary,
                truth,
            });
        }
        self.releases.len()
    }
}

fn personal(summary: &Summary) -> impl Iterator<Item = &Table> {
    let measures = [Measure::Attendances, Measure::Completions];
    summary
        .tables
        .iter()
        .filter(move |table| measures.contains(&table.measure))
}

/// What is known of a number: both ends included.
type Bounds = (i64, i64);
const ANY: Bounds = (0, i64::MAX / 64);

fn bounds(figure: Figure) -> Bounds {
    (figure.lower(), figure.upper().unwrap_or(ANY.1))
}

fn count(
    truth: &[Training],
    measure: Measure,
    country: Option<usize>,
    quarter: Option<usize>,
) -> i64 {
    truth
        .iter()
        .filter(|training| country.is_none_or(|c| training.country == c))
        .filter(|training| quarter.is_none_or(|q| training.quarter == q))
        .map(|training| match measure {
            Measure::Completions => training.completed,
            _ => training.attended,
        })
        .sum()
}

/// A sum that is known to lie within bounds.
struct Sum {
    over: Vec<usize>,
    bounds: Bounds,
}

/// Draws every conclusion from sums about the counts they are made of.
fn solve(atoms: &mut [Bounds], sums: &[Sum]) {
    for _ in 0..40 {
        for sum in sums {
            for at in &sum.over {
                let others = || sum.over.iter().filter(|other| *other != at);
                let lower: i64 = others().map(|other| atoms[*other].0).sum();
                let upper: i64 = others()
                    .map(|other| atoms[*other].1)
                    .sum::<i64>()
                    .min(ANY.1);
                let (low, high) = atoms[*at];
                atoms[*at] = (
                    low.max(sum.bounds.0.saturating_sub(upper)),
                    high.min(sum.bounds.1.saturating_sub(lower)),
                );
            }
        }
    }
}

impl Node {
    /// Returns the newest release of each period by that day.
    fn beside(&self, nth: usize) -> impl Iterator<Item = &Release> {
        let mut one: BTreeMap<Period, &Release> = BTreeMap::new();
        for release in self.releases.iter().take(nth + 1) {
            one.insert(release.period, release);
        }
        one.into_values()
    }

    /// Returns what of one measure was shown and was true on the day of a release.
    fn sums_of(&self, nth: usize, measure: Measure) -> Vec<Sum> {
        let day = &self.releases[nth];
        let mut sums = Vec::new();
        for release in self.beside(nth) {
            let quarter = QUARTERS
                .iter()
                .position(|q| *q == release.period.to_string());
            // What is no longer so would too.
            let still = |country| {
                count(&release.truth, measure, country, quarter)
                    == count(&day.truth, measure, country, quarter)
            };
            if !(still(None) && still(Some(0)) && still(Some(1))) {
                continue;
            }
            for table in release
                .summary
                .tables
                .iter()
                .filter(|t| t.measure == measure)
            {
                for (at, cell) in table.cells.iter().enumerate() {
                    let country = match table.codes_at(at).as_slice() {
                        [] => None,
                        [code] => match COUNTRIES.iter().position(|c| c == code) {
                            Some(country) => Some(country),
                            None => continue,
                        },
                        _ => continue,
                    };
                    let bounds = bounds(cell.figure);
                    let truth = count(&day.truth, measure, country, quarter);
                    // What was held would lead the reader astray.
                    let is_so = (bounds.0..=bounds.1).contains(&truth);
                    if cell.figure == Figure::Absent || !is_so {
                        continue;
                    }
                    let over = (0..8)
                        .filter(|atom| country.is_none_or(|c| atom / 4 == c))
                        .filter(|atom| quarter.is_none_or(|q| atom % 4 == q))
                        .collect();
                    sums.push(Sum { over, bounds });
                }
            }
        }
        sums
    }

    /// Returns what can be said of each quarter and country on the day of a release.
    fn conclude(&self, nth: usize, measure: Measure) -> (Vec<Bounds>, Vec<Bounds>) {
        let day = &self.releases[nth];
        // Where nothing took place is public.
        let quiet = |at: usize| {
            !day.truth
                .iter()
                .any(|t| t.country == at / 4 && t.quarter == at % 4)
        };
        let mut atoms: Vec<Bounds> = (0..8)
            .map(|at| if quiet(at) { (0, 0) } else { ANY })
            .collect();
        let sums = self.sums_of(nth, measure);
        solve(&mut atoms, &sums);
        // Quarters are numbers of their own, so that a year bounds one by the others.
        let mut quarters: Vec<Bounds> = (0..4)
            .map(|q| {
                let own = sums.iter().filter(|sum| sum.over == [q, q + 4]);
                let atoms = (atoms[q].0 + atoms[q + 4].0, atoms[q].1 + atoms[q + 4].1);
                own.fold(atoms, |(low, high), sum| {
                    (low.max(sum.bounds.0), high.min(sum.bounds.1))
                })
            })
            .collect();
        let years: Vec<Sum> = sums
            .iter()
            .filter(|sum| sum.over.len() == 8)
            .map(|sum| Sum {
                over: vec![0, 1, 2, 3],
                bounds: sum.bounds,
            })
            .collect();
        solve(&mut quarters, &years);
        (atoms, quarters)
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (nth, day) in self.releases.iter().enumerate() {
            let (people, quarters) = self.conclude(nth, Measure::Attendances);
            for (at, bounds) in people.iter().enumerate() {
                let truth = count(&day.truth, Measure::Attendances, Some(at / 4), Some(at % 4));
                unseen(truth, *bounds, || {
                    format!("country {} in {} on day {nth}", at / 4, QUARTERS[at % 4])
                })?;
            }
            let (_, completed) = self.conclude(nth, Measure::Completions);
            for quarter in 0..4 {
                let attended = count(&day.truth, Measure::Attendances, None, Some(quarter));
                let done = count(&day.truth, Measure::Completions, None, Some(quarter));
                let place = |what: &str| format!("{what} in {} on day {nth}", QUARTERS[quarter]);
                unseen(attended, quarters[quarter], || place("attendances"))?;
                unseen(done, completed[quarter], || place("completions"))?;
                let missed = (
                    quarters[quarter].0.saturating_sub(completed[quarter].1),
                    quarters[quarter].1.saturating_sub(completed[quarter].0),
                );
                prop_assert!(
                    !(1..FLOOR).contains(&(attended - done)) || missed.1 - missed.0 >= FLOOR - 1,
                    "{}: {missed:?}",
                    place("who did not complete")
                );
            }
        }
        self.check_vintages()
    }

    /// No two releases of a cell differ by a few.
    fn check_vintages(&self) -> Result<(), TestCaseError> {
        let mut seen: BTreeMap<(String, Measure, Vec<String>), Vec<i64>> = BTreeMap::new();
        for release in &self.releases {
            for table in release
                .summary
                .tables
                .iter()
                .filter(|t| matches!(t.measure, Measure::Attendances | Measure::Completions))
            {
                for (at, cell) in table.cells.iter().enumerate() {
                    let Some(value) = cell.figure.value() else {
                        continue;
                    };
                    prop_assert!(!(1..FLOOR).contains(&value), "{} {value}", table.id);
                    let codes = table.codes_at(at).into_iter().map(str::to_owned).collect();
                    let before = seen
                        .entry((release.period.to_string(), table.measure, codes))
                        .or_default();
                    for other in before.iter() {
                        prop_assert!(
                            !(1..FLOOR).contains(&(value - other).abs()),
                            "{} went from {other} to {value}",
                            table.id
                        );
                    }
                    before.push(value);
                }
            }
        }
        Ok(())
    }
}

/// A number of 1 to 9 must be possible as 0, and as 9.
fn unseen(
    truth: i64,
    (lower, upper): Bounds,
    place: impl Fn() -> String,
) -> Result<(), TestCaseError> {
    prop_assert!(
        !(1..FLOOR).contains(&truth) || (lower == 0 && upper >= FLOOR - 1),
        "{}: {truth} is seen to lie in {lower}..={upper}",
        place()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, rng_seed: proptest::test_runner::RngSeed::Fixed(2014), max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn no_sequence_of_releases_reveals_a_few_persons(
        acts in proptest::collection::vec(act(), 4..40)
    ) {
        let mut node = Node::new();
        let mut released = 0;
        for act in &acts {
            if let Some(now) = node.play(act) {
                if now > released {
                    node.check()?;
                }
                released = now;
            }
        }
    }
}

#[track_caller]
fn check(acts: &[Act]) -> Node {
    let mut node = Node::new();
    for act in acts {
        node.play(act);
        node.check().expect("nothing of a few persons is seen");
    }
    node
}

const YEAR: usize = 4;

#[test]
fn a_part_that_became_small_stays_hidden_beside_a_year_that_is_still_true() {
    check(&[
        Act::Add(0, 0, 10, 0),
        Act::Add(2, 1, 1, 0),
        Act::Add(2, 1, 10, 0),
        Act::Release(YEAR, Size::Large),
        Act::Move(2, 1),
        Act::Release(0, Size::Large),
        Act::Release(1, Size::Large),
        Act::Release(2, Size::Large),
    ]);
}

#[test]
fn a_member_that_grew_does_not_split_the_years_it_showed_when_small() {
    check(&[
        Act::Add(0, 0, 20, 0),
        Act::Add(1, 0, 20, 0),
        Act::Add(2, 0, 5, 0),
        Act::Release(YEAR, Size::Small),
        Act::Release(0, Size::Large),
        Act::Release(1, Size::Large),
        Act::Release(2, Size::Large),
    ]);
}

#[test]
fn a_member_that_shrank_shows_no_year_its_quarters_could_be_taken_from() {
    check(&[
        Act::Add(0, 0, 20, 0),
        Act::Add(2, 0, 5, 0),
        Act::Release(0, Size::Large),
        Act::Release(2, Size::Large),
        Act::Release(YEAR, Size::Small),
    ]);
}
