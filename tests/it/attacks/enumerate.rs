//! An attacker who knows every statement ever made, and reckons by trying out whole numbers alone.
//!
//! What is known of the unknowns, and which sums of them nobody may bound tightly, is written here
//! once more from the rules, so that an error in `disclosure` is not repeated.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::charter::policy::Floor;
use counterfoil::disclosure::tables::{Count, Said};
use counterfoil::model::dimension::gender3;
use counterfoil::model::{Axis, Dimension, Figure, Grain, Measure, Period, table};

use super::book::{SEVERAL, Visit, tally};
use super::countries::{OTHER, activities, like, met, several, still_there, visits_of};
use super::given::Given;
use super::possible::{NO_BOUND, Puzzle, Ready, Sum, less, plus, value};

/// The records at one release, and what had been said until then.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) visits: Vec<Visit>,
    /// Every table the release could be subtracted from.
    pub(crate) plan: Vec<Count>,
    pub(crate) floor: Floor,
    /// How many statements came before it.
    pub(crate) said_before: usize,
}

/// How a measure is split, and the parts of time each split has.
type Splits = Vec<(Option<Dimension>, Vec<Period>)>;

/// What takes a sum with what it adds to a name, and what is due.
type Add<'f> = dyn FnMut(&str, Sum, (i64, i64)) + 'f;

/// A sum that is bounded too tightly.
#[derive(Clone, Debug)]
pub(crate) struct Leak {
    pub(crate) what: String,
    pub(crate) truth: i64,
    pub(crate) found: (i64, i64),
    pub(crate) due: (i64, i64),
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            truth,
            found,
            due,
        } = self;
        write!(f, "{what} is {truth}, known to be {found:?}, due {due:?}")
    }
}

/// A sum nobody may bound tightly.
struct Secret {
    what: String,
    sum: Sum,
    /// Readers must find possible that it is at most this, and at least that.
    due: (i64, i64),
}

/// Who is alone somewhere.
#[derive(Default)]
struct Insider {
    name: String,
    /// The unknowns they know.
    known: Vec<usize>,
    /// What they add to each unknown.
    adds: Vec<i64>,
}

/// One of the numbers nobody but the member knows: a measure in a part of time, split one way.
type Unknown = (Measure, Period, Option<Dimension>, String);

/// What an attacker makes of one moment.
pub(crate) struct Attacker<'a> {
    moment: &'a Moment,
    /// The tables that something was said of, or of a longer period around them.
    touched: Vec<&'a Count>,
    /// Codes along each split, the finest in use.
    codes: BTreeMap<Dimension, Vec<String>>,
    /// The splits of each measure, and the parts of time each has.
    splits: BTreeMap<Measure, Splits>,
    /// The parts of time of what adds up.
    parts: Vec<Period>,
    unknowns: BTreeMap<Unknown, usize>,
    /// Public facts, what had been said before, and which totals are below the floor.
    before: Given,
    /// And where nobody is, where that may be known: who is somewhere knows of themselves there.
    before_inside: Given,
    /// Everything that was ever said and is true of this moment.
    puzzle: Ready,
    rows: usize,
    truth: Vec<i64>,
    /// What each statement was truly about.
    told: Vec<(Count, Vec<i64>)>,
}

impl<'a> Attacker<'a> {
    /// Returns what an attacker makes of a moment who remembers everything that was said.
    pub(crate) fn of(moment: &'a Moment, said: &[Said]) -> Self {
        Self::after(moment, &[], said, moment.said_before)
    }

