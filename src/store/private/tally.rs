//! What the plane should hold: how often it was written, and a sum over its rows.
//!
//! A seal says that a row is what was written, not that it is there. sled can lose the end of its
//! file, or a page, without a word. So the binding row holds a tally, changed in the same write as
//! the rows, and a file beside the database says how far it had come: rows that are gone are
//! noticed at the next opening. Against chance; whoever can write the disk is another matter.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::store::codec::{Reader, Writer};
use crate::store::{StoreError, file};

/// The file beside the database.
const FILE: &str = "written";

/// How often the plane was written, and a sum over its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) writes: u64,
    sum: [u8; 16],
}

impl Tally {
    /// Takes a row in, or out: twice is never.
    pub(super) fn toggle(&mut self, sequence: u64, sealed: &[u8]) {
        let digest = Sha256::new()
            .chain_update(sequence.to_be_bytes())
            .chain_update(sealed)
            .finalize();
        for (sum, byte) in self.sum.iter_mut().zip(digest) {
            *sum ^= byte;
        }
    }

    /// Returns whether both are over the same rows.
    pub(super) fn same_rows(self, other: Self) -> bool {
        self.sum == other.sum
    }

    pub(super) fn encode(self, to: Writer) -> Writer {
        to.u64(self.writes).raw(&self.sum)
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            writes: from.u64()?,
            sum: from.array()?,
        })
    }
}

/// The file that says how often the plane was written, as far as was acknowledged.
#[derive(Debug)]
pub(super) struct Written {
    path: PathBuf,
    /// What it says.
    said: Mutex<u64>,
}

impl Written {
    /// Reads it; one that is not there, as after a restore, says nothing.
    pub(super) fn of(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let said = match file::read_small(&path, 32)? {
            None => 0,
            Some(text) => std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| StoreError::damaged(&path, "it should hold a number; remove it"))?,
        };
        let said = Mutex::new(said);
        Ok(Self { path, said })
    }

    pub(super) fn said(&self) -> u64 {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how far the plane has come. It is never ahead of the disk.
    pub(super) fn say(&self, writes: u64) -> Result<(), StoreError> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if writes > *said {
            file::write_atomic(&self.path, format!("{writes}\n").as_bytes())?;
            *said = writes;
        }
        Ok(())
    }
}
