//! How far the store had come, in a small file beside the database that the engine never touches.
//!
//! sled can lose the end of its file without a word: after one changed byte it opens as it was some
//! writes ago. Replication gives back what was lost, but not what was cosigned; a node that forgot
//! could cosign an older head again. So the newest arrival known to be on the disk is noted here
//! after each commit, and a database that ends before it is told at the next opening.
//!
//! The file is overwritten in place, within one sector, and not synced by itself: at worst it is
//! behind the disk, after a power loss by what the system had not written out. It is never ahead.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::store::{StoreError, file};

/// The file, in the directory of the database.
pub(super) const FILE: &str = "reached";

/// Notes how far the store has come.
#[derive(Debug)]
pub(super) struct Reached {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// What it says.
    said: u64,
    /// Whether the database ends before that: the file then stays as it is until somebody has
    /// taken note.
    has_lost: bool,
}

impl Reached {
    /// Holds a database whose newest arrival is `found` against the file in its directory. One that
    /// is not there, as before the first opening, says nothing; one that makes no sense says that
    /// something was lost.
    pub(super) fn of(dir: &Path, found: u64) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let said = file::read_small(&path, 64)?.map(|text| parse(&text));
        let has_lost = match said {
            None => false,
            Some(said) => said.is_none_or(|said| said > found),
        };
        let said = match (has_lost, said) {
            (true, said) => said.flatten().unwrap_or(u64::MAX),
            (false, _) => {
                file::write_atomic(&path, &text(found))?;
                found
            }
        };
        let state = Mutex::new(State {
            file: open(&path)?,
            said,
            has_lost,
        });
        Ok(Self { path, state })
    }

    /// Returns whether the database ends before what was acknowledged.
    pub(super) fn has_lost(&self) -> bool {
        self.lock().has_lost
    }

    /// Says that everything up to this arrival is on the disk.
    pub(super) fn say(&self, arrival: u64) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.has_lost || arrival <= state.said {
            return Ok(());
        }
        let written = state.file.write_all_at(&text(arrival), 0);
        written.map_err(|error| StoreError::io("write", &self.path, error))?;
        state.said = arrival;
        Ok(())
    }

    /// Goes on from this arrival, once it is noted elsewhere that something was lost.
    pub(super) fn go_on_from(&self, arrival: u64) -> Result<(), StoreError> {
        let mut state = self.lock();
        file::write_atomic(&self.path, &text(arrival))?;
        *state = State {
            file: open(&self.path)?,
            said: arrival,
            has_lost: false,
        };
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // What it says changes only after it was written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let opened = File::options().write(true).open(path);
    opened.map_err(|error| StoreError::io("open", path, error))
}

/// The number twice, always equally long: half of one and half of another is neither.
fn text(arrival: u64) -> Vec<u8> {
    format!("{arrival:020}\n{arrival:020}\n").into_bytes()
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let first = std::str::from_utf8(bytes).ok()?.lines().next()?;
    let arrival = first.parse().ok()?;
    (text(arrival) == bytes).then_some(arrival)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(arrival: u64, bytes: Vec<u8>) {
            assert_eq!(parse(&text(arrival)), Some(arrival));
            if let Some(arrival) = parse(&bytes) {
                assert_eq!(text(arrival), bytes);
            }
        }
    }

    #[test]
    fn a_store_that_ends_earlier_than_it_said_has_lost_something_until_that_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let reached = Reached::of(dir.path(), 0).unwrap();
        assert!(!reached.has_lost());
        for arrival in [7, 9, 8] {
            reached.say(arrival).unwrap();
        }
        assert!(!Reached::of(dir.path(), 9).unwrap().has_lost());

        let behind = Reached::of(dir.path(), 8).unwrap();
        assert!(behind.has_lost());
        // What arrives from now on does not hide it.
        behind.say(1 << 40).unwrap();
        let behind = Reached::of(dir.path(), 8).unwrap();
        assert!(behind.has_lost());
        behind.go_on_from(8).unwrap();
        assert!(!behind.has_lost());
        behind.say(10).unwrap();
        assert!(Reached::of(dir.path(), 9).unwrap().has_lost());
    }

    #[test]
    fn a_file_that_makes_no_sense_says_that_something_was_lost() {
        let dir = tempfile::tempdir().unwrap();
        Reached::of(dir.path(), 5).unwrap();
        for bytes in [
            &b""[..],
            b"5\n",
            b"00000000000000000005\n00000000000000000004\n",
        ] {
            std::fs::write(dir.path().join(FILE), bytes).unwrap();
            assert!(Reached::of(dir.path(), 5).unwrap().has_lost());
        }
    }
}
