//! `backup`, `restore`: one encrypted file a node can be made from again.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::files::Reserved;
use super::host::{FoundBackup, Host, OpenBackup};
use super::output::{Reply, count};
use crate::wire;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The new file; with --verify and --drill, the backup to look at
    #[arg(required_unless_present = "new_key")]
    file: Option<PathBuf>,
    /// Seal it for these recipients, age1…, instead of under the node's passphrase
    #[arg(long, value_name = "RECIPIENT", num_args = 1.., conflicts_with_all = ["verify", "drill"])]
    to: Vec<String>,
    /// public, private or both; public needs no unlocked node
    #[arg(long, default_value = "both", value_parser = ["public", "private", "both"])]
    plane: String,
    /// Only read FILE: everything in it is authenticated, hashed and held against what was signed
    #[arg(long, conflicts_with = "drill")]
    verify: bool,
    /// Restore FILE into a temporary directory, open it, read and hash everything, and remove it
    #[arg(long)]
    drill: bool,
    /// The key that opens FILE, as --new-key made it
    #[arg(long, value_name = "KEY")]
    identity: Option<PathBuf>,
    /// Make a key to seal backups for: the file, which opens them, and its recipient
    #[arg(long, value_name = "KEY", conflicts_with_all = ["file", "to", "verify", "drill", "identity"])]
    new_key: Option<PathBuf>,
}

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup, or two: one of each plane
    #[arg(required = true, num_args = 1..=2)]
    files: Vec<PathBuf>,
    /// The key that opens it, as `backup --new-key` made it; else the passphrase does
    #[arg(long, value_name = "KEY")]
    identity: Option<PathBuf>,
    /// Only read it, as `backup --verify` does
    #[arg(long)]
    check: bool,
}

pub(super) async fn run<H: Host>(
    args: BackupArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    if let Some(path) = &args.new_key {
        return new_key(path, context);
    }
    let Some(file) = args.file.clone() else {
        return Err(Failure::misuse("a file is missing", "name the new file"));
    };
    if args.verify || args.drill {
        let open = open_backup(vec![file], args.identity, args.drill, context)?;
        let found = match args.drill {
            true => context.host.drill_backup(open).await?,
            false => context.host.inspect_backup(open).await?,
        };
        return context.answer(&FoundReply {
            verified: true,
            drilled: args.drill,
            found,
        });
    }
    take(args, &file, context).await
}

pub(super) async fn restore<H: Host>(
    args: RestoreArgs,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let open = open_backup(args.files, args.identity, false, context)?;
    if args.check {
        let found = context.host.inspect_backup(open).await?;
        return context.answer(&FoundReply {
            verified: true,
            drilled: false,
            found,
        });
    }
    let found = context.host.restore_backup(open, &context.dir).await?;
    context.answer(&RestoredReply {
        dir: context.dir.display().to_string(),
        found,
    })
}

fn new_key<H: Host>(path: &Path, context: &Context<'_, H>) -> Result<u8, Failure> {
    let reserved = Reserved::new("backup key", path)?;
    let (text, recipient) = context.host.new_backup_key();
    reserved.fill("backup key", text.as_bytes())?;
    let file = path.display().to_string();
    context.answer(&KeyReply { file, recipient })
}

/// Gathers what opens backups: an identity, or the passphrase; a drill opens the records too.
fn open_backup<H: Host>(
    files: Vec<PathBuf>,
    identity: Option<PathBuf>,
    drill: bool,
    context: &Context<'_, H>,
) -> Result<OpenBackup, Failure> {
    let passphrase = match &identity {
        None => Some(context.passphrase()?),
        // A drill without a passphrase proves less, and says so.
        Some(_) if drill => context.passphrase_if_any()?,
        Some(_) => None,
    };
    Ok(OpenBackup {
        files,
        identity,
        passphrase,
    })
}

async fn take<H: Host>(
    args: BackupArgs,
    file: &Path,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    let mut beside = Taking::new(file)?;
    let is_for_key = !args.to.is_empty();
    let passphrase = match is_for_key {
        true => String::new(),
        false => context.passphrase()?.as_str().to_owned(),
    };
    let plane = match args.plane.as_str() {
        "public" => Plane::Public,
        _ => Plane::Private,
    };
    let request = wire::BackupRequest {
        recipients: args.to,
        passphrase,
        plane: args.plane,
    };
    let done = context
        .with_node_or_fail(plane, async |node| {
            node.backup(request, async |data| beside.write(&data).await)
                .await
        })
        .await?;
    let bytes = beside.put().await?;
    context.answer(&BackupReply {
        file: file.display().to_string(),
        bytes,
        tree_size: done.tree_size,
        root_hash: Some(done.root_hash).filter(|root| !root.is_empty()),
        planes: done.planes,
        leaves: done.leaves,
        rows: done.rows,
        is_for_key,
    })
}

