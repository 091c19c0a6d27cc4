//! Running one node, over the local socket.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::office::Office;
use super::{blocking, invalid};
use crate::charter::{CharterNote, verify_first, verify_next};
use crate::identity::ca::needs_renewal;
use crate::model::MemberId;
use crate::rpc::errors::Told as _;
use crate::rpc::generated::admin_server::Admin;
use crate::wire;

/// The peers of this node, as the operator sees them.
#[tonic::async_trait]
pub trait PeerBook: std::fmt::Debug + Send + Sync {
    /// Returns every peer this node dials, or could.
    ///
    /// # Errors
    /// When there is no charter, or the store cannot be read.
    fn list(&self) -> Result<Vec<wire::Peer>, Status>;

    /// Overrides where a member is dialled. Durable when it returns.
    ///
    /// # Errors
    /// When the URL is none, or the charter names no such member.
    fn add(&self, member: &MemberId, url: &str) -> Result<wire::Peer, Status>;

    /// Syncs now with one peer, or all.
    ///
    /// # Errors
    /// When there is no charter or no such peer; how each sync went is in the answer.
    async fn sync(&self, peer: Option<MemberId>) -> Result<Vec<wire::PeerSync>, Status>;

    /// Tells that this node has something new to pass on.
    fn nudge(&self);

    /// Waits until every peer has been tried once since the start, so that whoever is in reach
    /// has shown how far it knows this node's own log.
    async fn settle(&self);

    /// Returns what troubles the federation.
    fn problems(&self) -> Vec<wire::Problem>;

    /// Returns what is no trouble yet: peers that were not reached so soon after the start.
    fn waiting(&self) -> Vec<wire::Problem>;
}

/// The service.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct AdminService {
    office: Arc<Office>,
    peers: Arc<dyn PeerBook>,
}

impl AdminService {
    pub(in crate::rpc) fn new(office: Arc<Office>, peers: Arc<dyn PeerBook>) -> Self {
        Self { office, peers }
    }
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn health(
        &self,
        _request: Request<wire::HealthRequest>,
    ) -> Result<Response<wire::HealthResponse>, Status> {
        let (office, troubles) = (Arc::clone(&self.office), self.peers.problems());
        let waiting = self.peers.waiting();
        blocking(move || {
            Ok(wire::HealthResponse {
                waiting,
                ..office.health(troubles)
            })
        })
        .await
    }

    async fn unlock(
        &self,
        request: Request<wire::UnlockRequest>,
    ) -> Result<Response<wire::UnlockResponse>, Status> {
        let passphrase = Zeroizing::new(request.into_inner().passphrase);
        let office = Arc::clone(&self.office);
        blocking(move || {
            office.unlock(passphrase.as_bytes())?;
            Ok(wire::UnlockResponse { locked: false })
        })
        .await
    }

    async fn lock(
        &self,
        _request: Request<wire::LockRequest>,
    ) -> Result<Response<wire::LockResponse>, Status> {
        self.office.private.lock();
        Ok(Response::new(wire::LockResponse { locked: true }))
    }

    async fn card(
        &self,
        request: Request<wire::CardRequest>,
    ) -> Result<Response<wire::CardResponse>, Status> {
        let only_fingerprint = request.into_inner().fingerprint;
        let office = Arc::clone(&self.office);
        blocking(move || {
            let card = office.card()?;
            let text = if only_fingerprint {
                card.fingerprint()
            } else {
                card.to_string()
            };
            Ok(wire::CardResponse { text })
        })
        .await
    }

    async fn sign_charter(
        &self,
        request: Request<wire::SignCharterRequest>,
    ) -> Result<Response<wire::SignCharterResponse>, Status> {
        let draft = request.into_inner().note;
        let office = Arc::clone(&self.office);
        blocking(move || {
            let mut note = CharterNote::parse(draft.as_bytes()).map_err(|error| error.told())?;
            let me = &office.public.me.id;
            office.with_keys(|keys| note.sign(&keys.governor, me).map_err(|error| error.told()))?;
            // A locked node can only be reached with a certificate it has already.
            office.issue_certificate(note.charter().consortium())?;
            Ok(wire::SignCharterResponse {
                charter: Some(office.state_of(&note)),
                note: note.to_string(),
            })
        })
        .await
    }

    async fn show_charter(
        &self,
        _request: Request<wire::ShowCharterRequest>,
    ) -> Result<Response<wire::ShowCharterResponse>, Status> {
        let chain = self.office.public.chain();
        let chain = chain.ok_or_else(|| crate::rpc::plane::PlaneError::NoCharter.told())?;
        Ok(Response::new(wire::ShowCharterResponse {
            charter: Some(chain.verified().to_state(chain.current())),
        }))
    }

    async fn list_peers(
        &self,
        _request: Request<wire::ListPeersRequest>,
    ) -> Result<Response<wire::ListPeersResponse>, Status> {
        let peers = self.peers.list()?;
        Ok(Response::new(wire::ListPeersResponse { peers }))
    }

    async fn add_peer(
        &self,
        request: Request<wire::AddPeerRequest>,
    ) -> Result<Response<wire::AddPeerResponse>, Status> {
        let (asked, peers) = (request.into_inner(), Arc::clone(&self.peers));
        blocking(move || {
            let member: MemberId = asked.member.parse().map_err(invalid)?;
            let peer = peers.add(&member, &asked.url)?;
            Ok(wire::AddPeerResponse { peer: Some(peer) })
        })
        .await
    }

