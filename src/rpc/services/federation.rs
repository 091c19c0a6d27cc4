//! Syncing with peers: the service they call, and the calls we make.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::PeerBook;
use crate::charter::{Chain, Charter};
use crate::federation::{
    Awaited, CharterOutcome, Charters, Dial, DialError, Dialling, Federation, HeadSense, Line,
    PeerError, Peers, Roll, RollMember, Side, Target,
};
use crate::identity::Role;
use crate::identity::keys::witness_verifier;
use crate::model::MemberId;
use crate::rpc::connect::{self, ConnectError, PeerAddress, explain};
use crate::rpc::generated::federation_client::FederationClient;
use crate::rpc::generated::federation_server;
use crate::rpc::plane::PublicPlane;
use crate::rpc::status::status;
use crate::rpc::tls::{self, OwnCert, TrustSource};
use crate::rpc::{Caller, MESSAGE_LIMIT};
use crate::wire::sync_frame::Frame;
use crate::wire::{Peer, PeerSync, Problem, SyncFrame, SyncRequest, SyncResponse};

/// Frames between a sync and its stream. One is on its way already while the next is made.
const BETWEEN: usize = 1;

/// The service. It sees the public plane alone.
#[derive(Clone, Debug)]
pub struct FederationService {
    node: Arc<Federation>,
}

impl FederationService {
    /// Serves one node's part in the federation.
    pub const fn new(node: Arc<Federation>) -> Self {
        Self { node }
    }
}

type Answer = ReceiverStream<Result<SyncResponse, Status>>;

#[tonic::async_trait]
impl federation_server::Federation for FederationService {
    type SyncStream = Answer;

    async fn sync(
        &self,
        request: Request<Streaming<SyncRequest>>,
    ) -> Result<Response<Answer>, Status> {
        let caller = Caller::of(&request)?.peer().map(|peer| &peer.spiffe);
        // The guard lets nobody else through; this holds should it ever stand elsewhere.
        let node = caller.filter(|spiffe| spiffe.role == Role::Node);
        let Some(peer) = node.map(|spiffe| spiffe.member.clone()) else {
            return Err(status("denied", "only a member's node may sync", ""));
        };
        let (to_peer, answer) = mpsc::channel(BETWEEN);
        let federation = Arc::clone(&self.node);
        let incoming = request.into_inner();
        tokio::spawn(async move { answer_sync(&federation, &peer, incoming, to_peer).await });
        Ok(Response::new(ReceiverStream::new(answer)))
    }
}

/// Syncs with a peer that dialled, and ends its call with the reason where that did not end well.
async fn answer_sync(
    node: &Arc<Federation>,
    peer: &MemberId,
    incoming: Streaming<SyncRequest>,
    to_peer: mpsc::Sender<Result<SyncResponse, Status>>,
) {
    let incoming = incoming.map(|said| match said {
        Ok(said) => Ok(said.frame.unwrap_or_default()),
        Err(error) => Err(reason(&error)),
    });
    let (outgoing, mut frames) = mpsc::channel::<SyncFrame>(BETWEEN);
    let mut last_word = "the sync did not end well; the node's log says why".to_owned();
    let forward = async {
        while let Some(frame) = frames.recv().await {
            if let Some(Frame::Refused(refused)) = &frame.frame {
                last_word.clone_from(&refused.reason);
            }
            let frame = Some(frame);
            if to_peer.send(Ok(SyncResponse { frame })).await.is_err() {
                // Nobody reads any more; the sync sees its side closed.
                frames.close();
            }
        }
    };
    let sync = node.sync(peer, Side::Accepted, incoming, outgoing);
    let (done, ()) = tokio::join!(sync, forward);
    if !done.ok {
        // The peer has read it in a frame; this is for whoever sees the call alone.
        let _ = to_peer.send(Err(status("refused", last_word, ""))).await;
    }
}

fn reason(error: &Status) -> String {
    explain(error).unwrap_or_else(|| error.message().to_owned())
}

/// Dials peers over mutual TLS.
#[derive(Clone, Debug)]
pub struct TlsDial {
    /// What we show.
    pub own: Arc<OwnCert>,
    /// Whom we trust.
    pub trust: Arc<dyn TrustSource>,
}

