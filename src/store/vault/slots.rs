//! Equal-looking slots: what opens one is a passphrase, and nothing else tells it from another.
//!
//! ```text
//! slot   nonce[24] ‖ XChaCha20-Poly1305(Argon2id(passphrase, salt), nonce,
//!            holder ‖ data key[128] ‖ length ‖ name, zeros up to 60)
//! names  nonce[24] ‖ XChaCha20-Poly1305(the data key's, nonce, per slot: holder ‖ length ‖ name …)
//! ```

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::keys::{self, DataKey, Purpose};
use super::slot::{Cost, wrapping};
use super::{Holder, LONGEST_NAME, Named, SLOTS};
use crate::store::{Entropy, StoreError};

const WRAPPING: &[u8] = b"counterfoil/vault/v2";
const NAMES: &[u8] = b"counterfoil/vault/v2/names";

const NONCE: usize = 24;
const TAG: usize = 16;
/// Holder, length and name.
const NAME: usize = 2 + LONGEST_NAME;
/// Bytes of every sealed slot, its nonce included.
pub(super) const SLOT: usize = NONCE + keys::LEN + NAME + TAG;
/// Bytes of the sealed names, the nonce included.
pub(super) const ALL_NAMES: usize = NONCE + SLOTS * NAME + TAG;

/// Random bytes, or something sealed: nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed<const N: usize>(pub(super) Box<[u8; N]>);

/// The slots of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) cost: Cost,
    pub(super) salt: [u8; 16],
    /// Always [`SLOTS`] of them.
    pub(super) slots: Vec<Sealed<SLOT>>,
    /// What they are called, for whoever has the data key.
    pub(super) names: Sealed<ALL_NAMES>,
}

/// What a slot holds.
#[derive(Clone)]
pub(super) struct Content {
    named: Named,
    key: DataKey,
}

impl Content {
    pub(super) fn new(name: &str, holder: Holder, key: &DataKey) -> Self {
        let name = name.to_owned();
        Self {
            named: Named { name, holder },
            key: key.clone(),
        }
    }

    pub(super) const fn key(&self) -> &DataKey {
        &self.key
    }

    pub(super) const fn holder(&self) -> Holder {
        self.named.holder
    }

    /// Returns the key as whoever opened the slot may use it.
    pub(super) fn into_key(self) -> DataKey {
        match self.named.holder {
            Holder::Plain => self.key.plain(),
            Holder::Person | Holder::Recovery => self.key,
        }
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(keys::LEN + NAME));
        bytes.extend_from_slice(&self.key.to_bytes());
        bytes.extend_from_slice(&name_bytes(Some(&self.named)));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, name) = bytes.split_at_checked(keys::LEN)?;
        Some(Self {
            named: name_from(name.try_into().ok()?)?,
            key: DataKey::from_bytes(key)?,
        })
    }
}

impl Slots {
    /// Returns slots that nothing opens yet.
    pub(super) fn empty(key: &DataKey, cost: Cost, entropy: Entropy) -> Result<Self, StoreError> {
        let mut salt = [0; 16];
        entropy(&mut salt).map_err(StoreError::Entropy)?;
        let slots = (0..SLOTS).map(|_| Sealed::random(entropy));
        let mut empty = Self {
            cost: cost.check()?,
            salt,
            slots: slots.collect::<Result<_, _>>()?,
            names: Sealed::random(entropy)?,
        };
        empty.forget_names(key, entropy)?;
        Ok(empty)
    }

    /// Opens the slot of a passphrase. Every slot is tried, so that how long it takes says nothing.
    pub(super) fn open(&self, passphrase: &[u8]) -> Result<(usize, Content), StoreError> {
        let cipher = wrapping(passphrase, &self.salt, self.cost)?;
        let mut found = None;
        for (at, slot) in self.slots.iter().enumerate() {
            let opened = slot.open(&cipher, WRAPPING);
            if let Some(content) = opened.and_then(|bytes| Content::from_bytes(&bytes)) {
                found = Some((at, content));
            }
        }
        found.ok_or(StoreError::WrongPassphrase)
    }

    /// Puts something into a slot, or into a free one, and notes what it is called under `key`.
    pub(super) fn put(
        &mut self,
        key: &DataKey,
        at: Option<usize>,
        content: &Content,
        passphrase: &[u8],
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let mut names = self.names(key)?;
        let at = match at {
            Some(at) => at,
            None => free(&names, entropy)?,
        };
        let cipher = wrapping(passphrase, &self.salt, self.cost)?;
        self.slots[at] = Sealed::seal(&cipher, WRAPPING, &content.to_bytes(), entropy)?;
        names[at] = Some(content.named.clone());
        self.set_names(key, &names, entropy)
    }

    /// Fills a slot with random bytes.
    pub(super) fn clear(
        &mut self,
        key: &DataKey,
        at: usize,
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let mut names = self.names(key)?;
        self.slots[at] = Sealed::random(entropy)?;
        names[at] = None;
        self.set_names(key, &names, entropy)
    }

