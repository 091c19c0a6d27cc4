//! Writes too large for one batch, still whole or not at all.
//!
//! An import of 100,000 rows as one batch would take the engine a gigabyte. So the rows are
//! written beside those they replace, a batch at a time, and count only once the binding row says
//! so in a single write. Whatever a crash leaves unfinished is cleared away at the next opening:
//!
//! ```text
//! settled ─▶ staging(base): rows from `base` on do not count ─▶ clearing(old): rows in `old` no
//!    ▲                    │ crash: remove them                   longer count, remove them
//!    └────────────────────┴──────────────────────────────────────────────┘
//! ```

use super::tally::Tally;
use super::{BINDING, Changes, Index, PrivateStore, row_key};
use crate::store::StoreError;
use crate::store::codec::{Reader, Writer};
use crate::store::durable::Batch;

/// What goes into one batch.
const ROWS: usize = 1_000;
const BYTES: usize = 4 << 20;

/// How far a large write has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    Settled,
    /// Rows from this sequence number on do not count.
    Staging { base: u64 },
    /// Rows with these sequence numbers no longer count.
    Clearing { old: Vec<u64> },
}

/// Returns whether the changes are too many for one batch.
pub(super) fn is_large(changes: &Changes) -> bool {
    changes.len() > ROWS || bytes(changes) > BYTES
}

impl PrivateStore {
    pub(super) fn write_staged(
        &self,
        index: &mut Index,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        self.db.check_space(2 * bytes(changes) as u64)?;
        let base = index.next;
        index.unsettled = true;
        let staged = self.stage(index, changes, base);
        let Ok((next, tally)) = staged else {
            // Nothing counts yet; if clearing away fails too, the next write tries again.
            index.unsettled = self.settle().is_err();
            return staged.map(drop);
        };
        let mut sequence = base;
        for (key, value) in &changes.0 {
            index.place(key, value.is_some().then_some(sequence));
            sequence += u64::from(value.is_some());
        }
        (index.next, index.tally) = (next, tally);
        // The changes count already; what is left is tidying.
        index.unsettled = self.settle().is_err();
        Ok(())
    }

    /// Writes the new rows and makes them count; returns the sequence number after them, and the
    /// tally of what counts now.
    fn stage(
        &self,
        index: &Index,
        changes: &Changes,
        base: u64,
    ) -> Result<(u64, Tally), StoreError> {
        let mut tally = index.tally;
        self.set_stage(&Stage::Staging { base }, Some(tally))?;
        let (mut batch, mut old, mut next) = (Batch::new(), Vec::new(), base);
        for (key, value) in &changes.0 {
            if let Some(sequence) = index.rows.get(key.as_slice()) {
                tally.toggle(*sequence, &self.sealed(*sequence)?);
                old.push(*sequence);
            }
            let Some(value) = value else {
                continue;
            };
            let sealed = self.seal(next, key, value)?;
            tally.toggle(next, &sealed);
            batch.insert(row_key(next), sealed);
            next += 1;
            if batch.len() >= ROWS || batch.bytes() >= BYTES {
                self.db.write(std::mem::take(&mut batch))?;
            }
        }
        self.db.write(batch)?;
        tally.writes += 1;
        self.set_stage(&Stage::Clearing { old }, Some(tally))?;
        Ok((next, tally))
    }

    /// Clears away what a large write left behind, finished or not; returns the tally of what
    /// counts, where there is one.
    pub(super) fn settle(&self) -> Result<Option<Tally>, StoreError> {
        let (stage, tally) = self.stage_now()?;
        let rows: Box<dyn Iterator<Item = Result<Vec<u8>, StoreError>>> = match stage {
            Stage::Settled => return Ok(tally),
            Stage::Staging { base } => {
                let staged = self.db.range(&row_key(base), &row_key(u64::MAX));
                Box::new(staged.map(|row| row.map(|(key, _)| key)))
            }
            Stage::Clearing { old } => Box::new(old.into_iter().map(|n| Ok(row_key(n)))),
        };
        let mut batch = Batch::new();
        for key in rows {
            batch.remove(key?);
            if batch.len() >= ROWS {
                self.db.write(std::mem::take(&mut batch))?;
            }
        }
        self.db.write(batch)?;
        self.set_stage(&Stage::Settled, tally)?;
        Ok(tally)
    }