impl TlsDial {
    async fn open(&self, member: &MemberId, url: &str) -> Result<Line, DialError> {
        let failed = |error: &dyn std::fmt::Display| DialError::Wrong(error.to_string());
        let address: PeerAddress = url.parse().map_err(|error| failed(&error))?;
        let config = tls::client_config(self.own.clone(), self.trust.clone(), member.clone());
        let config = config.map_err(|error| failed(&error))?;
        let channel = connect::peer(&address, config).await;
        let channel = channel.map_err(|error| match &error {
            ConnectError::Unreachable { .. } => DialError::Nobody(error.to_string()),
            _ => failed(&error),
        })?;
        let mut client = FederationClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT);
        let (outgoing, said) = mpsc::channel(BETWEEN);
        let said = ReceiverStream::new(said).map(|frame| SyncRequest { frame: Some(frame) });
        let answer = client.sync(said).await;
        let answer = answer.map_err(|error| {
            DialError::Wrong(format!(
                "{member} at {address} refused the call: {}",
                reason(&error)
            ))
        })?;
        let incoming = answer.into_inner().map(move |said| {
            // The connection lives as long as its client.
            let _held = &client;
            match said {
                Ok(said) => Ok(said.frame.unwrap_or_default()),
                Err(error) => Err(reason(&error)),
            }
        });
        Ok(Line {
            outgoing,
            incoming: Box::pin(incoming),
        })
    }
}

impl Dial for TlsDial {
    fn dial<'a>(&'a self, member: &'a MemberId, url: &'a str) -> Dialling<'a> {
        Box::pin(self.open(member, url))
    }
}

/// Reads the roll out of the charter in force, and hands versions that peers sent to the plane.
#[derive(Debug)]
pub struct CharterInForce {
    plane: Arc<PublicPlane>,
    /// The last roll made, with the charter it was made of.
    made: Mutex<Option<(Arc<Charter>, Arc<Roll>)>>,
}

impl CharterInForce {
    /// Reads from, and hands to, the public plane.
    pub const fn new(plane: Arc<PublicPlane>) -> Self {
        Self {
            plane,
            made: Mutex::new(None),
        }
    }
}

impl Charters for CharterInForce {
    fn roll(&self) -> Option<Arc<Roll>> {
        let charter = self.plane.charter().ok()?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, roll)) = made.as_ref()
            && Arc::ptr_eq(of, &charter)
        {
            return Some(Arc::clone(roll));
        }
        let roll = Arc::new(roll_of(&charter, &self.plane.me.id));
        *made = Some((charter, Arc::clone(&roll)));
        Some(roll)
    }

    fn accept(&self, note: &[u8]) -> CharterOutcome {
        let before = self.plane.chain();
        let submitted = self.plane.submit(&[note]);
        let after = self.plane.chain();
        let version = |chain: &Option<Chain>| chain.as_ref().map(|chain| chain.current().version());
        let conflict = |chain: &Option<Chain>| chain.as_ref().and_then(|c| c.conflict().cloned());
        match submitted {
            Err(error) => CharterOutcome::Refused(error.to_string()),
            Ok(_) if conflict(&before) != conflict(&after) => CharterOutcome::Conflict,
            Ok(_) if version(&before) != version(&after) => CharterOutcome::Next,
            Ok(_) => CharterOutcome::Known,
        }
    }
}

/// Returns what the federation needs to know of a charter, as seen from the node of `own`.
pub fn roll_of(charter: &Charter, own: &MemberId) -> Roll {
    let consortium = charter.consortium();
    let members = charter.members().iter().filter_map(|member| {
        // A charter holds no key whose signatures could never count.
        let witness = witness_verifier(consortium, &member.id, member.witness_key).ok()?;
        Some(RollMember {
            id: member.id.clone(),
            active: member.is_active(),
            log_keys: charter.log_vkey(&member.id).into_iter().collect(),
            witness_key: witness,
            endpoints: member.endpoints.clone(),
        })
    });
    Roll::new(consortium.clone(), charter.version(), own.clone(), members)
}

/// The peers of a node, as its operator sees them.
#[derive(Clone, Debug)]
pub struct Peering(pub Arc<Peers>);

