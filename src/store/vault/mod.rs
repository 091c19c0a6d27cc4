//! The vault: the data key of the private plane, and the passphrases that open it.
//!
//! - [`keys`]: the data key, and what is made from it.
//! - `slots`: equal-looking slots, each with the data key under one passphrase, or with nothing.
//! - `text`: the file as written.
//! - [`slot`]: a single wrapped key: a person's own, or the vault as it was before.
//!
//! `vault.toml` always has [`SLOTS`] slots of the same length. Those that nobody uses hold random
//! bytes, so the file does not tell how many passphrases there are, nor whether one of them opens a
//! plain book: one with nobody in it, at the price of every other slot. Argon2id turns a passphrase
//! into a key once, with one salt for the whole vault, and every slot is tried with that key, so
//! opening takes as long however many people there are. What slots are called is sealed under the
//! data key.

pub mod keys;
pub mod slot;
mod slots;
mod text;

use zeroize::Zeroizing;

use super::{Entropy, StoreError};
pub use keys::{DataKey, Purpose, SubKey};
pub use slot::Cost;
pub(super) use slot::{Slot, WrittenSlot};
use slots::{Content, Slots};

/// How many slots every vault has.
pub const SLOTS: usize = 16;

/// Longest name of a slot, in bytes.
pub const LONGEST_NAME: usize = 60;

/// What the slot made with the node is called.
pub const FIRST: &str = "first";

/// What the slot of the recovery sheet is called.
pub const RECOVERY: &str = "recovery";

/// Longest passphrase, in bytes.
const MAX_PASSPHRASE: usize = 64 << 10;

/// The data key, under each passphrase that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// One slot, and one root for everything: what earlier versions wrote.
    Old(Box<Slot>),
    Slots(Slots),
}

/// Whose a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Somebody who works with the book.
    Person,
    /// The recovery sheet.
    Recovery,
    /// Whoever opens a book with nobody in it, and with it destroys every other slot.
    Plain,
}

/// A passphrase that opens the vault, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What its slot is called.
    pub name: String,
    /// Whose it is.
    pub holder: Holder,
}

