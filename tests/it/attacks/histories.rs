//! Random books and releases, attacked after every release by one who only tries out numbers.
//!
//! `COUNTERFOIL_HISTORIES` says how many of each form (60 unless set), `COUNTERFOIL_SEED` which, and
//! `COUNTERFOIL_HISTORY` from which one on. In one form everybody comes to one country only, in the
//! other some travel.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use counterfoil::disclosure::tables::Count;
use counterfoil::model::{Axis, Dimension, Figure, Measure};

use super::book::{Member, SEVERAL, Visit, axis, count, period, tally};
use super::enumerate::Attacker;
use super::possible::UNDECIDED;

const GENDERS: [&str; 3] = ["woman", "man", "non_binary"];
const BANDS: [&str; 2] = ["20-24", "30-39"];
/// The first three have activities of their own; to the others somebody travels.
const COUNTRIES: [&str; 5] = ["TH", "VN", "NP", "KH", SEVERAL];
const PERIODS: [&str; 3] = ["2018Q1", "2018Q2", "2018"];

/// What happens in a book, in numbers that mean something in any book.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Persons who come for the first time, and to how many activities each.
    Join {
        persons: u8,
        kind: u8,
        visits: u8,
    },
    /// Somebody comes once more.
    Come {
        person: u8,
        visit: u8,
    },
    /// Some of those who came come to an activity in another place, too.
    Travel {
        from: u8,
        visits: u8,
        country: u8,
        activity: u8,
    },
    /// Heads without names.
    Crowd {
        heads: u8,
        kind: u8,
        activity: u8,
    },
    Complete {
        from: u8,
        visits: u8,
    },
    Remove {
        visit: u8,
    },
    /// A visit was in another activity.
    Move {
        visit: u8,
        activity: u8,
    },
    /// Everything about a person is deleted.
    Withdraw {
        person: u8,
    },
    AddTable {
        table: u8,
    },
    DropTable {
        table: u8,
    },
    RaiseFloor,
    Publish {
        period: u8,
    },
}

/// Numbers that look random and are the same for one seed: Steele and others' `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, many: u64) -> u8 {
        u8::try_from(self.next() % many).expect("few")
    }
}

/// A plan, and what happens under it.
#[derive(Clone, Debug)]
struct History {
    plan: Vec<Count>,
    /// Tables that may be added.
    more: Vec<Count>,
    acts: Vec<Act>,
    /// Whether nobody may tell that there is anybody.
    hides_existence: bool,
}

impl History {
    /// Returns one in which everybody comes to one country only.
    fn at_home(seed: u64, nth: u64) -> Self {
        Self::of(&mut Random(seed.wrapping_mul(1_000_003).wrapping_add(nth)))
    }

    /// Returns one in which some travel, and persons are counted by country.
    fn travelling(seed: u64, nth: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(nth));
        loop {
            let mut history = Self::of(&mut random);
            let by_country = |count: &Count| {
                count.measure == Measure::People && count.dimensions().eq([Dimension::Country])
            };
            if history.plan.iter().any(by_country) {
                history.set_out(&mut random);
                return history;
            }
        }
    }

    /// Gives countries a place for persons of several, and lets some travel.
    fn set_out(&mut self, random: &mut Random) {
        let all = self.plan.iter_mut().chain(&mut self.more);
        for axis in all.flat_map(|count| &mut count.axes) {
            if axis.dimension == Dimension::Country {
                axis.codes.push(SEVERAL.to_owned());
            }
        }
        for _ in 0..=random.below(4) {
            let travel = Act::Travel {
                from: random.below(255),
                visits: 1 + random.below(8),
                country: [0, 0, 1, 1, 1, 2, 2, 3, 4][usize::from(random.below(9))],
                activity: random.below(4),
            };
            // Somebody is there first.
            let at = 1 + usize::from(random.below(self.acts.len() as u64 - 1));
            self.acts.insert(at, travel);
        }
    }

    fn of(random: &mut Random) -> Self {
        let mut all = tables(random);
        let mut more = Vec::new();
        for _ in 0..random.below(3) {
            let at = usize::from(random.below(all.len() as u64));
            if all.len() > 1 && !all[at].is_total() {
                more.push(all.remove(at));
            }
        }
        let mut acts = vec![act_of_joining(random), act_of_joining(random)];
        for _ in 0..4 + random.below(12) {
            acts.push(act(random));
        }
        acts.push(Act::Publish {
            period: random.below(3),
        });
        Self {
            plan: all,
            more,
            acts,
            hides_existence: random.below(4) > 0,
        }
    }
}

