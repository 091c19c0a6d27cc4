//! Dates as people write them, decided column by column and never guessed.

use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;

use super::map::{Calendar, Dates};
use super::sheet::CellKind;
use crate::record::daytime::is_time;
use crate::record::value::{BadValue, parse_date, plausible};

/// Years between the Buddhist and the Gregorian calendar, as used in Thailand since 1941.
const BUDDHIST_YEARS: i16 = 543;

/// What a date column has shown so far, and how it will be read.
#[derive(Clone, Debug, Default)]
pub(super) struct DateColumn {
    /// A first number above 12 stood before a second of at most 12.
    day_first: bool,
    /// A second number above 12 stood after a first of at most 12.
    month_first: bool,
    /// Whether the spreadsheet itself holds some of the values as dates.
    has_dates: bool,
    /// The first value whose order has to be known, with its line.
    first: Option<(u64, String)>,
}

/// A column whose order of day and month nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) line: u64,
    pub(super) value: String,
    pub(super) reason: String,
}

/// Why one value of a column is not a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadDate {
    Value(BadValue),
    /// The whole column waits for an answer.
    Asked,
    /// A plain number of a spreadsheet.
    Number,
    /// Fits none of the MAP's formats.
    Formats(String),
}

impl DateColumn {
    /// Takes one value into account.
    pub(super) fn see(&mut self, line: u64, text: &str, kind: CellKind) {
        if kind == CellKind::Date {
            self.has_dates = true;
            return;
        }
        let Some(Numbers::YearLast(first, second, _)) = numbers(text) else {
            return;
        };
        self.day_first |= first > 12 && second <= 12;
        self.month_first |= first <= 12 && second > 12;
        self.first.get_or_insert_with(|| (line, text.to_owned()));
    }

    /// Returns the question this column raises, once all its values were seen.
    pub(super) fn question(&self) -> Option<Question> {
        let (line, value) = self.first.clone()?;
        let reason = match (self.day_first, self.month_first) {
            // A program set to the other order made dates of those it could, and left these.
            _ if self.has_dates => {
                "the spreadsheet holds some cells of this column as dates and this one as text, so \
                 day and month may be exchanged in the others; write them all as YYYY-MM-DD, such as \
                 2018-03-31, or, where the others are right, say how the texts are written in the \
                 MAP: [dates] formats = [\"%d/%m/%Y\"]"
            }
            (true, false) | (false, true) => return None,
            (false, false) => {
                "does the day come first or the month? say so in the MAP: \
                 [dates] formats = [\"%d/%m/%Y\"] or [\"%m/%d/%Y\"]"
            }
            (true, true) => {
                "in this column the day comes first in some dates and the month in others; \
                 write them as YYYY-MM-DD, such as 2018-03-31"
            }
        };
        Some(Question {
            line,
            value,
            reason: reason.to_owned(),
        })
    }

    /// Reads one value of a column that has been seen whole. What a spreadsheet itself holds as a
    /// date needs no format.
    pub(super) fn read(&self, text: &str, kind: CellKind, rules: &Dates) -> Result<Date, BadDate> {
        match kind {
            CellKind::Number => return Err(BadDate::Number),
            CellKind::Date => {}
            _ if !rules.formats.is_empty() => return by_formats(text, rules),
            _ => {}
        }
        let (year, month, day) = match numbers(text) {
            None => return parse_date(text).map_err(BadDate::Value),
            Some(Numbers::YearFirst(year, month, day)) => (year, month, day),
            Some(Numbers::YearLast(first, second, year)) => {
                match (self.day_first, self.month_first) {
                    _ if self.has_dates => return Err(BadDate::Asked),
                    (true, false) => (year, second, first),
                    (false, true) => (year, first, second),
                    _ => return Err(BadDate::Asked),
                }
            }
        };
        in_calendar(year, month, day, rules.calendar)
    }
}

/// A date of three numbers.
enum Numbers {
    /// Year, month, day.
    YearFirst(i16, i8, i8),
    /// Day and month in some order, then the year.
    YearLast(i8, i8, i16),
}

/// Splits a date at `/`, `.` or `-`. A time after it is left aside: the local day as written.
/// Whatever else follows it makes it no date.
fn numbers(text: &str) -> Option<Numbers> {
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time.trim_start())),
        None => (text, None),
    };
    if time.is_some_and(|time| !is_time(time)) {
        return None;
    }
    let separator = day.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let parts: Vec<_> = day.split(separator).collect();
    let small = |text: &str| {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<i8>().ok()).flatten()
    };
    let year = |text: &str| {
        let fits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<i16>().ok()).flatten()
    };
    let [first, second, third] = parts[..] else {
        return None;
    };
    if let Some(year) = year(first) {
        return Some(Numbers::YearFirst(year, small(second)?, small(third)?));
    }
    Some(Numbers::YearLast(
        small(first)?,
        small(second)?,
        year(third)?,
    ))
}

fn by_formats(text: &str, rules: &Dates) -> Result<Date, BadDate> {
    let parsed = rules
        .formats
        .iter()
        .find_map(|format| BrokenDownTime::parse(format, text).ok());
    let Some(parsed) = parsed else {
        return Err(BadDate::Formats(rules.formats.join(" ")));
    };
    match (parsed.year(), parsed.month(), parsed.day()) {
        // Taken apart, so that the 29th of February of a Buddhist leap year is read.
        (Some(year), Some(month), Some(day)) => in_calendar(year, month, day, rules.calendar),
        _ => {
            let date = parsed
                .to_date()
                .map_err(|_| BadDate::Value(BadValue::Date))?;
            in_calendar(date.year(), date.month(), date.day(), rules.calendar)
        }
    }
}

