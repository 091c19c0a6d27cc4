//! What one member's callers use of this node at once: calls, and bytes held for them.
//!
//! A member can make as many certificates as it likes, so that shares are by member; its node has
//! one of its own, so that its coordinators never keep it from syncing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tonic::codegen::Bytes;

use super::MESSAGE_LIMIT;
use super::hits::{Hits, Limit, Mark};
use super::memory::Memory;

/// Most bytes held for one member, where memory is plenty.
const MOST_HELD: u64 = 16 << 20;

/// One member's share.
#[derive(Debug)]
pub(super) struct Share {
    calls: AtomicU64,
    held: AtomicU64,
    hits: Arc<Hits>,
    memory: Arc<Memory>,
}

impl Share {
    pub(super) fn new(hits: Arc<Hits>, memory: Arc<Memory>) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicU64::new(0),
            held: AtomicU64::new(0),
            hits,
            memory,
        })
    }

    /// Begins a call, unless `most` are open already, too much is held, or memory is short.
    ///
    /// # Errors
    /// The limit that was met, which is counted.
    pub(super) fn begin(self: &Arc<Self>, most: u64) -> Result<Turn, Limit> {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut turn = Turn {
            share: Arc::clone(self),
            open: None,
        };
        let met = if before >= most {
            Some(Limit::CallsPerPeer)
        } else if self.held.load(Ordering::Relaxed) > self.most_held() {
            Some(Limit::HeldBytes)
        } else if self.memory.is_short() || self.memory.held() > self.memory.most_held() {
            Some(Limit::Memory)
        } else {
            None
        };
        match met {
            None => {
                turn.open = Some(self.hits.call());
                Ok(turn)
            }
            Some(limit) => {
                self.hits.hit(limit);
                Err(limit)
            }
        }
    }

    /// Returns how much may be held before new calls are refused: two whole messages at least.
    fn most_held(&self) -> u64 {
        (self.memory.most_held() / 2)
            .min(MOST_HELD)
            .max(2 * MESSAGE_LIMIT as u64)
    }
}

/// One open call's place in its member's share.
#[derive(Debug)]
pub(super) struct Turn {
    share: Arc<Share>,
    open: Option<Mark>,
}

impl Turn {
    /// Holds nothing yet; see [`Held::set`].
    pub(super) fn hold(&self) -> Held {
        Held {
            share: Arc::clone(&self.share),
            bytes: 0,
        }
    }

    /// Counts a piece of an answer until it has gone out.
    ///
    /// # Errors
    /// The limit that was met, which is counted.
    pub(super) fn count(&self, piece: Bytes) -> Result<Bytes, Limit> {
        let mut held = self.hold();
        held.set(piece.len() as u64)?;
        Ok(Bytes::from_owner(Counted { piece, _held: held }))
    }

    /// Notes that a limit was met.
    pub(super) fn hit(&self, limit: Limit) {
        self.share.hits.hit(limit);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.share.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes held for a member, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    share: Arc<Share>,
    bytes: u64,
}

impl Held {
    /// Holds this many bytes from now on.
    ///
    /// Calls that are open may go to twice what keeps new ones out: they began while there was room.
    ///
    /// # Errors
    /// The limit that was met, which is counted; then nothing more is held.
    pub(super) fn set(&mut self, bytes: u64) -> Result<(), Limit> {
        if bytes <= self.bytes {
            self.give_back(self.bytes - bytes);
            return Ok(());
        }
        let more = bytes - self.bytes;
        let held = self.share.held.fetch_add(more, Ordering::Relaxed) + more;
        self.share.memory.take(more);
        self.bytes = bytes;
        let met = if held > 2 * self.share.most_held() {
            Some(Limit::HeldBytes)
        } else if self.share.memory.held() > 2 * self.share.memory.most_held() {
            Some(Limit::Memory)
        } else {
            None
        };
        match met {
            None => Ok(()),
            Some(limit) => {
                self.give_back(more);
                self.share.hits.hit(limit);
                Err(limit)
            }
        }
    }

