//! Making removed values gone for good: the whole database is written anew and the old one removed.
//!
//! sled appends; a value that was removed stays in its file until that part happens to be used
//! again. So whoever erases something asks for a rewrite, and the next opening does it, before
//! anything else sees the database:
//!
//! 1. copy every row to `<name>.new`, wait for the disk;
//! 2. rename `<name>` to `<name>.old`, then `<name>.new` to `<name>`;
//! 3. remove `<name>.old`.
//!
//! A crash before the second rename leaves the old database in use, one after it the new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Batch, Durable};
use crate::store::{StoreError, file};

/// The file whose presence asks for a rewrite.
const REQUEST: &str = "rewrite";

/// What goes into one batch.
const ROWS: usize = 1_000;
const BYTES: usize = 4 << 20;

/// Returns whether a rewrite was asked for and not done yet.
pub(super) fn is_requested(path: &Path) -> bool {
    path.join(REQUEST).exists()
}

/// Asks for a rewrite at the next opening.
pub(super) fn request(path: &Path) -> Result<(), StoreError> {
    if is_requested(path) {
        return Ok(());
    }
    file::write_atomic(&path.join(REQUEST), b"")
}

/// Puts right what a crash in the middle of a rewrite left.
pub(super) fn tidy(path: &Path) -> Result<(), StoreError> {
    let (new, old) = (sibling(path, "new"), sibling(path, "old"));
    if old.exists() && !path.exists() {
        rename(&old, path)?;
    }
    for left in [new, old] {
        if left.exists() {
            fs::remove_dir_all(&left).map_err(|error| StoreError::io("remove", &left, error))?;
        }
    }
    Ok(())
}

/// Writes the database anew.
pub(super) fn run(path: &Path, rescue: &str) -> Result<(), StoreError> {
    let (new, old) = (sibling(path, "new"), sibling(path, "old"));
    copy_rows(path, &new, rescue)?;
    copy_companions(path, &new)?;
    rename(path, &old)?;
    rename(&new, path)?;
    fs::remove_dir_all(&old).map_err(|error| StoreError::io("remove", &old, error))
}

fn copy_rows(path: &Path, new: &Path, rescue: &str) -> Result<(), StoreError> {
    let from = Durable::open_as_it_is(path, rescue)?;
    let to = Durable::open_as_it_is(new, rescue)?;
    let mut batch = Batch::new();
    for row in from.all() {
        let (key, value) = row?;
        batch.insert(key, value);
        if batch.len() >= ROWS || batch.bytes() >= BYTES {
            to.write(std::mem::take(&mut batch))?;
        }
    }
    to.apply(batch)
}

/// Copies the small files that the rooms above keep beside the engine's own.
fn copy_companions(path: &Path, new: &Path) -> Result<(), StoreError> {
    let unreadable = |error| StoreError::io("list", path, error);
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = !matches!(name.as_str(), "db" | "conf" | "blobs" | REQUEST)
            && !name.contains("snap")
            && !name.starts_with('.');
        if let Some(bytes) = is_ours
            .then(|| file::read_small(&entry.path(), BYTES))
            .transpose()?
            .flatten()
        {
            file::write_atomic(&new.join(name), &bytes)?;
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error: io::Error| StoreError::io("rename", from, error))?;
    match from.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => file::sync_dir(parent),
        _ => file::sync_dir(Path::new(".")),
    }
}

fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &[u8] = b"MARKER-to-be-erased";

    fn key(n: u64) -> Vec<u8> {
        [&[1][..], &n.to_be_bytes()].concat()
    }

    fn filled(path: &Path) -> Durable {
        let store = Durable::open(path, "").unwrap();
        let mut batch = Batch::new();
        for n in 0..2_500 {
            batch.insert(key(n), vec![n as u8; 100]);
        }
        batch.insert(key(5_000), vec![5; 10_000]);
        batch.insert(key(9_999), MARKER.to_vec());
        store.apply(batch).unwrap();
        fs::write(path.join("openings"), b"7").unwrap();
        store
    }

    #[track_caller]
    fn check_whole(path: &Path) {
        let store = Durable::open(path, "").unwrap();
        assert_eq!(store.all().map(Result::unwrap).count(), 2_501);
        assert_eq!(store.get(&key(5_000)).unwrap(), Some(vec![5; 10_000]));
        assert_eq!(fs::read(path.join("openings")).unwrap(), b"7");
        assert!(!store.rewrite_requested());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    fn holds_marker(path: &Path) -> bool {
        let bytes = fs::read(path.join("db")).unwrap();
        bytes.windows(MARKER.len()).any(|window| window == MARKER)
    }

    #[test]
    fn what_was_removed_is_gone_from_the_file_after_a_rewrite() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("public");
        let store = filled(&path);
        let mut batch = Batch::new();
        batch.remove(key(9_999));
        store.apply(batch).unwrap();
        store.request_rewrite().unwrap();
        drop(store);
        assert!(holds_marker(&path), "sled keeps what was removed");
        check_whole(&path);
        assert!(!holds_marker(&path));
    }

    #[test]
    fn a_crash_at_any_step_leaves_a_whole_database() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("public");
        let store = filled(&path);
        let mut batch = Batch::new();
        batch.remove(key(9_999));
        store.apply(batch).unwrap();
        drop(store);

        // In the middle of copying.
        drop(Durable::open(&sibling(&path, "new"), "").unwrap());
        check_whole(&path);
        // Between the two renames.
        copy_rows(&path, &sibling(&path, "new"), "").unwrap();
        rename(&path, &sibling(&path, "old")).unwrap();
        check_whole(&path);
        // Before the old one was removed.
        drop(Durable::open(&sibling(&path, "old"), "").unwrap());
        check_whole(&path);
    }
}
