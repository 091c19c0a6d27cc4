//! What every sync of one node shares.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use super::roll::{Charters, Roll};
use super::sense::HeadWatch;
use super::status::PeerStatus;
use super::witness::Witness;
use crate::model::MemberId;
use crate::store::PublicStore;

/// Tells the time in Unix seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// News that wait for a slow listener; one that falls further behind is told that it did.
const NEWS: usize = 64;

/// How long a sync waits for the other side.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the next frame. One frame may take minutes on a poor line; a dead line is noticed
    /// below, by the transport.
    pub silence: Duration,
    /// For the other side to read our last frame.
    pub farewell: Duration,
    /// For more to come before what was taken is brought to the disk.
    pub commit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(600),
            farewell: Duration::from_secs(10),
            commit: Duration::from_secs(1),
        }
    }
}

/// Something that is on the disk since just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The peer it came from; `None` for our own doing.
    pub from: Option<MemberId>,
}

/// One node's part in the federation.
pub struct Federation {
    /// The public plane.
    pub store: Arc<PublicStore>,
    /// The charter.
    pub charters: Arc<dyn Charters>,
    /// Cosigns heads; `None` where there is no witness key.
    pub witness: Option<Witness>,
    /// Whether the own log may be signed.
    pub sense: HeadWatch,
    /// The time.
    pub clock: Clock,
    /// How long to wait for peers.
    pub patience: Patience,
    pub(super) one_writer: Mutex<()>,
    running: Mutex<HashMap<MemberId, Running>>,
    one_ended: Notify,
    statuses: Mutex<HashMap<MemberId, PeerStatus>>,
    news: broadcast::Sender<News>,
}

/// The syncs going on with one peer.
#[derive(Debug, Default)]
struct Running {
    dialled: usize,
    /// How many the peer has begun since the start.
    begun: u64,
    /// Ends the sync the peer began, in favour of a newer one.
    accepted: Vec<watch::Sender<bool>>,
}

/// The syncs a peer began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) going_on: bool,
    pub(super) begun: u64,
}

/// Which side began a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We dialled.
    Dialled,
    /// The peer dialled.
    Accepted,
}

impl Federation {
    /// Puts a node's part together.
    pub fn new(
        store: Arc<PublicStore>,
        charters: Arc<dyn Charters>,
        witness: Option<Witness>,
        sense: HeadWatch,
        clock: Clock,
        patience: Patience,
    ) -> Self {
        Self {
            store,
            charters,
            witness,
            sense,
            clock,
            patience,
            one_writer: Mutex::default(),
            running: Mutex::default(),
            one_ended: Notify::new(),
            statuses: Mutex::default(),
            news: broadcast::Sender::new(NEWS),
        }
    }

    /// Returns the roll of the charter in force.
    pub fn roll(&self) -> Option<Arc<Roll>> {
        self.charters.roll()
    }

    /// Says that this node changed its public plane and committed it: its peers are told.
    pub fn published(&self) {
        self.tell(News { from: None });
    }

    /// Returns a receiver of what is news from now on.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    pub(super) fn tell(&self, news: News) {
        // Nobody listening is nothing wrong.
        let _ = self.news.send(news);
    }

    /// Enters a sync among those going on.
    ///
    /// When two nodes dial each other at once, the stream dialled by the one whose id comes first
    /// is kept: `None` tells that the other one is.
    pub(super) fn enter(&self, own: &MemberId, peer: &MemberId, side: Side) -> Option<Place<'_>> {
        let mut all = self.running();
        let running = all.entry(peer.clone()).or_default();
        let mut replaced = None;
        match side {
            Side::Dialled => running.dialled += 1,
            Side::Accepted if running.dialled > 0 && own < peer => return None,
            Side::Accepted => {
                // A peer that dials again has given the earlier stream up.
                for earlier in &running.accepted {
                    earlier.send_replace(true);
                }
                let end = watch::Sender::new(false);
                running.begun += 1;
                replaced = Some(end.subscribe());
                running.accepted.push(end);
            }
        }
        Some(Place {
            node: self,
            peer: peer.clone(),
            replaced,
        })
    }

    /// Returns whether a sync with the peer is going on, whichever side began it.
    pub fn is_syncing(&self, peer: &MemberId) -> bool {
        let all = self.running();
        all.get(peer)
            .is_some_and(|running| running.dialled > 0 || !running.accepted.is_empty())
    }

    /// Returns what is known of the syncs the peer began.
    pub(super) fn accepted(&self, peer: &MemberId) -> Accepted {
        let all = self.running();
        let running = all.get(peer);
        Accepted {
            going_on: running.is_some_and(|running| !running.accepted.is_empty()),
            begun: running.map_or(0, |running| running.begun),
        }
    }

    /// Waits until no sync that the peer began is going on.
    pub(super) async fn until_accepted_end(&self, peer: &MemberId) {
        loop {
            let mut one_ended = std::pin::pin!(self.one_ended.notified());
            one_ended.as_mut().enable();
            if !self.accepted(peer).going_on {
                return;
            }
            one_ended.await;
        }
    }

    /// Notes how a sync with a peer ended.
    pub(super) fn ended(&self, peer: &MemberId, error: Option<&str>) {
        let now = (self.clock)();
        let mut statuses = self.statuses();
        let status = statuses.entry(peer.clone()).or_default();
        status.error = error.map(str::to_owned);
        status.silent_since = None;
        if error.is_none() {
            status.last_sync = Some(now);
        }
    }

    /// Notes that nobody answered where a peer was dialled.
    pub(super) fn unanswered(&self, peer: &MemberId, error: &str) {
        let now = (self.clock)();
        let mut statuses = self.statuses();
        let status = statuses.entry(peer.clone()).or_default();
        status.error = Some(error.to_owned());
        // Who was heard before is missed at once.
        if status.last_sync.is_none() && status.follows.is_none() {
            status.silent_since.get_or_insert(now);
        }
    }

    /// Notes how far a peer holds what arrived here.
    pub(super) fn follows(&self, peer: &MemberId, arrival: u64) {
        self.statuses().entry(peer.clone()).or_default().follows = Some(arrival);
    }

    /// Returns how the last sync with a peer went, whichever side began it.
    pub fn status(&self, peer: &MemberId) -> PeerStatus {
        self.statuses().get(peer).cloned().unwrap_or_default()
    }

    fn statuses(&self) -> MutexGuard<'_, HashMap<MemberId, PeerStatus>> {
        // No statement between lock and unlock can panic.
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<MemberId, Running>> {
        // No statement between lock and unlock can panic.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federation")
            .field("store", &self.store)
            .field("sense", &self.sense)
            .finish_non_exhaustive()
    }
}

/// A sync's place among those going on, left when dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    node: &'a Federation,
    peer: MemberId,
    replaced: Option<watch::Receiver<bool>>,
}

impl Place<'_> {
    /// Waits until this sync should end in favour of a newer one; for ever where that cannot be.
    pub(super) async fn replaced(&self) {
        if let Some(mut replaced) = self.replaced.clone()
            && replaced.wait_for(|ends| *ends).await.is_ok()
        {
            return;
        }
        // The sender goes only after this place.
        std::future::pending().await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.node.running();
        if let Some(running) = all.get_mut(&self.peer) {
            match &self.replaced {
                Some(ours) => running
                    .accepted
                    .retain(|end| !ours.same_channel(&end.subscribe())),
                None => running.dialled -= 1,
            }
        }
        drop(all);
        self.node.one_ended.notify_waiters();
    }
}
