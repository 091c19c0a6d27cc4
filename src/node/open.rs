//! A node opened in this process: both planes, and a way to talk to them. No listener yet.

use std::path::Path;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::make::{card_path, witness_path};
use super::{failure, on_thread};
use crate::charter::Card;
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{Config, Passphrase};
use crate::identity::{WitnessKey, canon};
use crate::release::PrivatePlane;
use crate::rpc::own_cert::NodeCertFile;
use crate::rpc::plane::PublicPlane;
use crate::rpc::services::{Office, PeerBook, Routes, Solitary, local_routes, peer_routes};
use crate::rpc::{CallError, Client, connect};
use crate::store::{Entropy, NodeDir, StoreError, file};

const MAX_CARD: usize = 256 << 10;

/// Both planes of one node, opened.
#[derive(Debug)]
pub struct Node {
    pub(super) office: Arc<Office>,
    pub(super) peers: Arc<dyn PeerBook>,
    pub(super) dir: Arc<NodeDir>,
    pub(super) config: Config,
}

impl Node {
    /// Opens the node in a directory; with a passphrase, its private plane too.
    ///
    /// # Errors
    /// When there is none, another process uses it, or something in it is damaged.
    pub async fn open(
        dir: &Path,
        config: Config,
        passphrase: Option<Passphrase>,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, Failure> {
        let dir = dir.to_owned();
        on_thread(move || {
            let node = Self::assemble(&dir, config, clock, entropy)?;
            if let Some(passphrase) = passphrase
                && !node.office.public.me.relay
            {
                let opened = node.office.unlock(passphrase.as_str().as_bytes());
                opened.map_err(|status| Failure::from(CallError::from(status)))?;
            }
            Ok(node)
        })
        .await
    }

    fn assemble(
        path: &Path,
        config: Config,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Self, Failure> {
        let dir = Arc::new(NodeDir::open(path).map_err(failure)?);
        let card = read_card(path)?;
        let me = card.member().clone();
        let store = Arc::new(dir.public(entropy).map_err(failure)?);
        let plane = PublicPlane::open(store, me.clone(), read_witness(path)?, clock);
        let public = Arc::new(plane.map_err(failure)?);
        let private = PrivatePlane::new(Arc::clone(&dir), me.id.clone(), me.relay, entropy);
        let office = Arc::new(Office {
            public,
            private: Arc::new(private),
            checkpoint: dir.checkpoint(),
            card_file: card_path(path),
            cert_file: NodeCertFile::at(path.join("node.cert")),
            advertise: config.advertise.clone(),
            entropy,
            may_sign: Box::new(|| Ok(())),
            card: Mutex::new(card),
        });
        office.show_certificate();
        Ok(Self {
            peers: Arc::new(Solitary),
            office,
            dir,
            config,
        })
    }

    /// Returns a client of the node's local services, in this process.
    ///
    /// # Errors
    /// Never in practice; see [`connect::in_process`].
    pub fn client(&self) -> Result<Client, Failure> {
        let routes = local_routes(&self.office, &self.peers);
        let channel = connect::in_process(routes);
        channel
            .map(Client::new)
            .map_err(|error| Failure::new("internal", error.to_string(), ""))
    }

    /// Returns what is served to peers and coordinators.
    pub(super) fn peer_routes(&self) -> Routes {
        let peers = Arc::clone(&self.peers);
        peer_routes(&self.office.public, Arc::new(move || peers.nudge())).routes()
    }

    /// Lets what was begun end, and closes both planes.
    pub fn close(&self) {
        self.office.private.lock();
    }
}

/// Reads the card of the node in a directory.
///
/// # Errors
/// When there is no node, or the card is damaged.
pub fn read_card(dir: &Path) -> Result<Card, Failure> {
    let path = card_path(dir);
    let bytes = file::read_small(&path, MAX_CARD).map_err(failure)?;
    let bytes = bytes.ok_or_else(|| {
        let message = format!("{} holds no node", dir.display());
        Failure::new(
            "no_node",
            message,
            "make one with `counterfoil init`, or name it with --dir",
        )
    })?;
    Card::parse(&bytes).map_err(|error| damaged(&path, &error.to_string()))
}

fn damaged(path: &Path, reason: &str) -> Failure {
    failure(StoreError::damaged(path, reason))
}

fn read_witness(dir: &Path) -> Result<WitnessKey, Failure> {
    let path = witness_path(dir);
    let bytes = file::read_small(&path, 1024)
        .map_err(failure)?
        .map(Zeroizing::new);
    let seed = bytes
        .and_then(|bytes| canon::from_base64_32(std::str::from_utf8(&bytes).ok()?.trim()))
        .map(Zeroizing::new);
    seed.map(|seed| WitnessKey::from_seed(&seed))
        .ok_or_else(|| damaged(&path, "it should hold the witness key"))
}
