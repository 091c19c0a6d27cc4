//! One running node, assembled.

use std::path::Path;

use crate::cli::host::{DemoRun, DemoStory, MadeNode, NewNode, Opened, Ready, RunNode};
use crate::cli::{Failure, Host};
use crate::config::{Config, Passphrase};
use crate::rpc::Client;

/// This program, as its commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Program;

/// A node opened in this process.
#[derive(Debug)]
pub struct OpenNode {
    client: Client,
}

impl Opened for OpenNode {
    fn client(&self) -> &Client {
        &self.client
    }

    async fn close(self) {}
}

impl Host for Program {
    type Node = OpenNode;

    async fn connect(&self, _dir: &Path) -> Result<Option<Client>, Failure> {
        Ok(None)
    }

    fn is_sealed(&self, _dir: &Path) -> Result<bool, Failure> {
        Err(no_node())
    }

    async fn open(
        &self,
        _dir: &Path,
        _config: Config,
        _passphrase: Option<Passphrase>,
    ) -> Result<OpenNode, Failure> {
        Err(no_node())
    }

    async fn init(&self, _new: NewNode) -> Result<MadeNode, Failure> {
        Err(no_node())
    }

    async fn serve(
        &self,
        _run: RunNode,
        _ready: impl FnOnce(Ready) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        Err(no_node())
    }

    async fn demo(
        &self,
        _demo: DemoRun,
        _show: impl FnOnce(DemoStory) + Send,
    ) -> Result<(), Failure> {
        Err(no_node())
    }
}

fn no_node() -> Failure {
    Failure::new(
        "no_node",
        "there is no node in this directory",
        "make one with `counterfoil init`",
    )
}
