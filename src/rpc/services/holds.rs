//! A previewed draft leaves: now, or once its time has come.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tonic::Status;

use super::office::{Office, base64};
use super::releases::leaves;
use super::{PeerBook, blocking};
use crate::charter::Charter;
use crate::model::Kind;
use crate::release::hold::{BOUNDS, Hold, Holds, LetOut, State};
use crate::release::ledger::Ledger;
use crate::release::{Door, Draft, Opened, Published, ReleaseError};
use crate::rpc::errors::Told as _;
use crate::wire;

/// How soon a draft is tried again that could not leave when its time came.
const RETRY: Duration = Duration::from_secs(60);

/// Longest time between two looks at the clock. A timer stands still while the machine sleeps and
/// knows nothing of a clock that is set, and what is held should not wait for as long again.
const LONGEST_NAP: Duration = Duration::from_secs(10 * 60);

/// Lets out what was held until now, where the private plane is open. Returns after how long to
/// look again; `None` while nothing waits, until [`Office::holds_changed`] says otherwise.
pub async fn let_out_held(office: &Arc<Office>, peers: &Arc<dyn PeerBook>) -> Option<Duration> {
    let mut next = look(office, Office::next_hold).await?;
    if next <= office.public.clock.now() {
        // As with any release: not before whoever is in reach has shown how far our log came.
        peers.settle().await;
        let left = look(office, |office| office.let_out_due().map(Some)).await;
        if left.is_some_and(|left| left > 0) {
            peers.nudge();
        }
        next = look(office, Office::next_hold).await?;
    }
    let now = office.public.clock.now();
    Some(match next.checked_sub(now) {
        None | Some(0) => RETRY,
        Some(seconds) => Duration::from_secs(seconds).min(LONGEST_NAP),
    })
}

/// Runs what reads or writes the disk on a thread that may wait; what fails is logged.
async fn look<T: Send + 'static>(
    office: &Arc<Office>,
    work: impl FnOnce(&Office) -> Result<Option<T>, Status> + Send + 'static,
) -> Option<T> {
    let office = Arc::clone(office);
    let found = blocking(move || work(&office)).await;
    match found {
        Ok(found) => found.into_inner(),
        Err(status) => {
            let error = status.message();
            tracing::warn!(error, "held drafts cannot be let out now");
            None
        }
    }
}

impl Office {
    /// Makes a previewed draft again, as it is now.
    ///
    /// # Errors
    /// When nobody previewed it, or something changed since.
    pub(super) fn draft_of(&self, opened: &Opened, digest: &str) -> Result<Draft, Status> {
        self.draft_asked(opened, digest).map(|(draft, _)| draft)
    }

    fn draft_asked(&self, opened: &Opened, digest: &str) -> Result<(Draft, Vec<Kind>), Status> {
        let remembered = Ledger(&opened.store).remembered(digest);
        let (period, kinds) = remembered
            .and_then(|draft| draft.ok_or(ReleaseError::UnknownDraft))
            .map_err(|error| error.told())?;
        let draft = self.draft(opened, period, &kinds)?;
        if draft.digest != digest {
            return Err(ReleaseError::StaleDraft.told());
        }
        Ok((draft, kinds))
    }

    /// Lets a previewed draft out, or holds it.
    pub(super) fn publish(
        &self,
        asked: &wire::PublishRequest,
    ) -> Result<wire::PublishResponse, Status> {
        let published = self.at_door(|opened, charter, door| {
            let holds = Holds(&opened.store);
            let (draft, kinds) = self.draft_asked(opened, &asked.digest)?;
            let held = holds.settle().and_then(|()| holds.of(&asked.digest));
            if held.map_err(|error| error.told())?.is_some() {
                return Err(ReleaseError::Held.told());
            }
            // Where nothing would leave, there is nothing to approve or to wait for.
            let leaves = draft.summaries.iter().any(|summary| !summary.unchanged);
            if leaves {
                self.check_approved(opened, charter, &draft)?;
            }
            match asked.hold_seconds {
                0 => self.publish_now(door, &draft),
                _ if !leaves => self.publish_now(door, &draft),
                seconds => self.hold(opened, door, &draft, kinds, seconds),
            }
        })?;
        self.holds_changed.notify_one();
        Ok(published)
    }

    fn check_approved(
        &self,
        opened: &Opened,
        charter: &Charter,
        draft: &Draft,
    ) -> Result<(), Status> {
        let standing = self.words(opened, charter).standing(&draft.digest);
        let standing = standing.map_err(|error| error.told())?;
        let (missing, needed) = (standing.missing, standing.needed);
        match missing {
            0 => Ok(()),
            _ => Err(ReleaseError::NotApproved { missing, needed }.told()),
        }
    }

    fn publish_now(&self, door: &Door<'_>, draft: &Draft) -> Result<wire::PublishResponse, Status> {
        let today = self.public.clock.today();
        let published = door.publish(draft, today).map_err(|error| error.told())?;
        Ok(answer(&published))
    }

    fn hold(
        &self,
        opened: &Opened,
        door: &Door<'_>,
        draft: &Draft,
        kinds: Vec<Kind>,
        seconds: u64,
    ) -> Result<wire::PublishResponse, Status> {
        if !BOUNDS.contains(&seconds) {
            return Err(ReleaseError::BadHold.told());
        }
        let until = self.public.clock.now().saturating_add(seconds);
        let held = Holds(&opened.store).put(draft, kinds, until);
        let held = held.map_err(|error| error.told())?;
        let unchanged = door.standing().map_err(|error| error.told())?;
        Ok(wire::PublishResponse {
            held: Some(to_wire(held, self.public.clock.now())),
            ..answer(&unchanged)
        })
    }

