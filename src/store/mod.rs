//! The two databases and the vault: what a node keeps on its disk, and when it may say so.
//!
//! ```text
//! DIR/format      the store's format number
//! DIR/lock        held by the one process that uses DIR
//! DIR/public/     logs, charters, cursors: what every member may see
//! DIR/private/    records, sealed; a relay has none
//! DIR/vault.toml  the data key, once under each passphrase
//! DIR/checkpoint  the last checkpoint this node signed, outside the databases
//! DIR/place       when the file system made this file: a copy has another
//! ```
//!
//! - [`dir`]: the directory as a whole: lock, format, what lies where.
//! - [`public`]: the public plane, as append-ordered keys with one packed value per leaf.
//! - [`replica`]: one log as a tree: growing it, proving any size to any other.
//! - [`private`]: the private plane; the keys on disk reveal nothing.
//! - [`scrub`]: reading everything again, and hashing it; dropping what peers can give back.
//! - [`vault`]: the data key and the passphrases that open it.
//! - [`recovery`]: the code on the sheet that opens a lost book.
//! - [`wipe`]: a node's keys destroyed, and what is left to say.
//! - `migrate`: bringing a directory of an older format up to ours, once it was copied.
//! - `place`: whether a directory is a copy.
//! - [`keyfile`]: a person's own key, in a file of theirs.
//! - [`checkpoint`]: the file that must never go back.
//! - [`sealed`]: one sealed value.
//! - [`backup`]: one encrypted file a node can be made from again.
//! - [`durable`]: the engine (sled) and the rules that make it safe.
//! - [`file`](mod@file): files that are whole or absent.
//!
//! Invariants: nothing is acknowledged before `commit` has returned, which is after the
//! engine's flush *and* an fdatasync of its file, because the engine's flush alone is none. After
//! one failed sync a database takes no further write until the process starts again.
//!
//! Leaves, checkpoints, charters and payloads are opaque bytes here: what they mean is decided
//! by the rooms above. Everything blocks; callers inside a runtime use a blocking thread.

pub mod backup;
pub mod checkpoint;
mod codec;
pub mod dir;
pub mod durable;
pub mod error;
pub mod file;
pub mod keyfile;
mod migrate;
mod place;
pub mod private;
pub mod public;
pub mod recovery;
pub mod replica;
#[cfg(test)]
mod samples;
pub mod scrub;
pub mod sealed;
pub mod vault;
pub mod wipe;

pub use checkpoint::CheckpointFile;
pub use dir::{NewNode, NodeDir};
pub use error::StoreError;
pub use keyfile::KeyFile;
pub use private::{Changes, PrivateStore};
pub use public::{
    Append, Arrival, Change, Cursor, Entries, Entry, Head, LogState, Missing, Payload, PublicStore,
    SaltedPayload, Tile,
};
pub use recovery::RecoveryCode;
pub use replica::{Growth, Replica, ReplicaError};
pub use vault::{Cost, DataKey, Holder, Named, Purpose, SubKey, Vault};

/// Where random bytes come from: [`os_entropy`], or a source a test can foresee.
pub type Entropy = fn(&mut [u8]) -> std::io::Result<()>;

/// Fills `out` from the operating system.
///
/// # Errors
/// When the operating system has none to give.
pub fn os_entropy(out: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(out).map_err(|error| std::io::Error::other(error.to_string()))
}
