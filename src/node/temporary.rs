//! A private folder that goes away again: with whoever made it or, where that was killed, with the
//! next one that is made.

use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::failure;
use crate::cli::Failure;
use crate::store::{Entropy, file};

/// What the names of all of them begin with.
const NAME: &str = "counterfoil-drill-";

/// The file inside that its maker holds locked.
const LOCK: &str = "lock";

#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    _lock: File,
}

impl Temporary {
    /// Makes one, and removes those nobody holds any more.
    pub(super) fn new(entropy: Entropy) -> Result<Self, Failure> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let mut random = [0; 8];
        entropy(&mut random)
            .map_err(|error| Failure::new("internal", error.to_string(), "see the system's log"))?;
        let name = format!("{NAME}{:016x}", u64::from_be_bytes(random));
        let path = parent.join(name);
        file::create_private_dir(&path).map_err(failure)?;
        match lock(&path.join(LOCK)) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => Err(Failure::file("folder cannot be locked:", &path, &error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = file::create_private(path)?;
    file.try_lock()?;
    Ok(file)
}

/// Removes what those left behind that were killed.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(is_ours) {
        // One that is just being made has none yet.
        let held = File::open(entry.path().join(LOCK)).map(|file| file.try_lock());
        if matches!(held, Ok(Ok(()))) {
            remove(&entry.path());
        }
    }
}

fn is_ours(entry: &DirEntry) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    // Not through a link.
    let is_own_folder = entry
        .metadata()
        .is_ok_and(|data| data.is_dir() && data.uid() == uid);
    is_own_folder
        && entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(NAME.as_bytes())
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(%error, path = %path.display(), "temporary folder not removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_goes_and_what_is_held_stays() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).expect("made");
            folder
        };
        let [left, held, new, other] = [
            "counterfoil-drill-1",
            "counterfoil-drill-2",
            "counterfoil-drill-3",
            "other",
        ]
        .map(folder);
        fs::create_dir(left.join("node")).expect("made");
        let locks = [&left, &held, &other].map(|folder| lock(&folder.join(LOCK)).expect("locked"));
        let [gone, held_lock, gone_too] = locks;
        drop((gone, gone_too));
        std::os::unix::fs::symlink(&other, parent.path().join("counterfoil-drill-4"))
            .expect("made");
        sweep(parent.path());
        assert!(!left.exists());
        assert!(held.exists() && new.exists() && other.exists());
        drop(held_lock);
        sweep(parent.path());
        assert!(!held.exists() && other.exists());
    }
}
