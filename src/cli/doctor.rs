//! `doctor`: what is wrong with a node, what soon will be, and what to do about it.

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::{Host, Rebuilt};
use super::output::{Reply, printable};
use crate::wire;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Read everything stored and hash it again
    #[arg(long)]
    deep: bool,
    /// Drop what is damaged and held by peers too, so that the next sync fetches it again
    #[arg(long, requires = "deep")]
    mend: bool,
    /// Build a damaged plane anew from what can be read; the old one is kept aside
    #[arg(long, value_name = "PLANE", value_parser = ["public", "private"], conflicts_with_all = ["deep", "mend"])]
    rebuild: Option<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A word for programs.
    pub name: String,
    /// `ok`, `warn` or `bad`.
    pub state: String,
    /// What was found.
    pub message: String,
    /// What to do about it; empty where nothing need be done.
    pub remedy: String,
}

impl Check {
    /// Says that something is well.
    pub fn fine(name: &str, message: impl Into<String>) -> Self {
        Self::new(name, "ok", message, "")
    }

    /// Says what was found.
    pub fn new(name: &str, state: &str, message: impl Into<String>, remedy: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: state.to_owned(),
            message: message.into(),
            remedy: remedy.to_owned(),
        }
    }
}

pub(super) async fn run<H: Host>(
    args: DoctorArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    if let Some(plane) = args.rebuild {
        return rebuild(&plane, context).await;
    }
    let mut reply = DoctorReply {
        checks: context.host.look_at_dir(&context.dir)?,
        ..DoctorReply::default()
    };
    // What cannot be opened at all is a finding too, not the end of looking.
    let request = wire::DoctorRequest {
        deep: args.deep,
        mend: args.mend,
    };
    let plane = match context.config.passphrase_file {
        Some(_) => Plane::Private,
        None => Plane::Public,
    };
    let looked = context
        .with_node(plane, async |node| node.doctor(request).await)
        .await;
    match looked {
        Ok(looked) => {
            reply.leaves = looked.leaves;
            reply.payloads = looked.payloads;
            reply.rows = looked.rows;
            reply
                .checks
                .extend(looked.checks.into_iter().map(from_wire));
        }
        Err(failure) => {
            let check = Check::new("open", "bad", &failure.message, &failure.hint);
            reply.checks.push(check);
        }
    }
    context.answer(&reply)
}

async fn rebuild<H: Host>(plane: &str, context: &Context<'_, H>) -> Result<u8, Failure> {
    let passphrase = match plane {
        "private" => Some(context.passphrase()?),
        _ => None,
    };
    let rebuilt = context.host.rebuild(&context.dir, passphrase).await?;
    context.answer(&rebuilt)
}

fn from_wire(check: wire::Check) -> Check {
    Check {
        name: check.name,
        state: check.state,
        message: check.message,
        remedy: check.remedy,
    }
}

#[derive(Debug, Default, Serialize)]
struct DoctorReply {
    checks: Vec<Check>,
    leaves: u64,
    payloads: u64,
    rows: u64,
}

impl Reply for DoctorReply {
    fn human(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            text.push_str(&format!(
                "{:<4} {}: {}\n",
                check.state, check.name, check.message
            ));
            if !check.remedy.is_empty() {
                text.push_str(&format!("     {}\n", check.remedy));
            }
        }
        printable(&text)
    }

    fn is_done(&self) -> bool {
        self.checks.iter().all(|check| check.state != "bad")
    }
}

impl Reply for Rebuilt {
    fn human(&self) -> String {
        let mut text = format!(
            "Built the {} plane anew; the old one is in {}.\n",
            self.plane, self.aside
        );
        for log in &self.logs {
            text.push_str(&format!(
                "- {}: {} of {} leaves taken over\n",
                log.origin, log.kept, log.held
            ));
        }
        for lost in &self.lost {
            text.push_str(&format!("- lost: {lost}\n"));
        }
        text.push_str(&format!(
            "This node has signed {} leaves, and holds {} of them.\n",
            self.signed, self.tree_size
        ));
        text.push_str(
            "Next: start it, `counterfoil peer sync`, then `counterfoil doctor --deep`.\n",
        );
        printable(&text)
    }
}