    pub(super) fn set_stage(&self, stage: &Stage, tally: Option<Tally>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(row_key(BINDING), self.binding(stage, tally)?);
        self.db.write(batch)
    }

    pub(super) fn binding(
        &self,
        stage: &Stage,
        tally: Option<Tally>,
    ) -> Result<Vec<u8>, StoreError> {
        self.seal(BINDING, &[], &encode(stage, tally))
    }

    /// Reads the binding row, which only the right key opens.
    fn stage_now(&self) -> Result<(Stage, Option<Tally>), StoreError> {
        let path = self.db.path();
        let sealed = self.db.get(&row_key(BINDING))?;
        let sealed = sealed.ok_or_else(|| super::damaged_row(&self.db, BINDING))?;
        let opened = self.open_row(BINDING, &sealed);
        let (opened, _) = opened.ok_or_else(|| StoreError::WrongKey {
            path: path.to_owned(),
        })?;
        decode(&opened.to_value()).ok_or_else(|| super::damaged_row(&self.db, BINDING))
    }
}

fn bytes(changes: &Changes) -> usize {
    let value = |value: &Option<zeroize::Zeroizing<Vec<u8>>>| value.as_ref().map_or(0, |v| v.len());
    changes
        .0
        .iter()
        .map(|(key, held)| key.len() + value(held) + 128)
        .sum()
}

/// What is added to the number of a stage where a tally stands behind it.
const TALLIED: u8 = 3;

pub(super) fn encode(stage: &Stage, tally: Option<Tally>) -> Vec<u8> {
    let number = match stage {
        Stage::Settled => 0,
        Stage::Staging { .. } => 1,
        Stage::Clearing { .. } => 2,
    };
    let to = match tally {
        None => Writer::default().u8(number),
        Some(tally) => tally.encode(Writer::default().u8(number + TALLIED)),
    };
    match stage {
        Stage::Settled => to.finish(),
        Stage::Staging { base } => to.u64(*base).finish(),
        Stage::Clearing { old } => old.iter().fold(to, |to, n| to.u64(*n)).finish(),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Option<(Stage, Option<Tally>)> {
    let mut from = Reader::new(bytes);
    let number = from.u8()?;
    let (number, tally) = match number.checked_sub(TALLIED) {
        None => (number, None),
        Some(number) => (number, Some(Tally::decode(&mut from)?)),
    };
    let stage = match number {
        0 => from.end(Stage::Settled),
        1 => {
            let base = from.u64()?;
            from.end(Stage::Staging { base })
        }
        2 => {
            let mut old = Vec::with_capacity(from.rest().len() / 8);
            while let Some(n) = from.u64() {
                old.push(n);
            }
            from.end(Stage::Clearing { old })
        }
        _ => None,
    };
    Some((stage?, tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_stage_is_read_as_it_was_written(base: u64, old: Vec<u64>, bytes: Vec<u8>) {
            let mut tally = Tally::default();
            tally.writes = base;
            tally.toggle(base, &bytes);
            for stage in [Stage::Settled, Stage::Staging { base }, Stage::Clearing { old }] {
                for tally in [None, Some(tally)] {
                    let read = decode(&encode(&stage, tally)).expect("as written");
                    assert_eq!(&read.0, &stage);
                    assert_eq!(read.1, tally);
                }
            }
            if let Some((stage, tally)) = decode(&bytes) {
                assert_eq!(encode(&stage, tally), bytes);
            }
        }
    }
}
