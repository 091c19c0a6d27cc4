//! Channels to a node: to a peer over mutual TLS, to our own over its socket, and into this very
//! process when none is running. Callers hold the same [`Channel`] in each case.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};

use super::caller::Caller;
use super::limits::Limits;
use super::line;
use super::local::{self, LocalError};
use super::serve::serve_connection;
use super::tls::certificate_error;
use crate::identity::CertError;

/// How long connecting to a peer may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the head of a peer's answer may take: longer than its own limit, so that its word
/// arrives first.
const REQUEST: Duration = Duration::from_secs(15);
/// Bytes of headers accepted in an answer.
const HEADER_BYTES: u32 = 8_192;
/// Bytes on their way inside this process.
const PIPE: usize = 64 * 1024;

/// Why no channel came about.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is no address of a node.
    #[error("{given:?} is not a node's address; write https://host:port")]
    BadAddress {
        /// The text as given.
        given: String,
    },
    /// Nobody listens there, or the way is blocked.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable {
        /// Whom we called.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Whoever answered is not to be trusted.
    #[error("the node at {address} shows a wrong certificate: {cause}")]
    Certificate {
        /// Whom we called.
        address: String,
        /// What is wrong with it.
        cause: CertError,
    },
    /// It listens but does not speak our TLS, or refused ours.
    #[error("the node at {address} broke off the handshake: {reason}")]
    Handshake {
        /// Whom we called.
        address: String,
        /// What rustls said.
        reason: String,
    },
    /// No node of this directory is running.
    #[error("no node is running on this directory; start one with serve")]
    NotRunning,
    /// The socket cannot be used.
    #[error(transparent)]
    Local(#[from] Arc<LocalError>),
}

/// A node's address, `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    host: String,
    port: u16,
}

impl PeerAddress {
    /// Returns the host, an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for PeerAddress {
    type Err = ConnectError;

    fn from_str(given: &str) -> Result<Self, ConnectError> {
        parse_address(given).ok_or_else(|| ConnectError::BadAddress {
            given: given.chars().take(200).collect(),
        })
    }
}

fn parse_address(given: &str) -> Option<PeerAddress> {
    let uri: Uri = given.parse().ok()?;
    let authority = uri.authority()?;
    let plain = uri.scheme_str() == Some("https")
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !authority.as_str().contains('@');
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let port = authority.port_u16().filter(|port| *port != 0)?;
    (plain && !host.is_empty()).then(|| PeerAddress {
        host: host.to_owned(),
        port,
    })
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "https://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "https://{}:{}", self.host, self.port)
        }
    }
}

/// Connects to a peer; `tls` says whom to expect ([`super::tls::client_config`]).
///
/// The channel re-dials by itself when the connection breaks; [`explain`] then says why a call
/// failed.
///
/// # Errors
/// When the peer cannot be reached or its certificate is wrong.
pub async fn peer(address: &PeerAddress, tls: Arc<ClientConfig>) -> Result<Channel, ConnectError> {
    let endpoint = endpoint(&address.to_string())?
        .connect_timeout(CONNECT)
        .timeout(REQUEST)
        .http2_keep_alive_interval(line::DIALLED.0)
        .keep_alive_timeout(line::DIALLED.1)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADER_BYTES);
    let to = address.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let (address, tls) = (to.clone(), Arc::clone(&tls));
        async move { Ok::<_, ConnectError>(TokioIo::new(dial(&address, tls).await?)) }
    });
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| connect_error(&error, address))
}

async fn dial(
    address: &PeerAddress,
    tls: Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let unreachable = |error: std::io::Error| ConnectError::Unreachable {
        address: address.to_string(),
        reason: error.to_string(),
    };
    let tcp = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(unreachable)?;
    line::tune(&tcp);
    // Only the SPIFFE id is compared, and no name is sent; rustls wants one all the same.
    let name = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
    let connected = TlsConnector::from(tls).connect(name, tcp).await;
    connected.map_err(|error| match certificate_error(&error) {
        Some(cause) => ConnectError::Certificate {
            address: address.to_string(),
            cause,
        },
        None => ConnectError::Handshake {
            address: address.to_string(),
            reason: error.to_string(),
        },
    })
}

