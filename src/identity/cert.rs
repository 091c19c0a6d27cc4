//! Judging a certificate: whose it is, and whether that member's own authority says so.
//!
//! Only the authorities of the member a certificate claims to come from are trusted for it, and
//! they sign end certificates directly: whatever else a peer sends along is ignored.
//!
//! Source: RFC 5280 §6; SPIFFE X.509-SVID §5.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::spiffe::SpiffeId;
use crate::model::{ConsortiumId, MemberId};

/// How far behind ours a signer's clock may be, in seconds.
pub const NOT_BEFORE_SKEW: u64 = 300;

/// Members' authorities are P-256 (gRPC's `BoringSSL` clients refuse Ed25519).
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[webpki::aws_lc_rs::ECDSA_P256_SHA256];

/// Why a certificate is not accepted, in words both sides may read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// The bytes are no certificate.
    #[error("the certificate cannot be read: {reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// There is not exactly one URI name, or it is no id of ours.
    #[error(
        "certificate carries no id of a node, coordinator or auditor \
         (one URI spiffe://<member>.<consortium>/…); use one that a member granted"
    )]
    NoSpiffeId,
    /// No charter, so nobody can be recognised.
    #[error("this node has no charter yet, so it recognises no certificate; apply one")]
    NoCharter,
    /// A certificate of another consortium.
    #[error("certificate is for the consortium {given}, not for {ours}")]
    OtherConsortium {
        /// The consortium it names.
        given: ConsortiumId,
        /// The consortium of this node.
        ours: ConsortiumId,
    },
    /// The charter pins no authority of that name.
    #[error("certificate claims to be {member}, which the charter does not name")]
    UnknownMember {
        /// The member it names.
        member: MemberId,
    },
    /// Signed by somebody else.
    #[error("certificate claims to be {member} but is not signed by {member}'s CA")]
    NotSignedByMember {
        /// The member it names.
        member: MemberId,
    },
    /// Too late.
    #[error("certificate expired on {on}; ask {member} to grant a new one")]
    Expired {
        /// The member that granted it.
        member: MemberId,
        /// The last day it was valid, UTC.
        on: String,
    },
    /// Too early, even with five minutes of grace.
    #[error("certificate is not valid before {from}; check the clocks of both sides")]
    NotYetValid {
        /// The first day it is valid, UTC.
        from: String,
    },
    /// Meant for the other end of a connection, or for something else.
    #[error("certificate may not be used by a {usage}; use one that was granted for it")]
    WrongUsage {
        /// What it was used as.
        usage: Usage,
    },
    /// The granting member took it back.
    #[error("certificate was revoked by {member}; ask {member} to grant a new one")]
    Revoked {
        /// The member that granted and revoked it.
        member: MemberId,
    },
    /// A good certificate of somebody we did not call.
    #[error("expected {expected}, but the certificate is that of {found}")]
    OtherPeer {
        /// Whom we called.
        expected: String,
        /// Who answered.
        found: String,
    },
}

/// Which end of a connection shows the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// The end that dials.
    Client,
    /// The end that listens.
    Server,
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// Somebody whose certificate was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What the certificate says its bearer is.
    pub spiffe: SpiffeId,
    /// The last second it is valid, Unix seconds.
    pub not_after: u64,
    /// What a revocation names it by: SHA-256 of the `SubjectPublicKeyInfo`.
    pub spki_sha256: [u8; 32],
}

impl Peer {
    /// Checks once more what changes while a connection is open.
    ///
    /// # Errors
    /// When the certificate has expired since.
    pub fn check_expiry(&self, now: u64) -> Result<(), CertError> {
        if now > self.not_after {
            return Err(CertError::Expired {
                member: self.spiffe.member.clone(),
                on: date(self.not_after),
            });
        }
        Ok(())
    }
}

/// Returns whom `leaf` (DER) claims to be, which proves nothing yet.
///
/// # Errors
/// When it cannot be read or carries no id.
pub fn claimed_id(leaf: &[u8]) -> Result<SpiffeId, CertError> {
    spiffe_id(&parse(leaf)?)
}

