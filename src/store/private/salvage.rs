//! Saving what can be read of a damaged private plane.

use std::path::Path;

use super::staging::{Stage, decode, encode};
use super::tally::Tally;
use super::{BINDING, PrivateStore, RESCUE, row_key};
use crate::store::durable::{Batch, Durable};
use crate::store::scrub::Salvaged;
use crate::store::sealed::Sealer;
use crate::store::vault::{DataKey, Purpose};
use crate::store::{Entropy, StoreError};

/// What goes into one batch.
const ROWS: usize = 512;

impl PrivateStore {
    /// Copies every row that opens from one database into a new one; the rest is named.
    ///
    /// # Errors
    /// When the old one cannot be opened at all, no row opens with this key, or the new one cannot
    /// be written.
    pub fn salvage(
        from: &Path,
        to: &Path,
        key: &DataKey,
        entropy: Entropy,
    ) -> Result<Salvaged, StoreError> {
        let old = Durable::open(from, RESCUE)?;
        let new = Durable::open(to, RESCUE)?;
        let sealer = Sealer::new(&key.derive(Purpose::Seal));
        let persons = Sealer::new(&key.derive(Purpose::SealPersons));
        let open = |sequence, sealed: &[u8]| {
            let book = sealer.open(sequence, sealed);
            book.or_else(|| persons.open(sequence, sealed))
        };
        let mut done = Salvaged::default();
        let mut batch = Batch::new();
        let mut failed = None;
        let (mut tally, mut stage) = (Tally::default(), Stage::Settled);
        let ended = old.reach(|row, sealed| {
            let sequence = row.as_slice().try_into().map(u64::from_be_bytes);
            let opens =
                |sealed: &Vec<u8>| sequence.is_ok_and(|sequence| open(sequence, sealed).is_some());
            match sealed.ok().filter(opens) {
                Some(sealed) if matches!(sequence, Ok(BINDING)) => {
                    done.rows += 1;
                    let now = open(BINDING, &sealed).and_then(|row| decode(&row.to_value()));
                    if let Some((now, _)) = now {
                        stage = now;
                    }
                }
                Some(sealed) => {
                    done.rows += 1;
                    if counts(&stage, sequence.unwrap_or(u64::MAX)) {
                        tally.toggle(sequence.unwrap_or(u64::MAX), &sealed);
                        batch.insert(row, sealed);
                    }
                }
                // What led to persons is gone by intent; see [`DataKey::is_plain`].
                None if key.is_plain() => {}
                None => {
                    let name = sequence.map_or_else(|_| "?".to_owned(), |n| n.to_string());
                    done.lost.push(format!("sealed row {name}"));
                }
            }
            if batch.len() >= ROWS && failed.is_none() {
                failed = new.write(std::mem::take(&mut batch)).err();
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if done.rows == 0 {
            let path = from.to_owned();
            return Err(StoreError::WrongKey { path });
        }
        if let Some(error) = ended {
            done.lost.push(format!("what comes after it: {error}"));
        }
        let settled = encode(&Stage::Settled, Some(tally));
        batch.insert(
            row_key(BINDING),
            sealer.seal(BINDING, &[], &settled, entropy)?,
        );
        new.apply(batch)?;
        Ok(done)
    }
}

/// Returns whether a row counts: a large write that was cut short leaves some that do not. The
/// binding row comes before all others.
fn counts(stage: &Stage, sequence: u64) -> bool {
    match stage {
        Stage::Settled => true,
        Stage::Staging { base } => sequence < *base,
        Stage::Clearing { old } => !old.contains(&sequence),
    }
}