    /// Returns the slots with random bytes in all but one, and for the names.
    pub(super) fn only(&self, kept: Option<usize>, entropy: Entropy) -> Result<Self, StoreError> {
        let mut only = self.clone();
        for (at, slot) in only.slots.iter_mut().enumerate() {
            if Some(at) != kept {
                *slot = Sealed::random(entropy)?;
            }
        }
        only.names = Sealed::random(entropy)?;
        Ok(only)
    }

    /// Returns the slot of a name.
    pub(super) fn find(&self, key: &DataKey, name: &str) -> Result<Option<usize>, StoreError> {
        let names = self.names(key)?;
        Ok(names.iter().position(|held| {
            let held = held.as_ref().filter(|held| held.holder != Holder::Plain);
            held.is_some_and(|held| held.name == name)
        }))
    }

    /// Returns who has each slot.
    pub(super) fn names(&self, key: &DataKey) -> Result<Vec<Option<Named>>, StoreError> {
        let bytes = self.names.open(&names_cipher(key), NAMES);
        let bytes = bytes.ok_or(StoreError::WrongPassphrase)?;
        let names = bytes.as_chunks::<NAME>().0.iter();
        Ok(names.map(name_from).collect())
    }

    /// Begins the list of names anew.
    pub(super) fn forget_names(
        &mut self,
        key: &DataKey,
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let nobody: [Option<Named>; SLOTS] = std::array::from_fn(|_| None);
        self.set_names(key, &nobody, entropy)
    }

    fn set_names(
        &mut self,
        key: &DataKey,
        names: &[Option<Named>],
        entropy: Entropy,
    ) -> Result<(), StoreError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(SLOTS * NAME));
        for named in names {
            bytes.extend_from_slice(&name_bytes(named.as_ref()));
        }
        self.names = Sealed::seal(&names_cipher(key), NAMES, &bytes, entropy)?;
        Ok(())
    }
}

fn names_cipher(key: &DataKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.derive(Purpose::Names).as_bytes().into())
}

/// Returns a slot nobody uses, any of them: which one is used next says nothing of how many are.
fn free(names: &[Option<Named>], entropy: Entropy) -> Result<usize, StoreError> {
    let free = names.iter().enumerate().filter(|(_, held)| held.is_none());
    let free: Vec<usize> = free.map(|(at, _)| at).collect();
    let mut random = [0; 8];
    entropy(&mut random).map_err(StoreError::Entropy)?;
    let chosen = usize::try_from(u64::from_be_bytes(random) % free.len().max(1) as u64);
    let chosen = chosen.ok().and_then(|chosen| free.get(chosen));
    chosen.copied().ok_or(StoreError::NoFreeSlot)
}

impl<const N: usize> Sealed<N> {
    pub(super) fn random(entropy: Entropy) -> Result<Self, StoreError> {
        let mut bytes = Box::new([0; N]);
        entropy(bytes.as_mut_slice()).map_err(StoreError::Entropy)?;
        Ok(Self(bytes))
    }

    fn seal(
        cipher: &XChaCha20Poly1305,
        aad: &[u8],
        msg: &[u8],
        entropy: Entropy,
    ) -> Result<Self, StoreError> {
        let mut nonce = [0; NONCE];
        entropy(&mut nonce).map_err(StoreError::Entropy)?;
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg, aad });
        let sealed = sealed.ok().map(|sealed| [&nonce[..], &sealed].concat());
        let sealed = sealed.and_then(|sealed| <[u8; N]>::try_from(sealed).ok());
        let sealed = sealed.ok_or(StoreError::BadSlotName)?;
        Ok(Self(Box::new(sealed)))
    }

    fn open(&self, cipher: &XChaCha20Poly1305, aad: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, msg) = self.0.split_first_chunk::<NONCE>()?;
        let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad });
        opened.ok().map(Zeroizing::new)
    }
}

fn name_bytes(named: Option<&Named>) -> [u8; NAME] {
    let mut bytes = [0; NAME];
    if let Some(named) = named {
        let name = named.name.as_bytes();
        let length = name.len().min(LONGEST_NAME);
        bytes[0] = match named.holder {
            Holder::Person => 1,
            Holder::Recovery => 2,
            Holder::Plain => 3,
        };
        bytes[1] = u8::try_from(length).unwrap_or_default();
        bytes[2..2 + length].copy_from_slice(&name[..length]);
    }
    bytes
}

fn name_from(bytes: &[u8; NAME]) -> Option<Named> {
    let holder = match bytes[0] {
        1 => Holder::Person,
        2 => Holder::Recovery,
        3 => Holder::Plain,
        _ => return None,
    };
    let name = bytes[2..].get(..usize::from(bytes[1]))?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    Some(Named { name, holder })
}
