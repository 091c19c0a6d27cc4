//! Who is on the other end of a connection, for as long as it lasts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;
use tonic::{Code, Status};

use super::hits::Limit;
use super::limits::Limits;
use super::share::Share;
use super::tls::{self, TrustSource};
use crate::identity::{CertError, Peer, Role, SpiffeId, Usage};
use crate::model::MemberId;

/// Who makes a call. The guard puts one into the extensions of every request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A process of this node's own user, over the Unix socket or inside this process.
    Local,
    /// Somebody with a certificate.
    Peer(PeerIdentity),
}

impl Caller {
    /// Returns who made `request`.
    ///
    /// # Errors
    /// `INTERNAL` when the service is not behind the guard, so that it fails closed.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<&Self, Status> {
        request
            .extensions()
            .get()
            .ok_or_else(|| Status::internal("this service stands behind no guard"))
    }

    /// Returns whether somebody with a certificate makes it, accepted or not.
    pub(super) const fn is_peer(&self) -> bool {
        matches!(self, Self::Peer(_))
    }

    /// Returns the accepted peer; none for a local caller.
    pub fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Local => None,
            Self::Peer(identity) => identity.peer(),
        }
    }

    /// Returns the member the caller belongs to; none for a local caller.
    pub fn member(&self) -> Option<&MemberId> {
        self.peer().map(|peer| &peer.spiffe.member)
    }
}

/// The bearer of a certificate and what became of it.
///
/// Also kept for a certificate that was refused: its calls are then answered with the reason.
#[derive(Clone)]
pub struct PeerIdentity {
    shared: Arc<Shared>,
}

struct Shared {
    trust: Arc<dyn TrustSource>,
    leaf: Vec<u8>,
    peer: Option<Peer>,
    /// Why every call must end, once there is a reason.
    ended: watch::Sender<Option<Status>>,
    /// Whether a call has been answered with that reason.
    told: watch::Sender<bool>,
    /// What its member may use, once it is among those connected.
    share: OnceLock<Arc<Share>>,
}

impl PeerIdentity {
    /// Judges the certificate (DER) a connection was made with.
    pub(super) fn judge(trust: Arc<dyn TrustSource>, leaf: &[u8]) -> Self {
        let verdict = tls::judge(trust.as_ref(), leaf, Usage::Client);
        let (peer, refusal) = match verdict {
            Ok(peer) => (Some(peer), None),
            Err(error) => (None, Some(refusal(&error))),
        };
        Self {
            shared: Arc::new(Shared {
                trust,
                leaf: leaf.to_vec(),
                peer,
                ended: watch::Sender::new(refusal),
                told: watch::Sender::new(false),
                share: OnceLock::new(),
            }),
        }
    }

    /// Returns the peer; none if its certificate was refused from the start.
    pub fn peer(&self) -> Option<&Peer> {
        self.shared.peer.as_ref()
    }

    /// Returns what its member may use; none before it is among those connected.
    pub(super) fn share(&self) -> Option<&Arc<Share>> {
        self.shared.share.get()
    }

    /// Returns the peer if it may still make calls at this moment.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, or why else the connection is being closed.
    pub(super) fn check(&self) -> Result<&Peer, Status> {
        if let Some(reason) = self.shared.ended.borrow().clone() {
            return Err(reason);
        }
        let Some(peer) = self.peer() else {
            return Err(Status::unauthenticated("the certificate was refused"));
        };
        if let Err(error) = tls::check_again(self.shared.trust.as_ref(), peer) {
            self.end(refusal(&error));
            return Err(refusal(&error));
        }
        Ok(peer)
    }

    /// Judges the certificate again from the start and ends its calls if it no longer holds.
    pub(super) fn judge_again(&self) {
        let trust = self.shared.trust.as_ref();
        if self.peer().is_some()
            && let Err(error) = tls::judge(trust, &self.shared.leaf, Usage::Client)
        {
            self.end(refusal(&error));
        }
    }

