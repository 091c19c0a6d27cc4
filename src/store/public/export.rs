//! The public plane as what it means, for backups and for building it anew.

use super::entry;
use super::keys::Space;
use super::{LogState, PublicStore, STORE_ID};
use crate::store::{Entry, StoreError};

impl PublicStore {
    /// Returns every log as it is at one moment, and brings all of that to the disk. What lies
    /// below their sizes can be read later: it does not change any more.
    ///
    /// # Errors
    /// When it cannot be read, or the disk refuses.
    pub fn logs_at_once(&self) -> Result<Vec<LogState>, StoreError> {
        let logs = {
            let _no_writer = self.lock();
            self.logs().collect::<Result<Vec<_>, _>>()?
        };
        self.commit()?;
        Ok(logs)
    }

    /// Returns the small settings, without the store's own id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn settings(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let rows = self.db.prefix(&[Space::Meta as u8]).map(|row| {
            let (key, value) = row?;
            let name = String::from_utf8(key[1..].to_vec());
            let name = name.map_err(|_| self.damaged("a setting's name is no text"))?;
            Ok((name, value))
        });
        let mut settings = rows.collect::<Result<Vec<_>, StoreError>>()?;
        settings.retain(|(name, _)| name != STORE_ID);
        Ok(settings)
    }
}

/// Packs a leaf with its payload, as the store does.
///
/// # Errors
/// When either is too long.
pub(in crate::store) fn pack(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    entry::encode(entry)
}

/// Unpacks what [`pack`] packed.
pub(in crate::store) fn unpack(bytes: Vec<u8>) -> Option<Entry> {
    entry::decode(bytes)
}

#[cfg(test)]
impl PublicStore {
    /// Puts another leaf where one is, as no caller ever may: what a bad disk does.
    pub(in crate::store) fn damage(&self, origin: &str, index: u64, entry: Option<&Entry>) {
        let log = self.log_number(origin).unwrap().unwrap();
        let key = super::keys::leaf(Space::Leaf, log, index);
        let mut batch = crate::store::durable::Batch::new();
        match entry {
            Some(entry) => batch.put(key, pack(entry).unwrap()),
            None => batch.remove(key),
        }
        self.db.apply(batch).unwrap();
    }
}
