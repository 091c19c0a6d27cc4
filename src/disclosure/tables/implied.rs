//! How little something differs from what others' figures imply of it at another time.

use super::sensitive::{Sensitive, change_beyond};
use super::why::Why;
use super::world::World;
use crate::disclosure::{Form, Functional, Limits, Model, Solver, bounds};

/// Returns for each world what tells that a cell differs by less than `k` from what it must have
/// been in another, by what was said of others.
pub(super) fn small_changes(
    worlds: &[World<'_>],
    k: i64,
    limits: &Limits,
    solver: &dyn Solver,
) -> Vec<Vec<Sensitive>> {
    let found = worlds.iter().enumerate().map(|(at, world)| {
        let others = (worlds.iter().enumerate()).filter(|(other, _)| *other != at);
        let found = others.flat_map(|(_, other)| between(world, other, k, limits, solver));
        found.collect()
    });
    found.collect()
}

fn between(
    world: &World<'_>,
    other: &World<'_>,
    k: i64,
    limits: &Limits,
    solver: &dyn Solver,
) -> Vec<Sensitive> {
    let mut found = Vec::new();
    for (at, sheet) in world.sheets.iter().enumerate() {
        for cell in 0..sheet.count.cells() {
            let forms = world.cell(&sheet.count, cell);
            let forms = forms.zip(other.cell(&sheet.count, cell));
            let Some((form, before)) = forms else {
                continue;
            };
            let values = form.value(&world.truth).zip(before.value(&other.truth));
            let Some((value, was)) = values else {
                continue;
            };
            if value == was || value.abs_diff(was) >= k.unsigned_abs() {
                continue;
            }
            // What cannot be reckoned out is taken for known.
            let (lower, upper) = left(other, before, limits, solver).unwrap_or((was, Some(was)));
            let functional = upper.and_then(|upper| {
                let beyond = change_beyond(form.clone(), value, (lower, upper), k);
                beyond.or_else(|| change_within(form, (value, was), (lower, upper), k))
            });
            found.extend(functional.map(|functional| Sensitive {
                functional,
                about: (at, cell),
                why: Why::Changed,
                inside: false,
            }));
        }
    }
    found
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

/// Returns what a reader could conclude of a form in a world; `None` where nobody knows.
fn left(
    world: &World<'_>,
    form: Form,
    limits: &Limits,
    solver: &dyn Solver,
) -> Option<(i64, Option<i64>)> {
    let model = Model {
        atoms: world.truth.len(),
        rows: world.rows.clone(),
    };
    bounds(&model, &[form], limits, solver)
        .ok()?
        .first()
        .copied()
}