    /// Returns the same of one who has read in later moments, too, where nothing took place. What
    /// follows from the first `before` statements is no fault of the others.
    pub(crate) fn after(
        moment: &'a Moment,
        later: &[Moment],
        said: &[Said],
        before: usize,
    ) -> Self {
        let (early, late) = said.split_at(before.min(said.len()));
        let (early, late) = (about(moment, said, early), about(moment, said, late));
        let said = || early.iter().chain(&late).copied();
        let mut tables: Vec<&Count> = moment.plan.iter().collect();
        // A table that is kept back whole says nothing, not even how it is split.
        let is_shown = |said: &&Said| said.cells.iter().any(|c| c.figure != Figure::Absent);
        for said in said().filter(is_shown) {
            if !tables.contains(&&said.count) {
                tables.push(&said.count);
            }
        }
        let is_touched = |count: &&Count| {
            let mut periods = said().map(|said| said.count.period);
            periods.any(|period| period.covers(count.period))
        };
        let mut attacker = Self {
            moment,
            touched: moment.plan.iter().filter(is_touched).collect(),
            codes: codes(&tables),
            splits: BTreeMap::new(),
            parts: parts(&tables),
            unknowns: BTreeMap::new(),
            before: Given::of(&Puzzle::default()),
            before_inside: Given::of(&Puzzle::default()),
            puzzle: Puzzle::default().ready(),
            rows: 0,
            truth: Vec::new(),
            told: said()
                .map(|said| (said.count.clone(), said.was.clone()))
                .collect(),
        };
        attacker.lay(&tables);
        attacker.truth = attacker.numbers(&moment.visits);
        let mut puzzle = Puzzle {
            truth: attacker.truth.clone(),
            rows: Vec::new(),
        };
        for (sum, lower, upper) in attacker.facts(&tables) {
            assert!(puzzle.add(sum, lower, upper), "a fact is not true");
        }
        // Tables of activities are shown as they are: what they say of persons is no fault of
        // what is said of persons.
        for then in later {
            for sum in attacker.nothing_there(&then.plan, &then.visits) {
                puzzle.add(sum, 0, 0);
            }
        }
        attacker.take(early.iter().copied(), &mut puzzle);
        let mut before = puzzle.clone();
        let floors = later.iter().chain([moment]).map(|then| then.floor.min_cell);
        for (sum, lower, upper) in attacker.small(floors.max().map_or(0, i64::from)) {
            before.add(sum, lower, upper);
        }
        attacker.before = Given::of(&before);
        if !moment.floor.hide_existence {
            attacker.take(only_zeros(&late).iter(), &mut before);
        }
        attacker.before_inside = Given::of(&before);
        attacker.take(late.iter().copied(), &mut puzzle);
        attacker.rows = puzzle.rows.len();
        attacker.puzzle = puzzle.ready();
        attacker
    }

    /// Returns the totals that are below the floor, and what everybody may know of each of them,
    /// since the same is said whatever it is, under the highest floor there was.
    fn small(&self, k: i64) -> Vec<(Sum, i64, i64)> {
        let hides = self.moment.floor.hide_existence;
        let totals = self.moment.plan.iter().map(|count| count.split(Vec::new()));
        let totals = totals.map(|total| self.cell(&total, 0));
        let small = totals.filter(|total| value(total, &self.truth) < k);
        let known = |total: Sum| {
            let least = i64::from(!hides && value(&total, &self.truth) > 0);
            (total, least, k - 1)
        };
        small.map(known).collect()
    }

