//! Whether a directory is the one it was, or a copy of it.
//!
//! A file holds the time at which the file system made that very file. `cp -a`, `docker cp`, `tar`
//! and `rsync` make another file with the same content, so a copy knows itself: it may be older
//! than what its node has signed since. A copy of the whole disk, as a snapshot of a machine is,
//! does not know itself; nor is anything known where the file system keeps no such time.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{StoreError, file};

/// Name of the file in a node's directory.
pub(super) const PLACE: &str = "place";

/// Returns whether the directory is a copy, as far as can be known.
///
/// # Errors
/// When the file is there and cannot be read.
pub(super) fn is_copy(dir: &Path) -> Result<bool, StoreError> {
    let path = dir.join(PLACE);
    let Some(said) = file::read_small(&path, 64)? else {
        return Ok(false);
    };
    let made = made(&path).map_err(|error| StoreError::io("look at", &path, error))?;
    // One that was cut short says nothing.
    let said = std::str::from_utf8(&said).unwrap_or_default().trim();
    Ok(made.is_some_and(|made| !said.is_empty() && said != made))
}

/// Notes that this is where the directory is, unless that is noted.
///
/// # Errors
/// When the disk refuses.
pub(super) fn settle(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(PLACE);
    let failed = |error| StoreError::io("write", &path, error);
    let said = file::read_small(&path, 64)?;
    let Some(now) = made(&path).map_err(failed)? else {
        if path.exists() {
            return Ok(());
        }
        return begin(&path).map_err(failed);
    };
    if said.as_deref() == Some(now.as_bytes()) {
        return Ok(());
    }
    fs::remove_file(&path).map_err(failed)?;
    begin(&path).map_err(failed)
}

fn begin(path: &Path) -> io::Result<()> {
    let mut file = file::create_private(path)?;
    if let Some(made) = made(path)? {
        file.write_all(made.as_bytes())?;
    }
    file.sync_all()?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    fs::File::open(dir)?.sync_all()
}

/// Returns when a file was made, in nanoseconds since 1970; none for no file, or where the file
/// system does not say.
fn made(path: &Path) -> io::Result<Option<String>> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        about => about?,
    };
    let since = about
        .created()
        .ok()
        .and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Ok(since.map(|since| since.as_nanos().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_knows_itself_and_what_was_moved_or_written_again_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        fs::create_dir_all(&one).unwrap();
        assert!(!is_copy(&one).unwrap(), "nothing is known yet");
        settle(&one).unwrap();
        settle(&one).unwrap();
        assert!(!is_copy(&one).unwrap());
        if made(&one.join(PLACE)).unwrap().is_none() {
            return;
        }
        fs::create_dir(&other).unwrap();
        fs::copy(one.join(PLACE), other.join(PLACE)).unwrap();
        assert!(is_copy(&other).unwrap());
        settle(&other).unwrap();
        assert!(!is_copy(&other).unwrap(), "it is where it is now");
        let moved = dir.path().join("moved");
        fs::rename(&one, &moved).unwrap();
        assert!(!is_copy(&moved).unwrap());
    }

    #[test]
    fn one_that_was_cut_short_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(PLACE), "").unwrap();
        assert!(!is_copy(dir.path()).unwrap());
        settle(dir.path()).unwrap();
        assert!(!is_copy(dir.path()).unwrap());
        assert!(!fs::read(dir.path().join(PLACE)).unwrap().is_empty());
    }
}
