//! What records ask of the private database, and how they lie in it.

use uuid::Uuid;

use super::entry::Record;
use super::error::RecordError;
use super::let_go::{PERSONAL, let_go, person_rows};
use super::person::SourceKey;
use super::schema::List;
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

/// The part of the private database that holds records with their persons, under another key than
/// the rest; see [`crate::store::private::PERSONS`]. Beside each lies, among the records, the same
/// with nobody in it.
const WITH_PERSONS: u8 = 3;

/// The part that says how records lie in it.
const LAYOUT: u8 = 0x22;
const PARTED: &[u8] = b"parted";

/// How many records are parted in one write.
const PARTED_AT_ONCE: usize = 100;

impl Book for PrivateStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        if space == Space::Records
            && let Some(value) = Self::get(self, WITH_PERSONS, key)?
        {
            return Ok(Some(value.to_vec()));
        }
        let value = Self::get(self, space.number(), key)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, prefix: &[u8], each: &mut Each<'_>) -> Result<(), RecordError> {
        for found in Self::scan(self, space.number(), prefix) {
            let (key, value) = found?;
            let whole = match space {
                Space::Records => Self::get(self, WITH_PERSONS, &key)?,
                Space::Sources => None,
            };
            each(&key, whole.as_ref().unwrap_or(&value))?;
        }
        Ok(())
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), RecordError> {
        Ok(Self::apply(self, batch(self, changes)?)?)
    }
}

/// Returns changes as the private database takes them, for what is written together with them.
///
/// # Errors
/// Fails where a change holds a record that is none.
pub fn batch(store: &PrivateStore, changes: Vec<Change>) -> Result<Changes, RecordError> {
    let mut batch = Changes::new();
    for Change { space, key, value } in changes {
        let is_parted = store.is_parted() && space == Space::Records;
        let plain = match &value {
            Some(value) if is_parted => without_persons(&key, value)?,
            _ => None,
        };
        match (value, plain) {
            (Some(value), Some(plain)) => {
                batch.put(WITH_PERSONS, &key, value);
                batch.put(space.number(), &key, plain);
                continue;
            }
            (Some(value), None) => batch.put(space.number(), &key, value),
            (None, _) => batch.delete(space.number(), &key),
        }
        if is_parted {
            batch.delete(WITH_PERSONS, &key);
        }
    }
    Ok(batch)
}

/// Returns a stored record with nobody in it, or `None` where it names nobody.
fn without_persons(key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
    // Most records have no such list, and none of those need be read.
    let mentions = |list: &List| {
        let name = list.as_str().as_bytes();
        memchr::memmem::find(value, name).is_some()
    };
    if !PERSONAL.iter().any(mentions) {
        return Ok(None);
    }
    let record = decode(key, value)?;
    let names_somebody = person_rows(&record) > 0;
    Ok(names_somebody.then(|| let_go(&record).encode()))
}

/// Parts records as earlier versions stored them from their persons.
///
/// # Errors
/// Fails where a record is damaged, or the database does.
pub fn part(store: &PrivateStore) -> Result<(), RecordError> {
    if !store.is_parted() || store.get(LAYOUT, PARTED)?.is_some() {
        return Ok(());
    }
    let (mut changes, mut is_any) = (Vec::new(), false);
    let write = |changes: &mut Vec<Change>| -> Result<(), RecordError> {
        let changes = std::mem::take(changes);
        Ok(store.apply(batch(store, changes)?)?)
    };
    for found in PrivateStore::scan(store, Space::Records.number(), &[]) {
        let (key, value) = found?;
        let is_whole = PrivateStore::get(store, WITH_PERSONS, &key)?.is_none();
        is_any = true;
        if is_whole && without_persons(&key, &value)?.is_some() {
            changes.push(Change {
                space: Space::Records,
                key,
                value: Some(value.to_vec()),
            });
        }
        if changes.len() >= PARTED_AT_ONCE {
            write(&mut changes)?;
        }
    }
    write(&mut changes)?;
    if is_any {
        // Files hold what stood in them before until they are written anew.
        store.request_rewrite()?;
    }
    let mut layout = Changes::new();
    layout.put(LAYOUT, PARTED, Vec::new());
    Ok(store.apply(layout)?)
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
        each(decode(key, value)?)
    })
}

/// Reads a record as it is stored.
fn decode(key: &[u8], value: &[u8]) -> Result<Record, RecordError> {
    let (kind, id) = parse_record_key(key).ok_or_else(|| RecordError::Damaged {
        id: Uuid::nil(),
        reason: "its key is not one of ours".to_owned(),
    })?;
    Record::decode(kind, id, value)
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

/// Returns what stores a record as it is.
pub fn put_record(record: &Record) -> Change {
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