    /// Takes in whatever was said and is true.
    fn take<'s>(&self, said: impl Iterator<Item = &'s Said>, puzzle: &mut Puzzle) {
        for said in said {
            for (cell, shown) in said.cells.iter().enumerate() {
                if shown.figure != Figure::Absent {
                    let upper = shown.figure.upper().unwrap_or(NO_BOUND);
                    puzzle.add(self.cell(&said.count, cell), shown.figure.lower(), upper);
                }
            }
        }
    }

    /// Returns what is known of this moment, to see whether anything new is.
    pub(crate) const fn known(&self) -> usize {
        self.rows
    }

    fn lay(&mut self, tables: &[&Count]) {
        let mut splits: BTreeMap<Measure, BTreeMap<Option<Dimension>, BTreeSet<Period>>> =
            BTreeMap::new();
        for count in tables {
            assert!(count.axes.len() < 2, "crossed tables are not laid out here");
            let split = count.axes.first().map(|axis| self.base(axis.dimension));
            // Who is alone in a cell knows what they add to every measure that is counted.
            for like in MEASURES.map(|measure| like(count, measure)) {
                let is_counted = |other: &&&Count| {
                    let is_then = like.measure != Measure::People || other.period == like.period;
                    other.measure == like.measure && is_then
                };
                if tables.iter().any(|other| is_counted(&other)) {
                    let splits = splits.entry(like.measure).or_default();
                    splits.entry(split).or_default().insert(like.period);
                }
            }
        }
        for (measure, splits) in splits {
            let mut laid: Vec<(Option<Dimension>, Vec<Period>)> = Vec::new();
            for (split, times) in splits.into_iter().rev() {
                // Margins that agree are those of some full table: nothing is crossed that no
                // table crosses.
                let times =
                    match measure == Measure::People || times.len() == 1 && self.is_whole(&times) {
                        true => times.into_iter().collect(),
                        false => self.parts.clone(),
                    };
                // The total is the sum of any split there is.
                let has = |other: &(Option<Dimension>, Vec<Period>)| {
                    times.iter().all(|time| other.1.contains(time))
                        || measure != Measure::People && other.1 == self.parts
                };
                if split.is_some() || !laid.iter().any(has) {
                    laid.push((split, times));
                }
            }
            for (split, times) in &laid {
                let only = [String::new()];
                let codes = split.map_or(&only[..], |split| &self.codes[&split]);
                for time in times {
                    for code in codes {
                        let at = self.unknowns.len();
                        self.unknowns
                            .insert((measure, *time, *split, code.clone()), at);
                    }
                }
            }
            self.splits.insert(measure, laid);
        }
    }

    /// Returns whether one period is all of the time there is.
    fn is_whole(&self, times: &BTreeSet<Period>) -> bool {
        let mut times = times.iter();
        times.all(|time| self.parts.iter().all(|part| time.covers(*part)))
    }

    fn base(&self, dimension: Dimension) -> Dimension {
        match dimension {
            Dimension::Gender3 if self.codes.contains_key(&Dimension::Gender) => Dimension::Gender,
            _ => dimension,
        }
    }

    /// Returns the numbers that some visits make.
    fn numbers(&self, visits: &[Visit]) -> Vec<i64> {
        let mut truth = vec![0; self.unknowns.len()];
        for ((measure, time, split, code), at) in &self.unknowns {
            let axes = split.map(|dimension| Axis {
                dimension,
                codes: self.codes[&dimension].clone(),
            });
            let axes: Vec<_> = axes.into_iter().collect();
            let cell = axes.first().map_or(0, |axis| {
                axis.codes
                    .iter()
                    .position(|c| c == code)
                    .expect("it is one")
            });
            truth[*at] = tallies(visits, *measure, axes, *time)[cell].0;
        }
        truth
    }

    /// Returns the sum of unknowns a measure is, over a period, along some codes of a split.
    fn sum(
        &self,
        measure: Measure,
        period: Period,
        split: Option<Dimension>,
        has: &dyn Fn(&str) -> bool,
    ) -> Option<Sum> {
        let adds = measure != Measure::People;
        let is_then = |time: &Period| match adds {
            true => period.covers(*time),
            false => period == *time,
        };
        let mut splits = self.splits.get(&measure)?.iter();
        let (split, _) = splits.find(|(other, times)| {
            (split.is_none() || split == *other) && times.iter().any(is_then)
        })?;
        let unknowns = self.unknowns.iter().filter(|((of, time, along, code), _)| {
            *of == measure && is_then(time) && along == split && has(code)
        });
        Some(unknowns.map(|(_, at)| (*at, 1)).collect())
    }

    fn cell(&self, count: &Count, cell: usize) -> Sum {
        self.laid(count, cell).expect("it is laid out")
    }

    /// Returns the sum of unknowns a cell is, where there are some under it.
    fn laid(&self, count: &Count, cell: usize) -> Option<Sum> {
        let Some(axis) = count.axes.first() else {
            return self.sum(count.measure, count.period, None, &|_| true);
        };
        let base = self.base(axis.dimension);
        let has = |code: &str| {
            let level = match axis.dimension == base {
                true => code,
                false => gender3(code),
            };
            let at = |code: &str| axis.codes.iter().position(|other| other == code);
            at(level).or_else(|| at("other")) == Some(cell)
        };
        self.sum(count.measure, count.period, Some(base), &has)
    }

    /// Returns the sums that are nothing, since no activity stands behind them: of every measure
    /// beside a table that says so.
    fn nothing_there(&self, tables: &[Count], visits: &[Visit]) -> Vec<Sum> {
        let mut sums = Vec::new();
        for (count, cell) in cells(tables) {
            let beside = MEASURES.map(|measure| like(count, measure));
            let empty = beside.iter().filter(|c| activities(visits, c, cell) == 0);
            sums.extend(empty.filter_map(|count| self.laid(count, cell)));
        }
        sums
    }

    /// Returns what everybody can read from the activities behind each table's cells.
    fn facts_of_activities(&self, tables: &[Count]) -> Vec<(Sum, i64, i64)> {
        let visits = &self.moment.visits;
        let nothing = self.nothing_there(tables, visits).into_iter();
        let mut facts: Vec<(Sum, i64, i64)> = nothing.map(|sum| (sum, 0, 0)).collect();
        for (count, cell) in cells(tables) {
            let attended = like(count, Measure::Attendances);
            let people = self.who_may_be_in(&like(count, Measure::People), cell);
            if let (Some(all), Some(people)) = (self.laid(&attended, cell), people) {
                let held = activities(visits, &attended, cell);
                let room = plus(&less(&Sum::new(), &all), &people, held);
                facts.push((room, 0, NO_BOUND));
            }
        }
        facts
    }

    /// Returns the persons who may have attended in a cell: those who stand in it, and those of
    /// several countries.
    fn who_may_be_in(&self, people: &Count, cell: usize) -> Option<Sum> {
        let own = self.laid(people, cell)?;
        match several(people).filter(|several| *several != cell) {
            Some(several) => Some(plus(&own, &self.laid(people, several)?, 1)),
            None => Some(own),
        }
    }

    /// Returns every period in which something is counted.
    fn periods(&self, tables: &[&Count]) -> Vec<Period> {
        let mut periods: Vec<Period> = tables.iter().map(|count| count.period).collect();
        periods.extend(&self.parts);
        periods.sort_unstable();
        periods.dedup();
        periods
    }

    fn facts(&self, tables: &[&Count]) -> Vec<(Sum, i64, i64)> {
        let mut facts = Vec::new();
        let mut not_negative = |sum: Sum| facts.push((sum, 0, NO_BOUND));
        let mut exact = Vec::new();
        let splits: Vec<Option<Dimension>> = std::iter::once(None)
            .chain(self.codes.keys().map(|dimension| Some(*dimension)))
            .collect();
        for period in self.periods(tables) {
            for split in &splits {
                let only = vec![String::new()];
                for code in split.map_or(&only, |split| &self.codes[&split]) {
                    let has = |other: &str| split.is_none() || other == code;
                    let of = |measure| self.sum(measure, period, *split, &has);
                    let all = of(Measure::Attendances);
                    // Who was in several countries attended in each of them.
                    let is_between = *split == Some(Dimension::Country) && code == SEVERAL;
                    let stand = [Measure::Completions, Measure::People];
                    for measure in &stand[..2 - usize::from(is_between)] {
                        if let (Some(all), Some(some)) = (&all, of(*measure)) {
                            not_negative(less(all, &some));
                        }
                    }
                }
            }
        }
        for (measure, splits) in &self.splits {
            for time in self.periods(tables) {
                let all = self.sum(*measure, time, None, &|_| true);
                for (split, times) in splits {
                    // A total of its own stands beside every split.
                    let alone = || {
                        times.iter().filter(|part| {
                            split.is_none()
                                && (**part == time
                                    || *measure != Measure::People && time.covers(**part))
                        })
                    };
                    let own = match split {
                        None => alone()
                            .map(|part| (self.unknowns[&(*measure, *part, None, String::new())], 1))
                            .collect::<Sum>(),
                        some => self
                            .sum(*measure, time, *some, &|_| true)
                            .unwrap_or_default(),
                    };
                    if let (Some(all), false) = (&all, own.is_empty()) {
                        exact.push((less(all, &own), 0, 0));
                    }
                }
            }
        }
        let people = |period| self.sum(Measure::People, period, None, &|_| true);
        for whole in self.periods(tables) {
            let Some(all) = people(whole) else { continue };
            let parts: Vec<Sum> = self
                .periods(tables)
                .into_iter()
                .filter(|part| *part != whole && whole.covers(*part))
                .filter_map(people)
                .collect();
            for part in &parts {
                not_negative(less(&all, part));
            }
            if parts.len() == 4 {
                let sum = parts
                    .iter()
                    .fold(Sum::new(), |sum, part| plus(&sum, part, 1));
                not_negative(less(&sum, &all));
            }
        }
        facts.extend(exact);
        facts.extend(self.facts_of_countries(tables));
        // How activities are split is read from what is planned.
        facts.extend(self.facts_of_activities(&self.moment.plan));
        facts
    }

    /// Returns what is known of persons of several countries: where they attended, and where they
    /// stand in the parts of a year.
    fn facts_of_countries(&self, tables: &[&Count]) -> Vec<(Sum, i64, i64)> {
        let mut facts = Vec::new();
        let codes = self.codes.get(&Dimension::Country);
        let Some(codes) = codes.filter(|codes| codes.iter().any(|code| code == SEVERAL)) else {
            return Vec::new();
        };
        let by_country = |measure, period| -> Option<Vec<Sum>> {
            let at = |code: &String| {
                let has = |other: &str| other == code;
                self.sum(measure, period, Some(Dimension::Country), &has)
            };
            codes.iter().map(at).collect()
        };
        let periods = self.periods(tables);
        for whole in &periods {
            let Some(people) = by_country(Measure::People, *whole) else {
                continue;
            };
            let is_one = self.single_places(*whole, codes);
            if let Some(attended) = by_country(Measure::Attendances, *whole) {
                facts.extend(met(codes, &people, &attended, &is_one));
            }
            let parts = periods
                .iter()
                .filter(|part| *part != whole && whole.covers(**part));
            let mut stood = vec![Sum::new(); codes.len()];
            let mut known = 0;
            for part in parts {
                if self.is_empty(*part) {
                    known += 1;
                } else if let Some(then) = by_country(Measure::People, *part) {
                    known += 1;
                    for (stood, then) in stood.iter_mut().zip(&then) {
                        *stood = plus(stood, then, 1);
                    }
                    facts.extend(still_there(codes, &people, &then));
                }
            }
            // Where somebody stood in the quarters is where they were in the year.
            if known == 4 {
                facts.extend(met(codes, &people, &stood, &is_one));
            }
        }
        facts.into_iter().map(|sum| (sum, 0, NO_BOUND)).collect()
    }

    /// Returns the codes that stand for one country at most, for each table that tells: named ones,
    /// and all that are named nowhere where there was one activity among them.
    fn single_places(&self, period: Period, codes: &[String]) -> Vec<Vec<bool>> {
        let is_named = |code: &String| code != SEVERAL && code != OTHER;
        let named = codes.iter().filter(|code| is_named(code));
        let only = |one: &String| codes.iter().map(|code| code == one).collect();
        let mut places: Vec<Vec<bool>> = named.map(only).collect();
        let by_country = |count: &&Count| {
            count.period == period && several(&like(count, Measure::People)).is_some()
        };
        for count in self.moment.plan.iter().filter(by_country) {
            let named = &count.axes[0].codes;
            let other = named.iter().position(|code| code == OTHER);
            let attended = like(count, Measure::Attendances);
            let held = other.map(|other| activities(&self.moment.visits, &attended, other));
            if held == Some(1) {
                let is_other = |code: &String| code == OTHER || !named.contains(code);
                places.push(codes.iter().map(is_other).collect());
            }
        }
        places
    }

    /// Returns whether everybody can read that nothing took place in a period.
    fn is_empty(&self, period: Period) -> bool {
        let visits = &self.moment.visits;
        let mut planned = self.moment.plan.iter();
        planned.any(|count| count.period == period)
            && !visits.iter().any(|visit| period.covers(visit.quarter))
    }

    /// Returns what is bounded too tightly.
    pub(crate) fn leaks(&self) -> Vec<Leak> {
        let secrets = self.secrets();
        let outsider = Insider {
            adds: vec![0; self.truth.len()],
            ..Insider::default()
        };
        let mut readers = vec![outsider];
        readers.extend(self.insiders());
        let mut leaks = Vec::new();
        for Insider { name, known, adds } in readers {
            let puzzle = self.puzzle.knowing(&known);
            let before = match known.is_empty() {
                true => &self.before,
                false => &self.before_inside,
            };
            for secret in &secrets {
                if secret.sum.keys().all(|at| known.contains(at)) {
                    continue;
                }
                // Everybody knows what they add to a sum themselves.
                let own = value(&secret.sum, &adds);
                let due = (secret.due.0.max(own), secret.due.1);
                if puzzle.is_possible(&secret.sum, -NO_BOUND, due.0)
                    && puzzle.is_possible(&secret.sum, due.1, NO_BOUND)
                {
                    continue;
                }
                // What facts give, and what was said before, is no fault of what was said since.
                let given = before.range(&secret.sum, &known);
                let due = (due.0.max(given.0), due.1.min(given.1));
                let found = puzzle.range(&secret.sum);
                if found.0 > due.0 || found.1 < due.1 {
                    leaks.push(Leak {
                        what: format!("{}{name}", secret.what),
                        truth: value(&secret.sum, &self.truth),
                        found,
                        due,
                    });
                }
            }
        }
        leaks
    }

    /// Returns whoever is alone somewhere, with the unknowns they know.
    fn insiders(&self) -> Vec<Insider> {
        let mut insiders: Vec<Insider> = Vec::new();
        let mut times: Vec<Period> = self.unknowns.keys().map(|unknown| unknown.1).collect();
        times.sort_unstable();
        times.dedup();
        for time in times {
            for (split, _) in self.splits.values().flatten() {
                let axes: Vec<_> = split
                    .map(|dimension| Axis {
                        dimension,
                        codes: self.codes[&dimension].clone(),
                    })
                    .into_iter()
                    .collect();
                let attended = counted(Measure::Attendances, axes.clone(), time);
                for cell in 0..attended.cells() {
                    for alone in self.alone(&attended, cell) {
                        if !insiders.iter().any(|other| other.known == alone.known) {
                            insiders.push(alone);
                        }
                    }
                }
            }
        }
        insiders
    }

    /// Returns who alone attended in a cell, and who alone stands in it, as a person, where that is
    /// another.
    fn alone(&self, attended: &Count, cell: usize) -> Vec<Insider> {
        let visits = &self.moment.visits;
        let time = attended.period;
        let split = attended.axes.first().map(|axis| axis.dimension);
        let code = attended.axes.first().map_or("", |axis| &axis.codes[cell]);
        let people = like(attended, Measure::People);
        let is_several = several(&people) == Some(cell);
        let alone = |count: &Count| tally(visits, count)[cell].contributors == 1;
        let insider = |name: &str, count: &Count, knows: &dyn Fn(Measure, Period) -> bool| {
            let own = self
                .unknowns
                .iter()
                .filter(|((measure, when, along, other), _)| {
                    *along == split && other == code && knows(*measure, *when)
                });
            Insider {
                name: format!(", to the one {name} {time} {code}"),
                known: own.map(|(_, at)| *at).collect(),
                adds: self.numbers(&visits_of(visits, count, cell)),
            }
        };
        let mut insiders = Vec::new();
        if alone(attended) && !(is_several && alone(&people)) {
            // Who is alone in a year is alone, or away, in each part of it. Those of several
            // countries stand elsewhere than they attended.
            insiders.push(insider("of", attended, &|measure, when| {
                time.covers(when) && !(is_several && measure == Measure::People)
            }));
        }
        // Nobody is taken to know where persons stand in a table that nobody made.
        let stands = (Measure::People, time, split, code.to_owned());
        let is_told = self.unknowns.contains_key(&stands);
        if is_told && alone(&people) && (is_several || !alone(attended)) {
            // What took place in several countries, only those of several attended.
            insiders.push(insider(
                "who stands in",
                &people,
                &|measure, when| match is_several {
                    true => time.covers(when),
                    false => measure == Measure::People && time == when,
                },
            ));
        }
        insiders
    }

    /// Returns how far readers must be left in the dark: one less inside what is said to be below
    /// the floor as a whole.
    fn limit(&self, measure: Measure, period: Period) -> i64 {
        let k = i64::from(self.moment.floor.min_cell);
        let is_small = |measure| {
            let all = self.sum(measure, period, None, &|_| true);
            all.is_some_and(|all| value(&all, &self.truth) < k)
        };
        k - i64::from(is_small(measure) || is_small(Measure::Attendances))
    }

    fn secrets(&self) -> Vec<Secret> {
        let k = i64::from(self.moment.floor.min_cell);
        let truth = |sum: &Sum| value(sum, &self.truth);
        let mut secrets = Vec::new();
        for count in self.touched.iter().copied() {
            let limit = self.limit(count.measure, count.period);
            // As a sum of its own cells, so that who knows one of them knows a part of it.
            let split = count.axes.first().map(|axis| self.base(axis.dimension));
            let total = self.sum(count.measure, count.period, split, &|_| true);
            let total = total.expect("it is laid out");
            let behind = tallies(
                &self.moment.visits,
                count.measure,
                count.axes.clone(),
                count.period,
            );
            for (cell, (_, persons)) in behind.into_iter().enumerate() {
                let own = self.cell(count, cell);
                let all = truth(&own);
                let codes = table::codes_at(&count.axes, cell);
                let name = format!("{} {} {codes:?}", count.measure, count.period);
                let mut add = |what: &str, sum: Sum, due: (i64, i64)| {
                    secrets.push(Secret {
                        what: format!("{name}{what}"),
                        sum,
                        due,
                    });
                };
                let hides = self.moment.floor.hide_existence;
                if all == 0 && hides
                    || all > 0 && (all < k || persons < u64::from(self.moment.floor.min_cell))
                {
                    add("", own.clone(), (i64::from(!hides), limit));
                }
                let rest = less(&total, &own);
                let is_of_persons = count.dimensions().any(|d| d.describes_persons());
                let from = i64::from(!is_of_persons);
                if !count.is_total() && truth(&total) > 0 && (from..k).contains(&truth(&rest)) {
                    // That somebody is in another place may be known as it may of this one.
                    let least = i64::from(!hides && !is_of_persons);
                    add(": the others", rest, (least, limit));
                }
                if matches!(count.measure, Measure::Completions | Measure::People) {
                    let attended = Count {
                        measure: Measure::Attendances,
                        ..count.clone()
                    };
                    if self.touched.contains(&&attended) {
                        let rest = less(&self.cell(&attended, cell), &own);
                        if (1..k).contains(&truth(&rest)) {
                            add(": less than attendances", rest, (0, limit));
                        }
                    }
                }
                self.differences(count, cell, &own, &mut add);
            }
        }
        secrets
    }

    /// Returns whether every table that was told of as it is here is so at a later moment, too:
    /// then it is that one readers find out about.
    pub(crate) fn is_still_so(&self, later: &Self) -> bool {
        let behind = |of: &Self, count: &Count| {
            let visits = &of.moment.visits;
            tallies(visits, count.measure, count.axes.clone(), count.period)
        };
        let was_told = |count: &&Count| {
            let here = behind(self, count).into_iter();
            let here: Vec<i64> = here.map(|(value, _)| value).collect();
            let mut told = self.told.iter();
            told.any(|(other, was)| other == *count && *was == here)
        };
        let mut told = self.moment.plan.iter().filter(was_told);
        told.all(|count| behind(self, count) == behind(later, count))
    }

    /// Finds cells of another table, or another period, from which one differs by little.
    fn differences(&self, count: &Count, cell: usize, own: &Sum, add: &mut Add<'_>) {
        let k = i64::from(self.moment.floor.min_cell);
        let few = |sum: &Sum| (1..k).contains(&value(sum, &self.truth));
        let others = self.touched.iter().copied();
        for other in others.filter(|other| other.measure == count.measure && *other != count) {
            let is_part = count.period != other.period
                && count.period.covers(other.period)
                && count.axes == other.axes;
            if is_part {
                let rest = less(own, &self.cell(other, cell));
                if few(&rest) {
                    let limit = self.limit(count.measure, count.period).min(k - 1);
                    add(&format!(" less {}", other.period), rest, (NO_BOUND, limit));
                }
            }
            let same_split = match (count.axes.first(), other.axes.first()) {
                (Some(one), Some(other)) => self.base(one.dimension) == self.base(other.dimension),
                _ => false,
            };
            if count.period == other.period && same_split {
                for at in 0..other.cells() {
                    let from = self.cell(other, at);
                    let rest: Sum = own
                        .iter()
                        .filter(|(unknown, _)| !from.contains_key(unknown))
                        .map(|(unknown, times)| (*unknown, *times))
                        .collect();
                    if !rest.is_empty() && rest != *own && few(&rest) {
                        let limit = self.limit(count.measure, count.period);
                        add(
                            &format!(" less {:?}", table::codes_at(&other.axes, at)),
                            rest,
                            (0, limit),
                        );
                    }
                }
            }
        }
    }

    /// Returns what tells how little a cell changed between two moments: from what can be said
    /// of it in each.
    pub(crate) fn changes(&self, later: &Self) -> Vec<Leak> {
        let k = i64::from(later.moment.floor.min_cell.min(self.moment.floor.min_cell));
        let mut leaks = Vec::new();
        for count in self
            .touched
            .iter()
            .copied()
            .filter(|count| later.touched.contains(count))
        {
            for cell in 0..count.cells() {
                let (then, now) = (self.cell(count, cell), later.cell(count, cell));
                let change = value(&now, &later.truth) - value(&then, &self.truth);
                if change == 0 || change.abs() >= k {
                    continue;
                }
                // How much more, or less: that it is not little must be possible either way.
                let apart = |then: (i64, i64), now: (i64, i64)| {
                    let (fewer, more) = (now.0 - then.1, now.1 - then.0);
                    match change > 0 {
                        true => (fewer, more.max(-fewer)),
                        false => (-more, more.max(-fewer)),
                    }
                };
                // What was known of each before the later release is no fault of it.
                let given = apart(self.before.range(&then, &[]), later.before.range(&now, &[]));
                let (least, most) = apart(self.puzzle.range(&then), later.puzzle.range(&now));
                let limit = self
                    .limit(count.measure, count.period)
                    .min(later.limit(count.measure, count.period))
                    .min(k);
                if least > given.0.max(0) || most < limit.min(given.1) {
                    let codes = table::codes_at(&count.axes, cell);
                    leaks.push(Leak {
                        what: format!("change of {} {} {codes:?}", count.measure, count.period),
                        truth: change.abs(),
                        found: (least, most),
                        due: (given.0.max(0), limit.min(given.1)),
                    });
                }
            }
        }
        leaks
    }
}

