//! The settings file as text: a file, not a pipe; short; UTF-8; and nobody else's to change.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{ConfigError, Place};

/// Longest settings file, in bytes.
const MOST_LEN: usize = 64 << 10;

/// Reads it; none where there is none.
///
/// # Errors
/// Names the file, and the line where it is not UTF-8.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let read = regular(path).and_then(|file| {
        let mode = file.metadata()?.permissions().mode() & 0o7777;
        // One byte more than fits is enough to tell that it does not.
        let mut bytes = Vec::new();
        file.take(MOST_LEN as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, mode))
    });
    match read {
        // Whoever may write it may name programs that the node runs.
        Ok((_, mode)) if mode & 0o002 != 0 => Err(ConfigError::of_file(
            path,
            format!("settings can be changed by anybody (mode {mode:04o})"),
            format!(
                "run `chmod o-w {}`, and read what stands in it",
                path.display()
            ),
        )),
        Ok((bytes, _)) => text_of(path, bytes).map(Some),
        // Not what a link to nothing says: something was meant.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) => Err(ConfigError::unreadable(
            "settings",
            path,
            &error,
            "check what --dir names, and the file's owner and mode",
        )),
    }
}

/// Opens a file that has an end.
fn regular(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for whoever writes into it.
    if std::fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    Err(io::Error::other("it is no regular file"))
}

/// Refuses what is longer than any settings.
pub(super) fn check_length(path: &Path, length: usize) -> Result<(), ConfigError> {
    if length <= MOST_LEN {
        return Ok(());
    }
    Err(ConfigError::of_file(
        path,
        format!("settings are longer than {MOST_LEN} bytes"),
        "check that this is the settings file",
    ))
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    check_length(path, bytes.len())?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ConfigError {
            place: Place::Line(path.to_owned(), line),
            problem: "settings are not UTF-8 text".to_owned(),
            hint: "save the file as UTF-8".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_anybody_may_change_is_refused_and_an_endless_one_read_no_further() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("counterfoil.toml");
        std::fs::write(&path, "listen = '[::1]:1'").expect("a file");
        let allow = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        allow(0o664).expect("its owner");
        assert!(read(&path).is_ok());
        allow(0o666).expect("its owner");
        let error = read(&path).expect_err("anybody's");
        assert_eq!(
            error.problem,
            "settings can be changed by anybody (mode 0666)"
        );
        allow(0o600).expect("its owner");
        let file = File::options().write(true).open(&path).expect("a file");
        file.set_len(1 << 40).expect("a file of holes");
        let error = read(&path).expect_err("too long");
        assert_eq!(error.problem, "settings are longer than 65536 bytes");
    }

    #[test]
    fn what_is_no_file_of_text_is_refused_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("counterfoil.toml");
        let problem = || read(&path).expect_err("no settings");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).expect("a pipe");
        assert_eq!(
            problem().problem,
            "settings cannot be read: it is no regular file"
        );
        std::fs::remove_file(&path).expect("removed");
        assert!(
            read(&path).is_ok_and(|text| text.is_none()),
            "none is no mistake"
        );
        std::os::unix::fs::symlink("nothing", &path).expect("a link");
        assert!(
            problem().problem.contains("No such file"),
            "a link to nothing is"
        );
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, b"drain = 1\nlisten = '\xff'").expect("a file");
        assert_eq!(problem().place, Place::Line(path.clone(), 2));
    }
}