/// Returns the tables of a small plan: measures, splits and periods.
fn tables(random: &mut Random) -> Vec<Count> {
    let mut measures = vec![Measure::Attendances];
    for measure in [Measure::Completions, Measure::People] {
        if random.below(2) == 0 {
            measures.push(measure);
        }
    }
    let mut splits: Vec<Vec<Axis>> = vec![Vec::new()];
    match random.below(4) {
        0 => {}
        1 => splits.push(vec![axis(Dimension::Age2, &["under_25", "25_plus"])]),
        2 => splits.push(vec![axis(
            Dimension::Gender3,
            &["women", "men", "another_or_not_said"],
        )]),
        _ => {
            splits.push(vec![axis(
                Dimension::Gender3,
                &["women", "men", "another_or_not_said"],
            )]);
            splits.push(vec![axis(Dimension::Gender, &GENDERS)]);
        }
    }
    match random.below(3) {
        0 => {}
        1 => splits.push(vec![axis(Dimension::Country, &["TH", "other"])]),
        _ => {
            splits.push(vec![axis(Dimension::Country, &["TH", "other"])]);
            splits.push(vec![axis(Dimension::Country, &["TH", "VN", "other"])]);
        }
    }
    let mut plan = Vec::new();
    let quarters = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"];
    let periods: &[&str] = match random.below(3) {
        0 => &["2018"],
        1 => &quarters[..2],
        _ => &["2018", "2018Q1", "2018Q2", "2018Q3", "2018Q4"],
    };
    for measure in measures {
        for split in &splits {
            for when in periods {
                // Not every table is split in every period.
                let is_kept = split.is_empty() || random.below(3) > 0;
                if is_kept {
                    plan.push(count(measure, split, when));
                }
            }
        }
    }
    // A charter wants a total beside every split, so that splits go first.
    while plan.len() > MOST_TABLES {
        let splits: Vec<usize> = (0..plan.len()).filter(|at| !plan[*at].is_total()).collect();
        let any = splits.len().max(1) as u64;
        let nth = usize::from(random.below(any));
        plan.remove(splits.get(nth).copied().unwrap_or(plan.len() - 1));
    }
    plan
}

/// More would take too long to be tried out.
const MOST_TABLES: usize = 12;

fn act_of_joining(random: &mut Random) -> Act {
    Act::Join {
        persons: 1 + random.below(7),
        kind: random.below(18),
        visits: random.below(64),
    }
}

fn act(random: &mut Random) -> Act {
    let any = |random: &mut Random| random.below(256);
    match random.below(24) {
        0..=2 => act_of_joining(random),
        3 | 4 => Act::Come {
            person: any(random),
            visit: any(random),
        },
        5 => Act::Crowd {
            heads: 1 + random.below(9),
            kind: random.below(18),
            activity: random.below(4),
        },
        6..=8 => Act::Complete {
            from: any(random),
            visits: 1 + random.below(9),
        },
        9 => Act::Remove { visit: any(random) },
        10 | 11 => Act::Move {
            visit: any(random),
            activity: random.below(4),
        },
        12 => Act::Withdraw {
            person: any(random),
        },
        13 => Act::AddTable { table: any(random) },
        14 => match random.below(3) {
            0 => Act::RaiseFloor,
            _ => Act::DropTable { table: any(random) },
        },
        _ => Act::Publish {
            period: random.below(3),
        },
    }
}

/// A book under way.
struct Play {
    member: Member,
    more: Vec<Count>,
    persons: u32,
    /// What the attacker knew of each moment when it was last attacked.
    attacked: BTreeMap<usize, usize>,
    /// What was so, and what was shown of it, in words.
    shown: Vec<String>,
}

impl Play {
    fn new(history: &History) -> Self {
        let mut play = Self {
            member: Member::new(5, Vec::new(), history.plan.clone()),
            more: history.more.clone(),
            persons: 0,
            attacked: BTreeMap::new(),
            shown: Vec::new(),
        };
        play.member.floor.hide_existence = history.hides_existence;
        play
    }

    fn visit(&self, person: u32, kind: u8, activity: u8) -> Visit {
        let country = usize::from(kind / 6 % 3);
        Self::visit_in(country, person, kind, activity)
    }

