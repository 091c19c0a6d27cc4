//! The listener for peers, and the limits on what one of them can cost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tonic::service::Routes;
use tonic::transport::Server;

use super::caller::{Caller, Connected, PeerIdentity};
use super::guard::GuardLayer;
use super::limits::Limits;
use super::line;
use super::tls::TrustSource;

/// What the listener for peers serves, and to whom.
#[derive(Debug)]
pub struct Door {
    /// From [`super::tls::server_config`].
    pub tls: Arc<ServerConfig>,
    /// Judges who connects.
    pub trust: Arc<dyn TrustSource>,
    /// The services.
    pub routes: Routes,
    /// The limits.
    pub limits: Limits,
}

/// Serves peers until `shutdown`; then lets open calls end within the grace, and returns.
///
/// Nothing a peer does ends it, nor does a shortage of file descriptors.
pub async fn serve(listener: TcpListener, door: Door, shutdown: impl Future<Output = ()>) {
    let stop = watch::Sender::new(false);
    let room = Arc::new(Semaphore::new(door.limits.connections));
    let connected = Arc::new(Connected::default());
    let mut changes = Some(door.trust.changes());
    let mut judge_every = tokio::time::interval(door.limits.judge_every);
    judge_every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = changed(&mut changes) => connected.judge_again(),
            _ = judge_every.tick() => connected.judge_again(),
            Some(_) = connections.join_next() => {}
            (permit, accepted) = accept(&listener, &room) => match accepted {
                Ok(tcp) => {
                    connections.spawn(one_peer(Arrival {
                        tcp,
                        _permit: permit,
                        tls: Arc::clone(&door.tls),
                        trust: Arc::clone(&door.trust),
                        routes: door.routes.clone(),
                        limits: door.limits.clone(),
                        connected: Arc::clone(&connected),
                        stop: stop.subscribe(),
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    // Out of file descriptors, accepting again at once would only spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    // Each task ends within the grace by itself.
    while connections.join_next().await.is_some() {}
}

/// Waits for room, then for a connection to put there.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, io::Result<TcpStream>) {
    // The semaphore is never closed.
    let permit = Arc::clone(room).acquire_owned().await.ok();
    let accepted = listener.accept().await.map(|(tcp, _)| tcp);
    (permit, accepted)
}

/// Waits for a change of trust; for ever once its source is gone.
async fn changed(changes: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = changes
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *changes = None;
    std::future::pending().await
}

/// A connection just accepted, with all its task needs.
struct Arrival {
    tcp: TcpStream,
    _permit: Option<OwnedSemaphorePermit>,
    tls: Arc<ServerConfig>,
    trust: Arc<dyn TrustSource>,
    routes: Routes,
    limits: Limits,
    connected: Arc<Connected>,
    stop: watch::Receiver<bool>,
}

async fn one_peer(mut arrival: Arrival) {
    line::tune(&arrival.tcp);
    let acceptor = TlsAcceptor::from(arrival.tls);
    let handshake = tokio::time::timeout(arrival.limits.handshake, acceptor.accept(arrival.tcp));
    let shaken = tokio::select! {
        _ = arrival.stop.wait_for(|stop| *stop) => return,
        shaken = handshake => shaken,
    };
    let tls = match shaken {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake failed"),
        Err(_) => return tracing::debug!("handshake took too long"),
    };
    let Some(leaf) = leaf_of(&tls) else { return };
    let identity = PeerIdentity::judge(arrival.trust, &leaf);
    let _seat = arrival
        .connected
        .enter(&identity, arrival.limits.connections_per_peer);
    // The trust may have changed between judging and entering.
    identity.judge_again();
    if let Err(reason) = identity.check() {
        tracing::warn!(reason = reason.message(), "peer refused");
    }
    let caller = Caller::Peer(identity);
    serve_connection(tls, caller, arrival.routes, &arrival.limits, arrival.stop).await;
}

fn leaf_of(tls: &TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let (_, session) = tls.get_ref();
    Some(session.peer_certificates()?.first()?.to_vec())
}

/// Serves one connection until it closes, is too old, its peer is dismissed, or `stop` says so.
pub(super) async fn serve_connection<IO>(
    io: IO,
    caller: Caller,
    routes: Routes,
    limits: &Limits,
    stop: watch::Receiver<bool>,
) where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (cut, is_cut) = oneshot::channel();
    let (closed, is_closed) = oneshot::channel();
    let (finish, finishing) = oneshot::channel::<()>();
    let connection = Connection {
        io,
        caller: caller.clone(),
        cut: Some(is_cut),
        _closed: closed,
    };
    let incoming =
        tokio_stream::once(Ok::<_, io::Error>(connection)).chain(tokio_stream::pending());
    let served = server(limits)
        .layer(GuardLayer {
            silence: limits.silence,
        })
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, async {
            let _ = finishing.await;
        });
    let mut served = std::pin::pin!(served);
    let grace = tokio::select! {
        _ = &mut served => return,
        _ = is_closed => limits.grace,
        grace = time_to_finish(&caller, limits, stop) => grace,
    };
    // From here on no new calls; those that are open may end.
    drop(finish);
    let _ = tokio::time::timeout(grace, served).await;
    drop(cut);
}

fn server(limits: &Limits) -> Server {
    let (interval, timeout) = limits.keepalive.unzip();
    let server = Server::builder()
        .max_concurrent_streams(limits.streams)
        .concurrency_limit_per_connection(limits.streams as usize)
        .http2_max_header_list_size(limits.header_bytes)
        .http2_keepalive_interval(interval)
        .http2_keepalive_timeout(timeout);
    match limits.request {
        Some(request) => server.timeout(request),
        None => server,
    }
}

/// Waits until a connection should take no more calls; returns how long the open ones may last.
///
/// tonic's own `max_connection_age_grace` cuts without asking the peer to leave first.
async fn time_to_finish(
    caller: &Caller,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) -> Duration {
    /// For the reason to be on its way.
    const FAREWELL: Duration = Duration::from_secs(1);
    let old = async {
        match limits.age {
            Some(age) => tokio::time::sleep(age).await,
            None => std::future::pending().await,
        }
    };
    let dismissed = async {
        match caller {
            Caller::Peer(identity) => {
                identity.ended().await;
                let _ = tokio::time::timeout(limits.refused, identity.told()).await;
            }
            Caller::Local => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => limits.grace,
        () = old => limits.grace,
        () = dismissed => FAREWELL,
    }
}

/// A connection that knows its caller, can be cut, and says when it is closed.
struct Connection<IO> {
    io: IO,
    caller: Caller,
    /// Resolves when the connection must break; none once it has.
    cut: Option<oneshot::Receiver<()>>,
    /// Dropped with the connection.
    _closed: oneshot::Sender<()>,
}

impl<IO> tonic::transport::server::Connected for Connection<IO> {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl<IO> Connection<IO> {
    /// Fails once the connection is cut. A reader is always waiting, so it hears at once.
    fn check_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(cut) = &mut self.cut
            && Pin::new(cut).poll(cx).is_pending()
        {
            return Ok(());
        }
        self.cut = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_cut(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
