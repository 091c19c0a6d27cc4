//! What needs a person: told apart from what passes by itself.
//!
//! A peer whose laptop is closed for a night needs nobody, and a node that is unlocked a moment after
//! it started does not either. So what holds is told when it held twice in a row, and a peer only
//! once it was silent for days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Watch, disk, notify};
use crate::model::MemberId;

/// How often the node is looked at.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// After how many seconds a peer that was not heard is silent.
const SILENT: u64 = 3 * 86_400;

/// What is said of each code, whatever its own message says: the line may go through other people's
/// hands. A code that is not here stands for itself.
const WORDS: &[(&str, &str)] = &[
    ("locked", "locked since it started; unlock it"),
    ("peer_silent", "has not been heard for 3 days"),
    ("disk_low", "little room is left on its disk"),
    ("disk_full", "its disk is full; nothing more is written"),
    ("backup", "its last backup failed"),
    (
        "backup_locked",
        "its newest backup has no records; unlock it",
    ),
    ("damage", "something stored is damaged; run doctor"),
    (
        "restored",
        "it cosigns nothing before peers have shown what is newer",
    ),
    (
        "lacking",
        "it gives no report before a peer has given back what damage took",
    ),
    ("no_charter", "it has no charter"),
    (
        "charter_conflict",
        "two versions of the charter contradict each other",
    ),
    (
        "charter_expires_soon",
        "the charter expires soon; agree on its next version",
    ),
    (
        "charter_expired",
        "the charter has expired; agree on its next version",
    ),
    ("no_certificate", "it has no certificate; unlock it once"),
    (
        "certificate_expires",
        "its certificate ends within 30 days; unlock it",
    ),
    (
        "certificate_expired",
        "its certificate has expired; unlock it",
    ),
    (
        "certificate_early",
        "its certificate is not valid yet; see to its clock, then unlock it",
    ),
    ("certificate_broken", "its certificate file cannot be used"),
    ("settings_broken", "its settings file cannot be used"),
    ("store", "its store cannot be written"),
    ("hold_stale", "a held draft did not leave"),
    ("equivocation", "a log was signed with two histories"),
    (
        "unsure_head",
        "it does not sign before a peer has shown it its own log",
    ),
];

/// Something that holds, by a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// A word for programs.
    pub(super) code: String,
    /// A line for people.
    pub(super) message: String,
}

/// What held at the last look.
#[derive(Debug, Default)]
pub struct Looks {
    before: BTreeSet<String>,
}

impl Watch {
    /// Looks at the node again and again, until dropped.
    pub(in crate::node) async fn keep_looking(self: Arc<Self>) {
        let mut looks = Looks::default();
        let mut due = tokio::time::interval(EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            self.look(&mut looks).await;
        }
    }

    /// Looks at the node once: notes what troubles it, and tells a person what they do not know yet
    /// where it held at the last look too.
    pub async fn look(self: &Arc<Self>, looks: &mut Looks) {
        let watch = Arc::clone(self);
        let Ok(now) = tokio::task::spawn_blocking(move || watch.conditions()).await else {
            // The panic was counted and logged; the next look is another try.
            return;
        };
        let before = std::mem::replace(&mut looks.before, now.keys().cloned().collect());
        let told = self.kept().told().clone();
        let new = now
            .iter()
            .filter(|(key, _)| before.contains(*key) && !told.contains(*key))
            .map(|(key, condition)| (key.clone(), true, condition.clone()));
        let over = told.iter().filter(|key| !now.contains_key(*key));
        let over = over.map(|key| (key.clone(), false, self.over(key)));
        let due: Vec<_> = new.chain(over).collect();
        for (key, holds, condition) in due {
            if !self.tell(&key, holds, &condition).await {
                break;
            }
        }
        let watch = Arc::clone(self);
        let _written = tokio::task::spawn_blocking(move || watch.kept().write()).await;
    }

