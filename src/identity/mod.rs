//! Who says so: keys, and texts signed with them.
//!
//! - [`canon`]: the one spelling of base64 and decimals.
//! - [`vkey`]: key names and public keys. C2SP signed-note.
//! - [`note`]: signed notes, the shape of everything that is signed. C2SP signed-note.
//! - [`keys`]: a member's private keys, one type for each role.
//!
//! Invariant: a signature counts only by `verify_strict`, so that every node gives the same answer
//! about the same bytes.

pub mod canon;
pub mod keys;
pub mod note;
pub mod vkey;

pub use keys::{GovernorKey, LogKey, SealKey, WitnessKey};
pub use note::{NoteError, SignatureLine, SignedNote, Verified, VerifiedSignature};
pub use vkey::{KeyError, KeyId, KeyName, PublicKey32, SignatureKind, VerifierKey};
