//! The private plane: closed until the passphrase opens it, and open to one process only.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::keys::{KeysError, MemberKeys};
use super::{ReleaseError, sent};
use crate::model::MemberId;
use crate::record::{RecordError, RecordKeys, book};
use crate::store::wipe::{self, Wiped};
use crate::store::{DataKey, Entropy, NodeDir, PrivateStore, Purpose, StoreError};

/// Why the private plane stays closed.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// Nobody has given the passphrase since the node started.
    #[error("the node is locked")]
    Locked,
    /// A relay keeps no records and has no log of its own.
    #[error("a relay has no private plane")]
    Relay,
    /// The vault or the database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key is missing.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The book cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Release(#[from] Box<ReleaseError>),
}

/// The private plane of one node.
#[derive(Debug)]
pub struct PrivatePlane {
    dir: Arc<NodeDir>,
    member: MemberId,
    relay: bool,
    entropy: Entropy,
    open: RwLock<Option<Arc<Opened>>>,
    /// Held while the vault is changed, so that no change undoes another.
    pub(super) vault: Mutex<()>,
}

/// The private plane, open.
#[derive(Debug)]
pub struct Opened {
    /// Records, ledger and keys.
    pub store: PrivateStore,
    /// The member's keys.
    pub keys: MemberKeys,
    /// What turns persons into pseudonyms.
    pub record_keys: RecordKeys,
    /// What everything lies under; for whoever adds or removes a passphrase.
    pub(super) key: DataKey,
    /// Held while something is let out or records change, so that only one thing does at a time.
    pub turn: Mutex<()>,
}

impl PrivatePlane {
    /// Names the private plane of a directory; it stays closed. A `relay` has none.
    pub const fn new(dir: Arc<NodeDir>, member: MemberId, relay: bool, entropy: Entropy) -> Self {
        Self {
            dir,
            member,
            relay,
            entropy,
            open: RwLock::new(None),
            vault: Mutex::new(()),
        }
    }

    /// Opens it with the passphrase. Opening what is open only checks the passphrase; but that of
    /// the plain book closes what is open, which nothing opens any more.
    ///
    /// # Errors
    /// When the passphrase is wrong, the node is a relay, or the database refuses.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<Arc<Opened>, PlaneError> {
        if self.relay {
            return Err(PlaneError::Relay);
        }
        let _alone = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        self.unlock_alone(passphrase)
    }

    /// Checks a passphrase, and opens nothing that is closed. That of the plain book does here what
    /// it does anywhere.
    ///
    /// # Errors
    /// As [`PrivatePlane::unlock`].
    pub fn check(&self, passphrase: &[u8]) -> Result<(), PlaneError> {
        let _alone = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        match self.is_locked() {
            true => self.dir.unlock(passphrase).map(drop)?,
            false => self.unlock_alone(passphrase).map(drop)?,
        }
        Ok(())
    }

    /// As [`PrivatePlane::unlock`], for whoever holds the vault.
    pub(super) fn unlock_alone(&self, passphrase: &[u8]) -> Result<Arc<Opened>, PlaneError> {
        let key = self.dir.unlock(passphrase)?.ok_or_else(|| {
            StoreError::damaged(
                self.dir.path(),
                "a member's node has a vault, and none is there",
            )
        })?;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if key.is_plain() {
            *open = None;
        }
        if let Some(opened) = &*open {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.open_with(key, passphrase)?);
        *open = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn open_with(&self, key: DataKey, passphrase: &[u8]) -> Result<Opened, PlaneError> {
        let mut store = self.dir.private(&key, self.entropy)?;
        if key.is_plain() {
            sent::level(&store).map_err(Box::new)?;
            store.request_rewrite()?;
            drop(store);
            store = self.dir.private(&key, self.entropy)?;
            self.dir.settle_plain(passphrase, self.entropy)?;
        } else {
            book::part(&store)?;
            store.sort_out()?;
        }
        Ok(Opened {
            keys: MemberKeys::open(&self.member, &store)?,
            record_keys: RecordKeys::new(
                *key.derive(Purpose::Pseudonym).as_bytes(),
                *key.derive(Purpose::SourceId).as_bytes(),
            ),
            key,
            store,
            turn: Mutex::new(()),
        })
    }

    /// Returns the node's directory.
    pub fn dir(&self) -> &NodeDir {
        &self.dir
    }

    /// Closes it: keys are wiped once the last call that uses them has ended.
    pub fn lock(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the open plane.
    ///
    /// # Errors
    /// [`PlaneError::Locked`].
    pub fn opened(&self) -> Result<Arc<Opened>, PlaneError> {
        if self.relay {
            return Err(PlaneError::Relay);
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or(PlaneError::Locked)
    }

    /// Runs `with` on the member's keys: those of the open plane, or a relay's own.
    ///
    /// # Errors
    /// When the plane is closed, or a relay's file cannot be read.
    pub fn with_keys<T>(&self, with: impl FnOnce(&MemberKeys) -> T) -> Result<T, PlaneError> {
        if self.relay {
            let keys = MemberKeys::read(&self.member, &relay_keys(self.dir.path()))?;
            return Ok(with(&keys));
        }
        Ok(with(&self.opened()?.keys))
    }

    pub(super) const fn entropy(&self) -> Entropy {
        self.entropy
    }

    pub(super) const fn is_relay(&self) -> bool {
        self.relay
    }

    /// Closes it and destroys every key of the node. Nothing opens it again.
    ///
    /// # Errors
    /// When the disk refuses; it can be tried again.
    pub fn destroy(&self, all: bool) -> Result<Wiped, PlaneError> {
        let _alone = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock();
        Ok(wipe::destroy_keys(self.dir.path(), all, self.entropy)?)
    }

    /// Returns whether it is closed.
    pub fn is_locked(&self) -> bool {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
    }
}

/// Returns where a relay keeps its keys.
pub fn relay_keys(dir: &Path) -> PathBuf {
    dir.join("relay.keys")
}
