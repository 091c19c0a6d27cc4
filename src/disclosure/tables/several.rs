//! Persons who were in several places: they stand in none of them, and attended in each.

use std::collections::BTreeSet;

use super::count::Count;
use super::layout::{Body, Layout, VISITS};
use crate::disclosure::Form;
use crate::model::{Axis, Grain, Measure, Period, table};

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
    // What no code names is one place where one activity took place.
    let is_one_place = |at: &usize| match axis.codes[*at].as_str() {
        SEVERAL => false,
        OTHER => matches!(most.get(*at), Some(Some(..=1))),
        _ => true,
    };
    let places = (0..cells.len()).filter(is_one_place);
    met_elsewhere(&cells, several, places.map(|at| vec![at]))
}

/// Returns what follows of persons of several places, given how often anybody was met in each place
/// and who stands there: each was met twice, and outside of any one place; or in several at once.
fn met_elsewhere(
    cells: &[(Form, Form)],
    several: usize,
    places: impl Iterator<Item = Vec<usize>>,
) -> Vec<Form> {
    let over: Vec<Form> = (cells.iter().map(|(met, people)| met.minus(people))).collect();
    let outside = |place: &[usize]| {
        let outside = (0..over.len()).filter(|at| !place.contains(at));
        outside.fold(Form::default(), |sum, at| sum.plus(&over[at]))
    };
    let twice = outside(&[]).plus(&over[several]);
    let places = places.map(|place| outside(&place));
    std::iter::once(twice).chain(places).collect()
}

/// What tables tell of the most activities behind their cells.
type Told<'s> = (&'s Count, &'s [Option<u32>]);

/// Returns what follows of persons by place in parts of a longer time: who was in one place in a
/// part of it stands there, or in several; and where anybody stands is where they stood in parts.
pub(super) fn over_time<'s>(
    layout: &Layout,
    tables: impl Iterator<Item = Told<'s>> + Clone,
) -> BTreeSet<Form> {
    let people = |body: &&Body| body.measure == Measure::People;
    let bodies = layout.bodies().iter().filter(people);
    let times = bodies.filter_map(|body| Some((body, body.only?)));
    let wholes = times.flat_map(|(body, period)| {
        let axes = body.axes().into_iter();
        axes.map(move |axis| (body, axis, period))
    });
    let rows = wholes.flat_map(|(body, axis, period)| {
        let grains = Grain::ALL
            .iter()
            .filter(move |grain| **grain < period.grain());
        let tables = tables.clone();
        grains.flat_map(move |grain| {
            let parts = period.split(*grain, 1);
            in_parts(layout, (body, axis, period), &parts, tables.clone())
        })
    });
    rows.collect()
}

/// Returns the same of one longer time along one axis, and of parts of it that make up the whole.
fn in_parts<'s>(
    layout: &Layout,
    (body, axis, period): (&Body, &Axis, Period),
    parts: &[Period],
    tables: impl Iterator<Item = Told<'s>> + Clone,
) -> Vec<Form> {
    let several = axis.codes.iter().position(|code| code == SEVERAL);
    let forms = |period| layout.forms(&body.along(axis, period));
    let Some((several, people)) = several.zip(forms(period)) else {
        return Vec::new();
    };
    let stood = parts.iter().map(|part| {
        let nobody = || vec![Form::default(); people.len()];
        forms(*part).or_else(|| nothing_took_place(*part, tables.clone()).then(nobody))
    });
    let stood: Vec<Option<Vec<Form>>> = stood.collect();
    let told = stood.iter().flatten();
    let mut rows: Vec<Form> = told
        .flat_map(|part| still_there(&people, part, several))
        .collect();
    let Some(stood) = stood.into_iter().collect::<Option<Vec<_>>>() else {
        return rows;
    };
    let met = |at: usize| {
        let parts = stood.iter().map(|part| &part[at]);
        parts.fold(Form::default(), |sum, part| sum.plus(part))
    };
    let cells: Vec<(Form, Form)> = (0..).map(met).zip(people).collect();
    let there = (0..cells.len()).filter(|at| *at != several);
    rows.extend(there.map(|at| cells[at].0.minus(&cells[at].1)));
    let places = single_places(axis, period, tables);
    rows.extend(met_elsewhere(&cells, several, places.into_iter()));
    rows
}

fn still_there(whole: &[Form], part: &[Form], several: usize) -> Vec<Form> {
    let still = |at: usize| match at == several {
        true => whole[at].minus(&part[at]),
        false => whole[at].plus(&whole[several]).minus(&part[at]),
    };
    (0..whole.len()).map(still).collect()
}

/// Returns whether everybody knows that nothing was held in some time.
fn nothing_took_place<'s>(period: Period, mut tables: impl Iterator<Item = Told<'s>>) -> bool {
    tables.any(|(count, most)| {
        let is_all = count.period.covers(period) && VISITS.contains(&count.measure);
        is_all && most.len() == count.cells() && most.iter().all(|most| *most == Some(0))
    })
}

/// Returns the codes that are one place at most: each that is named, and all that no code of a
/// table names where one activity took place among them.
fn single_places<'s>(
    axis: &Axis,
    period: Period,
    tables: impl Iterator<Item = Told<'s>>,
) -> BTreeSet<Vec<usize>> {
    let is_named = |at: &usize| axis.codes[*at] != SEVERAL && axis.codes[*at] != OTHER;
    let named = (0..axis.codes.len()).filter(is_named).map(|at| vec![at]);
    let others = tables.filter_map(|(count, most)| {
        let [along] = count.axes.as_slice() else {
            return None;
        };
        let is_like = count.period == period && along.dimension == axis.dimension;
        let other = along.codes.iter().position(|code| code == OTHER)?;
        let is_one = matches!(most.get(other), Some(Some(..=1)));
        let is_other = |at: &usize| {
            let code = &axis.codes[*at];
            code == OTHER || !along.codes.contains(code)
        };
        let place = (0..axis.codes.len()).filter(is_other);
        (is_like && is_one).then(|| place.collect())
    });
    named.chain(others).collect()
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
