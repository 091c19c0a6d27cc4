//! Inclusion and consistency proofs made from stored hashes.
//!
//! A store keeps the roots of complete subtrees at levels 0, 8, 16… in tiles of 256; any proof about
//! any earlier tree follows from them. Source: RFC 6962 §2.1.1 and §2.1.2; C2SP tlog-tiles.

use std::borrow::Cow;

use super::hash::{Hash, node_hash};
use super::tree::{Frontier, TreeError};

/// Where the roots of complete subtrees are read from.
pub trait Nodes {
    /// Why a hash could not be read.
    type Error: From<TreeError>;

    /// Returns the root of the complete subtree over the 2^`level` leaves that begin at
    /// `index` × 2^`level`.
    ///
    /// # Errors
    /// [`TreeError::MissingHash`] where it is not stored, or the store's own.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Returns the inclusion proof for the leaf at `index` in the tree of `size` leaves.
///
/// # Errors
/// [`TreeError::NoSuchLeaf`], or why a hash could not be read.
pub fn inclusion_path<N: Nodes>(index: u64, size: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    if index >= size {
        return Err(TreeError::NoSuchLeaf { index, size }.into());
    }
    let mut path = Vec::new();
    let (mut start, mut size) = (0, size);
    while size > 1 {
        let split = split_of(size);
        if index - start < split {
            path.push(range_root(start + split, size - split, nodes)?);
            size = split;
        } else {
            path.push(range_root(start, split, nodes)?);
            (start, size) = (start + split, size - split);
        }
    }
    path.reverse();
    Ok(path)
}

/// Returns the proof that the tree of `old` leaves begins the tree of `new` leaves.
///
/// # Errors
/// [`TreeError::BadSizes`] unless 0 < `old` ≤ `new`, or why a hash could not be read.
pub fn consistency_path<N: Nodes>(old: u64, new: u64, nodes: &N) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old > new {
        return Err(TreeError::BadSizes { old, new }.into());
    }
    let mut path = Vec::new();
    let (mut start, mut size) = (0, new);
    while old - start < size {
        let split = split_of(size);
        if old - start <= split {
            path.push(range_root(start + split, size - split, nodes)?);
            size = split;
        } else {
            path.push(range_root(start, split, nodes)?);
            (start, size) = (start + split, size - split);
        }
    }
    // Where the way down never turned right, this subtree is the old tree, whose root is known.
    if start > 0 {
        path.push(range_root(start, size, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// Returns the root hash of the tree's first `size` leaves.
///
/// # Errors
/// Why a hash could not be read.
pub fn root_at<N: Nodes>(size: u64, nodes: &N) -> Result<Hash, N::Error> {
    range_root(0, size, nodes)
}

/// Returns the largest power of two below `size`, for sizes above 1.
const fn split_of(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Returns the root over `count` leaves from `start`, which is a multiple of the next power of two.
fn range_root<N: Nodes>(start: u64, count: u64, nodes: &N) -> Result<Hash, N::Error> {
    let mut root = None;
    // From the right: the smallest complete subtree first.
    for level in (0..u64::BITS).filter(|level| count >> level & 1 == 1) {
        let index = (start >> level) + (count >> level) - 1;
        let left = nodes.node(level, index)?;
        root = Some(root.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(root.unwrap_or(Hash::EMPTY_ROOT))
}

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Where tiles are read from: row 0 holds leaf hashes, each further row the roots of full tiles of
/// the row below.
pub trait Tiles {
    /// Why a tile could not be read.
    type Error: From<TreeError>;

    /// Returns tile `number` of `row`, as far as it is stored: up to 256 hashes.
    ///
    /// # Errors
    /// The store's own; a tile that is not there is empty.
    fn tile(&self, row: u32, number: u64) -> Result<Cow<'_, [Hash]>, Self::Error>;
}

/// Reads nodes out of tiles.
#[derive(Clone, Copy, Debug)]
pub struct FromTiles<T>(pub T);

impl<T: Tiles> Nodes for FromTiles<T> {
    type Error = T::Error;

    fn node(&self, level: u32, index: u64) -> Result<Hash, T::Error> {
        let (row, height) = (level / 8, level % 8);
        let missing = || TreeError::MissingHash { level, index };
        let first = index << height;
        let tile = self.0.tile(row, first / TILE_WIDTH)?;
        // 2^height divides 256, so the subtree never crosses into the next tile.
        let from = (first % TILE_WIDTH) as usize;
        let hashes = tile.get(from..from + (1 << height)).ok_or_else(missing)?;
        let mut frontier = Frontier::new();
        for hash in hashes {
            frontier.push(*hash);
        }
        Ok(frontier.root())
    }
}

/// A tree with every hash in memory, for tests and small logs.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    frontier: Frontier,
    /// Roots of complete subtrees, by level.
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Returns a tree with no leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.push_each(leaf, |level, _, hash| {
            let level = level as usize;
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }

    /// Returns how many leaves it has.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Returns its root hash.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

impl Nodes for MemoryTree {
    type Error = TreeError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, TreeError> {
        let row = self.levels.get(level as usize);
        row.and_then(|row| row.get(usize::try_from(index).ok()?))
            .copied()
            .ok_or(TreeError::MissingHash { level, index })
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::super::tree::{verify_consistency, verify_inclusion};
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    fn leaf(number: u64) -> [u8; 8] {
        number.to_be_bytes()
    }

    fn tree(size: u64) -> MemoryTree {
        let mut tree = MemoryTree::new();
        tree.extend((0..size).map(|n| leaf_hash(&leaf(n))));
        tree
    }

    /// Stores only what a tile store stores.
    struct Tiled(Vec<Vec<Hash>>);

    impl Tiled {
        fn new(size: u64) -> Self {
            let mut rows: Vec<Vec<Hash>> = Vec::new();
            let mut frontier = Frontier::new();
            for n in 0..size {
                frontier.push_each(leaf_hash(&leaf(n)), |level, index, hash| {
                    if level % 8 == 0 {
                        rows.resize(rows.len().max(level as usize / 8 + 1), Vec::new());
                        assert_eq!(rows[level as usize / 8].len() as u64, index);
                        rows[level as usize / 8].push(hash);
                    }
                });
            }
            Self(rows)
        }
    }

    impl Tiles for Tiled {
        type Error = TreeError;

        fn tile(&self, row: u32, number: u64) -> Result<Cow<'_, [Hash]>, TreeError> {
            let tile = self.0.get(row as usize);
            let tile = tile.and_then(|row| row.chunks(256).nth(number as usize));
            Ok(tile.unwrap_or_default().into())
        }
    }

    fn flat(path: &[Hash]) -> Vec<u8> {
        path.iter().flat_map(|hash| hash.0).collect()
    }

    #[test]
    fn every_proof_of_small_trees_is_the_one_of_the_oracle() {
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for size in 1..=40_u64 {
            oracle.push(leaf(size - 1).to_vec());
            let ours = tree(size);
            assert_eq!(ours.root().0[..], oracle.root().as_bytes()[..]);
            for index in 0..size {
                let path = inclusion_path(index, size, &ours).expect("in range");
                let expected = oracle.prove_inclusion(index as usize);
                assert_eq!(flat(&path), expected.as_bytes(), "{index} of {size}");
            }
            for old in 1..size {
                let path = consistency_path(old, size, &ours).expect("in range");
                let expected = oracle.prove_consistency((size - old) as usize);
                assert_eq!(flat(&path), expected.as_bytes(), "{old} to {size}");
            }
        }
    }

    #[test]
    fn nothing_out_of_range_is_proved() {
        let ours = tree(5);
        assert!(inclusion_path(5, 5, &ours).is_err());
        assert!(inclusion_path(0, 0, &ours).is_err());
        assert!(consistency_path(0, 5, &ours).is_err());
        assert!(consistency_path(6, 5, &ours).is_err());
        assert_eq!(consistency_path(5, 5, &ours), Ok(vec![]));
        assert_eq!(
            inclusion_path(0, 8, &ours),
            Err(TreeError::MissingHash { level: 2, index: 1 })
        );
    }

    #[test]
    fn tiles_prove_what_the_whole_tree_proves() {
        const SIZE: u64 = 66_000;
        let (whole, tiles) = (tree(SIZE), FromTiles(Tiled::new(SIZE)));
        for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, SIZE] {
            assert_eq!(root_at(size, &tiles), Ok(tree(size).root()));
            for index in [0, size / 3, size - 1] {
                assert_eq!(
                    inclusion_path(index, size, &tiles),
                    inclusion_path(index, size, &whole)
                );
                assert_eq!(
                    consistency_path(index + 1, size, &tiles),
                    consistency_path(index + 1, size, &whole)
                );
            }
        }
        assert!(inclusion_path(0, SIZE + 1, &tiles).is_err());
    }

    proptest! {
        #[test]
        fn proofs_verify_and_no_flipped_bit_does(
            size in 2..600_u64, pick: prop::sample::Index, flip: prop::sample::Index, bit in 0..256_usize,
        ) {
            let ours = tree(size);
            let index = pick.index(size as usize) as u64;
            let mut path = inclusion_path(index, size, &ours).expect("in range");
            let (hash, root) = (leaf_hash(&leaf(index)), ours.root());
            prop_assert_eq!(verify_inclusion(index, size, hash, &path, root), Ok(()));

            let flipped = |hash: Hash| {
                let mut bytes = hash.0;
                bytes[bit / 8] ^= 1 << (bit % 8);
                Hash(bytes)
            };
            prop_assert!(verify_inclusion(index, size, flipped(hash), &path, root).is_err());
            prop_assert!(verify_inclusion(index, size, hash, &path, flipped(root)).is_err());
            let at = flip.index(path.len());
            path[at] = flipped(path[at]);
            prop_assert!(verify_inclusion(index, size, hash, &path, root).is_err());
        }

        #[test]
        fn a_proof_for_one_leaf_fails_for_another(
            size in 2..600_u64, one: prop::sample::Index, other: prop::sample::Index,
        ) {
            let ours = tree(size);
            let (one, other) = (one.index(size as usize) as u64, other.index(size as usize) as u64);
            prop_assume!(one != other);
            let path = inclusion_path(one, size, &ours).expect("in range");
            let (hash, root) = (leaf_hash(&leaf(one)), ours.root());
            prop_assert!(verify_inclusion(other, size, hash, &path, root).is_err());
            prop_assert!(verify_inclusion(one, size, leaf_hash(&leaf(other)), &path, root).is_err());
        }

        #[test]
        fn consistency_verifies_and_no_flipped_bit_does(
            new in 2..600_u64, old: prop::sample::Index, flip: prop::sample::Index, bit in 0..256_usize,
        ) {
            let ours = tree(new);
            let old = old.index(new as usize - 1) as u64 + 1;
            let mut path = consistency_path(old, new, &ours).expect("in range");
            let (before, after) = (tree(old).root(), ours.root());
            prop_assert_eq!(verify_consistency(old, new, before, after, &path), Ok(()));
            prop_assert!(verify_consistency(old, new, after, before, &path).is_err());
            let at = flip.index(path.len());
            path[at].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency(old, new, before, after, &path).is_err());
        }
    }
}
