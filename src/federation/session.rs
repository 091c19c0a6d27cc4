//! One sync with one peer, over any transport that carries frames both ways.
//!
//! Five loops run until both sides are acknowledged: the reader hands each frame to whom it
//! concerns; the opener reads and checks the leaves that are sent, ahead of the taker, which
//! stores them; the giver reads what is asked for; the pump sends, the taker's few frames before
//! the giver's many. Opener, taker and giver work on blocking threads. The taker never waits for
//! the network while frames wait for it: so two nodes that are both sending all they can never
//! wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt as _};

use super::desk::Desk;
use super::error::{Refusal, SyncError};
use super::frames::{self, frame};
use super::give::{Serving, Tidings};
use super::ingest::Ingest;
use super::node::{Federation, News, Side};
use super::roll::Roll;
use super::stride::Stride;
use super::take::{Opened, Taker};
use crate::model::MemberId;
use crate::store::StoreError;
use crate::wire::sync_frame::Frame;
use crate::wire::{PeerSync, SyncFetch, SyncFrame, SyncRefused};

/// Batches read ahead of the network.
const READ_AHEAD: usize = 2;

/// Frames that wait to be opened, and as many opened ones that wait for the taker.
const TAKE_AHEAD: usize = 2;

/// Most steps on blocking threads at once.
const STEPS: u32 = 4;

/// Room for the taker's own frames: its open fetches and its acknowledgement always fit.
const REPLIES: usize = 64;

impl Federation {
    /// Syncs with `peer`, whose certificate the transport has checked. Returns once both sides
    /// durably have what the other had at the start, or with the reason why not.
    #[tracing::instrument(name = "sync", skip_all, fields(%peer, ?side))]
    pub async fn sync<I>(
        self: &Arc<Self>,
        peer: &MemberId,
        side: Side,
        mut incoming: I,
        outgoing: mpsc::Sender<SyncFrame>,
    ) -> PeerSync
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        let tally = Tally::default();
        let ended = self
            .held(peer, side, &mut incoming, &outgoing, &tally)
            .await;
        // Each side stops speaking and listens until the other has too: only then is nothing lost
        // with the stream.
        let last_word = async {
            if let Err(error) = &ended {
                say_why(error, &outgoing).await;
            }
            drop(outgoing);
        };
        let rest = async { while let Some(Ok(_)) = incoming.next().await {} };
        let parting = async { tokio::join!(last_word, rest) };
        // A peer that does not listen does not learn why.
        let _ = tokio::time::timeout(self.patience.farewell, parting).await;
        let gave_way = ended.as_ref().err().map(SyncError::gives_way);
        let error = ended
            .err()
            .map(|error| error.to_string())
            .or_else(|| tally.error());
        // A sync that gave way to another says nothing of the peer.
        if !matches!(gave_way, Some(true)) {
            self.ended(peer, error.as_deref());
        }
        match &error {
            None => tracing::debug!("sync ended well"),
            Some(error) => tracing::warn!(error, "sync ended"),
        }
        PeerSync {
            member: peer.to_string(),
            ok: error.is_none(),
            received: tally.received.load(Ordering::Relaxed),
            sent: tally.sent.load(Ordering::Relaxed),
            error: error.unwrap_or_default(),
        }
    }

    /// Runs a sync in its place among those going on.
    async fn held<I>(
        self: &Arc<Self>,
        peer: &MemberId,
        side: Side,
        incoming: &mut I,
        outgoing: &mpsc::Sender<SyncFrame>,
        tally: &Tally,
    ) -> Result<(), SyncError>
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        let roll = self.roll().ok_or(SyncError::NoCharter)?;
        let known = roll
            .member(peer)
            .filter(|m| m.active && m.id != *roll.own());
        if known.is_none() {
            let (member, version) = (peer.clone(), roll.version());
            return Err(SyncError::NotAMember { member, version });
        }
        let busy = || {
            let member = roll.own().clone();
            SyncError::Busy { member }
        };
        let place = self.enter(roll.own(), peer, side).ok_or_else(busy)?;
        let session = Session {
            node: Arc::clone(self),
            roll: Arc::clone(&roll),
            peer: peer.clone(),
            steps: Arc::new(Semaphore::new(STEPS as usize)),
        };
        tokio::select! {
            ended = session.run(incoming, outgoing.clone(), tally) => ended,
            () = place.replaced() => Err(SyncError::Replaced { member: peer.clone() }),
        }
    }
}

