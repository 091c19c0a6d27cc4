//! What is done once when the plane is opened: every row is read, held against the tally, and put
//! under the key it belongs under.

use std::sync::PoisonError;

use zeroize::Zeroizing;

use super::index::{Index, place_of};
use super::staging::Stage;
use super::tally::Tally;
use super::{BINDING, Changes, PrivateStore, RESCUE, damaged_row, row_key};
use crate::store::StoreError;
use crate::store::durable::Batch;

/// How many rows are sealed anew in one write.
const SORTED_AT_ONCE: usize = 500;

impl PrivateStore {
    /// Seals every row that lies under the other key than its space says under its own.
    ///
    /// # Errors
    /// As [`PrivateStore::apply`].
    pub fn sort_out(&self) -> Result<(), StoreError> {
        if !self.read().is_mixed {
            return Ok(());
        }
        let keys: Vec<Box<[u8]>> = self.read().rows.keys().cloned().collect();
        for some in keys.chunks(SORTED_AT_ONCE) {
            let mut changes = Changes::new();
            for key in some {
                let sequence = self.read().rows.get(key).copied();
                let Some(sequence) = sequence else { continue };
                let sealed = self.db.get(&row_key(sequence))?;
                let opened = sealed.and_then(|sealed| self.open_row(sequence, &sealed));
                let (row, under) = opened.ok_or_else(|| damaged_row(&self.db, sequence))?;
                if under != place_of(key) {
                    changes
                        .0
                        .insert(key.to_vec(), Some(Zeroizing::new(row.to_value().to_vec())));
                }
            }
            self.write(changes)?;
        }
        // The binding row comes under its own key last.
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        self.set_stage(&Stage::Settled, Some(index.tally))?;
        index.is_mixed = false;
        drop(index);
        self.commit()?;
        Ok(())
    }

    /// Clears away the rows that no key opens any more. Only where that is known to be so: a row
    /// that cannot be opened is damage anywhere else. None may be missing before; each batch takes
    /// its rows out of the tally too. Returns the tally of what is left.
    pub(super) fn drop_unreadable(
        &self,
        bound: Option<Tally>,
    ) -> Result<Option<Tally>, StoreError> {
        let mut found = Tally::default();
        let mut unreadable = Vec::new();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = self.sequence_of(&key)?;
            if sequence == BINDING {
                continue;
            }
            found.toggle(sequence, &sealed);
            if self.open_row(sequence, &sealed).is_none() {
                unreadable.push(sequence);
            }
        }
        self.refuse_lost(bound, found)?;
        let mut tally = bound;
        for some in unreadable.chunks(SORTED_AT_ONCE) {
            let mut batch = Batch::new();
            for sequence in some {
                if let Some(tally) = &mut tally {
                    tally.toggle(*sequence, &self.sealed(*sequence)?);
                }
                batch.remove(row_key(*sequence));
            }
            batch.put(row_key(BINDING), self.binding(&Stage::Settled, tally)?);
            self.db.write(batch)?;
        }
        if !unreadable.is_empty() {
            self.db.request_rewrite()?;
        }
        self.db.commit()?;
        Ok(tally)
    }

    /// Opens every row once, to learn where the row of each key lies.
    pub(super) fn read_index(&self) -> Result<Index, StoreError> {
        let mut index = Index::default();
        for row in self.db.all() {
            let (key, sealed) = row?;
            let sequence = self.sequence_of(&key)?;
            let opened = self.open_row(sequence, &sealed);
            let (opened, under) = opened.ok_or_else(|| damaged_row(&self.db, sequence))?;
            let key = opened.key();
            index.is_mixed |= self.is_parted && under != place_of(key);
            if sequence != BINDING {
                index.place(key, Some(sequence));
                index.tally.toggle(sequence, &sealed);
            }
            index.next = sequence + 1;
        }
        Ok(index)
    }

    /// Holds the rows that were found against what the binding row says of them, and how far that
    /// has come against the file beside the database.
    pub(super) fn check_tally(
        &self,
        bound: Option<Tally>,
        index: &mut Index,
    ) -> Result<(), StoreError> {
        self.refuse_lost(bound, index.tally)?;
        // One of before there was a tally is taken as it is.
        index.tally = bound.unwrap_or(index.tally);
        Ok(())
    }

    fn refuse_lost(&self, bound: Option<Tally>, found: Tally) -> Result<(), StoreError> {
        let gone = |what: &str| {
            StoreError::damaged(
                self.db.path(),
                format!("{what} that was acknowledged is gone; {RESCUE}"),
            )
        };
        if bound.is_some_and(|bound| !bound.same_rows(found)) {
            return Err(gone("a row"));
        }
        if bound.unwrap_or(found).writes < self.written.said() {
            return Err(gone("a write"));
        }
        Ok(())
    }
}
