//! An answer as JSON, CSV and text.
//!
//! - [`json`]: what `--json` prints, and the canonical form.
//! - [`csv`]: long form, one value per row.
//! - [`text`]: a table with bounds in words, and who reported in one line.
//!
//! Numbers come in the measure's integer unit: money is shown as a decimal string, hours as a
//! decimal number, everything else as a count.

pub mod csv;
pub mod json;
pub mod text;

use crate::model::Measure;
use crate::model::measure::Adds;
use crate::wire;

/// How the numbers of one measure are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    decimals: u32,
    money: bool,
}

impl Unit {
    /// Returns how a measure is written whose integers have so many decimal places.
    pub fn of_measure(measure: &str, decimals: u32) -> Self {
        Self {
            // An i64 has no more than 18 whole decimal places.
            decimals: decimals.min(18),
            money: measure
                .parse()
                .is_ok_and(|measure: Measure| measure.adds() == Adds::Magnitude),
        }
    }

    fn of(answer: &wire::QueryResponse) -> Self {
        let measure = answer.query.as_ref().map_or("", |query| &query.measure);
        Self::of_measure(measure, answer.decimals)
    }

    /// Returns a number as JSON: money as text, anything else as a number.
    pub fn to_json(self, number: i64) -> serde_json::Value {
        json::to_value(&json::Number::of(number, self))
    }

    /// Writes what is known of a number in words: `12`, `fewer than 10`, `between 34 and 52`,
    /// `at least 3`, `not known`.
    pub fn bounds(self, value: Option<i64>, lower: i64, upper: Option<i64>) -> String {
        let least = self.spell(lower);
        match (value, upper) {
            (Some(value), _) => self.spell(value),
            (None, Some(upper)) if upper == lower => least,
            (None, Some(upper)) if lower == 0 && self.decimals == 0 => {
                format!("fewer than {}", self.spell(upper.saturating_add(1)))
            }
            (None, Some(upper)) if lower == 0 => format!("at most {}", self.spell(upper)),
            (None, Some(upper)) => format!("between {least} and {}", self.spell(upper)),
            (None, None) if lower > 0 => format!("at least {least}"),
            (None, None) => "not known".to_owned(),
        }
    }

    /// Writes a number in decimal; money with at least two places, anything else with none it
    /// does not need.
    pub fn spell(self, number: i64) -> String {
        let one = 10u64.pow(self.decimals);
        let sign = if number < 0 { "-" } else { "" };
        let (whole, part) = (number.unsigned_abs() / one, number.unsigned_abs() % one);
        if self.decimals == 0 {
            return format!("{sign}{whole}");
        }
        let places = format!("{part:0width$}", width = self.decimals as usize);
        let least = if self.money { 2.min(places.len()) } else { 0 };
        let needed = places.trim_end_matches('0').len().max(least);
        if needed == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}.{}", &places[..needed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_in_their_unit() {
        let unit = |decimals, money| Unit { decimals, money };
        for (unit, number, text) in [
            (unit(0, false), -12, "-12"),
            (unit(2, false), 150, "1.5"),
            (unit(2, false), 600, "6"),
            (unit(2, false), 5, "0.05"),
            (unit(4, true), 15_000_000, "1500.00"),
            (unit(4, true), -12_345, "-1.2345"),
            (unit(4, true), i64::MIN, "-922337203685477.5808"),
        ] {
            assert_eq!(unit.spell(number), text);
        }
    }
}
