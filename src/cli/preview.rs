//! What `release preview` shows: cell by cell, what would leave, and what is kept back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::output::{Reply, count, printable, table};
use crate::report::render::Unit;
use crate::wire;

/// A draft.
#[derive(Debug, Serialize)]
pub(super) struct PreviewReply {
    digest: String,
    period: String,
    summaries: Vec<DraftSummary>,
    blocked: Vec<Blocked>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<Approvals>,
}

/// How many persons a draft needs, where it needs more than the one who publishes it.
#[derive(Debug, Serialize)]
struct Approvals {
    approved_by: Vec<String>,
    needed: u32,
    missing: u32,
}

impl Approvals {
    fn of(standing: wire::DraftStanding) -> Option<Self> {
        let wire::DraftStanding {
            approved_by,
            needed,
            missing,
            ..
        } = standing;
        (needed > 1).then_some(Self {
            approved_by,
            needed,
            missing,
        })
    }

    fn human(&self, digest: &str) -> String {
        let more = match self.missing {
            0 => return String::new(),
            1 => "another person approves it",
            _ => "other persons approve it",
        };
        format!(
            "\nBefore that, {more} ({} missing): counterfoil release approve {digest} --as NAME \
             --key FILE\n",
            self.missing
        )
    }
}

#[derive(Debug, Serialize)]
struct DraftSummary {
    series: String,
    revision: u32,
    replaces: Option<u64>,
    audience: String,
    tables: Vec<DraftTable>,
    statements: Vec<Said>,
    unchanged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Changes>,
}

/// What became of records since they were sent.
#[derive(Debug, Serialize)]
pub(super) struct Changes {
    changed: u64,
    added: u64,
    deleted: u64,
}

impl From<wire::RecordChanges> for Changes {
    fn from(changes: wire::RecordChanges) -> Self {
        Self {
            changed: changes.changed,
            added: changes.added,
            deleted: changes.deleted,
        }
    }
}

impl Changes {
    /// Returns `2 records changed, 1 added`.
    pub(super) fn human(&self) -> String {
        let parts = [
            (self.changed, "changed"),
            (self.added, "added"),
            (self.deleted, "deleted"),
        ];
        let said = parts.into_iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said
            .enumerate()
            .map(|(nth, (number, what))| match nth {
                0 => format!("{} {what}", count(number, "record", "records")),
                _ => format!("{number} {what}"),
            })
            .collect();
        said.join(", ")
    }
}

/// A sentence that would leave, and what to look at in it.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    text: String,
    warnings: Vec<String>,
}

impl From<wire::DraftStatement> for Said {
    fn from(statement: wire::DraftStatement) -> Self {
        Self {
            text: statement.text,
            warnings: statement.warnings,
        }
    }
}

impl Said {
    pub(super) fn human(&self) -> String {
        let mut text = format!("  \u{201c}{}\u{201d}\n", self.text);
        for warning in &self.warnings {
            text.push_str(&format!("    warning: {warning}\n"));
        }
        text
    }
}

#[derive(Debug, Serialize)]
struct DraftTable {
    table: String,
    measure: String,
    by: Vec<String>,
    cells: Vec<DraftCell>,
}

#[derive(Debug, Serialize)]
struct DraftCell {
    dims: BTreeMap<String, String>,
    state: String,
    value: Option<Value>,
    lower: Value,
    upper: Option<Value>,
    uncounted: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Box<Was>>,
    /// What it truly is, where that is kept back, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    /// The same for people.
    #[serde(skip)]
    shown: String,
}

/// What the last release said of a cell.
#[derive(Debug, Serialize)]
struct Was {
    state: String,
    value: Option<Value>,
    lower: Value,
    upper: Option<Value>,
    uncounted: u32,
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Serialize)]
struct Blocked {
    series: String,
    table: String,
    reason: String,
}

impl From<wire::PreviewResponse> for PreviewReply {
    fn from(draft: wire::PreviewResponse) -> Self {
        let blocked = |blocked: wire::BlockedTable| Blocked {
            series: blocked.series,
            table: blocked.table,
            reason: blocked.reason,
        };
        Self {
            digest: draft.digest,
            period: draft.period,
            summaries: draft
                .summaries
                .into_iter()
                .map(DraftSummary::from)
                .collect(),
            blocked: draft.blocked.into_iter().map(blocked).collect(),
            warnings: draft.warnings,
            approvals: draft.standing.and_then(Approvals::of),
        }
    }
}

impl From<wire::DraftSummary> for DraftSummary {
    fn from(summary: wire::DraftSummary) -> Self {
        Self {
            series: summary.series,
            revision: summary.revision,
            replaces: summary.replaces,
            audience: summary.audience,
            tables: summary.tables.into_iter().map(DraftTable::from).collect(),
            statements: summary.statements.into_iter().map(Said::from).collect(),
            unchanged: summary.unchanged,
            since: summary.since.map(Changes::from),
        }
    }
}

