//! Cells, tables and summaries: what may leave a node.

use std::fmt;
use std::str::FromStr;

use super::{Dimension, Kind, Measure, MemberId, Period};

/// What a cell says about its true value. Numbers are in the measure's integer unit
/// ([`Measure::decimals`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Figure {
    /// The value itself.
    Exact(i64),
    /// The value lies between these, both included; it may be a true 0.
    Interval {
        /// Smallest possible value.
        lower: i64,
        /// Largest possible value.
        upper: i64,
    },
    /// Not said: unknown, or kept back. Never to be read as 0.
    Absent,
}

impl Figure {
    /// Returns the value when it is exact.
    pub const fn value(self) -> Option<i64> {
        match self {
            Self::Exact(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the smallest possible value.
    pub const fn lower(self) -> i64 {
        match self {
            Self::Exact(value) => value,
            Self::Interval { lower, .. } => lower,
            Self::Absent => 0,
        }
    }

    /// Returns the largest possible value, if anything bounds it.
    pub const fn upper(self) -> Option<i64> {
        match self {
            Self::Exact(value) => Some(value),
            Self::Interval { upper, .. } => Some(upper),
            Self::Absent => None,
        }
    }

    /// Returns its state's word: `exact`, `interval` or `absent`.
    pub const fn state(self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Interval { .. } => "interval",
            Self::Absent => "absent",
        }
    }
}

/// One number in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// What is said of the value.
    pub figure: Figure,
    /// Activities in the cell with no count.
    pub uncounted: u32,
}

/// What a cell truly holds. It never leaves the private plane.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Tally {
    /// Sum of the known counts; `None` where there are activities and none has a count.
    pub value: Option<i64>,
    /// Different persons behind it or, where only head counts are known, the largest one.
    pub contributors: u64,
    /// Activities in the cell.
    pub activities: u32,
    /// Activities in it with no count.
    pub uncounted: u32,
    /// The largest amount one activity adds, of hours and money.
    #[serde(default)]
    pub largest: i64,
    /// The second largest.
    #[serde(default)]
    pub second: i64,
}

/// Most sentences a member publishes about one period.
pub const MOST_STATEMENTS: usize = 5;

/// Most characters of one sentence.
pub const LONGEST_STATEMENT: usize = 240;

/// Most bytes of one sentence: three a character, as every living script needs at most.
pub const WIDEST_STATEMENT: usize = 3 * LONGEST_STATEMENT;

/// Returns whether a text is a sentence that may be published: one line of 1 to
/// [`LONGEST_STATEMENT`] characters that does not steer a screen, and no more blanks than it needs.
pub fn is_statement(text: &str) -> bool {
    let spaced = || text.split(' ').all(|word| !word.is_empty());
    text.len() <= WIDEST_STATEMENT
        && (1..=LONGEST_STATEMENT).contains(&text.chars().count())
        && !text
            .chars()
            .any(|letter| super::steers_text(letter) || (letter.is_whitespace() && letter != ' '))
        && spaced()
}

/// One dimension of a table with its codes, in order.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Axis {
    /// What the table is split by.
    pub dimension: Dimension,
    /// The codes along it.
    pub codes: Vec<String>,
}

/// Measure × dimensions × period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The plan's identifier, such as `training.activities.by_topic`.
    pub id: String,
    /// What is counted.
    pub measure: Measure,
    /// The dimensions; none for a total.
    pub axes: Vec<Axis>,
    /// One cell per combination of codes, the last axis fastest.
    pub cells: Vec<Cell>,
}

/// Returns how many cells the axes span: the product of their lengths, 1 for none.
pub fn cell_count(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.codes.len()).product()
}

impl Table {
    /// Returns the codes of the cell at `index`, one per axis.
    pub fn codes_at(&self, index: usize) -> Vec<&str> {
        codes_at(&self.axes, index)
    }
}

