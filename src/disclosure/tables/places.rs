//! Where activities take place in each part of a longer time: readers may know it.
//!
//! Tables of activities by region and quarter say where a country's year was, and what is held in
//! public is seen. So tables by place stand beside their parts in time, which nobody publishes: as
//! many came to nothing as there was nothing to come to, and how many came where and when is no
//! less a secret than over the whole time.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::{VISITS, times};
use crate::model::measure::Adds;
use crate::model::{Axis, Measure, Period};

/// Returns the tables by place, in each part of time that some tables are made of, that are not
/// among these themselves.
pub fn parts_by_place<'c>(counts: impl Iterator<Item = &'c Count> + Clone) -> Vec<Count> {
    let visits: Vec<&Count> = counts
        .filter(|count| VISITS.contains(&count.measure))
        .collect();
    let mut parts = BTreeSet::new();
    for whole in &visits {
        let axes = by_place(whole);
        let alike = visits.iter().filter(|count| count.signers == whole.signers);
        let alike: Vec<&Count> = alike.copied().collect();
        let within = times(&alike).into_iter().filter(|time| {
            let is_part = whole.period != *time && whole.period.covers(*time);
            is_part && is_counted(whole.measure, &alike, *time)
        });
        parts.extend(within.filter(|_| !axes.is_empty()).map(|period| Count {
            axes: axes.clone(),
            period,
            ..(*whole).clone()
        }));
    }
    parts.retain(|part| !visits.contains(&part));
    parts.into_iter().collect()
}

/// Returns what a table is split by that says where, or what, an activity is.
pub(super) fn by_place(count: &Count) -> Vec<Axis> {
    let axes = count.axes.iter();
    let axes = axes.filter(|axis| !axis.dimension.describes_persons());
    axes.cloned().collect()
}

/// Returns whether a measure is counted in a part of time: what adds up is, wherever it is counted
/// at all.
fn is_counted(measure: Measure, tables: &[&Count], time: Period) -> bool {
    let mut tables = tables.iter();
    measure.adds() == Adds::Additive
        || tables.any(|count| (count.measure, count.period) == (measure, time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::policy::Of;
    use crate::model::Dimension;

    fn count(measure: Measure, by: &[Dimension], period: &str) -> Count {
        let axis = |dimension: &Dimension| Axis {
            dimension: *dimension,
            codes: ["a", "b"].map(str::to_owned).to_vec(),
        };
        Count {
            measure,
            signers: Of::Organisations,
            axes: by.iter().map(axis).collect(),
            period: period.parse().expect("a period"),
        }
    }

    #[test]
    fn a_year_by_country_has_quarters_by_country_where_quarters_are_counted() {
        let country = Dimension::Country;
        let tables = [
            count(Measure::Attendances, &[], "2018Q2"),
            count(Measure::Attendances, &[Dimension::Gender3], "2018"),
            count(Measure::Attendances, &[country, Dimension::Gender3], "2018"),
            count(Measure::People, &[country], "2018"),
            count(Measure::People, &[], "2018Q2"),
        ];
        let attended = |period| count(Measure::Attendances, &[country], period);
        let parts = parts_by_place(tables.iter());
        let quarters = ["2018Q1", "2018Q2", "2018Q3", "2018Q4"].map(attended);
        let people = count(Measure::People, &[country], "2018Q2");
        assert_eq!(parts, [&quarters[..], &[people]].concat());
        assert_eq!(parts_by_place(tables[1..4].iter()), []);
        let published = [attended("2018"), attended("2018Q1"), attended("2018Q2")];
        assert_eq!(parts_by_place(published.iter()), quarters[2..]);
    }
}
