//! Opening: what is put right before, during and after sled's own.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::panic_text;
use crate::store::{StoreError, file};

/// Bytes of pages sled keeps in memory. More buys little, since keys are append-ordered.
const CACHE_BYTES: u64 = 8 << 20;

/// How often sled's own thread writes out and rewrites half-empty segments. It has no part in
/// durability; without it, the space of removed values would never be used again.
const HOUSEKEEPING_MS: u64 = 1_000;

/// How long to wait for the engine's threads to let go of a database closed a moment ago.
const CLOSING_TRIES: u32 = 400;
const CLOSING_WAIT: Duration = Duration::from_millis(5);

/// Opens sled in the directory `path`, whose file is `data`, setting a broken snapshot aside.
pub(super) fn engine(path: &Path, data: &Path, rescue: &str) -> Result<sled::Db, StoreError> {
    remove_half_snapshots(path)?;
    // sled would create it readable by others.
    file::create_private(data).map_err(|error| StoreError::io("open", data, error))?;
    let reason = match open_engine(path) {
        Ok(db) => return Ok(db),
        Err(OpenFailure::Other(error)) => return Err(error),
        Err(OpenFailure::Damage(reason)) => reason,
    };
    if !set_snapshots_aside(path)? {
        return Err(beyond_repair(path, &reason, rescue));
    }
    tracing::warn!(path = %path.display(), reason, "snapshot set aside, database read in full");
    open_engine(path).map_err(|failure| match failure {
        OpenFailure::Damage(reason) => beyond_repair(path, &reason, rescue),
        OpenFailure::Other(error) => error,
    })
}

/// Why the engine did not open.
enum OpenFailure {
    /// What it read made no sense to it.
    Damage(String),
    Other(StoreError),
}

fn open_engine(path: &Path) -> Result<sled::Db, OpenFailure> {
    for _ in 0..CLOSING_TRIES {
        match try_open_engine(path) {
            // We hold the node's lock, so only our own process can still be closing it.
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                std::thread::sleep(CLOSING_WAIT);
            }
            Err(sled::Error::Io(error)) => {
                return Err(OpenFailure::Other(StoreError::io("open", path, error)));
            }
            // The directory's own number was looked at before: what else an older engine could have
            // written is a damaged file of this one.
            Err(error) => return Err(OpenFailure::Damage(error.to_string())),
            Ok(db) => return Ok(db),
        }
    }
    Err(OpenFailure::Other(StoreError::InUse {
        dir: path.to_owned(),
        pid: None,
    }))
}

fn try_open_engine(path: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(HOUSEKEEPING_MS));
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .unwrap_or_else(|panic| Err(sled::Error::ReportableBug(panic_text(&panic))))
}

fn beyond_repair(path: &Path, reason: &str, rescue: &str) -> StoreError {
    StoreError::damaged(path, format!("it cannot be opened ({reason}); {rescue}"))
}

/// Removes snapshots that a crash left half written: sled would read them as the newest.
fn remove_half_snapshots(path: &Path) -> Result<(), StoreError> {
    for (name, found) in snapshots(path)? {
        if name.ends_with(".generating") {
            fs::remove_file(&found).map_err(|error| StoreError::io("remove", &found, error))?;
        }
    }
    Ok(())
}

/// Moves all snapshots out of sled's sight, so that it reads its data file in full. Returns
/// whether there were any.
fn set_snapshots_aside(path: &Path) -> Result<bool, StoreError> {
    let found = snapshots(path)?;
    for (_, snapshot) in &found {
        // One is kept for whoever wants to know; an older one makes room for it.
        fs::rename(snapshot, path.join("aside.snap"))
            .map_err(|error| StoreError::io("move", snapshot, error))?;
    }
    Ok(!found.is_empty())
}

pub(super) fn snapshots(path: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let unreadable = |error| StoreError::io("list", path, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// Takes every right from group and others, for whatever lies in the directory.
pub(super) fn restrict_files(path: &Path) -> Result<(), StoreError> {
    let unreadable = |error| StoreError::io("list", path, error);
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let is_dir = entry.file_type().map_err(unreadable)?.is_dir();
        file::restrict(&entry.path(), if is_dir { 0o700 } else { 0o600 })?;
    }
    Ok(())
}
