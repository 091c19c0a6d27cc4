//! The Merkle tree as far as a verifier needs it: appending, inclusion, consistency.
//!
//! Source: RFC 6962 §2.1 for the tree, RFC 9162 §2.1.3.2 and §2.1.4.2 for verification.

use super::hash::{Hash, node_hash};

/// Why a tree or a proof about it was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// There is nothing to prove between these sizes.
    #[error("no consistency proof leads from size {old} to size {new}")]
    BadSizes {
        /// The earlier size.
        old: u64,
        /// The later size.
        new: u64,
    },
    /// The inclusion proof does not lead to the root hash.
    #[error("the inclusion proof does not lead from the leaf to the root hash")]
    NotIncluded,
    /// The consistency proof does not lead to both root hashes.
    #[error("the consistency proof does not show the old tree to begin the new one")]
    NotConsistent,
    /// A stored hash that a proof needs is not there.
    #[error("the hash at level {level}, index {index} is missing")]
    MissingHash {
        /// 0 for leaves.
        level: u32,
        /// Counted from 0 at that level.
        index: u64,
    },
    /// A stored frontier does not read.
    #[error("the frontier does not read: its length does not fit its size")]
    BadFrontier,
}

/// Most leaves a tree may have, so that no size overflows.
const MAX_SIZE: u64 = 1 << 62;

/// What appending needs of a tree: the roots of its complete subtrees, largest first. At most 62
/// hashes, however many leaves.
///
/// # Example
/// ```
/// use counterfoil::log::{Frontier, leaf_hash};
/// let mut tree = Frontier::new();
/// tree.push(leaf_hash(b"first"));
/// assert_eq!((tree.size(), tree.root()), (1, leaf_hash(b"first")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit set in `size`, the highest bit first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Returns the frontier of a tree with no leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            subtrees: Vec::new(),
        }
    }

    /// Returns how many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_each(leaf, |_, _, _| ());
    }

    /// Appends a leaf by its hash and calls `completed` with the level, index and hash of each
    /// subtree it completes: the leaf itself first, then upward. Those at levels 0, 8, 16… are what
    /// [`super::Tiles`] stores.
    pub fn push_each(&mut self, leaf: Hash, mut completed: impl FnMut(u32, u64, Hash)) {
        let mut node = leaf;
        completed(0, self.size, node);
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else {
                break;
            };
            node = node_hash(&left, &node);
            completed(level, self.size >> level, node);
        }
        self.subtrees.push(node);
        self.size += 1;
    }

    /// Returns the root hash.
    pub fn root(&self) -> Hash {
        let (last, larger) = match self.subtrees.split_last() {
            Some((last, larger)) => (*last, larger),
            None => return Hash::EMPTY_ROOT,
        };
        larger
            .iter()
            .rev()
            .fold(last, |root, left| node_hash(left, &root))
    }

    /// Returns it as bytes: the size, big-endian, then the hashes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for hash in &self.subtrees {
            bytes.extend_from_slice(&hash.0);
        }
        bytes
    }

    /// Reads what [`Frontier::encode`] wrote.
    ///
    /// # Errors
    /// [`TreeError::BadFrontier`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let (size, hashes) = bytes.split_first_chunk().ok_or(TreeError::BadFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        let fits =
            size <= MAX_SIZE && rest.is_empty() && hashes.len() == size.count_ones() as usize;
        if !fits {
            return Err(TreeError::BadFrontier);
        }
        Ok(Self {
            size,
            subtrees: hashes.iter().copied().map(Hash).collect(),
        })
    }
}

/// Verifies that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves with root
/// hash `root`. RFC 9162 §2.1.3.2.
///
/// # Errors
/// [`TreeError::NoSuchLeaf`] or [`TreeError::NotIncluded`].
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: Hash,
    path: &[Hash],
    root: Hash,
) -> Result<(), TreeError> {
    if index >= size {
        return Err(TreeError::NoSuchLeaf { index, size });
    }
    let mut climb = Climb::new(index, size - 1);
    let mut reached = leaf;
    for sibling in path {
        reached = match climb.step().ok_or(TreeError::NotIncluded)? {
            Side::Left => node_hash(sibling, &reached),
            Side::Right => node_hash(&reached, sibling),
        };
    }
    (climb.at_top() && reached == root)
        .then_some(())
        .ok_or(TreeError::NotIncluded)
}