    /// Ends every call of this peer with `reason`; the first reason stays.
    pub(super) fn end(&self, reason: Status) {
        self.shared.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(reason);
            first
        });
    }

    /// Waits until calls of this peer must end, and returns why.
    pub async fn ended(&self) -> Status {
        let mut ended = self.shared.ended.subscribe();
        // The sender lives in `self`, so the channel cannot close before this returns.
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(reason)) => reason.clone(),
            _ => Status::new(Code::Unavailable, "the connection is closed"),
        }
    }

    /// Returns whether calls of this peer must end.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.ended.borrow().is_some()
    }

    /// Notes that a call was answered with the reason.
    pub(super) fn mark_told(&self) {
        self.shared.told.send_replace(true);
    }

    /// Waits until a call was answered with the reason.
    pub(super) async fn told(&self) {
        let mut told = self.shared.told.subscribe();
        // As in `ended`, the channel cannot close.
        let _ = told.wait_for(|told| *told).await;
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("peer", &self.shared.peer)
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}

fn refusal(error: &CertError) -> Status {
    Status::unauthenticated(error.to_string())
}

/// Everybody connected now.
#[derive(Debug, Default)]
pub(super) struct Connected {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    peers: HashMap<u64, PeerIdentity>,
    per_id: HashMap<SpiffeId, usize>,
    members: HashMap<Side, Together>,
    /// How many are connected whose certificate nobody vouches for.
    strangers: usize,
}

/// A member's node, or everybody else it has given a certificate.
type Side = (MemberId, bool);

/// What the connections of one side have together.
#[derive(Debug)]
struct Together {
    connections: usize,
    share: Arc<Share>,
}

impl Connected {
    /// Adds a connection until the returned seat is dropped.
    ///
    /// Beyond the most connections under one id, or of one member, the new one is ended at once;
    /// beyond the most of strangers there is no seat.
    pub(super) fn enter(
        self: &Arc<Self>,
        identity: &PeerIdentity,
        limits: &Limits,
    ) -> Option<Seat> {
        let mut state = self.lock();
        match identity.peer() {
            Some(peer) => state.seat(peer, identity, limits),
            None if state.strangers >= limits.strangers => {
                limits.hits.hit(Limit::Strangers);
                return None;
            }
            None => state.strangers += 1,
        }
        let key = state.next;
        state.next += 1;
        state.peers.insert(key, identity.clone());
        drop(state);
        Some(Seat {
            connected: Arc::clone(self),
            key,
        })
    }

    /// Judges everybody again.
    pub(super) fn judge_again(&self) {
        let everybody: Vec<PeerIdentity> = self.lock().peers.values().cloned().collect();
        for identity in everybody {
            identity.judge_again();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The maps are consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn seat(&mut self, peer: &Peer, identity: &PeerIdentity, limits: &Limits) {
        let most = limits.connections_per_peer;
        let count = self.per_id.entry(peer.spiffe.clone()).or_default();
        *count += 1;
        let beyond_id = (*count > most).then(|| format!("{} already has {most}", peer.spiffe));
        let together = self.members.entry(side(peer)).or_insert_with(|| Together {
            connections: 0,
            share: Share::new(Arc::clone(&limits.hits), Arc::clone(&limits.memory)),
        });
        together.connections += 1;
        // The place is empty: every connection has an identity of its own.
        let _ = identity.shared.share.set(Arc::clone(&together.share));
        let most = limits.connections_per_member;
        let beyond_member = (together.connections > most)
            .then(|| format!("{} already has {most}", peer.spiffe.member));
        if let Some(beyond) = beyond_id.or(beyond_member) {
            limits.hits.hit(Limit::ConnectionsPerPeer);
            identity.end(Status::resource_exhausted(format!(
                "{beyond} connections; close one"
            )));
        }
    }

    fn leave(&mut self, key: u64) {
        let Some(identity) = self.peers.remove(&key) else {
            return;
        };
        let Some(peer) = identity.peer() else {
            self.strangers -= 1;
            return;
        };
        if let Some(count) = self.per_id.get_mut(&peer.spiffe) {
            *count -= 1;
            if *count == 0 {
                self.per_id.remove(&peer.spiffe);
            }
        }
        if let Some(together) = self.members.get_mut(&side(peer)) {
            together.connections -= 1;
            if together.connections == 0 {
                self.members.remove(&side(peer));
            }
        }
    }
}

fn side(peer: &Peer) -> Side {
    let is_node = matches!(peer.spiffe.role, Role::Node);
    (peer.spiffe.member.clone(), is_node)
}

/// One connection's place among [`Connected`].
#[derive(Debug)]
pub(super) struct Seat {
    connected: Arc<Connected>,
    key: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connected.lock().leave(self.key);
    }
}