    fn give_back(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.share.held.fetch_sub(bytes, Ordering::Relaxed);
        self.share.memory.give_back(bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// A piece of an answer that is counted for as long as it is in memory.
struct Counted {
    piece: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

/// The messages of one call as they come in: how much an unfinished one takes up.
///
/// Source: gRPC over HTTP/2, "Length-Prefixed-Message".
#[derive(Debug, Default)]
pub(super) struct Messages {
    prefix: [u8; 5],
    have: usize,
    /// How long the one that comes in says it is, and how much of it is not here.
    length: u64,
    left: u64,
    /// The longest any message said it was.
    longest: u64,
}

impl Messages {
    /// Takes in bytes; returns how many an unfinished message takes up now: all it says it is, since
    /// room is made for it as soon as that is known. For one that is too long none is made.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> u64 {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len() as u64);
                self.left -= taken;
                bytes = bytes.get(taken as usize..).unwrap_or_default();
                continue;
            }
            let taken = (self.prefix.len() - self.have).min(bytes.len());
            self.prefix[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == self.prefix.len() {
                let [_, a, b, c, d] = self.prefix;
                self.length = u32::from_be_bytes([a, b, c, d]).into();
                self.left = self.length;
                self.longest = self.longest.max(self.length);
                self.have = 0;
            }
        }
        match self.left {
            0 => 0,
            _ if self.length > MESSAGE_LIMIT as u64 => 0,
            _ => self.length,
        }
    }

    /// Returns whether a message says it is longer than any service reads.
    pub(super) const fn is_too_long(&self) -> bool {
        self.longest > MESSAGE_LIMIT as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(limit: Option<u64>) -> Arc<Share> {
        Share::new(Arc::default(), Memory::within(limit))
    }

    #[test]
    fn only_so_many_calls_are_open_at_once() {
        let share = share(None);
        let open = [share.begin(2), share.begin(2)].map(|turn| turn.expect("there is room"));
        assert_eq!(share.begin(2).expect_err("full"), Limit::CallsPerPeer);
        drop(open);
        share.begin(2).expect("there is room again");
        assert_eq!(share.hits.of(Limit::CallsPerPeer), 1);
    }

    #[test]
    fn answers_that_nobody_reads_keep_new_calls_out_until_they_are_gone() {
        let share = share(None);
        let piece = || Bytes::from(vec![0; MESSAGE_LIMIT]);
        let turn = share.begin(64).expect("there is room");
        let unread: Vec<Bytes> = (0..5)
            .map(|_| turn.count(piece()).expect("it is open already"))
            .collect();
        assert_eq!(share.memory.held(), 5 * MESSAGE_LIMIT as u64);
        assert_eq!(share.begin(64).expect_err("held"), Limit::HeldBytes);
        let more: Vec<_> = (0..5).map(|_| turn.count(piece())).collect();
        assert!(more.iter().any(Result::is_err), "there is an end to it");
        drop((unread, more));
        assert_eq!(share.memory.held(), 0);
        share.begin(64).expect("there is room again");
    }

    #[test]
    fn near_the_limit_nothing_new_is_begun() {
        let used = crate::rpc::memory::own_bytes().expect("a process");
        let share = share(Some(used));
        assert_eq!(share.begin(64).expect_err("short"), Limit::Memory);
    }

    #[test]
    fn an_unfinished_message_is_counted_whole_and_a_finished_one_is_not() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(&[0, 0, 0, 0]), 0);
        assert_eq!(messages.take(&[3, 1, 2]), 3);
        assert_eq!(messages.take(&[3, 0, 0, 0, 0, 9, 1]), 9);
        assert!(!messages.is_too_long());
        assert_eq!(messages.take(&[0; 8]), 0);
        assert_eq!(messages.take(&[0, 0xff, 0xff, 0xff, 0xff, 1]), 0);
        assert!(messages.is_too_long());
    }
}
