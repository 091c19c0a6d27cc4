//! The public plane of one node: what its services for peers and coordinators may see.
//!
//! It is fed by arrivals: before an answer, what came into the store since the last one is taken
//! into the report's columns and the revocations.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::sync::watch;

use super::tls::{OwnCert, TrustSource};
use crate::charter::chain::Offered;
use crate::charter::{Chain, Charter, CharterError, CharterNote, Refusal};
use crate::clock::Clock;
use crate::model::{ConsortiumId, MemberId, Series};
use crate::report::feed::{self, FeedError};
use crate::report::{self, Asker, AuditError, Columns, Consortium, ProveError, ReportError};
use crate::store::{Arrival, Change, PublicStore, StoreError};
use crate::wire;

/// How many arrivals are read at once.
const ARRIVALS: usize = 1024;

/// Why the public plane has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// No charter was applied yet.
    #[error("this node has no charter yet")]
    NoCharter,
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored leaf or payload is not what it was.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A charter cannot be read.
    #[error(transparent)]
    Charter(#[from] CharterError),
    /// A charter is not valid after those before it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A charter of another consortium.
    #[error("this node belongs to {ours}, and the charter is of {theirs}")]
    OtherConsortium {
        /// Ours.
        ours: ConsortiumId,
        /// Theirs.
        theirs: ConsortiumId,
    },
    /// A charter that does not name this node's member with this node's keys.
    #[error("the charter does not name {0} with this node's keys")]
    NotNamed(MemberId),
    /// A leaf cannot be proven.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// This node lacks some of what it once held.
    #[error("the public plane lacks what it once held, and a report would call that missing: {0}")]
    Lacking(String),
    /// A query has no answer.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A history cannot be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// The public plane of one node.
#[derive(Debug)]
pub struct PublicPlane {
    /// Logs, charters, cursors.
    pub store: Arc<PublicStore>,
    /// The member as its card has it.
    pub me: crate::charter::Member,
    /// The certificate shown to peers.
    pub own_cert: Arc<OwnCert>,
    /// The time.
    pub clock: Clock,
    lacks: OnceLock<Lacks>,
    in_force: RwLock<Option<InForce>>,
    seen: Mutex<Seen>,
    revoked: RwLock<HashSet<(MemberId, [u8; 32])>>,
    changes: watch::Sender<u64>,
}

/// Says why this node lacks some of what it once held, while it does.
struct Lacks(Box<dyn Fn() -> Option<String> + Send + Sync>);

impl std::fmt::Debug for Lacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lacks").field(&(self.0)()).finish()
    }
}

/// The charter's versions, and the one that counts.
#[derive(Clone, Debug)]
struct InForce {
    chain: Chain,
    charter: Arc<Charter>,
}

impl From<Chain> for InForce {
    fn from(chain: Chain) -> Self {
        Self {
            charter: Arc::new(chain.current().clone()),
            chain,
        }
    }
}

/// What was taken in from the store so far.
#[derive(Debug, Default)]
struct Seen {
    arrival: u64,
    columns: Columns,
    frozen: BTreeSet<String>,
}

impl PublicPlane {
    /// Opens the public plane: reads the charters and takes in what the store holds.
    ///
    /// # Errors
    /// When a stored charter does not follow from those before it, or the store cannot be read.
    pub fn open(
        store: Arc<PublicStore>,
        me: crate::charter::Member,
        clock: Clock,
    ) -> Result<Self, PlaneError> {
        let in_force = stored_chain(&store)?.map(InForce::from);
        let plane = Self {
            store,
            me,
            own_cert: OwnCert::empty(),
            clock,
            lacks: OnceLock::new(),
            in_force: RwLock::new(in_force),
            seen: Mutex::default(),
            revoked: RwLock::default(),
            changes: watch::Sender::new(0),
        };
        plane.catch_up()?;
        Ok(plane)
    }

    /// Returns the charter in force.
    ///
    /// # Errors
    /// [`PlaneError::NoCharter`].
    pub fn charter(&self) -> Result<Arc<Charter>, PlaneError> {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        let in_force = in_force.as_ref().ok_or(PlaneError::NoCharter)?;
        Ok(Arc::clone(&in_force.charter))
    }

    /// Returns the charter versions and what is known of them.
    pub fn chain(&self) -> Option<Chain> {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        in_force.as_ref().map(|in_force| in_force.chain.clone())
    }

