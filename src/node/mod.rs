//! One running node, assembled from the rooms below.
//!
//! - [`make`]: a new node in an empty directory.
//! - [`open`]: a node opened in this process: both planes, no listener.
//! - [`serve`]: a node that listens, syncs, and stops in order.
//! - `notify`: what the service manager is told.
//! - `keep`: restoring, drills, looking at a directory, building a plane anew; `temporary`: where a
//!   drill takes place.
//! - `schedule`: backups and scrubs a running node does by itself.
//! - `reload`: settings and certificate read again meanwhile.
//! - [`watch`]: what a running node says to machines, and to a person who must act.
//! - [`demo`]: three nodes on this machine, and the story they report.

pub mod demo;
mod keep;
pub mod make;
mod notify;
pub mod open;
mod reload;
mod schedule;
pub mod serve;
mod temporary;
pub mod watch;

use std::path::Path;

use crate::cli::host::{
    Check, DemoRun, DemoStory, FoundBackup, MadeNode, NewNode, OpenBackup, Opened, Ready, Rebuilt,
    RunNode,
};
use crate::cli::{Failure, Host};
use crate::clock::Clock;
use crate::config::{Config, Passphrase};
use crate::rpc::errors::Told;
use crate::rpc::{Client, connect, local};
use crate::store::backup::make_identity;
use crate::store::os_entropy;
use crate::store::wipe::{self, Wiped};
use open::Node;
use zeroize::Zeroizing;

/// This program, as its commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Program;

/// A node opened in this process.
#[derive(Debug)]
pub struct OpenNode {
    client: Client,
    node: Node,
}

impl Opened for OpenNode {
    fn client(&self) -> &Client {
        &self.client
    }

    async fn close(self) {
        drop(self.client);
        // After the command, which may have been the one that takes it back.
        self.node.let_out_held().await;
        self.node.close();
    }
}

impl Host for Program {
    type Node = OpenNode;

    async fn connect(&self, dir: &Path) -> Result<Option<Client>, Failure> {
        if !dir.exists() {
            return Ok(None);
        }
        let refused = |error: local::LocalError| {
            Failure::new(
                "config",
                error.to_string(),
                "set XDG_RUNTIME_DIR to a short path",
            )
        };
        let paths = local::socket_paths(dir).map_err(refused)?;
        let owner = local::owner(dir).map_err(refused)?;
        match connect::socket(paths, owner).await {
            Ok(channel) => Ok(Some(Client::new(channel))),
            Err(connect::ConnectError::NotRunning) => Ok(None),
            Err(error) => Err(Failure::new("unavailable", error.to_string(), "")),
        }
    }

    fn is_sealed(&self, dir: &Path) -> Result<bool, Failure> {
        Ok(!open::read_card(dir)?.member().relay)
    }

    async fn open(
        &self,
        dir: &Path,
        config: Config,
        passphrase: Option<Passphrase>,
    ) -> Result<OpenNode, Failure> {
        let node = Node::open(dir, config, passphrase, Clock::SYSTEM, os_entropy).await?;
        Ok(OpenNode {
            client: node.client()?,
            node,
        })
    }

    async fn init(&self, new: NewNode) -> Result<MadeNode, Failure> {
        on_thread(move || make::make(&new, Clock::SYSTEM, os_entropy)).await
    }

    async fn serve(
        &self,
        run: RunNode,
        ready: impl FnOnce(Ready) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        serve::run(run, Clock::SYSTEM, os_entropy, ready).await
    }

    async fn wipe(&self, dir: &Path, all: bool) -> Result<Wiped, Failure> {
        let dir = dir.to_owned();
        on_thread(move || wipe::wipe(&dir, all, os_entropy).map_err(failure)).await
    }

    fn new_backup_key(&self) -> (Zeroizing<String>, String) {
        make_identity()
    }

    async fn inspect_backup(&self, open: OpenBackup) -> Result<FoundBackup, Failure> {
        on_thread(move || keep::inspect(&open)).await
    }

    async fn drill_backup(&self, open: OpenBackup) -> Result<FoundBackup, Failure> {
        keep::drill(open, Clock::SYSTEM, os_entropy).await
    }

    async fn restore_backup(&self, open: OpenBackup, dir: &Path) -> Result<FoundBackup, Failure> {
        let dir = dir.to_owned();
        on_thread(move || keep::restore(&open, &dir, os_entropy)).await
    }

    fn look_at_dir(&self, dir: &Path) -> Result<Vec<Check>, Failure> {
        keep::look_at(dir)
    }

    async fn rebuild(
        &self,
        dir: &Path,
        passphrase: Option<Passphrase>,
    ) -> Result<Rebuilt, Failure> {
        let dir = dir.to_owned();
        on_thread(move || keep::rebuild(&dir, passphrase, Clock::SYSTEM, os_entropy)).await
    }

    async fn demo(
        &self,
        demo: DemoRun,
        show: impl FnOnce(DemoStory) + Send,
    ) -> Result<(), Failure> {
        demo::run(demo, show).await
    }
}

/// Runs what reads or writes the disk, or derives a key, on a thread that may wait.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| {
            Err(Failure::new(
                "internal",
                panicked.to_string(),
                "see the log above",
            ))
        })
}

/// Returns a room's error as a command shows it.
fn failure(error: impl Told) -> Failure {
    Failure::from(error.call_error())
}