impl From<wire::DraftTable> for DraftTable {
    fn from(table: wire::DraftTable) -> Self {
        let unit = Unit::of_measure(&table.measure, table.decimals);
        let was = |cell: wire::DraftCell| Was {
            shown: unit.bounds(cell.value, cell.lower, cell.upper),
            state: cell.state,
            value: cell.value.map(|value| unit.to_json(value)),
            lower: unit.to_json(cell.lower),
            upper: cell.upper.map(|upper| unit.to_json(upper)),
            uncounted: cell.uncounted,
        };
        let cell = |cell: wire::DraftCell| DraftCell {
            was: cell.was.map(|cell| Box::new(was(*cell))),
            truth: cell.truth.map(|truth| unit.to_json(truth)),
            why: cell.why,
            shown: unit.bounds(cell.value, cell.lower, cell.upper),
            dims: cell.dims,
            state: cell.state,
            value: cell.value.map(|value| unit.to_json(value)),
            lower: unit.to_json(cell.lower),
            upper: cell.upper.map(|upper| unit.to_json(upper)),
            uncounted: cell.uncounted,
        };
        Self {
            cells: table.cells.into_iter().map(cell).collect(),
            table: table.table,
            measure: table.measure,
            by: table.by,
        }
    }
}

impl Reply for PreviewReply {
    fn human(&self) -> String {
        let mut text = String::new();
        for summary in &self.summaries {
            text.push_str(&summary.human());
        }
        if !self.blocked.is_empty() {
            text.push_str("\nKept back:\n");
            for blocked in &self.blocked {
                let Blocked {
                    series,
                    table,
                    reason,
                } = blocked;
                text.push_str(&format!("- {series} {table}: {reason}\n"));
            }
        }
        for warning in &self.warnings {
            text.push_str(&format!("\nWarning: {warning}\n"));
        }
        if self.summaries.is_empty() {
            text.push_str(&format!(
                "Nothing would leave for {}: no record lies in it, or the charter's plan has no \
                 table of such a period.\nWhere nothing happened, say so: counterfoil release \
                 status {} nil --kind KIND\n",
                self.period, self.period
            ));
        } else if self.summaries.iter().all(|summary| summary.unchanged) {
            text.push_str(&format!("\nNothing new would leave for {}.\n", self.period));
        } else {
            text.push_str(&format!(
                "\nTo let this out: counterfoil release publish {}\n",
                self.digest
            ));
            let approvals = self.approvals.as_ref();
            text.extend(approvals.map(|approvals| approvals.human(&self.digest)));
        }
        printable(&text)
    }
}

impl DraftSummary {
    fn human(&self) -> String {
        let audience = match self.audience.as_str() {
            "*" => "all members".to_owned(),
            members => members.replace(',', ", "),
        };
        let state = match (self.unchanged, self.replaces) {
            (true, _) => ", as released before".to_owned(),
            (false, Some(index)) => format!(", in place of leaf {index}"),
            (false, None) => String::new(),
        };
        let mut text = format!(
            "\n{} revision {}{state}, seen by {audience}\n",
            self.series, self.revision
        );
        if let Some(since) = &self.since {
            text.push_str(&format!("  since it was sent: {}\n", since.human()));
        }
        for table in &self.tables {
            text.push_str(&table.human());
        }
        text.extend(self.statements.iter().map(Said::human));
        text
    }
}

impl DraftCell {
    /// Returns whether what is kept back is that nobody is there.
    fn is_nobody(&self) -> bool {
        self.truth == Some(Value::from(0))
    }

    fn hides_nobody(&self) -> bool {
        self.truth.is_none() || self.is_nobody()
    }
}

