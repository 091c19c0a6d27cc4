//! Files a command reads and writes where it is told to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// Most bytes of a text a person hands us: a charter, a card, a policy, a MAP.
const MOST_LEN: u64 = 4 << 20;

/// Mode of a file that holds a key.
const PRIVATE: u32 = 0o600;

/// Reads a file of at most `limit` bytes; `what` names it in a failure.
pub(super) fn read(what: &str, path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let fail = |error: io::Error| Failure::file(&format!("{what} cannot be read:"), path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        let message = format!("{what} {} is longer than {limit} bytes", path.display());
        return Err(Failure::new("file", message, "name the right file"));
    }
    Ok(bytes)
}

/// Reads a text of a few megabytes at most.
pub(super) fn read_text(what: &str, path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(what, path, MOST_LEN)?).map_err(|_| {
        let message = format!("{what} {} is not UTF-8 text", path.display());
        Failure::new("file", message, "name the right file")
    })
}

/// Replaces a file as a whole, or makes it: after a crash it is the old one or the new one.
/// An old one keeps its mode.
pub(super) fn replace(what: &str, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mode = std::fs::metadata(path).map_or(0o644, |data| data.permissions().mode() & 0o777);
    Beside::new(path, mode)
        .and_then(|beside| beside.put(bytes))
        .map_err(|error| Failure::file(&format!("{what} cannot be written:"), path, &error))
}

/// A private file that is not there yet, made before the secret it is for exists, so that no
/// secret is lost for want of a place.
#[derive(Debug)]
pub(super) struct Reserved {
    path: PathBuf,
    file: File,
}

impl Reserved {
    pub(super) fn new(what: &str, path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path)
            .map_err(|error| Failure::file(&format!("{what} cannot be made:"), path, &error))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    pub(super) fn fill(self, what: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.write(what, bytes)
    }

    /// Fills it, and can still take it away again.
    pub(super) fn write(&self, what: &str, bytes: &[u8]) -> Result<(), Failure> {
        (&self.file)
            .write_all(bytes)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| {
                Failure::file(&format!("{what} cannot be written:"), &self.path, &error)
            })
    }

    /// Takes the file away again.
    pub(super) fn give_up(self) {
        // What it holds, if anything, opens nothing; left behind, it hurts nobody.
        let _left = std::fs::remove_file(self.path);
    }
}

/// A file that takes another's place once it is written. Made beforehand, it shows that there is a
/// place for a secret before the secret exists.
#[derive(Debug)]
pub(super) struct Beside {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl Beside {
    /// Makes an empty private file beside the one it is to replace.
    pub(super) fn private(what: &str, path: &Path) -> Result<Self, Failure> {
        Self::new(path, PRIVATE)
            .map_err(|error| Failure::file(&format!("{what} cannot be written:"), path, &error))
    }

    fn new(path: &Path, mode: u32) -> io::Result<Self> {
        // A folder of that name would only be noticed when it is too late.
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.new", std::process::id()));
        let beside = folder_of(path).join(hidden);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
        })
    }

    /// Fills it and puts it in its place: after a crash the old file is there, or the new one.
    pub(super) fn fill(self, what: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.put(bytes).map_err(|error| {
            Failure::file(&format!("{what} cannot be written:"), &self.path, &error)
        })
    }

    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        self.file.sync_all()?;
        std::fs::rename(&self.beside, &self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Once it is in its place, there is nothing left beside it.
        let _gone = std::fs::remove_file(&self.beside);
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        let data = std::fs::metadata(path).expect("it is there");
        data.permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_mode() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("draft");
        replace("draft", &path, b"one").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("a mode");
        replace("draft", &path, b"two").expect("written");
        assert_eq!(read_text("draft", &path).expect("read"), "two");
        assert_eq!(mode(&path), 0o640);
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_key_file_is_private_even_where_a_public_one_stood() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        std::fs::write(&path, "old").expect("written");
        let beside = Beside::private("certificate", &path).expect("a place");
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        beside.fill("certificate", b"new").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"new");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_place_that_was_not_needed_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(Beside::private("certificate", &dir.path().join("key")).expect("a place"));
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0);
        assert!(Beside::private("certificate", dir.path()).is_err());
        assert!(Beside::private("certificate", &dir.path().join("no/key")).is_err());
    }

    #[test]
    fn a_reserved_file_is_never_somebody_elses() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("recovery");
        let reserved = Reserved::new("recovery key", &path).expect("free");
        assert_eq!(mode(&path), 0o600);
        let taken = Reserved::new("recovery key", &path).expect_err("taken");
        assert!(taken.message.contains("recovery"), "{taken}");
        reserved.fill("recovery key", b"words").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"words");
    }

    #[test]
    fn what_is_too_long_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("long");
        std::fs::write(&path, [b'x'; 11]).expect("written");
        assert!(read("file", &path, 10).is_err());
        assert_eq!(read("file", &path, 11).map(|bytes| bytes.len()), Ok(11));
    }
}
