//! Tables out of records written in a line each.

mod heads;
mod kinds;
mod people;
mod shared;
mod sums;

use crate::charter::policy::Of;
use uuid::Uuid;

use super::*;
use crate::model::{Dimension, dimension};
use crate::record::entry::{Fields, Row};
use crate::record::person::RecordKeys;
use crate::record::schema::{List, Shape};

/// Reads `field=value …` as it would be stored.
fn fields(shape: Shape, text: &str) -> Fields {
    let one = |setting: &str| {
        let (name, value) = setting.split_once('=').expect("field=value");
        let field = name.parse().expect("a field");
        let column = shape.column(field).expect("a field of the shape");
        (field, column.holds.decode(value).expect("a value"))
    };
    text.split_whitespace().map(one).collect()
}

fn record(kind: Kind, text: &str) -> Record {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let now = jiff::Timestamp::UNIX_EPOCH;
    Record {
        id: Uuid::from_u64_pair(0, number),
        kind,
        fields: fields(Shape::Kind(kind), &format!("title=x {text}")),
        lists: std::collections::BTreeMap::new(),
        created: now,
        updated: now,
        let_go: 0,
        source: None,
    }
}

fn training(text: &str) -> Record {
    record(Kind::Training, text)
}

/// Hangs rows on a record; a person is written as its name.
fn with(mut record: Record, list: List, rows: &[&str]) -> Record {
    let keys = RecordKeys::new([1; 32], [2; 32]);
    let named = |word: &str| match word.strip_prefix("person=") {
        Some(name) => format!("person={}", keys.pseudonym(name).expect("a name")),
        None => word.to_owned(),
    };
    let row = |text: &&str| {
        let words: Vec<String> = text.split_whitespace().map(named).collect();
        Row {
            key: keys.source_key(&[text.as_bytes()]),
            fields: fields(Shape::List(list), &words.join(" ")),
        }
    };
    record.lists.insert(list, rows.iter().map(row).collect());
    record
}

fn axis(dimension: Dimension, codes: &[&str]) -> Axis {
    let codes = dimension
        .fixed_codes()
        .filter(|_| codes.is_empty())
        .unwrap_or(codes);
    Axis {
        dimension,
        codes: codes.iter().map(|c| (*c).to_owned()).collect(),
    }
}

fn me() -> MemberId {
    "inpud".parse().expect("an id")
}

fn count(records: &[Record], measure: Measure, period: &str, axes: &[Axis]) -> Vec<Tally> {
    count_signers(records, measure, period, axes, Of::Organisations)
}

fn count_signers(
    records: &[Record],
    measure: Measure,
    period: &str,
    axes: &[Axis],
    signers: Of,
) -> Vec<Tally> {
    let request = TableRequest {
        kind: records[0].kind,
        measure,
        axes,
        period: period.parse().expect("a period"),
        signers,
    };
    tabulate(records, request, &me())
}

fn values(tallies: &[Tally]) -> Vec<Option<i64>> {
    tallies.iter().map(|tally| tally.value).collect()
}

#[track_caller]
fn check(records: &[Record], measure: Measure, period: &str, value: Option<i64>, uncounted: u32) {
    let tally = count(records, measure, period, &[])[0];
    assert_eq!(
        (tally.value, tally.uncounted),
        (value, uncounted),
        "{measure} {period}"
    );
}