/// Judges `leaf` (DER) by the authorities (DER) of the member it claims to come from.
///
/// Whether it was revoked is for the caller to ask, with [`Peer::spki_sha256`].
///
/// # Errors
/// When it is not to be accepted; the error says why.
pub fn verify_peer(
    leaf: &[u8],
    authorities: &[Vec<u8>],
    consortium: &ConsortiumId,
    now: u64,
    usage: Usage,
) -> Result<Peer, CertError> {
    let parsed = parse(leaf)?;
    let spiffe = spiffe_id(&parsed)?;
    if spiffe.consortium != *consortium {
        return Err(CertError::OtherConsortium {
            given: spiffe.consortium,
            ours: consortium.clone(),
        });
    }
    if authorities.is_empty() {
        return Err(CertError::UnknownMember {
            member: spiffe.member,
        });
    }
    let validity = parsed.validity();
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    let not_before = seconds(validity.not_before.timestamp());
    let not_after = seconds(validity.not_after.timestamp());
    // Judged at a moment inside its own validity, so that a stranger's expired certificate is
    // reported as a stranger's.
    let moment = now.min(not_after).max(not_before);
    verify_signature(leaf, authorities, moment, usage, &spiffe.member)?;
    if not_before > now.saturating_add(NOT_BEFORE_SKEW) {
        return Err(CertError::NotYetValid {
            from: date(not_before),
        });
    }
    let peer = Peer {
        spiffe,
        not_after,
        spki_sha256: spki_sha256(&parsed),
    };
    peer.check_expiry(now)?;
    Ok(peer)
}

fn verify_signature(
    leaf: &[u8],
    authorities: &[Vec<u8>],
    moment: u64,
    usage: Usage,
    member: &MemberId,
) -> Result<(), CertError> {
    let authorities: Vec<CertificateDer<'_>> = authorities
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let anchors: Vec<_> = authorities
        .iter()
        .filter_map(|der| anchor_from_trusted_cert(der).ok())
        .collect();
    let leaf = CertificateDer::from(leaf);
    let end_entity = EndEntityCert::try_from(&leaf).map_err(malformed)?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(moment));
    let key_usage = match usage {
        Usage::Client => KeyUsage::client_auth(),
        Usage::Server => KeyUsage::server_auth(),
    };
    end_entity
        .verify_for_usage(ALGORITHMS, &anchors, &[], time, key_usage, None, None)
        .map(|_| ())
        .map_err(|error| match error {
            webpki::Error::RequiredEkuNotFoundContext(_) => CertError::WrongUsage { usage },
            webpki::Error::UnknownIssuer
            | webpki::Error::InvalidSignatureForPublicKey
            | webpki::Error::UnsupportedSignatureAlgorithmContext(_)
            | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                CertError::NotSignedByMember {
                    member: member.clone(),
                }
            }
            other => malformed(other),
        })
}

fn malformed(error: impl std::fmt::Display) -> CertError {
    CertError::Malformed {
        reason: error.to_string(),
    }
}

fn parse(leaf: &[u8]) -> Result<X509Certificate<'_>, CertError> {
    match X509Certificate::from_der(leaf) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err(malformed("there are bytes after its end")),
        Err(error) => Err(malformed(error)),
    }
}

/// A certificate speaks for exactly one URI (X.509-SVID §2).
fn spiffe_id(parsed: &X509Certificate<'_>) -> Result<SpiffeId, CertError> {
    let names = parsed
        .subject_alternative_name()
        .map_err(malformed)?
        .ok_or(CertError::NoSpiffeId)?;
    let mut uris = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.parse().map_err(|_| CertError::NoSpiffeId),
        _ => Err(CertError::NoSpiffeId),
    }
}

/// Returns what a revocation names this certificate by.
pub(super) fn spki_sha256(parsed: &X509Certificate<'_>) -> [u8; 32] {
    Sha256::digest(parsed.public_key().raw).into()
}

