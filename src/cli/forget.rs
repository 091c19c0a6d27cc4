//! `record forget`, `record remove`: a person leaves the book, or one list.

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, count};
use crate::wire;

/// Arguments of `record forget`.
#[derive(Debug, clap::Args)]
pub(super) struct ForgetArgs {
    /// Who: what stood in the sheet, in any spelling, or the code `record show` has for them
    #[arg(long, value_name = "VALUE")]
    person: String,
    /// Only say how much of the book they are in
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `record remove`.
#[derive(Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// The record's id
    id: String,
    /// The list: participants or signatories
    #[arg(long)]
    list: String,
    /// Who: what stood in the sheet, in any spelling, or the code `record show` has for them
    #[arg(long, value_name = "VALUE")]
    person: String,
}

pub(super) async fn forget<H: Host>(
    args: ForgetArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let dry_run = args.dry_run;
    let request = wire::ForgetRequest {
        person: args.person,
        dry_run,
    };
    let gone = context
        .with_node(Plane::Private, async |node| {
            node.forget_person(request).await
        })
        .await?;
    context.answer(&GoneReply {
        records: gone.records,
        rows: gone.rows,
        mentions: gone.mentions,
        how: if dry_run { How::Asked } else { How::Forgotten },
    })
}

pub(super) async fn remove<H: Host>(
    args: RemoveArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let request = wire::RemovePersonRequest {
        id: args.id,
        list: args.list,
        person: args.person,
    };
    let gone = context
        .with_node(Plane::Private, async |node| {
            node.remove_person(request).await
        })
        .await?;
    context.answer(&GoneReply {
        records: gone.records,
        rows: gone.rows,
        mentions: Vec::new(),
        how: How::Corrected,
    })
}

/// What was done about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Nothing yet.
    Asked,
    /// Consent was withdrawn.
    Forgotten,
    /// They did not belong in the list.
    Corrected,
}

/// How much of the book a person was in.
#[derive(Debug, Serialize)]
struct GoneReply {
    records: u64,
    rows: u64,
    /// Records whose own words name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<String>,
    #[serde(skip)]
    how: How,
}

impl GoneReply {
    /// Says where somebody wrote of them in words.
    fn mentioned(&self) -> String {
        if self.mentions.is_empty() {
            return String::new();
        }
        let records = count(self.mentions.len() as u64, "record", "records");
        let mut text = format!(
            "Titles, notes or other words of {records} mention this, and stay until somebody edits \
             them:\n"
        );
        for id in &self.mentions {
            text.push_str(&format!("- {id}\n"));
        }
        text
    }
}

impl Reply for GoneReply {
    fn human(&self) -> String {
        let mentioned = self.mentioned();
        if self.rows == 0 {
            let place = match self.how {
                How::Corrected => "that list",
                How::Asked | How::Forgotten => "the book",
            };
            return format!(
                "Nobody in {place} is known by this; nothing was changed.\nA person is known by \
                 what stood in the column that was imported as person.\n{mentioned}"
            );
        }
        let rows = count(self.rows, "row", "rows");
        let records = count(self.records, "record", "records");
        match self.how {
            How::Asked => {
                format!("{rows} of {records} would be removed; nothing was changed.\n{mentioned}")
            }
            How::Corrected => format!("Removed {rows} of {records}.\n"),
            How::Forgotten => format!(
                "Removed {rows} of {records}.\nWhat was already published stays; the figures of a \
                 period already published are not sent again because of this.\nThe node's files \
                 are free of them once it is next opened: lock it, then unlock it.\nA sheet that \
                 still names them would bring them back: delete them there too.\n{mentioned}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(rows: u64, how: How) -> GoneReply {
        let records = rows.min(1);
        GoneReply {
            records,
            rows,
            mentions: Vec::new(),
            how,
        }
    }

    #[test]
    fn json_counts_records_and_rows() {
        let json = serde_json::to_string(&reply(2, How::Forgotten)).expect("it is JSON");
        assert_eq!(json, r#"{"records":1,"rows":2}"#);
    }

    #[test]
    fn people_are_told_that_what_was_published_stays() {
        let text = reply(2, How::Forgotten).human();
        assert!(text.starts_with("Removed 2 rows of 1 record.\n"), "{text}");
        assert!(
            text.contains("are not sent again because of this"),
            "{text}"
        );
        assert!(
            reply(0, How::Forgotten)
                .human()
                .starts_with("Nobody in the book")
        );
        assert!(
            reply(0, How::Corrected)
                .human()
                .starts_with("Nobody in that list")
        );
        let mut named = reply(0, How::Forgotten);
        named.mentions = vec!["0190".to_owned()];
        assert!(named.human().ends_with("edits them:\n- 0190\n"));
        assert!(reply(3, How::Asked).human().contains("nothing was changed"));
    }
}
