//! What one column of a file shows of itself.

use std::collections::BTreeSet;

use super::REMEMBERED;
use super::words::{DATE_FORMATS, NO, NOT_KNOWN, OF_ACTIVITIES, YES};
use crate::record::codes::OTHER;
use crate::record::import::dates::DateColumn;
use crate::record::import::persons::{Personal, by_header};
use crate::record::schema::{Codes, Column, Type};
use crate::record::value::Reader;

/// What one column of the file shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) name: String,
    /// What names the column in a MAP.
    pub(super) header: String,
    pub(super) cells: usize,
    pub(super) persons: usize,
    pub(super) values: BTreeSet<String>,
    /// Cells a spreadsheet itself holds as dates.
    pub(super) dates: usize,
    /// In which order its dates have day and month.
    pub(super) order: DateColumn,
}

impl Shown {
    pub(super) fn is_personal(&self) -> bool {
        let by_name = match by_header(&self.name) {
            // `Participants` may say how many they were.
            Some(Personal::Name) => !self.counts(),
            by_name => by_name.is_some(),
        };
        by_name || (self.cells > 0 && 2 * self.persons > self.cells)
    }

    /// Returns whether the column has values and all are numbers, or say that nothing is known.
    /// Returns whether a column called `name` and no more names what was done: most of its values
    /// have a word in them that says so and stands in no person's name.
    pub(super) fn names_activities(&self) -> bool {
        let says_so = |value: &&String| {
            let words = value.split(|c: char| !c.is_alphanumeric());
            words
                .map(str::to_lowercase)
                .any(|word| OF_ACTIVITIES.contains(&word.as_str()))
        };
        let is_plain = self.name.trim().eq_ignore_ascii_case("name") && self.persons == 0;
        is_plain && 2 * self.values.iter().filter(says_so).count() > self.values.len()
    }

    /// Returns whether no two rows say the same here, as far as was looked.
    pub(super) fn tells_rows_apart(&self) -> bool {
        self.values.len() == self.cells.min(REMEMBERED)
    }

    /// Returns whether all values are codes of the field's list, which has to be a known one, and
    /// one at least says more than `other`.
    pub(super) fn holds_codes(&self, column: &Column, reader: Reader<'_>) -> bool {
        let is_known = match column.holds {
            Type::Code(Codes::Charter(list)) | Type::CodeList(Codes::Charter(list)) => {
                reader.codes.has(list)
            }
            Type::Code(_) | Type::CodeList(_) => true,
            _ => false,
        };
        let says_more = || {
            self.values
                .iter()
                .any(|value| !value.eq_ignore_ascii_case(OTHER))
        };
        is_known && says_more() && self.all(|value| column.holds.parse(value, reader).is_ok())
    }

    fn counts(&self) -> bool {
        let is_number = |value: &String| value.parse::<f64>().is_ok();
        self.values.iter().any(is_number)
            && self
                .values
                .iter()
                .all(|value| is_number(value) || NOT_KNOWN.contains(&value.as_str()))
    }

    /// Returns whether there are values, and all that are known are such.
    pub(super) fn all(&self, is_such: impl Fn(&str) -> bool) -> bool {
        let is_known = |value: &&String| !NOT_KNOWN.contains(&value.as_str());
        let mut known = self.values.iter().filter(is_known).peekable();
        known.peek().is_some() && known.all(|value| is_such(value))
    }

    pub(super) fn is_all_dates(&self) -> bool {
        let is_plain = |value: &str| {
            let day = value.split([' ', 'T']).next().unwrap_or_default();
            let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
            let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
            let digits = parts.concat().bytes().all(|b| b.is_ascii_digit());
            digits && matches!(lengths[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
        };
        (self.cells > 0 && self.dates == self.cells)
            || self.all(|value| is_plain(value) || format_of(value).is_some())
    }

    /// Returns whether the column only says yes or no.
    pub(super) fn decides(&self) -> bool {
        self.all(|value| {
            let small = value.to_lowercase();
            YES.contains(&small.as_str()) || NO.contains(&small.as_str())
        })
    }

    /// Returns whether most values are such as the field holds, or could be with a little help.
    pub(super) fn holds(&self, column: &Column, reader: Reader<'_>) -> bool {
        let fits = |value: &&String| match column.holds {
            Type::Date => self.dates > 0 || is_date(value),
            Type::Count | Type::Hours | Type::Money => column.holds.parse(value, reader).is_ok(),
            _ => true,
        };
        let known = || {
            self.values
                .iter()
                .filter(|v| !NOT_KNOWN.contains(&v.as_str()))
        };
        2 * known().filter(fits).count() >= known().count()
    }
}

fn is_date(value: &str) -> bool {
    let is_plain = value.len() >= 8
        && value.bytes().filter(u8::is_ascii_digit).count() >= 6
        && value.contains(['-', '/', '.']);
    is_plain || format_of(value).is_some()
}

/// Returns the format of a date that is written with the name of its month.
pub(super) fn format_of(value: &str) -> Option<&'static str> {
    let is_it = |format: &&&str| jiff::civil::Date::strptime(**format, value).is_ok();
    DATE_FORMATS.iter().find(is_it).copied()
}