impl DraftTable {
    /// Cells that are 0 or not known are counted, each apart, and not listed: they are most of a
    /// plan's table. Of a cell that is kept back, what a reader could conclude stands first, then
    /// what it truly is and why that stays here.
    fn human(&self) -> String {
        // A total is always shown, whatever it is.
        let is_quiet = |cell: &DraftCell| {
            let says_nothing = cell.uncounted == 0 && cell.was.is_none();
            !self.by.is_empty() && says_nothing && cell.hides_nobody()
        };
        let is_zero = |cell: &DraftCell| is_quiet(cell) && cell.shown == "0";
        let is_unknown = |cell: &DraftCell| is_quiet(cell) && cell.state == "absent";
        let is_hidden_nobody = |cell: &DraftCell| is_quiet(cell) && cell.is_nobody();
        let says =
            |cell: &&DraftCell| !is_zero(cell) && !is_unknown(cell) && !is_hidden_nobody(cell);
        let rows: Vec<[String; 3]> = self
            .cells
            .iter()
            .filter(says)
            .map(|cell| {
                let codes = self.by.iter().filter_map(|name| cell.dims.get(name));
                let codes = codes.map(String::as_str).collect::<Vec<_>>().join(" · ");
                let uncounted = match cell.uncounted {
                    0 => None,
                    number => Some(format!("{number} not counted")),
                };
                let was = cell.was.as_ref().map(|was| format!("was {}", was.shown));
                let kept = cell
                    .truth
                    .as_ref()
                    .map(|truth| format!("really {truth}: {}", cell.why));
                let asides: Vec<String> = kept.into_iter().chain(uncounted).chain(was).collect();
                [codes, cell.shown.clone(), asides.join(", ")]
            })
            .collect();
        let number = |of: &dyn Fn(&DraftCell) -> bool| self.cells.iter().filter(|c| of(c)).count();
        let silent = [
            (number(&is_zero), "0 in"),
            (number(&is_unknown), "not known in"),
            (number(&is_hidden_nobody), "nobody, and not told so, in"),
        ];
        let silent = silent.iter().filter(|(number, _)| *number > 0);
        let silent: Vec<String> = silent
            .map(|(number, what)| format!("{what} {number}"))
            .collect();
        let silent = match silent.is_empty() {
            true => String::new(),
            false => format!(" ({})", silent.join(", ")),
        };
        let by = match &self.by[..] {
            [] => String::new(),
            names => format!(" by {}", names.join(" and ")),
        };
        let mut text = format!("  {}{by}{silent}\n", self.measure);
        if !rows.is_empty() {
            for line in table(["", "value", ""], &rows).lines().skip(1) {
                text.push_str(&format!("    {line}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(unchanged: bool) -> PreviewReply {
        let cell = |code: &str, state: &str, value, upper| wire::DraftCell {
            dims: BTreeMap::from([("topic".to_owned(), code.to_owned())]),
            state: state.to_owned(),
            value,
            lower: value.unwrap_or(0),
            upper,
            ..wire::DraftCell::default()
        };
        let hours = wire::DraftTable {
            table: "training.hours.by_topic".to_owned(),
            measure: "hours".to_owned(),
            by: vec!["topic".to_owned()],
            cells: vec![
                cell("accounting", "exact", Some(150), Some(150)),
                cell("auditing", "interval", None, Some(900)),
                cell("other", "absent", None, None),
            ],
            decimals: 2,
        };
        PreviewReply::from(wire::PreviewResponse {
            digest: "d1".to_owned(),
            period: "2018Q1".to_owned(),
            summaries: vec![wire::DraftSummary {
                series: "training/2018Q1".to_owned(),
                revision: 1,
                audience: "*".to_owned(),
                tables: vec![hours],
                unchanged,
                ..wire::DraftSummary::default()
            }],
            blocked: Vec::new(),
            warnings: Vec::new(),
            standing: None,
        })
    }

    #[test]
    fn people_are_told_who_else_must_look() {
        let mut reply = draft(false);
        let standing = |needed, missing| wire::DraftStanding {
            needed,
            missing,
            ..wire::DraftStanding::default()
        };
        reply.approvals = Approvals::of(standing(1, 0));
        assert!(!reply.human().contains("approve"));
        reply.approvals = Approvals::of(standing(2, 1));
        let text = reply.human();
        assert!(
            text.contains("another person approves it (1 missing)"),
            "{text}"
        );
        assert!(text.contains("release approve d1"), "{text}");
        reply.approvals = Approvals::of(standing(2, 0));
        assert!(!reply.human().contains("release approve"));
    }

    #[test]
    fn a_preview_scales_its_numbers_and_nulls_what_is_not_known() {
        let json = serde_json::to_value(draft(false)).expect("it is JSON");
        let cells = &json["summaries"][0]["tables"][0]["cells"];
        assert_eq!(cells[0]["value"], serde_json::json!(1.5));
        assert_eq!(cells[1]["value"], Value::Null);
        assert_eq!(cells[1]["upper"], serde_json::json!(9));
        assert_eq!(cells[2]["lower"], serde_json::json!(0));
        assert_eq!(cells[2]["upper"], Value::Null);
        assert_eq!(json["summaries"][0]["replaces"], Value::Null);
        assert_eq!(json["blocked"], serde_json::json!([]));
    }

    #[test]
    fn people_see_what_leaves_and_how_to_let_it_out() {
        let text = draft(false).human();
        assert!(
            text.contains("training/2018Q1 revision 1, seen by all members"),
            "{text}"
        );
        assert!(text.contains("hours by topic (not known in 1)"), "{text}");
        assert!(text.contains("at most 9"), "{text}");
        assert!(text.contains("release publish d1"), "{text}");
        assert!(
            draft(true)
                .human()
                .contains("Nothing new would leave for 2018Q1.")
        );
    }
}
