//! Bringing nodes level: every member's log, payload and charter, whoever carried it here.
//!
//! - [`node`]: what every sync of one node shares.
//! - [`session`]: one sync with one peer, over any transport; `meet.rs` has its first words,
//!   `desk.rs` what the peer asked for.
//! - [`peers`]: whom to sync with, and when; [`dial`]: how, and how often; [`status`]: how it went.
//! - [`give`]: what a peer lacks, read from the store; `stride.rs`: how much of it at once.
//! - `take.rs`: which frame may come when, and its answer.
//! - [`ingest`]: what a peer sends, verified and stored; `convict.rs`: logs with two histories.
//! - [`witness`]: cosigning other members' heads.
//! - [`sense`]: whether our own log may be signed.
//! - [`roll`]: what must be known of the charter.
//! - [`frames`], [`error`](mod@error): bounds, and words for what went wrong.
//!
//! Invariants: nothing is stored that a member's key has not signed and the tree does not bear
//! out; nothing is acknowledged, and no cosignature leaves, before it is on the disk; a peer's
//! frames are answered one by one, and no buffer grows with what it sends.
//!
//! Elsewhere: the wire is `rpc`'s; the private plane is out of reach from here.

mod convict;
mod desk;
pub mod dial;
pub mod error;
pub mod frames;
pub mod give;
pub mod ingest;
mod meet;
pub mod node;
pub mod peers;
pub mod roll;
pub mod sense;
pub mod session;
pub mod status;
mod stride;
mod take;
pub mod witness;

pub use convict::stored_evidence;
pub use dial::{Dial, DialError, Dialling, Line, Pace};
pub use error::{Refusal, SyncError};
pub use ingest::{Ingest, Offered, Taken};
pub use node::{Clock, Federation, News, Patience, Side};
pub use peers::{PeerError, Peers};
pub use roll::{CharterOutcome, Charters, Roll, RollMember};
pub use sense::{HeadSense, HeadWatch, Mark};
pub use status::{Awaited, PeerStatus, Target};
pub use witness::Witness;
