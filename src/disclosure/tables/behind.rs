//! How many activities stand behind the cells of a table that counts persons, as far as everybody
//! can read it from a table of activities.

use super::count::Count;
use super::several::{OTHER, SEVERAL, several_along};
use crate::model::{Axis, Measure, table};

/// A table of activities, with all that were joined; unset where nothing is known.
#[derive(Debug)]
pub(crate) struct Behind<'a> {
    pub(crate) axes: &'a [Axis],
    pub(crate) cells: Vec<Option<u32>>,
    pub(crate) joined: Option<u32>,
}

impl Behind<'_> {
    /// Returns the most activities behind each cell of a table: those in its place, or else all,
    /// with all that were joined.
    pub(crate) fn most(&self, count: &Count) -> Vec<Option<u32>> {
        let most = |cell| {
            let codes = self.codes(count, cell)?;
            let several = codes.iter().position(|code| *code == SEVERAL);
            match several.filter(|_| count.measure == Measure::People) {
                Some(along) => self.between(&codes, along),
                None => self.at(&codes)?.checked_add(self.joined?),
            }
        };
        (0..count.cells()).map(most).collect()
    }

    /// Returns the most that took place in each cell of a table of persons, where that is not what
    /// is behind it.
    pub(crate) fn places(&self, count: &Count) -> Vec<Option<u32>> {
        let mut several = (0..count.cells()).flat_map(|cell| several_along(count, cell));
        match several.next().filter(|_| count.measure == Measure::People) {
            Some(_) => self.most(&count.of(Measure::Attendances)),
            None => Vec::new(),
        }
    }

    /// Returns where a cell of a table stands along the axes of this one.
    fn codes<'c>(&self, count: &'c Count, cell: usize) -> Option<Vec<&'c str>> {
        let codes = table::codes_at(&count.axes, cell);
        let code = |axis| {
            let at = count.axes.iter().position(|other| other == axis)?;
            Some(codes[at])
        };
        self.axes.iter().map(code).collect()
    }

    fn at(&self, codes: &[&str]) -> Option<u32> {
        let cell = table::index_of(self.axes, codes)?;
        self.cells.get(cell).copied()?
    }

    /// Returns the most activities behind persons who were in several places along an axis: all
    /// of them, and none where there was one place only.
    fn between(&self, codes: &[&str], along: usize) -> Option<u32> {
        let at = |code: &str| {
            let mut codes = codes.to_vec();
            codes[along] = code;
            self.at(&codes)
        };
        let places = self.axes[along].codes.iter();
        let places: Vec<(&str, Option<u32>)> =
            places.map(|code| (code.as_str(), at(code))).collect();
        let held: Vec<_> = places.iter().filter(|(_, held)| *held != Some(0)).collect();
        let is_one_place = match held.as_slice() {
            [] => true,
            [(code, held)] => *code != SEVERAL && (*code != OTHER || *held == Some(1)),
            _ => false,
        };
        if is_one_place && self.joined == Some(0) {
            return Some(0);
        }
        let mut all = places.into_iter().map(|(_, held)| held);
        all.try_fold(self.joined?, |sum, held| sum.checked_add(held?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charter::policy::Of;
    use crate::model::Dimension;

    fn most(measure: Measure, held: [u32; 4], joined: u32) -> Vec<Option<u32>> {
        let axes = vec![Axis {
            dimension: Dimension::Country,
            codes: ["TH", "VN", OTHER, SEVERAL].map(str::to_owned).to_vec(),
        }];
        let behind = Behind {
            axes: &axes,
            cells: held.map(Some).to_vec(),
            joined: Some(joined),
        };
        behind.most(&Count {
            measure,
            signers: Of::Organisations,
            axes: axes.clone(),
            period: "2018".parse().expect("a year"),
        })
    }

    #[test]
    fn nobody_was_in_several_places_where_there_was_one() {
        let several = |held, joined| most(Measure::People, held, joined)[3];
        assert_eq!(several([2, 0, 0, 0], 0), Some(0));
        assert_eq!(several([0, 0, 1, 0], 0), Some(0));
        assert_eq!(several([0, 0, 0, 0], 0), Some(0));
        assert_eq!(several([2, 1, 0, 0], 0), Some(3));
        assert_eq!(several([2, 0, 0, 0], 1), Some(3));
        assert_eq!(several([0, 0, 2, 0], 0), Some(2));
        assert_eq!(several([0, 0, 0, 1], 0), Some(1));
    }

    #[test]
    fn of_persons_in_places_what_took_place_there_is_told_too() {
        let axes = vec![Axis {
            dimension: Dimension::Country,
            codes: ["TH", OTHER, SEVERAL].map(str::to_owned).to_vec(),
        }];
        let behind = Behind {
            axes: &axes,
            cells: [2, 1, 0].map(Some).to_vec(),
            joined: Some(1),
        };
        let people = Count {
            measure: Measure::People,
            signers: Of::Organisations,
            axes: axes.clone(),
            period: "2018".parse().expect("a year"),
        };
        assert_eq!(behind.places(&people), [Some(3), Some(2), Some(1)]);
        assert!(behind.places(&people.of(Measure::Attendances)).is_empty());
        assert!(behind.places(&people.split(Vec::new())).is_empty());
    }

    #[test]
    fn what_takes_place_stands_where_it_does() {
        let held = [2, 1, 0, 0];
        let all = most(Measure::Attendances, held, 0);
        assert_eq!(all, [Some(2), Some(1), Some(0), Some(0)]);
        let joined = most(Measure::Completions, held, 1);
        assert_eq!(joined, [Some(3), Some(2), Some(1), Some(1)]);
    }
}
