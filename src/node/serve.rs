//! A node that listens, syncs, and stops in order.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::open::Node;
use super::reload::Reloading;
use super::watch::{Watch, listener, traces::Sending};
use super::{failure, notify, schedule};
use crate::cli::Failure;
use crate::cli::host::{Ready, RunNode};
use crate::cli::trace;
use crate::clock::Clock;
use crate::config::{Config, Sources};
use crate::rpc::local::LocalSocket;
use crate::rpc::serve::Door;
use crate::rpc::services::local_routes;
use crate::rpc::{Client, Limits, TrustSource, local, serve, tls};
use crate::store::{Entropy, NodeDir, StoreError, os_entropy, wipe};
use crate::wire;

/// How often the node looks whether its certificate must be renewed: a clock that is set may have
/// made it one of the past or of the future.
const RENEWAL: Duration = Duration::from_secs(10 * 60);

/// A node that runs in this process.
#[derive(Debug)]
pub struct Running {
    /// Where peers and coordinators connect.
    pub grpc: SocketAddr,
    /// The socket for commands.
    pub socket: PathBuf,
    /// Where metrics are read; `None` where off.
    pub metrics: Option<SocketAddr>,
    /// What watches it.
    pub watch: Arc<Watch>,
    node: Arc<Node>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Ended after everything else.
    watchers: Option<JoinHandle<()>>,
    /// Ended after every call has, so that the last are told too.
    traces: Option<Sending>,
}

