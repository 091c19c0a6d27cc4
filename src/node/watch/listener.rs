//! The listener for machines that watch: `/livez`, `/readyz`, `/metrics`, in plain HTTP.
//!
//! It has an address of its own, a loopback one unless a token protects it, and its own small
//! limits, so that whatever peers do it answers. A page in somebody's browser is kept from reading
//! it by the name it would have to call it: without a token only addresses and `localhost` do.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::Watch;
use crate::cli::Failure;

/// Connections at once. For a further one the oldest is closed: whoever hoards them keeps nobody
/// from learning whether the node lives.
const CONNECTIONS: usize = 16;

/// How long a request may take to arrive, and a whole exchange.
const HEADERS: Duration = Duration::from_secs(5);
const EXCHANGE: Duration = Duration::from_secs(15);

/// What Prometheus calls its text.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Listens on an address.
///
/// # Errors
/// When it is taken.
pub(in crate::node) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("metrics: cannot listen on {address}: {error}");
        Failure::new(
            "config",
            message,
            "choose another address with --metrics, or stop what uses it",
        )
    })
}

/// Answers until `stopped`; what is going on then is cut off.
pub(in crate::node) async fn serve(
    watch: Arc<Watch>,
    listener: TcpListener,
    stopped: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, _)) => {
                open.retain(|connection| !connection.is_finished());
                if open.len() >= CONNECTIONS
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                open.push_back(connections.spawn(exchange(tcp, Arc::clone(&watch))));
            }
            Err(error) => {
                tracing::warn!(%error, "metrics connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn exchange(tcp: TcpStream, watch: Arc<Watch>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let watch = Arc::clone(&watch);
        async move { Ok::<_, Infallible>(watch.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(tcp), answer);
    // Whoever is too slow, or speaks something else, is only closed.
    let _ = tokio::time::timeout(EXCHANGE, connection).await;
}

/// Who asks: how much they may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// There is no token, and the address is this machine's; or they showed it.
    Known,
    /// There is a token, and they did not show it.
    Stranger,
    /// There is no token, and they called us by a name.
    ByName,
}

impl Watch {
    async fn answer<B>(self: &Arc<Self>, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return say(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
        }
        let asker = self.asker(request);
        match (request.uri().path(), asker) {
            // Whether the process lives depends on nothing: what restarts it must not do so while
            // it recovers.
            ("/livez", _) => say(StatusCode::OK, "ok\n"),
            ("/readyz", _) => self.readyz(asker).await,
            ("/metrics", Asker::Known) => self.page().await,
            ("/metrics", Asker::ByName) => say(
                StatusCode::FORBIDDEN,
                "ask by address or localhost, or set metrics_token_file\n",
            ),
            ("/metrics", Asker::Stranger) => {
                let mut refused = say(StatusCode::UNAUTHORIZED, "show the token: Bearer TOKEN\n");
                let how = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(header::WWW_AUTHENTICATE, how);
                refused
            }
            _ => say(
                StatusCode::NOT_FOUND,
                "there are /livez, /readyz and /metrics\n",
            ),
        }
    }

    async fn page(self: &Arc<Self>) -> Response<Full<Bytes>> {
        let watch = Arc::clone(self);
        match tokio::task::spawn_blocking(move || watch.metrics()).await {
            Ok(text) => {
                let mut page = say(StatusCode::OK, text);
                let kind = HeaderValue::from_static(TEXT);
                page.headers_mut().insert(header::CONTENT_TYPE, kind);
                page
            }
            Err(_) => say(StatusCode::INTERNAL_SERVER_ERROR, "see the node's log\n"),
        }
    }

    async fn readyz(self: &Arc<Self>, asker: Asker) -> Response<Full<Bytes>> {
        let watch = Arc::clone(self);
        let Ok(health) = tokio::task::spawn_blocking(move || watch.health()).await else {
            return say(StatusCode::INTERNAL_SERVER_ERROR, "see the node's log\n");
        };
        let draining = self.is_draining();
        let ready = health.ready && !draining;
        let status = match ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        if asker != Asker::Known {
            return say(status, if ready { "ready\n" } else { "not ready\n" });
        }
        let mut codes: Vec<&str> = health.problems.iter().map(|p| p.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        let body = serde_json::json!({
            "ready": ready,
            "draining": draining,
            "locked": health.locked,
            "problems": codes,
        });
        let mut answer = say(status, format!("{body}\n"));
        let kind = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }

    fn asker<B>(&self, request: &Request<B>) -> Asker {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        match &live.token {
            None => match header(header::HOST) {
                Some(host) if !is_address(host) => Asker::ByName,
                _ => Asker::Known,
            },
            Some(token) => {
                let shown = header(header::AUTHORIZATION)
                    .and_then(|shown| shown.strip_prefix(b"Bearer "))
                    .unwrap_or_default();
                match is_same(shown, token.0.as_bytes()) {
                    true => Asker::Known,
                    false => Asker::Stranger,
                }
            }
        }
    }
}

fn say(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let sniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, sniff);
    answer
}

/// Returns whether a `Host` is an address or `localhost`: no name that somebody else can point at us.
fn is_address(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Compares without telling by the time it takes where two texts differ.
fn is_same(shown: &[u8], wanted: &[u8]) -> bool {
    let differs = shown
        .iter()
        .zip(wanted)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    shown.len() == wanted.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_ours() {
        for good in ["127.0.0.1:9464", "[::1]:9464", "localhost", "LOCALHOST:1"] {
            assert!(is_address(good.as_bytes()), "{good}");
        }
        for wrong in [
            "evil.example",
            "localhost.evil.example:9464",
            "",
            "a b",
            "[x]",
        ] {
            assert!(!is_address(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_the_same_or_not() {
        assert!(is_same(b"token", b"token"));
        for wrong in [&b"tokem"[..], b"toke", b"tokens", b""] {
            assert!(!is_same(wrong, b"token"));
        }
    }
}
