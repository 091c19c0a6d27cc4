//! `record import`: a file handed to the node, with what became of each row.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::files;
use super::host::Host;
use super::output::{Reply, TextReply, count, printable, table};
use crate::model::Kind;
use crate::rpc::Client;
use crate::rpc::client::ImportProgress;
use crate::wire;

/// Arguments of `record import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file: CSV, XLSX, XLS or ODS
    file: PathBuf,
    /// Kind of record; not needed where the MAP names it, or with --into
    #[arg(long)]
    kind: Option<Kind>,
    /// A MAP from our fields to the file's columns; not needed where headers are our field names
    #[arg(long, value_name = "MAP")]
    map: Option<PathBuf>,
    /// Add the rows to a list of this record, by its id
    #[arg(long, value_name = "ID", requires = "list")]
    into: Option<String>,
    /// The list: participants, sessions, suggestions, milestones, signatories or policies; without
    /// --into, the MAP names the column with each row's record: record under its columns
    #[arg(long)]
    list: Option<String>,
    /// The sheet of a spreadsheet, where several hold data
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Store nothing, and propose a MAP from the file's headers and content
    #[arg(long, conflicts_with = "map")]
    suggest_map: bool,
    /// Say what would happen, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Store the good rows although others are rejected
    #[arg(long)]
    keep_good: bool,
}

pub(super) async fn run<H: Host>(
    args: ImportArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::file("file cannot be read:", &args.file, &error);
    let file = tokio::fs::File::open(&args.file)
        .await
        .map_err(unreadable)?;
    let data = file.metadata().await.map_err(unreadable)?;
    // Only now: of a file that is not there, nothing else matters.
    if args.kind.is_none() && args.map.is_none() && args.into.is_none() {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        return Err(Failure::misuse(
            "say what kind of record the rows are",
            format!(
                "add --kind, one of {}; or a MAP that names it",
                kinds.join(", ")
            ),
        ));
    }
    let header = wire::ImportHeader {
        kind: args.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        map: match &args.map {
            None => String::new(),
            Some(path) => files::read_text("MAP", path)?,
        },
        into: args.into.unwrap_or_default(),
        list: args.list.unwrap_or_default(),
        dry_run: args.dry_run,
        keep_good: args.keep_good,
        name: file_name(&args.file),
        sheet: args.sheet.unwrap_or_default(),
        suggest_map: args.suggest_map,
        // 0 for what has no length, such as a pipe.
        length: data.len(),
    };
    if args.suggest_map {
        let suggest = async |node: &Client| node.suggest_map(header, file).await;
        let text = context.with_node(Plane::Private, suggest).await?;
        return context.answer(&TextReply { text });
    }
    let bar = progress_bar(data.len());
    let outcome = context
        .with_node(Plane::Private, async |node| {
            let progress = |step| show_progress(&bar, step);
            node.import_records(header, file, progress).await
        })
        .await;
    bar.finish_and_clear();
    let name = file_name(&args.file);
    context.answer(&ImportReply::new(
        name,
        outcome?,
        args.dry_run,
        args.keep_good,
    ))
}

