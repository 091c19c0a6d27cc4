//! A table as everybody can read it, with what everybody can read of the activities behind it.

use super::count::{Count, Said};
use super::places::by_place;
use super::venues::Venues;
use crate::charter::Policy;
use crate::charter::policy::{Floor, Of, TableSpec};
use crate::model::{Axis, Cell, Dimension, Figure, Period, Series, Table, table};

/// Beyond this a figure is no count of persons, and nothing is concluded from it.
const MOST: i64 = 1 << 40;

/// A published table that counts persons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The plan's identifier.
    pub id: String,
    /// What was counted, and what was said of it.
    pub said: Said,
    /// The dimensions among its axes that describe persons.
    pub attributes: Vec<Dimension>,
    /// Most activities that stand behind each cell, where other tables tell.
    pub activities: Vec<Option<u32>>,
    /// The floor it was published under.
    pub floor: Floor,
}

impl Shown {
    /// Finds the tables that count persons, or that the policy calls personal, among those of one
    /// summary. Those whose cells do not fill their axes are left out.
    pub fn of(series: Series, tables: &[Table], policy: &Policy) -> Vec<Self> {
        let spec = |table: &Table| {
            let mut specs = policy.table.iter();
            specs.find(|spec| spec.kind == series.kind && spec.id == table.id)
        };
        let venues = Venues::of(series, tables);
        let whole = |table: &&Table| table.cells.len() == table::cell_count(&table.axes);
        let personal = tables.iter().filter(whole).filter_map(|table| {
            let spec = spec(table);
            let personal = table.measure.counts_persons() || spec.is_some_and(|s| s.personal);
            personal.then(|| Self::read(series.period, table, spec, &venues, &policy.disclosure))
        });
        personal.collect()
    }

    fn read(
        period: Period,
        table: &Table,
        spec: Option<&TableSpec>,
        venues: &[Venues],
        floor: &Floor,
    ) -> Self {
        let count = Count {
            measure: table.measure,
            signers: spec.and_then(|spec| spec.of).unwrap_or(Of::Organisations),
            axes: table.axes.clone(),
            period,
        };
        let attributes = match spec {
            Some(spec) => spec.attributes.clone(),
            None => {
                let persons = count.dimensions().filter(|d| d.describes_persons());
                persons.collect()
            }
        };
        Self {
            id: table.id.clone(),
            attributes,
            activities: activities(&count, venues),
            said: Said {
                count,
                cells: table.cells.iter().map(plausible).collect(),
                was: Vec::new(),
            },
            floor: floor.clone(),
        }
    }
}

/// Returns a cell as it was said, or as not said where what it says cannot be.
fn plausible(cell: &Cell) -> Cell {
    let (lower, upper) = (cell.figure.lower(), cell.figure.upper());
    let can_be = lower >= 0 && upper.is_none_or(|upper| (lower..=MOST).contains(&upper));
    Cell {
        figure: if can_be { cell.figure } else { Figure::Absent },
        ..*cell
    }
}

/// Returns the most activities behind each cell, by the tables of activities beside it.
fn activities(count: &Count, beside: &[Venues]) -> Vec<Option<u32>> {
    let places = by_place(count);
    let find = |by: &[Axis]| beside.iter().find(|venues| venues.is_by(by));
    match find(&places).or_else(|| find(&[])) {
        Some(venues) => venues.behind().most(count),
        None => vec![None; count.cells()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Measure;

    fn table(id: &str, measure: Measure, axes: Vec<Axis>, figures: &[Figure]) -> Table {
        let cell = |figure: &Figure| Cell {
            figure: *figure,
            uncounted: 0,
        };
        Table {
            id: id.to_owned(),
            measure,
            axes,
            cells: figures.iter().map(cell).collect(),
        }
    }

    #[test]
    fn what_counts_persons_is_read_with_the_activities_behind_it() {
        let countries = || {
            vec![Axis {
                dimension: Dimension::Country,
                codes: ["TH", "VN"].map(str::to_owned).to_vec(),
            }]
        };
        let tables = [
            table("a", Measure::Activities, vec![], &[Figure::Exact(3)]),
            table("j", Measure::ActivitiesJoined, vec![], &[Figure::Exact(0)]),
            table(
                "c",
                Measure::Activities,
                countries(),
                &[Figure::Exact(3), Figure::Exact(0)],
            ),
            table("t", Measure::Attendances, vec![], &[Figure::Exact(-4)]),
            table(
                "p",
                Measure::People,
                countries(),
                &[Figure::Exact(30), Figure::Exact(0)],
            ),
            table("short", Measure::People, countries(), &[Figure::Absent]),
        ];
        let series = "training/2018".parse().expect("a series");
        let shown = Shown::of(series, &tables, &Policy::default_plan());
        let ids: Vec<&str> = shown.iter().map(|shown| shown.id.as_str()).collect();
        assert_eq!(ids, ["t", "p"]);
        assert_eq!(shown[0].said.cells[0].figure, Figure::Absent);
        assert_eq!(shown[0].activities, [Some(3)]);
        assert_eq!(shown[1].activities, [Some(3), Some(0)]);
    }
}
