//! `release preview|approve|publish|holds|cancel|statement|list|status`.

use serde::Serialize;

use super::approver;
use super::args;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::hold;
use super::host::Host;
use super::output::{Reply, count, printable, table};
use super::preview::{Changes, PreviewReply, Said};
use crate::model::Kind;
use crate::wire;

/// Commands about releases.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ReleaseCommand {
    /// Show cell by cell what would leave for a period, and what is kept back
    Preview {
        /// The period, such as 2018, 2018Q1 or 2018-03
        #[arg(value_parser = args::period)]
        period: String,
        /// Only these kinds, separated by commas
        #[arg(long, num_args = 1.., value_delimiter = ',')]
        kind: Vec<Kind>,
        #[command(flatten)]
        made_by: approver::Signer,
    },
    /// Approve a previewed draft in an approver's name, with their own key
    Approve(approver::ApproveArgs),
    /// Let a previewed draft out, if nothing changed since
    Publish {
        /// The draft's digest, as the preview printed it
        digest: String,
        /// Wait so long before anything leaves, from 1m to 30d, such as 30m, 24h or 2d
        #[arg(long, value_name = "TIME", value_parser = hold::seconds)]
        hold: Option<u64>,
    },
    /// List the drafts that leave later
    Holds,
    /// Take a draft back that was to leave later
    Cancel {
        /// Its digest
        digest: String,
    },
    /// Write up to five sentences about a period; they leave with the kind's next release
    Statement {
        /// The period
        #[arg(value_parser = args::period)]
        period: String,
        /// The kind they are published with
        #[arg(long)]
        kind: Kind,
        /// A sentence, in place of those before; again for more. Without it, they are shown
        #[arg(long, value_name = "SENTENCE")]
        text: Vec<String>,
        /// Say nothing of the kind and period
        #[arg(long, conflicts_with = "text")]
        clear: bool,
    },
    /// List what was released
    List,
    /// Say that there is no summary for a kind and period, and why
    Status {
        /// The period
        #[arg(value_parser = args::period)]
        period: String,
        /// nil: nothing happened; excused: a pause, no reason asked; withheld: not shared
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(["nil", "excused", "withheld"]))]
        status: String,
        /// The kind
        #[arg(long)]
        kind: Kind,
    },
}

pub(super) async fn run<H: Host>(
    command: ReleaseCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        ReleaseCommand::Preview {
            period,
            kind,
            made_by,
        } => {
            let kinds = kind.iter().map(ToString::to_string).collect();
            let request = wire::PreviewRequest { period, kinds };
            let maker = made_by.open()?;
            let draft = context
                .with_node(Plane::Private, async |node| {
                    let draft = node.preview(request).await?;
                    if let Some((name, key)) = &maker {
                        approver::claim(node, &draft.digest, name, key).await?;
                    }
                    Ok(draft)
                })
                .await?;
            context.answer(&PreviewReply::from(draft))
        }
        ReleaseCommand::Approve(args) => approver::approve(args, context).await,
        ReleaseCommand::Holds => hold::list(context).await,
        ReleaseCommand::Cancel { digest } => hold::cancel(digest, context).await,
        ReleaseCommand::Publish { digest, hold } => {
            let hold_seconds = hold.unwrap_or(0);
            let request = wire::PublishRequest {
                digest,
                hold_seconds,
            };
            let published = context
                .with_node(Plane::Private, async |node| node.publish(request).await)
                .await?;
            context.answer(&PublishReply::from(published))
        }
        ReleaseCommand::Statement {
            period,
            kind,
            text,
            clear,
        } => {
            let request = wire::StateRequest {
                period,
                kind: kind.to_string(),
                replace: clear || !text.is_empty(),
                texts: text,
            };
            let said = context
                .with_node(Plane::Private, async |node| node.state(request).await)
                .await?;
            context.answer(&StatementsReply::from(said))
        }
        ReleaseCommand::List => {
            let request = wire::ListReleasesRequest {};
            let listed = context
                .with_node(Plane::Private, async |node| {
                    node.list_releases(request).await
                })
                .await?;
            let releases = listed.releases.into_iter().map(Release::from).collect();
            context.answer(&ReleasesReply { releases })
        }
        ReleaseCommand::Status {
            period,
            status,
            kind,
        } => {
            let request = wire::SetStatusRequest {
                period,
                status: status.clone(),
                kind: kind.to_string(),
            };
            let said = context
                .with_node(Plane::Private, async |node| node.set_status(request).await)
                .await?;
            let leaf = said.published.unwrap_or_default();
            context.answer(&StatusReply {
                already_said: said.already_said,
                releases: [Release {
                    leaf_index: leaf.leaf_index,
                    series: leaf.series,
                    revision: leaf.revision,
                    state: status,
                    changed_since_sent: false,
                    since: None,
                }],
            })
        }
    }
}

/// What would be said with the next release of a kind and period.
#[derive(Debug, Serialize)]
struct StatementsReply {
    series: String,
    statements: Vec<Said>,
}

impl From<wire::StateResponse> for StatementsReply {
    fn from(response: wire::StateResponse) -> Self {
        Self {
            series: response.series,
            statements: response.statements.into_iter().map(Said::from).collect(),
        }
    }
}

