//! A node opened in this process: both planes, and a way to talk to them. No listener yet.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use super::make::{card_path, witness_path};
use super::{failure, on_thread};
use crate::charter::{Card, Charter, Member};
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::{Config, Passphrase};
use crate::federation::{Federation, HeadSense, HeadWatch, Mark, Pace, Patience, Peers, Witness};
use crate::identity::{WitnessKey, canon};
use crate::log::{Origin, SignedCheckpoint, verify_consistency};
use crate::model::MemberId;
use crate::release::PrivatePlane;
use crate::rpc::memory::{self, Memory};
use crate::rpc::own_cert::NodeCertFile;
use crate::rpc::plane::PublicPlane;
use crate::rpc::services::federation::{CharterInForce, Peering, TlsDial};
use crate::rpc::services::holds::let_out_held;
use crate::rpc::services::office::Troubles;
use crate::rpc::services::{Office, PeerBook, Routes, local_routes, peer_routes, sync_service};
use crate::rpc::{CallError, Client, TrustSource, connect};
use crate::store::backup::{Cause, RestoreMark};
use crate::store::replica::Replica;
use crate::store::{CheckpointFile, Entropy, NodeDir, StoreError, file};

const MAX_CARD: usize = 256 << 10;

/// Both planes of one node, opened.
#[derive(Debug)]
pub struct Node {
    pub(super) office: Arc<Office>,
    pub(super) book: Arc<dyn PeerBook>,
    pub(super) peers: Arc<Peers>,
    pub(super) dir: Arc<NodeDir>,
    pub(super) config: Config,
    pub(super) clock: Clock,
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
        let plane = PublicPlane::open(store, me.clone(), clock).map_err(failure)?;
        let public = Arc::new(plane);
        let checkpoint = dir.checkpoint();
        let witness = read_witness(path, &me)?;
        let federation = Arc::new(Federation::new(
            Arc::clone(&public.store),
            Arc::new(CharterInForce::new(Arc::clone(&public))),
            Some(Witness::new(witness, me.id.clone())),
            head_watch(path, &public, &checkpoint)?,
            Arc::new(move || clock.now()),
            Patience::default(),
        ));
        let watched = Arc::downgrade(&federation);
        public.answers_unless(move || watched.upgrade()?.sense.lacks());
        let dial = TlsDial {
            own: Arc::clone(&public.own_cert),
            trust: Arc::clone(&public) as Arc<dyn TrustSource>,
        };
        let pace = Pace {
            interval: config.sync_interval,
            ..Pace::default()
        };
        let peers = Arc::new(Peers::new(
            Arc::clone(&federation),
            Arc::new(dial),
            pace,
            entropy,
        ));
        let private = PrivatePlane::new(Arc::clone(&dir), me.id.clone(), me.relay, entropy);
        let office = Arc::new(Office {
            public,
            private: Arc::new(private),
            checkpoint,
            card_file: card_path(path),
            cert_file: NodeCertFile::at(path.join("node.cert")),
            advertise: config.advertise.clone(),
            entropy,
            may_sign: Box::new(move || match federation.sense.sense() {
                HeadSense::Sure => Ok(()),
                HeadSense::Unsure(reason) => Err(reason),
            }),
            approvals: config.approvals.get(),
            holds_changed: tokio::sync::Notify::new(),
            retention: config.retention.clone(),
            wiped: tokio::sync::Notify::new(),
            card: Mutex::new(card),
            troubles: Troubles::default(),
            reload: OnceLock::new(),
            memory: Memory::within(config.max_memory.or_else(memory::system_limit)),
            unlocked: tokio::sync::Notify::new(),
        });
        office.show_certificate();
        Ok(Self {
            book: Arc::new(Peering(Arc::clone(&peers))),
            peers,
            office,
            dir,
            config,
            clock,
        })
    }

    /// Returns a client of the node's local services, in this process.
    ///
    /// # Errors
    /// Never in practice; see [`connect::in_process`].
    pub fn client(&self) -> Result<Client, Failure> {
        let routes = local_routes(&self.office, &self.book);
        let channel = connect::in_process(routes);
        channel
            .map(Client::new)
            .map_err(|error| Failure::new("internal", error.to_string(), ""))
    }

    /// Returns what is served to peers and coordinators.
    pub(super) fn peer_routes(&self) -> Routes {
        let book = Arc::clone(&self.book);
        let mut routes = peer_routes(&self.office.public, Arc::new(move || book.nudge()));
        routes.add_service(sync_service(self.peers.node()));
        routes.routes()
    }

    /// Lets out what was held until now; returns as [`let_out_held`] does.
    pub async fn let_out_held(&self) -> Option<Duration> {
        let_out_held(&self.office, &self.book).await
    }

    /// Lets what was begun end, and closes both planes.
    pub fn close(&self) {
        self.office.private.lock();
    }
}

