//! From the codes of a table to the rows of an answer.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::ask::{Ask, By};
use super::columns::Columns;
use super::consortium::Consortium;
use super::error::ReportError;
use super::slots::Found;
use super::tally::Order;
use crate::model::dimension::PLACES;
use crate::model::table::cell_count;
use crate::model::{Axis, Dimension};

/// Where a cell belongs that `where` leaves out.
const NOWHERE: u32 = u32::MAX;

/// Most rows one answer may have.
const MOST_ROWS: usize = 100_000;

/// The groups of codes an answer has, before members and periods.
#[derive(Debug)]
pub(super) struct Grid {
    /// The dimensions grouped by, in the order of `by`, with their codes.
    pub(super) axes: Vec<(Dimension, Vec<String>)>,
    /// How many groups there are: the product of the axes' lengths.
    pub(super) groups: usize,
    /// Per shape, where its cells belong.
    maps: Vec<Map>,
    /// The number of each shape interned in the columns.
    found: HashMap<u32, usize>,
    /// Per member asked about, the shape the plan gives its table.
    plan_shapes: Vec<usize>,
}

/// Refuses an answer with more rows than one may have.
pub(super) fn limit_rows(asked: usize) -> Result<(), ReportError> {
    if asked > MOST_ROWS {
        return Err(ReportError::TooLarge {
            what: "rows",
            asked,
            most: MOST_ROWS,
        });
    }
    Ok(())
}

/// Where the cells of one shape belong.
#[derive(Debug)]
pub(super) struct Map {
    /// The group of each cell; beyond the groups where it belongs to none.
    pub(super) to: Vec<u32>,
    /// The same, as it is added up soonest.
    pub(super) order: Order,
    /// Per group, whether any cell belongs to it.
    pub(super) covers: Vec<bool>,
}

impl Grid {
    /// Lays out the groups of a query over the shapes the plan gives and those found.
    pub(super) fn new(
        columns: &Columns,
        consortium: &Consortium,
        ask: &Ask<'_>,
        found: &Found<'_>,
    ) -> Result<Self, ReportError> {
        let mut shapes = Shapes::default();
        let plan_shapes = plan_shapes(consortium, ask, &mut shapes);
        let found: BTreeSet<u32> = found.slots.iter().filter_map(|slot| slot.shape).collect();
        let found = found
            .into_iter()
            .map(|shape| (shape, shapes.intern(columns.shape(shape))))
            .collect();
        let shapes = shapes.all;
        let codes = all_codes(&shapes, &plan_shapes);
        check_filters(ask, &codes)?;
        let axes: Vec<(Dimension, Vec<String>)> = ask
            .by
            .iter()
            .filter_map(|by| match by {
                By::Dimension(dimension) => Some((*dimension, shown(ask, *dimension, &codes))),
                _ => None,
            })
            .collect();
        let groups = axes
            .iter()
            .try_fold(1usize, |count, (_, codes)| count.checked_mul(codes.len()))
            .unwrap_or(usize::MAX);
        limit_rows(groups)?;
        let maps = shapes
            .iter()
            .map(|shape| Map::new(ask, &axes, groups, shape))
            .collect();
        Ok(Self {
            axes,
            groups,
            maps,
            found,
            plan_shapes,
        })
    }

    /// Returns the number of a shape found, or of the plan's where there is none.
    pub(super) fn shape(&self, member: usize, found: Option<u32>) -> usize {
        let found = found.and_then(|shape| self.found.get(&shape).copied());
        found.unwrap_or(self.plan_shapes[member])
    }

    /// Returns where the cells of a shape belong.
    pub(super) fn map(&self, shape: usize) -> &Map {
        &self.maps[shape]
    }

    /// Returns, per group, a number that is the same for groups the same shapes have.
    pub(super) fn signatures(&self) -> Vec<usize> {
        let mut known: HashMap<Vec<bool>, usize> = HashMap::new();
        (0..self.groups)
            .map(|group| {
                let covered = self.maps.iter().map(|map| map.covers[group]).collect();
                let next = known.len();
                *known.entry(covered).or_insert(next)
            })
            .collect()
    }
}

/// Shapes by number.
#[derive(Default)]
struct Shapes {
    all: Vec<Vec<Axis>>,
    known: HashMap<Vec<Axis>, usize>,
}

impl Shapes {
    fn intern(&mut self, axes: &[Axis]) -> usize {
        if let Some(shape) = self.known.get(axes) {
            return *shape;
        }
        self.all.push(axes.to_vec());
        self.known.insert(axes.to_vec(), self.all.len() - 1);
        self.all.len() - 1
    }
}

