//! Backup and restore: one file, encrypted, that a node can be made from again.
//!
//! - [`seal`]: the file as a whole is an age file: for recipients, or under a passphrase.
//! - `frame`: what is inside, one frame after the other.
//! - [`take`]: writing one from a node, at one point in time, while it runs.
//! - [`read`]: reading one, every leaf hashed and every root compared on the way.
//! - [`mod@restore`]: a directory made from one or two, whole or not at all.
//!
//! The public plane is written as what it means (leaves, payloads, heads, charters), so that it is
//! built anew with a new id and new arrival numbers, whatever the format of the store then is. The
//! private plane is written as its sealed rows: who restores it needs no passphrase, who reads it
//! does.
//!
//! Invariants: a file that was cut or changed is refused before anything is in its place, and what
//! was restored bears a mark, since nobody can know from a backup alone what was signed after it.

mod frame;
pub mod read;
pub mod restore;
pub mod seal;
pub mod take;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::log::CheckpointError;

pub use read::{Inspected, inspect};
pub use restore::{Cause, RestoreMark, Restored, restore};
pub use seal::{Opener, Recipients, make_identity};
pub use take::{Moment, Source, Taken};

/// The files beside the databases that every backup has.
const FILES: &[&str] = &[
    "card",
    "witness.key",
    "node.cert",
    "relay.keys",
    "counterfoil.toml",
    "checkpoint",
];

/// The files without which the private plane cannot be read.
const PRIVATE_FILES: &[&str] = &["vault.toml"];

/// Longest of these files.
const MAX_FILE: usize = 4 << 20;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The store format of the program that wrote it.
    pub format: u32,
    /// That program's version.
    pub version: String,
    /// Whose node it is of.
    pub member: String,
    /// The name of the node's own log; none before there was a charter, and for a relay.
    pub own_log: Option<String>,
    /// The day it was taken.
    pub date: String,
    /// Whether the public plane is in it.
    pub public: bool,
    /// Whether the private plane is in it.
    pub private: bool,
}

/// Which planes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planes {
    /// Logs, charters and summaries.
    Public,
    /// Records and keys, sealed.
    Private,
    /// All of it.
    Both,
}

impl Planes {
    /// Returns whether the public plane is among them.
    pub const fn public(self) -> bool {
        matches!(self, Self::Public | Self::Both)
    }

    /// Returns whether the private plane is among them.
    pub const fn private(self) -> bool {
        matches!(self, Self::Private | Self::Both)
    }
}

/// Why a backup could not be taken, read or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be written or read.
    #[error("the backup could not be {action}: {source}")]
    Io {
        /// `written` or `read`.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is no recipient.
    #[error("{0} is no recipient: one begins with age1")]
    BadRecipient(String),
    /// The identity file cannot be read.
    #[error("the key {} cannot be read: {source}", .path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The identity file holds none.
    #[error("{} holds no identity: a line that begins with AGE-SECRET-KEY-1", .0.display())]
    NoIdentity(PathBuf),
    /// It was made for somebody else.
    #[error("this key or passphrase does not open the backup, or its header was changed")]
    NotForUs,
    /// It is under a passphrase and an identity was given, or the other way round.
    #[error("the backup is sealed {0}")]
    OtherLock(&'static str),
    /// It is no age file, or no backup.
    #[error("the file is no backup: {0}")]
    NoBackup(String),
    /// It was cut or changed.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// A newer program wrote it.
    #[error("the backup has format {found} and was written by version {version}; this version ({}) reads up to format {known}", env!("CARGO_PKG_VERSION"))]
    Newer {
        /// Its format.
        found: u32,
        /// The version of the program that wrote it.
        version: String,
        /// The newest format this program reads.
        known: u32,
    },
    /// Two files do not belong together.
    #[error("these backups do not belong together: {0}")]
    Mixed(String),
    /// The directory holds something else.
    #[error("{} cannot be restored into: {reason}", .dir.display())]
    Occupied {
        /// The directory.
        dir: PathBuf,
        /// What is there.
        reason: &'static str,
    },
}

impl BackupError {
    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    fn writing(source: io::Error) -> Self {
        Self::Io {
            action: "written",
            source,
        }
    }

    /// Names a failure to read: what the encryption refuses comes as invalid data.
    fn reading(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::InvalidData => Self::damaged("a part of it is not what was written"),
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends too soon"),
            _ => Self::Io {
                action: "read",
                source,
            },
        }
    }
}

impl From<CheckpointError> for BackupError {
    fn from(error: CheckpointError) -> Self {
        Self::damaged(error.to_string())
    }
}

#[cfg(test)]
mod tests;
