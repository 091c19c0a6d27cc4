//! Who is who: names, keys and certificates.
//!
//! - [`spiffe`]: the id in a certificate that says what its bearer is. SPIFFE X.509-SVID.
//! - [`ca`]: each member's own small certificate authority. RFC 5280.
//! - [`cert`]: judging a certificate somebody shows us.
//!
//! Time is always an argument, in Unix seconds.
//!
//! Elsewhere: which authority belongs to which member is the charter's; TLS itself is the
//! `rpc` room's.

pub mod ca;
pub mod cert;
pub mod spiffe;

pub use ca::{Authority, Host, Issued};
pub use cert::{CertError, Peer, Usage};
pub use spiffe::{Handle, Role, SpiffeId};
