//! How little something differs from what is known of it at another time: from what was said of
//! it, and from what others' figures imply.

use std::collections::BTreeMap;

use super::outside::{Known, whole_bounds};
use super::sensitive::{Found, Sensitive};
use super::why::Why;
use super::world::World;
use crate::disclosure::{Form, Functional, Limits, Model, Solver};

/// A cell or a sum of one world that differs by little from what is known of it at another time.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    /// The table and cell it is about.
    pub(super) about: (usize, usize),
    pub(super) form: Form,
    pub(super) value: i64,
    pub(super) then: Then,
}

/// What is known of the same at another time.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Bounds that were said of it.
    Said((i64, i64)),
    /// What others imply of it in another world, and what it was there.
    Implied { world: usize, form: Form, was: i64 },
}

/// What is known of forms in one world before anything more is said.
type Left = BTreeMap<Form, Known>;

/// Returns for each world what tells that something differs by less than `k` from what it must
/// have been at another time.
pub(super) fn small_changes(
    worlds: &[World<'_>],
    k: i64,
    limits: &Limits,
    solver: &dyn Solver,
) -> Vec<Vec<Sensitive>> {
    let moved: Vec<Vec<Moved>> = (0..worlds.len()).map(|at| moved(worlds, at, k)).collect();
    let asked = |at: usize| {
        let own = moved[at].iter().map(|moved| &moved.form);
        let before = moved
            .iter()
            .flatten()
            .filter_map(move |moved| moved.then.in_world(at));
        own.chain(before).cloned()
    };
    let left = |(at, world)| left(world, asked(at), limits, solver);
    let left: Vec<Left> = worlds.iter().enumerate().map(left).collect();
    let changes = moved.iter().enumerate().map(|(at, moved)| {
        let mut found = Found::default();
        for moved in moved {
            if let Some(functional) = moved.functional(at, &left, k) {
                found.add(Sensitive {
                    functional,
                    about: moved.about,
                    why: Why::Changed,
                    inside: Vec::new(),
                });
            }
        }
        found.list
    });
    changes.collect()
}

fn moved(worlds: &[World<'_>], at: usize, k: i64) -> Vec<Moved> {
    let world = &worlds[at];
    let others = (0..worlds.len()).filter(|other| *other != at);
    let implied = others.flat_map(|other| near(world, (other, &worlds[other]), k));
    world.moved.iter().cloned().chain(implied).collect()
}

/// Returns the cells that differ by little between two worlds.
fn near(world: &World<'_>, (nth, other): (usize, &World<'_>), k: i64) -> Vec<Moved> {
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
        is_near.then_some(Moved {
            about: (at, cell),
            form,
            value,
            then: Then::Implied {
                world: nth,
                form: before,
                was,
            },
        })
    });
    near.collect()
}

impl Then {
    fn in_world(&self, at: usize) -> Option<&Form> {
        match self {
            Self::Implied { world, form, .. } if *world == at => Some(form),
            _ => None,
        }
    }
}

impl Moved {
    /// Returns whether it lies outside of what was known of it, by less than `k`.
    pub(super) const fn is_little_outside(&self, (lower, upper): (i64, i64), k: i64) -> bool {
        let below = self.value < lower && self.value > lower.saturating_sub(k);
        let above = self.value > upper && self.value < upper.saturating_add(k);
        below || above
    }

    /// Returns what must stay possible, so that it may have changed by `k`.
    fn functional(&self, world: usize, left: &[Left], k: i64) -> Option<Functional> {
        let ways = match &self.then {
            Then::Said(then) => self.beyond(*then, k),
            Then::Implied { world, form, was } => {
                // What cannot be reckoned out is taken for known.
                let (lower, upper) = match left[*world].get(form) {
                    Some(known) => (known.lower.unwrap_or(i64::MIN), known.upper),
                    None => (*was, Some(*was)),
                };
                match upper {
                    // By how much it fell nobody knows; that it fell must not be known either.
                    None if self.value < lower => [Some((self.value, lower)), None],
                    None => return None,
                    Some(upper) if self.is_little_outside((lower, upper), k) => {
                        self.beyond((lower, upper), k)
                    }
                    Some(upper) => self.within(*was, (lower, upper), k)?,
                }
            }
        };
        let known = left[world].get(&self.form).copied().unwrap_or_default();
        let (at_most, at_least) = open_way(ways, known)?;
        Some(Functional {
            form: self.form.clone(),
            at_most,
            at_least,
        })
    }

