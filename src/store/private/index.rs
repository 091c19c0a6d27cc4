//! Where the row of each real key lies, and under which of the two keys.

use std::collections::BTreeMap;

use zeroize::Zeroize as _;

use super::PERSONS;
use super::tally::Tally;

/// Where the row of each real key lies. Wiped when dropped.
#[derive(Default)]
pub(super) struct Index {
    pub(super) rows: BTreeMap<Box<[u8]>, u64>,
    pub(super) next: u64,
    /// What the binding row says of all this.
    pub(super) tally: Tally,
    /// Whether a large write left rows behind that are to be cleared away.
    pub(super) unsettled: bool,
    /// Whether rows lie under the other key than their space says.
    pub(super) is_mixed: bool,
}

/// Which key opened a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Under {
    Book,
    Persons,
}

impl Index {
    /// Takes in where the row of a key lies now; `None` for nowhere.
    pub(super) fn place(&mut self, key: &[u8], sequence: Option<u64>) {
        match sequence {
            // A key that is there already stays, so that no copy is dropped without being wiped.
            Some(sequence) => match self.rows.get_mut(key) {
                Some(held) => *held = sequence,
                None => {
                    self.rows.insert(key.into(), sequence);
                }
            },
            None => {
                if let Some((mut key, _)) = self.rows.remove_entry(key) {
                    key.zeroize();
                }
            }
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        for (mut key, _) in std::mem::take(&mut self.rows) {
            key.zeroize();
        }
    }
}

/// Returns under which key a row belongs.
pub(super) fn place_of(key: &[u8]) -> Under {
    match key.first() {
        Some(space) if PERSONS.contains(space) => Under::Persons,
        _ => Under::Book,
    }
}
