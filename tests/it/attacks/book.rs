//! A small book of who attended what, counted the plain way, and a member who publishes from it.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::charter::policy::{Floor, Of};
use counterfoil::disclosure::tables::{
    Case, Count, Layout, Protected, Said, Sheet, State, parts_by_place, protect,
};
use counterfoil::disclosure::{Limits, Microlp, Solver};
use counterfoil::model::dimension::{age2, gender3};
use counterfoil::model::{Axis, Cell, Dimension, Figure, Grain, Measure, Period, Tally, table};

use super::enumerate::Moment;

/// One person at one activity, or as many nameless heads as are said.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// 0 for heads without names.
    pub(crate) person: u32,
    pub(crate) heads: i64,
    pub(crate) activity: u32,
    pub(crate) quarter: Period,
    pub(crate) gender: &'static str,
    pub(crate) band: &'static str,
    pub(crate) country: &'static str,
    pub(crate) completed: bool,
}

impl Default for Visit {
    fn default() -> Self {
        Self {
            person: 0,
            heads: 1,
            activity: 1,
            quarter: period("2018Q1"),
            gender: "woman",
            band: "20-24",
            country: "TH",
            completed: false,
        }
    }
}

pub(crate) fn period(text: &str) -> Period {
    text.parse().expect("a period")
}

pub(crate) fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
    Axis {
        dimension,
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    }
}

pub(crate) fn count(measure: Measure, axes: &[Axis], when: &str) -> Count {
    Count {
        measure,
        signers: Of::Organisations,
        axes: axes.to_vec(),
        period: period(when),
    }
}

impl Visit {
    fn code(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Gender => self.gender,
            Dimension::Gender3 => gender3(self.gender),
            Dimension::AgeBand => self.band,
            Dimension::Age2 => age2(self.band),
            _ => self.country,
        }
    }

    pub(crate) fn cell(&self, axes: &[Axis]) -> Option<usize> {
        let code = |axis: &Axis| {
            let code = self.code(axis.dimension);
            let named = axis.codes.iter().find(|other| *other == code);
            let other = || axis.codes.iter().find(|other| *other == "other");
            named.or_else(other).cloned()
        };
        let codes: Option<Vec<String>> = axes.iter().map(code).collect();
        let codes = codes?;
        table::index_of(axes, &codes.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Where those stand who were in more than one place, and what takes place in more than one.
pub(crate) const SEVERAL: &str = "several";

/// Returns a period's visits, each with where it stands in a table: who was in more than one
/// country stands, as a person, in none of them.
fn standing(visits: &[Visit], count: &Count) -> Vec<(Visit, Visit)> {
    let then = visits
        .iter()
        .filter(|visit| count.period.covers(visit.quarter));
    let mut met: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for visit in then.clone().filter(|visit| visit.person > 0) {
        met.entry(visit.person).or_default().insert(visit.country);
    }
    let is_of_several = |person: u32| met.get(&person).is_some_and(|met| met.len() > 1);
    let stands = |visit: &Visit| {
        let mut stands = visit.clone();
        if count.measure == Measure::People && is_of_several(visit.person) {
            stands.country = SEVERAL;
        }
        (visit.clone(), stands)
    };
    then.map(stands).collect()
}

/// Returns the visits of those who stand in a cell of a table.
pub(crate) fn behind(visits: &[Visit], count: &Count, cell: usize) -> Vec<Visit> {
    let there = standing(visits, count).into_iter();
    let there = there.filter(|(_, stands)| stands.cell(&count.axes) == Some(cell));
    there.map(|(visit, _)| visit).collect()
}

/// Counts a table.
pub(crate) fn tally(visits: &[Visit], count: &Count) -> Vec<Tally> {
    let mut persons: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); count.cells()];
    let mut values = vec![0; count.cells()];
    let mut crowds: Vec<BTreeMap<u32, i64>> = vec![BTreeMap::new(); count.cells()];
    let mut activities: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); count.cells()];
    for (visit, stands) in standing(visits, count) {
        if let Some(place) = visit.cell(&count.axes) {
            activities[place].insert(visit.activity);
        }
        let counts = count.measure != Measure::Completions || visit.completed;
        let Some(cell) = stands.cell(&count.axes).filter(|_| counts) else {
            continue;
        };
        if visit.person == 0 {
            *crowds[cell].entry(visit.activity).or_default() += visit.heads;
        }
        let new = visit.person == 0 || persons[cell].insert(visit.person);
        if new || count.measure != Measure::People {
            values[cell] += visit.heads;
        }
    }
    (0..count.cells())
        .map(|cell| {
            let crowd = crowds[cell].values().copied().max().unwrap_or(0);
            Tally {
                value: Some(values[cell]),
                contributors: (persons[cell].len() as u64).max(crowd.unsigned_abs()),
                activities: u32::try_from(activities[cell].len()).expect("few"),
                ..Tally::default()
            }
        })
        .collect()
}

