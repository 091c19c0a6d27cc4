//! Whether this node knows how far its own log reaches, so that it may sign.
//!
//! A log that signs two trees of one size is lost for ever, and a restored backup is how it comes
//! to that. So a node that is marked, or whose store does not match the checkpoint it keeps
//! beside it, signs nothing until a peer has shown its newest head and that head is held here. An
//! ordinary start waits only until each peer has been tried once: whoever was in reach has then
//! shown what it holds.
//!
//! A restored node, or one whose public plane lost its newest part, has also forgotten what it
//! cosigned. It cosigns a log again once somebody other than that log's owner has given it all it
//! holds; where there is nobody else, the owner.
//!
//! One that lacks what it once held would call missing what was reported, so it answers no question
//! about reports until then. A backup that was restored is whole as of its day, and answers at once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::roll::Roll;
use crate::model::MemberId;

/// Whether the own log may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadSense {
    /// The newest head is held.
    Sure,
    /// It may not be, and why, in one sentence that says what to do.
    Unsure(String),
}

/// Why the store is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In one sentence that says what to do.
    pub reason: String,
    /// The size we know to have signed, which must be reached before we sign again.
    pub size: u64,
}

/// Watches what peers show of our own log.
#[derive(Debug)]
pub struct HeadWatch {
    state: Mutex<State>,
    changed: watch::Sender<HeadSense>,
}

#[derive(Debug)]
struct State {
    /// Why the store itself is in doubt; only a peer that shows our head lifts it.
    marked: Option<Mark>,
    /// Whether each peer has been tried once since the start.
    tried: bool,
    /// The largest size of our log that a peer has shown, and who, until it is held.
    ahead: Option<(u64, MemberId)>,
    /// After a restore, until enough peers have given all they hold.
    restored: Option<Restored>,
    /// Whether damage took some of what was held.
    lacking: bool,
}

/// What a restored node waits for.
struct Restored {
    /// What happened, as a clause.
    why: String,
    /// The peers that have given all they hold.
    level: BTreeSet<MemberId>,
    /// Takes the restore's mark away.
    over: Box<dyn Fn() + Send>,
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Restored").field(&self.level).finish()
    }
}

impl HeadWatch {
    /// Starts the watch. `marked` says why the store is in doubt: a restore left its mark, or it
    /// does not match the checkpoint file.
    pub fn new(marked: Option<Mark>) -> Self {
        let state = State {
            marked,
            tried: false,
            ahead: None,
            restored: None,
            lacking: false,
        };
        Self {
            changed: watch::Sender::new(state.sense()),
            state: Mutex::new(state),
        }
    }

    /// Says that the store was restored from a backup, or fell back by itself: `why`, as a clause.
    /// `over` is called once peers have given it what it lacked.
    #[must_use]
    pub fn restored(self, why: String, over: Box<dyn Fn() + Send>) -> Self {
        let level = BTreeSet::new();
        self.lock().restored = Some(Restored { why, level, over });
        self
    }

    /// Says whether damage took some of what was held.
    #[must_use]
    pub fn lacking(self, is_lacking: bool) -> Self {
        self.lock().lacking = is_lacking;
        self
    }

    /// Returns why some of what was held is not held now, until peers have given it back.
    pub fn lacks(&self) -> Option<String> {
        let state = self.lock();
        let marked = state.marked.as_ref().map(|mark| &mark.reason);
        let restored = state.restored.as_ref().map(|restored| &restored.why);
        marked.or(restored).filter(|_| state.lacking).cloned()
    }

    /// Returns whether a head of this member's log may be cosigned.
    pub fn may_cosign(&self, owner: &MemberId, roll: &Roll) -> bool {
        let state = self.lock();
        let restored = state.restored.as_ref();
        restored.is_none_or(|restored| restored.knows(owner, roll))
    }

    /// Returns why a restored node still waits for peers, if it does.
    pub fn awaits_peers(&self) -> Option<String> {
        let state = self.lock();
        state.restored.as_ref().map(|restored| restored.why.clone())
    }

    /// Notes that a sync with a peer went to its end: all it holds is on our disk, `held` leaves
    /// of our own log among them.
    pub fn level_with(&self, peer: &MemberId, held: u64, roll: &Roll) {
        self.update(|state| {
            let Some(restored) = &mut state.restored else {
                return;
            };
            restored.level.insert(peer.clone());
            let knows_all = restored.knows_all(roll);
            state.settle(held);
            if knows_all && state.marked.is_none() && state.ahead.is_none() {
                tracing::info!(peer = %peer, "restored node has what its peers hold");
                if let Some(restored) = state.restored.take() {
                    (restored.over)();
                }
            }
        });
    }

