//! From which records a release was counted, so that what changed since can be shown.
//!
//! Beside the ledger lies, per series, the id of every record that bore on its last release, and a
//! mark of what it said. Only the newest release of a series is remembered so.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::ReleaseError;
use crate::model::{Kind, Series};
use crate::record::{Book, Record, Remarked, bears_on, each, mark};
use crate::store::{Changes, PrivateStore};

/// The part of the private database that holds the marks by series.
const SPACE: u8 = 0x14;

/// Bytes per record: its id, and the mark of what it says.
const MARK_LEN: usize = 24;

/// Most marks kept of one series: what fits in one value of the private database.
const MOST_MARKS: usize = (15 << 20) / MARK_LEN;

/// Records by id, with a mark of what each says. In the order of the ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(Uuid, u64)>);

/// What became, since a release, of the records it was counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Records changed.
    pub changed: u64,
    /// Records that bear on it and were not there.
    pub added: u64,
    /// Records that are no longer there.
    pub deleted: u64,
}

impl Since {
    /// Returns whether anything became of them.
    pub fn is_anything(self) -> bool {
        self != Self::default()
    }
}

/// How one record stands to what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether some release was counted from it.
    pub sent: bool,
    /// Whether some release it bears on was not counted from it as it is now.
    pub changed_since_sent: bool,
}

impl Marks {
    /// Takes a record in, if it bears on the series. Records come in the order of their ids.
    pub(super) fn take(&mut self, series: Series, record: &Record) {
        if bears_on(record, series.period) {
            self.0.push((record.id, mark(record)));
        }
    }

    /// Returns what the last release of a series was counted from, where that is remembered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn sent(store: &PrivateStore, series: Series) -> Result<Option<Self>, ReleaseError> {
        let bytes = store.get(SPACE, series.to_string().as_bytes())?;
        Ok(bytes.map(|bytes| Self::from_bytes(&bytes)))
    }

    fn of(&self, id: Uuid) -> Option<u64> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, mark)| *mark)
    }

    /// Takes a record as it is now where it is held as it was before; returns whether it was.
    fn remark(&mut self, record: &Remarked) -> bool {
        let at = self.0.binary_search_by_key(&record.id, |(id, _)| *id);
        let held = at.ok().and_then(|at| self.0.get_mut(at));
        match held.filter(|(_, mark)| *mark == record.before) {
            Some((_, mark)) => {
                *mark = record.after;
                true
            }
            None => false,
        }
    }

    /// Returns what became of the records since `sent`.
    pub(super) fn since(&self, sent: &Self) -> Since {
        let mut since = Since::default();
        let mut still = 0;
        for (id, mark) in &self.0 {
            match sent.of(*id) {
                None => since.added += 1,
                Some(before) => {
                    still += 1;
                    since.changed += u64::from(before != *mark);
                }
            }
        }
        since.deleted = sent.0.len() as u64 - still;
        since
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * MARK_LEN);
        for (id, mark) in &self.0 {
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&mark.to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (marks, _) = bytes.as_chunks::<MARK_LEN>();
        let read = |bytes: &[u8; MARK_LEN]| {
            let (id, mark) = bytes.split_first_chunk::<16>()?;
            let mark = u64::from_be_bytes(mark.try_into().ok()?);
            Some((Uuid::from_bytes(*id), mark))
        };
        Self(marks.iter().filter_map(read).collect())
    }
}

/// Puts what a series was counted from beside its release.
pub(super) fn put(changes: &mut Changes, series: &str, marks: &Marks) {
    if marks.0.len() <= MOST_MARKS {
        changes.put(SPACE, series.as_bytes(), marks.to_bytes());
    } else {
        changes.delete(SPACE, series.as_bytes());
    }
}

