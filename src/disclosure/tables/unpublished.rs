//! Tables by place and part of time that nobody published, as everybody can conclude where their
//! activities took place: by region and quarter, by country and year, from all that was published.

use std::collections::{BTreeMap, BTreeSet};

use super::behind::Behind;
use super::count::{Count, Said};
use super::layout::fills;
use super::outside::{Known, whole_bounds};
use super::places::{by_place, parts_by_place};
use super::several::{OTHER, SEVERAL};
use super::shown::Shown;
use super::venues::Venues;
use crate::disclosure::{Form, Limits, Model, Row, Solver, Trouble};
use crate::model::{Axis, Cell, Dimension, Figure, Period, country, table};

/// What is no country and no region, and stands under the same name among both.
const NOWHERE: [&str; 3] = ["withheld_place", "online", "international"];

/// Returns these tables, with the most activities that can be behind their cells.
///
/// # Errors
/// When the solver fails.
pub(super) fn unpublished(
    tables: &[&Shown],
    venues: &[&Venues],
    limits: &Limits,
    solver: &dyn Solver,
) -> Result<Vec<Shown>, Trouble> {
    let parts = parts_by_place(tables.iter().map(|shown| &shown.said.count));
    let splits: BTreeSet<&[Axis]> = parts.iter().map(|part| &part.axes[..]).collect();
    let mut shown = Vec::new();
    for axes in splits {
        let alike = parts.iter().filter(|part| part.axes == axes);
        let times: BTreeSet<Period> = alike.clone().map(|part| part.period).collect();
        let held = match Held::of(axes, times, venues).most(venues, limits, solver) {
            // Of what cannot be true together nobody knows where it was.
            Err(Trouble::Contradiction) => continue,
            held => held?,
        };
        shown.extend(alike.filter_map(|part| {
            let whole = tables
                .iter()
                .find(|shown| is_part(part, &shown.said.count))?;
            let joined = venues.iter().filter(|v| v.period.covers(part.period));
            let behind = Behind {
                axes,
                cells: held.get(&part.period)?.clone(),
                joined: joined.filter_map(|venues| venues.joined).min(),
            };
            Some(unsaid(part, whole, behind.most(part)))
        }));
    }
    Ok(shown)
}

fn is_part(part: &Count, whole: &Count) -> bool {
    (whole.measure, whole.signers) == (part.measure, part.signers)
        && whole.period.covers(part.period)
        && by_place(whole) == part.axes
}

/// Returns a table of which nothing is said but where nothing took place.
fn unsaid(part: &Count, whole: &Shown, activities: Vec<Option<u32>>) -> Shown {
    let cell = Cell {
        figure: Figure::Absent,
        uncounted: 0,
    };
    Shown {
        id: whole.id.clone(),
        attributes: Vec::new(),
        activities,
        floor: whole.floor.clone(),
        said: Said {
            cells: vec![cell; part.cells()],
            count: part.clone(),
            was: Vec::new(),
        },
    }
}

/// Activities by time and place, where a place has every code that published tables split it by.
struct Held {
    times: Vec<Period>,
    /// The axes in question, and their region where countries are.
    axes: Vec<Axis>,
    /// The codes of each place, and which cell of the axes in question it is in.
    places: Vec<(Vec<String>, usize)>,
    cells: usize,
}

impl Held {
    fn of(axes: &[Axis], times: BTreeSet<Period>, venues: &[&Venues]) -> Self {
        let cells = table::cell_count(axes);
        let whole = axes.to_vec();
        let by_country = |axis: &Axis| axis.dimension == Dimension::Country;
        let mut published = venues.iter().flat_map(|venues| &venues.axes);
        let regions = published.find(|axis| axis.dimension == Dimension::Region);
        let regions = regions.filter(|_| axes.iter().any(by_country));
        let axes: Vec<Axis> = whole.iter().chain(regions).cloned().collect();
        let is_possible = |codes: &[&str]| {
            let mut along = axes.iter().zip(codes);
            let country = along.clone().find(|(axis, _)| by_country(axis));
            along.all(|(axis, code)| match (country, regions) {
                (Some((list, country)), Some(region)) if axis == region => {
                    is_in(list, country, code)
                }
                _ => true,
            })
        };
        let all = (0..table::cell_count(&axes)).filter_map(|at| {
            let codes = table::codes_at(&axes, at);
            let cell = table::index_of(&whole, &codes[..whole.len()])?;
            let codes = is_possible(&codes).then_some(codes)?;
            Some((codes.into_iter().map(str::to_owned).collect(), cell))
        });
        Self {
            places: all.collect(),
            times: times.into_iter().collect(),
            axes,
            cells,
        }
    }

    /// Returns the most that can have taken place in each cell at each time.
    fn most(
        &self,
        venues: &[&Venues],
        limits: &Limits,
        solver: &dyn Solver,
    ) -> Result<BTreeMap<Period, Vec<Option<u32>>>, Trouble> {
        let model = Model {
            atoms: self.times.len() * self.places.len(),
            rows: venues.iter().flat_map(|venues| self.rows(venues)).collect(),
        };
        let forms = (0..self.times.len()).flat_map(|time| {
            (0..self.cells).map(move |cell| {
                let there = self.places.iter().enumerate();
                let there = there.filter(move |(_, (_, own))| *own == cell);
                Form::sum(there.map(|(place, _)| self.atom(time, place)))
            })
        });
        let forms: Vec<Form> = forms.collect();
        let known = whole_bounds(&model, &forms, limits, solver)?;
        let most = |known: &Known| u32::try_from(known.upper?).ok();
        let times = known.chunks(self.cells.max(1)).zip(&self.times);
        let times = times.map(|(known, time)| (*time, known.iter().map(most).collect()));
        Ok(times.collect())
    }

