//! The periods a figure may be about: month, quarter, year, financial year.
//!
//! There are no arbitrary windows: odd nested windows are a differencing attack.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};

super::words! {
    /// How long a period is.
    pub enum Grain as "grain" {
        /// `2018-03`
        Month = "month",
        /// `2018Q1`
        Quarter = "quarter",
        /// `2018`
        Year = "year",
        /// `FY2018`, starting in the charter's month.
        FinancialYear = "fy",
    }
}

/// One period, ordered by first day and then the longer first.
///
/// # Example
/// ```
/// use counterfoil::model::Period;
/// let quarter: Period = "2018Q1".parse().unwrap();
/// assert_eq!(quarter.year_of().to_string(), "2018");
/// assert!(quarter.contains(jiff::civil::date(2018, 3, 31)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    year: i16,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Year,
    /// Holds the month the financial year starts in.
    FinancialYear(i8),
    Quarter(i8),
    Month(i8),
}

/// A period that is not one of the accepted spellings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a period; accepted: 2018, 2018Q1, 2018-03, FY2018, 201803, 2018-01-01/P1Y"
)]
pub struct BadPeriod {
    /// The text as given.
    pub given: String,
}

impl Period {
    /// Returns the calendar year `year`.
    pub const fn year(year: i16) -> Self {
        Self {
            year,
            part: Part::Year,
        }
    }

    /// Returns a quarter; `quarter` is 1 to 4.
    pub const fn quarter(year: i16, quarter: i8) -> Option<Self> {
        match quarter {
            1..=4 => Some(Self {
                year,
                part: Part::Quarter(quarter),
            }),
            _ => None,
        }
    }

    /// Returns a month; `month` is 1 to 12.
    pub const fn month(year: i16, month: i8) -> Option<Self> {
        match month {
            1..=12 => Some(Self {
                year,
                part: Part::Month(month),
            }),
            _ => None,
        }
    }

    /// Returns the period of a grain that holds a date. Financial years start in `fy_month`.
    pub fn holding(day: Date, grain: Grain, fy_month: i8) -> Self {
        let part = match grain {
            Grain::Month => Part::Month(day.month()),
            Grain::Quarter => Part::Quarter((day.month() - 1) / 3 + 1),
            Grain::Year => Part::Year,
            Grain::FinancialYear => Part::FinancialYear(fy_month),
        };
        let before_start = grain == Grain::FinancialYear && day.month() < fy_month;
        Self {
            year: day.year() - i16::from(before_start),
            part,
        }
    }

    /// Returns the same period with a financial year's start set to the charter's month.
    #[must_use]
    pub const fn with_financial_year(mut self, fy_month: i8) -> Self {
        if let Part::FinancialYear(_) = self.part {
            self.part = Part::FinancialYear(fy_month);
        }
        self
    }

    /// Returns how long it is.
    pub const fn grain(self) -> Grain {
        match self.part {
            Part::Year => Grain::Year,
            Part::FinancialYear(_) => Grain::FinancialYear,
            Part::Quarter(_) => Grain::Quarter,
            Part::Month(_) => Grain::Month,
        }
    }

    const fn first_month(self) -> i8 {
        match self.part {
            Part::Year => 1,
            Part::FinancialYear(month) | Part::Month(month) => month,
            Part::Quarter(quarter) => quarter * 3 - 2,
        }
    }

    const fn months(self) -> i8 {
        match self.part {
            Part::Year | Part::FinancialYear(_) => 12,
            Part::Quarter(_) => 3,
            Part::Month(_) => 1,
        }
    }

    /// Returns its first day.
    pub fn first_day(self) -> Date {
        date(self.year, self.first_month(), 1)
    }

    /// Returns its last day.
    pub fn last_day(self) -> Date {
        let last = self.first_month() + self.months() - 1;
        let (year, month) = if last > 12 {
            (self.year + 1, last - 12)
        } else {
            (self.year, last)
        };
        date(year, month, 1).last_of_month()
    }

    /// Returns whether a day lies in it.
    pub fn contains(self, day: Date) -> bool {
        (self.first_day()..=self.last_day()).contains(&day)
    }

    /// Returns whether another period lies wholly in it.
    pub fn covers(self, other: Self) -> bool {
        self.first_day() <= other.first_day() && other.last_day() <= self.last_day()
    }

    /// Returns the calendar year its first day lies in.
    pub const fn year_of(self) -> Self {
        Self::year(self.year)
    }

    /// Returns the period after it, of the same grain.
    #[must_use]
    pub fn next(self) -> Self {
        let (year, part) = match self.part {
            Part::Quarter(4) => (self.year + 1, Part::Quarter(1)),
            Part::Quarter(quarter) => (self.year, Part::Quarter(quarter + 1)),
            Part::Month(12) => (self.year + 1, Part::Month(1)),
            Part::Month(month) => (self.year, Part::Month(month + 1)),
            whole => (self.year + 1, whole),
        };
        Self { year, part }
    }

