//! Letting a draft out: ledger, leaf, signed checkpoint, disk; only then is it acknowledged.

use jiff::civil::Date;

use super::ReleaseError;
use super::draft::{Draft, DraftSummary};
use super::ledger::{Entry, Ledger};
use crate::charter::policy;
use crate::identity::keys::LogKey;
use crate::log::{Audience, Hash, Leaf, Origin, VerifiedCheckpoint, commitment};
use crate::model::{ConsortiumId, MemberId, Series};
use crate::store::replica::Replica;
use crate::store::{
    self, CheckpointFile, Entropy, Head, Payload, PrivateStore, PublicStore, SaltedPayload,
};

/// Everything it takes to append to the member's own log. One at a time: the caller holds the
/// only one.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The private database, for the ledger.
    pub private: &'a PrivateStore,
    /// The public database, for the log.
    pub public: &'a PublicStore,
    /// The consortium.
    pub consortium: &'a ConsortiumId,
    /// The member.
    pub member: &'a MemberId,
    /// The key that signs checkpoints.
    pub log_key: &'a LogKey,
    /// The file that keeps the last checkpoint outside the databases.
    pub checkpoint_file: &'a CheckpointFile,
    /// Where salts come from.
    pub entropy: Entropy,
}

/// An entry about to be appended, with its payload.
type Waiting = (Entry, Option<SaltedPayload>);

/// What was let out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// One per leaf: what about, which revision (0 for a status), where in the log.
    pub leaves: Vec<(Series, u32, u64)>,
    /// Size of the log now.
    pub tree_size: u64,
    /// Root hash of the log now.
    pub root: Hash,
}

