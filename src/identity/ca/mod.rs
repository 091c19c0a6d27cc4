//! Each member's own small certificate authority: P-256, one level deep.
//!
//! The charter pins the authority's certificate. It carries no name constraints, because it is
//! made before the member knows which consortium and host names it will serve; nodes compare
//! SPIFFE ids and nothing else. Whoever is handed the authority as a root for a generic client
//! gets [`Authority::constrained`]: the same key and name, limited to this node's host names.
//! Addresses stay unconstrained there: gRPC's `BoringSSL` refuses every certificate with an address
//! under an authority that constrains addresses.
//!
//! - `host`: where a node is reached; `issued`: a certificate that was just made.
//! - `params`: what stands in every certificate.
//!
//! Source: RFC 5280 §4.2.1.

mod host;
mod issued;
mod params;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rcgen::{
    ExtendedKeyUsagePurpose as Eku, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

pub use host::Host;
pub use issued::Issued;
use params::{Validity, blank_params, ca_params, dns_names, ia5, uri};

use super::cert::spki_sha256;
use super::spiffe::{Role, SpiffeId};
use crate::model::{ConsortiumId, MemberId};

const DAY: u64 = 86_400;
/// How long an authority lives. Its successor enters through the charter.
const CA_DAYS: u64 = 3_652;
/// How long a node certificate lives.
pub const NODE_DAYS: u64 = 90;
/// A node certificate with less than this left is renewed.
const RENEW_DAYS: u64 = 30;
/// The longest grant.
const MAX_GRANT_DAYS: f64 = 3_652.0;
/// 9999-12-31, the last day a certificate can name (RFC 5280 §4.1.2.5.2), less the longest life.
const MAX_NOW: u64 = 253_402_214_400 - CA_DAYS * DAY;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The stored authority cannot be read.
    #[error("the certificate authority cannot be read: {0}")]
    Unreadable(String),
    /// The authority's certificate and key do not belong together.
    #[error("the certificate authority's key does not belong to its certificate")]
    KeyMismatch,
    /// The advertised host is no host name.
    #[error("{given:?} is neither a host name nor an address")]
    BadHost {
        /// The text as given.
        given: String,
    },
    /// A lifetime that is not a positive number of days.
    #[error("{days} is not a lifetime: give days between 0 and 3652, a fraction is allowed")]
    BadLifetime {
        /// The number as given.
        days: f64,
    },
    /// The clock is outside what a certificate can express.
    #[error("the clock says {now} seconds after 1970, which no certificate can express; set it")]
    BadClock {
        /// Unix seconds.
        now: u64,
    },
    /// Node certificates come from [`Authority::issue_node`].
    #[error("a grant is for a coordinator or an auditor")]
    NotAGrant,
    /// Making the key or the signature failed.
    #[error("the certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// The system's random numbers failed.
    #[error("the system gives no random numbers: {0}")]
    Entropy(getrandom::Error),
}

/// Returns whether a node certificate should be renewed now: fewer than 30 days are left.
pub fn needs_renewal(not_after: u64, now: u64) -> bool {
    not_after < now.saturating_add(RENEW_DAYS * DAY)
}

