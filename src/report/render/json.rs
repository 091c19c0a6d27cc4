//! What `--json` prints, and the canonical form.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Unit;
use crate::wire;

/// Returns an answer as `report --json` prints it.
pub fn report(answer: &wire::QueryResponse) -> Value {
    to_value(&Report::of(answer))
}

/// Returns coverage as `coverage --json` prints it.
pub fn coverage(coverage: &wire::CoverageResponse) -> Value {
    to_value(&Coverage::of(coverage))
}

/// Returns a story as `story --json` prints it.
pub fn story(story: &wire::StoryResponse) -> Value {
    to_value(&Story::of(story))
}

/// Returns an answer's canonical form: the JSON of [`report`] without cosignatures, on one line.
/// It is the same bytes for anyone who holds the same logs and asks with the same date.
pub fn canonical(answer: &wire::QueryResponse) -> Vec<u8> {
    let mut report = Report::of(answer);
    for checkpoint in &mut report.as_of.checkpoints {
        checkpoint.cosigned_by = None;
    }
    serde_json::to_vec(&report).unwrap_or_default()
}

pub(super) fn to_value(of: &impl Serialize) -> Value {
    // Only maps whose keys are no text, and failing writers, make this fail.
    serde_json::to_value(of).unwrap_or_default()
}

#[derive(Serialize)]
struct Report<'a> {
    query: Query<'a>,
    as_of: AsOf<'a>,
    coverage: Coverage<'a>,
    rows: Vec<Row<'a>>,
    statements: Vec<Statement<'a>>,
}

#[derive(Serialize)]
struct Statement<'a> {
    member: &'a str,
    name: &'a str,
    kind: &'a str,
    period: &'a str,
    text: &'a str,
    leaf_index: u64,
}

#[derive(Default, Serialize)]
struct Query<'a> {
    kind: &'a str,
    measure: &'a str,
    by: &'a [String],
    from: &'a str,
    to: &'a str,
    grain: &'a str,
    members: &'a [String],
    r#where: BTreeMap<&'a str, &'a [String]>,
    at: &'a str,
    allow_partial: bool,
    provenance: bool,
}

#[derive(Default, Serialize)]
struct AsOf<'a> {
    date: &'a str,
    charter_version: u32,
    checkpoints: Vec<Checkpoint<'a>>,
}

#[derive(Serialize)]
struct Checkpoint<'a> {
    member: &'a str,
    tree_size: u64,
    root_hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cosigned_by: Option<&'a [String]>,
}

#[derive(Default, Serialize)]
struct Coverage<'a> {
    expected: u64,
    reported: u64,
    late: u64,
    nil: u64,
    missing: u64,
    excused: u64,
    withheld: u64,
    recalled: u64,
    rows: Vec<CoverageRow<'a>>,
}

#[derive(Serialize)]
struct CoverageRow<'a> {
    member: &'a str,
    kind: &'a str,
    period: &'a str,
    state: &'a str,
    due: Option<&'a str>,
    date: Option<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    group: BTreeMap<&'a str, &'a str>,
    value: Option<Number>,
    lower: Number,
    upper: Option<Number>,
    uncounted: u64,
    members: &'a [String],
    summaries: Vec<Summary<'a>>,
    summaries_total: u64,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Story<'a> {
    from: &'a str,
    to: &'a str,
    story: Vec<&'a str>,
    sentences: Vec<Sentence<'a>>,
    as_of: AsOf<'a>,
    questions: &'a [String],
    notes: &'a [String],
}

#[derive(Serialize)]
struct Sentence<'a> {
    text: &'a str,
    rows: Vec<Told<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    coverage: Vec<CoverageRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement<'a>>,
}

/// A row with the query that gives it.
#[derive(Serialize)]
struct Told<'a> {
    query: Query<'a>,
    #[serde(flatten)]
    row: Row<'a>,
}

#[derive(Serialize)]
struct Summary<'a> {
    member: &'a str,
    leaf_index: u64,
}

/// A number in its unit.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Number {
    Count(i64),
    Decimal(f64),
    Money(String),
}

impl Number {
    pub(super) fn of(number: i64, unit: Unit) -> Self {
        let one = 10i64.pow(unit.decimals);
        match unit {
            Unit { money: true, .. } => Self::Money(unit.spell(number)),
            _ if number % one == 0 => Self::Count(number / one),
            // Up to 2^53 hundredths of an hour this is the decimal nearest to the true one.
            _ => Self::Decimal(number as f64 / one as f64),
        }
    }
}

