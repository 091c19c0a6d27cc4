//! On which periods' tables a record bears, and by what it is seen that it changed.

use std::fmt::{self, Write as _};

use jiff::civil::Date;

use super::entry::{Fields, Record, Values};
use super::schema::{Field, List};
use super::tabulate::closed;
use crate::model::{Kind, Period};

/// The days of list rows that decide in which period they count.
const DAYS: [(List, &[Field]); 2] = [
    (List::Suggestions, &[Field::Made, Field::Decided]),
    (List::Milestones, &[Field::Due, Field::Done]),
];

/// Returns whether a record may count in a table of a period: some day of it lies there, or what
/// it says lasts into it.
pub fn bears_on(record: &Record, period: Period) -> bool {
    if record.code(Field::Visibility) == Some("node") {
        return false;
    }
    let has_begun = record.start().is_some_and(|day| day <= period.last_day());
    let lasts = match record.kind {
        Kind::CapacityMilestone => has_begun,
        Kind::JointProject => {
            let closed = closed(record);
            has_begun && closed.is_none_or(|day| day >= period.first_day())
        }
        _ => false,
    };
    lasts || days(record).any(|day| period.contains(day))
}

fn days(record: &Record) -> impl Iterator<Item = Date> {
    let of_rows = DAYS.iter().flat_map(|(list, fields)| {
        let rows = record.rows(*list).iter();
        rows.flat_map(|row| fields.iter().filter_map(|field| row.day(*field)))
    });
    let own = [Field::Start, Field::Finished];
    own.into_iter()
        .filter_map(|field| record.day(field))
        .chain(of_rows)
}

/// Returns a number that is another one, but for a chance of one in 2^64, once anything a record
/// says has changed. Stored, so never counted otherwise: FNV-1a over fields and rows.
pub fn mark(record: &Record) -> u64 {
    let mut mark = Mark(0xcbf2_9ce4_8422_2325);
    mark.take_fields(&record.fields);
    for (list, rows) in &record.lists {
        mark.take(list.as_str());
        for row in rows {
            mark.take("row");
            mark.take_fields(&row.fields);
        }
    }
    mark.0
}

/// The 64-bit FNV-1a hash so far (draft-eastlake-fnv, section 2).
struct Mark(u64);

impl Mark {
    fn take_fields(&mut self, fields: &Fields) {
        for (field, value) in fields {
            self.take(field.as_str());
            // Nothing that is only counted can fail to be written.
            let _infallible = write!(self, "{value}");
            self.take("");
        }
    }

    /// Takes in a text and where it ends.
    fn take(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.take_byte(byte);
        }
    }

    const fn take_byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

impl fmt::Write for Mark {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.take_byte(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::person::SourceKey;
    use crate::record::value::Value;
    use crate::record::{Fields, Row};

    fn record(kind: Kind, days: &[(Field, &str)]) -> Record {
        let day = |text: &str| Value::Date(text.parse().expect("a date"));
        Record {
            id: uuid::Uuid::nil(),
            kind,
            fields: days
                .iter()
                .map(|(field, text)| (*field, day(text)))
                .collect(),
            lists: std::collections::BTreeMap::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
            updated: jiff::Timestamp::UNIX_EPOCH,
            let_go: 0,
            source: None,
        }
    }

    #[track_caller]
    fn check(record: &Record, periods: &[(&str, bool)]) {
        for (period, bears) in periods {
            let of: Period = period.parse().expect("a period");
            assert_eq!(bears_on(record, of), *bears, "{period}");
        }
    }

    #[test]
    fn an_activity_bears_on_the_periods_of_its_days() {
        let mut held = record(Kind::Consultation, &[(Field::Start, "2018-02-01")]);
        check(
            &held,
            &[("2018Q1", true), ("2018Q2", false), ("2018", true)],
        );
        let made = Value::Date("2018-05-01".parse().expect("a date"));
        let row = Row {
            key: SourceKey::from_bytes(&[1; 16]).expect("16 bytes"),
            fields: Fields::from([(Field::Made, made)]),
        };
        held.lists.insert(List::Suggestions, vec![row]);
        check(
            &held,
            &[("2018Q1", true), ("2018Q2", true), ("2018Q3", false)],
        );
        let hidden = Value::Code("node".to_owned());
        held.fields.insert(Field::Visibility, hidden);
        check(&held, &[("2018Q1", false)]);
    }

    #[test]
    fn a_mark_follows_everything_a_record_says() {
        let held = record(Kind::Consultation, &[(Field::Start, "2018-02-01")]);
        let mut marks = vec![mark(&held)];
        let mut other = held.clone();
        other.updated = jiff::Timestamp::MAX;
        assert_eq!(mark(&other), marks[0], "when it was touched says nothing");
        let text = |text: &str| Value::Text(text.to_owned());
        other.fields.insert(Field::Title, text("a"));
        marks.push(mark(&other));
        other.fields.insert(Field::Notes, text("a"));
        marks.push(mark(&other));
        let row = Row {
            key: SourceKey::from_bytes(&[1; 16]).expect("16 bytes"),
            fields: Fields::from([(Field::Text, text("a"))]),
        };
        for _ in 0..2 {
            let rows = other.lists.entry(List::Suggestions).or_default();
            rows.push(row.clone());
            marks.push(mark(&other));
        }
        let all = marks.len();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), all);
    }

    #[test]
    fn what_lasts_bears_on_later_periods() {
        let start = (Field::Start, "2018-02-01");
        let item = record(Kind::CapacityMilestone, &[start]);
        check(
            &item,
            &[("2017Q4", false), ("2018Q1", true), ("2020", true)],
        );
        let project = record(
            Kind::JointProject,
            &[start, (Field::Finished, "2018-08-01")],
        );
        check(
            &project,
            &[("2018Q2", true), ("2018Q3", true), ("2018Q4", false)],
        );
    }
}
