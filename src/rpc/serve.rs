//! The listener for peers, and the limits on what one of them can cost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tonic::service::Routes;
use tonic::transport::Server;

use super::caller::{Caller, Connected, PeerIdentity};
use super::guard::GuardLayer;
use super::handshakes::{Handshake, Handshakes, Starts};
use super::hits::Limit;
use super::limits::Limits;
use super::line;
use super::manners::Manners;
use super::tls::TrustSource;
use super::turns::Turns;

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
    let turns = Arc::new(Turns::new(door.limits.turn));
    let mut changes = Some(door.trust.changes());
    let mut judge_every = tokio::time::interval(door.limits.judge_every);
    judge_every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut connections = JoinSet::new();
    let mut handshakes = Handshakes::default();
    let starts = Arc::new(Starts::new(&door.limits));
    let mut refill = starts.refill();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = changed(&mut changes) => connected.judge_again(),
            _ = judge_every.tick() => connected.judge_again(),
            () = starts.due(&mut refill) => starts.allow_one(),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, from)) => {
                    let serve = |handshake| connections.spawn(one_peer(Arrival {
                        tcp,
                        handshake,
                        room: Arc::clone(&room),
                        tls: Arc::clone(&door.tls),
                        trust: Arc::clone(&door.trust),
                        routes: door.routes.clone(),
                        limits: door.limits.clone(),
                        connected: Arc::clone(&connected),
                        turns: Arc::clone(&turns),
                        stop: stop.subscribe(),
                    }));
                    handshakes.begin(from.ip(), &starts, &door.limits, serve);
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
    handshake: Handshake,
    room: Arc<Semaphore>,
    tls: Arc<ServerConfig>,
    trust: Arc<dyn TrustSource>,
    routes: Routes,
    limits: Limits,
    connected: Arc<Connected>,
    turns: Arc<Turns>,
    stop: watch::Receiver<bool>,
}

async fn one_peer(mut arrival: Arrival) {
    line::tune(&arrival.tcp);
    let limits = arrival.limits;
    let shaken = tokio::select! {
        _ = arrival.stop.wait_for(|stop| *stop) => return,
        shaken = arrival.handshake.shake(arrival.tcp, arrival.tls, &limits) => shaken,
    };
    let tls = match shaken {
        Ok(tls) => tls,
        Err(error) => return tracing::debug!(%error, "handshake failed"),
    };
    let Some(_place) = place(&arrival.room, &limits) else {
        return;
    };
    let Some(leaf) = leaf_of(&tls) else { return };
    let identity = PeerIdentity::judge(arrival.trust, &leaf);
    let manners = Manners::of(&identity, arrival.turns, Arc::clone(&limits.hits));
    let may_speak = tokio::select! {
        _ = arrival.stop.wait_for(|stop| *stop) => return,
        may_speak = manners.turn() => may_speak,
    };
    if !may_speak {
        return;
    }
    // Only now: whoever waits keeps nobody else of its member out.
    let Some(_seat) = arrival.connected.enter(&identity, &limits) else {
        return;
    };
    let _open = limits.hits.connection();
    // The trust may have changed between judging and entering.
    identity.judge_again();
    if let Err(reason) = identity.check() {
        tracing::warn!(reason = reason.message(), "peer refused");
    }
    let caller = Caller::Peer(identity);
    let (routes, stop) = (arrival.routes, arrival.stop);
    let served = serve_connection(tls, caller, Some(manners), routes, &limits, stop);
    // Boxed, so that one who only waits costs none of its room.
    Box::pin(served).await;
}

/// Takes a place among all connections, if one is left.
fn place(room: &Arc<Semaphore>, limits: &Limits) -> Option<OwnedSemaphorePermit> {
    let place = Arc::clone(room).try_acquire_owned().ok();
    if place.is_none() {
        limits.hits.hit(Limit::Connections);
    }
    place
}

fn leaf_of(tls: &TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let (_, session) = tls.get_ref();
    Some(session.peer_certificates()?.first()?.to_vec())
}

/// Serves one connection until it closes, is too old, its peer is dismissed or has no `manners`,
/// or `stop` says so. Our own user may send what they like.
pub(super) async fn serve_connection<IO>(
    io: IO,
    caller: Caller,
    manners: Option<Manners>,
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
        manners,
    };
    let incoming =
        tokio_stream::once(Ok::<_, io::Error>(connection)).chain(tokio_stream::pending());
    let served = server(limits)
        .layer(GuardLayer {
            limits: Arc::new(limits.clone()),
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

/// Streams one connection may have this node reset for its mistakes: without a limit each is kept
/// in memory until it is written, and tonic sets none.
const MOST_MISTAKES: usize = 256;

/// Calls one connection may cancel before they were begun. RFC 9113, section 10.5.
const MOST_CANCELLED: usize = 256;

fn server(limits: &Limits) -> Server {
    let (interval, timeout) = limits.keepalive.unzip();
    let (stream, connection) = limits.windows.unzip();
    let server = Server::builder()
        .max_concurrent_streams(limits.streams)
        .concurrency_limit_per_connection(limits.streams as usize)
        .http2_max_header_list_size(limits.header_bytes)
        .http2_max_local_error_reset_streams(Some(MOST_MISTAKES))
        .http2_max_pending_accept_reset_streams(Some(MOST_CANCELLED))
        .initial_stream_window_size(stream)
        .initial_connection_window_size(connection)
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
    manners: Option<Manners>,
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

    /// Shows the first `written` bytes of these to whoever watches.
    fn said<'buf>(&mut self, bufs: impl IntoIterator<Item = &'buf [u8]>, mut written: usize) {
        let Some(manners) = &mut self.manners else {
            return;
        };
        for buf in bufs {
            let part = &buf[..written.min(buf.len())];
            manners.said(part);
            written -= part.len();
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_cut(cx)?;
        let Self { io, manners, .. } = &mut *self;
        let Some(manners) = manners else {
            return Pin::new(io).poll_read(cx, buf);
        };
        let most = ready!(manners.poll_more(cx));
        let before = buf.filled().len();
        if most < buf.remaining() {
            let mut few = vec![0; most];
            let mut read = ReadBuf::new(&mut few);
            ready!(Pin::new(io).poll_read(cx, &mut read))?;
            buf.put_slice(read.filled());
        } else {
            ready!(Pin::new(io).poll_read(cx, buf))?;
        }
        manners.heard(&buf.filled()[before..])?;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.said([buf], written);
        Poll::Ready(Ok(written))
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
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.said(bufs.iter().map(|buf| &**buf), written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
