//! What was let out, with what truly stood behind it. Sealed in the private database.
//!
//! An entry holds leaf, payload and salt, so that after a crash the log can be brought level with
//! it, byte for byte; and what records truly said then, so that the next release can be held
//! against it. Counts stay there when a person's rows are deleted; nothing in them names anybody.

use serde::{Deserialize, Serialize};

use super::ReleaseError;
use super::packed;
use super::sent::{self, Marks};
use crate::disclosure::tables::State;
use crate::log::Leaf;
use crate::model::{Kind, Period, Series};
use crate::store::{Changes, PrivateStore, PublicStore, SaltedPayload};

/// The part of the private database that holds the ledger.
const SPACE: u8 = 0x10;

/// The part that holds the payloads: salt, then the exact bytes.
const PAYLOAD_SPACE: u8 = 0x12;

/// The part that holds what previewed drafts were about.
const DRAFT_SPACE: u8 = 0x11;

/// The part that holds what records truly said when something was let out.
const STATE_SPACE: u8 = 0x18;

/// How many previewed drafts are remembered.
const DRAFTS: usize = 256;

/// One leaf of the member's own log as it was, or is about to be, appended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Where in the log it stands.
    pub index: u64,
    /// The leaf's text.
    pub leaf: String,
    /// Whether it commits to a payload, which lies beside it.
    pub has_payload: bool,
    /// What it is about, where it is a summary or a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What records truly said of it and of everything it could be subtracted from; written
    /// beside the entry, and not read with it.
    #[serde(skip)]
    pub state: Option<State>,
    /// How many sums were proven to be bounded no tighter than agreed, and SHA-256 of the proof.
    #[serde(default)]
    pub proof: (usize, [u8; 32]),
    /// The records a summary was counted from; written beside the entry, and not read with it.
    #[serde(skip)]
    pub marks: Option<Marks>,
}

impl Entry {
    /// Returns the leaf it replaced.
    pub fn replaces(&self) -> Option<u64> {
        match Leaf::parse(self.leaf.as_bytes()) {
            Ok(Leaf::Summary { replaces, .. }) => replaces,
            _ => None,
        }
    }
}

/// The ledger in the private database.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a>(pub &'a PrivateStore);

impl Ledger<'_> {
    /// Checks that the newest leaf of the own log is one the ledger has: a leaf it has never seen
    /// cannot be held against new ones, so nothing may be let out after it.
    ///
    /// # Errors
    /// [`ReleaseError::LedgerMismatch`] where it is not, as after an older private plane was put
    /// back; or when either cannot be read.
    pub fn check(&self, public: &PublicStore, origin: &str) -> Result<(), ReleaseError> {
        let size = public.log(origin)?.map_or(0, |log| log.size);
        let Some(last) = size.checked_sub(1) else {
            return Ok(());
        };
        let mismatch = || ReleaseError::LedgerMismatch { index: last };
        let entry = self.entry(last)?.ok_or_else(mismatch)?;
        let logged = public.entry(origin, last)?;
        match logged.is_some_and(|logged| logged.leaf == entry.leaf.as_bytes()) {
            true => Ok(()),
            false => Err(mismatch()),
        }
    }

    /// Writes entries with their payloads durably, all or none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn write(self, entries: &[(Entry, Option<SaltedPayload>)]) -> Result<(), ReleaseError> {
        let mut changes = Changes::new();
        for (entry, payload) in entries {
            let bytes = serde_json::to_vec(entry).map_err(ReleaseError::Ledger)?;
            changes.put(SPACE, &entry.index.to_be_bytes(), bytes);
            if let (Some(series), Some(marks)) = (&entry.series, &entry.marks) {
                sent::put(&mut changes, series, marks);
            }
            if let Some(state) = &entry.state {
                changes.put(
                    STATE_SPACE,
                    &entry.index.to_be_bytes(),
                    packed::pack(state)?,
                );
            }
            if let Some(payload) = payload {
                let bytes = [&payload.salt[..], &payload.payload].concat();
                changes.put(PAYLOAD_SPACE, &entry.index.to_be_bytes(), bytes);
            }
        }
        Ok(self.0.apply(changes)?)
    }

    /// Remembers that what was sent of some series is what these records say.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn confirm<'m>(
        self,
        confirmed: impl IntoIterator<Item = (Series, &'m Marks)>,
    ) -> Result<(), ReleaseError> {
        let mut changes = Changes::new();
        for (series, marks) in confirmed {
            sent::put(&mut changes, &series.to_string(), marks);
        }
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.0.apply(changes)?)
    }

    /// Returns every entry, in the order of the log.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn entries(self) -> Result<Vec<Entry>, ReleaseError> {
        self.0
            .scan(SPACE, &[])
            .map(|row| {
                let (_, bytes) = row?;
                serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger)
            })
            .collect()
    }

    /// Returns the entry of one leaf.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn entry(self, index: u64) -> Result<Option<Entry>, ReleaseError> {
        match self.0.get(SPACE, &index.to_be_bytes())? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(None),
        }
    }

    /// Returns what records truly said when one leaf was let out, where that is remembered;
    /// `fy_month` is the month financial years begin in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state(self, index: u64, fy_month: i8) -> Result<Option<State>, ReleaseError> {
        let Some(bytes) = self.0.get(STATE_SPACE, &index.to_be_bytes())? else {
            return Ok(None);
        };
        Ok(Some(packed::unpack(&bytes)?.with_financial_year(fy_month)))
    }

    /// Returns the payload of one leaf.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn payload(self, index: u64) -> Result<Option<SaltedPayload>, ReleaseError> {
        let bytes = self.0.get(PAYLOAD_SPACE, &index.to_be_bytes())?;
        Ok(bytes.and_then(|bytes| {
            let (salt, payload) = bytes.split_first_chunk::<32>()?;
            Some(SaltedPayload {
                salt: *salt,
                payload: payload.to_vec(),
            })
        }))
    }
}

impl Ledger<'_> {
    /// Remembers what a previewed digest was about. Only the newest ones are kept.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remember(
        self,
        digest: &str,
        period: Period,
        kinds: &[Kind],
    ) -> Result<(), ReleaseError> {
        let mut drafts = self.drafts()?;
        drafts.retain(|draft| draft.digest != digest);
        drafts.push(Remembered {
            digest: digest.to_owned(),
            period,
            kinds: kinds.to_vec(),
        });
        let surplus = drafts.len().saturating_sub(DRAFTS);
        let bytes = serde_json::to_vec(&drafts[surplus..]).map_err(ReleaseError::Ledger)?;
        let mut changes = Changes::new();
        changes.put(DRAFT_SPACE, &[], bytes);
        Ok(self.0.apply(changes)?)
    }

    /// Returns what a previewed digest was about.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn remembered(self, digest: &str) -> Result<Option<(Period, Vec<Kind>)>, ReleaseError> {
        let drafts = self.drafts()?;
        let found = drafts.into_iter().find(|draft| draft.digest == digest);
        Ok(found.map(|draft| (draft.period, draft.kinds)))
    }

    fn drafts(self) -> Result<Vec<Remembered>, ReleaseError> {
        match self.0.get(DRAFT_SPACE, &[])? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(ReleaseError::Ledger),
            None => Ok(Vec::new()),
        }
    }
}

/// A draft somebody looked at.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    digest: String,
    period: Period,
    kinds: Vec<Kind>,
}
