//! Whom to sync with, and when.
//!
//! Every member with an address is dialled: at the start, when something new is here that it did
//! not bring itself, and now and then in any case. One that cannot be reached is left alone for
//! longer and longer. A node without an address dials out, and everything goes both ways over
//! the stream it opens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::dial::{Dial, DialError, Line, Pace};
use super::error::SyncError;
use super::node::{Federation, News, Side};
use super::status::{Awaited, PeerStatus, Target};
use crate::model::MemberId;
use crate::store::{Entropy, StoreError};
use crate::wire::PeerSync;

/// Where this node keeps the addresses that override the charter's: a line each.
const OVERRIDES: &str = "peers";

/// Longest address.
const MOST_URL: usize = 255;

/// How often one sync is begun anew because the peer's own was going on.
const MOST_TURNS: u32 = 10;

/// Why a question about peers has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// There is no charter, so there are no peers.
    #[error("this node has no charter yet")]
    NoCharter,
    /// The charter does not name the member.
    #[error("{0} is not a member in the charter in force, or is this node itself")]
    NotAMember(MemberId),
    /// Nothing says where the member can be dialled.
    #[error("nothing says where {0} can be dialled; add its address with peer add")]
    NoAddress(MemberId),
    /// It is no address.
    #[error("an address is up to {MOST_URL} visible characters, such as https://host:port")]
    BadAddress,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The peers of one node.
#[derive(Debug)]
pub struct Peers {
    node: Arc<Federation>,
    dial: Arc<dyn Dial>,
    pace: Pace,
    entropy: Entropy,
    /// Held while dialling a member, so that it is dialled once at a time.
    turns: Mutex<BTreeMap<MemberId, Arc<tokio::sync::Mutex<()>>>>,
    changed: Notify,
    /// Whether peers are dialled by themselves.
    runs: AtomicBool,
}

impl Peers {
    /// Makes the peers of `node`; nothing is dialled yet.
    pub fn new(node: Arc<Federation>, dial: Arc<dyn Dial>, pace: Pace, entropy: Entropy) -> Self {
        Self {
            node,
            dial,
            pace,
            entropy,
            turns: Mutex::default(),
            changed: Notify::new(),
            runs: AtomicBool::new(false),
        }
    }

    /// Returns the node's part in the federation.
    pub fn node(&self) -> &Arc<Federation> {
        &self.node
    }

    /// Returns whom this node dials, and where.
    ///
    /// # Errors
    /// When there is no charter or the store cannot be read.
    pub fn targets(&self) -> Result<Vec<Target>, PeerError> {
        let roll = self.node.roll().ok_or(PeerError::NoCharter)?;
        let mut overrides = self.overrides()?;
        let others = roll.members().filter(|m| m.active && m.id != *roll.own());
        let targets = others.filter_map(|member| {
            let ours = overrides.remove(member.id.as_str());
            let overridden = ours.is_some();
            let urls = ours.map_or_else(|| member.endpoints.clone(), |url| vec![url]);
            (!urls.is_empty()).then(|| Target {
                member: member.id.clone(),
                urls,
                overridden,
            })
        });
        Ok(targets.collect())
    }

