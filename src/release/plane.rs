//! The private plane: closed until the passphrase opens it, and open to one process only.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::keys::{KeysError, MemberKeys};
use crate::model::MemberId;
use crate::record::RecordKeys;
use crate::store::{Entropy, NodeDir, PrivateStore, Purpose, StoreError};

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
}

/// The private plane of one node.
#[derive(Debug)]
pub struct PrivatePlane {
    dir: Arc<NodeDir>,
    member: MemberId,
    relay: bool,
    entropy: Entropy,
    open: RwLock<Option<Arc<Opened>>>,
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
        }
    }

    /// Opens it with the passphrase. Opening what is open only checks the passphrase.
    ///
    /// # Errors
    /// When the passphrase is wrong, the node is a relay, or the database refuses.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<Arc<Opened>, PlaneError> {
        if self.relay {
            return Err(PlaneError::Relay);
        }
        let key = self.dir.unlock(passphrase)?.ok_or_else(|| {
            StoreError::damaged(
                self.dir.path(),
                "a member's node has a vault, and none is there",
            )
        })?;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*open {
            return Ok(Arc::clone(opened));
        }
        let store = self.dir.private(&key, self.entropy)?;
        let opened = Arc::new(Opened {
            keys: MemberKeys::open(&self.member, &store)?,
            record_keys: RecordKeys::new(
                *key.derive(Purpose::Pseudonym).as_bytes(),
                *key.derive(Purpose::SourceId).as_bytes(),
            ),
            store,
            turn: Mutex::new(()),
        });
        *open = Some(Arc::clone(&opened));
        Ok(opened)
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
