//! `record import|template|add|list|show|edit|delete|forget|remove|retention|holdings`.

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::forget;
use super::host::Host;
use super::import;
use super::output::{Reply, count, printable, table};
use super::retention;
use super::template;
use crate::model::Kind;
use crate::wire;

/// Commands about records.
#[derive(Debug, clap::Subcommand)]
pub(super) enum RecordCommand {
    /// Take in a file: CSV, XLSX, XLS or ODS; persons become pseudonyms, other columns are dropped
    Import(import::ImportArgs),
    /// Print an empty table to fill in: the columns we understand, with one row as an example
    Template(template::TemplateArgs),
    /// Add one record
    Add {
        /// Kind of record.
        #[arg(long, help = super::args::KIND_HELP)]
        kind: Kind,
        /// Its fields, such as title=… start=2018-02-12; a name it does not know lists those it does
        #[arg(long, value_name = "FIELD=VALUE", required = true, num_args = 1.., value_parser = args::pair)]
        set: Vec<(String, String)>,
    },
    /// List records
    List {
        /// Only of this kind
        #[arg(long)]
        kind: Option<Kind>,
        /// Only those that start in this period
        #[arg(long, value_parser = args::period)]
        period: Option<String>,
    },
    /// Show one record with its lists
    Show {
        /// The record's id
        id: String,
    },
    /// Change fields of one record; an empty value clears a field
    Edit {
        /// The record's id
        id: String,
        /// The fields
        #[arg(long, value_name = "FIELD=VALUE", required = true, num_args = 1.., value_parser = args::pair)]
        set: Vec<(String, String)>,
    },
    /// Delete one record
    Delete {
        /// The record's id
        id: String,
    },
    /// Take a person who withdraws consent out of every list; what was published stays
    Forget(forget::ForgetArgs),
    /// Take a person out of one list of one record, as a correction
    Remove(forget::RemoveArgs),
    /// Let persons go whose year was published long enough ago; every count stays
    Retention(retention::RetentionArgs),
    /// Say what is held about people, per kind and year, since when, and what keeps it
    Holdings(retention::HoldingsArgs),
}

pub(super) async fn run<H: Host>(
    command: RecordCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let record = match command {
        RecordCommand::Import(args) => return import::run(args, context).await,
        RecordCommand::Template(args) => return template::run(args, context).await,
        RecordCommand::Forget(args) => return forget::forget(args, context).await,
        RecordCommand::Remove(args) => return forget::remove(args, context).await,
        RecordCommand::Retention(args) => return retention::retention(args, context).await,
        RecordCommand::Holdings(args) => return retention::holdings(args, context).await,
        RecordCommand::List { kind, period } => return list(kind, period, context).await,
        RecordCommand::Add { kind, set } => {
            let request = wire::AddRecordRequest {
                kind: kind.to_string(),
                settings: settings(set),
            };
            let call = async |node: &crate::rpc::Client| node.add_record(request).await;
            context.with_node(Plane::Private, call).await?.record
        }
        RecordCommand::Show { id } => {
            let request = wire::ShowRecordRequest { id };
            let call = async |node: &crate::rpc::Client| node.show_record(request).await;
            context.with_node(Plane::Private, call).await?.record
        }
        RecordCommand::Edit { id, set } => {
            let settings = settings(set);
            let request = wire::EditRecordRequest { id, settings };
            let call = async |node: &crate::rpc::Client| node.edit_record(request).await;
            context.with_node(Plane::Private, call).await?.record
        }
        RecordCommand::Delete { id } => {
            let request = wire::DeleteRecordRequest { id };
            let call = async |node: &crate::rpc::Client| node.delete_record(request).await;
            context.with_node(Plane::Private, call).await?.record
        }
    };
    context.answer(&RecordReply::try_from(record.unwrap_or_default())?)
}

async fn list<H: Host>(
    kind: Option<Kind>,
    period: Option<String>,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let request = wire::ListRecordsRequest {
        kind: kind.map(|kind| kind.to_string()).unwrap_or_default(),
        period: period.unwrap_or_default(),
    };
    let records = context
        .with_node(Plane::Private, async |node| {
            node.list_records(request).await
        })
        .await?;
    let records = records
        .into_iter()
        .map(RecordReply::try_from)
        .collect::<Result<_, Failure>>()?;
    context.answer(&RecordsReply { records })
}

fn settings(pairs: Vec<(String, String)>) -> Vec<wire::Setting> {
    pairs
        .into_iter()
        .map(|(field, value)| wire::Setting { field, value })
        .collect()
}