/// Returns the watch over the own log: in doubt where the store is behind what was signed, was
/// restored from a backup, or has lost something, and lacking where that was damage.
fn head_watch(
    path: &Path,
    public: &PublicPlane,
    checkpoint: &CheckpointFile,
) -> Result<HeadWatch, Failure> {
    let doubt = doubt(public, checkpoint)?;
    let is_short = match &doubt {
        Some(mark) => own_size(public)? < mark.size,
        None => false,
    };
    let Some(restored) = RestoreMark::read(path).map_err(failure)? else {
        return Ok(HeadWatch::new(doubt).lacking(is_short));
    };
    let is_lacking = match restored.cause {
        Cause::FellBack => true,
        Cause::Rebuilt(_) => is_short,
        Cause::Restored(_) | Cause::Copied => false,
    };
    let why = restored.cause.to_string();
    let reason = format!("{why}, and may have signed more since; sync with a peer");
    let mark = doubt.unwrap_or(Mark { reason, size: 0 });
    let mark = (!public.me.relay).then(|| Mark {
        size: mark.size.max(restored.size),
        ..mark
    });
    let dir = path.to_owned();
    let over = move || {
        if let Err(error) = RestoreMark::remove(&dir) {
            tracing::warn!(%error, "restore mark not taken away");
        }
    };
    Ok(HeadWatch::new(mark)
        .restored(why, Box::new(over))
        .lacking(is_lacking))
}

/// Returns how many leaves of its own log the store holds.
fn own_size(public: &PublicPlane) -> Result<u64, Failure> {
    let Ok(charter) = public.charter() else {
        return Ok(0);
    };
    let log = public.store.log(&charter.origin(&public.me.id));
    Ok(log.map_err(failure)?.map_or(0, |log| log.size))
}

/// Returns why the store may be behind what this node has signed, if it may be: it does not bear
/// out the checkpoint kept beside it.
fn doubt(public: &PublicPlane, file: &CheckpointFile) -> Result<Option<Mark>, Failure> {
    let note = match file.read() {
        Ok(None) => return without_checkpoint(public, "is gone"),
        Ok(Some(note)) => note,
        Err(StoreError::Damaged { .. }) => return without_checkpoint(public, "is damaged"),
        Err(error) => return Err(failure(error)),
    };
    let damaged = |error: &dyn std::fmt::Display| {
        let message = format!("the log in the store is damaged: {error}");
        let hint = "stop the node, run `counterfoil doctor --rebuild public`, start and sync it";
        Failure::new("damaged", message, hint)
    };
    let Ok(signed) = SignedCheckpoint::parse(note.as_bytes()) else {
        return without_checkpoint(public, "is damaged");
    };
    let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
    let Ok(charter) = public.charter() else {
        let reason = format!(
            "this node has signed {size} leaves of its log, and its store has lost even the \
             charter; apply the charter again, then sync with a peer"
        );
        return Ok(Some(Mark { reason, size }));
    };
    if !is_own(&signed, &charter, &public.me.id) {
        return without_checkpoint(public, "is damaged");
    }
    let origin = charter.origin(&public.me.id);
    let log = Replica::new(&public.store, &origin);
    let held = log.state().map_err(failure)?.size;
    let reason = if held < size {
        format!("this node has signed {size} leaves of its log and holds {held}; sync with a peer")
    } else {
        let now = log.root().map_err(|error| damaged(&error))?;
        let path = log
            .consistency(size, held)
            .map_err(|error| damaged(&error))?;
        if size == 0 || verify_consistency(size, held, root, now, &path).is_ok() {
            return Ok(None);
        }
        "the log in the store is not the one this node has signed; restore a backup".to_owned()
    };
    Ok(Some(Mark { reason, size }))
}

/// Returns whether a checkpoint is signed by this node's own log key.
fn is_own(signed: &SignedCheckpoint, charter: &Charter, me: &MemberId) -> bool {
    let keys: Vec<_> = charter.log_vkey(me).into_iter().collect();
    let origin = Origin::of(charter.consortium(), me);
    signed.clone().verify(&origin, &keys).is_ok()
}

/// Returns why a log without its checkpoint file is in doubt: the file is there before the first
/// leaf is, so it was lost, and the log may have been longer.
fn without_checkpoint(public: &PublicPlane, what: &str) -> Result<Option<Mark>, Failure> {
    if public.charter().is_err() {
        return Ok(None);
    }
    let size = own_size(public)?;
    let reason = format!(
        "the checkpoint file {what}, so the {size} leaves held may not be all this node has \
         signed; sync with a peer that holds its log"
    );
    Ok((size > 0).then_some(Mark { reason, size }))
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

fn read_witness(dir: &Path, me: &Member) -> Result<WitnessKey, Failure> {
    let path = witness_path(dir);
    let bytes = file::read_small(&path, 1024)
        .map_err(failure)?
        .map(Zeroizing::new);
    let seed = bytes
        .and_then(|bytes| canon::from_base64_32(std::str::from_utf8(&bytes).ok()?.trim()))
        .map(Zeroizing::new);
    let key = seed.map(|seed| WitnessKey::from_seed(&seed));
    // Another key would cosign in nobody's name.
    key.filter(|key| key.public_key() == me.witness_key)
        .ok_or_else(|| damaged(&path, "it should hold the witness key of this node's card"))
}