    /// Tells a person one thing; returns whether more may be told now.
    async fn tell(&self, key: &str, holds: bool, condition: &Condition) -> bool {
        let command = self.command();
        let now = self.node.clock.now();
        if command.is_empty() {
            return false;
        }
        if self.kept().sent_within(3600, now) >= notify::MOST_AN_HOUR {
            tracing::warn!("enough was told for this hour; the rest waits");
            return false;
        }
        let told = notify::run(&command, &condition.code, &condition.message).await;
        match told {
            Ok(()) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                self.kept().tell(key, holds, now);
                self.node.office.troubles.set("notify_failed", None);
                true
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "notify command failed; it is tried again");
                let message = format!("the notify command failed: {error}");
                self.node
                    .office
                    .troubles
                    .set("notify_failed", Some(message));
                false
            }
        }
    }

    fn command(&self) -> Vec<String> {
        let live = self.live.read();
        let live = live.unwrap_or_else(std::sync::PoisonError::into_inner);
        live.command.clone()
    }

    /// Returns everything that holds and needs a person. Reads the disk.
    fn conditions(&self) -> BTreeMap<String, Condition> {
        let office = &self.node.office;
        let mut found = BTreeMap::new();
        self.look_at_peers(&mut found);
        self.look_at_disk();
        if !office.private.is_locked() {
            self.never_unlocked.store(false, Ordering::Relaxed);
        }
        if self.never_unlocked.load(Ordering::Relaxed) {
            self.add(&mut found, "locked", None);
        }
        for problem in self.health().problems {
            // A peer that cannot be reached now is told of once it was silent for days; and that
            // telling failed cannot be told.
            if !matches!(
                problem.code.as_str(),
                "peer" | "peer_silent" | "notify_failed"
            ) {
                self.add(&mut found, &problem.code, None);
            }
        }
        found
    }

    fn look_at_peers(&self, found: &mut BTreeMap<String, Condition>) {
        let now = self.node.clock.now();
        let Some(roll) = self.node.peers.node().roll() else {
            return;
        };
        let others = roll.members().filter(|m| m.active && m.id != *roll.own());
        let others: Vec<MemberId> = others.map(|member| member.id.clone()).collect();
        let mut silent = Vec::new();
        let mut kept = self.kept();
        kept.keep_peers(|peer| others.iter().any(|other| other.as_str() == peer));
        for peer in &others {
            let last = self.node.peers.node().status(peer).last_sync;
            let heard = kept.hear(peer.as_str(), last, now);
            if now.saturating_sub(heard.last.unwrap_or(heard.since)) >= SILENT {
                silent.push(peer.to_string());
            }
        }
        drop(kept);
        for peer in &silent {
            self.add(found, "peer_silent", Some(peer));
        }
        let message = format!("not heard for 3 days or more: {}", silent.join(", "));
        let message = (!silent.is_empty()).then_some(message);
        self.node.office.troubles.set("peer_silent", message);
    }

    fn look_at_disk(&self) {
        let free = disk::free(self.node.dir.path());
        let message = free.filter(|free| *free < disk::LOW).map(|free| {
            let (free, low) = (free >> 20, disk::LOW >> 20);
            format!("{free} MiB are free on the node's disk, less than {low}; make room")
        });
        self.node.office.troubles.set("disk_low", message);
    }

    fn add(&self, found: &mut BTreeMap<String, Condition>, code: &str, peer: Option<&String>) {
        let key = peer.map_or_else(|| code.to_owned(), |peer| format!("{code}:{peer}"));
        found.insert(key, self.say(code, peer.map(String::as_str), ""));
    }

    /// Says that something told is over.
    fn over(&self, key: &str) -> Condition {
        let (code, peer) = match key.split_once(':') {
            Some((code, peer)) => (code, Some(peer)),
            None => (key, None),
        };
        self.say(code, peer, "over: ")
    }

    fn say(&self, code: &str, peer: Option<&str>, over: &str) -> Condition {
        let me = &self.node.office.public.me.id;
        let words = WORDS.iter().find(|(known, _)| *known == code);
        let words = words.map_or("see `counterfoil health`", |(_, words)| *words);
        let peer = peer.map_or_else(String::new, |peer| format!("{peer} "));
        Condition {
            code: code.to_owned(),
            message: format!("node {me}: {over}{peer}{words} ({code})"),
        }
    }
}
