//! One log in the store as a Merkle tree: growing it, and proofs from any size to any other.
//!
//! The store itself keeps frontiers and tiles as opaque bytes; this is where they are hashes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Append, Entry, Head, LogState, PublicStore, StoreError, Tile};
use crate::log::path::{FromTiles, TILE_WIDTH, Tiles, consistency_path, inclusion_path, root_at};
use crate::log::tree::{Frontier, TreeError};
use crate::log::{Hash, leaf_hash};

/// Levels of the tree between two rows of tiles.
const ROW_HEIGHT: u32 = 8;

/// Why a replica could not be grown or proven.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it holds of the tree does not hang together.
    #[error("log {origin} is damaged in the store: {cause}")]
    Damaged {
        /// Which log.
        origin: String,
        /// What is wrong.
        cause: TreeError,
    },
}

/// One log in the store.
#[derive(Clone, Copy, Debug)]
pub struct Replica<'s> {
    store: &'s PublicStore,
    origin: &'s str,
}

impl<'s> Replica<'s> {
    /// Names a log in a store; it need not be there yet.
    pub const fn new(store: &'s PublicStore, origin: &'s str) -> Self {
        Self { store, origin }
    }

    /// Returns the log as it is held; an empty one where nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(self) -> Result<LogState, StoreError> {
        let state = self.store.log(self.origin)?;
        Ok(state.unwrap_or_else(|| LogState {
            origin: self.origin.to_owned(),
            ..LogState::default()
        }))
    }

    /// Begins growing the log from where it ends. Nothing is stored before [`Growth::store`].
    ///
    /// # Errors
    /// When what is held cannot be read.
    pub fn grow(self) -> Result<Growth<'s>, ReplicaError> {
        let state = self.state()?;
        let frontier = self.whole(decode_frontier(&state))?;
        Ok(Growth {
            log: self,
            first_index: state.size,
            frontier,
            entries: Vec::new(),
            rows: BTreeMap::new(),
        })
    }

    /// Returns the root hash over all leaves held.
    ///
    /// # Errors
    /// When what is held cannot be read.
    pub fn root(self) -> Result<Hash, ReplicaError> {
        Ok(self.whole(decode_frontier(&self.state()?))?.root())
    }

    /// Returns the root hash over the first `size` leaves.
    ///
    /// # Errors
    /// When the log does not reach so far, or cannot be read.
    pub fn root_at(self, size: u64) -> Result<Hash, ReplicaError> {
        root_at(size, &FromTiles(self)).map_err(|error| error.at(self.origin))
    }

    /// Returns the inclusion proof of a leaf in the tree of `size` leaves.
    ///
    /// # Errors
    /// When the log does not reach so far, or cannot be read.
    pub fn inclusion(self, index: u64, size: u64) -> Result<Vec<Hash>, ReplicaError> {
        inclusion_path(index, size, &FromTiles(self)).map_err(|error| error.at(self.origin))
    }

    /// Returns the consistency proof from the tree of `old` leaves to that of `new`; empty where
    /// none is needed.
    ///
    /// # Errors
    /// When the log does not reach so far, or cannot be read.
    pub fn consistency(self, old: u64, new: u64) -> Result<Vec<Hash>, ReplicaError> {
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        consistency_path(old, new, &FromTiles(self)).map_err(|error| error.at(self.origin))
    }

    fn whole<T>(self, result: Result<T, TreeError>) -> Result<T, ReplicaError> {
        result.map_err(|cause| ReplicaError::Damaged {
            origin: self.origin.to_owned(),
            cause,
        })
    }

    fn hashes(self, row: u32, number: u64) -> Result<Vec<Hash>, StoreError> {
        let Ok(level) = u8::try_from(row) else {
            return Ok(Vec::new());
        };
        let bytes = self
            .store
            .tile(self.origin, level, number)?
            .unwrap_or_default();
        let (hashes, _) = bytes.as_chunks::<32>();
        Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
    }
}

fn decode_frontier(state: &LogState) -> Result<Frontier, TreeError> {
    if state.size == 0 {
        return Ok(Frontier::new());
    }
    Frontier::decode(&state.frontier)
}

/// Either error of reading a proof out of tiles.
#[derive(Debug)]
pub enum TileError {
    /// The database's.
    Store(StoreError),
    /// The tree's.
    Tree(TreeError),
}

impl TileError {
    fn at(self, origin: &str) -> ReplicaError {
        match self {
            Self::Store(error) => error.into(),
            Self::Tree(cause) => ReplicaError::Damaged {
                origin: origin.to_owned(),
                cause,
            },
        }
    }
}

