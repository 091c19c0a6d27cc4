//! What commands need of the program around them: a node to talk to, to make and to run.
//!
//! The node stands above the command line, so it is handed in; see `main.rs`.

use std::future::Future;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use super::doctor::Check;
use super::failure::Failure;
use crate::charter::Size;
use crate::config::{Config, Passphrase, Sources};
use crate::model::MemberId;
use crate::rpc::Client;
use crate::store::RecoveryCode;
use crate::store::wipe::Wiped;
use crate::wire;

/// A node opened in this process.
pub trait Opened: Send {
    /// Returns a client of its local services.
    fn client(&self) -> &Client;

    /// Lets it finish what it began, and closes it.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// The program around the commands.
pub trait Host: Sync {
    /// A node opened in this process.
    type Node: Opened;

    /// Returns a client of the node that runs on a directory; `None` where none does.
    fn connect(&self, dir: &Path) -> impl Future<Output = Result<Option<Client>, Failure>> + Send;

    /// Returns whether the node in a directory has a private plane, which takes a passphrase.
    ///
    /// # Errors
    /// When the directory holds no node.
    fn is_sealed(&self, dir: &Path) -> Result<bool, Failure>;

    /// Opens a node in this process; without a passphrase, it stays locked.
    fn open(
        &self,
        dir: &Path,
        config: Config,
        passphrase: Option<Passphrase>,
    ) -> impl Future<Output = Result<Self::Node, Failure>> + Send;

    /// Makes a node in a directory that holds none.
    fn init(&self, new: NewNode) -> impl Future<Output = Result<MadeNode, Failure>> + Send;

