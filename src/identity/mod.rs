//! Who says so: keys, texts signed with them, and certificates.
//!
//! - [`canon`]: the one spelling of base64 and decimals.
//! - [`vkey`]: key names and public keys. C2SP signed-note.
//! - [`note`]: signed notes, the shape of everything that is signed. C2SP signed-note.
//! - [`keys`]: a member's private keys, one type for each role.
//! - [`approval`]: one person's word on one draft.
//! - [`spiffe`]: the id in a certificate that says what its bearer is. SPIFFE X.509-SVID.
//! - [`ca`]: each member's own small certificate authority. RFC 5280.
//! - [`cert`]: judging a certificate somebody shows us.
//!
//! Invariant: a signature counts only by `verify_strict`, so that every node gives the same answer
//! about the same bytes. Time is always an argument, in Unix seconds.
//!
//! Elsewhere: which key and which authority belong to which member is the charter's; TLS itself
//! is the `rpc` room's.

pub mod approval;
pub mod ca;
pub mod canon;
pub mod cert;
pub mod keys;
pub mod note;
pub mod spiffe;
pub mod vkey;

pub use approval::{Act, Word};
pub use ca::{Authority, Host, Issued};
pub use cert::{CertError, Peer, Usage};
pub use keys::{ApproverKey, GovernorKey, LogKey, SealKey, WitnessKey};
pub use note::{NoteError, SignatureLine, SignedNote, Verified, VerifiedSignature};
pub use spiffe::{Handle, Role, SpiffeId};
pub use vkey::{KeyError, KeyId, KeyName, PublicKey32, SignatureKind, VerifierKey};