/// Runs a node until the process is told to stop. `ready` is told once it serves.
///
/// # Errors
/// When it cannot be opened, or an address or the socket is taken.
pub async fn run(
    run: RunNode,
    clock: Clock,
    entropy: Entropy,
    ready: impl FnOnce(Ready) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    trace::watch_panics();
    if run.config.web.is_some() {
        tracing::warn!(setting = "web", "nothing is served there by this version");
    }
    if !run.sources.strangers.is_empty() {
        let variables = run.sources.strangers.join(" ");
        tracing::warn!(variables, "these are no settings, and are not used");
    }
    let listeners = match Listeners::bind(&run.config).await {
        Ok(listeners) => listeners,
        Err(taken) => {
            // Most often by the node that runs on this very directory.
            NodeDir::open(&run.dir).map_err(failure)?;
            return Err(taken);
        }
    };
    let node = Node::open(&run.dir, run.config, run.passphrase, clock, entropy).await?;
    let mut running = Running::start_on(listeners, node).await?;
    running.reload_from(run.sources);
    let mut told = ready(Ready {
        pid: std::process::id(),
        grpc: running.grpc.to_string(),
        web: None,
        metrics: running.metrics.map(|address| address.to_string()),
        socket: running.socket.display().to_string(),
    });
    if told.is_ok() {
        tracing::info!(grpc = %running.grpc, "node serves");
        notify::tell(notify::State::Ready);
        let office = Arc::clone(&running.node.office);
        loop {
            tokio::select! {
                told = signals.told() => match told {
                    Signal::Stop => break,
                    Signal::Reload => running.reload().await,
                },
                () = office.wiped.notified() => break,
                () = running.has_failed() => {
                    tracing::error!("a part of the node failed");
                    let message = "a part of the node failed, so the rest was stopped too";
                    told = Err(Failure::new("internal", message, "see its log; start it again"));
                    break;
                }
            }
        }
        tracing::info!("node stops");
    }
    notify::tell(notify::State::Stopping);
    tokio::select! {
        () = running.stop() => {}
        () = signals.told_to_stop() => tracing::warn!("stopped at once"),
    }
    // Only once nothing is open any more; the keys are gone since it was asked for.
    if let Some(all) = wipe::decided(&run.dir).map_err(failure)? {
        match wipe::wipe(&run.dir, all, os_entropy) {
            // Whoever asked for it waited for the directory, and is at it or was faster.
            Ok(_) | Err(StoreError::InUse { .. } | StoreError::NoNode { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    told
}

impl Running {
    /// Starts serving a node.
    ///
    /// # Errors
    /// When an address or the socket is taken.
    pub async fn start(node: Node) -> Result<Self, Failure> {
        Self::start_on(Listeners::bind(&node.config).await?, node).await
    }

    async fn start_on(listeners: Listeners, node: Node) -> Result<Self, Failure> {
        let node = Arc::new(node);
        let Listeners { peers, watchers } = listeners;
        let grpc = peers
            .local_addr()
            .map_err(|error| Failure::new("config", error.to_string(), ""))?;
        let metrics = watchers
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());
        let socket = LocalSocket::bind(node.dir.path()).await.map_err(|error| {
            let hint = "stop the node that runs on this directory, or set XDG_RUNTIME_DIR";
            Failure::new("in_use", error.to_string(), hint)
        })?;
        let socket_path = socket.path().to_owned();
        let stop = watch::Sender::new(false);
        let stopped = || {
            let mut stop = stop.subscribe();
            async move {
                // The sender lives as long as the node runs; without it, it is time to stop.
                let _ = stop.wait_for(|stop| *stop).await;
            }
        };
        let public = Arc::clone(&node.office.public);
        let own_cert = Arc::clone(&public.own_cert);
        let door = Door {
            tls: tls::server_config(own_cert)
                .map_err(|error| Failure::new("internal", error.to_string(), ""))?,
            trust: public as Arc<dyn TrustSource>,
            routes: node.peer_routes(),
            limits: limits(&node),
        };
        let watch = Watch::begin(Arc::clone(&node), Arc::clone(&door.limits.hits));
        let watch = Arc::new(watch?);
        let local = local_routes(&node.office, &node.book);
        let local_limits = Limits {
            grace: node.config.drain,
            hits: Arc::clone(&door.limits.hits),
            ..Limits::local()
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::serve(peers, door, stopped()));
        tasks.spawn(local::serve(socket, local, local_limits, stopped()));
        tasks.spawn(sync_until(Arc::clone(&node), stopped()));
        tasks.spawn(take_in_until(Arc::clone(&node), stopped()));
        tasks.spawn(renew_until(Arc::clone(&node), stopped()));
        tasks.spawn(let_out_until(Arc::clone(&node), stopped()));
        tasks.spawn(schedule::back_up_until(Arc::clone(&node), stopped()));
        tasks.spawn(schedule::scrub_until(Arc::clone(&node), stopped()));
        tasks.spawn(watch_until(Arc::clone(&watch), stopped()));
        let traces = node.config.traces.zip(trace::spans::take());
        let me = &node.office.public.me.id;
        let traces = traces.map(|(collector, ended)| Sending::begin(collector, me.clone(), ended));
        let watchers = watchers.map(|listener| {
            let watch = Arc::clone(&watch);
            // Not before everything else has: whoever watches is to see that it drains.
            tokio::spawn(listener::serve(watch, listener, std::future::pending()))
        });
        Ok(Self {
            grpc,
            socket: socket_path,
            metrics,
            watch,
            watchers,
            traces,
            node,
            stop,
            tasks,
        })
    }

    /// Returns a client of the node's local services, in this process.
    ///
    /// # Errors
    /// As [`Node::client`].
    pub fn client(&self) -> Result<Client, Failure> {
        self.node.client()
    }

    /// Has settings and certificate read again from these places when somebody asks for it.
    pub fn reload_from(&self, sources: Sources) {
        let reloading = Reloading::new(sources, &self.watch, &self.node.config);
        // The node holds what is set here, so this must not hold the node.
        let office = Arc::downgrade(&self.node.office);
        let reload = move || {
            let Some(office) = office.upgrade() else {
                return wire::ReloadResponse::default();
            };
            notify::tell(notify::State::Reloading);
            let said = reloading.reload(&office);
            notify::tell(notify::State::Ready);
            said
        };
        // Said twice, the first place stays.
        let _ = self.node.office.reload.set(Box::new(reload));
    }

    /// Waits until a part of the node ends that nobody told to: half a node would look like one.
    async fn has_failed(&mut self) {
        let _ended = self.tasks.join_next().await;
    }

    /// Reads settings and certificate again.
    async fn reload(&self) {
        let office = Arc::clone(&self.node.office);
        let reload = move || office.reload.get().map(|reload| reload());
        // What came of it was logged.
        let _said = tokio::task::spawn_blocking(reload).await;
    }

    /// Lets open calls end within the grace, then closes the node.
    pub async fn stop(mut self) {
        self.watch.drain();
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        if let Some(watchers) = self.watchers.take() {
            watchers.abort();
            // It holds the node, whose files may be about to be removed.
            let _aborted = watchers.await;
        }
        if let Some(traces) = self.traces.take() {
            traces.end().await;
        }
        self.node.office.private.lock();
    }
}

/// The addresses of a node, taken before anything is opened.
struct Listeners {
    peers: TcpListener,
    /// Where metrics are read; `None` where off.
    watchers: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, Failure> {
        let peers = listen(config.listen).map_err(|error| {
            let message = format!("cannot listen on {}: {error}", config.listen);
            Failure::new(
                "config",
                message,
                "choose another address with --listen, or stop what uses it",
            )
        })?;
        let watchers = match config.metrics {
            Some(address) => Some(listener::bind(address).await?),
            None => None,
        };
        Ok(Self { peers, watchers })
    }
}

/// Listens with room for a burst of connections that are not accepted yet: whoever finds none tries
/// again only after a second. RFC 6298, section 2.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    /// The system may have less room (`net.core.somaxconn`).
    const NOT_ACCEPTED_YET: u32 = 4_096;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(NOT_ACCEPTED_YET)
}

fn limits(node: &Node) -> Limits {
    let config = &node.config;
    let most = Limits::default();
    // A connection costs some tens of kilobytes before it has said anything.
    let memory = &node.office.memory;
    let affordable = memory
        .limit()
        .map(|limit| usize::try_from(limit >> 18).unwrap_or(usize::MAX));
    let most = Limits {
        connections: most.connections.min(affordable.unwrap_or(usize::MAX)),
        memory: Arc::clone(memory),
        ..most
    };
    let count = |asked: NonZeroU32| usize::try_from(asked.get()).unwrap_or(usize::MAX);
    Limits {
        connections: config
            .max_connections
            .map_or(most.connections, |asked| count(asked).min(most.connections)),
        connections_per_peer: count(config.max_connections_per_peer),
        connections_per_member: count(config.max_connections_per_peer).saturating_mul(4),
        grace: config.drain,
        ..most
    }
}

/// Keeps level with every peer.
async fn sync_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    tokio::select! {
        () = stopped => {}
        () = Arc::clone(&node.peers).run() => {}
    }
}

/// Takes in what arrives as it arrives: a revoked certificate is refused once its leaf is here,
/// whether or not anybody asks for a report.
async fn take_in_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    let mut news = node.peers.node().news();
    loop {
        tokio::select! {
            () = &mut stopped => return,
            // Having missed some is news too; the sender lives as long as the node.
            _ = news.recv() => {}
        }
        let public = Arc::clone(&node.office.public);
        let taken = tokio::task::spawn_blocking(move || public.catch_up()).await;
        if let Ok(Err(error)) = taken {
            tracing::warn!(%error, "what arrived cannot be taken in");
        }
    }
}