    /// Takes in a charter version, from several copies with different signatures or one; returns
    /// its state. Durable when it returns.
    ///
    /// # Errors
    /// When it is not valid after the versions before it; then nothing changes.
    pub fn submit<B: AsRef<[u8]>>(&self, copies: &[B]) -> Result<wire::CharterState, PlaneError> {
        let note = CharterNote::merge(copies)?;
        let mut in_force = self
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &*in_force {
            Some(ours) => same_consortium(&ours.charter, note.charter())?,
            None => self.check_named(note.charter())?,
        }
        let version = u64::from(note.charter().version());
        let (next, offered) = match &*in_force {
            None => (Chain::found(note.clone())?, Offered::Next),
            Some(ours) => {
                let mut next = ours.chain.clone();
                let offered = next.offer(note.clone())?;
                (next, offered)
            }
        };
        match offered {
            Offered::Conflict => {
                self.store
                    .put_conflict(version, note.to_string().as_bytes())?;
            }
            Offered::Known | Offered::Next => {
                let stored = next.version(note.charter().version()).unwrap_or(&note);
                self.store
                    .put_charter(version, stored.to_string().as_bytes())?;
            }
        }
        self.store.commit()?;
        let state = next.verified().to_state(next.current());
        *in_force = Some(next.into());
        drop(in_force);
        self.trust_changed();
        Ok(state)
    }

    /// A founding charter must name this member with the keys it has; a relay or member that is
    /// to join later is not in it, and keeps what it gets.
    fn check_named(&self, charter: &Charter) -> Result<(), PlaneError> {
        match charter.member(&self.me.id) {
            Some(member)
                if member.log_key == self.me.log_key
                    && member.witness_key == self.me.witness_key =>
            {
                Ok(())
            }
            _ => Err(PlaneError::NotNamed(self.me.id.clone())),
        }
    }

    /// Takes in what came into the store since the last time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn catch_up(&self) -> Result<(), PlaneError> {
        self.caught_up().map(drop)
    }

    fn caught_up(&self) -> Result<MutexGuard<'_, Seen>, PlaneError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(charter) = self.charter() else {
            return Ok(seen);
        };
        loop {
            let arrivals = self.store.arrivals_after(seen.arrival, ARRIVALS)?;
            let Some(last) = arrivals.last() else {
                return Ok(seen);
            };
            let last = last.number;
            for Arrival { change, .. } in arrivals {
                self.take_in(&charter, &mut seen, &change)?;
            }
            seen.arrival = last;
        }
    }

    fn take_in(
        &self,
        charter: &Charter,
        seen: &mut Seen,
        change: &Change,
    ) -> Result<(), PlaneError> {
        match change {
            Change::Leaves { origin, from, to } => {
                let Some(member) = charter.member_of_origin(origin) else {
                    return Ok(());
                };
                for row in self.store.entries(origin, *from..*to)? {
                    let (index, entry) = row?;
                    if let Some(spki) = feed::leaf(&mut seen.columns, &member.id, index, &entry)? {
                        self.revoke(&member.id, spki);
                    }
                }
            }
            Change::Payload { origin, index } => {
                if let Some(member) = charter.member_of_origin(origin)
                    && let Some(entry) = self.store.entry(origin, *index)?
                {
                    feed::payload(&mut seen.columns, &member.id, *index, &entry)?;
                }
            }
            Change::Head { origin } => {
                if let Some(member) = charter.member_of_origin(origin)
                    && let Some(head) = self.store.log(origin)?.and_then(|log| log.head)
                {
                    feed::head(&mut seen.columns, charter, &member.id, &head.note);
                }
            }
            Change::Frozen { origin } => {
                seen.frozen.insert(origin.clone());
            }
            Change::Charter { .. } | Change::Conflict { .. } => {}
        }
        Ok(())
    }

    fn revoke(&self, member: &MemberId, spki: [u8; 32]) {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        if revoked.insert((member.clone(), spki)) {
            drop(revoked);
            self.trust_changed();
        }
    }

    fn trust_changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Lets nothing be answered about reports while `lacks` says why some of what was held is not.
    pub fn answers_unless(&self, lacks: impl Fn() -> Option<String> + Send + Sync + 'static) {
        // Only the first is heard: there is one watch over one node.
        let _ = self.lacks.set(Lacks(Box::new(lacks)));
    }

    /// Refuses while some of what was held is not.
    ///
    /// # Errors
    /// [`PlaneError::Lacking`].
    pub fn holds_all(&self) -> Result<(), PlaneError> {
        let lacks = self.lacks.get().and_then(|lacks| (lacks.0)());
        lacks.map_or(Ok(()), |why| Err(PlaneError::Lacking(why)))
    }

    /// Answers a query in the name of a member, or of this node's own user.
    ///
    /// # Errors
    /// When there is no charter, or the query has no answer.
    pub fn query(
        &self,
        reader: Option<MemberId>,
        request: &wire::QueryRequest,
    ) -> Result<wire::QueryResponse, PlaneError> {
        self.holds_all()?;
        let consortium = self.consortium_now()?;
        let seen = self.caught_up()?;
        Ok(report::query(
            &seen.columns,
            &consortium,
            &self.asker(reader),
            request,
        )?)
    }

    /// Answers who has reported, in the name of a member, or of this node's own user.
    ///
    /// # Errors
    /// When there is no charter, or the request cannot be understood.
    pub fn coverage(
        &self,
        reader: Option<MemberId>,
        request: &wire::CoverageRequest,
    ) -> Result<wire::CoverageResponse, PlaneError> {
        self.holds_all()?;
        let consortium = self.consortium_now()?;
        let seen = self.caught_up()?;
        Ok(report::coverage(
            &seen.columns,
            &consortium,
            &self.asker(reader),
            request,
        )?)
    }

    /// Tells a story in the name of a member, or of this node's own user.
    ///
    /// # Errors
    /// When there is no charter, or the request cannot be understood.
    pub fn story(
        &self,
        reader: Option<MemberId>,
        request: &wire::StoryRequest,
    ) -> Result<wire::StoryResponse, PlaneError> {
        self.holds_all()?;
        let consortium = self.consortium_now()?;
        let seen = self.caught_up()?;
        Ok(report::story(
            &seen.columns,
            &consortium,
            &self.asker(reader),
            request,
        )?)
    }

    /// Says how far anybody can bound what a member ever published.
    ///
    /// # Errors
    /// When there is no charter, it names no such member, or the solver fails.
    pub fn audit(&self, member: &MemberId) -> Result<wire::AuditResponse, PlaneError> {
        self.holds_all()?;
        let chain = self.chain().ok_or(PlaneError::NoCharter)?;
        Ok(report::audit(&self.store, &chain, member)?)
    }

    /// Returns the logs whose owner signed two histories.
    pub fn frozen_logs(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.frozen.iter().cloned().collect()
    }

    /// Returns one leaf with everything it takes to check it offline, for a reader or for this
    /// node's own user.
    ///
    /// # Errors
    /// When there is no such leaf, its payload is not here, was recalled, or is not the reader's
    /// to see.
    pub fn prove(
        &self,
        reader: Option<&MemberId>,
        member: &MemberId,
        index: u64,
    ) -> Result<wire::ProveResponse, PlaneError> {
        self.holds_all()?;
        let charter = self.charter()?;
        let proof = report::prove(&self.store, &charter, reader, member, index)?;
        Ok(wire::ProveResponse {
            document: proof.document,
            status: self.status_of(member, proof.series, index)?.to_owned(),
        })
    }

    /// Returns whether a later leaf stands in a leaf's place.
    fn status_of(
        &self,
        member: &MemberId,
        series: Option<Series>,
        index: u64,
    ) -> Result<&'static str, PlaneError> {
        let Some(series) = series else {
            return Ok("current");
        };
        let history = self.caught_up()?.columns.history(member, series);
        let superseded = history
            .iter()
            .any(|release| release.leaf_index == index && release.superseded_by.is_some());
        Ok(if superseded { "superseded" } else { "current" })
    }

    fn consortium_now(&self) -> Result<Consortium, PlaneError> {
        Ok(feed::consortium(&*self.charter()?))
    }

    fn asker(&self, reader: Option<MemberId>) -> Asker {
        Asker {
            today: self.clock.today(),
            reader,
        }
    }
}

