//! Files that hold a secret: one line, for their owner only.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::ConfigError;

/// Longest secret file, in bytes.
const MOST_LEN: u64 = 4096;

/// Reads the first line of a file that not everybody on the machine can reach. `what` it holds is
/// named in errors, with the file.
///
/// # Errors
/// Names the file, and its mode where that is the trouble.
pub fn first_line(what: &str, path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let unreadable = |error: io::Error| {
        let what = format!("{what} file");
        ConfigError::unreadable(&what, path, &error, "check its path and owner")
    };
    let file = File::open(path).map_err(unreadable)?;
    if path.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    check_mode(what, path, &file)?;
    let mut text = Zeroizing::new(String::with_capacity(MOST_LEN as usize + 1));
    file.take(MOST_LEN + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MOST_LEN {
        return Err(ConfigError::of_file(
            path,
            format!("{what} file is longer than {MOST_LEN} bytes"),
            format!("name the file that holds only the {what}"),
        ));
    }
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

/// Reads the token metrics are read with.
///
/// # Errors
/// As [`first_line`]; and when it is too short to be hard to guess, or cannot stand in a header.
pub fn metrics_token(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    const LEAST: usize = 16;
    let token = first_line("metrics token", path)?;
    if token.is_empty() {
        return Err(empty("metrics token", path));
    }
    if token.len() < LEAST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::of_file(
            path,
            format!("metrics token is not {LEAST} or more visible characters"),
            "make one with `head -c 24 /dev/urandom | base64`",
        ));
    }
    Ok(token)
}

/// Returns what is said of a file whose first line is empty.
pub(super) fn empty(what: &str, path: &Path) -> ConfigError {
    ConfigError::of_file(
        path,
        format!("{what} file has an empty first line"),
        format!("write the {what} on its first line"),
    )
}

/// Refuses a file that others on the machine could read.
fn check_mode(what: &str, path: &Path, file: &File) -> Result<(), ConfigError> {
    // A file whose mode cannot be told is refused when it is read.
    let mode = file.metadata().map_or(0, |data| data.permissions().mode()) & 0o7777;
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(ConfigError::of_file(
        path,
        format!("{what} file has mode {mode:04o}: everybody on this machine can reach it"),
        format!("chmod 600 {}", path.display()),
    ))
}
