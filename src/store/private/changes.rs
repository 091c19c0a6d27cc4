//! Writes that happen together or not at all.

use std::collections::BTreeMap;

use zeroize::{Zeroize as _, Zeroizing};

use super::real_key;

/// Writes that happen together or not at all. For one key, the last one counts.
#[derive(Default)]
pub struct Changes(pub(super) BTreeMap<Vec<u8>, Option<Zeroizing<Vec<u8>>>>);

impl Changes {
    /// Starts with nothing to change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a value under a key of a space.
    pub fn put(&mut self, space: u8, key: &[u8], value: Vec<u8>) {
        self.0
            .insert(real_key(space, key), Some(Zeroizing::new(value)));
    }

    /// Removes a key of a space; one that is absent stays absent.
    pub fn delete(&mut self, space: u8, key: &[u8]) {
        self.0.insert(real_key(space, key), None);
    }

    /// Returns how many keys would change.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for (mut key, _) in std::mem::take(&mut self.0) {
            key.zeroize();
        }
    }
}
