//! Who opens the private plane: passphrases added, changed and taken away.
//!
//! Each change is one new vault file, whole or not at all. A passphrase that opens the plain book
//! opens it here too, whatever was asked: its holder must not be told anything else.

use std::sync::PoisonError;

use super::plane::{PlaneError, PrivatePlane};
use crate::store::{DataKey, Named, StoreError, Vault};

/// What is to be done about passphrases.
#[derive(Clone, Copy)]
pub enum Act<'a> {
    /// Nothing; only list them.
    List,
    /// Add one.
    Add {
        /// What it is called.
        name: &'a str,
        /// The passphrase.
        new: &'a [u8],
    },
    /// Put another in the place of the one that is given.
    Change {
        /// The passphrase.
        new: &'a [u8],
    },
    /// Take one away.
    Remove {
        /// What it is called.
        name: &'a str,
    },
    /// Let another recovery code open the vault.
    Recovery {
        /// The code.
        code: &'a [u8],
    },
    /// Let another passphrase open the plain book, or none.
    Plain {
        /// The passphrase.
        new: Option<&'a [u8]>,
    },
}

impl std::fmt::Debug for Act<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Act(…)")
    }
}

impl PrivatePlane {
    /// Does something about passphrases, durably, and returns what they are called afterwards.
    /// `given` is one that opens the vault; an open plane needs none, but to change it.
    ///
    /// # Errors
    /// When `given` opens nothing or is missing, what is asked is refused, or the disk refuses.
    pub fn passphrases(
        &self,
        given: Option<&[u8]>,
        act: Act<'_>,
    ) -> Result<Vec<Named>, PlaneError> {
        if self.is_relay() {
            return Err(PlaneError::Relay);
        }
        let _alone = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        let mut vault = self.vault_now()?;
        let mut is_changed = !matches!(act, Act::List);
        let key = match given {
            None => match (vault.is_old() && is_changed, act) {
                (true, _) | (_, Act::Change { .. }) => {
                    return Err(StoreError::PassphraseNeeded.into());
                }
                _ => self.opened()?.key.clone(),
            },
            Some(given) => {
                let key = vault.unlock(given)?;
                if key.is_plain() {
                    self.unlock_alone(given)?;
                    vault = self.vault_now()?;
                    vault.unlock(given)?
                } else if vault.is_old() && is_changed {
                    let key = vault.upgrade(given, self.entropy())?;
                    self.dir().set_vault(&vault)?;
                    self.part(given, &key)?;
                    key
                } else {
                    key
                }
            }
        };
        is_changed &= self.change(&mut vault, &key, given, act)?;
        if is_changed {
            self.dir().set_vault(&vault)?;
        }
        Ok(vault.list(&key)?)
    }

    fn change(
        &self,
        vault: &mut Vault,
        key: &DataKey,
        given: Option<&[u8]>,
        act: Act<'_>,
    ) -> Result<bool, PlaneError> {
        let entropy = self.entropy();
        match act {
            Act::List => return Ok(false),
            Act::Add { name, new } => vault.add(key, name, new, entropy)?,
            Act::Change { new } => vault.change(given.unwrap_or_default(), new, entropy)?,
            Act::Remove { name } => vault.remove(key, name, entropy)?,
            Act::Recovery { code } => vault.set_recovery(key, code, entropy)?,
            Act::Plain { new } => {
                if let (Some(given), true) = (given, new.is_some()) {
                    self.part(given, key)?;
                }
                vault.set_plain(key, new, entropy)?;
            }
        }
        Ok(true)
    }

    /// Sees to it that what leads to persons lies apart from the rest: the plane is opened for that,
    /// and closed again if it was closed.
    fn part(&self, given: &[u8], key: &DataKey) -> Result<(), PlaneError> {
        let was_locked = self.is_locked();
        if let Ok(opened) = self.opened()
            && opened.store.is_parted()
            && key.is_parted()
        {
            return Ok(());
        }
        self.lock();
        self.unlock_alone(given)?;
        if was_locked {
            self.lock();
        }
        Ok(())
    }

    fn vault_now(&self) -> Result<Vault, PlaneError> {
        let vault = self.dir().vault()?;
        Ok(vault.ok_or_else(|| {
            StoreError::damaged(
                self.dir().path(),
                "a member's node has a vault, and none is there",
            )
        })?)
    }
}
