//! How often each limit was met, and how many connections and calls are open: numbers for whoever
//! watches the node. They say nothing of who it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::words;

words! {
    /// A limit a caller can meet.
    pub enum Limit as "limit" {
        /// No room for another connection of any peer.
        Connections = "connections",
        /// Too many connections under one identity, or of one member.
        ConnectionsPerPeer = "connections_per_peer",
        /// Too many connections whose certificate nobody vouches for.
        Strangers = "strangers",
        /// Too many handshakes at once: the oldest was given up.
        Handshakes = "handshakes",
        /// A handshake took too long.
        HandshakeTime = "handshake_time",
        /// Too many calls of one member at once.
        CallsPerPeer = "calls_per_peer",
        /// Too many HTTP/2 frames that carry nothing.
        ControlFrames = "control_frames",
        /// A flood, or whatever else HTTP/2 forbids.
        Http2 = "http2",
        /// Too many connections of somebody who was cut off for one of these two.
        Turns = "turns",
        /// Not gRPC: method, content type or deadline.
        Protocol = "protocol",
        /// A message longer than any service reads.
        MessageBytes = "message_bytes",
        /// Too many bytes held for one member.
        HeldBytes = "held_bytes",
        /// The node is near its memory limit.
        Memory = "memory",
        /// A stream on which nothing was said.
        Silence = "silence",
        /// The head of an answer took too long.
        RequestTime = "request_time",
    }
}

/// How often each limit was met since the start, and what is open now.
#[derive(Debug, Default)]
pub struct Hits {
    met: [AtomicU64; Limit::ALL.len()],
    connections: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
    admitted: AtomicU64,
}

impl Hits {
    /// Notes that a limit was met.
    pub fn hit(&self, limit: Limit) {
        self.met[limit as usize].fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%limit, "limit met");
    }

    /// Returns how often a limit was met.
    pub fn of(&self, limit: Limit) -> u64 {
        self.met[limit as usize].load(Ordering::Relaxed)
    }

    /// Returns how many connections of peers are open.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns how many calls are open.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns how many calls were let in since the start.
    pub fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Counts a connection until the returned mark is dropped.
    pub(super) fn connection(&self) -> Mark {
        Mark::on(&self.connections)
    }

    /// Counts a call until the returned mark is dropped.
    pub(super) fn call(&self) -> Mark {
        self.admitted.fetch_add(1, Ordering::Relaxed);
        Mark::on(&self.calls)
    }
}

/// One of what is open.
#[derive(Debug)]
pub(super) struct Mark(Arc<AtomicU64>);

impl Mark {
    fn on(open: &Arc<AtomicU64>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted_until_it_is_dropped() {
        let hits = Hits::default();
        let calls = [hits.call(), hits.call()];
        assert_eq!((hits.calls(), hits.admitted()), (2, 2));
        drop(calls);
        assert_eq!((hits.calls(), hits.admitted()), (0, 2));
        hits.hit(Limit::Memory);
        assert_eq!((hits.of(Limit::Memory), hits.of(Limit::Silence)), (1, 0));
    }
}