fn counted(measure: Measure, axes: Vec<Axis>, period: Period) -> Count {
    Count {
        measure,
        axes,
        period,
        signers: counterfoil::charter::policy::Of::Organisations,
    }
}

/// Returns the true value of every cell, and how many persons are behind it.
fn tallies(visits: &[Visit], measure: Measure, axes: Vec<Axis>, period: Period) -> Vec<(i64, u64)> {
    let tallies = tally(visits, &counted(measure, axes, period));
    let known = |t: &counterfoil::model::Tally| (t.value.expect("all is known"), t.contributors);
    tallies.iter().map(known).collect()
}

/// Returns the statements that are about a moment, of some: those of a time that touches its tables
/// or a table that was said about them. A table of another time says nothing of it, not even how
/// anything is split.
fn about<'s>(moment: &Moment, said: &[Said], some: &'s [Said]) -> Vec<&'s Said> {
    let own = moment.plan.iter().map(|count| count.period);
    let own: BTreeSet<Period> = own.collect();
    let touches = |period: Period, near: &BTreeSet<Period>| {
        let touch = |other: &Period| {
            other.first_day() <= period.last_day() && period.first_day() <= other.last_day()
        };
        near.iter().any(touch)
    };
    let said = said.iter().map(|said| said.count.period);
    let mut near: BTreeSet<Period> = said.filter(|period| touches(*period, &own)).collect();
    near.extend(own);
    let is_about = |said: &&Said| touches(said.count.period, &near);
    some.iter().filter(is_about).collect()
}

