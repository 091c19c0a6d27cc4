//! The true tables of a series, and of every period that hangs together with it, counted in one
//! pass over the records.

use std::collections::{BTreeMap, BTreeSet};

use super::ReleaseError;
use super::draft::Terms;
use super::history::History;
use super::sent::Marks;
use crate::charter::policy::{Of, TableSpec};
use crate::disclosure::tables::{Behind, Count, Layout, Sheet, State, parts_by_place};
use crate::model::{Axis, Dimension, Grain, Kind, Measure, Period, Series, Tally};
use crate::record::tabulate::{Counting, TableRequest};
use crate::record::{Book, Record, each};

/// The true tables of one series.
pub(super) struct Sheets<'a> {
    pub(super) series: Series,
    pub(super) marks: Marks,
    /// The plan's tables for the series, in order.
    pub(super) tables: Vec<TrueTable<'a>>,
    /// The personal ones, with those of other periods and plans, and the atoms under them.
    pub(super) state: State,
    /// Whether persons behind these tables were let go, so that nobody can count them again.
    pub(super) is_let_go: bool,
}

/// A table of the plan.
pub(super) struct TrueTable<'a> {
    pub(super) spec: &'a TableSpec,
    pub(super) axes: Vec<Axis>,
    pub(super) tallies: Vec<Tally>,
    /// What is counted, where it counts persons.
    pub(super) personal: Option<Count>,
}

/// A personal table to be counted: what the plan calls it, what describes persons in it.
struct Personal {
    id: String,
    attributes: Vec<Dimension>,
    count: Count,
    activities: Option<Activities>,
}

/// The tables everybody can read the activities behind a personal table's cells from.
struct Activities {
    own: Count,
    joined: Option<Count>,
}

impl<'a> Sheets<'a> {
    pub(super) fn fill(
        terms: &Terms<'a>,
        series: Series,
        book: &dyn Book,
        history: &History<'_>,
    ) -> Result<Self, ReleaseError> {
        let specs: Vec<&TableSpec> = terms
            .policy
            .tables(series.kind, series.period.grain(), terms.size)
            .collect();
        let plan: Vec<(&TableSpec, Count)> = specs
            .iter()
            .map(|spec| (*spec, count_of(terms, spec, series.period)))
            .collect();
        let personal = personal(terms, series, history);
        let mut wanted: Vec<Count> = plan.iter().map(|(_, count)| count.clone()).collect();
        wanted.extend(personal.iter().map(|table| table.count.clone()));
        for activities in personal
            .iter()
            .filter_map(|table| table.activities.as_ref())
        {
            wanted.push(activities.own.clone());
            wanted.extend(activities.joined.clone());
        }
        // What cannot be laid out is withheld, and needs no atoms.
        let layout = Layout::of(personal.iter().map(|table| &table.count));
        let atoms = layout.map_or_else(|_| Vec::new(), |layout| layout.wants());
        wanted.extend(atoms.iter().cloned());

        let mut marks = Marks::default();
        let periods: BTreeSet<Period> = wanted.iter().map(|count| count.period).collect();
        let mut is_let_go = false;
        let counted = tabulate(terms, series, wanted, book, &mut |record| {
            marks.take(series, record);
            let start = record.start().filter(|_| record.let_go > 0);
            is_let_go |= start.is_some_and(|day| periods.iter().any(|of| of.contains(day)));
        })?;
        let tallies = |count: &Count| counted.get(count).cloned().unwrap_or_default();
        let tables = plan.into_iter().map(|(spec, count)| TrueTable {
            spec,
            axes: count.axes.clone(),
            tallies: tallies(&count),
            personal: spec.personal.then_some(count),
        });
        let tables = tables.collect();
        let sheets = personal.into_iter().map(|table| table.sheet(&counted));
        let state = State {
            sheets: sheets.collect(),
            atoms: atoms
                .into_iter()
                .map(|count| (count.clone(), tallies(&count)))
                .collect(),
        };
        Ok(Self {
            series,
            marks,
            tables,
            state,
            is_let_go,
        })
    }

    /// Returns the personal tables to be shown, in the plan's order.
    pub(super) fn fresh(&self) -> Vec<Count> {
        self.tables
            .iter()
            .filter_map(|table| table.personal.clone())
            .collect()
    }

    /// Returns whether nothing of this kind is in the period's tables.
    pub(super) fn is_blank(&self) -> bool {
        let blank = |tally: &Tally| tally.activities == 0 && tally.value.unwrap_or(0) == 0;
        self.tables
            .iter()
            .all(|table| table.tallies.iter().all(blank))
    }
}

/// Counts everything in one pass.
fn tabulate(
    terms: &Terms<'_>,
    series: Series,
    mut wanted: Vec<Count>,
    book: &dyn Book,
    look: &mut dyn FnMut(&Record),
) -> Result<BTreeMap<Count, Vec<Tally>>, ReleaseError> {
    wanted.sort_unstable();
    wanted.dedup();
    let mut countings: Vec<Counting<'_>> = wanted
        .iter()
        .map(|count| Counting::new(request(series.kind, count), terms.member))
        .collect();
    each(book, series.kind, &mut |record| {
        look(&record);
        countings
            .iter_mut()
            .for_each(|counting| counting.add(&record));
        Ok(())
    })?;
    let counted: Vec<Vec<Tally>> = countings.into_iter().map(Counting::finish).collect();
    Ok(wanted.into_iter().zip(counted).collect())
}

fn request(kind: Kind, count: &Count) -> TableRequest<'_> {
    TableRequest {
        kind,
        measure: count.measure,
        axes: &count.axes,
        period: count.period,
        signers: count.signers,
    }
}