impl Vault {
    /// Makes a new data key and a vault that one passphrase opens.
    ///
    /// # Errors
    /// When the passphrase is empty, the cost is out of bounds, or there is no randomness.
    pub fn create(
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<(Self, DataKey), StoreError> {
        let key = DataKey::generate(entropy)?;
        let slots = Self::first(&key, FIRST, passphrase, cost, entropy)?;
        Ok((Self(Form::Slots(slots)), key))
    }

    fn first(
        key: &DataKey,
        name: &str,
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<Slots, StoreError> {
        check_passphrase(passphrase)?;
        let mut slots = Slots::empty(key, cost, entropy)?;
        let content = Content::new(name, Holder::Person, key);
        slots.put(key, None, &content, passphrase, entropy)?;
        Ok(slots)
    }

    /// Returns the data key. Takes as long as the cost says, and its memory, once.
    ///
    /// The key of the plain book says so; see [`DataKey::is_plain`]. Whoever uses it destroys the
    /// others first: [`Vault::leave_only`].
    ///
    /// # Errors
    /// When no slot opens: the passphrase is wrong or the file was changed, and nothing says which.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<DataKey, StoreError> {
        match &self.0 {
            Form::Old(slot) => unwrap_old(slot, passphrase),
            Form::Slots(slots) => {
                let (_, content) = slots.open(passphrase)?;
                Ok(content.into_key())
            }
        }
    }

    /// Returns whether it is of the format before this one.
    pub const fn is_old(&self) -> bool {
        matches!(self.0, Form::Old(_))
    }

    /// Brings a vault of the format before this one into this one: the book gets a root of its own
    /// beside that of persons. Returns the data key.
    ///
    /// # Errors
    /// When the passphrase does not open it.
    pub fn upgrade(&mut self, passphrase: &[u8], entropy: Entropy) -> Result<DataKey, StoreError> {
        let Form::Old(slot) = &self.0 else {
            return self.unlock(passphrase);
        };
        let key = unwrap_old(slot, passphrase)?.parted(entropy)?;
        let slots = Self::first(&key, FIRST, passphrase, slot.cost(), entropy)?;
        self.0 = Form::Slots(slots);
        Ok(key)
    }

    /// Returns what its slots are called, the plain one left out.
    ///
    /// # Errors
    /// When the key is another vault's.
    pub fn list(&self, key: &DataKey) -> Result<Vec<Named>, StoreError> {
        let Form::Slots(slots) = &self.0 else {
            return Ok(vec![Named {
                name: FIRST.to_owned(),
                holder: Holder::Person,
            }]);
        };
        let named = slots.names(key)?.into_iter().flatten();
        Ok(named
            .filter(|named| named.holder != Holder::Plain)
            .collect())
    }

    /// Adds a passphrase under a name.
    ///
    /// # Errors
    /// When the name is taken or none, the passphrase cannot be used, or every slot is.
    pub fn add(
        &mut self,
        key: &DataKey,
        name: &str,
        passphrase: &[u8],
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        check_name(name)?;
        let slots = self.slots_mut()?;
        let names = slots.names(key)?;
        let is_it = |named: &Named| named.name == name && named.holder != Holder::Plain;
        if names.iter().flatten().any(is_it) || name == RECOVERY {
            return Err(StoreError::SlotTaken(name.to_owned()));
        }
        // One slot is kept for the plain book, whether or not there is one: how many fit must not tell.
        let is_plain = |named: &Named| named.holder == Holder::Plain;
        let kept = usize::from(!names.iter().flatten().any(is_plain));
        if names.iter().flatten().count() + kept >= SLOTS {
            return Err(StoreError::NoFreeSlot);
        }
        slots.check_new(passphrase)?;
        let content = Content::new(name, Holder::Person, key);
        slots.put(key, None, &content, passphrase, entropy)
    }

    /// Gives a slot another passphrase: the slot that `old` opens, or, where that is the recovery
    /// sheet's, the one called [`FIRST`].
    ///
    /// # Errors
    /// When `old` opens nothing, or `new` cannot be used.
    pub fn change(&mut self, old: &[u8], new: &[u8], entropy: Entropy) -> Result<(), StoreError> {
        let slots = self.slots_mut()?;
        let (at, mut content) = slots.open(old)?;
        if old != new {
            slots.check_new(new)?;
        }
        let key = content.key().clone();
        let at = match content.holder() {
            Holder::Person | Holder::Plain => Some(at),
            Holder::Recovery => {
                content = Content::new(FIRST, Holder::Person, &key);
                slots.find(&key, FIRST)?
            }
        };
        slots.put(&key, at, &content, new, entropy)
    }

    /// Takes away the slot of a name; the last that opens the book for a person stays.
    ///
    /// # Errors
    /// When there is no such slot, or it is the last.
    pub fn remove(
        &mut self,
        key: &DataKey,
        name: &str,
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let slots = self.slots_mut()?;
        let names = slots.names(key)?;
        let is_it = |named: &&Named| named.name == name && named.holder != Holder::Plain;
        let missing = || StoreError::NoSlot(name.to_owned());
        let held = names.iter().flatten().find(is_it).ok_or_else(missing)?;
        let persons = |named: &&Named| named.holder == Holder::Person;
        if held.holder == Holder::Person && names.iter().flatten().filter(persons).count() == 1 {
            return Err(StoreError::LastSlot);
        }
        let at = slots.find(key, name)?.ok_or_else(missing)?;
        slots.clear(key, at, entropy)
    }

    /// Makes a recovery code open the vault, in place of the one before.
    ///
    /// # Errors
    /// When every slot is used, or there is no randomness.
    pub fn set_recovery(
        &mut self,
        key: &DataKey,
        code: &[u8],
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let slots = self.slots_mut()?;
        let at = slots.find(key, RECOVERY)?;
        let content = Content::new(RECOVERY, Holder::Recovery, key);
        slots.put(key, at, &content, code, entropy)
    }

    /// Makes a passphrase open the plain book, in place of the one before; `None` takes it away.
    ///
    /// # Errors
    /// When the passphrase cannot be used, or every slot is.
    pub fn set_plain(
        &mut self,
        key: &DataKey,
        passphrase: Option<&[u8]>,
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let slots = self.slots_mut()?;
        let names = slots.names(key)?;
        let is_plain = |held: &Option<Named>| {
            held.as_ref()
                .is_some_and(|named| named.holder == Holder::Plain)
        };
        let at = names.iter().position(is_plain);
        let Some(passphrase) = passphrase else {
            return at.map_or(Ok(()), |at| slots.clear(key, at, entropy));
        };
        slots.check_new(passphrase)?;
        let plain = key.without_persons(entropy)?;
        // Called as the first slot of any vault, which it will then be.
        let content = Content::new(FIRST, Holder::Plain, &plain);
        slots.put(key, at, &content, passphrase, entropy)
    }

    /// Returns the vault with random bytes in every slot but the one a passphrase opens, and the
    /// file of it as long as it was.
    ///
    /// # Errors
    /// When the passphrase opens nothing.
    pub fn leave_only(&self, passphrase: &[u8], entropy: Entropy) -> Result<Self, StoreError> {
        let Form::Slots(slots) = &self.0 else {
            return Ok(self.clone());
        };
        let (at, _) = slots.open(passphrase)?;
        Ok(Self(Form::Slots(slots.only(Some(at), entropy)?)))
    }

    /// Makes the slot of the plain book one like any other: there is no other book any more.
    ///
    /// # Errors
    /// When the passphrase opens nothing.
    pub fn settle_plain(
        &mut self,
        passphrase: &[u8],
        entropy: Entropy,
    ) -> Result<DataKey, StoreError> {
        let slots = self.slots_mut()?;
        let (at, content) = slots.open(passphrase)?;
        let key = content.key().clone();
        let content = Content::new(FIRST, Holder::Person, &key);
        *slots = slots.only(Some(at), entropy)?;
        slots.forget_names(&key, entropy)?;
        slots.put(&key, Some(at), &content, passphrase, entropy)?;
        // As any node has one: of a sheet nobody wrote.
        let mut code = Zeroizing::new([0; 32]);
        entropy(code.as_mut_slice()).map_err(StoreError::Entropy)?;
        let content = Content::new(RECOVERY, Holder::Recovery, &key);
        slots.put(&key, None, &content, code.as_slice(), entropy)?;
        Ok(key)
    }

    /// Returns a vault that nothing opens, whose file is as long as this one's.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn destroyed(&self, entropy: Entropy) -> Result<Self, StoreError> {
        match &self.0 {
            Form::Slots(slots) => Ok(Self(Form::Slots(slots.only(None, entropy)?))),
            Form::Old(slot) => Ok(Self(Form::Old(Box::new(slot.destroyed(entropy)?)))),
        }
    }