    /// Uses `url` for a member on this node, whatever the charter says. Durable when it returns;
    /// blocks.
    ///
    /// # Errors
    /// When there is no such member, or it is no address.
    pub fn add(&self, member: &MemberId, url: &str) -> Result<Target, PeerError> {
        self.check_member(member)?;
        let fits = (1..=MOST_URL).contains(&url.len()) && url.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            return Err(PeerError::BadAddress);
        }
        let _one_writer = self.turns();
        let mut overrides = self.overrides()?;
        overrides.insert(member.to_string(), url.to_owned());
        let lines = overrides
            .iter()
            .map(|(member, url)| format!("{member} {url}\n"));
        let text: String = lines.collect();
        self.node.store.meta_put(OVERRIDES, text.as_bytes())?;
        self.node.store.commit()?;
        self.changed.notify_one();
        Ok(Target {
            member: member.clone(),
            urls: vec![url.to_owned()],
            overridden: true,
        })
    }

    fn overrides(&self) -> Result<BTreeMap<String, String>, PeerError> {
        let bytes = self.node.store.meta_get(OVERRIDES)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines
            .map(|(member, url)| (member.to_owned(), url.to_owned()))
            .collect())
    }

    /// Syncs now with one peer or with all that have an address; returns how each went, once both
    /// sides durably have what the other had when this was called.
    ///
    /// # Errors
    /// When there is no charter, or no such peer.
    pub async fn sync_now(
        self: &Arc<Self>,
        member: Option<&MemberId>,
    ) -> Result<Vec<PeerSync>, PeerError> {
        let mut targets = self.targets()?;
        if let Some(member) = member {
            self.check_member(member)?;
            targets.retain(|target| target.member == *member);
            if targets.is_empty() {
                return Err(PeerError::NoAddress(member.clone()));
            }
        }
        let mut syncs = JoinSet::new();
        for target in targets {
            let peers = Arc::clone(self);
            syncs.spawn(async move { peers.sync_with(&target).await });
        }
        let mut done = syncs.join_all().await;
        done.sort_by(|a, b| a.member.cmp(&b.member));
        if member.is_none() {
            self.node.sense.first_round_ended();
        }
        Ok(done)
    }

    /// Returns in what way a peer is still awaited: it was not reached since the start, and the
    /// time between two syncs is not over since it was first tried. `None` for a peer that was
    /// heard, that something is wrong with, or that nobody tries.
    pub fn awaited(&self, member: &MemberId) -> Option<Awaited> {
        let status = self.node.status(member);
        if status == PeerStatus::default() {
            return self
                .runs
                .load(Ordering::Relaxed)
                .then_some(Awaited::Untried);
        }
        let silent = (self.node.clock)().saturating_sub(status.silent_since?);
        let is_soon = silent < self.pace.interval.as_secs();
        is_soon.then_some(Awaited::Silent(status.error?))
    }

    fn check_member(&self, member: &MemberId) -> Result<(), PeerError> {
        let roll = self.node.roll().ok_or(PeerError::NoCharter)?;
        let known = roll
            .member(member)
            .filter(|m| m.active && m.id != *roll.own());
        known
            .map(drop)
            .ok_or_else(|| PeerError::NotAMember(member.clone()))
    }

    /// Dials a peer and syncs with it. Where the peer's own sync with us is in the way, that one
    /// is awaited first.
    async fn sync_with(&self, target: &Target) -> PeerSync {
        let turn = Arc::clone(self.turns().entry(target.member.clone()).or_default());
        let _turn = turn.lock().await;
        let member = &target.member;
        for _ in 1..MOST_TURNS {
            let before = self.node.accepted(member);
            let done = self.dial_once(target).await;
            let now = self.node.accepted(member);
            if done.ok || (!now.going_on && now.begun == before.begun) {
                return done;
            }
            self.node.until_accepted_end(member).await;
        }
        self.dial_once(target).await
    }

    async fn dial_once(&self, target: &Target) -> PeerSync {
        let member = &target.member;
        let mut failed = None;
        for url in &target.urls {
            match self.dial.dial(member, url).await {
                Ok(line) => {
                    let Line { outgoing, incoming } = line;
                    return self
                        .node
                        .sync(member, Side::Dialled, incoming, outgoing)
                        .await;
                }
                // That somebody wrong answers at one address weighs more than silence at another.
                Err(DialError::Nobody(_)) if failed.is_some() => {}
                Err(error) => failed = Some(error),
            }
        }
        let nobody = matches!(failed, Some(DialError::Nobody(_)));
        let reason = failed.map_or_else(|| "it has no address".to_owned(), |e| e.to_string());
        let error = SyncError::Unreachable { reason }.to_string();
        tracing::debug!(peer = %member, error, "peer not reached");
        match nobody {
            true => self.node.unanswered(member, &error),
            false => self.node.ended(member, Some(&error)),
        }
        PeerSync {
            member: member.to_string(),
            error,
            ..PeerSync::default()
        }
    }

    /// Keeps syncing with every peer until dropped.
    pub async fn run(self: Arc<Self>) {
        self.runs.store(true, Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        let mut running: BTreeMap<MemberId, (Target, AbortHandle)> = BTreeMap::new();
        let (tried, mut first_tries) = mpsc::channel(16);
        let mut untried: Option<BTreeSet<MemberId>> = None;
        let mut news = self.node.news();
        loop {
            let targets = self.targets_now().await;
            self.keep(&targets, &mut running, &mut tasks, &tried);
            let first = untried.is_none() && self.node.roll().is_some();
            if first {
                untried = Some(targets.into_iter().map(|target| target.member).collect());
            }
            // Members that left meanwhile are not waited for.
            if let Some(untried) = &mut untried {
                untried.retain(|member| running.contains_key(member));
                if untried.is_empty() {
                    self.node.sense.first_round_ended();
                }
            }
            tokio::select! {
                () = self.changed.notified() => {}
                told = news.recv() => if told == Err(RecvError::Closed) { return },
                Some(member) = first_tries.recv() => {
                    untried.iter_mut().for_each(|untried| { untried.remove(&member); });
                }
            }
        }
    }

    /// Says that the charter or an address changed.
    pub fn look_again(&self) {
        self.changed.notify_one();
    }

    async fn targets_now(self: &Arc<Self>) -> Vec<Target> {
        let peers = Arc::clone(self);
        let targets = tokio::task::spawn_blocking(move || peers.targets()).await;
        match targets {
            Ok(Ok(targets)) => targets,
            Ok(Err(PeerError::NoCharter)) | Err(_) => Vec::new(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "peers cannot be read");
                Vec::new()
            }
        }
    }

    /// Starts a task for every new target, and ends those of targets that are gone or moved.
    fn keep(
        self: &Arc<Self>,
        targets: &[Target],
        running: &mut BTreeMap<MemberId, (Target, AbortHandle)>,
        tasks: &mut JoinSet<()>,
        tried: &mpsc::Sender<MemberId>,
    ) {
        running.retain(|_, (target, task)| {
            let stays = targets.contains(target);
            if !stays {
                task.abort();
            }
            stays
        });
        for target in targets {
            if running.contains_key(&target.member) {
                continue;
            }
            let (peers, target, tried) = (Arc::clone(self), target.clone(), tried.clone());
            let member = target.member.clone();
            let kept = target.clone();
            let task = tasks.spawn(async move { peers.stay_level(&target, &tried).await });
            running.insert(member, (kept, task));
        }
        // What has ended was aborted above.
        while tasks.try_join_next().is_some() {}
    }

    /// Syncs with one peer again and again.
    async fn stay_level(&self, target: &Target, tried: &mpsc::Sender<MemberId>) {
        let mut news = self.node.news();
        let mut failures = 0;
        loop {
            let done = self.sync_with(target).await;
            // The receiver ends only with this task.
            let _ = tried.send(target.member.clone()).await;
            failures = if done.ok { 0 } else { failures + 1 };
            let pause = tokio::time::sleep(self.pace.wait(failures, self.chance()));
            tokio::select! {
                () = pause => {}
                // News do not make a peer that cannot be reached reachable.
                () = news_for(&target.member, &mut news), if failures == 0 => {}
            }
        }
    }

    fn chance(&self) -> u8 {
        let mut byte = [128];
        // Without randomness, the mean will do.
        let _ = (self.entropy)(&mut byte);
        byte[0]
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, BTreeMap<MemberId, Arc<tokio::sync::Mutex<()>>>> {
        // No statement between lock and unlock can panic.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for news that did not come from `member` itself.
async fn news_for(member: &MemberId, news: &mut broadcast::Receiver<News>) {
    loop {
        match news.recv().await {
            Ok(News { from: Some(from) }) if from == *member => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
