//! `story`.

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, printable};
use crate::model::MemberId;
use crate::report::render;
use crate::wire;

/// Arguments of `story`.
#[derive(Debug, clap::Args)]
pub(super) struct StoryArgs {
    /// First period; the first one known if not said
    #[arg(long, value_name = "P", value_parser = args::period)]
    from: Option<String>,
    /// Last period; the last one known if not said
    #[arg(long, value_name = "P", value_parser = args::period)]
    to: Option<String>,
    /// Only these members
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    member: Vec<MemberId>,
    /// As of this date instead of today
    #[arg(long, value_name = "DATE", value_parser = args::date)]
    at: Option<String>,
}

pub(super) async fn run<H: Host>(args: StoryArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let request = wire::StoryRequest {
        from: args.from.unwrap_or_default(),
        to: args.to.unwrap_or_default(),
        members: args.member.iter().map(ToString::to_string).collect(),
        at: args.at.unwrap_or_default(),
    };
    let story = context
        .with_node(Plane::Public, async |node| node.story(request).await)
        .await?;
    context.answer(&StoryReply(story))
}

/// A story, as it is told.
#[derive(Debug)]
struct StoryReply(wire::StoryResponse);

impl Serialize for StoryReply {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let json: Value = render::json::story(&self.0);
        json.serialize(to)
    }
}

impl Reply for StoryReply {
    fn human(&self) -> String {
        printable(&render::text::story(&self.0))
    }
}