/// Returns what some statements say of where nobody is.
fn only_zeros(said: &[&Said]) -> Vec<Said> {
    let mut zeros: Vec<Said> = said.iter().map(|said| (*said).clone()).collect();
    for cell in zeros.iter_mut().flat_map(|said| &mut said.cells) {
        if cell.figure != Figure::Exact(0) {
            cell.figure = Figure::Absent;
        }
    }
    zeros
}

/// What is counted of visits.
const MEASURES: [Measure; 3] = [Measure::Attendances, Measure::Completions, Measure::People];

fn cells(tables: &[Count]) -> impl Iterator<Item = (&Count, usize)> {
    let cells = |count| (0..Count::cells(count)).map(move |cell| (count, cell));
    tables.iter().flat_map(cells)
}

/// Returns the finest codes along every split in use.
fn codes(tables: &[&Count]) -> BTreeMap<Dimension, Vec<String>> {
    let mut codes: BTreeMap<Dimension, Vec<String>> = BTreeMap::new();
    for axis in tables.iter().flat_map(|count| &count.axes) {
        let known = codes.entry(axis.dimension).or_default();
        for code in &axis.codes {
            if !known.contains(code) {
                known.push(code.clone());
            }
        }
    }
    if codes.contains_key(&Dimension::Gender) {
        codes.remove(&Dimension::Gender3);
    }
    codes
}

/// Returns the parts of time that everything that adds up over time is made of.
fn parts(tables: &[&Count]) -> Vec<Period> {
    let mut periods: Vec<Period> = tables.iter().map(|count| count.period).collect();
    periods.sort_unstable();
    periods.dedup();
    if periods.len() == 1 {
        return periods;
    }
    let mut parts: Vec<Period> = periods
        .iter()
        .flat_map(|period| period.split(Grain::Quarter, 1))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}
