//! Answers over summaries as JSON, CSV and tables.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::figures;
use super::output::{Reply, count, printable, table};
use crate::wire;

/// An answer to a query.
#[derive(Debug, Serialize)]
pub(super) struct QueryReply {
    query: Query,
    as_of: AsOf,
    coverage: CoverageReply,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Query {
    kind: String,
    measure: String,
    by: Vec<String>,
    from: String,
    to: String,
    grain: String,
    members: Vec<String>,
    r#where: BTreeMap<String, Vec<String>>,
    at: String,
    allow_partial: bool,
    provenance: bool,
}

#[derive(Debug, Serialize)]
struct AsOf {
    date: String,
    charter_version: u32,
    checkpoints: Vec<Checkpoint>,
}

#[derive(Debug, Serialize)]
struct Checkpoint {
    member: String,
    tree_size: u64,
    root_hash: String,
    cosigned_by: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    group: BTreeMap<String, String>,
    value: Option<Value>,
    lower: Value,
    upper: Option<Value>,
    uncounted: u64,
    members: Vec<String>,
    summaries: Vec<SummaryRef>,
    summaries_total: u64,
    notes: Vec<String>,
    /// The figure for people.
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Serialize)]
struct SummaryRef {
    member: String,
    leaf_index: u64,
}

impl From<wire::QueryResponse> for QueryReply {
    fn from(answer: wire::QueryResponse) -> Self {
        let query = answer.query.unwrap_or_default();
        let money = figures::is_money(&query.measure);
        let row = |row| Row::new(row, answer.decimals, money);
        Self {
            rows: answer.rows.into_iter().map(row).collect(),
            query: Query::from(query),
            as_of: AsOf::from(answer.as_of.unwrap_or_default()),
            coverage: CoverageReply::from(answer.coverage.unwrap_or_default()),
        }
    }
}

impl From<wire::QueryRequest> for Query {
    fn from(query: wire::QueryRequest) -> Self {
        let filter = |filter: wire::Filter| (filter.dimension, filter.codes);
        Self {
            kind: query.kind,
            measure: query.measure,
            by: query.by,
            from: query.from,
            to: query.to,
            grain: query.grain,
            members: query.members,
            r#where: query.r#where.into_iter().map(filter).collect(),
            at: query.at,
            allow_partial: query.allow_partial,
            provenance: query.provenance,
        }
    }
}

impl From<wire::AsOf> for AsOf {
    fn from(as_of: wire::AsOf) -> Self {
        let checkpoint = |checkpoint: wire::CheckpointRef| Checkpoint {
            member: checkpoint.member,
            tree_size: checkpoint.tree_size,
            root_hash: checkpoint.root_hash,
            cosigned_by: checkpoint.cosigned_by,
        };
        Self {
            date: as_of.date,
            charter_version: as_of.charter_version,
            checkpoints: as_of.checkpoints.into_iter().map(checkpoint).collect(),
        }
    }
}

impl Row {
    fn new(row: wire::Row, decimals: u32, money: bool) -> Self {
        let number = |value| figures::json(value, decimals, money);
        let summary = |summary: wire::SummaryRef| SummaryRef {
            member: summary.member,
            leaf_index: summary.leaf_index,
        };
        Self {
            shown: figures::cell(row.value, row.lower, row.upper, decimals, money),
            group: row.group,
            value: row.value.map(number),
            lower: number(row.lower),
            upper: row.upper.map(number),
            uncounted: row.uncounted,
            members: row.members,
            summaries: row.summaries.into_iter().map(summary).collect(),
            summaries_total: row.summaries_total,
            notes: row.notes,
        }
    }
}

impl Reply for QueryReply {
    fn human(&self) -> String {
        let Query {
            kind,
            measure,
            from,
            to,
            grain,
            ..
        } = &self.query;
        let mut text = format!("{kind} {measure}, {from} to {to} by {grain}\n\n");
        let by: Vec<&str> = self.query.by.iter().map(String::as_str).collect();
        let rows: Vec<[String; 4]> = self
            .rows
            .iter()
            .map(|row| {
                let codes = by.iter().filter_map(|name| row.group.get(*name));
                let codes = codes.map(String::as_str).collect::<Vec<_>>().join(" · ");
                let uncounted = match row.uncounted {
                    0 => String::new(),
                    number => format!("{number} not counted"),
                };
                [codes, row.shown.clone(), uncounted, row.members.join(", ")]
            })
            .collect();
        text.push_str(&table(
            [&by.join(" · "), measure.as_str(), "", "members"],
            &rows,
        ));
        let mut notes: Vec<&String> = self.rows.iter().flat_map(|row| &row.notes).collect();
        notes.sort();
        notes.dedup();
        for note in notes {
            text.push_str(&format!("\nNote: {note}"));
        }
        text.push_str(&format!("\n{}", self.coverage.counts()));
        text.push_str(&format!("As of {}.\n", self.as_of.date));
        printable(&text)
    }
}

/// Who was expected to report, and did.
#[derive(Debug, Serialize)]
pub(super) struct CoverageReply {
    expected: u64,
    reported: u64,
    late: u64,
    nil: u64,
    missing: u64,
    excused: u64,
    withheld: u64,
    recalled: u64,
    rows: Vec<CoverageRow>,
}

#[derive(Debug, Serialize)]
struct CoverageRow {
    member: String,
    kind: String,
    period: String,
    state: String,
    due: Option<String>,
    date: Option<String>,
}