#[tonic::async_trait]
impl PeerBook for Peering {
    fn list(&self) -> Result<Vec<Peer>, Status> {
        let targets = self.0.targets().map_err(refused)?;
        Ok(targets.iter().map(|target| self.peer(target)).collect())
    }

    fn add(&self, member: &MemberId, url: &str) -> Result<Peer, Status> {
        let address: PeerAddress = url.parse().map_err(super::invalid)?;
        let target = self.0.add(member, &address.to_string()).map_err(refused)?;
        Ok(self.peer(&target))
    }

    async fn sync(&self, peer: Option<MemberId>) -> Result<Vec<PeerSync>, Status> {
        self.0.sync_now(peer.as_ref()).await.map_err(refused)
    }

    fn nudge(&self) {
        self.0.look_again();
        self.0.node().published();
    }

    async fn settle(&self) {
        if self.0.node().sense.is_settled() {
            return;
        }
        // How each sync went is the peers' to show; tried is tried.
        let _ = self.0.sync_now(None).await;
    }

    fn problems(&self) -> Vec<Problem> {
        let targets = self.0.targets().unwrap_or_default();
        let errors = targets.iter().filter_map(|target| {
            let status = self.0.node().status(&target.member);
            let error = status
                .error
                .filter(|_| self.0.awaited(&target.member).is_none())?;
            Some(Problem {
                code: "peer".to_owned(),
                message: format!("{}: {error}", target.member),
            })
        });
        let sense = &self.0.node().sense;
        let unsure = match sense.sense() {
            // Before every peer was tried once, nothing is wrong yet.
            HeadSense::Unsure(message) if sense.is_settled() || sense.is_marked() => {
                Some(Problem {
                    code: "unsure_head".to_owned(),
                    message,
                })
            }
            _ => None,
        };
        let restored = sense.awaits_peers().map(|why| Problem {
            code: "restored".to_owned(),
            message: format!(
                "{why}; it cosigns a log again once another member than its owner has given what \
                 it holds"
            ),
        });
        let lacking = sense.lacks().map(|why| Problem {
            code: "lacking".to_owned(),
            message: format!("{why}; it gives no report until a peer has given back what it lacks"),
        });
        errors
            .chain(unsure)
            .chain(restored)
            .chain(lacking)
            .collect()
    }

    fn waiting(&self) -> Vec<Problem> {
        let targets = self.0.targets().unwrap_or_default();
        let waiting = targets.iter().filter_map(|target| {
            let member = &target.member;
            let (code, message) = match self.0.awaited(member)? {
                Awaited::Untried => ("not_yet_tried", format!("{member}: not yet tried")),
                Awaited::Silent(error) => (
                    "not_yet_reached",
                    format!("{member}: not yet reached, and tried again: {error}"),
                ),
            };
            Some(Problem {
                code: code.to_owned(),
                message,
            })
        });
        waiting.collect()
    }
}

impl Peering {
    fn peer(&self, target: &Target) -> Peer {
        let status = self.0.node().status(&target.member);
        let last_sync = status.last_sync.and_then(|seconds| {
            let seconds = i64::try_from(seconds).ok()?;
            Some(Timestamp::from_second(seconds).ok()?.to_string())
        });
        Peer {
            member: target.member.to_string(),
            url: target.urls.first().cloned().unwrap_or_default(),
            overridden: target.overridden,
            last_sync: last_sync.unwrap_or_default(),
            error: status.error.unwrap_or_default(),
        }
    }
}

fn refused(error: PeerError) -> Status {
    match &error {
        PeerError::NoCharter => status(
            "no_charter",
            error.to_string(),
            "apply the consortium's charter: `counterfoil charter apply FILE`",
        ),
        PeerError::NotAMember(_) => status(
            "not_found",
            error.to_string(),
            "`counterfoil charter show` lists the members",
        ),
        PeerError::NoAddress(_) => status(
            "not_found",
            error.to_string(),
            "`peer add ID URL` says where it is",
        ),
        PeerError::BadAddress => super::invalid(error),
        PeerError::Store(_) => {
            tracing::error!(%error, "peers cannot be read or kept");
            status("internal", error.to_string(), "see `health`")
        }
    }
}
