//! What records ask of the private database, and how they lie in it.

use uuid::Uuid;

use super::entry::Record;
use super::error::RecordError;
use super::person::SourceKey;
use crate::model::Kind;
use crate::store::{Changes, PrivateStore};

crate::model::words! {
    /// A part of the private database.
    pub enum Space as "space" {
        /// Records by kind and id.
        Records = "records",
        /// Which record a row of a file became.
        Sources = "sources",
    }
}

/// One change to the private database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub space: Space,
    /// Under which key.
    pub key: Vec<u8>,
    /// The new value, or `None` to remove it.
    pub value: Option<Vec<u8>>,
}

/// What is done with each key and value of a scan; failing ends it.
pub type Each<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), RecordError> + 'a;

/// The private database as records see it: ordered keys and sealed values.
pub trait Book {
    /// Returns the value of a key.
    ///
    /// # Errors
    /// Fails where the database does.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError>;

    /// Hands over every key and value under a prefix, in order of the keys.
    ///
    /// # Errors
    /// Fails where the database or `each` does; `each` failing ends the scan.
    fn scan(&self, space: Space, prefix: &[u8], each: &mut Each<'_>) -> Result<(), RecordError>;

    /// Makes all changes or none, and returns once they will survive a crash.
    ///
    /// # Errors
    /// Fails where the database does; nothing has been changed then.
    fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError>;
}

impl Space {
    /// The number the space has in the private database. Stored, so never renumbered.
    const fn number(self) -> u8 {
        match self {
            Self::Records => 1,
            Self::Sources => 2,
        }
    }
}

impl Book for PrivateStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        let value = Self::get(self, space.number(), key)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, prefix: &[u8], each: &mut Each<'_>) -> Result<(), RecordError> {
        for found in Self::scan(self, space.number(), prefix) {
            let (key, value) = found?;
            each(&key, &value)?;
        }
        Ok(())
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError> {
        Ok(Self::apply(self, batch(changes))?)
    }
}

/// Returns changes as the private database takes them, for what is written together with them.
pub fn batch(changes: Vec<Change>) -> Changes {
    let mut batch = Changes::new();
    for Change { space, key, value } in changes {
        match value {
            Some(value) => batch.put(space.number(), &key, value),
            None => batch.delete(space.number(), &key),
        }
    }
    batch
}

/// Where a row of a file went, and what it said when it was last imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) kind: Kind,
    pub(super) id: Uuid,
    /// Names what the row said, so that the same row again changes nothing, whatever was edited
    /// by hand since.
    pub(super) row: SourceKey,
}

impl Origin {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = record_key(self.kind, self.id);
        bytes.extend_from_slice(self.row.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, row) = bytes.split_at_checked(17)?;
        let (kind, id) = parse_record_key(key)?;
        let row = SourceKey::from_bytes(row)?;
        Some(Self { kind, id, row })
    }
}

/// The byte a kind's records begin with. Stored, so never renumbered.
const fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Consultation => 1,
        Kind::Training => 2,
        Kind::JointProject => 3,
        Kind::AdvocacyAction => 4,
        Kind::CapacityMilestone => 5,
    }
}

fn record_key(kind: Kind, id: Uuid) -> Vec<u8> {
    let mut key = vec![kind_byte(kind)];
    key.extend_from_slice(id.as_bytes());
    key
}

fn parse_record_key(key: &[u8]) -> Option<(Kind, Uuid)> {
    let (first, id) = key.split_first()?;
    let kind = Kind::ALL.iter().find(|kind| kind_byte(**kind) == *first)?;
    Some((*kind, Uuid::from_slice(id).ok()?))
}

/// Returns a record by its id.
///
/// # Errors
/// Fails where there is none, or it cannot be read.
pub fn show(book: &dyn Book, id: Uuid) -> Result<Record, RecordError> {
    for kind in Kind::ALL {
        if let Some(record) = get(book, *kind, id)? {
            return Ok(record);
        }
    }
    Err(RecordError::NotFound { id })
}

pub(super) fn get(book: &dyn Book, kind: Kind, id: Uuid) -> Result<Option<Record>, RecordError> {
    let stored = book.get(Space::Records, &record_key(kind, id))?;
    stored
        .map(|bytes| Record::decode(kind, id, &bytes))
        .transpose()
}

/// Hands over every record of a kind, oldest first, one at a time.
///
/// # Errors
/// Fails where a record cannot be read, or `each` does.
pub fn each(
    book: &dyn Book,
    kind: Kind,
    each: &mut dyn FnMut(Record) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    book.scan(Space::Records, &[kind_byte(kind)], &mut |key, value| {
        let (kind, id) = parse_record_key(key).ok_or_else(|| RecordError::Damaged {
            id: Uuid::nil(),
            reason: "its key is not one of ours".to_owned(),
        })?;
        each(Record::decode(kind, id, value)?)
    })
}

pub(super) fn origin(book: &dyn Book, key: SourceKey) -> Result<Option<Origin>, RecordError> {
    let stored = book.get(Space::Sources, key.as_bytes())?;
    stored
        .map(|bytes| {
            Origin::from_bytes(&bytes).ok_or_else(|| RecordError::Damaged {
                id: Uuid::nil(),
                reason: "the index of sources is damaged".to_owned(),
            })
        })
        .transpose()
}

pub(super) fn put_record(record: &Record) -> Change {
    Change {
        space: Space::Records,
        key: record_key(record.kind, record.id),
        value: Some(record.encode()),
    }
}

pub(super) fn remove_record(record: &Record) -> Change {
    Change {
        space: Space::Records,
        key: record_key(record.kind, record.id),
        value: None,
    }
}

pub(super) fn put_origin(key: SourceKey, origin: Origin) -> Change {
    Change {
        space: Space::Sources,
        key: key.as_bytes().to_vec(),
        value: Some(origin.to_bytes()),
    }
}

pub(super) fn remove_origin(key: SourceKey) -> Change {
    Change {
        space: Space::Sources,
        key: key.as_bytes().to_vec(),
        value: None,
    }
}

#[cfg(test)]
pub(super) mod memory {
    //! A book that forgets, for tests of this room.

    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::{Book, Change, Each, Space};
    use crate::record::RecordError;

    type Held = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

    #[derive(Debug, Default)]
    pub(in crate::record) struct MemoryBook(pub(in crate::record) RefCell<Held>);

    impl Book for MemoryBook {
        fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
            Ok(self.0.borrow().get(&(space, key.to_vec())).cloned())
        }

        fn scan(
            &self,
            space: Space,
            prefix: &[u8],
            each: &mut Each<'_>,
        ) -> Result<(), RecordError> {
            let held = self.0.borrow().clone();
            held.iter()
                .filter(|((s, key), _)| *s == space && key.starts_with(prefix))
                .try_for_each(|((_, key), value)| each(key, value))
        }

        fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError> {
            let mut held = self.0.borrow_mut();
            for change in changes {
                let at = (change.space, change.key);
                match change.value {
                    Some(value) => held.insert(at, value),
                    None => held.remove(&at),
                };
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_stored_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Some(origin) = Origin::from_bytes(&bytes) {
                prop_assert_eq!(origin.to_bytes(), bytes.clone());
            }
            prop_assert!(Record::decode(Kind::Training, Uuid::nil(), &bytes).is_err());
        }
    }
}