/// A file that is put under its name once it is whole, if nothing is there by then.
struct Taking {
    path: PathBuf,
    beside: PathBuf,
    file: tokio::fs::File,
    bytes: u64,
}

impl Taking {
    fn new(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| failed(path, &error);
        if path.symlink_metadata().is_ok() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?;
        let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file: tokio::fs::File::from_std(file),
            bytes: 0,
        })
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.bytes += data.len() as u64;
        let written = self.file.write_all(data).await;
        written.map_err(|error| failed(&self.path, &error))
    }

    async fn put(mut self) -> Result<u64, Failure> {
        let synced = async {
            self.file.flush().await?;
            self.file.sync_all().await
        };
        synced.await.map_err(|error| failed(&self.path, &error))?;
        put_if_free(&self.beside, &self.path).map_err(|error| failed(&self.path, &error))?;
        Ok(self.bytes)
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        // Once it is under its name, there is nothing left beside it.
        let _gone = std::fs::remove_file(&self.beside);
    }
}

/// Gives a file its name, which nothing else may have.
fn put_if_free(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it; nobody else writes there in this moment.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => {
            std::fs::rename(from, to)?;
        }
        done => done?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::file("backup cannot be written:", path, error)
}

#[derive(Debug, Serialize)]
struct BackupReply {
    file: String,
    bytes: u64,
    tree_size: u64,
    root_hash: Option<String>,
    planes: Vec<String>,
    leaves: u64,
    rows: u64,
    /// Whether it is sealed for somebody's key.
    #[serde(skip)]
    is_for_key: bool,
}

impl Reply for BackupReply {
    fn human(&self) -> String {
        let key = match self.is_for_key {
            true => " --identity KEY",
            false => "",
        };
        format!(
            "Backed up to {}: {} plane, {}, {} in its own log, {} of all members, {}.\n\
             Check it with `counterfoil backup --verify {}{key}`.\n",
            self.file,
            self.planes.join(" and "),
            count(self.bytes, "byte", "bytes"),
            count(self.tree_size, "leaf", "leaves"),
            self.leaves,
            count(self.rows, "sealed row", "sealed rows"),
            self.file,
        )
    }
}

#[derive(Debug, Serialize)]
struct KeyReply {
    file: String,
    recipient: String,
}

impl Reply for KeyReply {
    fn human(&self) -> String {
        format!(
            "Made {}. It opens backups that are sealed for\n\n  {}\n\n\
             Keep it away from the node; only the recipient belongs there.\n",
            self.file, self.recipient
        )
    }
}

#[derive(Debug, Serialize)]
struct FoundReply {
    verified: bool,
    drilled: bool,
    #[serde(flatten)]
    found: FoundBackup,
}

impl Reply for FoundReply {
    fn human(&self) -> String {
        let done = match self.drilled {
            true => "Restored and read again",
            false => "Whole and unchanged",
        };
        format!("{done}: {}", self.found.human())
    }
}

#[derive(Debug, Serialize)]
struct RestoredReply {
    dir: String,
    #[serde(flatten)]
    found: FoundBackup,
}

impl Reply for RestoredReply {
    fn human(&self) -> String {
        format!(
            "Restored into {}: {}\
             It signs nothing until a peer has given it what it holds: start it, then `counterfoil \
             peer sync`.\n",
            self.dir,
            self.found.human()
        )
    }
}

impl FoundBackup {
    fn human(&self) -> String {
        let mut text = format!(
            "the {} plane of {} as of {}, {} in its own log, {} of all members, {}, {}.\n",
            self.planes.join(" and "),
            self.member,
            self.date,
            count(self.tree_size, "leaf", "leaves"),
            self.leaves,
            count(self.payloads, "payload", "payloads"),
            count(self.rows, "sealed row", "sealed rows"),
        );
        for note in &self.notes {
            text.push_str(&format!("- {note}\n"));
        }
        text
    }
}
