//! Drafts that leave later, unless somebody thinks better of it.
//!
//! A hold says which draft, and from when. Once that time has come the draft is made again: only
//! the one that was held leaves, and if anything changed in between, nothing does and the hold is
//! stale until somebody looks. What leaves does so once:
//!
//! ```text
//! waiting ─▶ leaving(size): its leaves begin at `size` of the log ─▶ gone
//!    ▲            │ crash: no ledger entry at `size`   │ crash: there is one
//!    └────────────┘                                    └──▶ gone
//! ```

use std::ops::RangeInclusive;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::{Door, Draft, Published, ReleaseError};
use crate::model::{Kind, Period};
use crate::store::{Changes, PrivateStore};

/// The part of the private database that holds the holds by digest.
const SPACE: u8 = 0x32;

/// Most drafts held at once.
pub const MOST_HOLDS: usize = 64;

/// Shortest and longest time a draft may be held, in seconds: a minute and thirty days.
pub const BOUNDS: RangeInclusive<u64> = 60..=30 * 86_400;

/// A draft that leaves later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which draft.
    pub digest: String,
    /// Its period.
    pub period: Period,
    /// The kinds it was asked for; none for those with something to say.
    pub asked: Vec<Kind>,
    /// The kinds that would leave.
    pub kinds: Vec<Kind>,
    /// From when it may leave, Unix seconds. It stays on the node.
    pub until: u64,
    /// How far it has come.
    pub state: State,
}

/// How far a hold has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its time has not come, or nobody could let it out yet.
    Waiting,
    /// It is being let out: its leaves begin at this index of the log.
    Leaving(u64),
    /// Something changed while it was held, so that nothing leaves.
    Changed,
    /// When its time came, it was not approved by as many as are asked for.
    NotApproved,
}

impl State {
    /// Returns whether nothing leaves any more, whatever time it is.
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::Changed | Self::NotApproved)
    }
}

/// What became of a draft whose time came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetOut {
    /// It left.
    Gone(Published),
    /// Nothing did, and nothing will.
    Stale(State),
}

/// The holds in the private database.
#[derive(Clone, Copy, Debug)]
pub struct Holds<'a>(pub &'a PrivateStore);

impl Holds<'_> {
    /// Returns them, the earliest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all(self) -> Result<Vec<Hold>, ReleaseError> {
        let mut all = Vec::new();
        for row in self.0.scan(SPACE, &[]) {
            let (_, bytes) = row?;
            let hold: Hold = serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger)?;
            all.push(hold);
        }
        all.sort_by(|a, b| (a.until, &a.digest).cmp(&(b.until, &b.digest)));
        Ok(all)
    }

    /// Returns the hold of a draft.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(self, digest: &str) -> Result<Option<Hold>, ReleaseError> {
        match self.0.get(SPACE, digest.as_bytes())? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(None),
        }
    }

    /// Holds a draft until a time. Durable when it returns.
    ///
    /// # Errors
    /// When it is held already, or too many are.
    pub fn put(self, draft: &Draft, asked: Vec<Kind>, until: u64) -> Result<Hold, ReleaseError> {
        let all = self.all()?;
        if all.iter().any(|hold| hold.digest == draft.digest) {
            return Err(ReleaseError::Held);
        }
        if all.len() >= MOST_HOLDS {
            return Err(ReleaseError::TooManyHolds);
        }
        let changed = draft.summaries.iter().filter(|summary| !summary.unchanged);
        let hold = Hold {
            digest: draft.digest.clone(),
            period: draft.period,
            asked,
            kinds: changed.map(|summary| summary.summary.series.kind).collect(),
            until,
            state: State::Waiting,
        };
        self.write(&hold)?;
        Ok(hold)
    }

    /// Takes a hold back, whatever its state. Durable when it returns.
    ///
    /// # Errors
    /// When nothing of this digest is held.
    pub fn cancel(self, digest: &str) -> Result<Hold, ReleaseError> {
        let hold = self.of(digest)?.ok_or(ReleaseError::NotHeld)?;
        self.end(digest)?;
        Ok(hold)
    }

    /// Finds out what became of holds that were leaving when the process ended.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn settle(self) -> Result<(), ReleaseError> {
        for mut hold in self.all()? {
            let State::Leaving(index) = hold.state else {
                continue;
            };
            if Ledger(self.0).entry(index)?.is_some() {
                self.end(&hold.digest)?;
            } else {
                hold.state = State::Waiting;
                self.write(&hold)?;
            }
        }
        Ok(())
    }

    /// Returns when the next draft may leave, Unix seconds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next(self) -> Result<Option<u64>, ReleaseError> {
        let all = self.all()?;
        let mut waiting = all.iter().filter(|hold| !hold.state.is_stale());
        Ok(waiting.next().map(|hold| hold.until))
    }

    fn write(self, hold: &Hold) -> Result<(), ReleaseError> {
        let bytes = serde_json::to_vec(hold).map_err(ReleaseError::Ledger)?;
        let mut changes = Changes::new();
        changes.put(SPACE, hold.digest.as_bytes(), bytes);
        Ok(self.0.apply(changes)?)
    }

    fn end(self, digest: &str) -> Result<(), ReleaseError> {
        let mut changes = Changes::new();
        changes.delete(SPACE, digest.as_bytes());
        Ok(self.0.apply(changes)?)
    }
}

impl Hold {
    /// Returns whether it may leave now.
    pub const fn is_due(&self, now: u64) -> bool {
        self.until <= now && !self.state.is_stale()
    }

    /// Lets the draft out through the door, once; `now` is it as it would be made now, and
    /// `missing` how many approvals it lacks. Whoever calls holds the door and has settled the
    /// holds.
    ///
    /// # Errors
    /// When the door refuses; the hold is still there then, or settled as gone later.
    pub fn let_out(
        mut self,
        door: &Door<'_>,
        now: &Draft,
        missing: u32,
        today: Date,
    ) -> Result<LetOut, ReleaseError> {
        let holds = Holds(door.private);
        let stale = if now.digest != self.digest {
            Some(State::Changed)
        } else if missing > 0 {
            Some(State::NotApproved)
        } else {
            None
        };
        if let Some(state) = stale {
            self.state = state;
            holds.write(&self)?;
            return Ok(LetOut::Stale(state));
        }
        // What a crash left half done comes first, so that the next index is this draft's.
        door.recover()?;
        self.state = State::Leaving(door.tree_size()?);
        holds.write(&self)?;
        let published = door.publish(now, today)?;
        holds.end(&self.digest)?;
        Ok(LetOut::Gone(published))
    }
}
