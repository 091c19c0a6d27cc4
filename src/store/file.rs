//! Files that are whole or absent, and readable by their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// `O_NOFOLLOW`.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Writes `bytes` to `path` so that a crash leaves the old content or the new, never a mixture.
///
/// The file gets mode 0600. Once this returns, the content survives a power loss.
///
/// # Errors
/// When any step fails; the old content is then still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let fresh = beside(path);
    // A leftover of a crash may carry other permissions, so it is not written into.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("replace", &fresh, error));
        }
        _ => {}
    }
    let written = create_private(&fresh)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| StoreError::io("write", &fresh, error))
        .and_then(|()| {
            fs::rename(&fresh, path).map_err(|error| StoreError::io("replace", path, error))
        });
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&fresh);
    }
    written?;
    sync_dir(parent(path))
}

/// As [`write_atomic`], and what stood in the file before is overwritten once the new one is there.
///
/// # Errors
/// When any step fails; the old content is then still there, or the new one is.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let old = match there(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(StoreError::io("replace", path, error)),
    };
    write_atomic(path, bytes)?;
    // It has no name any more; only its bytes are left.
    old.map_or(Ok(()), |old| {
        wipe(&old).map_err(|error| StoreError::io("overwrite", path, error))
    })
}

/// Writes bytes over a file that is as long, in place, and waits for the disk.
///
/// # Errors
/// When the file has another length, or the disk refuses.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let refused = |error| StoreError::io("overwrite", path, error);
    let mut file = there(path).map_err(refused)?;
    let length = file.metadata().map_err(refused)?.len();
    if length != bytes.len() as u64 {
        return Err(StoreError::damaged(path, "it has not the length it should"));
    }
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(refused)
}

/// Overwrites a file with zeros, waits for the disk and removes it; one that is not there is
/// removed already.
///
/// # Errors
/// When the disk refuses.
pub fn destroy(path: &Path) -> Result<(), StoreError> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    let file = match there(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Whatever it leads to is not ours.
        Err(_) if is_link => {
            fs::remove_file(path).map_err(|error| StoreError::io("remove", path, error))?;
            return sync_dir(parent(path));
        }
        Err(error) => return Err(StoreError::io("overwrite", path, error)),
    };
    wipe(&file).map_err(|error| StoreError::io("overwrite", path, error))?;
    fs::remove_file(path).map_err(|error| StoreError::io("remove", path, error))?;
    sync_dir(parent(path))
}

/// Opens a file to be written over. Through a link somebody else's would be.
fn there(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(NO_LINK)
        .open(path)
}

fn wipe(mut file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.sync_all()
}

/// Reads a small file, or `None` where there is none.
///
/// # Errors
/// When it cannot be read or has more than `max` bytes.
pub fn read_small(path: &Path, max: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", path, error)),
    };
    let mut bytes = Vec::new();
    file.take(max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| StoreError::io("read", path, error))?;
    if bytes.len() > max {
        return Err(StoreError::damaged(
            path,
            format!("it has more than {max} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// Makes a directory with mode 0700, and its parents; one that exists is kept.
///
/// # Errors
/// When it cannot be made.
pub fn create_private_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StoreError::io("create", path, error))
}

/// Waits until the entries of a directory (names, renames, removals) are on disk.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::io("sync", path, error))
}

/// Takes every right from group and others, for a file or a directory.
pub(super) fn restrict(path: &Path, mode: u32) -> Result<(), StoreError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| StoreError::io("restrict", path, error))
}

/// Creates a file with mode 0600, or opens the one that is there, unless it is a link.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(NO_LINK)
        .mode(0o600)
        .open(path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_private_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        fs::write(
            dir.path().join(".checkpoint.new"),
            b"half of an earlier one",
        )
        .unwrap();
        write_atomic(&path, b"first").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(
            read_small(&path, 6).unwrap().as_deref(),
            Some(&b"second"[..])
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder");
        fs::create_dir_all(path.join("inner")).unwrap();
        assert!(write_atomic(&path, b"text").is_err());
        assert!(path.join("inner").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn reading_stops_at_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(read_small(&path, 4).unwrap().is_none());
        fs::write(&path, b"12345").unwrap();
        assert!(matches!(
            read_small(&path, 4),
            Err(StoreError::Damaged { .. })
        ));
    }
}
