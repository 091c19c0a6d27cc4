//! `serve`: the node, until it is told to stop.

use std::path::PathBuf;

use super::context::Context;
use super::failure::Failure;
use super::files;
use super::host::{Host, Ready, RunNode};
use super::output::Reply;
use crate::config::{Passphrase, Written};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address and port other nodes connect to; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address and port of the pages, or off; this version has none
    #[arg(long, value_name = "ADDR|off")]
    web: Option<String>,
    /// Address and port of the metrics in plain HTTP, or off
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
    let run = RunNode {
        dir: context.dir.clone(),
        config: context.config.clone(),
        sources: context.sources.clone(),
        passphrase,
    };
    let output = context.output;
    let ready = move |ready: Ready| {
        if let Some(file) = &args.ready_file {
            let text = serde_json::to_vec(&ready).unwrap_or_default();
            files::replace("ready file", file, &text)?;
        }
        output.answer(&ready).map(|_| ())
    };
    let served = context.host.serve(run, ready).await;
    served.map_err(|failure| context.wrong_in_file(failure))?;
    Ok(0)
}

impl Reply for Ready {
    fn human(&self) -> String {
        let mut text = format!("Ready: gRPC on {}", self.grpc);
        for (name, address) in [("pages", &self.web), ("metrics", &self.metrics)] {
            if let Some(address) = address {
                text.push_str(&format!(", {name} on {address}"));
            }
        }
        text.push_str(". Ctrl-C stops it.\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_null() {
        let ready = Ready {
            pid: 1,
            grpc: "127.0.0.1:7443".to_owned(),
            web: None,
            metrics: None,
            socket: "/run/s".to_owned(),
        };
        assert_eq!(
            serde_json::to_string(&ready).expect("it is JSON"),
            r#"{"pid":1,"grpc":"127.0.0.1:7443","web":null,"metrics":null,"socket":"/run/s"}"#
        );
        assert_eq!(
            ready.human(),
            "Ready: gRPC on 127.0.0.1:7443. Ctrl-C stops it.\n"
        );
    }
}
