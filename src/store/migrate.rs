//! Bringing a directory of an older format up to ours: first a copy of all of it, then one step
//! after the other, each noted in `format` once it is done, so that a crash goes on where it was.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::dir::{FORMAT_FILE, LOCK_FILE};
use super::{StoreError, file};

/// One step, from a format to the one after it. It may be run again on what a crash left of it.
pub(super) struct Step {
    /// The format it begins with.
    pub(super) from: u32,
    /// Does it.
    pub(super) run: fn(&Path) -> Result<(), StoreError>,
}

/// Every step there ever was.
///
/// - To 2: what truly stood behind a release is compressed from now on. What lies there is read as
///   it is, but an older program could not read what is written next.
pub(super) const STEPS: &[Step] = &[Step {
    from: 1,
    run: |_| Ok(()),
}];

/// What the name of a copy begins with.
pub(super) const COPY: &str = "before-format-";

/// A copy that is not whole yet.
pub(super) const HALF_COPY: &str = ".before-format";

/// Brings the directory from format `found` to `wanted`. The caller holds its lock.
pub(super) fn bring_up(
    dir: &Path,
    found: u32,
    steps: &[Step],
    wanted: u32,
) -> Result<(), StoreError> {
    if found == wanted {
        return Ok(());
    }
    let copy = dir.join(format!("{COPY}{wanted}"));
    if !copy.exists() {
        take_copy(dir, &copy)?;
    }
    tracing::warn!(from = found, to = wanted, copy = %copy.display(), "store brought to a newer format");
    for format in found..wanted {
        let step = steps.iter().find(|step| step.from == format);
        let step = step.ok_or_else(|| {
            let reason = format!(
                "nothing leads from format {format} to {}; use an older version first",
                format + 1
            );
            StoreError::damaged(&dir.join(FORMAT_FILE), reason)
        })?;
        (step.run)(dir)?;
        let number = format!("{}\n", format + 1);
        file::write_atomic(&dir.join(FORMAT_FILE), number.as_bytes())?;
    }
    Ok(())
}

/// Copies the directory into itself: whole, or not under its name.
fn take_copy(dir: &Path, copy: &Path) -> Result<(), StoreError> {
    let half = dir.join(HALF_COPY);
    if half.exists() {
        fs::remove_dir_all(&half).map_err(|error| StoreError::io("remove", &half, error))?;
    }
    let entries: Vec<PathBuf> = list(dir)?;
    let needed = entries
        .iter()
        .map(|path| size_of(path))
        .sum::<io::Result<u64>>();
    let needed = needed.map_err(|error| StoreError::io("measure", dir, error))?;
    let disk = rustix::fs::statvfs(dir);
    let disk = disk.map_err(|error| StoreError::io("measure", dir, error.into()))?;
    let available = disk.f_bavail.saturating_mul(disk.f_frsize);
    if available < needed.saturating_mul(2) {
        return Err(StoreError::DiskFull {
            path: dir.to_owned(),
            available,
            needed: needed.saturating_mul(2),
        });
    }
    file::create_private_dir(&half)?;
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        copy_into(&path, &half.join(name)).map_err(|error| StoreError::io("copy", &path, error))?;
    }
    file::sync_dir(&half)?;
    fs::rename(&half, copy).map_err(|error| StoreError::io("rename", &half, error))?;
    file::sync_dir(dir)
}

/// Returns what belongs to the node: neither its lock nor earlier copies.
fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let unreadable = |error| StoreError::io("list", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name != LOCK_FILE && !name.starts_with(COPY) && !name.starts_with('.') {
            found.push(path);
        }
    }
    Ok(found)
}

fn size_of(path: &Path) -> io::Result<u64> {
    if !path.is_dir() {
        return Ok(path.symlink_metadata()?.len());
    }
    fs::read_dir(path)?
        .map(|entry| size_of(&entry?.path()))
        .sum()
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        return File::open(to)?.sync_all();
    }
    file::create_private_dir(to).map_err(io::Error::other)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_into(&entry.path(), &to.join(entry.file_name()))?;
    }
    File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(dir: &Path) -> Result<(), StoreError> {
        file::write_atomic(&dir.join("card"), b"of format 2")
    }

    fn fail(dir: &Path) -> Result<(), StoreError> {
        Err(StoreError::damaged(dir, "the step failed"))
    }

    fn old(dir: &Path) {
        fs::create_dir(dir.join("public")).unwrap();
        for (name, text) in [
            ("format", "1\n"),
            ("card", "of format 1"),
            ("lock", "7"),
            ("public/db", "rows"),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_step_runs_on_a_directory_that_was_copied_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        old(dir);
        let steps = [Step {
            from: 1,
            run: upgrade,
        }];
        bring_up(dir, 1, &steps, 2).unwrap();
        assert_eq!(text(&dir.join("card")), "of format 2");
        assert_eq!(text(&dir.join("format")), "2\n");
        let copy = dir.join("before-format-2");
        for (name, was) in [
            ("format", "1\n"),
            ("card", "of format 1"),
            ("public/db", "rows"),
        ] {
            assert_eq!(text(&copy.join(name)), was);
        }
        assert!(!copy.join("lock").exists());
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_format_and_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        old(dir);
        assert!(bring_up(dir, 1, &[Step { from: 1, run: fail }], 2).is_err());
        assert_eq!(text(&dir.join("format")), "1\n");
        assert_eq!(text(&dir.join("before-format-2/card")), "of format 1");
        // The copy is of before the first try, whatever that did.
        fs::write(dir.join("card"), "half").unwrap();
        bring_up(
            dir,
            1,
            &[Step {
                from: 1,
                run: upgrade,
            }],
            2,
        )
        .unwrap();
        assert_eq!(text(&dir.join("before-format-2/card")), "of format 1");
    }

    #[test]
    fn a_step_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        old(dir.path());
        let error = bring_up(dir.path(), 1, &[], 3).unwrap_err().to_string();
        assert!(error.contains("from format 1 to 2"), "{error}");
    }
}