fn connect_error(error: &tonic::transport::Error, address: &PeerAddress) -> ConnectError {
    find(error)
        .cloned()
        .unwrap_or_else(|| ConnectError::Unreachable {
            address: address.to_string(),
            reason: innermost(error),
        })
}

/// Returns, for a call that failed on its way, what was wrong with the connection.
pub fn explain(status: &Status) -> Option<String> {
    status.source()?;
    Some(find(status).map_or_else(|| innermost(status), ToString::to_string))
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ConnectError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Connects to the running node of this user, at the first of `paths` that answers
/// ([`local::socket_paths`]); `owner` is whose the node's directory is ([`local::owner`]).
///
/// # Errors
/// [`ConnectError::NotRunning`] when nobody answers; or when another user's process does.
pub async fn socket(paths: Vec<PathBuf>, owner: u32) -> Result<Channel, ConnectError> {
    let connector = tower::service_fn(move |_: Uri| {
        let paths = paths.clone();
        async move {
            match local::connect(&paths, owner).await {
                Ok(Some(stream)) => Ok(TokioIo::new(stream)),
                Ok(None) => Err(ConnectError::NotRunning),
                Err(error) => Err(ConnectError::Local(Arc::new(error))),
            }
        }
    });
    local_endpoint()?
        .connect_with_connector(connector)
        .await
        .map_err(|error| find(&error).cloned().unwrap_or(ConnectError::NotRunning))
}

/// Opens a channel to services in this very process. They run as long as the channel is held.
///
/// # Errors
/// Never in practice: nothing outside the process takes part.
pub fn in_process(routes: Routes) -> Result<Channel, ConnectError> {
    let stop = watch::Sender::new(false);
    let connector = tower::service_fn(move |_: Uri| {
        let (here, there) = tokio::io::duplex(PIPE);
        let (routes, stop) = (routes.clone(), stop.subscribe());
        tokio::spawn(async move {
            serve_connection(there, Caller::Local, None, routes, &Limits::local(), stop).await;
        });
        std::future::ready(Ok::<_, ConnectError>(TokioIo::new(here)))
    });
    Ok(local_endpoint()?.connect_with_connector_lazy(connector))
}

fn local_endpoint() -> Result<Endpoint, ConnectError> {
    endpoint("http://counterfoil.local")
}

fn endpoint(uri: &str) -> Result<Endpoint, ConnectError> {
    Endpoint::from_shared(uri.to_owned()).map_err(|_| ConnectError::BadAddress {
        given: uri.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, parts: Option<(&str, u16)>) {
        let address = text.parse::<PeerAddress>().ok();
        let found = address.as_ref().map(|a| (a.host(), a.port()));
        assert_eq!(found, parts, "{text}");
    }

    #[test]
    fn an_address_is_https_host_and_port() {
        check("https://node.example:7443", Some(("node.example", 7443)));
        check("https://192.0.2.7:1/", Some(("192.0.2.7", 1)));
        check("https://[::1]:7443", Some(("::1", 7443)));
        for bad in [
            "",
            "node.example:7443",
            "http://node.example:7443",
            "https://node.example",
            "https://node.example:0",
            "https://node.example:70000",
            "https://:7443",
            "https://a@node.example:7443",
            "https://node.example:7443/path",
            "https://node.example:7443?q",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "(https://)?[a-z0-9.:/@\\[\\]-]{0,40}") {
            if let Ok(address) = text.parse::<PeerAddress>() {
                let again: PeerAddress = address.to_string().parse().expect("own text");
                prop_assert_eq!(again, address);
            }
        }
    }
}