/// Returns the last part of a path, as messages call the file.
fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn progress_bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show_progress(bar: &ProgressBar, step: ImportProgress) {
    match step {
        ImportProgress::Sent(bytes) => bar.set_position(bytes),
        ImportProgress::Rows(rows) => bar.set_message(count(rows, "row", "rows")),
    }
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct ImportReply {
    file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sheet: String,
    read: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    rejected: Vec<Rejected>,
    dropped_columns: Vec<String>,
    warnings: Vec<String>,
    #[serde(skip)]
    dry_run: bool,
    #[serde(skip)]
    keep_good: bool,
}

#[derive(Debug, Serialize)]
struct Rejected {
    line: u64,
    column: String,
    value: String,
    reason: String,
}

impl ImportReply {
    fn new(file: String, outcome: wire::ImportOutcome, dry_run: bool, keep_good: bool) -> Self {
        let rejected = |row: wire::RejectedRow| Rejected {
            line: row.line,
            column: row.column,
            value: row.value,
            reason: row.reason,
        };
        Self {
            file,
            sheet: outcome.sheet,
            read: outcome.read,
            created: outcome.created,
            updated: outcome.updated,
            unchanged: outcome.unchanged,
            rejected: outcome.rejected.into_iter().map(rejected).collect(),
            dropped_columns: outcome.dropped_columns,
            warnings: outcome.warnings,
            dry_run,
            keep_good,
        }
    }
}

impl ImportReply {
    /// Returns how many rows have a cell that was refused; a row may have several.
    fn rejected_rows(&self) -> usize {
        let lines: BTreeSet<u64> = self.rejected.iter().map(|cell| cell.line).collect();
        lines.len()
    }
}

impl Reply for ImportReply {
    fn human(&self) -> String {
        let place = match self.sheet.as_str() {
            "" => self.file.clone(),
            sheet => format!("{}, sheet {sheet:?}", self.file),
        };
        let mut text = format!(
            "{place}: {} read: {} created, {} updated, {} unchanged, {} rejected.\n",
            count(self.read, "row", "rows"),
            self.created,
            self.updated,
            self.unchanged,
            self.rejected_rows(),
        );
        if self.dry_run {
            text.push_str("Nothing was stored: this was a dry run.\n");
        } else if !self.is_done() {
            text.push_str("Nothing was stored: correct these rows, or use --keep-good.\n");
        }
        if !self.rejected.is_empty() {
            let row = |row: &Rejected| {
                let Rejected {
                    column,
                    value,
                    reason,
                    ..
                } = row;
                [
                    row.line.to_string(),
                    column.clone(),
                    value.clone(),
                    reason.clone(),
                ]
            };
            let rows: Vec<[String; 4]> = self.rejected.iter().map(row).collect();
            let rows = table(["line", "column", "value", "what would be accepted"], &rows);
            text.push_str(&format!("\n{rows}"));
        }
        if !self.dropped_columns.is_empty() {
            let columns = self.dropped_columns.join(", ");
            text.push_str(&format!("\nColumns not stored: {columns}\n"));
        }
        for warning in &self.warnings {
            text.push_str(&format!("Warning: {warning}\n"));
        }
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.keep_good || self.rejected.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(keep_good: bool) -> ImportReply {
        ImportReply::new(
            "visits.csv".to_owned(),
            wire::ImportOutcome {
                read: 2,
                created: 1,
                rejected: vec![wire::RejectedRow {
                    line: 3,
                    column: "start_date".to_owned(),
                    value: "soon".to_owned(),
                    reason: "a date".to_owned(),
                }],
                dropped_columns: vec!["phone".to_owned()],
                ..wire::ImportOutcome::default()
            },
            false,
            keep_good,
        )
    }

    #[test]
    fn json_has_the_fields_others_rely_on() {
        assert_eq!(
            serde_json::to_string(&reply(false)).expect("it is JSON"),
            r#"{"file":"visits.csv","read":2,"created":1,"updated":0,"unchanged":0,"rejected":[{"line":3,"column":"start_date","value":"soon","reason":"a date"}],"dropped_columns":["phone"],"warnings":[]}"#
        );
    }

    #[test]
    fn a_row_with_two_mistakes_is_one_row() {
        let mut twice = reply(false);
        let attended = Rejected {
            line: 3,
            column: "attended".to_owned(),
            value: "many".to_owned(),
            reason: "a number".to_owned(),
        };
        twice.rejected.push(attended);
        let human = twice.human();
        assert!(human.contains("unchanged, 1 rejected."), "{human}");
        assert!(human.contains("soon") && human.contains("many"), "{human}");
    }

    #[test]
    fn rejected_rows_fail_unless_the_good_ones_are_kept() {
        assert!(!reply(false).is_done());
        assert!(reply(false).human().contains("Nothing was stored"));
        assert!(reply(true).is_done());
        assert!(!reply(true).human().contains("Nothing was stored"));
        assert!(reply(true).human().starts_with("visits.csv: 2 rows"));
    }
}
