//! Persons who were in several places: they stand in none of them, and attended in each.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::Layout;
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
    let people = counts.filter(|count| count.measure == Measure::People);
    let cells = people.flat_map(|count| {
        let several = (0..count.cells()).filter(|cell| is_several(count, *cell));
        several.filter_map(|cell| layout.cell(count, cell))
    });
    let atoms = cells.flat_map(|form| form.terms().map(|(atom, _)| atom).collect::<Vec<_>>());
    atoms.collect()
}

/// Returns what follows of persons who were in several places along the only axis of a table: each
/// attended outside of any one place, and twice, unless it was at what itself stands in several.
pub(super) fn elsewhere(layout: &Layout, count: &Count) -> Vec<Form> {
    let [axis] = count.axes.as_slice() else {
        return Vec::new();
    };
    let several = axis.codes.iter().position(|code| code == SEVERAL);
    let Some(several) = several.filter(|_| count.measure == Measure::People) else {
        return Vec::new();
    };
    let attended = Count {
        measure: Measure::Attendances,
        ..count.clone()
    };
    let cells =
        (0..count.cells()).map(|cell| layout.cell(&attended, cell).zip(layout.cell(count, cell)));
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
    let named = cells.iter().zip(&axis.codes);
    let named = named.filter(|(_, code)| *code != SEVERAL && *code != OTHER);
    rows.extend(named.map(|(cell, _)| all.minus(&over(cell))));
    rows
}

pub(super) fn is_several(count: &Count, cell: usize) -> bool {
    table::codes_at(&count.axes, cell).contains(&SEVERAL)
}

/// Returns where those stand who were in a cell's place and in others along an axis.
pub(super) fn beside_several(count: &Count, cell: usize, axis: usize) -> Option<usize> {
    let mut codes = table::codes_at(&count.axes, cell);
    codes[axis] = SEVERAL;
    table::index_of(&count.axes, &codes)
}