    fn visit_in(country: usize, person: u32, kind: u8, activity: u8) -> Visit {
        let kind = usize::from(kind);
        let quarter = u32::from(activity % 2);
        // An activity takes place once, in one country; there are two in each quarter and country.
        let activity = 1 + quarter + 2 * u32::from(activity / 2 % 2) + 10 * country as u32;
        Visit {
            person,
            heads: 1,
            activity,
            quarter: period(["2018Q1", "2018Q2"][quarter as usize]),
            gender: GENDERS[kind % 3],
            band: BANDS[kind / 3 % 2],
            country: COUNTRIES[country],
            completed: false,
        }
    }

    fn add(&mut self, visit: Visit) {
        let is_there =
            |other: &Visit| other.person == visit.person && other.activity == visit.activity;
        if visit.person == 0 || !self.member.visits.iter().any(is_there) {
            self.member.visits.push(visit);
        }
    }

    fn nth(&self, visit: u8) -> Option<usize> {
        let visits = self.member.visits.len();
        (visits > 0).then(|| usize::from(visit) % visits)
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Join {
                persons,
                kind,
                visits,
            } => {
                for nth in 0..persons {
                    self.persons += 1;
                    for time in 0..=visits % 4 {
                        let activity = if nth % 2 == 0 {
                            visits / 4
                        } else {
                            visits / 16
                        };
                        self.add(self.visit(self.persons, kind, activity + time));
                    }
                }
            }
            Act::Come { person, visit } => {
                if let Some(at) = self.nth(person) {
                    let one = self.member.visits[at].clone();
                    if one.person > 0 {
                        self.move_to(one, visit);
                    }
                }
            }
            Act::Travel {
                from,
                visits,
                country,
                activity,
            } => {
                let all = self.member.visits.len();
                for nth in 0..usize::from(visits).min(all) {
                    let one = self.member.visits[(usize::from(from) + nth) % all].clone();
                    if one.person > 0 {
                        let country = COUNTRIES[usize::from(country)];
                        self.move_to(Visit { country, ..one }, activity);
                    }
                }
            }
            Act::Crowd {
                heads,
                kind,
                activity,
            } => {
                let visit = self.visit(0, kind, activity);
                self.add(Visit {
                    heads: i64::from(heads),
                    ..visit
                });
            }
            Act::Complete { from, visits } => {
                let all = self.member.visits.len();
                for nth in 0..usize::from(visits).min(all) {
                    self.member.visits[(usize::from(from) + nth) % all].completed = true;
                }
            }
            Act::Remove { visit } => {
                if let Some(at) = self.nth(visit) {
                    self.member.visits.remove(at);
                }
            }
            Act::Move { visit, activity } => {
                if let Some(at) = self.nth(visit) {
                    let one = self.member.visits.remove(at);
                    self.move_to(one, activity);
                }
            }
            Act::Withdraw { person } => {
                if let Some(at) = self.nth(person) {
                    let person = self.member.visits[at].person;
                    self.member
                        .visits
                        .retain(|visit| person == 0 || visit.person != person);
                }
            }
            Act::AddTable { table } => {
                if !self.more.is_empty() {
                    let at = usize::from(table) % self.more.len();
                    self.member.plan.push(self.more.remove(at));
                }
            }
            Act::DropTable { table } => {
                let at = usize::from(table) % self.member.plan.len();
                let table = self.member.plan[at].clone();
                if !table.is_total() {
                    self.member.dropped.push(table);
                }
            }
            Act::RaiseFloor => self.member.floor.min_cell = 7,
            Act::Publish { period } => return self.publish(PERIODS[usize::from(period)]),
        }
        Ok(())
    }

    /// Adds a visit like one, to another activity in the same country.
    fn move_to(&mut self, one: Visit, activity: u8) {
        let country = COUNTRIES
            .iter()
            .position(|code| *code == one.country)
            .expect("it is one");
        let to = Self::visit_in(country, one.person, 0, activity);
        self.add(Visit {
            quarter: to.quarter,
            activity: to.activity,
            ..one
        });
    }

    fn publish(&mut self, when: &str) -> Result<(), String> {
        let planned =
            |count: &Count| count.period == period(when) && !self.member.dropped.contains(count);
        if !self.member.plan.iter().any(planned) {
            return Ok(());
        }
        let (fresh, protected) = self.member.draft(when, &counterfoil::disclosure::Microlp);
        for (count, verdict) in fresh.iter().zip(&protected.verdicts) {
            // What is held or withheld may be shown again as it was.
            let again = verdict.held;
            let truth = tally(&self.member.visits, count);
            for (cell, truth) in verdict.cells.iter().zip(truth) {
                let value = truth.value.expect("all is known");
                let is_true = match cell.figure {
                    Figure::Absent => true,
                    figure => figure.lower() <= value && figure.upper().is_none_or(|u| value <= u),
                };
                if !is_true && !again {
                    return Err(format!("{count:?} says {:?} of {value}", cell.figure));
                }
            }
        }
        let shown = self.member.publish(when);
        for (count, shown) in fresh.iter().zip(shown) {
            let truth: Vec<i64> = (tally(&self.member.visits, count).iter())
                .filter_map(|tally| tally.value)
                .collect();
            let name = format!("{} {} by {}", count.measure, count.period, axes(count));
            self.shown.push(format!("  {name}: {truth:?} as {shown:?}"));
        }
        self.attack()
    }

    /// Attacks every state there ever was, with everything that was ever said.
    fn attack(&mut self) -> Result<(), String> {
        let member = &self.member;
        let before = member.moments.last().map_or(0, |last| last.said_before);
        let moments = member.moments.iter().enumerate();
        let attackers: Vec<Attacker<'_>> = moments
            .map(|(at, moment)| {
                Attacker::after(moment, &member.moments[at + 1..], &member.said, before)
            })
            .collect();
        let mut news = Vec::new();
        for (at, attacker) in attackers.iter().enumerate() {
            if self.attacked.insert(at, attacker.known()) != Some(attacker.known()) {
                news.push(at);
            }
        }
        let last = attackers.len() - 1;
        let is_still_so =
            |at: usize, later: usize| at != later && attackers[at].is_still_so(&attackers[later]);
        for at in news.iter().filter(|at| !is_still_so(**at, last)) {
            if let Some(leak) = attackers[*at].leaks().first() {
                return Err(format!("in state {at}: {leak}"));
            }
        }
        let pairs = (0..=last).flat_map(|then| (then + 1..=last).map(move |now| (then, now)));
        let pairs = pairs.filter(|(then, now)| news.contains(then) || news.contains(now));
        // What was not told of a moment but all of which is still so, is told of the last.
        let is_told =
            |(then, now): &(usize, usize)| !is_still_so(*then, *now) && !is_still_so(*now, last);
        for (then, now) in pairs.filter(is_told) {
            // Of then a reader knows what had been said before now.
            let said = &member.said[..member.moments[now].said_before];
            let until = Attacker::after(&member.moments[then], &[], said, before);
            if let Some(leak) = until.changes(&attackers[now]).first() {
                return Err(format!("between states {then} and {now}: {leak}"));
            }
        }
        Ok(())
    }
}

