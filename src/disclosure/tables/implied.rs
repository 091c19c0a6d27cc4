//! How little something differs from what others' figures imply of it at another time.

use super::sensitive::{Sensitive, change_beyond};
use super::why::Why;
use super::world::World;
use crate::disclosure::{Form, Limits, Model, Solver, bounds};

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
            let functional = upper.and_then(|upper| change_beyond(form, value, (lower, upper), k));
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
