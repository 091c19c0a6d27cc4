//! Whether a peer behaves, from what passes on its connection in either direction.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::Sleep;

use super::caller::PeerIdentity;
use super::frames::Frames;
use super::hits::{Hits, Limit};
use super::pace::Pace;
use super::turns::{Turns, Who};

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Manners {
    who: Who,
    turns: Arc<Turns>,
    hits: Arc<Hits>,
    pace: Pace,
    /// Runs while nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
    said: Frames,
}

impl Manners {
    /// Watches from the first byte.
    pub(super) fn of(identity: &PeerIdentity, turns: Arc<Turns>, hits: Arc<Hits>) -> Self {
        Self {
            who: identity.peer().map(|peer| peer.spiffe.clone()),
            turns,
            hits,
            pace: Pace::new(now()),
            pause: None,
            said: Frames::of_server(),
        }
    }

    /// Waits until this peer may be served; returns whether it may. Whoever may not is kept as
    /// long as a turn takes: turned away at once, it would be back at once.
    pub(super) async fn turn(&self) -> bool {
        let comes = self.turns.wait(&self.who).await;
        if !comes {
            self.hits.hit(Limit::Turns);
            tokio::time::sleep(self.turns.between()).await;
        }
        comes
    }

    /// Waits until more may be read; returns how much at once.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.pace.pause(now()) {
                None => return Poll::Ready(self.pace.read_at_once()),
                Some(pause) => self.pause = Some(Box::pin(tokio::time::sleep(pause))),
            }
        }
    }

    /// Looks at bytes of the peer.
    ///
    /// # Errors
    /// `ConnectionAborted` when the connection must end.
    pub(super) fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pace.keeps(bytes, now()) {
            return Ok(());
        }
        self.blame(Limit::ControlFrames, "too many frames that carry nothing");
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Looks at bytes for the peer, among which HTTP/2 says why it ends a connection.
    pub(super) fn said(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.said.next(&mut bytes) {
            if frame.error != 0 {
                self.blame(Limit::Http2, "a flood, or what HTTP/2 forbids");
            }
        }
    }

    fn blame(&self, limit: Limit, reason: &str) {
        self.hits.hit(limit);
        self.turns.blame(&self.who);
        tracing::warn!(reason, "connection closed");
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