    /// Returns whether the own log may be signed now.
    pub fn sense(&self) -> HeadSense {
        self.lock().sense()
    }

    /// Returns whether every peer has been tried once since the start.
    pub fn is_settled(&self) -> bool {
        self.lock().tried
    }

    /// Returns a receiver that shows every change.
    pub fn changes(&self) -> watch::Receiver<HeadSense> {
        self.changed.subscribe()
    }

    /// Returns whether the store is in doubt, so that peers must be asked for all they have.
    pub fn is_marked(&self) -> bool {
        self.lock().marked.is_some()
    }

    /// Notes that every peer has been tried once, or that there is none.
    pub fn first_round_ended(&self) {
        self.update(|state| state.tried = true);
    }

    /// Notes that a peer has shown a head of our log with `size` leaves, of which we hold `held`.
    pub fn shown(&self, peer: &MemberId, size: u64, held: u64) {
        if size > held {
            tracing::info!(peer = %peer, tree_size = size, held, "own log: peer showed more than we hold");
        }
        self.update(|state| {
            if size <= held {
                state.settle_unless_restored(held);
            } else if state.ahead.as_ref().is_none_or(|(ahead, _)| *ahead < size) {
                state.ahead = Some((size, peer.clone()));
            }
        });
    }

    /// Notes that `held` leaves of our log are on our disk, taken from a peer.
    pub fn adopted(&self, held: u64) {
        self.update(|state| state.settle_unless_restored(held));
    }

