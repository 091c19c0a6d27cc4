//! Arrivals: what changed, numbered in the order it came.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::keys::{self, Space};
use super::{Next, PublicStore};
use crate::store::StoreError;
use crate::store::codec::{Reader, Writer};
use crate::store::durable::Batch;

/// One change with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Goes up, with gaps: each opening of the store begins anew further up, and a head makes way
    /// for a later one.
    pub number: u64,
    /// What changed.
    pub change: Change,
}

/// What changed in the public plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Leaves were appended.
    Leaves {
        /// To which log.
        origin: String,
        /// The first index.
        from: u64,
        /// One past the last index.
        to: u64,
    },
    /// A log has a newer head, or its head has more cosignatures. Only the last one is kept.
    Head {
        /// Which log.
        origin: String,
    },
    /// A payload that was wanted is here.
    Payload {
        /// Of which log.
        origin: String,
        /// Of which leaf.
        index: u64,
    },
    /// A version of the charter is here, or has more signatures.
    Charter {
        /// Which version.
        version: u64,
    },
    /// A charter that contradicts ours is here.
    Conflict {
        /// Under which version.
        version: u64,
    },
    /// A log was frozen.
    Frozen {
        /// Which log.
        origin: String,
    },
}

const LEAVES: u8 = 1;
const HEAD: u8 = 2;
const PAYLOAD: u8 = 3;
const CHARTER: u8 = 4;
const CONFLICT: u8 = 5;
const FROZEN: u8 = 6;

/// A change as stored: logs by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Leaves { log: u32, from: u64, to: u64 },
    Head { log: u32 },
    Payload { log: u32, index: u64 },
    Charter { version: u64 },
    Conflict { version: u64 },
    Frozen { log: u32 },
}

impl PublicStore {
    /// Returns the newest arrival that is on the disk; 0 before the first.
    ///
    /// A peer whose cursor lies beyond it has received what we lost since; it still misses
    /// nothing, since whatever arrives from now on gets a higher number.
    pub fn last_arrival(&self) -> u64 {
        self.durable_arrival.load(Ordering::SeqCst)
    }

    /// Returns up to `limit` changes that came after arrival `after` and are on the disk, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn arrivals_after(&self, after: u64, limit: usize) -> Result<Vec<Arrival>, StoreError> {
        let last = self.last_arrival();
        if after >= last {
            return Ok(Vec::new());
        }
        let from = keys::number(Space::Arrival, after + 1);
        let to = keys::number(Space::Arrival, last + 1);
        let mut names = HashMap::new();
        self.db
            .range(&from, &to)
            .take(limit)
            .map(|row| {
                let (key, row) = row?;
                let number = self.number_of(&key)?;
                let row = decode(&row).ok_or_else(|| self.damaged("an arrival is not one"))?;
                Ok(Arrival {
                    number,
                    change: self.named(row, &mut names)?,
                })
            })
            .collect()
    }

    /// Writes a batch together with the arrivals it brings.
    pub(super) fn arrive(
        &self,
        next: &mut Next,
        mut batch: Batch,
        rows: &[Row],
    ) -> Result<(), StoreError> {
        for (number, row) in (next.arrival..).zip(rows) {
            batch.insert(keys::number(Space::Arrival, number), encode(*row));
        }
        self.db.write(batch)?;
        if !rows.is_empty() {
            next.arrival += rows.len() as u64;
            next.last_arrival = next.arrival - 1;
        }
        Ok(())
    }

    /// Puts names in place of log numbers; each is looked up once a call.
    fn named(&self, row: Row, names: &mut HashMap<u32, String>) -> Result<Change, StoreError> {
        let mut origin = |log: u32| -> Result<String, StoreError> {
            if let Some(name) = names.get(&log) {
                return Ok(name.clone());
            }
            let name = self.origin_of(log)?;
            names.insert(log, name.clone());
            Ok(name)
        };
        Ok(match row {
            Row::Leaves { log, from, to } => Change::Leaves {
                origin: origin(log)?,
                from,
                to,
            },
            Row::Head { log } => Change::Head {
                origin: origin(log)?,
            },
            Row::Payload { log, index } => Change::Payload {
                origin: origin(log)?,
                index,
            },
            Row::Charter { version } => Change::Charter { version },
            Row::Conflict { version } => Change::Conflict { version },
            Row::Frozen { log } => Change::Frozen {
                origin: origin(log)?,
            },
        })
    }
}

fn encode(row: Row) -> Vec<u8> {
    let to = Writer::with_capacity(21);
    let to = match row {
        Row::Leaves { log, from, to: end } => to.u8(LEAVES).u32(log).u64(from).u64(end),
        Row::Head { log } => to.u8(HEAD).u32(log),
        Row::Payload { log, index } => to.u8(PAYLOAD).u32(log).u64(index),
        Row::Charter { version } => to.u8(CHARTER).u64(version),
        Row::Conflict { version } => to.u8(CONFLICT).u64(version),
        Row::Frozen { log } => to.u8(FROZEN).u32(log),
    };
    to.finish()
}

fn decode(bytes: &[u8]) -> Option<Row> {
    let mut from = Reader::new(bytes);
    let row = match from.u8()? {
        LEAVES => Row::Leaves {
            log: from.u32()?,
            from: from.u64()?,
            to: from.u64()?,
        },
        HEAD => Row::Head { log: from.u32()? },
        PAYLOAD => Row::Payload {
            log: from.u32()?,
            index: from.u64()?,
        },
        CHARTER => Row::Charter {
            version: from.u64()?,
        },
        CONFLICT => Row::Conflict {
            version: from.u64()?,
        },
        FROZEN => Row::Frozen { log: from.u32()? },
        _ => return None,
    };
    from.end(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(log: u32, a: u64, b: u64, bytes: Vec<u8>) {
            for row in [
                Row::Leaves { log, from: a, to: b },
                Row::Head { log },
                Row::Payload { log, index: a },
                Row::Charter { version: b },
                Row::Conflict { version: a },
                Row::Frozen { log },
            ] {
                assert_eq!(decode(&encode(row)), Some(row));
            }
            if let Some(row) = decode(&bytes) {
                assert_eq!(encode(row), bytes);
            }
        }
    }
}
