//! `health`, `unlock`, `lock`.

use std::path::PathBuf;

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, count};
use super::passphrase;
use crate::rpc::Client;
use crate::wire;

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
pub(super) struct HealthArgs {
    /// Only ask whether a node runs here and answers: exit 0 though it is not ready
    #[arg(long)]
    live: bool,
}

pub(super) async fn health<H: Host>(
    args: HealthArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let request = wire::HealthRequest {};
    if args.live {
        // Restarting a node makes none ready: what watches over the process asks no more than this.
        let health = running(context).await?.health(request).await?;
        return context.answer(&HealthReply::from(health)).map(|_| 0);
    }
    let health = context
        .with_node(Plane::Public, async |node| node.health(request).await)
        .await?;
    context.answer(&HealthReply::from(health))
}

/// Arguments of `unlock`.
#[derive(Debug, clap::Args)]
pub(super) struct UnlockArgs {
    /// Open it with the code on the recovery sheet in this file, where the passphrase is forgotten
    #[arg(long, value_name = "FILE")]
    recovery_file: Option<PathBuf>,
}

pub(super) async fn unlock<H: Host>(
    args: &UnlockArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let client = running(context).await?;
    let passphrase = match &args.recovery_file {
        Some(file) => passphrase::recovery_code(file)?,
        None => context.passphrase()?,
    };
    let request = wire::UnlockRequest {
        passphrase: passphrase.as_str().to_owned(),
    };
    let locked = client.unlock(request).await?.locked;
    context.answer(&LockReply { locked })
}

pub(super) async fn lock<H: Host>(context: &Context<'_, H>) -> Result<u8, Failure> {
    let client = running(context).await?;
    let locked = client.lock(wire::LockRequest {}).await?.locked;
    context.answer(&LockReply { locked })
}

/// Returns the node that runs: only a running one can be locked or unlocked.
pub(super) async fn running<H: Host>(context: &Context<'_, H>) -> Result<Client, Failure> {
    context.host.connect(&context.dir).await?.ok_or_else(|| {
        Failure::new(
            "not_running",
            format!("no node is running on {}", context.dir.display()),
            "start it with `counterfoil serve`, or name its directory with --dir",
        )
    })
}

#[derive(Debug, Serialize)]
struct LockReply {
    locked: bool,
}

impl Reply for LockReply {
    fn human(&self) -> String {
        let state = if self.locked { "locked" } else { "unlocked" };
        format!("The node is {state}.\n")
    }
}

#[derive(Debug, Serialize)]
struct HealthReply {
    ready: bool,
    locked: bool,
    charter_version: u32,
    tree_size: u64,
    problems: Vec<Problem>,
    /// What is no trouble yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Problem {
    code: String,
    message: String,
}

impl From<wire::HealthResponse> for HealthReply {
    fn from(health: wire::HealthResponse) -> Self {
        let problem = |problem: wire::Problem| Problem {
            code: problem.code,
            message: problem.message,
        };
        Self {
            ready: health.ready,
            locked: health.locked,
            charter_version: health.charter_version,
            tree_size: health.tree_size,
            problems: health.problems.into_iter().map(problem).collect(),
            waiting: health.waiting.into_iter().map(problem).collect(),
        }
    }
}

impl Reply for HealthReply {
    fn human(&self) -> String {
        let ready = if self.ready { "Ready" } else { "Not ready" };
        let locked = if self.locked { "locked" } else { "unlocked" };
        let charter = match self.charter_version {
            0 => "no charter".to_owned(),
            version => format!("charter version {version}"),
        };
        let leaves = count(self.tree_size, "leaf", "leaves");
        let mut text = format!("{ready}: {locked}, {charter}, {leaves} in its log.\n");
        for problem in self.problems.iter().chain(&self.waiting) {
            text.push_str(&format!("- {} ({})\n", problem.message, problem.code));
        }
        super::output::printable(&text)
    }

    fn is_done(&self) -> bool {
        self.ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_names_every_problem_and_is_done_when_ready() {
        let problem = wire::Problem {
            code: "no_charter".to_owned(),
            message: "there is no charter yet".to_owned(),
        };
        let reply = HealthReply::from(wire::HealthResponse {
            locked: true,
            problems: vec![problem],
            ..wire::HealthResponse::default()
        });
        assert!(!reply.is_done());
        assert_eq!(
            reply.human(),
            "Not ready: locked, no charter, 0 leaves in its log.\n\
             - there is no charter yet (no_charter)\n"
        );
        assert_eq!(
            serde_json::to_string(&reply).expect("it is JSON"),
            r#"{"ready":false,"locked":true,"charter_version":0,"tree_size":0,"problems":[{"code":"no_charter","message":"there is no charter yet"}]}"#
        );
    }

    #[test]
    fn a_peer_not_yet_tried_is_told_and_is_no_problem() {
        let waiting = wire::Problem {
            code: "not_yet_tried".to_owned(),
            message: "anpud: not yet tried".to_owned(),
        };
        let reply = HealthReply::from(wire::HealthResponse {
            ready: true,
            waiting: vec![waiting],
            ..wire::HealthResponse::default()
        });
        let human = reply.human();
        assert!(
            human.ends_with("- anpud: not yet tried (not_yet_tried)\n"),
            "{human}"
        );
        assert!(reply.problems.is_empty());
    }
}