impl From<wire::CoverageResponse> for CoverageReply {
    fn from(coverage: wire::CoverageResponse) -> Self {
        let some = |text: String| (!text.is_empty()).then_some(text);
        let row = |row: wire::CoverageRow| CoverageRow {
            member: row.member,
            kind: row.kind,
            period: row.period,
            state: row.state,
            due: some(row.due),
            date: some(row.date),
        };
        Self {
            expected: coverage.expected,
            reported: coverage.reported,
            late: coverage.late,
            nil: coverage.nil,
            missing: coverage.missing,
            excused: coverage.excused,
            withheld: coverage.withheld,
            recalled: coverage.recalled,
            rows: coverage.rows.into_iter().map(row).collect(),
        }
    }
}

impl CoverageReply {
    fn counts(&self) -> String {
        let states = [
            ("reported", self.reported),
            ("late", self.late),
            ("nothing happened", self.nil),
            ("missing", self.missing),
            ("excused", self.excused),
            ("withheld", self.withheld),
            ("recalled", self.recalled),
        ];
        let said: Vec<String> = states
            .iter()
            .filter(|(_, number)| *number > 0)
            .map(|(state, number)| format!("{number} {state}"))
            .collect();
        let expected = count(self.expected, "summary", "summaries");
        match said.is_empty() {
            true => format!("{expected} expected.\n"),
            false => format!("{expected} expected: {}.\n", said.join(", ")),
        }
    }
}

impl Reply for CoverageReply {
    fn human(&self) -> String {
        let rows: Vec<[String; 6]> = self
            .rows
            .iter()
            .map(|row| {
                [
                    row.member.clone(),
                    row.kind.clone(),
                    row.period.clone(),
                    row.state.replace('_', " "),
                    row.due.clone().unwrap_or_default(),
                    row.date.clone().unwrap_or_default(),
                ]
            })
            .collect();
        let header = ["member", "kind", "period", "state", "due", "reported"];
        format!("{}\n{}", table(header, &rows), self.counts())
    }
}

/// Returns an answer as CSV: the groups, then the figure with its bounds. What is not known is
/// left empty.
pub(super) fn csv(answer: &wire::QueryResponse) -> Result<String, Failure> {
    let unwritten = |error: String| Failure::new("output", error, "");
    let mut out = csv::Writer::from_writer(Vec::new());
    write_csv(answer, &mut out).map_err(|error| unwritten(error.to_string()))?;
    let bytes = out
        .into_inner()
        .map_err(|error| unwritten(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| unwritten(error.to_string()))
}

fn write_csv(answer: &wire::QueryResponse, out: &mut csv::Writer<Vec<u8>>) -> csv::Result<()> {
    let query = answer.query.clone().unwrap_or_default();
    let money = figures::is_money(&query.measure);
    let number = |value: i64| figures::decimal(value, answer.decimals, money);
    let figures = ["value", "lower", "upper", "uncounted", "members"];
    out.write_record(query.by.iter().map(String::as_str).chain(figures))?;
    for row in &answer.rows {
        let code = |name: &String| row.group.get(name).cloned().unwrap_or_default();
        let figures = [
            row.value.map(number).unwrap_or_default(),
            number(row.lower),
            row.upper.map(number).unwrap_or_default(),
            row.uncounted.to_string(),
            row.members.join(" "),
        ];
        out.write_record(query.by.iter().map(code).chain(figures))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> wire::QueryResponse {
        let row = |period: &str, value, lower, upper| wire::Row {
            group: BTreeMap::from([("period".to_owned(), period.to_owned())]),
            value,
            lower,
            upper,
            uncounted: 1,
            members: vec!["inpud".to_owned()],
            summaries: vec![wire::SummaryRef {
                member: "inpud".to_owned(),
                leaf_index: 3,
            }],
            summaries_total: 1,
            notes: Vec::new(),
        };
        wire::QueryResponse {
            query: Some(wire::QueryRequest {
                kind: "training".to_owned(),
                measure: "hours".to_owned(),
                by: vec!["period".to_owned()],
                ..wire::QueryRequest::default()
            }),
            rows: vec![
                row("2018Q1", Some(150), 150, Some(150)),
                row("2018Q2", None, 0, Some(900)),
                row("2018Q3", None, 0, None),
            ],
            decimals: 2,
            ..wire::QueryResponse::default()
        }
    }

    #[test]
    fn rows_scale_numbers_and_null_what_is_not_known() {
        let json = serde_json::to_value(QueryReply::from(answer())).expect("it is JSON");
        let row = |at: usize| &json["rows"][at];
        assert_eq!(row(0)["value"], serde_json::json!(1.5));
        assert_eq!(row(1)["value"], Value::Null);
        assert_eq!(row(1)["upper"], serde_json::json!(9));
        assert_eq!(row(2)["upper"], Value::Null);
        assert_eq!(row(0)["summaries"][0]["leaf_index"], serde_json::json!(3));
        assert_eq!(json["query"]["where"], serde_json::json!({}));
    }

    #[test]
    fn csv_leaves_empty_what_is_not_known() {
        assert_eq!(
            csv(&answer()).expect("written"),
            "period,value,lower,upper,uncounted,members\n\
             2018Q1,1.5,1.5,1.5,1,inpud\n2018Q2,,0,9,1,inpud\n2018Q3,,0,,1,inpud\n"
        );
    }

    #[test]
    fn people_see_ranges_and_coverage() {
        let text = QueryReply::from(answer()).human();
        assert!(text.contains("0 to 9"), "{text}");
        assert!(text.contains("0 summaries expected."), "{text}");
    }
}