    /// Returns both ways in which what lies outside of what was known may have changed by `k`: the
    /// way it did, and the other.
    fn beyond(&self, (lower, upper): (i64, i64), k: i64) -> [Option<Way>; 2] {
        let fewer = lower.saturating_sub(k);
        let more = upper.saturating_add(k);
        if self.value < lower {
            let fewer = fewer.max(0);
            let down = (fewer, lower.max(fewer + k));
            [Some(down), Some((self.value, more))]
        } else {
            let down = (fewer >= 0).then_some((fewer, self.value));
            [Some((upper, more)), down]
        }
    }

    /// Returns both ways in which what lies within what was known may have changed by `k`, the
    /// nearer first; `None` where it may have by what it is, or where both are so small that the
    /// same is said of them.
    fn within(&self, was: i64, (lower, upper): (i64, i64), k: i64) -> Option<[Option<Way>; 2]> {
        let value = self.value;
        let (more, fewer) = (lower.saturating_add(k), upper.saturating_sub(k));
        let is_said_alike = value < k && was < k;
        let is_inside = (lower..=upper).contains(&value);
        if is_said_alike || !is_inside || value >= more || value <= fewer {
            return None;
        }
        let down = (fewer >= 0).then_some((fewer, value));
        let up = Some((value, more));
        let is_nearer_below = fewer >= 0 && value - fewer < more - value;
        Some(if is_nearer_below {
            [down, up]
        } else {
            [up, down]
        })
    }
}

/// What must stay possible: at most the one, at least the other.
type Way = (i64, i64);

/// Returns the first of two ways that is not closed already, as far as it is open; the first where
/// both are closed, and nothing where everybody knows the value.
fn open_way(ways: [Option<Way>; 2], known: Known) -> Option<Way> {
    let least = known.lower.unwrap_or(i64::MIN);
    let most = known.upper.unwrap_or(i64::MAX);
    let is_open = |(at_most, at_least): &Way| least <= *at_most && *at_least <= most;
    let open = ways.iter().flatten().find(|way| is_open(way));
    let (at_most, at_least) = open.copied().or(ways[0])?;
    (least != most).then(|| (at_most.max(least), at_least.min(most)))
}

/// Returns what a reader who reckons in whole numbers could conclude of each form in a world;
/// nothing where that cannot be told.
fn left(
    world: &World<'_>,
    forms: impl Iterator<Item = Form>,
    limits: &Limits,
    solver: &dyn Solver,
) -> Left {
    let mut left: Left = forms.map(|form| (form, Known::default())).collect();
    let model = Model {
        atoms: world.truth.len(),
        rows: world.rows.clone(),
    };
    let asked: Vec<Form> = left.keys().cloned().collect();
    let Ok(found) = whole_bounds(&model, &asked, limits, solver) else {
        return Left::new();
    };
    for (known, found) in left.values_mut().zip(found) {
        *known = found;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: i64, said: (i64, i64), known: (i64, i64)) -> Option<Way> {
        let form = Form::atom(0);
        let known = Known {
            lower: Some(known.0),
            upper: Some(known.1),
        };
        let moved = Moved {
            about: (0, 0),
            form: form.clone(),
            value,
            then: Then::Said(said),
        };
        let found = moved.functional(0, &[Left::from([(form, known)])], 5);
        found.map(|functional| (functional.at_most, functional.at_least))
    }

    #[test]
    fn what_grew_by_little_may_have_grown_by_much() {
        assert_eq!(asked(8, (6, 6), (0, 40)), Some((6, 11)));
    }

    #[test]
    fn what_cannot_have_grown_by_much_may_have_shrunk_by_it() {
        assert_eq!(asked(8, (6, 6), (0, 9)), Some((1, 8)));
    }

    #[test]
    fn what_fell_below_what_it_was_at_least_may_not_have_fallen() {
        let form = Form::atom(0);
        let then = Known {
            lower: Some(1),
            upper: None,
        };
        let left = [Left::new(), Left::from([(form.clone(), then)])];
        let asked = |value| {
            let implied = Then::Implied {
                world: 1,
                form: form.clone(),
                was: 2,
            };
            let moved = Moved {
                about: (0, 0),
                form: form.clone(),
                value,
                then: implied,
            };
            let found = moved.functional(0, &left, 5);
            found.map(|functional| (functional.at_most, functional.at_least))
        };
        assert_eq!(asked(0), Some((0, 1)));
        assert_eq!(asked(1), None);
    }

    #[test]
    fn where_neither_can_be_what_is_left_is_kept() {
        assert_eq!(asked(8, (6, 6), (4, 9)), Some((6, 9)));
        assert_eq!(asked(8, (6, 6), (8, 8)), None);
    }

    #[test]
    fn what_shrank_by_little_may_have_grown_where_it_cannot_have_shrunk_by_much() {
        assert_eq!(asked(18, (20, 22), (0, 40)), Some((15, 20)));
        assert_eq!(asked(18, (20, 22), (17, 40)), Some((18, 27)));
    }
}
