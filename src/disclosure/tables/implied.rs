//! How little something changed since a time at which others' figures implied what it was.

use super::sensitive::{Sensitive, change_beyond};
use super::why::Why;
use super::world::World;
use crate::disclosure::{Form, Limits, Model, Solver, bounds};

/// Returns what tells that a cell changed by less than `k` from what it must have been once, by
/// what was said of others. The first world is the one that is now.
pub(super) fn small_changes(
    worlds: &[World<'_>],
    k: i64,
    limits: &Limits,
    solver: &dyn Solver,
) -> Vec<Sensitive> {
    let Some((now, past)) = worlds.split_first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (at, sheet) in now.state.sheets.iter().enumerate() {
        for cell in 0..sheet.count.cells() {
            let form = now.cell(&sheet.count, cell);
            let Some((form, value)) =
                form.and_then(|form| Some((form.clone(), form.value(&now.truth)?)))
            else {
                continue;
            };
            let changes = past.iter().filter_map(|world| {
                let before = world.cell(&sheet.count, cell)?;
                let change = value - before.value(&world.truth)?;
                // What cannot be reckoned out is taken for known.
                (change != 0 && change.abs() < k).then(|| {
                    left(world, before, limits, solver)
                        .unwrap_or((value - change, Some(value - change)))
                })
            });
            found.extend(changes.filter_map(|(lower, upper)| {
                let functional = change_beyond(form.clone(), value, (lower, upper?), k)?;
                Some(Sensitive {
                    functional,
                    about: (at, cell),
                    why: Why::Changed,
                    inside: false,
                })
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
