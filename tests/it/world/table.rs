//! Rows of a report, and small CSV files.

use serde_json::Value;

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) value: Option<u64>,
    pub(crate) lower: u64,
    pub(crate) upper: Option<u64>,
    pub(crate) uncounted: u64,
    /// The codes of its group, in the order asked for.
    pub(crate) group: Vec<String>,
}

impl Row {
    /// Returns whether a true figure may be what the row says.
    pub(crate) fn holds(&self, truth: u64) -> bool {
        self.lower <= truth && self.upper.is_none_or(|upper| truth <= upper)
    }
}

/// Returns the rows of an answer, with the codes of their groups in the order of `by`.
#[track_caller]
pub(crate) fn rows(answer: &Value, by: &[&str]) -> Vec<Row> {
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().map(|row| read_row(row, by)).collect()
}

#[track_caller]
fn read_row(row: &Value, by: &[&str]) -> Row {
    let group = row["group"].as_object().expect("a group");
    assert_eq!(group.len(), by.len(), "exactly the names asked for: {row}");
    let code = |name: &&str| group[*name].as_str().expect("a code").to_owned();
    let read = Row {
        value: row["value"].as_u64(),
        lower: row["lower"].as_u64().expect("a lower bound"),
        upper: row["upper"].as_u64(),
        uncounted: row["uncounted"].as_u64().expect("a number"),
        group: by.iter().map(code).collect(),
    };
    if let Some(value) = read.value {
        assert_eq!((read.lower, read.upper), (value, Some(value)), "{row}");
    }
    assert!(read.upper.is_none_or(|upper| read.lower <= upper), "{row}");
    read
}

/// Returns the one row of an answer that is not split.
#[track_caller]
pub(crate) fn only(answer: &Value) -> Row {
    let mut rows = rows(answer, &[]);
    assert_eq!(rows.len(), 1, "{answer}");
    rows.remove(0)
}

/// Writes a CSV file.
pub(crate) fn csv(lines: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for line in lines {
        out.write_record(line).expect("written to memory");
    }
    out.into_inner().expect("written to memory")
}
