//! The one secret a person keeps.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::{ConfigError, Place};

/// Longest passphrase file, in bytes.
const MOST_LEN: u64 = 4096;

/// A passphrase, wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as typed; `None` when it is empty.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// Reads the first line of a file that only its owner can read.
    ///
    /// # Errors
    /// Names the file, and its mode where that is the trouble.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let fail = |problem: String, hint: &str| ConfigError {
            place: Place::File(path.to_owned()),
            problem,
            hint: hint.to_owned(),
        };
        let unreadable = |error: std::io::Error| {
            let error = error.to_string();
            let error = error.split(" (os error").next().unwrap_or_default();
            fail(
                format!("passphrase file cannot be read: {error}"),
                "check its path and owner",
            )
        };
        let file = File::open(path).map_err(unreadable)?;
        check_mode(path, &file)?;
        let mut text = Zeroizing::new(String::with_capacity(MOST_LEN as usize + 1));
        file.take(MOST_LEN + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        if text.len() as u64 > MOST_LEN {
            return Err(fail(
                format!("passphrase file is longer than {MOST_LEN} bytes"),
                "name the file that holds only the passphrase",
            ));
        }
        let line = text.lines().next().unwrap_or_default();
        Self::new(Zeroizing::new(line.to_owned())).ok_or_else(|| {
            fail(
                "passphrase file has an empty first line".to_owned(),
                "write the passphrase on its first line",
            )
        })
    }

    /// Returns the passphrase for the one who derives keys from it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Refuses a passphrase file that others on the machine could read.
fn check_mode(path: &Path, file: &File) -> Result<(), ConfigError> {
    // A file whose mode cannot be told is refused when it is read.
    let mode = file.metadata().map_or(0, |data| data.permissions().mode());
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(ConfigError {
        place: Place::File(path.to_owned()),
        problem: format!(
            "passphrase file has mode {:04o}: everybody on this machine can reach it",
            mode & 0o7777
        ),
        hint: format!("chmod 600 {}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], mode: u32, wanted: Result<&str, &str>) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("passphrase");
        std::fs::write(&path, bytes).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        match (Passphrase::read(&path), wanted) {
            (Ok(read), Ok(wanted)) => assert_eq!(read.as_str(), wanted),
            (Err(error), Err(wanted)) => {
                let text = error.to_string();
                assert!(text.contains(wanted), "{text}");
                assert!(text.contains("passphrase"), "names the file: {text}");
            }
            (read, _) => panic!("wanted {wanted:?}, got {read:?}"),
        }
    }

    #[test]
    fn the_first_line_counts_without_its_end() {
        check(b"correct horse\n", 0o600, Ok("correct horse"));
        check(b"correct horse\r\nsecond", 0o640, Ok("correct horse"));
        check(" né ".as_bytes(), 0o400, Ok(" né "));
    }

    #[test]
    fn files_that_will_not_do_are_named() {
        check(b"x", 0o644, Err("mode 0644"));
        check(b"x", 0o602, Err("mode 0602"));
        check(b"", 0o600, Err("empty first line"));
        check(b"\nx", 0o600, Err("empty first line"));
        check(&[b'x'; 5000], 0o600, Err("longer than 4096"));
        check(&[0xff, 0xfe], 0o600, Err("cannot be read"));
    }

    #[test]
    fn a_passphrase_never_prints() {
        let passphrase = Passphrase::new(Zeroizing::new("secret".to_owned())).expect("not empty");
        assert!(!format!("{passphrase:?}").contains("secret"));
    }
}
