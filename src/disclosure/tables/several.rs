//! Persons who were in several places: they stand in none of them, and attended in each.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::{Layout, VISITS};
use crate::disclosure::Form;
use crate::model::{Measure, table};

/// Where what is in more than one place stands.
pub(super) const SEVERAL: &str = "several";
/// Where what is in no place of the list stands, together.
pub(super) const OTHER: &str = "other";

/// Returns the atoms of persons who were in several places: these attended in each, and stand in
/// none of them.
pub(super) fn between_places<'s>(
    layout: &Layout,
    counts: impl Iterator<Item = &'s Count>,
) -> BTreeSet<usize> {
    let visits = counts.filter(|count| VISITS.contains(&count.measure));
    let cells = visits.flat_map(|count| {
        let is_several = |cell: &usize| several_along(count, *cell).next().is_some();
        let several = (0..count.cells()).filter(is_several);
        several.filter_map(|cell| layout.cell(&count.of(Measure::People), cell))
    });
    let atoms = cells.flat_map(|form| form.terms().map(|(atom, _)| atom).collect::<Vec<_>>());
    atoms.collect()
}

/// Returns what follows of persons who were in several places along the only axis of a table, given
/// the most activities behind its cells: each attended outside of any one place, and twice, unless
/// it was at what itself stands in several.
pub(super) fn elsewhere(layout: &Layout, count: &Count, most: &[Option<u32>]) -> Vec<Form> {
    let [axis] = count.axes.as_slice() else {
        return Vec::new();
    };
    let several = axis.codes.iter().position(|code| code == SEVERAL);
    let Some(several) = several.filter(|_| VISITS.contains(&count.measure)) else {
        return Vec::new();
    };
    let form = |measure, cell| layout.cell(&count.of(measure), cell);
    let cells = (0..count.cells())
        .map(|cell| form(Measure::Attendances, cell).zip(form(Measure::People, cell)));
    let Some(cells) = cells.collect::<Option<Vec<(Form, Form)>>>() else {
        return Vec::new();
    };
    let over = |(attended, people): &(Form, Form)| attended.minus(people);
    let all = cells
        .iter()
        .map(over)
        .fold(Form::default(), |sum, over| sum.plus(&over));
    let (at_several, in_several) = &cells[several];
    let mut rows = vec![all.plus(at_several).minus(in_several)];
    // What no code names is one place where one activity took place.
    let is_one_place = |at: usize| match axis.codes[at].as_str() {
        SEVERAL => false,
        OTHER => matches!(most.get(at), Some(Some(..=1))),
        _ => true,
    };
    let places = (0..cells.len()).filter(|at| is_one_place(*at));
    rows.extend(places.map(|at| all.minus(&over(&cells[at]))));
    rows
}

/// Returns the axes along which a cell is of several places.
pub(super) fn several_along(count: &Count, cell: usize) -> impl Iterator<Item = usize> {
    let codes = table::codes_at(&count.axes, cell);
    let along = codes.into_iter().enumerate();
    along
        .filter(|(_, code)| *code == SEVERAL)
        .map(|(axis, _)| axis)
}

/// Returns where those stand who were in a cell's place and in others along an axis.
pub(super) fn beside_several(count: &Count, cell: usize, axis: usize) -> Option<usize> {
    let mut codes = table::codes_at(&count.axes, cell);
    codes[axis] = SEVERAL;
    table::index_of(&count.axes, &codes)
}