/// One member's certificate authority, key included.
#[derive(Debug)]
pub struct Authority {
    member: MemberId,
    cert: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority with a fresh key, valid for ten years.
    ///
    /// # Errors
    /// When the clock is absurd or the system cannot make a key.
    pub fn generate(member: &MemberId, now: u64) -> Result<Self, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = ca_params(member, Validity::days(now, CA_DAYS)?)?;
        let cert = params.self_signed(&key)?.der().to_vec();
        Ok(Self {
            member: member.clone(),
            cert,
            issuer: Issuer::new(params, key),
        })
    }

    /// Opens a stored authority: certificate DER and key PKCS #8 DER.
    ///
    /// # Errors
    /// When either cannot be read or they do not belong together.
    pub fn open(member: &MemberId, cert: &[u8], key: &[u8]) -> Result<Self, CaError> {
        let pkcs8 = PrivatePkcs8KeyDer::from(key);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256)?;
        let (_, parsed) = X509Certificate::from_der(cert)
            .map_err(|error| CaError::Unreadable(error.to_string()))?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(CaError::KeyMismatch);
        }
        Ok(Self {
            member: member.clone(),
            cert: cert.to_vec(),
            issuer: Issuer::from_ca_cert_der(&CertificateDer::from(cert), key)?,
        })
    }

    /// Returns the certificate the charter pins, DER.
    pub fn cert(&self) -> &[u8] {
        &self.cert
    }

    /// Returns the key, PKCS #8 DER, to be sealed.
    pub fn key(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.issuer.key().serialize_der())
    }

    /// Issues the node's certificate for both ends of a connection, valid for 90 days.
    ///
    /// It carries the SPIFFE id, and for generic clients `<member>.<consortium>`, `localhost`,
    /// 127.0.0.1 and the advertised `hosts`.
    ///
    /// # Errors
    /// When the clock is absurd or the system cannot make a key.
    pub fn issue_node(
        &self,
        consortium: &ConsortiumId,
        hosts: &[Host],
        now: u64,
    ) -> Result<Issued, CaError> {
        let id = SpiffeId::node(self.member.clone(), consortium.clone());
        let mut names = vec![uri(&id)?];
        for name in dns_names(&id, hosts) {
            names.push(SanType::DnsName(ia5(&name)?));
        }
        let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        addresses.extend(hosts.iter().filter_map(|host| match host {
            Host::Address(address) => Some(*address),
            Host::Name(_) => None,
        }));
        names.extend(addresses.into_iter().map(SanType::IpAddress));
        let validity = Validity::days(now, NODE_DAYS)?;
        self.issue(
            format!("{} node", self.member),
            names,
            vec![Eku::ServerAuth, Eku::ClientAuth],
            validity,
        )
    }

    /// Issues a client certificate to a coordinator or an auditor, valid for `days`: to the second
    /// where it is a fraction, to the end of the last day (UTC) where it is whole.
    ///
    /// # Errors
    /// When `role` is a node's, `days` is no lifetime or the clock is absurd.
    pub fn issue_grant(
        &self,
        consortium: &ConsortiumId,
        role: Role,
        days: f64,
        now: u64,
    ) -> Result<Issued, CaError> {
        let word = match &role {
            Role::Node => return Err(CaError::NotAGrant),
            Role::Coordinator(handle) => format!("coordinator {handle}"),
            Role::Auditor(handle) => format!("auditor {handle}"),
        };
        if !(days > 0.0 && days <= MAX_GRANT_DAYS) {
            return Err(CaError::BadLifetime { days });
        }
        let id = SpiffeId {
            member: self.member.clone(),
            consortium: consortium.clone(),
            role,
        };
        // A fraction of a second would make a certificate that was never valid.
        let seconds = (Duration::from_secs(DAY).mul_f64(days).as_secs()).max(1);
        let end = now.saturating_add(seconds);
        // Whole days end with the day, so that the hour of granting stays here.
        let end = if seconds.is_multiple_of(DAY) {
            end / DAY * DAY + DAY - 1
        } else {
            end
        };
        let validity = Validity::until(now, end)?;
        let usages = vec![Eku::ClientAuth];
        self.issue(
            format!("{} {word}", self.member),
            vec![uri(&id)?],
            usages,
            validity,
        )
    }

    /// Makes this authority's certificate as a generic client should trust it: limited to
    /// `localhost`, `<member>.<consortium>` and the advertised `hosts`.
    ///
    /// # Errors
    /// When the clock is absurd or signing fails.
    pub fn constrained(
        &self,
        consortium: &ConsortiumId,
        hosts: &[Host],
        now: u64,
    ) -> Result<Vec<u8>, CaError> {
        let id = SpiffeId::node(self.member.clone(), consortium.clone());
        let mut params = ca_params(&self.member, Validity::days(now, CA_DAYS)?)?;
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: dns_names(&id, hosts)
                .into_iter()
                .map(GeneralSubtree::DnsName)
                .collect(),
            excluded_subtrees: Vec::new(),
        });
        Ok(params.self_signed(self.issuer.key())?.der().to_vec())
    }

    fn issue(
        &self,
        common_name: String,
        names: Vec<SanType>,
        usages: Vec<Eku>,
        validity: Validity,
    ) -> Result<Issued, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = blank_params(common_name, validity)?;
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&key, &self.issuer)?.der().to_vec();
        let (_, parsed) = X509Certificate::from_der(&cert)
            .map_err(|error| CaError::Unreadable(error.to_string()))?;
        Ok(Issued {
            spki_sha256: spki_sha256(&parsed),
            cert,
            key: Zeroizing::new(key.serialize_der()),
            not_after: validity.not_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{PrivateKeyDer, ServerName, UnixTime};

    use super::*;
    use crate::identity::cert::{Usage, verify_peer};

    const NOW: u64 = 1_793_520_000; // 2026-11-01T08:00Z

    fn authority() -> Authority {
        let member = "inpud".parse().expect("an id");
        Authority::generate(&member, NOW).expect("a key")
    }

    fn consortium() -> ConsortiumId {
        "pwud".parse().expect("an id")
    }

    fn coordinator() -> Role {
        Role::Coordinator(super::super::Handle::from_entropy([7; 10]))
    }

    /// Judges `leaf` as a generic TLS client does.
    fn generic_client_accepts(ca: &[u8], leaf: &[u8], host: &str) -> bool {
        let (ca, leaf) = (CertificateDer::from(ca), CertificateDer::from(leaf));
        let anchors = [webpki::anchor_from_trusted_cert(&ca).expect("a CA")];
        let cert = webpki::EndEntityCert::try_from(&leaf).expect("a certificate");
        let chain = cert.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &[],
            UnixTime::since_unix_epoch(Duration::from_secs(NOW)),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        let name = ServerName::try_from(host).expect("a host");
        chain.is_ok() && cert.verify_is_valid_for_subject_name(&name).is_ok()
    }

    #[test]
    fn a_stored_authority_opens_again_and_signs_as_before() {
        let first = authority();
        let again = Authority::open(&first.member, first.cert(), &first.key()).expect("opens");
        let issued = again.issue_node(&consortium(), &[], NOW).expect("issues");
        let peer = verify_peer(
            &issued.cert,
            &[first.cert().to_vec()],
            &consortium(),
            NOW,
            Usage::Server,
        );
        assert_eq!(peer.expect("accepted").spki_sha256, issued.spki_sha256);
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let (one, other) = (authority(), authority());
        assert!(matches!(
            Authority::open(&one.member, one.cert(), &other.key()),
            Err(CaError::KeyMismatch)
        ));
        assert!(Authority::open(&one.member, b"x", &one.key()).is_err());
        assert!(Authority::open(&one.member, one.cert(), b"x").is_err());
    }

    #[test]
    fn generic_clients_accept_the_node_under_its_names_only() {
        let ca = authority();
        let hosts = ["node.inpud.example".parse(), "192.0.2.7".parse()].map(|h| h.expect("host"));
        let node = ca.issue_node(&consortium(), &hosts, NOW).expect("issues");
        let handed_out = ca.constrained(&consortium(), &hosts, NOW).expect("signs");
        for root in [ca.cert(), &handed_out] {
            for host in [
                "localhost",
                "inpud.pwud",
                "127.0.0.1",
                "node.inpud.example",
                "192.0.2.7",
            ] {
                assert!(generic_client_accepts(root, &node.cert, host), "{host}");
            }
            assert!(!generic_client_accepts(root, &node.cert, "bank.example"));
        }
    }

    #[test]
    fn the_constrained_authority_vouches_for_no_other_host() {
        let ca = authority();
        let hosts = ["bank.example".parse().expect("host")];
        let forged = ca.issue_node(&consortium(), &hosts, NOW).expect("issues");
        let handed_out = ca.constrained(&consortium(), &[], NOW).expect("signs");
        assert!(generic_client_accepts(
            ca.cert(),
            &forged.cert,
            "bank.example"
        ));
        assert!(!generic_client_accepts(
            &handed_out,
            &forged.cert,
            "bank.example"
        ));
    }

    #[test]
    fn lifetimes_are_fractional_days_and_start_at_midnight() {
        let ca = authority();
        let grant = |days| ca.issue_grant(&consortium(), coordinator(), days, NOW);
        assert_eq!(grant(0.5).expect("half a day").not_after, NOW + 43_200);
        assert_eq!(grant(1.0).expect("a day").not_after % DAY, DAY - 1);
        assert!(grant(1.0).expect("a day").not_after >= NOW + DAY);
        assert_eq!(grant(0.000_001).expect("a second").not_after, NOW + 1);
        for days in [0.0, -1.0, f64::NAN, f64::INFINITY, 4_000.0] {
            assert!(
                matches!(grant(days), Err(CaError::BadLifetime { .. })),
                "{days}"
            );
        }
        let node = ca.issue_node(&consortium(), &[], NOW).expect("issues");
        assert_eq!(node.not_after % DAY, 0);
        assert!((NOW + 89 * DAY..=NOW + 90 * DAY).contains(&node.not_after));
    }

    #[test]
    fn grants_are_not_for_nodes_and_clocks_must_be_sane() {
        let ca = authority();
        assert!(matches!(
            ca.issue_grant(&consortium(), Role::Node, 1.0, NOW),
            Err(CaError::NotAGrant)
        ));
        assert!(matches!(
            ca.issue_node(&consortium(), &[], u64::MAX),
            Err(CaError::BadClock { .. })
        ));
        assert!(ca.issue_node(&consortium(), &[], 0).is_ok());
    }

    #[test]
    fn renewal_starts_when_thirty_days_remain() {
        assert!(!needs_renewal(NOW + 30 * DAY, NOW));
        assert!(needs_renewal(NOW + 30 * DAY - 1, NOW));
        assert!(needs_renewal(0, NOW));
        assert!(needs_renewal(NOW, u64::MAX));
    }

    #[test]
    fn the_bundle_is_pem_that_any_client_reads() {
        let ca = authority();
        let issued = ca
            .issue_grant(&consortium(), coordinator(), 1.0, NOW)
            .expect("issues");
        let text = issued.pem_bundle(ca.cert());
        let certs: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).expect("PEM");
        assert_eq!(
            certs,
            [issued.cert.clone().into(), ca.cert().to_vec().into()]
        );
        assert_eq!(key.secret_der(), issued.key.as_slice());
        assert!(text.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn an_id_that_makes_no_host_name_still_gets_a_certificate() {
        let member = "inpud-".parse().expect("an id");
        let ca = Authority::generate(&member, NOW).expect("a key");
        let node = ca.issue_node(&consortium(), &[], NOW).expect("issues");
        let roots = [ca.constrained(&consortium(), &[], NOW).expect("signs")];
        assert!(verify_peer(&node.cert, &roots, &consortium(), NOW, Usage::Client).is_ok());
    }
}