    fn slots_mut(&mut self) -> Result<&mut Slots, StoreError> {
        match &mut self.0 {
            Form::Slots(slots) => Ok(slots),
            Form::Old(_) => Err(StoreError::PassphraseNeeded),
        }
    }
}

impl Slots {
    /// Refuses a passphrase that is none, or that opens a slot already: whoever typed it would not
    /// know which of the two it opens.
    fn check_new(&self, passphrase: &[u8]) -> Result<(), StoreError> {
        check_passphrase(passphrase)?;
        match self.open(passphrase) {
            Ok(_) => Err(StoreError::PassphraseTaken),
            Err(StoreError::WrongPassphrase) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn unwrap_old(slot: &Slot, passphrase: &[u8]) -> Result<DataKey, StoreError> {
    let key = slot.unwrap(passphrase, text::OLD_WRAPPING)?;
    key.map(DataKey::of_one).ok_or(StoreError::WrongPassphrase)
}

fn check_passphrase(passphrase: &[u8]) -> Result<(), StoreError> {
    slot::within(
        "the passphrase's length",
        passphrase.len(),
        1,
        MAX_PASSPHRASE,
    )
}

/// Refuses a name that is none or would not fit.
fn check_name(name: &str) -> Result<(), StoreError> {
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.trim() == name
        && !name.chars().any(crate::model::steers_text);
    is_name.then_some(()).ok_or(StoreError::BadSlotName)
}

#[cfg(test)]
mod tests;
