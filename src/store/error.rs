//! Why the store could not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked. No variant carries a stored value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory belongs to somebody else or sits on a read-only disk.
    #[error("cannot {action} {path} as user {uid}: {source}; give this user what it is to use", path = .path.display())]
    NotAllowed {
        /// What was tried, such as `read`.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The user this process runs as.
        uid: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the directory.
    #[error("another process{} is using {}", pid_note(.pid), .dir.display())]
    InUse {
        /// The node's directory.
        dir: PathBuf,
        /// The process that holds it, where it is known.
        pid: Option<u32>,
    },
    /// There is no node here.
    #[error("{} holds no node", .dir.display())]
    NoNode {
        /// The directory.
        dir: PathBuf,
    },
    /// There is a node here already.
    #[error("{} already holds a node", .dir.display())]
    HoldsNode {
        /// The directory.
        dir: PathBuf,
    },
    /// An earlier init stopped before its end.
    #[error("{} holds a node that was never finished ({found} is there, format is not)", .dir.display())]
    Unfinished {
        /// The directory.
        dir: PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// A newer program wrote this directory.
    #[error("{} has store format {found} and this version ({}) reads up to {known}; use {}", .dir.display(), env!("CARGO_PKG_VERSION"), reader_note(*.found, .version))]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// The number in `format`.
        found: u32,
        /// The newest number this program reads.
        known: u32,
        /// The oldest version that reads it, where the directory says so.
        version: String,
    },
    /// A file holds something other than what belongs there.
    #[error("{} is damaged: {reason}", .path.display())]
    Damaged {
        /// Which file or database.
        path: PathBuf,
        /// What is wrong, and what to do where something can be done.
        reason: String,
    },
    /// The database engine failed.
    #[error("the database {} failed: {reason}", .path.display())]
    Engine {
        /// Which database.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// An earlier write or sync failed, so what is on disk is no longer certain.
    #[error("{} takes no more writes because an earlier one failed ({reason}); check the disk and restart", .path.display())]
    Poisoned {
        /// Which database.
        path: PathBuf,
        /// The first failure.
        reason: String,
    },
    /// The disk is nearly full; nothing was written, and writing works again once there is room.
    #[error("the disk of {} is nearly full ({available} bytes left, {needed} needed); make room and try again", .path.display())]
    DiskFull {
        /// Which database.
        path: PathBuf,
        /// Bytes this user may still write.
        available: u64,
        /// Bytes wanted, reserve included.
        needed: u64,
    },
    /// Something is larger than the store accepts.
    #[error("{what} has {bytes} bytes and may have {max}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most accepted.
        max: usize,
    },
    /// Leaves do not follow on from those stored.
    #[error("log {origin} has {size} leaves, so the next index is {size} and not {first_index}")]
    OutOfOrder {
        /// The log's name.
        origin: String,
        /// Leaves stored.
        size: u64,
        /// The index that was given.
        first_index: u64,
    },
    /// A checkpoint would go back, or would cover leaves that are not stored.
    #[error(
        "log {origin} has {size} leaves and a head at {head_size}; a head at {given} does not fit"
    )]
    HeadMisfit {
        /// The log's name.
        origin: String,
        /// Leaves stored.
        size: u64,
        /// Size of the head that is stored.
        head_size: u64,
        /// Size of the head that was given.
        given: u64,
    },
    /// The log equivocated and is kept as it was.
    #[error("log {origin} is frozen: its owner signed two histories")]
    Frozen {
        /// The log's name.
        origin: String,
    },
    /// There is no such log, or no such leaf in it.
    #[error("log {origin} has no leaf {index}")]
    NoLeaf {
        /// The log's name.
        origin: String,
        /// The index that was asked for.
        index: u64,
    },
    /// The payload was erased and is not taken back.
    #[error("the payload of leaf {index} of log {origin} was recalled and erased")]
    Erased {
        /// The log's name.
        origin: String,
        /// The leaf.
        index: u64,
    },
    /// The passphrase is wrong, or the file that wraps the key was changed: nobody can tell which.
    #[error("this passphrase, or recovery code, does not open the vault")]
    WrongPassphrase,
    /// A passphrase that opens the vault already, or must not be told apart from one that does.
    #[error("this passphrase cannot be used here")]
    PassphraseTaken,
    /// A slot of this name is there already.
    #[error("there is a passphrase called {0} already")]
    SlotTaken(String),
    /// No slot has this name.
    #[error("no passphrase is called {0}")]
    NoSlot(String),
    /// A slot's name that is none.
    #[error(
        "a passphrase is called by a word of 1 to {} bytes",
        super::vault::LONGEST_NAME
    )]
    BadSlotName,
    /// Without it nobody could open the book.
    #[error("it is the last passphrase that opens the book")]
    LastSlot,
    /// Every slot is used.
    #[error("all {} slots of the vault are used", super::vault::SLOTS)]
    NoFreeSlot,
    /// No passphrase was given where an open plane is not enough.
    #[error("this needs a passphrase that opens the vault, even while the node is unlocked")]
    PassphraseNeeded,
    /// The node's keys were destroyed.
    #[error("the node in {} was wiped", .dir.display())]
    Wiped {
        /// The directory.
        dir: PathBuf,
    },
    /// As for the vault, of a person's own key.
    #[error("the passphrase does not open the key file")]
    WrongKeyFilePassphrase,
    /// The data key belongs to another database, or this one was damaged in its first row.
    #[error("the key in the vault does not open {}; they do not belong together", .path.display())]
    WrongKey {
        /// Which database.
        path: PathBuf,
    },
    /// A vault setting is outside what is accepted.
    #[error("{what} is {given} and must lie between {min} and {max}")]
    VaultBounds {
        /// Which setting.
        what: &'static str,
        /// Its value.
        given: u64,
        /// The least accepted.
        min: u64,
        /// The most accepted.
        max: u64,
    },
    /// No random bytes could be had.
    #[error("no randomness from the operating system: {0}")]
    Entropy(io::Error),
}

impl StoreError {
    /// Wraps a failure of the file system, naming the user where permission is what was missing.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let denied = matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        );
        if denied {
            return Self::NotAllowed {
                action,
                path: path.to_owned(),
                uid: rustix::process::geteuid().as_raw(),
                source,
            };
        }
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Says that what lies at `path` is not what was put there.
    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

fn reader_note(found: u32, version: &str) -> String {
    match version {
        "" => format!("a version that reads format {found}"),
        version => format!("version {version} or newer"),
    }
}

fn pid_note(pid: &Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" ({pid})"))
}