/// Plays a history; returns what went wrong.
fn play(history: &History) -> Result<(), String> {
    play_out(history).1
}

/// Plays a history until something goes wrong.
fn play_out(history: &History) -> (Play, Result<(), String>) {
    let mut play = Play::new(history);
    let mut acts = history.acts.iter();
    let outcome = acts.try_for_each(|act| play.act(*act));
    (play, outcome)
}

/// How long a history that went wrong is made shorter.
const LONGEST: Duration = Duration::from_secs(20);

/// Leaves out of a history whatever it goes wrong without.
fn shortest(mut history: History) -> (History, String) {
    let mut wrong = play(&history).err().unwrap_or_default();
    let begun = Instant::now();
    let mut is_any = true;
    while is_any && begun.elapsed() < LONGEST {
        is_any = false;
        for at in (0..history.acts.len()).rev() {
            let mut shorter = history.clone();
            shorter.acts.remove(at);
            if begun.elapsed() > LONGEST {
                break;
            }
            if let Err(other) = play(&shorter) {
                (history, wrong, is_any) = (shorter, other, true);
            }
        }
        for at in (0..history.plan.len()).rev() {
            let mut shorter = history.clone();
            let table = shorter.plan.remove(at);
            // A charter wants a total beside every split.
            let is_beside =
                |count: &Count| (count.measure, count.period) == (table.measure, table.period);
            let is_needed = table.is_total() && shorter.plan.iter().any(is_beside);
            if is_needed || shorter.plan.is_empty() || begun.elapsed() > LONGEST {
                continue;
            }
            if let Err(other) = play(&shorter) {
                (history, wrong, is_any) = (shorter, other, true);
            }
        }
    }
    (history, wrong)
}

fn setting(name: &str, or: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(or, |text| text.parse().expect("a number"))
}

