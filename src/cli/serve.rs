//! `serve`: the node, until it is told to stop.

use std::path::PathBuf;

use super::context::Context;
use super::failure::Failure;
use super::host::{Host, RunNode};
use crate::config::{Passphrase, Written};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address and port other nodes connect to; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address and port of the pages, or off
    #[arg(long, value_name = "ADDR|off")]
    web: Option<String>,
    /// Address and port of the metrics, or off
    #[arg(long, value_name = "ADDR|off")]
    metrics: Option<String>,
    /// Write process id and addresses to this file once the node is ready
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl ServeArgs {
    pub(super) fn settings(&self, written: Written) -> Written {
        written
            .with_flag("listen", self.listen.as_deref())
            .with_flag("web", self.web.as_deref())
            .with_flag("metrics", self.metrics.as_deref())
    }
}

pub(super) async fn run<H: Host>(args: ServeArgs, context: &Context<'_, H>) -> Result<u8, Failure> {
    // Never asked for: a node that restarts by itself has nobody in front of it, and runs locked.
    let passphrase = context
        .config
        .passphrase_file
        .as_deref()
        .map(Passphrase::read)
        .transpose()?;
    context
        .host
        .serve(RunNode {
            dir: context.dir.clone(),
            config: context.config.clone(),
            passphrase,
            ready_file: args.ready_file,
        })
        .await?;
    Ok(0)
}
