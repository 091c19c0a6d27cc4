//! What was shown before of a series, of the shorter periods in it and of the longer ones around
//! it: everything a new release could be subtracted from.

use std::collections::BTreeMap;

use super::ReleaseError;
use super::draft::shown_by;
use super::ledger::{Entry, Ledger, Truth};
use crate::charter::Policy;
use crate::charter::policy::{Floor, TableSpec};
use crate::disclosure::given_away;
use crate::model::{Axis, Cell, Figure, Grain, Period, Series, Summary, Table, table};

/// Every release of a kind whose period lies in that of a series, or around it.
#[derive(Debug)]
pub(super) struct History<'a> {
    series: Series,
    policy: &'a Policy,
    /// Oldest first.
    vintages: BTreeMap<Series, Vec<Vintage<'a>>>,
}

#[derive(Debug)]
struct Vintage<'a> {
    entry: &'a Entry,
    summary: Summary,
}

impl<'a> History<'a> {
    pub(super) fn read(
        series: Series,
        policy: &'a Policy,
        ledger: Ledger<'_>,
        entries: &'a [Entry],
    ) -> Result<Self, ReleaseError> {
        let mut vintages: BTreeMap<Series, Vec<Vintage<'a>>> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.has_payload) {
            let other: Option<Series> = entry.series.as_deref().and_then(|s| s.parse().ok());
            let touches = |other: &Series| {
                other.kind == series.kind
                    && (other.period.covers(series.period) || series.period.covers(other.period))
            };
            if let Some(other) = other.filter(touches) {
                let summary = shown_by(ledger, entry)?;
                vintages
                    .entry(other)
                    .or_default()
                    .push(Vintage { entry, summary });
            }
        }
        Ok(Self {
            series,
            policy,
            vintages,
        })
    }

    /// Returns the newest release of the series itself.
    pub(super) fn newest(&self) -> Option<(&'a Entry, &Summary)> {
        let vintages = self.vintages.get(&self.series)?;
        let newest = vintages.last()?;
        Some((newest.entry, &newest.summary))
    }

    /// Returns every vintage of a table for a period, the newest last, cell for cell along `axes`.
    pub(super) fn shown(&self, spec: &TableSpec, axes: &[Axis], period: Period) -> Vec<Vec<Cell>> {
        self.of(period)
            .filter_map(|vintage| self.table(vintage, spec))
            .map(|shown| along(axes, shown, &shown.cells, NOTHING))
            .collect()
    }

    /// Returns whether a table was ever shown for a period of this grain in the series' own.
    pub(super) fn has_shown(&self, spec: &TableSpec, grain: Grain) -> bool {
        let shorter = self.vintages.iter().filter(|(other, _)| {
            other.period.grain() == grain && self.series.period.covers(other.period)
        });
        shorter
            .flat_map(|(_, vintages)| vintages)
            .any(|vintage| self.table(vintage, spec).is_some())
    }

    /// Returns what longer periods that were shown gave away of this series' table, and whether
    /// one was shown exactly without regard to it.
    pub(super) fn implied(
        &self,
        spec: &TableSpec,
        axes: &[Axis],
        floor: &Floor,
    ) -> (Vec<Vec<Figure>>, bool) {
        let mut implied = Vec::new();
        let mut overlooked = false;
        let longer = self.vintages.iter().filter(|(other, _)| {
            other.period != self.series.period && other.period.covers(self.series.period)
        });
        for vintage in longer.flat_map(|(_, vintages)| vintages) {
            let Some(shown) = self.table(vintage, spec) else {
                continue;
            };
            if shown.cells.iter().all(|cell| cell.figure == Figure::Absent) {
                continue;
            }
            let truth = vintage.entry.truths.iter().find(|truth| is_of(truth, spec));
            let parts = truth.iter().flat_map(|truth| &truth.parts);
            let mut own = parts.filter(|(period, _)| *period == self.series.period);
            match own.next() {
                Some((_, tallies)) => {
                    let figures: Vec<Figure> = tallies
                        .iter()
                        .map(|tally| given_away(tally, floor))
                        .collect();
                    implied.push(along(axes, shown, &figures, Figure::Absent));
                }
                None => {
                    overlooked |= shown.cells.iter().any(|cell| cell.figure.value().is_some());
                }
            }
        }
        (implied, overlooked)
    }

    /// Returns the longer periods for which a table was shown exactly.
    pub(super) fn longer(&self, spec: &TableSpec) -> Vec<Period> {
        let exact = |vintage: &Vintage<'_>| {
            let mut cells = self.table(vintage, spec).into_iter().flat_map(|t| &t.cells);
            cells.any(|cell| cell.figure.value().is_some())
        };
        let longer = self.vintages.iter().filter(|(other, vintages)| {
            other.period != self.series.period
                && other.period.covers(self.series.period)
                && vintages.iter().any(exact)
        });
        longer.map(|(other, _)| other.period).collect()
    }

    fn of(&self, period: Period) -> impl Iterator<Item = &Vintage<'a>> {
        let series = Series {
            kind: self.series.kind,
            period,
        };
        self.vintages.get(&series).into_iter().flatten()
    }

    /// Returns what a release showed of a table: by what it counts and is split by, whatever the
    /// plan of that time called it.
    fn table<'v>(&self, vintage: &'v Vintage<'_>, spec: &TableSpec) -> Option<&'v Table> {
        let alike = |table: &&Table| {
            table.measure == spec.measure
                && table
                    .axes
                    .iter()
                    .map(|axis| axis.dimension)
                    .eq(spec.by.iter().copied())
        };
        let is_public = |table: &Table| {
            let mut plan = self.policy.table.iter();
            plan.any(|other| !other.personal && other.id == table.id)
        };
        let tables = || vintage.summary.tables.iter().filter(alike);
        tables()
            .find(|table| table.id == spec.id)
            .or_else(|| tables().find(|table| !is_public(table)))
    }
}

const NOTHING: Cell = Cell {
    figure: Figure::Absent,
    uncounted: 0,
};

/// Returns what stands behind a personal table of this measure and split.
pub(super) fn is_of(truth: &Truth, spec: &TableSpec) -> bool {
    truth.measure == spec.measure && truth.by == spec.by
}

/// Lays what stood along a table's axes along others, code for code.
fn along<T: Copy>(axes: &[Axis], shown: &Table, values: &[T], missing: T) -> Vec<T> {
    if shown.axes == axes {
        return values.to_vec();
    }
    (0..table::cell_count(axes))
        .map(|at| {
            let codes = table::codes_at(axes, at);
            let before = table::index_of(&shown.axes, &codes);
            before
                .and_then(|at| values.get(at).copied())
                .unwrap_or(missing)
        })
        .collect()
}