impl Reply for StatementsReply {
    fn human(&self) -> String {
        if self.statements.is_empty() {
            return format!("Nothing would be said of {}.\n", self.series);
        }
        let said: String = self.statements.iter().map(Said::human).collect();
        let series = &self.series;
        printable(&format!(
            "With the next release of {series}, all who see it read:\n{said}"
        ))
    }
}

#[derive(Debug, Serialize)]
struct PublishReply {
    #[serde(flatten)]
    held: Option<Held>,
    published: Vec<Published>,
    tree_size: u64,
    root_hash: String,
}

/// A draft that leaves later.
#[derive(Debug, Serialize)]
struct Held {
    held: bool,
    digest: String,
    until: String,
}

impl From<wire::Hold> for Held {
    fn from(hold: wire::Hold) -> Self {
        Self {
            held: true,
            digest: hold.digest,
            until: hold.until,
        }
    }
}

#[derive(Debug, Serialize)]
struct Published {
    series: String,
    revision: u32,
    leaf_index: u64,
}

impl From<wire::PublishResponse> for PublishReply {
    fn from(response: wire::PublishResponse) -> Self {
        let published = |summary: wire::PublishedSummary| Published {
            series: summary.series,
            revision: summary.revision,
            leaf_index: summary.leaf_index,
        };
        Self {
            held: response.held.map(Held::from),
            published: response.published.into_iter().map(published).collect(),
            tree_size: response.tree_size,
            root_hash: response.root_hash,
        }
    }
}

impl Reply for PublishReply {
    fn human(&self) -> String {
        if let Some(Held { digest, until, .. }) = &self.held {
            return format!(
                "Nothing has left. The draft leaves at {until} or, if the node is locked or off \
                 then, when it is next opened; and only if nothing has changed.\nTo take it back: \
                 counterfoil release cancel {digest}\n"
            );
        }
        let mut text = match self.published.len() as u64 {
            0 => "Nothing changed, so nothing was released.\n".to_owned(),
            number => format!("{} released:\n", count(number, "summary", "summaries")),
        };
        for summary in &self.published {
            let Published {
                series,
                revision,
                leaf_index,
            } = summary;
            text.push_str(&format!(
                "- {series} revision {revision}, leaf {leaf_index}\n"
            ));
        }
        let leaves = count(self.tree_size, "leaf", "leaves");
        text.push_str(&format!(
            "The log has {leaves}, root hash {}\n",
            self.root_hash
        ));
        text
    }
}

/// What was said of a kind and period, or had been.
#[derive(Debug, Serialize)]
struct StatusReply {
    already_said: bool,
    releases: [Release; 1],
}

impl Reply for StatusReply {
    fn human(&self) -> String {
        let [said] = &self.releases;
        let Release {
            leaf_index,
            series,
            state,
            ..
        } = said;
        match self.already_said {
            true => format!(
                "Already said: {series} is {state}, in leaf {leaf_index}. Nothing was added.\n"
            ),
            false => format!("Said: {series} is {state}, in leaf {leaf_index} of the log.\n"),
        }
    }
}

#[derive(Debug, Serialize)]
struct ReleasesReply {
    releases: Vec<Release>,
}

#[derive(Debug, Serialize)]
struct Release {
    leaf_index: u64,
    series: String,
    revision: u32,
    state: String,
    changed_since_sent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Changes>,
}

impl From<wire::ReleaseEntry> for Release {
    fn from(entry: wire::ReleaseEntry) -> Self {
        Self {
            leaf_index: entry.leaf_index,
            series: entry.series,
            revision: entry.revision,
            state: entry.state,
            changed_since_sent: entry.since.is_some(),
            since: entry.since.map(Changes::from),
        }
    }
}

impl Reply for ReleasesReply {
    fn human(&self) -> String {
        if self.releases.is_empty() {
            return "Nothing has been released yet.\n".to_owned();
        }
        let rows: Vec<[String; 5]> = self
            .releases
            .iter()
            .map(|release| {
                let revision = match release.revision {
                    0 => String::new(),
                    number => number.to_string(),
                };
                [
                    release.leaf_index.to_string(),
                    release.series.clone(),
                    revision,
                    release.state.clone(),
                    release.since.as_ref().map_or_else(String::new, |since| {
                        format!("changed since sent: {}", since.human())
                    }),
                ]
            })
            .collect();
        table(["leaf", "series", "revision", "state", ""], &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_draft_says_until_when() {
        let hold = wire::Hold {
            digest: "d1".to_owned(),
            until: "2018-04-12T08:00:00Z".to_owned(),
            ..wire::Hold::default()
        };
        let reply = PublishReply::from(wire::PublishResponse {
            held: Some(hold),
            ..wire::PublishResponse::default()
        });
        assert!(reply.human().contains("release cancel d1"));
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"held":true,"digest":"d1","until":"2018-04-12T08:00:00Z","published":[],"tree_size":0,"root_hash":""}"#
        );
    }

    #[test]
    fn publishing_nothing_is_done() {
        let reply = PublishReply::from(wire::PublishResponse::default());
        assert!(reply.is_done());
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"published":[],"tree_size":0,"root_hash":""}"#
        );
    }
}