/// Tells the peer why the sync ends, unless it knows or cannot hear.
async fn say_why(error: &SyncError, outgoing: &mpsc::Sender<SyncFrame>) {
    let last = match error {
        SyncError::Refused { .. } | SyncError::Broken { .. } => return,
        // Where our files lie is nobody else's business.
        SyncError::Ours(_) => "its own store failed; its operator sees why".to_owned(),
        other => other.to_string(),
    };
    // A closed stream carries nothing.
    let _ = outgoing.send(frames::refused("", &last, true)).await;
}

/// What a sync has moved, and the first thing that was refused.
#[derive(Debug, Default)]
struct Tally {
    received: AtomicU64,
    sent: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Tally {
    fn note(&self, error: &str) {
        lock(&self.error).get_or_insert_with(|| error.to_owned());
    }

    fn error(&self) -> Option<String> {
        lock(&self.error).clone()
    }
}

/// One sync with one peer.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) node: Arc<Federation>,
    pub(super) roll: Arc<Roll>,
    pub(super) peer: MemberId,
    /// Held by every step on a blocking thread, so that the last of them can be waited for.
    steps: Arc<Semaphore>,
}

impl Session {
    async fn run<I>(
        self,
        incoming: &mut I,
        outgoing: mpsc::Sender<SyncFrame>,
        tally: &Tally,
    ) -> Result<(), SyncError>
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        let met = self.meet(incoming, &outgoing).await?;
        let (to_send, sending) = mpsc::channel(READ_AHEAD);
        let (to_reply, replying) = mpsc::channel(REPLIES);
        let (to_open, opening) = mpsc::channel(TAKE_AHEAD);
        let (to_take, taking) = mpsc::channel(TAKE_AHEAD);
        let (finish, finished) = watch::channel(false);
        let desk = Desk::default();
        let taker = Taker::new(
            Arc::clone(&self.node),
            Arc::clone(&self.roll),
            self.peer.clone(),
            met.cursor,
            met.wanted,
        );
        let done = tokio::try_join!(
            self.read(incoming, to_open, &desk, finished, tally),
            self.open(opening, to_take),
            self.take(taker, taking, to_reply, finish, tally),
            self.give(met.tidings, to_send, &desk, tally),
            self.pump(replying, sending, outgoing),
        );
        if done.is_err() {
            // A step cannot be called back; it ends before we say what we hold.
            let _ = self.steps.acquire_many(STEPS).await;
            // What was taken before it broke is good, and others may want it.
            self.blocking(|node| node.store.commit().map_err(ours))
                .await?;
            if tally.received.load(Ordering::Relaxed) > 0 {
                let from = Some(self.peer.clone());
                self.node.tell(News { from });
            }
        }
        done.map(drop)
    }

    /// Hands each frame to whom it concerns, until both sides are acknowledged.
    async fn read<I>(
        &self,
        incoming: &mut I,
        to_open: mpsc::Sender<Frame>,
        desk: &Desk,
        mut finished: watch::Receiver<bool>,
        tally: &Tally,
    ) -> Result<(), SyncError>
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        loop {
            let next = tokio::select! {
                biased;
                _ = finished.wait_for(|finished| *finished), if desk.is_acked() => return Ok(()),
                next = self.next(incoming) => next?,
            };
            let Some(next) = next else {
                let over = desk.is_acked() && *finished.borrow();
                return over
                    .then_some(())
                    .ok_or_else(|| self.broken("it ended early"));
            };
            match next {
                Frame::Hello(_) => return Err(self.breach("SyncHello a second time".to_owned())),
                Frame::Fetch(fetch) => desk
                    .fetch(fetch, self.roll.log_count())
                    .map_err(|problem| self.breach(problem))?,
                Frame::Acked(acked) => {
                    desk.acked(acked.arrival)
                        .map_err(|problem| self.breach(problem))?;
                    self.node.follows(&self.peer, acked.arrival);
                }
                Frame::Refused(refused) if refused.ends => return Err(self.refused(&refused)),
                Frame::Refused(refused) => {
                    let reason = frames::plain(&refused.reason);
                    tally.note(&format!("{} refused: {reason}", self.peer));
                    desk.cancel(&refused.origin);
                }
                frame => {
                    // The taker ends before us only with an error, which is then the one to tell.
                    if to_open.send(frame).await.is_err() {
                        std::future::pending().await
                    }
                }
            }
        }
    }

    /// Opens batches while those before them are stored: the one takes the processor, the other
    /// mostly the disk.
    async fn open(
        &self,
        mut opening: mpsc::Receiver<Frame>,
        to_take: mpsc::Sender<Opened>,
    ) -> Result<(), SyncError> {
        while let Some(frame) = opening.recv().await {
            let opened = match frame {
                Frame::Batch(mut batch) => {
                    // No older than the one by which it was asked for.
                    let roll = self.node.roll().unwrap_or_else(|| Arc::clone(&self.roll));
                    self.blocking(move |node| {
                        let store = &node.store;
                        let leaves = (Ingest { store, roll: &roll }).read(&mut batch);
                        Ok(Opened::Batch(batch, leaves))
                    })
                    .await?
                }
                frame => Opened::Other(frame),
            };
            if to_take.send(opened).await.is_err() {
                // As above.
                std::future::pending().await
            }
        }
        Ok(())
    }

    /// Takes frames as they come, on blocking threads.
    async fn take(
        &self,
        mut taker: Taker,
        mut taking: mpsc::Receiver<Opened>,
        to_reply: mpsc::Sender<SyncFrame>,
        finish: watch::Sender<bool>,
        tally: &Tally,
    ) -> Result<(), SyncError> {
        let commit_after = self.node.patience.commit;
        loop {
            let next = match taker.is_dirty() {
                true => tokio::time::timeout(commit_after, taking.recv()).await,
                false => Ok(taking.recv().await),
            };
            let (back, taken) = self
                .blocking(move |_| {
                    let taken = match next {
                        Ok(Some(opened)) => taker.take(opened).map(Some),
                        Ok(None) if taker.is_dirty() => taker.commit().map(|()| None),
                        Ok(None) => Ok(None),
                        Err(_) => taker.commit().map(|()| Some(Default::default())),
                    };
                    Ok((taker, taken))
                })
                .await?;
            taker = back;
            tally.received.store(taker.received, Ordering::Relaxed);
            if let Some(error) = &taker.error {
                tally.note(error);
            }
            let Some(replies) = taken? else {
                return Ok(());
            };
            for frame in replies.may {
                // Half the room stays free for what must be said.
                if to_reply.capacity() > REPLIES / 2 {
                    let _ = to_reply.try_send(frame);
                }
            }
            if replies.finished {
                finish.send_replace(true);
            }
            for frame in replies.must {
                // The pump ends only with the sync.
                let _ = to_reply.send(frame).await;
            }
        }
    }

    /// Tells the peer what is new, then serves what it fetches, until it is acknowledged.
    async fn give(
        &self,
        mut tidings: Tidings,
        to_send: mpsc::Sender<SyncFrame>,
        desk: &Desk,
        tally: &Tally,
    ) -> Result<(), SyncError> {
        loop {
            let roll = self.node.roll().unwrap_or_else(|| Arc::clone(&self.roll));
            let (back, frames) = self
                .blocking(move |node| {
                    let now = (node.clock)();
                    let frames = tidings.next(&node.store, &roll, now)?;
                    Ok((tidings, frames))
                })
                .await?;
            tidings = back;
            if frames.is_empty() {
                break;
            }
            for frame in frames {
                if let Some(Frame::Sent(sent)) = &frame.frame {
                    desk.says_sent(sent.arrival);
                }
                let _ = to_send.send(frame).await;
            }
        }
        let mut stride = Stride::new(READ_AHEAD + 1);
        while let Some(fetch) = desk.next().await {
            self.serve(fetch, &mut stride, &to_send, desk, tally)
                .await?;
        }
        Ok(())
    }

    async fn serve(
        &self,
        fetch: SyncFetch,
        stride: &mut Stride,
        to_send: &mpsc::Sender<SyncFrame>,
        desk: &Desk,
        tally: &Tally,
    ) -> Result<(), SyncError> {
        let (roll, peer) = (Arc::clone(&self.roll), self.peer.clone());
        let roll = self.node.roll().unwrap_or(roll);
        let begun = self
            .blocking(move |node| {
                Ok(Serving::begin(
                    &node.store,
                    &roll,
                    &peer,
                    &fetch.origin,
                    fetch.from,
                ))
            })
            .await?;
        let mut serving = match begun {
            Ok(serving) => serving,
            Err(refusal) if refusal.is_ours() => return Err(refusal.into()),
            Err(refusal) => return Err(self.breach(refusal.to_string())),
        };
        while desk.is_open(serving.origin()) {
            let full = stride.bytes();
            let (back, batch) = self
                .blocking(move |node| {
                    let batch = serving.next_batch(&node.store, full)?;
                    Ok((serving, batch))
                })
                .await?;
            serving = back;
            let Some(batch) = batch else {
                break;
            };
            // Closed before its last batch is read, so that the peer may open the next at once.
            if serving.is_over() {
                desk.cancel(serving.origin());
            }
            tally.sent.fetch_add(batch.count.into(), Ordering::Relaxed);
            let ready = Instant::now();
            let _ = to_send.send(frame(Frame::Batch(batch))).await;
            stride.took(ready.elapsed());
        }
        Ok(())
    }

    /// Sends replies before anything else, until both sources have dried up.
    async fn pump(
        &self,
        mut replying: mpsc::Receiver<SyncFrame>,
        mut sending: mpsc::Receiver<SyncFrame>,
        outgoing: mpsc::Sender<SyncFrame>,
    ) -> Result<(), SyncError> {
        let silence = self.node.patience.silence;
        loop {
            let next = tokio::select! {
                biased;
                Some(frame) = replying.recv() => frame,
                Some(frame) = sending.recv() => frame,
                else => return Ok(()),
            };
            match tokio::time::timeout(silence, outgoing.send(next)).await {
                Ok(Ok(())) => {}
                // The reader sees the same break, and may hear the reason.
                Ok(Err(_)) => std::future::pending::<()>().await,
                Err(_) => return Err(self.silent()),
            }
        }
    }

    /// Reads the next frame; `None` at the end of the stream.
    pub(super) async fn next<I>(&self, incoming: &mut I) -> Result<Option<Frame>, SyncError>
    where
        I: Stream<Item = Result<SyncFrame, String>> + Send + Unpin,
    {
        let silence = self.node.patience.silence;
        match tokio::time::timeout(silence, incoming.next()).await {
            Err(_) => Err(self.silent()),
            Ok(None) => Ok(None),
            Ok(Some(Err(reason))) => Err(self.broken(&reason)),
            Ok(Some(Ok(SyncFrame { frame: Some(frame) }))) => Ok(Some(frame)),
            Ok(Some(Ok(SyncFrame { frame: None }))) => {
                Err(self.breach("a frame this version does not know".to_owned()))
            }
        }
    }

    /// Runs a step that blocks where it may.
    pub(super) async fn blocking<T, F>(&self, step: F) -> Result<T, SyncError>
    where
        T: Send + 'static,
        F: FnOnce(&Federation) -> Result<T, SyncError> + Send + 'static,
    {
        let node = Arc::clone(&self.node);
        // The semaphore is never closed.
        let permit = Arc::clone(&self.steps).acquire_owned().await.ok();
        let step = move || {
            let _permit = permit;
            step(&node)
        };
        match tokio::task::spawn_blocking(step).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(self.broken("this node is stopping")),
            },
        }
    }

    fn silent(&self) -> SyncError {
        SyncError::Silent {
            member: self.peer.clone(),
            seconds: self.node.patience.silence.as_secs(),
        }
    }

    pub(super) fn refused(&self, refused: &SyncRefused) -> SyncError {
        SyncError::Refused {
            member: self.peer.clone(),
            reason: frames::plain(&refused.reason),
        }
    }

    pub(super) fn breach(&self, problem: String) -> SyncError {
        let member = self.peer.clone();
        SyncError::Protocol { member, problem }
    }

    pub(super) fn broken(&self, reason: &str) -> SyncError {
        SyncError::Broken {
            member: self.peer.clone(),
            reason: reason.to_owned(),
        }
    }
}

pub(super) fn ours(error: StoreError) -> SyncError {
    SyncError::Ours(Refusal::Store(error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No statement between lock and unlock can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