/// Renews the node's certificate while the node is unlocked.
async fn renew_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    let mut due = tokio::time::interval(RENEWAL);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = due.tick() => {}
        }
        let office = Arc::clone(&node.office);
        let renewed = tokio::task::spawn_blocking(move || office.renew_if_open()).await;
        if let Ok(Err(reason)) = renewed {
            tracing::warn!(%reason, "node certificate not renewed");
        }
    }
}

/// Looks whether something needs a person.
async fn watch_until(watch: Arc<Watch>, stopped: impl Future<Output = ()>) {
    tokio::select! {
        () = stopped => {}
        () = watch.keep_looking() => {}
    }
}

/// Lets out what was held once its time has come, while the node is unlocked.
async fn let_out_until(node: Arc<Node>, stopped: impl Future<Output = ()>) {
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let nap = tokio::select! {
            () = &mut stopped => return,
            nap = node.let_out_held() => nap,
        };
        let rested = async {
            match nap {
                Some(nap) => tokio::time::sleep(nap).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stopped => return,
            () = node.office.holds_changed.notified() => {}
            () = rested => {}
        }
    }
}

/// What a process is told.
enum Signal {
    Stop,
    Reload,
}

/// The signals that tell a process to stop, or to read its settings again.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    reload: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: std::io::Error| Failure::new("internal", error.to_string(), "");
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            reload: signal(SignalKind::hangup()).map_err(failed)?,
        })
    }

    async fn told(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.reload.recv() => Signal::Reload,
        }
    }

    async fn told_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