/// Verifies that the tree of `old` leaves with root hash `old_root` begins the tree of `new` leaves
/// with root hash `new_root`. RFC 9162 §2.1.4.2.
///
/// An old size of 0 is refused: every tree begins with nothing, and the caller who may say so
/// needs no proof of it.
///
/// # Errors
/// [`TreeError::BadSizes`] or [`TreeError::NotConsistent`].
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: Hash,
    new_root: Hash,
    path: &[Hash],
) -> Result<(), TreeError> {
    if old == 0 || old > new {
        return Err(TreeError::BadSizes { old, new });
    }
    let refused = TreeError::NotConsistent;
    if old == new {
        return (path.is_empty() && old_root == new_root)
            .then_some(())
            .ok_or(refused);
    }
    // RFC 6962 leaves out the first hash where it is the old root itself.
    let whole: Vec<Hash> = match path {
        [] => return Err(refused),
        _ if old.is_power_of_two() => [std::slice::from_ref(&old_root), path].concat(),
        _ => path.to_vec(),
    };
    match consistency_roots(old, new, &whole) {
        Some(reached) if reached == (old_root, new_root) => Ok(()),
        _ => Err(refused),
    }
}

/// Returns the two root hashes, of the first `old` and of all `new` leaves, that a consistency
/// proof speaks of, or `None` where it is not one between these sizes. Its first hash must be
/// there even where RFC 6962 leaves it out: where `old` is a power of two, it is the old root.
///
/// Where the second root is one that a log has signed, the first is what its tree began with,
/// whatever else the log may have signed. RFC 9162 §2.1.4.2.
pub fn consistency_roots(old: u64, new: u64, whole: &[Hash]) -> Option<(Hash, Hash)> {
    if old == 0 || old >= new {
        return None;
    }
    let (first, rest) = whole.split_first()?;
    let mut climb = Climb::new(old - 1, new - 1);
    climb.skip_right_turns();
    let (mut reached_old, mut reached_new) = (*first, *first);
    for sibling in rest {
        match climb.step()? {
            Side::Left => {
                reached_old = node_hash(sibling, &reached_old);
                reached_new = node_hash(sibling, &reached_new);
            }
            Side::Right => reached_new = node_hash(&reached_new, sibling),
        }
    }
    climb.at_top().then_some((reached_old, reached_new))
}

/// Which side of the path the next sibling stands on.
enum Side {
    Left,
    Right,
}

/// The way from a leaf up to the root: `fn` and `sn` of RFC 9162.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    const fn new(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    /// Returns where the next sibling stands and climbs above it; `None` at the top, where a
    /// further sibling would be one too many.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // On the ragged right edge a node without sibling rises as it is.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }

    /// Climbs to the root of the largest complete subtree that ends at the node.
    fn skip_right_turns(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    const fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    const fn at_top(&self) -> bool {
        self.last == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::*;
    use proptest::prelude::*;

    /// MTH of RFC 6962 §2.1, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::EMPTY_ROOT,
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    #[test]
    fn every_frontier_has_the_root_of_its_leaves() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for size in 0..=130_u32 {
            assert_eq!(frontier.root(), naive_root(&leaves), "size {size}");
            assert_eq!(Frontier::decode(&frontier.encode()).as_ref(), Ok(&frontier));
            leaves.push(leaf_hash(&size.to_be_bytes()));
            frontier.push(leaves[size as usize]);
        }
    }

    #[test]
    fn completed_subtrees_are_told_once_each() {
        let mut told = Vec::new();
        let mut frontier = Frontier::new();
        for leaf in 0..8_u8 {
            frontier.push_each(leaf_hash(&[leaf]), |level, index, _| {
                told.push((level, index))
            });
        }
        assert_eq!(told.len(), 8 + 4 + 2 + 1);
        assert_eq!(told[11..], [(0, 7), (1, 3), (2, 1), (3, 0)]);
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 15);
    }

    #[test]
    fn nothing_is_consistent_with_an_empty_tree() {
        let root = Hash::EMPTY_ROOT;
        assert_eq!(
            verify_consistency(0, 0, root, root, &[]),
            Err(TreeError::BadSizes { old: 0, new: 0 })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frontier_or_refused(
            size: u8,
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut framed = u64::from(size).to_be_bytes().to_vec();
            framed.extend_from_slice(&bytes);
            for bytes in [&bytes, &framed] {
                if let Ok(frontier) = Frontier::decode(bytes) {
                    prop_assert_eq!(&frontier.encode(), bytes);
                }
            }
        }

        #[test]
        fn any_sizes_and_paths_are_judged(
            index: u64, size: u64, path in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let path: Vec<_> = path.into_iter().map(Hash).collect();
            let root = Hash::EMPTY_ROOT;
            prop_assert!(verify_inclusion(index, size, root, &path, root).is_err());
            if index != size {
                prop_assert!(verify_consistency(index, size, root, root, &path).is_err());
            }
        }
    }
}