fn in_calendar(year: i16, month: i8, day: i8, calendar: Option<Calendar>) -> Result<Date, BadDate> {
    let bad = || BadDate::Value(BadValue::Date);
    let make = |year| Date::new(year, month, day).map_err(|_| bad());
    match calendar {
        Some(Calendar::Buddhist) if (2400..=2700).contains(&year) => make(year - BUDDHIST_YEARS),
        Some(Calendar::Buddhist) => Err(bad()),
        Some(Calendar::Gregorian) if (1900..=2700).contains(&year) => make(year),
        Some(Calendar::Gregorian) => Err(bad()),
        // The question comes before a complaint about the 29th of February.
        None if (2400..=2700).contains(&year) => {
            Err(BadDate::Value(BadValue::BuddhistYear { year }))
        }
        None => plausible(make(year)?).map_err(BadDate::Value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn read(values: &[&str], rules: &Dates) -> Result<Vec<Date>, BadDate> {
        let mut column = DateColumn::default();
        let mut see = |text: &&str| column.see(2, text, CellKind::Text);
        values.iter().for_each(&mut see);
        let read = |text: &&str| column.read(text, CellKind::Text, rules);
        values.iter().map(read).collect()
    }

    fn rules(formats: &[&str], calendar: Option<Calendar>) -> Dates {
        Dates {
            formats: formats.iter().map(|f| (*f).to_owned()).collect(),
            calendar,
        }
    }

    #[test]
    fn a_column_decides_by_its_own_values() {
        let plain = Dates::default();
        let expected = Ok(vec![date(2018, 4, 3), date(2018, 4, 13)]);
        assert_eq!(read(&["3/4/2018", "13/4/2018"], &plain), expected);
        assert_eq!(read(&["4/3/2018", "4/13/2018 9:41:05"], &plain), expected);
        assert_eq!(read(&["2018-04-03", "2018/4/13"], &plain), expected);
        assert_eq!(read(&["03.04.2018"], &plain), Err(BadDate::Asked));
        assert_eq!(
            read(&["13/4/2018", "4/13/2018"], &plain),
            Err(BadDate::Asked)
        );
    }

    #[test]
    fn only_a_time_may_follow_a_date() {
        let plain = Dates::default();
        for text in [
            "2018-03-12 to 2018-03-16",
            "2018-03-12 banana",
            "2018-03-12Tfoo",
            "13/03/2018 - 16/03/2018",
        ] {
            let refused = Err(BadDate::Value(BadValue::Date));
            assert_eq!(read(&[text], &plain), refused, "{text}");
        }
        for text in ["2018-03-12T10:00:00.000+07:00", "2018/3/12 9:41 AM"] {
            assert_eq!(read(&[text], &plain), Ok(vec![date(2018, 3, 12)]), "{text}");
        }
    }

    #[test]
    fn the_question_is_asked_once_with_an_example() {
        let mut column = DateColumn::default();
        let mut see = |line, text| column.see(line, text, CellKind::Text);
        see(2, "2018-01-01");
        see(3, "03/04/2018");
        let question = column.question().expect("nobody can tell");
        assert_eq!((question.line, question.value.as_str()), (3, "03/04/2018"));
        column.see(4, "31/04/2018", CellKind::Text);
        assert_eq!(column.question(), None);
    }

    #[test]
    fn dates_of_a_spreadsheet_among_texts_raise_a_question() {
        let mut column = DateColumn::default();
        column.see(2, "2018-04-03", CellKind::Date);
        assert_eq!(column.question(), None);
        column.see(3, "13/03/2018", CellKind::Text);
        let question = column.question().expect("the order was exchanged, or not");
        assert_eq!((question.line, question.value.as_str()), (3, "13/03/2018"));
        let read = |rules: &Dates| column.read("13/03/2018", CellKind::Text, rules);
        assert_eq!(read(&Dates::default()), Err(BadDate::Asked));
        assert_eq!(read(&rules(&["%d/%m/%Y"], None)), Ok(date(2018, 3, 13)));
    }

    #[test]
    fn the_maps_formats_and_calendar_decide() {
        let words = rules(&["%Y-%m-%d", "%d %B, %Y"], None);
        assert_eq!(
            read(&["4 August, 2022"], &words),
            Ok(vec![date(2022, 8, 4)])
        );
        assert!(matches!(
            read(&["04/08/2022"], &words),
            Err(BadDate::Formats(_))
        ));
        let thai = rules(&["%d/%m/%Y"], Some(Calendar::Buddhist));
        assert_eq!(read(&["29/02/2559"], &thai), Ok(vec![date(2016, 2, 29)]));
        assert_eq!(
            read(&["29/02/2016"], &thai),
            Err(BadDate::Value(BadValue::Date))
        );
        let thai = rules(&[], Some(Calendar::Buddhist));
        assert_eq!(read(&["2561-02-03"], &thai), Ok(vec![date(2018, 2, 3)]));
    }

    #[test]
    fn a_buddhist_year_is_a_question() {
        let asked = Err(BadDate::Value(BadValue::BuddhistYear { year: 2561 }));
        assert_eq!(read(&["2561-02-03"], &Dates::default()), asked);
        assert_eq!(read(&["13/02/2561"], &Dates::default()), asked);
    }

    proptest! {
        #[test]
        fn any_text_is_a_day_or_refused(
            texts in proptest::collection::vec("(.{0,12}|[0-9]{1,4}[-/.][0-9]{1,3}[-/.][0-9]{1,4})", 1..4),
            buddhist in any::<bool>(),
        ) {
            let calendar = buddhist.then_some(Calendar::Buddhist);
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            if let Ok(days) = read(&texts, &rules(&[], calendar)) {
                prop_assert!(days.iter().all(|day| (1857..=2399).contains(&day.year())));
            }
        }
    }
}