/// Returns the tables that readers put together: those that were made, and, since they may know
/// where something took place in any quarter, the same of it by country.
fn with_quarters<'s>(made: impl Iterator<Item = &'s Sheet>) -> Vec<Count> {
    let made: Vec<Count> = made.map(|sheet| sheet.count.clone()).collect();
    let mut all = made.clone();
    let is_by_country = |count: &&Count| count.dimensions().eq([Dimension::Country]);
    for year in made.iter().filter(is_by_country) {
        if made.iter().all(|other| other.period == year.period) {
            continue;
        }
        for quarter in year.period.split(Grain::Quarter, 1) {
            let count = Count {
                period: quarter,
                ..year.clone()
            };
            let mut then = made.iter().filter(|other| other.period == quarter);
            let is_counted = then.any(|other| other.measure == Measure::People);
            if (count.measure != Measure::People || is_counted) && !all.contains(&count) {
                all.push(count);
            }
        }
    }
    all
}

/// How many activities there are at most behind each cell, as everybody can read it.
fn activities(visits: &[Visit], count: &Count) -> Vec<Option<u32>> {
    let held = |cell| {
        let codes = table::codes_at(&count.axes, cell);
        let several = codes.iter().position(|code| *code == SEVERAL);
        let several = several.filter(|_| count.measure == Measure::People);
        u32::try_from(match several {
            Some(along) => held_between(visits, count, &codes, along),
            None => held_at(visits, count, &codes),
        })
    };
    (0..count.cells()).map(|cell| held(cell).ok()).collect()
}

/// How many activities took place where each cell of a table of persons is, where persons of
/// several places have a cell.
fn places(visits: &[Visit], count: &Count) -> Vec<Option<u32>> {
    let mut codes = count.axes.iter().flat_map(|axis| &axis.codes);
    if count.measure != Measure::People || !codes.any(|code| code == SEVERAL) {
        return Vec::new();
    }
    let held = |cell| held_at(visits, count, &table::codes_at(&count.axes, cell));
    let held = (0..count.cells()).map(held);
    held.map(|held| u32::try_from(held).ok()).collect()
}

/// How many activities there were in a place, whoever came.
fn held_at(visits: &[Visit], count: &Count, codes: &[&str]) -> usize {
    let places: Vec<usize> = (0..count.axes.len())
        .filter(|axis| !count.axes[*axis].dimension.describes_persons())
        .collect();
    let is_there = |visit: &&Visit| {
        let own = visit
            .cell(&count.axes)
            .map(|own| table::codes_at(&count.axes, own));
        own.is_some_and(|own| places.iter().all(|at| own[*at] == codes[*at]))
    };
    let then = visits
        .iter()
        .filter(|visit| count.period.covers(visit.quarter));
    let held: BTreeSet<u32> = then.filter(is_there).map(|visit| visit.activity).collect();
    held.len()
}

/// How many activities persons of several places can have come to: any at all, unless all took
/// place in one country, as far as the codes tell.
fn held_between(visits: &[Visit], count: &Count, codes: &[&str], along: usize) -> usize {
    let at = |code: &String| {
        let mut codes = codes.to_vec();
        codes[along] = code;
        held_at(visits, count, &codes)
    };
    let held = count.axes[along].codes.iter().map(|code| (code, at(code)));
    let held: Vec<(&String, usize)> = held.filter(|(_, held)| *held > 0).collect();
    match held.as_slice() {
        [(code, _)] if *code != SEVERAL && *code != "other" => 0,
        [(code, 1)] if *code == "other" => 0,
        held => held.iter().map(|(_, held)| held).sum(),
    }
}

