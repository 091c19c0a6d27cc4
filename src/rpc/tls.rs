//! Mutual TLS 1.3 between members: rustls on aws-lc-rs, X25519MLKEM768 preferred.
//!
//! In TLS 1.3 a client learns that its certificate was refused only as a broken connection. So
//! the listener's handshake demands a certificate and proof of its key, and nothing more; who it
//! is gets judged right after, where the refusal can still be put in words ([`judge`], called by
//! [`super::serve`]). The dialling end judges inside the handshake, before it sends anything.
//!
//! Sessions are never resumed: every connection is judged anew. No host name is sent in the
//! clear, and none is compared: nodes compare SPIFFE ids.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError,
    ServerConfig, SignatureScheme,
};
use tokio::sync::watch;

use crate::identity::cert::{claimed_id, verify_peer};
use crate::identity::{CertError, Peer, SpiffeId, Usage};
use crate::model::{ConsortiumId, MemberId};

/// Whom to trust at this moment: the charter, the revocations and the clock.
///
/// Every method is called often and answers from memory.
pub trait TrustSource: fmt::Debug + Send + Sync {
    /// Returns the consortium this node belongs to; none before a charter is applied.
    fn consortium(&self) -> Option<ConsortiumId>;

    /// Returns the authorities (DER) the charter pins for a member; none if it names no such one.
    fn authorities(&self, member: &MemberId) -> Vec<Vec<u8>>;

    /// Returns whether `member` has revoked the certificate with this `SubjectPublicKeyInfo`.
    fn is_revoked(&self, member: &MemberId, spki_sha256: &[u8; 32]) -> bool;

    /// Returns the time, Unix seconds.
    fn now(&self) -> u64;

    /// Returns a receiver that is told whenever an answer above may have changed, other than by
    /// the passing of time. Open connections are then judged again.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Judges a peer's certificate (DER).
///
/// # Errors
/// When the peer is not to be trusted; the error says why.
pub fn judge(trust: &dyn TrustSource, leaf: &[u8], usage: Usage) -> Result<Peer, CertError> {
    let claimed = claimed_id(leaf)?;
    let consortium = trust.consortium().ok_or(CertError::NoCharter)?;
    let authorities = trust.authorities(&claimed.member);
    let peer = verify_peer(leaf, &authorities, &consortium, trust.now(), usage)?;
    check_revocation(trust, &peer)?;
    Ok(peer)
}

/// Checks of an accepted peer what can change while it is connected and costs little to ask.
///
/// # Errors
/// When its certificate has since been revoked or has expired.
pub fn check_again(trust: &dyn TrustSource, peer: &Peer) -> Result<(), CertError> {
    check_revocation(trust, peer)?;
    peer.check_expiry(trust.now())
}

fn check_revocation(trust: &dyn TrustSource, peer: &Peer) -> Result<(), CertError> {
    let member = &peer.spiffe.member;
    if trust.is_revoked(member, &peer.spki_sha256) {
        return Err(CertError::Revoked {
            member: member.clone(),
        });
    }
    Ok(())
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key is unusable; the one in use stays.
    #[error("the certificate cannot be used with its key: {0}")]
    BadCertificate(rustls::Error),
    /// The cryptography has no TLS 1.3.
    #[error("TLS 1.3 is not available: {0}")]
    Unavailable(rustls::Error),
}

/// This node's own certificate, shown at both ends and exchangeable while in use.
///
/// Empty until the first [`swap`](Self::swap); until then handshakes fail.
#[derive(Default)]
pub struct OwnCert {
    current: RwLock<Option<Arc<CertifiedKey>>>,
}

impl OwnCert {
    /// Makes the place for a certificate, with none in it.
    pub fn empty() -> Arc<Self> {
        Arc::default()
    }

    /// Shows this certificate (DER) with its key (PKCS #8 DER) from the next handshake on.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together; then the old one stays in use.
    pub fn swap(&self, cert: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let chain = vec![CertificateDer::from(cert).into_owned()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key)).clone_key();
        let pair =
            CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::BadCertificate)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pair));
        Ok(())
    }

    /// Returns the certificate (DER) that is shown now.
    pub fn in_use(&self) -> Option<Vec<u8>> {
        Some(self.current()?.end_entity_cert().ok()?.to_vec())
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for OwnCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCert")
            .field("present", &self.current().is_some())
            .finish()
    }
}

impl ResolvesServerCert for OwnCert {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

impl ResolvesClientCert for OwnCert {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current()
    }

    fn has_certs(&self) -> bool {
        self.current().is_some()
    }
}

/// Makes the settings of the listening end.
///
/// # Errors
/// When the cryptography has no TLS 1.3.
pub fn server_config(own: Arc<OwnCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let verifier = Arc::new(AnyCertificate {
        provider: provider.clone(),
    });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Unavailable)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Makes the settings for dialling the node of `expected`.
///
/// # Errors
/// When the cryptography has no TLS 1.3.
pub fn client_config(
    own: Arc<OwnCert>,
    trust: Arc<dyn TrustSource>,
    expected: MemberId,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = Arc::new(NodeOf {
        expected,
        trust,
        provider: provider.clone(),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Unavailable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(own);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    // Whoever watches the line need not learn which network is called.
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Returns what a failed handshake says about the other end's certificate, if it does.
pub(super) fn certificate_error(error: &std::io::Error) -> Option<CertError> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            cause.downcast_ref::<CertError>().cloned()
        }
        _ => None,
    }
}

/// The feature `prefer-post-quantum` puts X25519MLKEM768 first.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What both verifiers say of signatures: those of TLS 1.3, by the provider's algorithms.
macro_rules! tls13_alone {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(tls12_is_off())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, cert, dss, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

/// Accepts whoever proves to hold the key of the certificate shown; see the top of this file.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    tls13_alone!();
}

/// Accepts the node of one member and nobody else.
#[derive(Debug)]
struct NodeOf {
    expected: MemberId,
    trust: Arc<dyn TrustSource>,
    provider: Arc<CryptoProvider>,
}

impl NodeOf {
    fn check(&self, leaf: &[u8]) -> Result<(), CertError> {
        let peer = judge(self.trust.as_ref(), leaf, Usage::Server)?;
        let consortium = peer.spiffe.consortium.clone();
        let expected = SpiffeId::node(self.expected.clone(), consortium);
        if peer.spiffe == expected {
            Ok(())
        } else {
            Err(CertError::OtherPeer {
                expected: expected.to_string(),
                found: peer.spiffe.to_string(),
            })
        }
    }
}

impl ServerCertVerifier for NodeOf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.check(end_entity) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateError::Other(OtherError(Arc::new(error))).into()),
        }
    }

    tls13_alone!();
}

fn tls12_is_off() -> rustls::Error {
    rustls::Error::General("TLS 1.2 is not spoken".to_owned())
}