    /// Returns every hold.
    pub(super) fn holds(&self) -> Result<wire::ListHoldsResponse, Status> {
        let opened = self.opened()?;
        let all = Holds(&opened.store).all().map_err(|error| error.told())?;
        let now = self.public.clock.now();
        Ok(wire::ListHoldsResponse {
            holds: all.into_iter().map(|hold| to_wire(hold, now)).collect(),
        })
    }

    /// Returns how many drafts wait; `None` while the plane is closed.
    pub fn holds_waiting(&self) -> Option<usize> {
        let opened = self.opened().ok()?;
        Some(Holds(&opened.store).all().ok()?.len())
    }

    /// Takes a hold back.
    pub(super) fn cancel_hold(&self, digest: &str) -> Result<wire::CancelHoldResponse, Status> {
        let opened = self.opened()?;
        let _turn = opened.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = Holds(&opened.store);
        let cancelled = holds.settle().and_then(|()| holds.cancel(digest));
        let cancelled = cancelled.map_err(|error| error.told())?;
        self.holds_changed.notify_one();
        Ok(wire::CancelHoldResponse {
            cancelled: Some(to_wire(cancelled, self.public.clock.now())),
        })
    }

    /// Returns when the next draft may leave, Unix seconds; `None` where nothing waits, or the
    /// plane is closed.
    fn next_hold(&self) -> Result<Option<u64>, Status> {
        match self.opened() {
            Ok(opened) => Holds(&opened.store).next().map_err(|error| error.told()),
            Err(_) => Ok(None),
        }
    }

    /// Lets out what was held until now, each draft only if it is still the one that was held, and
    /// returns how many left.
    fn let_out_due(&self) -> Result<usize, Status> {
        self.at_door(|opened, charter, door| {
            // What was cut short comes first: it may be one of these.
            door.recover().map_err(|error| error.told())?;
            let holds = Holds(&opened.store);
            let due = holds.settle().and_then(|()| holds.all());
            let due = due.map_err(|error| error.told())?;
            let now = self.public.clock.now();
            let due = due.iter().filter(|hold| hold.is_due(now));
            Ok(due
                .filter(|hold| self.leaves(opened, charter, door, hold))
                .count())
        })
    }

    /// Lets one draft out; returns whether it left. One that cannot leave now does not keep the
    /// others.
    fn leaves(&self, opened: &Opened, charter: &Charter, door: &Door<'_>, hold: &Hold) -> bool {
        match self.let_out(opened, charter, door, hold.clone()) {
            Ok(LetOut::Gone(published)) => {
                let tree_size = published.tree_size;
                tracing::info!(tree_size, "held draft left");
                true
            }
            Ok(LetOut::Stale(_)) => {
                tracing::warn!("held draft did not leave: see release holds");
                false
            }
            Err(status) => {
                let error = status.message();
                tracing::warn!(error, "held draft cannot leave yet");
                false
            }
        }
    }

    fn let_out(
        &self,
        opened: &Opened,
        charter: &Charter,
        door: &Door<'_>,
        hold: Hold,
    ) -> Result<LetOut, Status> {
        let draft = self.draft(opened, hold.period, &hold.asked)?;
        let standing = self.words(opened, charter).standing(&draft.digest);
        let missing = standing.map_err(|error| error.told())?.missing;
        let today = self.public.clock.today();
        hold.let_out(door, &draft, missing, today)
            .map_err(|error| error.told())
    }

    /// Says of each hold that is stale what to do about it; none while the plane is closed.
    pub(super) fn hold_problems(&self) -> Vec<wire::Problem> {
        let held = self.opened().map(|opened| Holds(&opened.store).all());
        let Ok(Ok(held)) = held else {
            return Vec::new();
        };
        let stale = held.into_iter().filter(|hold| hold.state.is_stale());
        stale
            .map(|hold| wire::Problem {
                code: "hold_stale".to_owned(),
                message: format!(
                    "the held draft of {} did not leave: {}; take it back with `counterfoil \
                     release cancel {}`, then preview {} again",
                    hold.period,
                    reason(hold.state),
                    hold.digest,
                    hold.period
                ),
            })
            .collect()
    }
}

fn answer(published: &Published) -> wire::PublishResponse {
    wire::PublishResponse {
        published: leaves(published),
        tree_size: published.tree_size,
        root_hash: base64(&published.root.0),
        held: None,
    }
}

const fn reason(state: State) -> &'static str {
    match state {
        State::Waiting | State::Leaving(_) => "",
        State::Changed => "records, statements or the charter changed while it was held",
        State::NotApproved => "it is not approved by as many persons as this node asks for",
    }
}

fn to_wire(hold: Hold, now: u64) -> wire::Hold {
    let state = match hold.state {
        state if state.is_stale() => "stale",
        _ if hold.is_due(now) => "due",
        _ => "waiting",
    };
    wire::Hold {
        state: state.to_owned(),
        reason: reason(hold.state).to_owned(),
        digest: hold.digest,
        period: hold.period.to_string(),
        kinds: hold.kinds.iter().map(ToString::to_string).collect(),
        until: rfc3339(hold.until),
    }
}

fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(String::new, |time| time.to_string())
}