    const fn atom(&self, time: usize, place: usize) -> usize {
        time * self.places.len() + place
    }

    /// Returns what a published table says: in each of its cells is no less than what can be in no
    /// other, and no more than what can be there at all.
    fn rows(&self, venues: &Venues) -> Vec<Row> {
        let times = self.times.iter().enumerate();
        let times = times.filter(|(_, time)| venues.period.covers(**time));
        let times: Vec<usize> = times.map(|(at, _)| at).collect();
        let is_whole = fills(times.iter().map(|at| &self.times[*at]), venues.period);
        let can_be: Vec<Vec<usize>> = self
            .places
            .iter()
            .map(|p| self.cells_of(p, venues))
            .collect();
        let sum = |is_there: &dyn Fn(&[usize]) -> bool| {
            let places = (0..self.places.len()).filter(|place| is_there(&can_be[*place]));
            let atoms = places.flat_map(|place| times.iter().map(move |time| (*time, place)));
            Form::sum(atoms.map(|(time, place)| self.atom(time, place)))
        };
        let known = venues.cells.iter().enumerate();
        let known = known.filter_map(|(cell, held)| Some((cell, i64::from((*held)?))));
        known
            .flat_map(|(cell, held)| {
                let no_more = Row::between(sum(&|cells| cells == [cell]), None, Some(held));
                let least = is_whole.then_some(held);
                let no_less = Row::between(sum(&|cells| cells.contains(&cell)), least, None);
                [no_more, no_less]
            })
            .collect()
    }

    /// Returns the cells of a published table that what is in a place can be in.
    fn cells_of(&self, (codes, _): &(Vec<String>, usize), venues: &Venues) -> Vec<usize> {
        let cells = 0..venues.cells.len();
        let can_be_in = |cell: &usize| {
            let under = table::codes_at(&venues.axes, *cell);
            venues.axes.iter().zip(under).all(|(axis, under)| {
                let mut places = self.axes.iter().zip(codes);
                let along = places.find(|(place, _)| place.dimension == axis.dimension);
                along.is_none_or(|(place, code)| can_be((place, code), (axis, under)))
            })
        };
        cells.filter(can_be_in).collect()
    }
}

/// Returns whether what stands under a code of one list can stand under a code of another.
fn can_be((list, code): (&Axis, &str), (other, under): (&Axis, &str)) -> bool {
    let names = |axis: &Axis, code: &str| axis.codes.iter().any(|named| named == code);
    code == under
        || (code == OTHER && !names(list, under))
        || (under == OTHER && !names(other, code))
}

/// Returns whether what stands under a code of a list of countries can stand under a region.
fn is_in(list: &Axis, code: &str, region: &str) -> bool {
    let is_named = || list.codes.iter().any(|named| named == region);
    match country::by_alpha2(code) {
        Some(country) => country.region == region,
        None if NOWHERE.contains(&code) => code == region,
        None if code == SEVERAL => !NOWHERE.contains(&region),
        None => region == OTHER || !is_named(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Microlp;
    use crate::model::Grain;
    use crate::model::dimension::REGIONS;

    fn venues(when: &str, dimension: Dimension, there: &[(&str, u32)], codes: &[&str]) -> Venues {
        let axis = Axis {
            dimension,
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        };
        let held = |code: &&str| there.iter().find(|(place, _)| place == code);
        Venues {
            period: when.parse().expect("a period"),
            axes: vec![axis],
            cells: codes
                .iter()
                .map(|code| Some(held(code).map_or(0, |(_, held)| *held)))
                .collect(),
            joined: Some(0),
        }
    }

    #[test]
    fn a_country_has_no_more_than_its_region_and_its_year() {
        let codes = ["TH", "VN", "FR", OTHER, SEVERAL, "online"];
        let quarter = venues(
            "2018Q1",
            Dimension::Region,
            &[("asia", 3), ("africa", 2), (SEVERAL, 1)],
            REGIONS,
        );
        let year = venues(
            "2018",
            Dimension::Country,
            &[
                ("TH", 2),
                ("VN", 5),
                (OTHER, 4),
                (SEVERAL, 1),
                ("online", 1),
            ],
            &codes,
        );
        let times = year.period.split(Grain::Quarter, 1);
        let most = |venues: &[&Venues]| {
            let held = Held::of(&year.axes, times.iter().copied().collect(), venues);
            let most = held.most(venues, &Limits::default(), &Microlp);
            most.expect("it solves")[&quarter.period].clone()
        };
        let by_region = [3, 3, 0, 5, 6, 0].map(Some);
        assert_eq!(most(&[&quarter]), by_region);
        assert_eq!(most(&[&quarter, &year]), [2, 3, 0, 4, 1, 0].map(Some));
        let unknown = Venues {
            cells: vec![None; REGIONS.len()],
            ..quarter.clone()
        };
        assert_eq!(most(&[&unknown]), [None; 6]);
    }

    #[test]
    fn what_a_list_names_is_not_among_the_others() {
        let axis = |codes: &[&str]| Axis {
            dimension: Dimension::Country,
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        };
        let (short, long) = (axis(&["TH", OTHER]), axis(&["TH", "VN", OTHER]));
        for (place, code, other, under, is_possible) in [
            (&short, OTHER, &long, "VN", true),
            (&long, "VN", &short, OTHER, true),
            (&long, "TH", &short, OTHER, false),
            (&short, OTHER, &long, "TH", false),
        ] {
            assert_eq!(
                can_be((place, code), (other, under)),
                is_possible,
                "{code} {under}"
            );
        }
    }
}