fn same_consortium(ours: &Charter, theirs: &Charter) -> Result<(), PlaneError> {
    if ours.consortium() == theirs.consortium() {
        return Ok(());
    }
    Err(PlaneError::OtherConsortium {
        ours: ours.consortium().clone(),
        theirs: theirs.consortium().clone(),
    })
}

fn stored_chain(store: &PublicStore) -> Result<Option<Chain>, PlaneError> {
    let mut chain: Option<Chain> = None;
    let mut offer = |bytes: &[u8]| -> Result<(), PlaneError> {
        let note = CharterNote::parse(bytes)?;
        match &mut chain {
            None => chain = Some(Chain::found(note)?),
            Some(chain) => {
                chain.offer(note)?;
            }
        }
        Ok(())
    };
    for stored in store.charters() {
        offer(&stored?.1)?;
    }
    for (_, bytes) in store.conflicts(None)? {
        offer(&bytes)?;
    }
    Ok(chain)
}

impl TrustSource for PublicPlane {
    fn consortium(&self) -> Option<ConsortiumId> {
        self.charter()
            .ok()
            .map(|charter| charter.consortium().clone())
    }

    fn authorities(&self, member: &MemberId) -> Vec<Vec<u8>> {
        self.charter()
            .map_or_else(|_| Vec::new(), |charter| charter.tls_cas(member))
    }

    fn is_revoked(&self, member: &MemberId, spki_sha256: &[u8; 32]) -> bool {
        self.revoked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&(member.clone(), *spki_sha256))
    }

    fn now(&self) -> u64 {
        self.clock.now()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
