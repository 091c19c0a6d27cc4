//! What an outsider concludes of one sum, and whether policy forbids that anybody can.

use super::outside::Known;
use crate::charter::policy::Floor;
use crate::model::{Dimension, Period, words};

words! {
    /// What a sum is.
    pub enum What as "sum" {
        /// A cell.
        Cell = "cell",
        /// What is left of a group when a cell is taken from it.
        Rest = "rest",
        /// What attendances have more than persons or completions.
        Beside = "beside",
        /// What a cell has more than one it overlaps with.
        Difference = "difference",
        /// What a cell changed by from one release to another.
        Change = "change",
    }
}

/// A cell of a table, or several cells together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The plan's identifier of the table.
    pub table: String,
    /// Its codes; those along other dimensions are summed.
    pub codes: Vec<(Dimension, String)>,
}

/// Which sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    /// In which period.
    pub period: Period,
    /// The cell, or what another is taken from.
    pub place: Place,
    /// What it is.
    pub what: What,
    /// What is taken from it.
    pub minus: Option<Place>,
    /// The leaves it changed between.
    pub between: Option<(u64, u64)>,
}

/// How far a sum can be bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// Which sum.
    pub about: About,
    /// The least it can be, and the most.
    pub known: Known,
    /// Whether that is more than anybody may know.
    pub disclosed: bool,
    /// The newest leaf it follows from.
    pub leaf: u64,
}

impl Known {
    /// Returns what is known of something that was said.
    pub(super) const fn exactly(value: i64) -> Self {
        Self {
            lower: Some(value),
            upper: Some(value),
        }
    }

    /// Returns what is known of the difference of two sums that have nothing to do with each other.
    pub(super) fn minus(self, other: Self) -> Self {
        let less = |one: Option<i64>, other: Option<i64>| one?.checked_sub(other?);
        Self {
            lower: less(self.lower, other.upper),
            upper: less(self.upper, other.lower),
        }
    }

    /// Returns how many whole numbers it can be, less one.
    pub fn width(self) -> Option<u64> {
        let width = i128::from(self.upper?) - i128::from(self.lower?);
        u64::try_from(width).ok()
    }

    /// Returns whether it says no more than something else does.
    pub(super) fn says_no_more_than(self, other: Self) -> bool {
        let lower = self.lower.is_none_or(|own| other.lower >= Some(own));
        let upper = match (self.upper, other.upper) {
            (None, _) => true,
            (Some(own), Some(other)) => other <= own,
            (Some(_), None) => false,
        };
        lower && upper
    }

    /// Returns whether it is certain to be at least something, and at most something.
    fn is_within(self, lower: i64, upper: i64) -> bool {
        self.lower.is_some_and(|own| own >= lower) && self.upper.is_some_and(|own| own <= upper)
    }
}

/// Returns whether policy forbids that this much is known of a sum. `whole` is what is known of
/// the group a rest is left of.
///
/// It forbids what is proven, never what is merely likely: what a cell of ten may be protected
/// from and one of none may not cannot be told apart from outside.
pub(super) fn forbids(floor: &Floor, what: What, known: Known, whole: Known) -> bool {
    let most = i64::from(floor.min_cell) - 1;
    let is_impossible = known.lower.zip(known.upper).is_some_and(|(l, u)| l > u);
    if is_impossible || known.upper.is_some_and(|upper| upper < 0) {
        // What cannot be true is no conclusion of anybody's; a change may fall.
        return what == What::Change && !is_impossible && known.is_within(-most, -1);
    }
    let few = known.is_within(1, most);
    match what {
        What::Cell => {
            let Some(upper) = known.upper.filter(|upper| *upper <= most) else {
                return false;
            };
            let shown = i64::from(!floor.hide_existence);
            let is_fixed = upper == most && known.lower.is_none_or(|lower| lower <= shown);
            let is_nothing = upper == 0 && !floor.hide_existence;
            !is_fixed && !is_nothing
        }
        What::Rest => {
            let somebody = whole.lower.is_some_and(|lower| lower >= 1);
            let none_left = known.upper.is_some_and(|upper| upper < most);
            somebody && (few || none_left)
        }
        What::Beside => few || known.upper.is_some_and(|upper| (1..most).contains(&upper)),
        What::Difference | What::Change => few,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(what: What, hide_existence: bool, lower: i64, upper: Option<i64>, forbidden: bool) {
        let floor = Floor {
            min_cell: 10,
            hide_existence,
        };
        let known = Known {
            lower: Some(lower),
            upper,
        };
        let whole = Known::exactly(20);
        let found = forbids(&floor, what, known, whole);
        assert_eq!(found, forbidden, "{what} {lower}..{upper:?}");
    }

    #[test]
    fn a_small_cell_is_known_as_small_and_no_better() {
        for (lower, upper, forbidden) in [
            (0, Some(9), false),
            (1, Some(9), true),
            (0, Some(8), true),
            (3, Some(3), true),
            (0, Some(0), true),
            (0, Some(10), false),
            (5, Some(10), false),
            (10, Some(10), false),
            (3, None, false),
        ] {
            check(What::Cell, true, lower, upper, forbidden);
        }
        for (lower, upper, forbidden) in [
            (1, Some(9), false),
            (0, Some(9), false),
            (2, Some(9), true),
            (0, Some(0), false),
            (1, Some(1), true),
        ] {
            check(What::Cell, false, lower, upper, forbidden);
        }
    }

    #[test]
    fn few_left_of_a_group_are_told() {
        check(What::Rest, true, 0, Some(0), true);
        check(What::Rest, true, 0, Some(9), false);
        check(What::Rest, true, 1, Some(9), true);
        check(What::Rest, false, 0, Some(0), true);
        let floor = Floor::default();
        let nobody = Known {
            lower: Some(0),
            upper: None,
        };
        assert!(!forbids(&floor, What::Rest, Known::exactly(0), nobody));
    }

    #[test]
    fn few_between_measures_and_overlapping_cells_are_told() {
        for what in [What::Beside, What::Difference] {
            check(what, true, 0, Some(0), false);
            check(what, true, 1, Some(9), true);
            check(what, true, 1, Some(10), false);
            check(what, true, 0, Some(9), false);
        }
        check(What::Beside, true, 0, Some(4), true);
        check(What::Difference, true, 0, Some(4), false);
    }

    #[test]
    fn a_small_change_is_told_whichever_way_it_goes() {
        check(What::Change, true, -3, Some(-1), true);
        check(What::Change, true, 1, Some(1), true);
        check(What::Change, true, -12, Some(-1), false);
        check(What::Change, true, 0, Some(0), false);
        check(What::Change, true, -9, Some(9), false);
        check(What::Change, true, 10, Some(10), false);
    }

    #[test]
    fn what_cannot_be_is_no_conclusion() {
        check(What::Cell, true, 3, Some(2), false);
        check(What::Change, true, -1, Some(-2), false);
    }
}
