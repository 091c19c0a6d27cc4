//! How much of the disk the node has, and how much is left.

use std::path::Path;

/// Bytes left at which a person should know.
pub(super) const LOW: u64 = 256 << 20;

/// Returns the bytes this user can still write where a directory lies.
pub(super) fn free(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns the bytes of all files in a directory; what goes while it is counted is not counted.
pub(super) fn used(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => used(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_at_every_depth() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("in")).expect("a folder");
        std::fs::write(dir.path().join("a"), [0; 10]).expect("written");
        std::fs::write(dir.path().join("in/b"), [0; 5]).expect("written");
        assert_eq!(used(dir.path()), 15);
        assert_eq!(used(&dir.path().join("nowhere")), 0);
        assert!(free(dir.path()).is_some());
    }
}
