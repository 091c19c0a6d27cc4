//! `peer list|add|sync`.

use serde::Serialize;

use super::context::{Context, Plane};
use super::failure::Failure;
use super::host::Host;
use super::output::{Reply, table};
use crate::config::value::endpoint;
use crate::model::MemberId;
use crate::wire;

/// Commands about peers.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PeerCommand {
    /// List the nodes this one talks to
    List,
    /// Reach a member at this address instead of the charter's, on this node only
    Add {
        /// The member
        id: MemberId,
        /// https://host:port
        #[arg(value_parser = url)]
        url: String,
    },
    /// Sync now, and wait until both sides have what the other had
    Sync {
        /// Only with this member
        #[arg(long, value_name = "ID")]
        peer: Option<MemberId>,
    },
}

fn url(given: &str) -> Result<String, String> {
    endpoint(given)
}

pub(super) async fn run<H: Host>(
    command: PeerCommand,
    context: &Context<'_, H>,
) -> Result<u8, Failure> {
    match command {
        PeerCommand::List => {
            let request = wire::ListPeersRequest {};
            let listed = context
                .with_node(Plane::Public, async |node| node.list_peers(request).await)
                .await?;
            let peers = listed.peers.into_iter().map(Peer::from).collect();
            context.answer(&PeersReply { peers })
        }
        PeerCommand::Add { id, url } => {
            let member = id.to_string();
            let request = wire::AddPeerRequest { member, url };
            let added = context
                .with_node(Plane::Public, async |node| node.add_peer(request).await)
                .await?;
            context.answer(&Peer::from(added.peer.unwrap_or_default()))
        }
        PeerCommand::Sync { peer } => {
            let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
            let request = wire::SyncPeersRequest { peer };
            let synced = context
                .with_node(Plane::Public, async |node| node.sync_peers(request).await)
                .await?;
            let peers = synced.peers.into_iter().map(PeerSync::from).collect();
            context.answer(&SyncReply { peers })
        }
    }
}

#[derive(Debug, Serialize)]
struct PeersReply {
    peers: Vec<Peer>,
}

#[derive(Debug, Serialize)]
struct Peer {
    member: String,
    url: String,
    overridden: bool,
    last_sync: Option<String>,
    error: Option<String>,
}

impl From<wire::Peer> for Peer {
    fn from(peer: wire::Peer) -> Self {
        Self {
            member: peer.member,
            url: peer.url,
            overridden: peer.overridden,
            last_sync: some(peer.last_sync),
            error: some(peer.error),
        }
    }
}

/// Returns what was said; an empty text says nothing.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl Reply for PeersReply {
    fn human(&self) -> String {
        if self.peers.is_empty() {
            return "No peers: the charter in force names no other node with an address.\n"
                .to_owned();
        }
        let rows: Vec<[String; 5]> = self
            .peers
            .iter()
            .map(|peer| {
                [
                    peer.member.clone(),
                    peer.url.clone(),
                    if peer.overridden { "set here" } else { "" }.to_owned(),
                    peer.last_sync.clone().unwrap_or_else(|| "never".to_owned()),
                    peer.error.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(["member", "address", "", "last sync", "trouble"], &rows)
    }
}

impl Reply for Peer {
    fn human(&self) -> String {
        super::output::printable(&format!("{} is dialled at {}\n", self.member, self.url))
    }
}

#[derive(Debug, Serialize)]
struct SyncReply {
    peers: Vec<PeerSync>,
}

#[derive(Debug, Serialize)]
struct PeerSync {
    member: String,
    ok: bool,
    received: u64,
    sent: u64,
    error: Option<String>,
}

impl From<wire::PeerSync> for PeerSync {
    fn from(peer: wire::PeerSync) -> Self {
        Self {
            member: peer.member,
            ok: peer.ok,
            received: peer.received,
            sent: peer.sent,
            error: some(peer.error),
        }
    }
}

impl Reply for SyncReply {
    fn human(&self) -> String {
        if self.peers.is_empty() {
            return "There is nobody to sync with.\n".to_owned();
        }
        let rows: Vec<[String; 5]> = self
            .peers
            .iter()
            .map(|peer| {
                [
                    peer.member.clone(),
                    if peer.ok { "level" } else { "failed" }.to_owned(),
                    peer.received.to_string(),
                    peer.sent.to_string(),
                    peer.error.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(
            ["member", "", "leaves received", "leaves sent", "trouble"],
            &rows,
        )
    }

    fn is_done(&self) -> bool {
        self.peers.iter().all(|peer| peer.ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_is_done_when_every_peer_is_level() {
        let peer = |ok, error: &str| {
            PeerSync::from(wire::PeerSync {
                member: "anpud".to_owned(),
                ok,
                received: 2,
                sent: 0,
                error: error.to_owned(),
            })
        };
        let good = SyncReply {
            peers: vec![peer(true, "")],
        };
        assert!(good.is_done());
        assert_eq!(
            serde_json::to_string(&good).expect("it is JSON"),
            r#"{"peers":[{"member":"anpud","ok":true,"received":2,"sent":0,"error":null}]}"#
        );
        let bad = SyncReply {
            peers: vec![peer(true, ""), peer(false, "refused")],
        };
        assert!(!bad.is_done());
        assert!(bad.human().contains("refused"));
    }
}
