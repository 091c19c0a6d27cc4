//! A person leaves the book, and what was sent stays sent.
//!
//! Consent withdrawn takes the rows away at once and asks for no new release: a revision that
//! differs by one person would show who that was. So in one write with the rows go the marks by
//! which a release is seen to be out of date. The ledger holds counts only; they stay.

use uuid::Uuid;

use super::ReleaseError;
use super::sent;
use crate::record::book::batch;
use crate::record::{self, Desk, Leaving, List};
use crate::store::PrivateStore;

/// How much of the book a person was in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Records that named the person.
    pub records: u64,
    /// Rows that did.
    pub rows: u64,
    /// Records that mention them in words, which stay as they are.
    pub mentions: Vec<Uuid>,
}

impl Forgotten {
    fn of(leaving: &Leaving) -> Self {
        Self {
            records: leaving.records.len() as u64,
            rows: leaving.rows,
            mentions: leaving.mentions.clone(),
        }
    }
}

/// Takes a person out of every list, durably and at once; with `dry_run`, only counts.
///
/// No release is shown as out of date because of it.
///
/// # Errors
/// When `person` names nobody, or the database refuses; nothing is changed then.
pub fn forget(
    store: &PrivateStore,
    desk: &Desk<'_>,
    person: &str,
    dry_run: bool,
) -> Result<Forgotten, ReleaseError> {
    let leaving = record::forget::forget(store, desk, person)?;
    let forgotten = Forgotten::of(&leaving);
    if !dry_run {
        write(store, leaving, true)?;
    }
    Ok(forgotten)
}

/// Takes a person out of one list of one record: a correction like any other edit, which what was
/// sent is held against.
///
/// # Errors
/// When there is no such record or list, `person` names nobody, or the database refuses; nothing
/// is changed then.
pub fn remove(
    store: &PrivateStore,
    desk: &Desk<'_>,
    id: Uuid,
    list: List,
    person: &str,
) -> Result<Forgotten, ReleaseError> {
    let leaving = record::forget::remove(store, desk, id, list, person)?;
    let forgotten = Forgotten::of(&leaving);
    write(store, leaving, false)?;
    Ok(forgotten)
}

fn write(store: &PrivateStore, leaving: Leaving, is_settled: bool) -> Result<(), ReleaseError> {
    if leaving.changes.is_empty() {
        return Ok(());
    }
    let mut changes = batch(store, leaving.changes)?;
    if is_settled {
        sent::follow(store, &mut changes, &leaving.records)?;
    }
    // Asked for first: after a crash between the two, files are written anew once too often, and
    // never once too few.
    store.request_rewrite()?;
    Ok(store.apply(changes)?)
}