/// The day only: times of day stay in the node.
fn date(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|second| jiff::Timestamp::from_second(second).ok())
        .map_or_else(
            || "a date out of range".to_owned(),
            |time| time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Authority, Handle, Issued, Role};

    const NOW: u64 = 1_793_520_000; // 2026-11-01T08:00Z
    const DAY: u64 = 86_400;

    fn authority(member: &str) -> Authority {
        Authority::generate(&member.parse().expect("an id"), NOW).expect("a key")
    }

    fn pwud() -> ConsortiumId {
        "pwud".parse().expect("an id")
    }

    fn node_of(ca: &Authority) -> Issued {
        ca.issue_node(&pwud(), &[], NOW).expect("issues")
    }

    fn verify(leaf: &[u8], ca: &Authority, now: u64, usage: Usage) -> Result<Peer, CertError> {
        verify_peer(leaf, &[ca.cert().to_vec()], &pwud(), now, usage)
    }

    #[track_caller]
    fn refused(result: Result<Peer, CertError>, message: &str) {
        assert_eq!(result.expect_err("refused").to_string(), message);
    }

    #[test]
    fn a_node_is_accepted_at_either_end() {
        let ca = authority("inpud");
        let issued = node_of(&ca);
        for usage in [Usage::Client, Usage::Server] {
            let peer = verify(&issued.cert, &ca, NOW, usage).expect("accepted");
            assert_eq!(peer.spiffe.to_string(), "spiffe://inpud.pwud/node");
            assert_eq!(peer.not_after, issued.not_after);
        }
    }

    #[test]
    fn an_old_and_a_new_authority_are_both_good() {
        let (old, new) = (authority("inpud"), authority("inpud"));
        let both = [old.cert().to_vec(), new.cert().to_vec()];
        for ca in [&old, &new] {
            let issued = node_of(ca);
            assert!(verify_peer(&issued.cert, &both, &pwud(), NOW, Usage::Client).is_ok());
        }
    }

    #[test]
    fn a_coordinator_cannot_serve() {
        let ca = authority("inpud");
        let role = Role::Coordinator(Handle::from_entropy([1; 10]));
        let issued = ca.issue_grant(&pwud(), role, 1.0, NOW).expect("issues");
        assert!(verify(&issued.cert, &ca, NOW, Usage::Client).is_ok());
        refused(
            verify(&issued.cert, &ca, NOW, Usage::Server),
            "certificate may not be used by a server; use one that was granted for it",
        );
    }

    #[test]
    fn another_members_authority_is_not_inpuds() {
        let (inpud, liar) = (authority("inpud"), authority("inpud"));
        let issued = node_of(&liar);
        let message = "certificate claims to be inpud but is not signed by inpud's CA";
        refused(verify(&issued.cert, &inpud, NOW, Usage::Client), message);
        // Also when it has expired: whose it is matters more.
        let later = NOW + 1_000 * DAY;
        refused(verify(&issued.cert, &inpud, later, Usage::Client), message);
    }

    #[test]
    fn validity_allows_five_minutes_before_and_nothing_after() {
        let ca = authority("inpud");
        let issued = node_of(&ca);
        let start = NOW / DAY * DAY;
        assert!(verify(&issued.cert, &ca, start - 300, Usage::Client).is_ok());
        refused(
            verify(&issued.cert, &ca, start - 301, Usage::Client),
            "certificate is not valid before 2026-11-01; check the clocks of both sides",
        );
        assert!(verify(&issued.cert, &ca, issued.not_after, Usage::Client).is_ok());
        refused(
            verify(&issued.cert, &ca, issued.not_after + 1, Usage::Client),
            "certificate expired on 2027-01-30; ask inpud to grant a new one",
        );
    }

    #[test]
    fn a_certificate_without_an_id_or_of_elsewhere_is_refused() {
        let ca = authority("inpud");
        assert_eq!(
            verify(ca.cert(), &ca, NOW, Usage::Client),
            Err(CertError::NoSpiffeId)
        );
        let elsewhere: ConsortiumId = "other".parse().expect("an id");
        let issued = ca.issue_node(&elsewhere, &[], NOW).expect("issues");
        refused(
            verify(&issued.cert, &ca, NOW, Usage::Client),
            "certificate is for the consortium other, not for pwud",
        );
        refused(
            verify_peer(&node_of(&ca).cert, &[], &pwud(), NOW, Usage::Client),
            "certificate claims to be inpud, which the charter does not name",
        );
    }

    #[test]
    fn an_unreadable_pinned_authority_accepts_nobody() {
        let issued = node_of(&authority("inpud"));
        let pinned = [b"junk".to_vec()];
        assert!(verify_peer(&issued.cert, &pinned, &pwud(), NOW, Usage::Client).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let cas = [bytes.clone()];
            prop_assert!(verify_peer(&bytes, &cas, &pwud(), NOW, Usage::Client).is_err());
        }

        #[test]
        fn one_changed_bit_is_refused(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
            let ca = authority("inpud");
            let mut leaf = node_of(&ca).cert;
            let at = at.index(leaf.len());
            leaf[at] ^= 1 << bit;
            prop_assert!(verify(&leaf, &ca, NOW, Usage::Client).is_err());
        }

        #[test]
        fn a_cut_certificate_is_refused(at in any::<proptest::sample::Index>()) {
            let ca = authority("inpud");
            let leaf = node_of(&ca).cert;
            prop_assert!(verify(&leaf[..at.index(leaf.len())], &ca, NOW, Usage::Client).is_err());
        }
    }
}