    /// Runs a node until it is told to stop. Once it is ready it says so to `ready`, and stops
    /// again if that fails.
    fn serve(
        &self,
        run: RunNode,
        ready: impl FnOnce(Ready) -> Result<(), Failure> + Send,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Destroys the node in a directory that no process uses; one cut short is finished.
    fn wipe(&self, dir: &Path, all: bool) -> impl Future<Output = Result<Wiped, Failure>> + Send;

    /// Makes a key to seal backups for: the text of its file, and its recipient.
    fn new_backup_key(&self) -> (Zeroizing<String>, String);

    /// Reads backups to their end, and says what is in them.
    fn inspect_backup(
        &self,
        open: OpenBackup,
    ) -> impl Future<Output = Result<FoundBackup, Failure>> + Send;

    /// Restores backups into a temporary directory, reads everything again, and removes it.
    fn drill_backup(
        &self,
        open: OpenBackup,
    ) -> impl Future<Output = Result<FoundBackup, Failure>> + Send;

    /// Makes a directory from backups.
    fn restore_backup(
        &self,
        open: OpenBackup,
        dir: &Path,
    ) -> impl Future<Output = Result<FoundBackup, Failure>> + Send;

    /// Looks at a node's directory without opening what is in it.
    ///
    /// # Errors
    /// When there is no node.
    fn look_at_dir(&self, dir: &Path) -> Result<Vec<Check>, Failure>;

    /// Builds a plane anew from what can be read: with a passphrase the private one, else the
    /// public.
    fn rebuild(
        &self,
        dir: &Path,
        passphrase: Option<Passphrase>,
    ) -> impl Future<Output = Result<Rebuilt, Failure>> + Send;

    /// Makes a consortium on this machine, tells its story, and hands it to `show`. Unless `once`,
    /// it stays up until it is interrupted.
    fn demo(
        &self,
        demo: DemoRun,
        show: impl FnOnce(DemoStory) + Send,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A node to make.
#[derive(Clone, Debug)]
pub struct NewNode {
    /// Where.
    pub dir: PathBuf,
    /// Its member's identifier.
    pub member: MemberId,
    /// Its member's name, for people.
    pub name: String,
    /// Declared size.
    pub size: Size,
    /// Countries its tables name, ISO 3166-1 alpha-2.
    pub countries: Vec<String>,
    /// Whether it only replicates and witnesses.
    pub relay: bool,
    /// The settings it is made with; `advertise` is its endpoint.
    pub config: Config,
    /// The text of its settings file.
    pub settings: String,
    /// What its private plane is sealed with; `None` for a relay, which has none.
    pub passphrase: Option<Passphrase>,
}

/// A node that was made.
#[derive(Clone, Debug)]
pub struct MadeNode {
    /// Public key of its log, base64; `None` for a relay.
    pub log_key: Option<String>,
    /// Public key it cosigns with, base64.
    pub witness_key: String,
    /// The recovery key as it is to be kept on paper; `None` for a relay.
    pub recovery_key: Option<Zeroizing<String>>,
    /// The code that opens the book when every passphrase is lost; `None` for a relay.
    pub recovery_code: Option<RecoveryCode>,
}

/// Backups, and what opens them.
#[derive(Clone, Debug)]
pub struct OpenBackup {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The key they are sealed for; without it, they are under the passphrase.
    pub identity: Option<PathBuf>,
    /// The passphrase, which opens the records too.
    pub passphrase: Option<Passphrase>,
}

/// What was found in backups.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct FoundBackup {
    /// Whose node they are of.
    pub member: String,
    /// The day of the first.
    pub date: String,
    /// The planes in them.
    pub planes: Vec<String>,
    /// Leaves of the node's own log.
    pub tree_size: u64,
    /// The root hash over them, base64.
    pub root_hash: Option<String>,
    /// Leaves of all logs.
    pub leaves: u64,
    /// Payloads held against their leaves.
    pub payloads: u64,
    /// Rows of the private plane.
    pub rows: u64,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// A plane that was built anew.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Rebuilt {
    /// `public` or `private`.
    pub plane: String,
    /// Where the old one is.
    pub aside: String,
    /// What was taken over of each log.
    pub logs: Vec<RebuiltLog>,
    /// Rows taken over.
    pub rows: u64,
    /// What could not be read.
    pub lost: Vec<String>,
    /// Leaves of its own log that the node had signed, by the checkpoint kept outside.
    pub signed: u64,
    /// Leaves of its own log it holds now, or has in its ledger.
    pub tree_size: u64,
}

/// What was taken over of a log.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RebuiltLog {
    /// Which.
    pub origin: String,
    /// Leaves taken over.
    pub kept: u64,
    /// Leaves there were.
    pub held: u64,
}

/// A node to run.
#[derive(Clone, Debug)]
pub struct RunNode {
    /// Where it lives.
    pub dir: PathBuf,
    /// How.
    pub config: Config,
    /// Where the settings are read again while it runs.
    pub sources: Sources,
    /// Opens its private plane from the start.
    pub passphrase: Option<Passphrase>,
}

/// A node that is ready, with the addresses really bound.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Ready {
    /// Its process.
    pub pid: u32,
    /// Address and port of the mutual TLS listener.
    pub grpc: String,
    /// Of the pages; `None` where off or not built.
    pub web: Option<String>,
    /// Of the metrics; `None` where off.
    pub metrics: Option<String>,
    /// Path of the local socket.
    pub socket: String,
}

/// A demonstration to run.
#[derive(Clone, Debug)]
pub struct DemoRun {
    /// Whether it ends once the story is told.
    pub once: bool,
    /// Where its nodes live; a temporary directory where not said.
    pub dir: Option<PathBuf>,
}

/// What a demonstration shows.
#[derive(Clone, Debug)]
pub struct DemoStory {
    /// Its nodes.
    pub nodes: Vec<DemoNode>,
    /// The report behind the story.
    pub report: wire::QueryResponse,
    /// The story, a line each.
    pub story: Vec<String>,
    /// Whether every proof was checked and holds.
    pub verified: bool,
    /// How its nodes can be looked at further; `None` where they end with the story.
    pub stays: Option<DemoStage>,
}

/// Where a demonstration's nodes are while they stay up.
#[derive(Clone, Debug)]
pub struct DemoStage {
    /// The folder that holds a directory for each node, named after its member.
    pub dir: PathBuf,
    /// Whether it goes when the nodes end.
    pub temporary: bool,
}

/// A node of a demonstration.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DemoNode {
    /// Whose it is.
    pub member: String,
    /// Where its services are.
    pub grpc: String,
    /// Where its pages are; `None` where off.
    pub web: Option<String>,
}