/// How many histories that went wrong are looked at.
const ENOUGH: usize = 4;

fn axes(count: &Count) -> String {
    let codes = |axis: &Axis| format!("{} {:?}", axis.dimension, axis.codes);
    count.axes.iter().map(codes).collect()
}

/// Says what went wrong in a history, in as few words as it takes.
fn describe(nth: u64, history: History) -> String {
    let (history, wrong) = shortest(history);
    let mut lines = vec![format!("history {nth}: {wrong}")];
    let table = |count: &Count| format!("  {} {} by {}", count.measure, count.period, axes(count));
    lines.push(format!("  hide_existence {}", history.hides_existence));
    lines.extend(history.plan.iter().map(table));
    lines.extend(history.acts.iter().map(|act| format!("  {act:?}")));
    lines.extend(play_out(&history).0.shown);
    lines.join("\n")
}

/// Makes a history of a seed.
type Make = fn(u64, u64) -> History;

/// Plays as many histories as are asked for.
#[expect(clippy::print_stderr, reason = "the seed is read beside the outcome")]
fn play_all(form: &str, make: Make) {
    let seed = setting("COUNTERFOIL_SEED", 20_181_231);
    let histories = setting("COUNTERFOIL_HISTORIES", 60);
    let first = setting("COUNTERFOIL_HISTORY", 0);
    let next = AtomicU64::new(first);
    let wrong = Mutex::new(Vec::new());
    let play_on = || loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        let has_enough = wrong.lock().expect("no thread fails").len() >= ENOUGH;
        if nth >= first + histories || has_enough {
            return;
        }
        let history = make(seed, nth);
        if play(&history).is_err() {
            let found = describe(nth, history);
            wrong.lock().expect("no thread fails").push(found);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(play_on);
        }
    });
    let wrong = wrong.into_inner().expect("no thread fails");
    let undecided = UNDECIDED.load(Ordering::Relaxed);
    eprintln!(
        "COUNTERFOIL_SEED={seed}: {histories} histories {form}, {undecided} sums too large to try"
    );
    assert!(
        wrong.is_empty(),
        "COUNTERFOIL_SEED={seed}, {form}\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_history_gives_anybody_away() {
    play_all("at home", History::at_home);
}

#[test]
fn no_history_gives_anybody_away_who_travels() {
    play_all("travelling", History::travelling);
}

/// Returns whether something is to be published while somebody stands in several countries.
fn tells_of_several(history: &History) -> bool {
    let mut play = Play::new(history);
    let mut acts = history.acts.iter();
    acts.any(|act| match act {
        Act::Publish { period: at } => {
            let by_country = [axis(Dimension::Country, &["other", SEVERAL])];
            let people = count(Measure::People, &by_country, PERIODS[usize::from(*at)]);
            tally(&play.member.visits, &people)[1].value > Some(0)
        }
        other => play.act(*other).is_err(),
    })
}

#[test]
fn who_travels_is_published_in_half_of_the_histories() {
    let of = |make: Make| (0..200).filter(move |nth| tells_of_several(&make(1, *nth)));
    assert!(of(History::travelling).count() >= 100);
    assert_eq!(of(History::at_home).count(), 0);
}

/// Histories that once gave somebody away, or seemed to, by seed.
const ONCE_FAILED: [(Make, u64, u64); 21] = [
    (History::at_home, 2612, 4747),
    (History::at_home, 2613, 7753),
    (History::at_home, 2616, 5823),
    (History::at_home, 2617, 887),
    (History::at_home, 2617, 2059),
    (History::at_home, 2618, 221),
    (History::at_home, 2619, 3478),
    (History::travelling, 3001, 0),
    (History::travelling, 3001, 19),
    (History::travelling, 3001, 29),
    (History::travelling, 3001, 31),
    (History::travelling, 3001, 105),
    (History::travelling, 3001, 134),
    (History::travelling, 3002, 304),
    (History::travelling, 3003, 1662),
    (History::travelling, 3004, 1729),
    (History::travelling, 2620, 1999),
    (History::travelling, 2620, 4877),
    (History::travelling, 2620, 6277),
    (History::travelling, 2620, 8371),
    (History::travelling, 2621, 942),
];

#[test]
fn what_once_failed_does_not_again() {
    for (make, seed, nth) in ONCE_FAILED {
        let history = make(seed, nth);
        assert_eq!(play(&history), Ok(()), "history {nth} of seed {seed}");
    }
}