fn count_of(terms: &Terms<'_>, spec: &TableSpec, period: Period) -> Count {
    Count {
        measure: spec.measure,
        signers: spec.of.unwrap_or(Of::Organisations),
        axes: terms.policy.axes(spec, terms.countries),
        period,
    }
}

/// Returns every personal table that hangs together with a release: the plan's for the period, for
/// the longer ones around it and for all shorter ones in these, and whatever was shown of any.
fn personal(terms: &Terms<'_>, series: Series, history: &History<'_>) -> Vec<Personal> {
    let fy_month = terms.policy.fy_month();
    let mut periods = vec![series.period];
    for grain in Grain::ALL.iter().copied() {
        let mut planned = terms.policy.tables(series.kind, grain, terms.size);
        let around = Period::holding(series.period.first_day(), grain, fy_month);
        let is_longer = grain > series.period.grain() && around.covers(series.period);
        if is_longer && planned.any(|spec| spec.personal) {
            periods.push(around);
        }
    }
    periods.extend(history.longer());
    let shorter = |period: &Period| {
        let shorter = Grain::ALL.iter().filter(|grain| **grain < period.grain());
        shorter
            .flat_map(|grain| period.split(*grain, fy_month))
            .collect::<Vec<_>>()
    };
    let within: Vec<Period> = periods.iter().flat_map(shorter).collect();
    periods.extend(within);
    periods.sort_unstable();
    periods.dedup();
    // The period's own tables come first, and so each of them has the name the plan gives it.
    periods.sort_by_key(|period| *period != series.period);

    let mut tables: Vec<Personal> = Vec::new();
    for period in periods {
        let specs = terms.policy.tables(series.kind, period.grain(), terms.size);
        for spec in specs.filter(|spec| spec.personal) {
            let count = count_of(terms, spec, period);
            add(
                &mut tables,
                terms,
                series.kind,
                &spec.id,
                &spec.attributes,
                count,
            );
        }
    }
    for said in history.said() {
        let persons = said.count.dimensions().filter(|d| d.describes_persons());
        let persons: Vec<Dimension> = persons.collect();
        add(
            &mut tables,
            terms,
            series.kind,
            "",
            &persons,
            said.count.clone(),
        );
    }
    let parts = parts_by_place(tables.iter().map(|table| &table.count));
    tables.extend(
        parts
            .into_iter()
            .map(|part| Personal::unpublished(series.kind, part)),
    );
    tables
}

fn add(
    tables: &mut Vec<Personal>,
    terms: &Terms<'_>,
    kind: Kind,
    id: &str,
    attributes: &[Dimension],
    count: Count,
) {
    if tables.iter().any(|table| table.count == count) {
        return;
    }
    tables.push(Personal {
        id: id.to_owned(),
        attributes: attributes.to_vec(),
        activities: Activities::behind(terms, kind, &count),
        count,
    });
}

impl Personal {
    /// A table nobody publishes: readers may know where its activities took place all the same.
    fn unpublished(kind: Kind, count: Count) -> Self {
        let activities = |measure, axes| Count {
            measure,
            axes,
            ..count.clone()
        };
        let joined = || activities(Measure::ActivitiesJoined, Vec::new());
        Self {
            id: String::new(),
            attributes: Vec::new(),
            activities: Some(Activities {
                own: activities(Measure::Activities, count.axes.clone()),
                joined: Measure::ActivitiesJoined.belongs_to(kind).then(joined),
            }),
            count,
        }
    }

    fn sheet(self, counted: &BTreeMap<Count, Vec<Tally>>) -> Sheet {
        let tallies = counted.get(&self.count).cloned().unwrap_or_default();
        let behind = self
            .activities
            .as_ref()
            .map(|tables| tables.counted(counted));
        Sheet {
            id: self.id,
            attributes: self.attributes,
            activities: match &behind {
                Some(behind) => behind.most(&self.count),
                None => vec![None; tallies.len()],
            },
            places: behind.map_or_else(Vec::new, |behind| behind.places(&self.count)),
            count: self.count,
            tallies,
        }
    }
}

impl Activities {
    /// Finds the plan's tables of activities that speak of a personal table's cells: the one with
    /// the same places, or else the total.
    fn behind(terms: &Terms<'_>, kind: Kind, count: &Count) -> Option<Self> {
        let grain = count.period.grain();
        let places: Vec<Dimension> = count
            .dimensions()
            .filter(|d| !d.describes_persons())
            .collect();
        let find = |measure: Measure, by: &[Dimension]| {
            let mut specs = terms.policy.tables(kind, grain, terms.size);
            specs
                .find(|spec| !spec.personal && spec.measure == measure && spec.by == by)
                .map(|spec| count_of(terms, spec, count.period))
        };
        let own = find(Measure::Activities, &places).or_else(|| find(Measure::Activities, &[]))?;
        let joined = find(Measure::ActivitiesJoined, &[]);
        // A kind that is never led by another has nothing joined; any other may hide something.
        if joined.is_none() && Measure::ActivitiesJoined.belongs_to(kind) {
            return None;
        }
        Some(Self { own, joined })
    }

    fn counted(&self, counted: &BTreeMap<Count, Vec<Tally>>) -> Behind<'_> {
        let of = |count: &Count, at: usize| {
            let value = counted.get(count)?.get(at)?.value?;
            u32::try_from(value).ok()
        };
        Behind {
            axes: &self.own.axes,
            cells: (0..self.own.cells()).map(|at| of(&self.own, at)).collect(),
            joined: match &self.joined {
                Some(joined) => of(joined, 0),
                None => Some(0),
            },
        }
    }
}