impl From<TreeError> for TileError {
    fn from(error: TreeError) -> Self {
        Self::Tree(error)
    }
}

impl Tiles for Replica<'_> {
    type Error = TileError;

    fn tile(&self, row: u32, number: u64) -> Result<Cow<'_, [Hash]>, TileError> {
        self.hashes(row, number)
            .map(Cow::Owned)
            .map_err(TileError::Store)
    }
}

/// Leaves about to be appended, hashed but not stored.
#[derive(Debug)]
pub struct Growth<'s> {
    log: Replica<'s>,
    first_index: u64,
    frontier: Frontier,
    entries: Vec<Entry>,
    rows: BTreeMap<(u32, u64), Vec<Hash>>,
}

impl Growth<'_> {
    /// Appends a leaf.
    ///
    /// # Errors
    /// When a partial tile cannot be read.
    pub fn push(&mut self, entry: Entry) -> Result<(), ReplicaError> {
        let mut complete = Vec::new();
        self.frontier
            .push_each(leaf_hash(&entry.leaf), |level, index, hash| {
                if level % ROW_HEIGHT == 0 {
                    complete.push((level / ROW_HEIGHT, index, hash));
                }
            });
        for (row, index, hash) in complete {
            let place = (row, index / TILE_WIDTH);
            if !self.rows.contains_key(&place) {
                let stored = self.log.hashes(place.0, place.1)?;
                self.rows.insert(place, stored);
            }
            if let Some(tile) = self.rows.get_mut(&place) {
                // What a crash left beyond the log's size is overwritten.
                tile.truncate((index % TILE_WIDTH) as usize);
                tile.push(hash);
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Returns how many leaves the log will have.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Returns the root hash the log will have.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends the leaves with what is known of the log's head. Safe only after
    /// [`PublicStore::commit`].
    ///
    /// # Errors
    /// When the log has moved on meanwhile, is frozen, or the disk refuses.
    pub fn store(self, head: Option<Head>, pending: Option<Head>) -> Result<LogState, StoreError> {
        let tiles = self.rows.into_iter().map(|((row, number), hashes)| Tile {
            level: row as u8,
            number,
            hashes: hashes.iter().flat_map(|hash| hash.0).collect(),
        });
        let append = Append {
            first_index: self.first_index,
            entries: self.entries,
            tiles: tiles.collect(),
            frontier: self.frontier.encode(),
            head,
            pending,
        };
        self.log.store.append(self.log.origin, append)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{verify_consistency, verify_inclusion};
    use crate::store::{Payload, os_entropy};

    const ORIGIN: &str = "c/a";

    fn leaf(index: u64) -> Vec<u8> {
        format!("leaf {index}").into_bytes()
    }

    fn grow(store: &PublicStore, count: u64) -> Hash {
        let mut growth = Replica::new(store, ORIGIN).grow().expect("it can be read");
        for index in growth.size()..growth.size() + count {
            let entry = Entry {
                leaf: leaf(index),
                payload: Payload::Absent,
            };
            growth.push(entry).expect("it can be read");
        }
        let root = growth.root();
        growth.store(None, None).expect("it fits");
        root
    }

    #[test]
    fn any_size_is_proven_to_any_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = PublicStore::open(dir.path(), os_entropy).expect("a store");
        let mut roots = vec![(0, Hash::EMPTY_ROOT)];
        // Steps that end within, on and after the edges of tiles.
        for step in [1, 2, 4, 249, 1, 255, 300] {
            let size = roots.last().map_or(0, |(size, _)| *size) + step;
            roots.push((size, grow(&store, step)));
        }
        let log = Replica::new(&store, ORIGIN);
        for (old, old_root) in &roots[1..] {
            for (new, new_root) in roots.iter().filter(|(new, _)| new > old) {
                let path = log.consistency(*old, *new).expect("it is there");
                assert_eq!(
                    verify_consistency(*old, *new, *old_root, *new_root, &path),
                    Ok(())
                );
            }
            assert_eq!(log.root_at(*old).expect("it is there"), *old_root);
            for index in [0, old / 2, old - 1] {
                let path = log.inclusion(index, *old).expect("it is there");
                let hash = leaf_hash(&leaf(index));
                assert_eq!(
                    verify_inclusion(index, *old, hash, &path, *old_root),
                    Ok(())
                );
            }
        }
        assert_eq!(log.root().expect("it is there"), roots[roots.len() - 1].1);
    }
}