impl Door<'_> {
    /// Lets out what changed in a draft. With nothing changed, nothing is appended.
    ///
    /// # Errors
    /// Nothing has left unless the ledger was already written; then [`Door::recover`] lets it out
    /// as it stands there.
    pub fn publish(&self, draft: &Draft, today: Date) -> Result<Published, ReleaseError> {
        self.recover()?;
        let changed = draft.summaries.iter().filter(|summary| !summary.unchanged);
        let mut leaves = Vec::new();
        let mut entries = Vec::new();
        for (index, summary) in (self.replica().state()?.size..).zip(changed) {
            entries.push(self.entry(summary, index, today)?);
            leaves.push((summary.summary.series, summary.summary.revision, index));
        }
        self.let_out(entries)?;
        // Somebody looked, and what was sent is what the records say.
        let same = draft.summaries.iter().filter(|draft| draft.is_still_true());
        let same = same.map(|draft| (draft.summary.series, &draft.marks));
        Ledger(self.private).confirm(same)?;
        self.published(leaves)
    }

    /// Takes back a certificate this member granted; returns the leaf's index.
    ///
    /// # Errors
    /// As [`Door::publish`].
    pub fn revoke(&self, spki: [u8; 32], today: Date) -> Result<u64, ReleaseError> {
        self.recover()?;
        let spki = Hash(spki);
        self.append_bare(&Leaf::Revoke { spki, date: today }, None)
    }

    /// Appends what the ledger has and the log has not, exactly as it stands there: what a crash
    /// left half done. Returns how many leaves that were.
    ///
    /// # Errors
    /// When ledger and log contradict each other, or the disk refuses.
    pub fn recover(&self) -> Result<usize, ReleaseError> {
        let ledger = Ledger(self.private);
        let size = self.replica().state()?.size;
        ledger.check(self.public, self.origin().as_str())?;
        let mut waiting = Vec::new();
        while let Some(entry) = ledger.entry(size + waiting.len() as u64)? {
            let payload = ledger.payload(entry.index)?;
            waiting.push((entry, payload));
        }
        let count = waiting.len();
        self.append(waiting)?;
        Ok(count)
    }

    /// Returns the log as it is, with nothing let out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn standing(&self) -> Result<Published, ReleaseError> {
        self.published(Vec::new())
    }

    /// Returns how many leaves the log has.
    pub(super) fn tree_size(&self) -> Result<u64, ReleaseError> {
        Ok(self.replica().state()?.size)
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::of(self.consortium, self.member)
    }

    fn entry(
        &self,
        draft: &DraftSummary,
        index: u64,
        today: Date,
    ) -> Result<Waiting, ReleaseError> {
        let mut salt = [0; 32];
        (self.entropy)(&mut salt)
            .map_err(|error| ReleaseError::Log(format!("no randomness for a salt: {error}")))?;
        let leaf = Leaf::Summary {
            series: draft.summary.series,
            revision: draft.summary.revision,
            date: today,
            replaces: draft.replaces,
            audience: leaf_audience(&draft.audience, self.member)?,
            commit: commitment(&salt, &draft.payload),
        };
        let payload = SaltedPayload {
            salt,
            payload: draft.payload.clone(),
        };
        let entry = Entry {
            index,
            leaf: encode(&leaf)?,
            has_payload: true,
            series: Some(draft.summary.series.to_string()),
            state: Some(draft.state.clone()),
            proof: draft.proof,
            marks: Some(draft.marks.clone()),
        };
        Ok((entry, Some(payload)))
    }

    pub(super) fn append_bare(
        &self,
        leaf: &Leaf,
        series: Option<String>,
    ) -> Result<u64, ReleaseError> {
        let index = self.replica().state()?.size;
        let entry = Entry {
            index,
            leaf: encode(leaf)?,
            has_payload: false,
            series,
            state: None,
            proof: (0, [0; 32]),
            marks: None,
        };
        self.let_out(vec![(entry, None)])?;
        Ok(index)
    }

    fn let_out(&self, entries: Vec<Waiting>) -> Result<(), ReleaseError> {
        if entries.is_empty() {
            return Ok(());
        }
        Ledger(self.private).write(&entries)?;
        self.append(entries)
    }

    fn append(&self, entries: Vec<Waiting>) -> Result<(), ReleaseError> {
        if entries.is_empty() {
            return Ok(());
        }
        let _step = tracing::info_span!(target: "step", "append").entered();
        let origin = self.origin();
        let mut growth = Replica::new(self.public, origin.as_str()).grow()?;
        self.begin_checkpoints(growth.size(), growth.root())?;
        for (entry, payload) in entries {
            growth.push(store::Entry {
                leaf: entry.leaf.into_bytes(),
                payload: payload.map_or(Payload::Absent, Payload::Here),
            })?;
        }
        let signed = self.sign(growth.size(), growth.root());
        let note = signed.to_string();
        growth.store(
            Some(Head {
                note: note.clone(),
                size: signed.size(),
            }),
            None,
        )?;
        self.public.commit()?;
        self.checkpoint_file.write(&note)?;
        Ok(())
    }

    /// Sees to it that the checkpoint file is there before any leaf is, so that a log without one
    /// can only have lost it.
    fn begin_checkpoints(&self, size: u64, root: Hash) -> Result<(), ReleaseError> {
        if self.checkpoint_file.read()?.is_none() {
            let signed = self.sign(size, root);
            self.checkpoint_file.write(&signed.to_string())?;
        }
        Ok(())
    }

    fn sign(&self, size: u64, root: Hash) -> VerifiedCheckpoint {
        VerifiedCheckpoint::sign(self.consortium, self.member, self.log_key, size, root)
    }

    fn replica(&self) -> OwnLog<'_> {
        OwnLog {
            public: self.public,
            origin: self.origin(),
        }
    }

    pub(super) fn published(
        &self,
        leaves: Vec<(Series, u32, u64)>,
    ) -> Result<Published, ReleaseError> {
        let log = self.replica();
        Ok(Published {
            leaves,
            tree_size: log.state()?.size,
            root: log.root()?,
        })
    }
}

/// The member's own log, by an origin that is ours to keep.
struct OwnLog<'a> {
    public: &'a PublicStore,
    origin: Origin,
}

impl OwnLog<'_> {
    fn state(&self) -> Result<store::LogState, ReleaseError> {
        Ok(Replica::new(self.public, self.origin.as_str()).state()?)
    }

    fn root(&self) -> Result<Hash, ReleaseError> {
        Ok(Replica::new(self.public, self.origin.as_str()).root()?)
    }
}

fn encode(leaf: &Leaf) -> Result<String, ReleaseError> {
    leaf.encode()
        .map_err(|error| ReleaseError::Log(error.to_string()))
}

/// Returns the audience as the leaf names it: whoever publishes sees it too.
fn leaf_audience(
    audience: &policy::Audience,
    publisher: &MemberId,
) -> Result<Audience, ReleaseError> {
    match audience {
        policy::Audience::Everybody => Ok(Audience::ALL),
        policy::Audience::Members(members) => {
            Audience::of(members.iter().cloned().chain([publisher.clone()]))
                .map_err(|error| ReleaseError::Log(error.to_string()))
        }
    }
}
