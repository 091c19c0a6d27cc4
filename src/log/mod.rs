//! The transparency log: what a member released, in an order nobody can rewrite.
//!
//! - [`hash`]: SHA-256 of leaves and nodes. RFC 6962 §2.1.
//! - [`tree`]: appending, and verifying inclusion and consistency. RFC 9162 §2.1.
//! - [`path`]: making those proofs from stored hashes. C2SP tlog-tiles.
//! - [`leaf`]: the short text the tree hashes, and the commitment it holds.
//! - [`audience`]: who a summary is for.
//! - [`checkpoint`]: a signed tree size and root hash. C2SP tlog-checkpoint.
//! - [`witness`]: how well others bear it out. C2SP tlog-cosignature.
//! - [`policy`]: witness policies of other tools. C2SP tlog-policy.
//! - [`proof`]: one leaf with all its proof in one file. C2SP tlog-proof.
//! - [`equivocation`]: two signed heads that cannot both be true.
//!
//! Invariant: what a verified checkpoint covers never changes, and every text has one spelling.
//!
//! Elsewhere: storing leaves and hashes is the store's; serving them is the federation's.

pub mod audience;
pub mod checkpoint;
pub mod equivocation;
pub mod hash;
pub mod leaf;
pub mod path;
pub mod policy;
pub mod proof;
pub mod tree;
pub mod witness;

pub use audience::{Audience, BadAudience};
pub use checkpoint::{Checkpoint, CheckpointError, Origin, SignedCheckpoint, VerifiedCheckpoint};
pub use equivocation::Equivocation;
pub use hash::{Hash, commitment, leaf_hash, node_hash};
pub use leaf::{Leaf, LeafError, Reason, Status};
pub use path::{FromTiles, MemoryTree, Nodes, Tiles, consistency_path, inclusion_path, root_at};
pub use policy::{Policy, PolicyError};
pub use proof::{Opening, ProofError, Proven, TlogProof};
pub use tree::{Frontier, TreeError, consistency_roots, verify_consistency, verify_inclusion};
pub use witness::{Cosignature, Witnessed, quorum, witnessed};
