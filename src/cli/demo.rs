//! `demo`: two networks and a relay on this machine.

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::host::{DemoNode, DemoRun, DemoStory, Host};
use super::output::{Reply, printable};
use super::report::QueryReply;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Exit once the story is told
    #[arg(long)]
    once: bool,
}

pub(super) async fn run<H: Host>(args: DemoArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    let demo = DemoRun {
        once: args.once,
        // Not the directory of the environment: it may hold somebody's real node.
        dir: context.flag_dir.clone(),
    };
    let output = context.output;
    let mut shown = Ok(1);
    let show = |story| shown = output.answer(&DemoReply::from(story));
    context.host.demo(demo, show).await?;
    shown
}

#[derive(Debug, Serialize)]
struct DemoReply {
    nodes: Vec<DemoNode>,
    report: QueryReply,
    story: Vec<String>,
    verified: bool,
}

impl From<DemoStory> for DemoReply {
    fn from(story: DemoStory) -> Self {
        Self {
            nodes: story.nodes,
            report: QueryReply(story.report),
            story: story.story,
            verified: story.verified,
        }
    }
}

impl Reply for DemoReply {
    fn human(&self) -> String {
        let mut text = String::from("Nodes:\n");
        for node in &self.nodes {
            let web = node.web.as_ref().map(|web| format!(", pages {web}"));
            text.push_str(&format!(
                "- {}: {}{}\n",
                node.member,
                node.grpc,
                web.unwrap_or_default()
            ));
        }
        text.push_str("\nThe year they report together:\n\n");
        for line in &self.story {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str("\nOne of the reports behind it:\n\n");
        text.push_str(&self.report.human());
        text.push_str(match self.verified {
            true => "\nEvery proof behind these figures was checked: verified\n",
            false => "\nA proof behind these figures does not hold: NOT verified\n",
        });
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.verified
    }
}
