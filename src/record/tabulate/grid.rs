//! Where in a table a code stands.

use std::collections::HashMap;

use crate::model::table::cell_count;
use crate::model::{Axis, Dimension, country};
use crate::record::codes::OTHER;
use crate::record::entry::{Record, Row, Values};
use crate::record::schema::Field;

/// The axes of a table, ready for looking codes up.
pub(super) struct Grid<'a> {
    axes: Vec<Line<'a>>,
    cells: usize,
}

struct Line<'a> {
    dimension: Dimension,
    positions: HashMap<&'a str, usize>,
    length: usize,
}

/// Where something stands along one axis.
pub(super) enum Stands<'c> {
    /// At each of these codes; where nothing is known, at `none` or else `other`.
    At(Vec<&'c str>),
    /// At every code.
    Everywhere,
}

impl<'c> Stands<'c> {
    pub(super) fn at(code: &'c str) -> Self {
        Self::At(vec![code])
    }

    pub(super) fn at_all(codes: &'c [String]) -> Self {
        Self::At(codes.iter().map(String::as_str).collect())
    }
}

impl<'a> Grid<'a> {
    pub(super) fn new(axes: &'a [Axis]) -> Self {
        let line = |axis: &'a Axis| Line {
            dimension: axis.dimension,
            positions: axis.codes.iter().map(String::as_str).zip(0..).collect(),
            length: axis.codes.len(),
        };
        Self {
            axes: axes.iter().map(line).collect(),
            cells: cell_count(axes),
        }
    }

    /// Returns how many cells there are.
    pub(super) const fn cells(&self) -> usize {
        self.cells
    }

    /// Returns the dimensions, in order.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = Dimension> {
        self.axes.iter().map(|line| line.dimension)
    }

    /// Returns the cells of something, given where it stands along each axis. It stands in none
    /// where its code and `other` are both missing from an axis.
    pub(super) fn find<'c>(&self, stands: impl Fn(Dimension) -> Stands<'c>) -> Vec<usize> {
        let mut found = vec![0];
        for line in &self.axes {
            let positions = line.positions_of(&stands(line.dimension));
            let along = |cell: usize| positions.iter().map(move |at| cell * line.length + at);
            found = found.into_iter().flat_map(along).collect();
        }
        found
    }
}

impl Line<'_> {
    fn positions_of(&self, stands: &Stands<'_>) -> Vec<usize> {
        let codes = match stands {
            Stands::Everywhere => return (0..self.length).collect(),
            Stands::At(codes) => codes,
        };
        let position = |code: &str| self.positions.get(code).copied();
        let other = position(OTHER);
        if codes.is_empty() {
            return position("none").or(other).into_iter().collect();
        }
        let mut found: Vec<_> = codes.iter().filter_map(|c| position(c).or(other)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Returns where an activity stands along an axis that describes activities.
pub(super) fn of_record(record: &Record, dimension: Dimension) -> Stands<'_> {
    let field = match dimension {
        Dimension::Country => return Stands::at(place(record)),
        Dimension::Region => return Stands::at(region(record)),
        Dimension::Topic => Field::Topics,
        Dimension::Grant => Field::Grant,
        Dimension::Reach => Field::StaffReach,
        Dimension::Document => Field::Document,
        Dimension::ActionType => Field::ActionType,
        Dimension::Outcome => Field::Outcome,
        Dimension::Currency => Field::Currency,
        Dimension::Domain => Field::Domain,
        Dimension::Item => Field::Item,
        Dimension::State => Field::State,
        Dimension::Scope
        | Dimension::Gender
        | Dimension::Gender3
        | Dimension::AgeBand
        | Dimension::Age2
        | Dimension::Role => return Stands::At(Vec::new()),
    };
    Stands::at_all(record.codes(field))
}

/// Returns where a signatory stands: by its own country and scope, else as its action
/// does.
pub(super) fn of_signatory<'r>(
    record: &'r Record,
    row: &'r Row,
    dimension: Dimension,
) -> Stands<'r> {
    let untyped = row.code(Field::Type).is_none();
    match dimension {
        // It may be a person, whose country is nobody's business.
        Dimension::Country | Dimension::Region if untyped => Stands::at(OTHER),
        Dimension::Country => Stands::at(one_place(row.codes(Field::Country))),
        Dimension::Region => Stands::at(one_region(row.codes(Field::Country))),
        Dimension::Scope => Stands::at_all(row.codes(Field::Scope)),
        _ => of_record(record, dimension),
    }
}

/// Returns an activity's place as the country axes spell it.
pub(super) fn place(record: &Record) -> &str {
    if hides_place(record) {
        return "withheld_place";
    }
    one_place(record.codes(Field::Country))
}

/// Returns an activity's place as the region axes spell it.
pub(super) fn region(record: &Record) -> &str {
    if hides_place(record) {
        return "withheld_place";
    }
    one_region(record.codes(Field::Country))
}

fn hides_place(record: &Record) -> bool {
    record.code(Field::Visibility) == Some("place_hidden")
}

fn one_place(codes: &[String]) -> &str {
    match codes {
        [] => OTHER,
        [place] => place,
        _ => "several",
    }
}

/// Several countries of one region are that region.
fn one_region(codes: &[String]) -> &str {
    let mut regions = codes
        .iter()
        .map(|code| country::by_alpha2(code).map_or(code.as_str(), |country| country.region));
    let Some(first) = regions.next() else {
        return OTHER;
    };
    if regions.all(|region| region == first) {
        first
    } else {
        "several"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
        Axis {
            dimension,
            codes: codes.iter().map(|c| (*c).to_owned()).collect(),
        }
    }

    #[test]
    fn what_an_axis_does_not_name_is_other() {
        let axes = [
            axis(Dimension::Topic, &["a", "b", "other"]),
            axis(Dimension::Grant, &["x", "none", "other"]),
        ];
        let grid = Grid::new(&axes);
        let find = |topics: &[&'static str], grants: &[&'static str]| {
            grid.find(|dimension| {
                let codes = if dimension == Dimension::Topic {
                    topics
                } else {
                    grants
                };
                Stands::At(codes.to_vec())
            })
        };
        assert_eq!(find(&["b"], &["x"]), [3]);
        assert_eq!(find(&["a", "b"], &[]), [1, 4]);
        assert_eq!(find(&["c", "d"], &["y"]), [8]);
        let all = grid.find(|_| Stands::Everywhere);
        assert_eq!(all, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_code_with_no_place_stands_nowhere() {
        let axes = [axis(Dimension::Scope, &["national"])];
        assert!(Grid::new(&axes).find(|_| Stands::at("local")).is_empty());
        assert_eq!(Grid::new(&[]).find(|_| Stands::Everywhere), [0]);
    }

    #[test]
    fn places_are_one_code() {
        let codes = |codes: &[&str]| codes.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        assert_eq!(one_place(&codes(&["TH"])), "TH");
        assert_eq!(one_place(&codes(&["TH", "VN"])), "several");
        assert_eq!(one_region(&codes(&["TH", "VN"])), "asia");
        assert_eq!(one_region(&codes(&["TH", "FR"])), "several");
        assert_eq!(one_region(&codes(&["online"])), "online");
        assert_eq!(one_region(&codes(&["AQ"])), "other");
        assert_eq!(one_region(&[]), "other");
    }
}
