//! How many activities took place where, as published tables of activities tell.

use super::behind::Behind;
use crate::model::{Axis, Cell, Measure, Period, Series, Table, table};

/// A published table of activities, with all that were joined in its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venues {
    /// The time.
    pub period: Period,
    /// What it is split by.
    pub axes: Vec<Axis>,
    /// How many took place in each of its cells; unset where that is not known.
    pub cells: Vec<Option<u32>>,
    /// How many were joined.
    pub joined: Option<u32>,
}

impl Venues {
    /// Finds them among the tables of one summary.
    pub fn of(series: Series, tables: &[Table]) -> Vec<Self> {
        let joined = tables
            .iter()
            .find(|table| table.measure == Measure::ActivitiesJoined && table.axes.is_empty());
        let joined = match joined {
            Some(joined) => value(joined.cells.first()),
            // A kind that is never led by another has nothing joined.
            None => (!Measure::ActivitiesJoined.belongs_to(series.kind)).then_some(0),
        };
        let is_whole = |table: &&Table| {
            table.measure == Measure::Activities
                && table.cells.len() == table::cell_count(&table.axes)
        };
        let venues = tables.iter().filter(is_whole).map(|table| Self {
            period: series.period,
            axes: table.axes.clone(),
            cells: table.cells.iter().map(|cell| value(Some(cell))).collect(),
            joined,
        });
        venues.collect()
    }

    /// Returns whether it is split along just these, whatever their codes.
    pub(super) fn is_by(&self, axes: &[Axis]) -> bool {
        let along = |axes: &[Axis]| axes.iter().map(|axis| axis.dimension).collect::<Vec<_>>();
        along(&self.axes) == along(axes)
    }

    /// Returns it as what stands behind other tables.
    pub(super) fn behind(&self) -> Behind<'_> {
        Behind {
            axes: &self.axes,
            cells: self.cells.clone(),
            joined: self.joined,
        }
    }
}

fn value(cell: Option<&Cell>) -> Option<u32> {
    u32::try_from(cell?.figure.value()?).ok()
}
