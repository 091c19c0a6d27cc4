//! Somebody who calls a node over mutual TLS, with a certificate of their own.

use std::sync::Arc;

use counterfoil::charter::{Charter, CharterNote};
use counterfoil::identity::Issued;
use counterfoil::model::{ConsortiumId, MemberId};
use counterfoil::rpc::generated::federation_client::FederationClient;
use counterfoil::rpc::generated::reports_client::ReportsClient;
use counterfoil::rpc::{OwnCert, TrustSource, connect, tls};
use counterfoil::wire::{QueryRequest, QueryResponse, SyncRequest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;

use super::Node;

/// Trusts whom a charter names.
#[derive(Debug)]
struct Named(Charter);

impl TrustSource for Named {
    fn consortium(&self) -> Option<ConsortiumId> {
        Some(self.0.consortium().clone())
    }

    fn authorities(&self, member: &MemberId) -> Vec<Vec<u8>> {
        self.0.tls_cas(member)
    }

    fn is_revoked(&self, _member: &MemberId, _spki_sha256: &[u8; 32]) -> bool {
        false
    }

    fn now(&self) -> u64 {
        u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970")
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

/// Connects to a node with a certificate somebody issued.
pub(crate) async fn dial(node: &Node, charter: &str, issued: &Issued) -> Channel {
    dial_with(node, charter, &issued.cert, &issued.key).await
}

/// Connects to a node with the file `access grant` wrote.
pub(crate) async fn dial_with_file(node: &Node, charter: &str, file: &str) -> Channel {
    let (cert, key) = read_granted(file);
    dial_with(node, charter, &cert, &key).await
}

/// Returns the certificate and the key in a file `access grant` wrote.
pub(crate) fn read_granted(file: &str) -> (Vec<u8>, Vec<u8>) {
    let pem = std::fs::read(file).expect("a file");
    let cert = CertificateDer::from_pem_slice(&pem).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&pem).expect("a key");
    (cert.to_vec(), key.secret_der().to_vec())
}

async fn dial_with(node: &Node, charter: &str, cert: &[u8], key: &[u8]) -> Channel {
    let config = client_config(node, charter, cert, key);
    let address = node.url().parse().expect("an address");
    connect::peer(&address, config).await.expect("a connection")
}

/// What it takes to connect to a node with a certificate, speaking anything over it.
pub(crate) fn client_config(
    node: &Node,
    charter: &str,
    cert: &[u8],
    key: &[u8],
) -> Arc<rustls::ClientConfig> {
    let note = std::fs::read(charter).expect("a charter");
    let note = CharterNote::parse(&note).expect("a charter");
    let trust = Arc::new(Named(note.charter().clone()));
    let own = OwnCert::empty();
    own.swap(cert, key).expect("a pair");
    let member = node.id.parse().expect("an id");
    tls::client_config(own, trust, member).expect("TLS 1.3")
}

/// Asks for a report.
pub(crate) async fn query(channel: &Channel, measure: &str) -> Result<QueryResponse, Status> {
    let query = QueryRequest {
        kind: "training".to_owned(),
        measure: measure.to_owned(),
        by: vec!["period".to_owned()],
        allow_partial: true,
        ..QueryRequest::default()
    };
    let mut client = ReportsClient::new(channel.clone());
    Ok(client.query(query).await?.into_inner())
}

/// Opens a sync as a node would, and hears the first answer.
pub(crate) async fn sync(channel: &Channel) -> Result<(), Status> {
    let mut client = FederationClient::new(channel.clone());
    let frames = tokio_stream::iter([SyncRequest::default()]);
    let mut heard = client.sync(frames).await?.into_inner();
    heard.message().await.map(drop)
}
