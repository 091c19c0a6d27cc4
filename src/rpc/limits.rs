//! How much of this node its callers may use.
//!
//! Without these, one connection that opens streams and never finishes them takes hundreds of
//! megabytes, a handshake may take for ever, and running out of file descriptors stops everybody.

use std::time::Duration;

use super::line;

/// What one peer, and all peers together, may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections of all peers. Further ones wait in the system's queue.
    pub connections: usize,
    /// Open connections under one SPIFFE id. A further one is told so and closed.
    pub connections_per_peer: usize,
    /// Calls open at once on one connection.
    pub streams: u32,
    /// Bytes of request headers.
    pub header_bytes: u32,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of an answer may take; streams go on after it.
    pub request: Option<Duration>,
    /// How long both sides of a stream may be silent.
    pub silence: Option<Duration>,
    /// How often the other end is asked whether it is alive, and how long it may take to answer.
    pub keepalive: Option<(Duration, Duration)>,
    /// After how long a connection is asked to end, so that peers re-dial and are judged anew.
    pub age: Option<Duration>,
    /// How long calls may run on after that, or after the node was told to stop.
    pub grace: Duration,
    /// How long a refused peer may stay to hear why.
    pub refused: Duration,
    /// How often everybody connected is judged again, besides whenever the trust changes.
    pub judge_every: Duration,
}

impl Default for Limits {
    /// The settings for the listener on an open network.
    fn default() -> Self {
        Self {
            connections: connections_below_nofile(),
            connections_per_peer: 16,
            streams: 64,
            header_bytes: 8_192,
            handshake: Duration::from_secs(3),
            request: Some(Duration::from_secs(10)),
            silence: Some(Duration::from_secs(120)),
            keepalive: Some(line::ACCEPTED),
            age: Some(Duration::from_secs(30 * 60)),
            grace: Duration::from_secs(10),
            refused: Duration::from_secs(5),
            judge_every: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The limits for callers of this node's own user, whose calls may take long.
    pub fn local() -> Self {
        Self {
            request: None,
            silence: None,
            keepalive: None,
            age: None,
            ..Self::default()
        }
    }
}

/// The store, the socket and the logs need file descriptors too.
fn connections_below_nofile() -> usize {
    let nofile = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let nofile = nofile.current.unwrap_or(u64::MAX);
    usize::try_from(nofile.saturating_sub(64).clamp(8, 1_024)).unwrap_or(8)
}