#[derive(Debug, Serialize)]
struct RecordReply {
    id: String,
    kind: String,
    fields: Value,
    created: String,
    updated: String,
    sent: bool,
    changed_since_sent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lists: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl TryFrom<wire::Record> for RecordReply {
    type Error = Failure;

    fn try_from(record: wire::Record) -> Result<Self, Failure> {
        let read = |text: &str| {
            serde_json::from_str(text).map_err(|error| {
                let message = format!("the node sent a record that is not JSON: {error}");
                Failure::new(
                    "internal",
                    message,
                    "node and command are of different versions",
                )
            })
        };
        Ok(Self {
            fields: read(&record.fields_json)?,
            lists: match record.lists_json.as_str() {
                "" => None,
                text => Some(read(text)?),
            },
            id: record.id,
            kind: record.kind,
            created: record.created,
            updated: record.updated,
            sent: record.sent,
            changed_since_sent: record.changed_since_sent,
            warnings: record.warnings,
        })
    }
}

impl RecordReply {
    /// Says how it stands to what was sent.
    fn standing(&self) -> &'static str {
        match (self.sent, self.changed_since_sent) {
            (false, false) => "",
            (true, false) => "sent",
            (true, true) => "changed since sent",
            (false, true) => "added since sent",
        }
    }

    fn field(&self, name: &str) -> String {
        self.fields.get(name).map(shown).unwrap_or_default()
    }
}

impl Reply for RecordReply {
    fn human(&self) -> String {
        let mut text = format!("{} {}\n", self.kind, self.id);
        if !self.standing().is_empty() {
            text.push_str(&format!("  ({})\n", self.standing()));
        }
        for (name, value) in self.fields.as_object().into_iter().flatten() {
            text.push_str(&format!("  {name}: {}\n", shown(value)));
        }
        for (name, rows) in self.lists.iter().filter_map(Value::as_object).flatten() {
            text.push_str(&format!("  {name}:\n"));
            for row in rows.as_array().into_iter().flatten() {
                text.push_str(&format!("    - {}\n", shown(row)));
            }
        }
        for warning in &self.warnings {
            text.push_str(&format!("  Warning: {warning}\n"));
        }
        printable(&text)
    }
}

/// Shows a value without JSON's quotes and braces.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", shown(value)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[derive(Debug, Serialize)]
struct RecordsReply {
    records: Vec<RecordReply>,
}

impl Reply for RecordsReply {
    fn human(&self) -> String {
        let number = count(self.records.len() as u64, "record", "records");
        if self.records.is_empty() {
            return format!("{number}.\n");
        }
        let rows: Vec<[String; 6]> = self
            .records
            .iter()
            .map(|record| {
                [
                    record.id.clone(),
                    record.kind.clone(),
                    record.field("start"),
                    record.field("title"),
                    record.field("country"),
                    record.standing().to_owned(),
                ]
            })
            .collect();
        let rows = table(["id", "kind", "start", "title", "country", ""], &rows);
        format!("{rows}\n{number}.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(fields: &str, lists: &str) -> Result<RecordReply, Failure> {
        RecordReply::try_from(wire::Record {
            id: "0190".to_owned(),
            kind: "training".to_owned(),
            fields_json: fields.to_owned(),
            created: "2018-04-12T08:00:00Z".to_owned(),
            updated: "2018-04-12T08:00:00Z".to_owned(),
            lists_json: lists.to_owned(),
            ..wire::Record::default()
        })
    }

    #[test]
    fn a_record_keeps_its_numbers_and_its_money() {
        let reply = record(r#"{"attended":12,"spent":"10.00"}"#, "").expect("JSON");
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"id":"0190","kind":"training","fields":{"attended":12,"spent":"10.00"},"created":"2018-04-12T08:00:00Z","updated":"2018-04-12T08:00:00Z","sent":false,"changed_since_sent":false}"#
        );
    }

    #[test]
    fn people_see_fields_and_lists_without_braces() {
        let reply = record(
            r#"{"title":"Accounting","topics":["accounting","auditing"]}"#,
            r#"{"participants":[{"role":"staff"}]}"#,
        );
        assert_eq!(
            reply.expect("JSON").human(),
            "training 0190\n  title: Accounting\n  topics: accounting, auditing\n  \
             participants:\n    - role: staff\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_record_or_an_error(fields in ".{0,40}", lists in ".{0,40}") {
            if let Ok(reply) = record(&fields, &lists) {
                let _ = reply.human();
            }
        }
    }
}
