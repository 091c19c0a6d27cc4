//! How little something differs from what others' figures imply of it at another time.

use std::collections::BTreeMap;

use super::outside::{Known, whole_bounds};
use super::sensitive::{Sensitive, change_beyond};
use super::why::Why;
use super::world::World;
use crate::disclosure::{Form, Functional, Limits, Model, Solver};

/// Returns for each world what tells that a cell differs by less than `k` from what it must have
/// been in another, by what was said of others.
pub(super) fn small_changes(
    worlds: &[World<'_>],
    k: i64,
    limits: &Limits,
    solver: &dyn Solver,
) -> Vec<Vec<Sensitive>> {
    let mut found = vec![Vec::new(); worlds.len()];
    for (nth, other) in worlds.iter().enumerate() {
        let apart = worlds.iter().enumerate().filter(|(at, _)| *at != nth);
        let near: Vec<(usize, Near)> = apart
            .flat_map(|(at, world)| near(world, other, k).into_iter().map(move |n| (at, n)))
            .collect();
        let left = left(
            other,
            near.iter().map(|(_, near)| &near.before),
            limits,
            solver,
        );
        for (at, near) in &near {
            found[*at].extend(near.sensitive(&left, k));
        }
    }
    found
}

/// A cell that differs by little between two worlds.
struct Near {
    about: (usize, usize),
    form: Form,
    value: i64,
    /// The same cell in the other world, and its value there.
    before: Form,
    was: i64,
}

impl Near {
    fn sensitive(&self, left: &BTreeMap<&Form, Known>, k: i64) -> Option<Sensitive> {
        // What cannot be reckoned out is taken for known.
        let (lower, upper) = match left.get(&self.before) {
            Some(known) => (known.lower.unwrap_or(i64::MIN), known.upper?),
            None => (self.was, self.was),
        };
        let beyond = change_beyond(self.form.clone(), self.value, (lower, upper), k);
        let functional = beyond.or_else(|| {
            change_within(self.form.clone(), (self.value, self.was), (lower, upper), k)
        });
        Some(Sensitive {
            functional: functional?,
            about: self.about,
            why: Why::Changed,
            inside: false,
        })
    }
}

fn near(world: &World<'_>, other: &World<'_>, k: i64) -> Vec<Near> {
    let cells = world.sheets.iter().enumerate().flat_map(|(at, sheet)| {
        let cells = 0..sheet.count.cells();
        cells.map(move |cell| (at, cell, &sheet.count))
    });
    let near = cells.filter_map(|(at, cell, count)| {
        let form = world.cell(count, cell)?;
        let before = other.cell(count, cell)?;
        let value = form.value(&world.truth)?;
        let was = before.value(&other.truth)?;
        let is_near = value != was && value.abs_diff(was) < k.unsigned_abs();
        is_near.then_some(Near {
            about: (at, cell),
            form,
            value,
            before,
            was,
        })
    });
    near.collect()
}

/// Returns what must stay possible of a form that is within what it was known to be between, so
/// that it may have changed by `k`, either way; `None` where it may, or where both are so small that
/// the same is said of them.
fn change_within(
    form: Form,
    (value, was): (i64, i64),
    (lower, upper): (i64, i64),
    k: i64,
) -> Option<Functional> {
    let (more, fewer) = (lower.saturating_add(k), upper.saturating_sub(k));
    let is_said_alike = value < k && was < k;
    if is_said_alike || !(lower..=upper).contains(&value) || value >= more || value <= fewer {
        return None;
    }
    let is_nearer_below = fewer >= 0 && value - fewer < more - value;
    Some(Functional {
        form,
        at_most: if is_nearer_below { fewer } else { value },
        at_least: if is_nearer_below { value } else { more },
    })
}

/// Returns what a reader who reckons in whole numbers could conclude of each form in a world;
/// nothing where that cannot be told.
fn left<'f>(
    world: &World<'_>,
    forms: impl Iterator<Item = &'f Form>,
    limits: &Limits,
    solver: &dyn Solver,
) -> BTreeMap<&'f Form, Known> {
    let mut left: BTreeMap<&Form, Known> = forms.map(|form| (form, Known::default())).collect();
    let model = Model {
        atoms: world.truth.len(),
        rows: world.rows.clone(),
    };
    let asked: Vec<Form> = left.keys().copied().cloned().collect();
    let Ok(found) = whole_bounds(&model, &asked, limits, solver) else {
        return BTreeMap::new();
    };
    for (known, found) in left.values_mut().zip(found) {
        *known = found;
    }
    left
}
