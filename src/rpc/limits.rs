//! How much of this node its callers may use.
//!
//! Without these, one connection that opens streams and never finishes them takes hundreds of
//! megabytes, a handshake may take for ever, and running out of file descriptors stops everybody.

use std::sync::Arc;
use std::time::Duration;

use super::hits::Hits;
use super::line;
use super::memory::Memory;

/// What one peer, and all peers together, may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections of all peers. Further ones are closed.
    pub connections: usize,
    /// Handshakes at once. Beyond them the oldest that has to speak is given up, of wherever most
    /// come from: whoever means it is done soon.
    pub handshakes: usize,
    /// Handshakes begun in a second, and twice as many at once. Further ones wait, and those of
    /// each address take turns. One whose first message is not whole does not count.
    pub handshakes_per_second: u32,
    /// Open connections whose certificate nobody vouches for: they are told so and closed, and
    /// beyond these many only closed.
    pub strangers: usize,
    /// Open connections under one SPIFFE id. A further one is told so and closed.
    pub connections_per_peer: usize,
    /// Open connections of one member's node, or of all others it has given a certificate.
    pub connections_per_member: usize,
    /// Calls open at once on all of those together.
    pub calls_per_peer: u64,
    /// Calls open at once on one connection.
    pub streams: u32,
    /// Bytes of request headers.
    pub header_bytes: u32,
    /// How long each half of a TLS handshake may take.
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
    /// How long whoever was cut off for a flood waits before each further connection is served.
    pub turn: Duration,
    /// How often everybody connected is judged again, besides whenever the trust changes.
    pub judge_every: Duration,
    /// Bytes a peer may send on one stream before they are read, and on one connection.
    pub windows: Option<(u32, u32)>,
    /// Where it is counted how often a limit was met.
    pub hits: Arc<Hits>,
    /// How much memory there is.
    pub memory: Arc<Memory>,
}

impl Default for Limits {
    /// The settings for the listener on an open network.
    fn default() -> Self {
        let (connections, handshakes) = below_nofile();
        Self {
            connections,
            handshakes,
            handshakes_per_second: 100,
            strangers: 16,
            connections_per_peer: 16,
            connections_per_member: 64,
            calls_per_peer: 64,
            streams: 64,
            header_bytes: 8_192,
            handshake: Duration::from_secs(3),
            request: Some(Duration::from_secs(10)),
            silence: Some(Duration::from_secs(120)),
            keepalive: Some(line::ACCEPTED),
            age: Some(Duration::from_secs(30 * 60)),
            grace: Duration::from_secs(10),
            refused: Duration::from_secs(5),
            turn: Duration::from_secs(1),
            judge_every: Duration::from_secs(10),
            windows: Some((256 << 10, 512 << 10)),
            hits: Arc::default(),
            memory: Memory::within(None),
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
            windows: None,
            ..Self::default()
        }
    }
}

/// Returns how many connections and handshakes there is room for: the store, the socket and the
/// logs need file descriptors too.
fn below_nofile() -> (usize, usize) {
    let nofile = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let nofile = nofile.current.unwrap_or(u64::MAX);
    let room = usize::try_from(nofile.saturating_sub(64).clamp(16, 1_365)).unwrap_or(16);
    (room - room / 4, (room / 4).min(256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_handshakes_leave_room_for_the_rest() {
        let (connections, handshakes) = below_nofile();
        assert!((12..=1_024).contains(&connections), "{connections}");
        assert!((4..=256).contains(&handshakes), "{handshakes}");
    }
}
