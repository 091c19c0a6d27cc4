//! The last checkpoint this node signed for its own log, in a file outside the databases.
//!
//! A database can fall back to an earlier state (a damaged tail, a restored backup); this file
//! then still says how far the log had come, so that the node does not sign a second history.

use std::path::PathBuf;

use super::{StoreError, file};

/// Longest checkpoint with its signatures.
const MAX_BYTES: usize = 1 << 20;

/// The file `DIR/checkpoint`.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

impl CheckpointFile {
    /// Points at a file, which need not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns the last checkpoint that was written, or `None` before the first.
    ///
    /// # Errors
    /// When the file cannot be read or is no text.
    pub fn read(&self) -> Result<Option<String>, StoreError> {
        let Some(bytes) = file::read_small(&self.path, MAX_BYTES)? else {
            return Ok(None);
        };
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| StoreError::damaged(&self.path, "it is no text; restore a backup"))
    }

    /// Replaces the checkpoint; once this returns, it survives a power loss.
    ///
    /// # Errors
    /// When it is too long or the disk refuses; the one before is then still there.
    pub fn write(&self, checkpoint: &str) -> Result<(), StoreError> {
        if checkpoint.len() > MAX_BYTES {
            let bytes = checkpoint.len();
            return Err(StoreError::TooLarge {
                what: "a checkpoint",
                bytes,
                max: MAX_BYTES,
            });
        }
        file::write_atomic(&self.path, checkpoint.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_checkpoint_written_is_the_one_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = CheckpointFile::at(dir.path().join("checkpoint"));
        assert_eq!(file.read().unwrap(), None);
        for text in ["consortium/inpud\n1\n", "consortium/inpud\n2\n"] {
            file.write(text).unwrap();
            assert_eq!(file.read().unwrap().as_deref(), Some(text));
        }
        assert!(file.write(&"x".repeat(MAX_BYTES + 1)).is_err());
        assert!(file.read().unwrap().is_some());
        std::fs::write(dir.path().join("checkpoint"), [0xFF]).unwrap();
        assert!(matches!(file.read(), Err(StoreError::Damaged { .. })));
    }
}