    /// Notes that something contradicts what we hold of our own log: it takes an operator, and a
    /// restart, before it is signed again.
    pub fn doubt(&self, reason: String) {
        let size = u64::MAX;
        self.update(|state| state.marked = Some(Mark { reason, size }));
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let sense = state.sense();
        self.changed.send_if_modified(|shown| {
            let differs = *shown != sense;
            *shown = sense;
            differs
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No statement between lock and unlock can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sense(&self) -> HeadSense {
        let reason = match (&self.ahead, &self.marked, self.tried) {
            (Some((size, peer)), ..) => format!(
                "own log: peer {peer} showed size {size}, which is not held here yet; \
                 sync with {peer}"
            ),
            (None, Some(mark), _) => mark.reason.clone(),
            (None, None, false) => "the first sync since the start has not ended; wait, or see \
                 peer list"
                .to_owned(),
            (None, None, true) => return HeadSense::Sure,
        };
        HeadSense::Unsure(reason)
    }

    /// After a restore one head says too little: only a whole sync lifts the mark.
    fn settle_unless_restored(&mut self, held: u64) {
        match &self.restored {
            None => self.settle(held),
            Some(_) => self.ahead = self.ahead.take().filter(|(size, _)| *size > held),
        }
    }

    /// Lifts what a peer's head and the leaves now held answer.
    fn settle(&mut self, held: u64) {
        self.ahead = self.ahead.take().filter(|(size, _)| *size > held);
        let reached = |mark: &Mark| self.ahead.is_none() && mark.size <= held;
        if self.marked.as_ref().is_some_and(reached) {
            self.marked = None;
        }
    }
}

impl Restored {
    /// Returns whether somebody else than a log's owner has given all it holds; where nobody else
    /// is a member, whether the owner has.
    fn knows(&self, owner: &MemberId, roll: &Roll) -> bool {
        let is_other = |id: &MemberId| id != owner && id != roll.own();
        let alone = !roll.members().any(|m| m.active && is_other(&m.id));
        self.level.iter().any(|peer| alone || is_other(peer))
    }

    fn knows_all(&self, roll: &Roll) -> bool {
        let others = roll.members().filter(|m| m.active && m.id != *roll.own());
        let mut owners = others.filter(|m| !m.log_keys.is_empty());
        !self.level.is_empty() && owners.all(|owner| self.knows(&owner.id, roll))
    }
}

impl fmt::Display for HeadSense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sure => f.write_str("sure"),
            Self::Unsure(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anpud() -> MemberId {
        "anpud".parse().expect("an id")
    }

    #[test]
    fn an_ordinary_start_waits_for_the_first_round() {
        let watch = HeadWatch::new(None);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.first_round_ended();
        assert_eq!(watch.sense(), HeadSense::Sure);
    }

    #[test]
    fn a_marked_node_waits_for_its_head_and_no_round_lifts_it() {
        let reason = "restored".to_owned();
        let watch = HeadWatch::new(Some(Mark { reason, size: 8 }));
        let mut changes = watch.changes();
        watch.first_round_ended();
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        // An older head than we know of says nothing.
        watch.shown(&anpud(), 7, 7);
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        watch.shown(&anpud(), 10, 7);
        assert!(watch.sense().to_string().contains("showed size 10"));
        watch.adopted(9);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.adopted(10);
        assert_eq!(watch.sense(), HeadSense::Sure);
        assert_eq!(*changes.borrow_and_update(), HeadSense::Sure);
    }

    fn roll(others: &[(&str, bool)]) -> Roll {
        let member = |(id, has_log): &(&str, bool)| {
            let id: MemberId = id.parse().expect("an id");
            let consortium = "joint".parse().expect("an id");
            let log = crate::identity::LogKey::from_seed(&[7; 32]);
            let witness = crate::identity::WitnessKey::from_seed(&[8; 32]);
            let keys = crate::identity::keys::log_verifier(&consortium, &id, log.public_key())
                .expect("a key");
            crate::federation::RollMember {
                active: true,
                log_keys: if *has_log { vec![keys] } else { Vec::new() },
                witness_key: crate::identity::keys::witness_verifier(
                    &consortium,
                    &id,
                    witness.public_key(),
                )
                .expect("a key"),
                endpoints: Vec::new(),
                id,
            }
        };
        let all = [("inpud", true)].iter().chain(others).map(member);
        Roll::new(
            "joint".parse().expect("an id"),
            1,
            "inpud".parse().expect("an id"),
            all,
        )
    }

    fn restored(size: u64) -> (HeadWatch, std::sync::Arc<std::sync::atomic::AtomicBool>) {
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = over.clone();
        let reason = "restored".to_owned();
        let lifted = move || told.store(true, std::sync::atomic::Ordering::SeqCst);
        let watch = HeadWatch::new(Some(Mark { reason, size }));
        let watch = watch.restored("restored".to_owned(), Box::new(lifted));
        (watch, over)
    }

    #[test]
    fn a_restored_node_waits_for_a_whole_sync_and_no_single_head_will_do() {
        let (watch, over) = restored(5);
        let roll = roll(&[("anpud", true)]);
        watch.first_round_ended();
        watch.shown(&anpud(), 5, 5);
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        watch.shown(&anpud(), 7, 5);
        watch.adopted(7);
        assert_eq!(watch.sense(), HeadSense::Unsure("restored".to_owned()));
        assert!(!watch.may_cosign(&anpud(), &roll));
        watch.level_with(&anpud(), 7, &roll);
        assert_eq!(watch.sense(), HeadSense::Sure);
        assert!(watch.may_cosign(&anpud(), &roll));
        assert!(over.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[test]
    fn what_damage_took_is_lacking_until_peers_have_given_it_and_what_a_backup_lacks_is_not() {
        let roll = roll(&[("anpud", true)]);
        let (whole, _) = restored(5);
        assert_eq!(whole.lacks(), None);
        let (watch, _) = restored(5);
        let watch = watch.lacking(true);
        assert_eq!(watch.lacks().as_deref(), Some("restored"));
        watch.first_round_ended();
        watch.shown(&anpud(), 5, 5);
        assert!(watch.lacks().is_some());
        watch.level_with(&anpud(), 5, &roll);
        assert_eq!(watch.lacks(), None);
    }

    #[test]
    fn a_restored_witness_takes_no_owners_word_alone() {
        let (watch, over) = restored(5);
        let roll = roll(&[("anpud", true), ("relay", false)]);
        let relay: MemberId = "relay".parse().expect("an id");
        watch.first_round_ended();
        watch.level_with(&anpud(), 5, &roll);
        assert_eq!(watch.sense(), HeadSense::Sure);
        assert!(!watch.may_cosign(&anpud(), &roll));
        assert_eq!(watch.awaits_peers().as_deref(), Some("restored"));
        watch.level_with(&relay, 5, &roll);
        assert!(watch.may_cosign(&anpud(), &roll));
        assert!(over.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[test]
    fn a_peer_that_shows_more_than_we_hold_stops_us_at_any_time() {
        let watch = HeadWatch::new(None);
        watch.first_round_ended();
        watch.shown(&anpud(), 3, 3);
        assert_eq!(watch.sense(), HeadSense::Sure);
        watch.shown(&anpud(), 4, 3);
        watch.shown(&anpud(), 2, 3);
        assert!(matches!(watch.sense(), HeadSense::Unsure(_)));
        watch.adopted(4);
        assert_eq!(watch.sense(), HeadSense::Sure);
    }
}
