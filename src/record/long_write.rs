//! Many changes, all or nothing, in batches the database can take.
//!
//! One batch of a hundred thousand rows costs the database gigabytes of memory, so a long write
//! goes in small ones. Each of them stores, with its changes, how to undo them; the last removes
//! all of that at once, and from then on the write has happened. After a crash before it,
//! [`undo_interrupted`] brings back what was there.

use super::book::{Book, Change, Space};
use super::error::RecordError;

/// Changes in one batch: some tens of megabytes of the database's memory.
const BATCH: usize = 512;

/// A write under way. Dropping it leaves what was written to [`undo_interrupted`].
pub(super) struct LongWrite<'a> {
    book: &'a dyn Book,
    pending: Vec<Change>,
    /// Batches written so far, each with its undo.
    batches: u32,
}

impl<'a> LongWrite<'a> {
    /// Begins a write; there can be one at a time.
    pub(super) fn begin(book: &'a dyn Book) -> Result<Self, RecordError> {
        book.scan(Space::Undo, &[], &mut |_, _| Err(RecordError::Busy))?;
        Ok(Self {
            book,
            pending: Vec::new(),
            batches: 0,
        })
    }

    /// Takes a change.
    pub(super) fn push(&mut self, change: Change) -> Result<(), RecordError> {
        self.pending.push(change);
        if self.pending.len() < BATCH {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.pending);
        self.write(changes).inspect_err(|_| {
            // What fails again here is undone when the database is next opened.
            let _ = undo_interrupted(self.book);
        })
    }

    fn write(&mut self, mut changes: Vec<Change>) -> Result<(), RecordError> {
        let undo = changes.iter().map(|change| inverse(self.book, change));
        let undo: Vec<Change> = undo.collect::<Result<_, _>>()?;
        changes.push(Change {
            space: Space::Undo,
            key: self.batches.to_be_bytes().to_vec(),
            value: Some(encode(&undo)),
        });
        self.book.apply(changes)?;
        self.batches += 1;
        Ok(())
    }

    /// Makes everything that was taken happen.
    pub(super) fn finish(mut self) -> Result<(), RecordError> {
        let mut changes = std::mem::take(&mut self.pending);
        changes.extend((0..self.batches).map(forget));
        if changes.is_empty() {
            return Ok(());
        }
        self.book.apply(changes).inspect_err(|_| {
            let _ = undo_interrupted(self.book);
        })
    }

    /// Brings back what was there before.
    pub(super) fn abandon(self) -> Result<(), RecordError> {
        match self.batches {
            0 => Ok(()),
            _ => undo_interrupted(self.book).map(drop),
        }
    }
}

/// Undoes a write that a crash cut short, and returns whether there was one. To be called when
/// the private database has been opened, before anything reads it.
///
/// # Errors
/// Fails where the database does, or the undo is damaged.
pub fn undo_interrupted(book: &dyn Book) -> Result<bool, RecordError> {
    let mut batches = Vec::new();
    book.scan(Space::Undo, &[], &mut |key, _| {
        batches.push(key.to_vec());
        Ok(())
    })?;
    let found = !batches.is_empty();
    // Latest first; each batch forgets itself as it is undone, so that this can be cut short too.
    for key in batches.into_iter().rev() {
        let Some(stored) = book.get(Space::Undo, &key)? else {
            continue;
        };
        let mut changes = decode(&stored)?;
        changes.push(Change {
            space: Space::Undo,
            key,
            value: None,
        });
        book.apply(changes)?;
    }
    Ok(found)
}

/// Returns the change that brings back what a change will replace.
fn inverse(book: &dyn Book, change: &Change) -> Result<Change, RecordError> {
    Ok(Change {
        space: change.space,
        key: change.key.clone(),
        value: book.get(change.space, &change.key)?,
    })
}

fn forget(batch: u32) -> Change {
    Change {
        space: Space::Undo,
        key: batch.to_be_bytes().to_vec(),
        value: None,
    }
}

fn encode(undo: &[Change]) -> Vec<u8> {
    serde_json::to_vec(undo).expect("bytes and words are always JSON")
}

fn decode(stored: &[u8]) -> Result<Vec<Change>, RecordError> {
    serde_json::from_slice(stored).map_err(|error| RecordError::Damaged {
        id: uuid::Uuid::nil(),
        reason: format!("the undo of an interrupted import is damaged ({error})"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::book::memory::MemoryBook;
    use super::*;
    use proptest::prelude::*;

    fn change(key: u16, value: Option<u8>) -> Change {
        Change {
            space: Space::Records,
            key: key.to_be_bytes().to_vec(),
            value: value.map(|byte| vec![byte]),
        }
    }

    /// A book that holds every third key with the value 1.
    fn book() -> MemoryBook {
        let book = MemoryBook::default();
        let held = (0..3000).step_by(3).map(|key| change(key, Some(1)));
        book.apply(held.collect()).expect("takes them");
        book
    }

    fn write<'a>(book: &'a MemoryBook, keys: std::ops::Range<u16>) -> LongWrite<'a> {
        let mut write = LongWrite::begin(book).expect("nothing is under way");
        for key in keys {
            let value = (key % 2 == 0).then_some(2);
            write.push(change(key, value)).expect("is taken");
        }
        write
    }

    #[test]
    fn a_finished_write_has_happened_and_leaves_no_undo() {
        let book = book();
        write(&book, 0..2000).finish().expect("finishes");
        let held = book.0.borrow();
        assert!(held.keys().all(|(space, _)| *space == Space::Records));
        let twos = held.values().filter(|value| **value == [2]).count();
        assert_eq!(twos, 1000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whatever_was_written_is_undone(end in 0u16..3000, abandoned in any::<bool>()) {
            let book = book();
            let before = book.0.borrow().clone();
            let write = write(&book, 0..end);
            if abandoned {
                write.abandon().expect("is undone");
            } else {
                drop(write);
                let cut_short = usize::from(end) >= BATCH;
                prop_assert_eq!(LongWrite::begin(&book).is_err(), cut_short);
                prop_assert_eq!(undo_interrupted(&book).expect("is undone"), cut_short);
            }
            prop_assert_eq!(&*book.0.borrow(), &before);
        }

        #[test]
        fn any_stored_undo_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(undo) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&undo)).ok(), Some(undo));
            }
        }
    }
}
