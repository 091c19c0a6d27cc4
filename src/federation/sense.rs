//! Whether this node knows how far its own log reaches, so that it may sign.
//!
//! A log that signs two trees of one size is lost for ever, and a restored backup is how it comes
//! to that. So a node that is marked, or whose store does not match the checkpoint it keeps
//! beside it, signs nothing until a peer has shown its newest head and that head is held here. An
//! ordinary start waits only until each peer has been tried once: whoever was in reach has then
//! shown what it holds.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::MemberId;

/// Whether the own log may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadSense {
    /// The newest head is held.
    Sure,
    /// It may not be, and why, in one sentence that says what to do.
    Unsure(String),
}

/// Why the store is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In one sentence that says what to do.
    pub reason: String,
    /// The size we know to have signed, which must be reached before we sign again.
    pub size: u64,
}

/// Watches what peers show of our own log.
#[derive(Debug)]
pub struct HeadWatch {
    state: Mutex<State>,
    changed: watch::Sender<HeadSense>,
}

#[derive(Debug)]
struct State {
    /// Why the store itself is in doubt; only a peer that shows our head lifts it.
    marked: Option<Mark>,
    /// Whether each peer has been tried once since the start.
    tried: bool,
    /// The largest size of our log that a peer has shown, and who, until it is held.
    ahead: Option<(u64, MemberId)>,
}

impl HeadWatch {
    /// Starts the watch. `marked` says why the store is in doubt: a restore left its mark, or it
    /// does not match the checkpoint file.
    pub fn new(marked: Option<Mark>) -> Self {
        let state = State {
            marked,
            tried: false,
            ahead: None,
        };
        Self {
            changed: watch::Sender::new(state.sense()),
            state: Mutex::new(state),
        }
    }

    /// Returns whether the own log may be signed now.
    pub fn sense(&self) -> HeadSense {
        self.lock().sense()
    }

    /// Returns whether every peer has been tried once since the start.
    pub fn is_settled(&self) -> bool {
        self.lock().tried
    }

    /// Returns a receiver that shows every change.
    pub fn changes(&self) -> watch::Receiver<HeadSense> {
        self.changed.subscribe()
    }

    /// Returns whether the store is in doubt, so that peers must be asked for all they have.
    pub fn is_marked(&self) -> bool {
        self.lock().marked.is_some()
    }

    /// Notes that every peer has been tried once, or that there is none.
    pub fn first_round_ended(&self) {
        self.update(|state| state.tried = true);
    }

    /// Notes that a peer has shown a head of our log with `size` leaves, of which we hold `held`.
    pub fn shown(&self, peer: &MemberId, size: u64, held: u64) {
        if size > held {
            tracing::info!(peer = %peer, tree_size = size, held, "own log: peer showed more than we hold");
        }
        self.update(|state| {
            if size <= held {
                state.settle(held);
            } else if state.ahead.as_ref().is_none_or(|(ahead, _)| *ahead < size) {
                state.ahead = Some((size, peer.clone()));
            }
        });
    }

    /// Notes that `held` leaves of our log are on our disk, taken from a peer.
    pub fn adopted(&self, held: u64) {
        self.update(|state| state.settle(held));
    }

    /// Notes that something contradicts what we hold of our own log: it takes an operator, and a
    /// restart, before it is signed again.
    pub fn doubt(&self, reason: String) {
        let size = u64::MAX;
        self.update(|state| state.marked = Some(Mark { reason, size }));
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let sense = state.sense();
        self.changed.send_if_modified(|shown| {
            let differs = *shown != sense;
            *shown = sense;
            differs
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No statement between lock and unlock can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sense(&self) -> HeadSense {
        let reason = match (&self.ahead, &self.marked, self.tried) {
            (Some((size, peer)), ..) => format!(
                "own log: peer {peer} showed size {size}, which is not held here yet; \
                 sync with {peer}"
            ),
            (None, Some(mark), _) => mark.reason.clone(),
            (None, None, false) => "the first sync since the start has not ended; wait, or see \
                 peer list"
                .to_owned(),
            (None, None, true) => return HeadSense::Sure,
        };
        HeadSense::Unsure(reason)
    }

    /// Lifts what a peer's head and the leaves now held answer.
    fn settle(&mut self, held: u64) {
        self.ahead = self.ahead.take().filter(|(size, _)| *size > held);
        let reached = |mark: &Mark| self.ahead.is_none() && mark.size <= held;
        if self.marked.as_ref().is_some_and(reached) {
            self.marked = None;
        }
    }
}

impl fmt::Display for HeadSense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sure => f.write_str("sure"),
            Self::Unsure(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anpud() -> MemberId {
        "anpud".parse().expect("an id")
    }

    #[test]
    fn an_ordinary_start_waits_for_the_first_round() {
        let watch = HeadWatch::new(None);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.first_round_ended();
        assert_eq!(watch.sense(), HeadSense::Sure);
    }

    #[test]
    fn a_marked_node_waits_for_its_head_and_no_round_lifts_it() {
        let reason = "restored".to_owned();
        let watch = HeadWatch::new(Some(Mark { reason, size: 8 }));
        let mut changes = watch.changes();
        watch.first_round_ended();
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        // An older head than we know of says nothing.
        watch.shown(&anpud(), 7, 7);
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        watch.shown(&anpud(), 10, 7);
        assert!(watch.sense().to_string().contains("showed size 10"));
        watch.adopted(9);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.adopted(10);
        assert_eq!(watch.sense(), HeadSense::Sure);
        assert_eq!(*changes.borrow_and_update(), HeadSense::Sure);
    }

    #[test]
    fn a_peer_that_shows_more_than_we_hold_stops_us_at_any_time() {
        let watch = HeadWatch::new(None);
        watch.first_round_ended();
        watch.shown(&anpud(), 3, 3);
        assert_eq!(watch.sense(), HeadSense::Sure);
        watch.shown(&anpud(), 4, 3);
        watch.shown(&anpud(), 2, 3);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.adopted(4);
        assert_eq!(watch.sense(), HeadSense::Sure);
    }
}