/// A member that publishes from such a book and remembers what it said.
pub(crate) struct Member {
    pub(crate) floor: Floor,
    pub(crate) key: [u8; 32],
    pub(crate) visits: Vec<Visit>,
    /// Every table ever planned.
    pub(crate) plan: Vec<Count>,
    pub(crate) said: Vec<Said>,
    pub(crate) past: Vec<State>,
    /// What was so at each release.
    pub(crate) moments: Vec<Moment>,
    /// Tables that are planned no longer.
    pub(crate) dropped: Vec<Count>,
}

impl Member {
    pub(crate) fn new(floor: u32, visits: Vec<Visit>, plan: Vec<Count>) -> Self {
        Self {
            floor: Floor {
                min_cell: floor,
                hide_existence: true,
            },
            key: [7; 32],
            visits,
            plan,
            said: Vec::new(),
            past: Vec::new(),
            moments: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Returns the state of everything that hangs together with a period: whatever is planned, or
    /// was said, of it and of what a longer one holds beside it.
    pub(crate) fn state(&self, when: Period) -> State {
        let planned = self.plan.iter().filter(|c| !self.dropped.contains(c));
        let mut all: Vec<Count> = planned.cloned().collect();
        for said in &self.said {
            if !all.contains(&said.count) {
                all.push(said.count.clone());
            }
        }
        let periods: Vec<Period> = all.iter().map(|count| count.period).collect();
        let longer = |period: Period| {
            let mut longer = periods.iter().filter(|longer| longer.covers(when));
            when.covers(period) || longer.any(|longer| longer.covers(period))
        };
        all.retain(|count| longer(count.period));
        state(&self.visits, &all)
    }

    /// Drafts the tables of a period.
    pub(crate) fn draft(&self, when: &str, solver: &dyn Solver) -> (Vec<Count>, Protected) {
        let fresh: Vec<Count> = self
            .plan
            .iter()
            .filter(|count| count.period == period(when) && !self.dropped.contains(count))
            .cloned()
            .collect();
        let now = self.state(period(when));
        let past: Vec<State> = self
            .past
            .iter()
            .filter(|past| !past.is_within(&now))
            .cloned()
            .collect();
        let case = Case {
            floor: &self.floor,
            key: &self.key,
            now: &now,
            fresh: &fresh,
            said: &self.said,
            past: &past,
            limits: &Limits::default(),
            solver,
        };
        let protected = protect(&case, &mut |_, _| {});
        (fresh, protected)
    }

    /// Publishes the tables of a period, and returns what is shown of each.
    pub(crate) fn publish(&mut self, when: &str) -> Vec<Vec<Figure>> {
        let (fresh, protected) = self.draft(when, &Microlp);
        let state = self.state(period(when));
        self.moments.push(Moment {
            visits: self.visits.clone(),
            plan: with_quarters(state.sheets.iter().filter(|sheet| !sheet.id.is_empty())),
            floor: self.floor.clone(),
            said_before: self.said.len(),
        });
        let mut shown = Vec::new();
        for (count, verdict) in fresh.into_iter().zip(protected.verdicts) {
            shown.push(figures(&verdict.cells));
            let tallies = tally(&self.visits, &count);
            self.said.push(Said {
                count,
                cells: verdict.cells,
                was: tallies.iter().filter_map(|tally| tally.value).collect(),
            });
        }
        self.past.push(state);
        shown
    }
}

pub(crate) fn state(visits: &[Visit], plan: &[Count]) -> State {
    let planned = plan.iter();
    let unpublished = parts_by_place(planned.clone());
    let all = || planned.clone().chain(&unpublished);
    let layout = Layout::of(all()).expect("tables that fit together");
    let sheet = |count: &Count| Sheet {
        id: match plan.contains(count) {
            true => "planned".to_owned(),
            false => String::new(),
        },
        attributes: count
            .dimensions()
            .filter(|d| d.describes_persons())
            .collect(),
        tallies: tally(visits, count),
        activities: activities(visits, count),
        places: places(visits, count),
        count: count.clone(),
    };
    State {
        sheets: all().map(sheet).collect(),
        atoms: layout
            .wants()
            .into_iter()
            .map(|count| (count.clone(), tally(visits, &count)))
            .collect(),
    }
}

pub(crate) fn figures(cells: &[Cell]) -> Vec<Figure> {
    cells.iter().map(|cell| cell.figure).collect()
}