    /// Returns the periods of `grain` that lie in it, in order; itself where the grain is its own.
    pub fn split(self, grain: Grain, fy_month: i8) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut part = Self::holding(self.first_day(), grain, fy_month);
        while part.first_day() <= self.last_day() {
            if self.covers(part) {
                parts.push(part);
            }
            part = part.next();
        }
        parts
    }
}

impl Ord for Period {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.first_day(), -self.months(), self.grain()).cmp(&(
            other.first_day(),
            -other.months(),
            other.grain(),
        ))
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let year = self.year;
        let text = match self.part {
            Part::Year => format!("{year:04}"),
            Part::FinancialYear(_) => format!("FY{year:04}"),
            Part::Quarter(quarter) => format!("{year:04}Q{quarter}"),
            Part::Month(month) => format!("{year:04}-{month:02}"),
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Period {
    type Err = BadPeriod;

    /// Reads our own spellings, DHIS2 months (`201803`) and ISO 8601 intervals
    /// (`2018-01-01/P3M`). A financial year starts in January until
    /// [`Period::with_financial_year`] says otherwise.
    fn from_str(given: &str) -> Result<Self, BadPeriod> {
        let bad = || BadPeriod {
            given: given.chars().take(40).collect(),
        };
        parse(given).ok_or_else(bad)
    }
}

fn parse(text: &str) -> Option<Period> {
    if !text.is_ascii() {
        return None;
    }
    if let Some((first, length)) = text.split_once('/') {
        return parse_interval(first, length);
    }
    if let Some(year) = text.strip_prefix("FY") {
        return Some(Period {
            year: parse_year(year)?,
            part: Part::FinancialYear(1),
        });
    }
    let (year, rest) = text.split_at_checked(4)?;
    let year = parse_year(year)?;
    match rest.as_bytes() {
        [] => Some(Period::year(year)),
        [b'Q', quarter @ b'1'..=b'4'] => Period::quarter(year, (quarter - b'0') as i8),
        [b'-', tens, ones] | [tens, ones] => Period::month(year, two_digits(*tens, *ones)?),
        _ => None,
    }
}

fn parse_interval(first: &str, length: &str) -> Option<Period> {
    let [year, month, "01"] = first.split('-').collect::<Vec<_>>()[..] else {
        return None;
    };
    let year = parse_year(year)?;
    let [tens, ones] = month.as_bytes() else {
        return None;
    };
    let month = two_digits(*tens, *ones)?;
    match length {
        "P1M" => Period::month(year, month),
        "P3M" if month % 3 == 1 => Period::quarter(year, month / 3 + 1),
        "P1Y" if month == 1 => Some(Period::year(year)),
        _ => None,
    }
}

/// Reads four digits from 1000 to 9998, so that every period has a last day and a next one.
fn parse_year(text: &str) -> Option<i16> {
    if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|year| (1000..=9997).contains(year))
}

fn two_digits(tens: u8, ones: u8) -> Option<i8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| ((tens - b'0') * 10 + (ones - b'0')) as i8)
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, shown: Option<&str>) {
        let parsed = text.parse::<Period>().ok().map(|p| p.to_string());
        assert_eq!(parsed.as_deref(), shown, "{text:?}");
    }

    #[test]
    fn every_spelling_is_read() {
        check("2018", Some("2018"));
        check("2018Q4", Some("2018Q4"));
        check("2018-12", Some("2018-12"));
        check("201812", Some("2018-12"));
        check("FY2018", Some("FY2018"));
        check("2018-01-01/P1Y", Some("2018"));
        check("2018-04-01/P3M", Some("2018Q2"));
        check("2018-04-01/P1M", Some("2018-04"));
    }

    #[test]
    fn odd_windows_are_refused() {
        for text in [
            "2018Q0",
            "2018Q5",
            "2018-13",
            "2018-00",
            "18",
            "2018-01-15/P1M",
            "2018-02-01/P3M",
            "2018-04-01/P1Y",
            "",
            "FY",
            "2018Q",
            "+018",
            "٢٠١٨",
            "2018 ",
            "9999",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_financial_year_starts_in_the_charters_month() {
        let fy = Period::holding(date(2018, 3, 31), Grain::FinancialYear, 4);
        assert_eq!(fy.to_string(), "FY2017");
        assert_eq!(fy.first_day(), date(2017, 4, 1));
        assert_eq!(fy.last_day(), date(2018, 3, 31));
    }

    #[test]
    fn a_year_splits_into_its_quarters() {
        let parts = Period::year(2018).split(Grain::Quarter, 1);
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[3].last_day(), date(2018, 12, 31));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,24}") {
            if let Ok(period) = text.parse::<Period>() {
                prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
                prop_assert!(period.first_day() <= period.last_day());
            }
        }

        #[test]
        fn periods_round_trip(year in 1000i16..=9997, part in 0i8..=17) {
            let period = match part {
                0 => Some(Period::year(year)),
                1..=12 => Period::month(year, part),
                _ => Period::quarter(year, (part - 12).min(4)),
            }.expect("parts are in range");
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
            prop_assert!(period.contains(period.first_day()) && period.contains(period.last_day()));
            prop_assert_eq!(period.next().first_day(), period.last_day().tomorrow().expect("in range"));
        }
    }
}
