//! `prove`: one leaf with everything needed to check it.

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::TextReply;
use crate::model::MemberId;
use crate::wire;

/// Arguments of `prove`.
#[derive(Debug, clap::Args)]
pub(super) struct ProveArgs {
    /// The member whose log it is in
    member: MemberId,
    /// The leaf's index, as `release list` and reports give it
    #[arg(value_parser = index)]
    index: u64,
}

fn index(given: &str) -> Result<u64, &'static str> {
    given
        .parse()
        .map_err(|_| "expected the number of a leaf, from 0")
}

pub(super) async fn run<H: Host>(args: ProveArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let request = wire::ProveRequest {
        member: args.member.to_string(),
        leaf_index: args.index,
    };
    let proof = context
        .with_node(Plane::Public, async |node| node.prove(request).await)
        .await?;
    context.answer(&TextReply {
        text: proof.document,
    })
}
