//! `demo`: two networks and a relay on this machine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::host::{DemoNode, DemoRun, DemoStage, DemoStory, Host};
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
    #[serde(flatten)]
    look: Option<Look>,
}

/// How to look at nodes that stay up.
#[derive(Debug, Serialize)]
struct Look {
    dir: PathBuf,
    #[serde(skip)]
    temporary: bool,
    /// Commands for a shell.
    commands: Vec<String>,
}

impl From<DemoStage> for Look {
    fn from(stage: DemoStage) -> Self {
        // The program itself: it need not be where a shell looks for it.
        let program = std::env::current_exe();
        let program = program.unwrap_or_else(|_| PathBuf::from("counterfoil"));
        let program = quoted(&program);
        let command = |words: &str, member: &str| {
            let dir = quoted(&stage.dir.join(member));
            format!("{program} {words} --dir {dir}")
        };
        let commands = vec![
            command("coverage --from 2018Q1 --to 2018Q4", "anpud"),
            command("release list", "inpud"),
            command("record list", "inpud"),
        ];
        Self {
            dir: stage.dir,
            temporary: stage.temporary,
            commands,
        }
    }
}

/// Returns a path as one word of a shell's.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    match text.chars().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

impl Look {
    fn human(&self) -> String {
        let end = match self.temporary {
            true => "which goes with them",
            false => "which stays",
        };
        let mut text = format!(
            "\nThe nodes stay up until Ctrl-C. They keep everything in {}, {end}.\n\
             To look further, in another terminal:\n\n",
            self.dir.display()
        );
        for command in &self.commands {
            text.push_str(&format!("  {command}\n"));
        }
        text
    }
}

impl From<DemoStory> for DemoReply {
    fn from(story: DemoStory) -> Self {
        Self {
            nodes: story.nodes,
            report: QueryReply(story.report),
            story: story.story,
            verified: story.verified,
            look: story.stays.map(Look::from),
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
        if let Some(look) = &self.look {
            text.push_str(&look.human());
        }
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.verified
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, word) in [
            ("/tmp/demo-1/inpud", "/tmp/demo-1/inpud"),
            ("/tmp/my demo", "'/tmp/my demo'"),
            ("/tmp/it's", r"'/tmp/it'\''s'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