/// Returns the codes of the cell at `index` along `axes`, the last axis fastest.
pub fn codes_at(axes: &[Axis], index: usize) -> Vec<&str> {
    let mut rest = index;
    let mut codes: Vec<&str> = axes
        .iter()
        .rev()
        .map(|axis| {
            let code = &axis.codes[rest % axis.codes.len()];
            rest /= axis.codes.len();
            code.as_str()
        })
        .collect();
    codes.reverse();
    codes
}

/// Returns where the cell with these codes stands, or `None` where a code is not on its axis.
pub fn index_of(axes: &[Axis], codes: &[&str]) -> Option<usize> {
    if axes.len() != codes.len() {
        return None;
    }
    axes.iter().zip(codes).try_fold(0, |index, (axis, code)| {
        let at = axis.codes.iter().position(|c| c == code)?;
        Some(index * axis.codes.len() + at)
    })
}

/// What a summary is about: one kind in one period, written `training/2018Q1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Kind of record.
    pub kind: Kind,
    /// Period.
    pub period: Period,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.period)
    }
}

/// A series that is not `kind/period`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a series such as training/2018Q1")]
pub struct BadSeries {
    /// The text as given.
    pub given: String,
}

impl FromStr for Series {
    type Err = BadSeries;

    fn from_str(given: &str) -> Result<Self, BadSeries> {
        let parsed = given.split_once('/').and_then(|(kind, period)| {
            let series = Self {
                kind: kind.parse().ok()?,
                period: period.parse().ok()?,
            };
            // Only the spelling we write ourselves: a series names a place in a log.
            (series.period.to_string() == period).then_some(series)
        });
        parsed.ok_or_else(|| BadSeries {
            given: given.chars().take(64).collect(),
        })
    }
}

impl serde::Serialize for Series {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The protected tables of one member, one kind and one period, one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Who says so.
    pub member: MemberId,
    /// What about.
    pub series: Series,
    /// 1 for the first release of the series, one more for each after it.
    pub revision: u32,
    /// The charter version whose plan gave the tables their shape.
    pub charter_version: u32,
    /// The tables, in the plan's order.
    pub tables: Vec<Table>,
    /// What the member says of it in its own words, each as [`is_statement`] has it.
    pub statements: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        let axis = |dimension, codes: &[&str]| Axis {
            dimension,
            codes: codes.iter().map(|c| (*c).to_owned()).collect(),
        };
        vec![
            axis(Dimension::Topic, &["a", "b", "c"]),
            axis(Dimension::Grant, &["x", "y"]),
        ]
    }

    #[test]
    fn a_statement_is_one_plain_line() {
        let longest = "a".repeat(LONGEST_STATEMENT);
        for text in ["We trained.", "ฝึกอบรม 5 ครั้ง", &longest] {
            assert!(is_statement(text), "{text:?}");
        }
        let longer = format!("{longest}a");
        let wide = "\u{1f600}".repeat(LONGEST_STATEMENT);
        for text in [
            "",
            " a",
            "a ",
            "a  b",
            "a\nb",
            "a\tb",
            "a\u{1b}b",
            "a\u{202e}b",
            "a\u{a0}b",
            &longer,
            &wide,
        ] {
            assert!(!is_statement(text), "{text:?}");
        }
    }

    #[test]
    fn cells_stand_with_the_last_axis_fastest() {
        let axes = axes();
        for index in 0..cell_count(&axes) {
            assert_eq!(index_of(&axes, &codes_at(&axes, index)), Some(index));
        }
        assert_eq!(codes_at(&axes, 1), ["a", "y"]);
        assert_eq!(index_of(&axes, &["c", "z"]), None);
    }

    #[test]
    fn a_series_has_one_spelling() {
        assert!("training/2018Q1".parse::<Series>().is_ok());
        assert!("training/201803".parse::<Series>().is_err());
        assert!("training".parse::<Series>().is_err());
    }
}
