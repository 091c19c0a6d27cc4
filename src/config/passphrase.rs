//! The one secret a person keeps.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::{ConfigError, secret};

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
        let line = secret::first_line("passphrase", path)?;
        Self::new(line).ok_or_else(|| secret::empty("passphrase", path))
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