impl<'a> Report<'a> {
    fn of(answer: &'a wire::QueryResponse) -> Self {
        let unit = Unit::of(answer);
        let coverage = answer.coverage.as_ref();
        Self {
            query: answer.query.as_ref().map(Query::of).unwrap_or_default(),
            as_of: answer.as_of.as_ref().map(AsOf::of).unwrap_or_default(),
            coverage: coverage.map(Coverage::of).unwrap_or_default(),
            rows: answer.rows.iter().map(|row| Row::of(row, unit)).collect(),
            statements: answer.statements.iter().map(Statement::of).collect(),
        }
    }
}

impl<'a> Query<'a> {
    fn of(query: &'a wire::QueryRequest) -> Self {
        let filters = query.r#where.iter();
        Self {
            kind: &query.kind,
            measure: &query.measure,
            by: &query.by,
            from: &query.from,
            to: &query.to,
            grain: &query.grain,
            members: &query.members,
            r#where: filters
                .map(|filter| (filter.dimension.as_str(), filter.codes.as_slice()))
                .collect(),
            at: &query.at,
            allow_partial: query.allow_partial,
            provenance: query.provenance,
        }
    }
}

impl<'a> AsOf<'a> {
    fn of(as_of: &'a wire::AsOf) -> Self {
        let checkpoints = as_of.checkpoints.iter();
        Self {
            date: &as_of.date,
            charter_version: as_of.charter_version,
            checkpoints: checkpoints
                .map(|checkpoint| Checkpoint {
                    member: &checkpoint.member,
                    tree_size: checkpoint.tree_size,
                    root_hash: &checkpoint.root_hash,
                    cosigned_by: Some(&checkpoint.cosigned_by),
                })
                .collect(),
        }
    }
}

impl<'a> Coverage<'a> {
    fn of(coverage: &'a wire::CoverageResponse) -> Self {
        Self {
            expected: coverage.expected,
            reported: coverage.reported,
            late: coverage.late,
            nil: coverage.nil,
            missing: coverage.missing,
            excused: coverage.excused,
            withheld: coverage.withheld,
            recalled: coverage.recalled,
            rows: coverage.rows.iter().map(CoverageRow::of).collect(),
        }
    }
}

impl<'a> CoverageRow<'a> {
    fn of(row: &'a wire::CoverageRow) -> Self {
        let given = |text: &'a String| (!text.is_empty()).then_some(text.as_str());
        Self {
            member: &row.member,
            kind: &row.kind,
            period: &row.period,
            state: &row.state,
            due: given(&row.due),
            date: given(&row.date),
        }
    }
}

impl<'a> Statement<'a> {
    fn of(statement: &'a wire::Statement) -> Self {
        Self {
            member: &statement.member,
            name: &statement.name,
            kind: &statement.kind,
            period: &statement.period,
            text: &statement.text,
            leaf_index: statement.leaf_index,
        }
    }
}

impl<'a> Story<'a> {
    fn of(story: &'a wire::StoryResponse) -> Self {
        let sentences = story.sentences.iter();
        Self {
            from: &story.from,
            to: &story.to,
            story: sentences.clone().map(|told| told.text.as_str()).collect(),
            sentences: sentences.map(Sentence::of).collect(),
            as_of: story.as_of.as_ref().map(AsOf::of).unwrap_or_default(),
            questions: &story.questions,
            notes: &story.notes,
        }
    }
}

impl<'a> Sentence<'a> {
    fn of(sentence: &'a wire::StorySentence) -> Self {
        let rows = sentence.rows.iter();
        Self {
            text: &sentence.text,
            rows: rows
                .filter_map(|told| {
                    let (query, row) = (told.query.as_ref()?, told.row.as_ref()?);
                    Some(Told {
                        query: Query::of(query),
                        row: Row::of(row, Unit::of_measure(&query.measure, told.decimals)),
                    })
                })
                .collect(),
            coverage: sentence.coverage.iter().map(CoverageRow::of).collect(),
            statement: sentence.statement.as_ref().map(Statement::of),
        }
    }
}

impl<'a> Row<'a> {
    fn of(row: &'a wire::Row, unit: Unit) -> Self {
        let group = row.group.iter();
        let summaries = row.summaries.iter();
        Self {
            group: group
                .map(|(name, code)| (name.as_str(), code.as_str()))
                .collect(),
            value: row.value.map(|value| Number::of(value, unit)),
            lower: Number::of(row.lower, unit),
            upper: row.upper.map(|upper| Number::of(upper, unit)),
            uncounted: row.uncounted,
            members: &row.members,
            summaries: summaries
                .map(|summary| Summary {
                    member: &summary.member,
                    leaf_index: summary.leaf_index,
                })
                .collect(),
            summaries_total: row.summaries_total,
            notes: &row.notes,
        }
    }
}
