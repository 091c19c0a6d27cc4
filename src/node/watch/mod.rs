//! Watching a node that runs: what it says of itself to machines, and to a person who must act.
//!
//! - [`listener`]: `/livez`, `/readyz` and `/metrics`, in plain HTTP, on an address of their own.
//! - `page`, `metrics`: the text Prometheus reads, and what stands in it.
//! - `look`: what needs a person, told apart from what passes by itself.
//! - [`notify`]: the program that is run then.
//! - [`traces`]: the spans a collector is sent.
//! - `kept`: what must be remembered over a restart.
//!
//! Invariant: nothing here says a figure of any member, or names anybody but members and codes.

mod disk;
mod kept;
pub mod listener;
mod look;
mod metrics;
pub mod notify;
mod page;
pub mod traces;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use zeroize::Zeroizing;

use self::kept::Kept;
pub use self::look::Looks;
use self::metrics::Cached;
use super::open::Node;
use crate::config::{Config, ConfigError, secret};
use crate::rpc::hits::Hits;
use crate::wire;

/// One node, watched.
#[derive(Debug)]
pub struct Watch {
    node: Arc<Node>,
    hits: Arc<Hits>,
    live: RwLock<Live>,
    kept: Mutex<Kept>,
    cached: Mutex<Cached>,
    /// When it started, Unix seconds.
    started: u64,
    /// Whether nobody has unlocked it since, though it has something to lock.
    never_unlocked: AtomicBool,
    draining: AtomicBool,
    sent: AtomicU64,
    failed: AtomicU64,
}

/// Settings that may change while it runs.
#[derive(Debug, Default)]
struct Live {
    command: Vec<String>,
    token: Option<Token>,
}

/// What whoever reads the metrics must show.
struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Watch {
    /// Begins to watch a node that has just started.
    ///
    /// # Errors
    /// When the token cannot be read.
    pub(super) fn begin(node: Arc<Node>, hits: Arc<Hits>) -> Result<Self, ConfigError> {
        let live = RwLock::new(Live::read(&node.config)?);
        let is_locked = node.office.private.is_locked() && !node.office.public.me.relay;
        Ok(Self {
            hits,
            live,
            kept: Mutex::new(Kept::read(node.dir.path())),
            cached: Mutex::default(),
            started: node.clock.now(),
            never_unlocked: AtomicBool::new(is_locked),
            draining: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            node,
        })
    }

    /// Uses the command and the token of these settings from now on.
    ///
    /// # Errors
    /// When the token cannot be read; then nothing changes.
    pub(super) fn use_settings(&self, config: &Config) -> Result<(), ConfigError> {
        let live = Live::read(config)?;
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
        Ok(())
    }

    /// Says that the node is not to be sent new work.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Returns how the node is. Reads the disk.
    fn health(&self) -> wire::HealthResponse {
        self.node.office.health(self.node.book.problems())
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn read(config: &Config) -> Result<Self, ConfigError> {
        let token = config.metrics_token_file.as_deref();
        let token = token.map(secret::metrics_token).transpose()?;
        Ok(Self {
            command: config.notify_command.clone(),
            token: token.map(Token),
        })
    }
}