    async fn sync_peers(
        &self,
        request: Request<wire::SyncPeersRequest>,
    ) -> Result<Response<wire::SyncPeersResponse>, Status> {
        let peer = match request.into_inner().peer.as_str() {
            "" => None,
            text => Some(text.parse().map_err(invalid)?),
        };
        let peers = self.peers.sync(peer).await?;
        Ok(Response::new(wire::SyncPeersResponse { peers }))
    }

    async fn grant_access(
        &self,
        request: Request<wire::GrantAccessRequest>,
    ) -> Result<Response<wire::GrantAccessResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || office.grant(&asked)).await
    }

    async fn revoke_access(
        &self,
        request: Request<wire::RevokeAccessRequest>,
    ) -> Result<Response<wire::RevokeAccessResponse>, Status> {
        self.peers.settle().await;
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        let revoked = blocking(move || {
            let leaf_index = office.revoke(&asked.name)?;
            Ok(wire::RevokeAccessResponse { leaf_index })
        })
        .await?;
        self.peers.nudge();
        Ok(revoked)
    }

    async fn list_access(
        &self,
        _request: Request<wire::ListAccessRequest>,
    ) -> Result<Response<wire::ListAccessResponse>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || {
            let access = office.grants()?;
            Ok(wire::ListAccessResponse { access })
        })
        .await
    }

    async fn reload(
        &self,
        _request: Request<wire::ReloadRequest>,
    ) -> Result<Response<wire::ReloadResponse>, Status> {
        let office = Arc::clone(&self.office);
        blocking(move || {
            let reload = office.reload.get().ok_or_else(|| {
                let hint = "start it with `counterfoil serve`";
                crate::rpc::status::status("not_running", "this node does not serve", hint)
            })?;
            Ok(reload())
        })
        .await
    }

    async fn audit(
        &self,
        request: Request<wire::AuditRequest>,
    ) -> Result<Response<wire::AuditResponse>, Status> {
        let (office, asked) = (Arc::clone(&self.office), request.into_inner());
        blocking(move || {
            let member = match asked.member.as_str() {
                "" => office.public.me.id.clone(),
                named => named.parse().map_err(invalid)?,
            };
            office.public.audit(&member).map_err(|error| error.told())
        })
        .await
    }
}

impl Office {
    /// Returns a note's state, judged as the successor of what is in force where it is one.
    fn state_of(&self, note: &CharterNote) -> wire::CharterState {
        let version = note.charter().version();
        let chain = self.public.chain();
        let before = chain
            .as_ref()
            .and_then(|chain| chain.version(version.checked_sub(1)?));
        let verified = match before {
            Some(before) => verify_next(before.charter(), note),
            None => verify_first(note),
        };
        verified.to_state(note.charter())
    }

    /// Says whether the node is ready, and what troubles it besides `problems`.
    pub fn health(&self, mut problems: Vec<wire::Problem>) -> wire::HealthResponse {
        let mut blocks = false;
        problems.extend(self.troubles.all());
        let mut problem = |code: &str, message: String, blocking: bool| {
            blocks |= blocking;
            problems.push(wire::Problem {
                code: code.to_owned(),
                message,
            });
        };
        let charter = self.public.charter().ok();
        match &charter {
            None => problem("no_charter", "no charter was applied yet".to_owned(), true),
            Some(charter) => {
                if let Some(expiry) = charter.expiry(self.public.clock.today()) {
                    problem(expiry.code(), expiry.to_string(), false);
                }
            }
        }
        if let Some(chain) = self.public.chain()
            && let Some(conflict) = chain.conflict()
        {
            problem("charter_conflict", conflict.to_string(), true);
        }
        if charter.is_some() {
            self.certificate_problem(&mut problem);
        }
        if let Some(reason) = self.public.store.poisoned() {
            problem("store", reason.to_owned(), true);
        }
        if let Some(message) = self.ledger_problem() {
            problem("ledger", message, false);
        }
        self.disk_problem(&mut problem);
        for stale in self.hold_problems() {
            problem(&stale.code, stale.message, false);
        }
        for origin in self.public.frozen_logs() {
            problem(
                "equivocation",
                format!("{origin} signed two histories; its log is frozen"),
                true,
            );
        }
        let tree_size = charter
            .as_ref()
            .and_then(|charter| {
                self.public
                    .store
                    .log(&charter.origin(&self.public.me.id))
                    .ok()?
            })
            .map_or(0, |log| log.size);
        wire::HealthResponse {
            ready: !blocks,
            locked: self.private.is_locked(),
            charter_version: charter.map_or(0, |charter| charter.version()),
            tree_size,
            problems,
            waiting: Vec::new(),
        }
    }

    fn certificate_problem(&self, problem: &mut impl FnMut(&str, String, bool)) {
        let now = self.public.clock.now();
        match self.certificate_end() {
            None => problem(
                "no_certificate",
                "this node has no certificate, so peers cannot be reached; unlock it once"
                    .to_owned(),
                true,
            ),
            Some(_) if self.certificate_is_early() => problem(
                "certificate_early",
                "this node's certificate is not valid yet, as a clock that was ahead made it; see that the clock is right, and unlock the node to renew it"
                    .to_owned(),
                true,
            ),
            Some(end) if end <= now => problem(
                "certificate_expired",
                "this node's certificate has expired; unlock it to renew it".to_owned(),
                true,
            ),
            Some(end) if needs_renewal(end, now) => problem(
                "certificate_expires",
                "this node's certificate ends within 30 days; unlock it to renew it".to_owned(),
                false,
            ),
            Some(_) => {}
        }
    }
}