/// Lets what was sent follow records that changed without a call to send again: where a release
/// was counted from a record exactly as it was before, it is remembered as counted from it as it
/// is now. Where the record had changed since, that stays to be seen.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn follow(
    store: &PrivateStore,
    changes: &mut Changes,
    records: &[Remarked],
) -> Result<(), ReleaseError> {
    let mut kinds: Vec<Kind> = records.iter().map(|record| record.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        for row in store.scan(SPACE, format!("{kind}/").as_bytes()) {
            let (series, bytes) = row?;
            let mut marks = Marks::from_bytes(&bytes);
            let mut is_any = false;
            for record in records.iter().filter(|record| record.kind == kind) {
                is_any |= marks.remark(record);
            }
            if is_any {
                changes.put(SPACE, &series, marks.to_bytes());
            }
        }
    }
    Ok(())
}

/// Takes every record whose persons were let go as it is now, wherever a release was counted from
/// it: for a book that is opened without them.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) fn level(store: &PrivateStore) -> Result<(), ReleaseError> {
    for kind in Kind::ALL {
        let mut now = Vec::new();
        each(store, *kind, &mut |record| {
            if record.let_go > 0 {
                now.push((record.id, mark(&record)));
            }
            Ok(())
        })?;
        let mut changes = Changes::new();
        for row in store.scan(SPACE, format!("{kind}/").as_bytes()) {
            let (series, bytes) = row?;
            let mut marks = Marks::from_bytes(&bytes);
            for (id, mark) in &now {
                if let Ok(at) = marks.0.binary_search_by_key(id, |(id, _)| *id)
                    && let Some((_, held)) = marks.0.get_mut(at)
                {
                    *held = *mark;
                }
            }
            changes.put(SPACE, &series, marks.to_bytes());
        }
        if !changes.is_empty() {
            store.apply(changes)?;
        }
    }
    Ok(())
}

/// What releases were counted from, as the private database remembers it.
#[derive(Clone, Debug, Default)]
pub struct Sent(BTreeMap<Series, Marks>);

impl Sent {
    /// Reads it for a kind, or for all; `fy_month` is the month financial years begin in. A
    /// release from before this was remembered is not in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(
        store: &PrivateStore,
        kind: Option<Kind>,
        fy_month: i8,
    ) -> Result<Self, ReleaseError> {
        let prefix = kind.map_or_else(String::new, |kind| format!("{kind}/"));
        let mut sent = BTreeMap::new();
        for row in store.scan(SPACE, prefix.as_bytes()) {
            let (key, bytes) = row?;
            let text = std::str::from_utf8(&key).unwrap_or_default();
            if let Ok(Series { kind, period }) = text.parse() {
                let period = period.with_financial_year(fy_month);
                sent.insert(Series { kind, period }, Marks::from_bytes(&bytes));
            }
        }
        Ok(Self(sent))
    }

    /// Returns how a record stands to what was sent.
    pub fn standing(&self, record: &Record) -> Standing {
        let mut standing = Standing::default();
        let now = mark(record);
        let of_kind = self
            .0
            .iter()
            .filter(|(series, _)| series.kind == record.kind);
        for (series, marks) in of_kind {
            let before = marks.of(record.id);
            standing.sent |= before.is_some();
            standing.changed_since_sent |= match before {
                Some(before) => before != now,
                None => bears_on(record, series.period),
            };
        }
        standing
    }

    /// Returns, per series released, what became of its records since: one pass over the book.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn since(&self, book: &dyn Book) -> Result<BTreeMap<Series, Since>, ReleaseError> {
        let mut since = BTreeMap::new();
        for kind in Kind::ALL {
            let of_kind = self.0.iter().filter(|(series, _)| series.kind == *kind);
            let mut now: Vec<(Series, &Marks, Marks)> = of_kind
                .map(|(series, sent)| (*series, sent, Marks::default()))
                .collect();
            if now.is_empty() {
                continue;
            }
            each(book, *kind, &mut |record| {
                for (series, _, marks) in &mut now {
                    marks.take(*series, &record);
                }
                Ok(())
            })?;
            let now = now.into_iter();
            since.extend(now.map(|(series, sent, marks)| (series, marks.since(sent))));
        }
        Ok(since)
    }
}
