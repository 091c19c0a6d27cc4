//! What a peer has asked for in a sync and has not been given yet.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::frames::MOST_FETCHES;
use crate::wire::SyncFetch;

/// What the peer has asked for and not been given yet.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<Asked>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Asked {
    queue: VecDeque<SyncFetch>,
    open: HashSet<String>,
    fetches: usize,
    /// What our `SyncSent` said.
    sent: Option<u64>,
    acked: bool,
}

impl Desk {
    /// Puts a fetch in the queue.
    pub(super) fn fetch(&self, fetch: SyncFetch, logs: usize) -> Result<(), String> {
        let mut asked = self.lock();
        asked.fetches += 1;
        if asked.acked {
            return Err("a fetch after SyncAcked".to_owned());
        }
        if asked.open.len() >= MOST_FETCHES {
            return Err(format!("more than {MOST_FETCHES} fetches open"));
        }
        if asked.fetches > 4 * logs + 64 {
            return Err("more fetches than there are logs".to_owned());
        }
        if !asked.open.insert(fetch.origin.clone()) {
            return Err("a second fetch of one log at a time".to_owned());
        }
        asked.queue.push_back(fetch);
        self.changed.notify_one();
        Ok(())
    }

    /// Ends the fetch of a log, if one is open.
    pub(super) fn cancel(&self, origin: &str) {
        let mut asked = self.lock();
        asked.open.remove(origin);
        asked.queue.retain(|fetch| fetch.origin != origin);
    }

    /// Returns whether a log is still being fetched.
    pub(super) fn is_open(&self, origin: &str) -> bool {
        self.lock().open.contains(origin)
    }

    /// Notes what our `SyncSent` says.
    pub(super) fn says_sent(&self, arrival: u64) {
        self.lock().sent = Some(arrival);
    }

    /// Notes that the peer has all it will take.
    pub(super) fn acked(&self, arrival: u64) -> Result<(), String> {
        let mut asked = self.lock();
        if asked.acked || asked.sent != Some(arrival) || !asked.open.is_empty() {
            return Err("SyncAcked at this point".to_owned());
        }
        asked.acked = true;
        self.changed.notify_one();
        Ok(())
    }

    /// Returns whether the peer has all it will take.
    pub(super) fn is_acked(&self) -> bool {
        self.lock().acked
    }

    /// Waits for the next fetch; `None` once acknowledged.
    pub(super) async fn next(&self) -> Option<SyncFetch> {
        loop {
            {
                let mut asked = self.lock();
                if let Some(fetch) = asked.queue.pop_front() {
                    return Some(fetch);
                }
                if asked.acked {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        // No statement between lock and unlock can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(origin: &str) -> SyncFetch {
        SyncFetch {
            origin: origin.to_owned(),
            from: 0,
        }
    }

    #[test]
    fn a_log_is_fetched_once_at_a_time_and_few_are_at_once() {
        let desk = Desk::default();
        for origin in ["a", "b", "c"] {
            assert_eq!(desk.fetch(fetch(origin), 9), Ok(()));
        }
        assert!(desk.fetch(fetch("a"), 9).is_err());
        assert_eq!(desk.fetch(fetch("d"), 9), Ok(()));
        assert!(desk.fetch(fetch("e"), 9).is_err());
        desk.cancel("a");
        assert_eq!(desk.fetch(fetch("a"), 9), Ok(()));
    }

    #[test]
    fn fetches_run_out() {
        let desk = Desk::default();
        let took = (0..1000).take_while(|_| {
            let taken = desk.fetch(fetch("a"), 9).is_ok();
            desk.cancel("a");
            taken
        });
        assert_eq!(took.count(), 4 * 9 + 64);
    }

    #[test]
    fn only_what_was_said_is_acknowledged_and_only_once() {
        let desk = Desk::default();
        assert!(desk.acked(7).is_err());
        desk.says_sent(7);
        assert!(desk.acked(8).is_err());
        assert_eq!(desk.fetch(fetch("a"), 9), Ok(()));
        assert!(desk.acked(7).is_err(), "while a fetch is open");
        desk.cancel("a");
        assert_eq!(desk.acked(7), Ok(()));
        assert!(desk.acked(7).is_err());
        assert!(desk.fetch(fetch("a"), 9).is_err());
    }
}
