//! A private book in memory, for tests of what is counted from it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use counterfoil::record::book::{Change, Each, Space};
use counterfoil::record::{Book, RecordError};

/// What lies in a book.
pub(crate) type Rows = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// A book that forgets.
#[derive(Debug, Default)]
pub(crate) struct MemoryBook(Mutex<Rows>);

impl MemoryBook {
    /// Returns what lies in it now.
    pub(crate) fn rows(&self) -> Rows {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Book for MemoryBook {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(&(space, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, prefix: &[u8], each: &mut Each<'_>) -> Result<(), RecordError> {
        let rows = self.rows();
        let mut found = rows
            .iter()
            .filter(|((at, key), _)| *at == space && key.starts_with(prefix));
        found.try_for_each(|((_, key), value)| each(key, value))
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let key = (change.space, change.key);
            match change.value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}
