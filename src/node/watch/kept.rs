//! What must be remembered over a restart: when each peer was last heard, and what a person was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::dir::WATCH_FILE;
use crate::store::file;

/// Longest file, in bytes.
const MOST_LEN: usize = 256 << 10;

/// What is kept, in the file `watch` of the node's directory. Losing it loses little: peers are
/// heard again, and what still holds is told again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    path: PathBuf,
    stored: Stored,
    /// Whether the file is behind.
    changed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    /// When a sync with each peer last ended well, or when it was first known; Unix seconds.
    #[serde(default)]
    heard: BTreeMap<String, Heard>,
    /// What a person knows to hold, by key.
    #[serde(default)]
    told: BTreeSet<String>,
    /// When messages were sent, Unix seconds, the oldest first.
    #[serde(default)]
    sent: VecDeque<u64>,
}

/// What is known of a peer's last sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heard {
    /// Since when it is waited for.
    pub(super) since: u64,
    /// When a sync last ended well.
    pub(super) last: Option<u64>,
}

impl Kept {
    /// Reads what was kept; nothing, where nothing can be read.
    pub(super) fn read(dir: &Path) -> Self {
        let path = dir.join(WATCH_FILE);
        let bytes = file::read_small(&path, MOST_LEN).ok().flatten();
        let stored = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            path,
            stored: stored.unwrap_or_default(),
            changed: false,
        }
    }

    /// Brings what changed to the disk.
    pub(super) fn write(&mut self) {
        if !self.changed {
            return;
        }
        let Ok(bytes) = serde_json::to_vec(&self.stored) else {
            return;
        };
        match file::write_atomic(&self.path, &bytes) {
            Ok(()) => self.changed = false,
            Err(error) => tracing::warn!(%error, "what was told cannot be remembered"),
        }
    }

    /// Takes in when a peer was last heard, and returns what is known of it. What a clock that was
    /// ahead noted says nothing: it would keep a silent peer from being noticed until its time came.
    pub(super) fn hear(&mut self, peer: &str, last: Option<u64>, now: u64) -> Heard {
        let past = |time: &u64| *time <= now;
        let before = self.stored.heard.get(peer).copied();
        let since = before.map(|before| before.since).filter(past);
        let known = before.and_then(|before| before.last).filter(past);
        let heard = Heard {
            since: since.unwrap_or(now),
            last: last.filter(past).max(known),
        };
        if before != Some(heard) {
            self.stored.heard.insert(peer.to_owned(), heard);
            self.changed = true;
        }
        heard
    }

    /// Returns when a sync with a peer last ended well.
    pub(super) fn last(&self, peer: &str) -> Option<u64> {
        self.stored.heard.get(peer)?.last
    }

    /// Forgets peers that are none any more.
    pub(super) fn keep_peers(&mut self, is_peer: impl Fn(&str) -> bool) {
        let before = self.stored.heard.len();
        self.stored.heard.retain(|peer, _| is_peer(peer));
        self.changed |= self.stored.heard.len() != before;
    }

    /// Returns what a person knows to hold.
    pub(super) fn told(&self) -> &BTreeSet<String> {
        &self.stored.told
    }

    /// Notes that a person knows that something holds, or no longer does.
    pub(super) fn tell(&mut self, key: &str, holds: bool, now: u64) {
        match holds {
            true => self.stored.told.insert(key.to_owned()),
            false => self.stored.told.remove(key),
        };
        self.stored.sent.push_back(now);
        self.changed = true;
    }

    /// Returns how many messages were sent within so many seconds, and forgets all others, those
    /// too that a clock that was ahead noted.
    pub(super) fn sent_within(&mut self, seconds: u64, now: u64) -> usize {
        let before = self.stored.sent.len();
        let since = now.saturating_sub(seconds);
        self.stored.sent.retain(|sent| (since..=now).contains(sent));
        self.changed |= self.stored.sent.len() != before;
        self.stored.sent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_and_heard_outlives_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::read(dir.path());
        assert_eq!(
            kept.hear("anpud", None, 5),
            Heard {
                since: 5,
                last: None
            }
        );
        kept.hear("anpud", Some(7), 8);
        kept.tell("locked", true, 9);
        kept.write();
        let mut again = Kept::read(dir.path());
        let heard = Heard {
            since: 5,
            last: Some(7),
        };
        // Since the restart nothing was heard; that does not undo what was.
        assert_eq!(again.hear("anpud", None, 20), heard);
        assert!(again.told().contains("locked"));
        assert_eq!(
            (again.sent_within(11, 20), again.sent_within(10, 20)),
            (1, 0)
        );
        again.tell("locked", false, 21);
        again.keep_peers(|_| false);
        again.write();
        let third = Kept::read(dir.path());
        assert!(third.told().is_empty() && third.last("anpud").is_none());
    }

    #[test]
    fn what_a_clock_that_was_ahead_noted_silences_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::read(dir.path());
        kept.hear("anpud", Some(1_000), 1_000);
        kept.tell("locked", true, 1_000);
        let since_now = Heard {
            since: 20,
            last: None,
        };
        assert_eq!(kept.hear("anpud", Some(1_000), 20), since_now);
        assert_eq!(kept.hear("anpud", Some(1_000), 30), since_now);
        assert_eq!(kept.hear("anpud", Some(25), 30).last, Some(25));
        assert_eq!(kept.sent_within(10, 20), 0);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(WATCH_FILE), b"{").expect("written");
        assert!(Kept::read(dir.path()).told().is_empty());
    }
}