/// Returns the shape the plan gives each member's table. It is one for all, unless there are
/// countries in it.
fn plan_shapes(consortium: &Consortium, ask: &Ask<'_>, shapes: &mut Shapes) -> Vec<usize> {
    let Some(table) = ask.tables.first() else {
        return vec![shapes.intern(&[]); ask.members.len()];
    };
    let by_country = table.by.contains(&Dimension::Country);
    let mut known: HashMap<&[String], usize> = HashMap::new();
    let mut shapes_of = Vec::with_capacity(ask.members.len());
    for member in &ask.members {
        let countries = if by_country {
            &member.countries[..]
        } else {
            &[]
        };
        let shape = known
            .entry(countries)
            .or_insert_with(|| shapes.intern(&consortium.policy.axes(table, countries)));
        shapes_of.push(*shape);
    }
    shapes_of
}

impl Map {
    fn new(
        ask: &Ask<'_>,
        axes: &[(Dimension, Vec<String>)],
        groups: usize,
        shape: &[Axis],
    ) -> Self {
        let mut to = vec![0u32];
        to.reserve(cell_count(shape));
        for axis in shape {
            let steps = steps_along(ask, axes, axis);
            to = to
                .iter()
                .flat_map(|so_far| steps.iter().map(move |step| join(*so_far, *step)))
                .collect();
        }
        let mut covers = vec![false; groups];
        for group in &to {
            if let Some(covered) = covers.get_mut(*group as usize) {
                *covered = true;
            }
        }
        Self {
            order: Order::of(&to, groups),
            to,
            covers,
        }
    }
}

fn join(one: u32, other: u32) -> u32 {
    if one == NOWHERE || other == NOWHERE {
        NOWHERE
    } else {
        one + other
    }
}

/// Returns what each code of an axis adds to the number of a cell's group.
fn steps_along(ask: &Ask<'_>, axes: &[(Dimension, Vec<String>)], axis: &Axis) -> Vec<u32> {
    let grouped = axes.iter().position(|(d, _)| *d == axis.dimension);
    let Some(nth) = grouped else {
        let filter = ask.filters.get(&axis.dimension);
        let passes = |code| filter.is_none_or(|codes: &Vec<String>| codes.contains(code));
        let step = |code| if passes(code) { 0 } else { NOWHERE };
        return axis.codes.iter().map(step).collect();
    };
    let stride: usize = axes[nth + 1..]
        .iter()
        .map(|(_, codes)| codes.len())
        .product();
    let position: HashMap<&str, usize> = axes[nth]
        .1
        .iter()
        .enumerate()
        .map(|(at, code)| (code.as_str(), at))
        .collect();
    let step = |code: &String| {
        let at = position.get(code.as_str());
        at.and_then(|at| u32::try_from(at * stride).ok())
            .unwrap_or(NOWHERE)
    };
    axis.codes.iter().map(step).collect()
}

type Codes = HashMap<Dimension, Vec<String>>;

/// Returns every code along each dimension: the plan's in order, then those only found in
/// summaries; countries before the places that are none.
fn all_codes(shapes: &[Vec<Axis>], plan_shapes: &[usize]) -> Codes {
    let mut codes = Codes::new();
    let mut known: HashSet<(Dimension, &str)> = HashSet::new();
    let planned: BTreeSet<usize> = plan_shapes.iter().copied().collect();
    // Members in their order, so that countries stand in the order of the cards.
    let mut seen = BTreeSet::new();
    for shape in plan_shapes.iter().filter(|shape| seen.insert(**shape)) {
        for axis in &shapes[*shape] {
            let along = codes.entry(axis.dimension).or_default();
            for code in &axis.codes {
                if known.insert((axis.dimension, code)) {
                    along.push(code.clone());
                }
            }
        }
    }
    // Sorted, so that the order in which logs arrived does not show.
    let mut further: BTreeSet<(Dimension, &str)> = BTreeSet::new();
    for (_, shape) in shapes
        .iter()
        .enumerate()
        .filter(|(at, _)| !planned.contains(at))
    {
        for axis in shape {
            let found = axis
                .codes
                .iter()
                .map(|code| (axis.dimension, code.as_str()));
            further.extend(found.filter(|code| !known.contains(code)));
        }
    }
    for (dimension, code) in further {
        codes.entry(dimension).or_default().push(code.to_owned());
    }
    if let Some(countries) = codes.get_mut(&Dimension::Country) {
        countries.sort_by_key(|code| PLACES.iter().position(|place| place == code));
    }
    codes
}

fn check_filters(ask: &Ask<'_>, codes: &Codes) -> Result<(), ReportError> {
    for (dimension, wanted) in &ask.filters {
        let known = codes.get(dimension).map_or(&[][..], Vec::as_slice);
        if let Some(stranger) = wanted.iter().find(|code| !known.contains(code)) {
            let accepted = known.iter().map(String::as_str);
            return Err(ReportError::unknown("code", stranger, accepted));
        }
    }
    Ok(())
}

/// Returns the codes of a dimension that `where` lets through.
fn shown(ask: &Ask<'_>, dimension: Dimension, codes: &Codes) -> Vec<String> {
    let filter = ask.filters.get(&dimension);
    let mut shown = codes.get(&dimension).cloned().unwrap_or_default();
    shown.retain(|code| filter.is_none_or(|codes| codes.contains(code)));
    shown
}
