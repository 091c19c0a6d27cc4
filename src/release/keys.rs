//! The member's own keys: one for each role, sealed in the private database.
//!
//! A relay has no private database; its keys lie in a file only its owner can read. It has no log
//! to sign and governs nothing, so what they open is its name alone.

use std::path::Path;

use zeroize::Zeroizing;

use crate::identity::{Authority, GovernorKey, LogKey, SealKey, canon};
use crate::model::MemberId;
use crate::store::{Changes, Entropy, PrivateStore, StoreError, file};

/// The part of the private database that holds keys.
const SPACE: u8 = 0x20;

const GOVERNOR: &str = "governor";
const LOG: &str = "log";
const SEAL: &str = "seal";
const CA_CERT: &str = "ca-cert";
const CA_KEY: &str = "ca-key";

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database or a file refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no randomness.
    #[error("the system gave no randomness: {0}")]
    Entropy(std::io::Error),
    /// A key is missing or is none.
    #[error("the {0} key is missing or damaged; restore a backup")]
    Missing(&'static str),
    /// The certificate authority could not be made or opened.
    #[error(transparent)]
    Authority(#[from] crate::identity::ca::CaError),
}

/// The member's private keys.
#[derive(Debug)]
pub struct MemberKeys {
    /// Signs the card and charters.
    pub governor: GovernorKey,
    /// Signs checkpoints.
    pub log: LogKey,
    /// Opens what is sealed to this member.
    pub seal: SealKey,
    /// Issues certificates.
    pub authority: Authority,
}

/// Returns 32 random bytes for a key.
///
/// # Errors
/// When the system has none.
pub fn seed(entropy: Entropy) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy(seed.as_mut_slice()).map_err(KeysError::Entropy)?;
    Ok(seed)
}

impl MemberKeys {
    /// Makes new keys.
    ///
    /// # Errors
    /// When the system has no randomness or the clock is absurd.
    pub fn generate(member: &MemberId, entropy: Entropy, now: u64) -> Result<Self, KeysError> {
        Ok(Self {
            governor: GovernorKey::from_seed(&*seed(entropy)?),
            log: LogKey::from_seed(&*seed(entropy)?),
            seal: SealKey::from_seed(&*seed(entropy)?),
            authority: Authority::generate(member, now)?,
        })
    }

    /// Seals the keys into the private database.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn seal_into(&self, store: &PrivateStore) -> Result<(), KeysError> {
        let mut changes = Changes::new();
        for (name, bytes) in self.parts() {
            changes.put(SPACE, name.as_bytes(), bytes.to_vec());
        }
        Ok(store.apply(changes)?)
    }

    /// Opens the keys in the private database.
    ///
    /// # Errors
    /// When one is missing or damaged.
    pub fn open(member: &MemberId, store: &PrivateStore) -> Result<Self, KeysError> {
        Self::from_parts(member, |name| {
            store
                .get(SPACE, name.as_bytes())?
                .ok_or(KeysError::Missing(name))
        })
    }

    /// Writes a relay's keys to its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), KeysError> {
        let mut text = Zeroizing::new(String::new());
        for (name, bytes) in self.parts() {
            let encoded = Zeroizing::new(canon::to_base64(&bytes));
            text.push_str(&format!("{name} {}\n", *encoded));
        }
        Ok(file::write_atomic(path, text.as_bytes())?)
    }

    /// Reads a relay's keys from its file.
    ///
    /// # Errors
    /// When one is missing or damaged.
    pub fn read(member: &MemberId, path: &Path) -> Result<Self, KeysError> {
        let bytes = file::read_small(path, 64 << 10)?.map(Zeroizing::new);
        let bytes = bytes.ok_or(KeysError::Missing(GOVERNOR))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| KeysError::Missing(GOVERNOR))?;
        Self::from_parts(member, |name| {
            text.lines()
                .filter_map(|line| line.split_once(' '))
                .find(|(known, _)| *known == name)
                .and_then(|(_, encoded)| canon::from_base64(encoded))
                .map(Zeroizing::new)
                .ok_or(KeysError::Missing(name))
        })
    }

    fn parts(&self) -> [(&'static str, Zeroizing<Vec<u8>>); 5] {
        [
            (GOVERNOR, Zeroizing::new(self.governor.seed().to_vec())),
            (LOG, Zeroizing::new(self.log.seed().to_vec())),
            (SEAL, Zeroizing::new(self.seal.seed().to_vec())),
            (CA_CERT, Zeroizing::new(self.authority.cert().to_vec())),
            (CA_KEY, self.authority.key()),
        ]
    }

    fn from_parts(
        member: &MemberId,
        part: impl Fn(&'static str) -> Result<Zeroizing<Vec<u8>>, KeysError>,
    ) -> Result<Self, KeysError> {
        let seed = |name| -> Result<Zeroizing<[u8; 32]>, KeysError> {
            let bytes = part(name)?;
            let seed = <[u8; 32]>::try_from(bytes.as_slice());
            seed.map(Zeroizing::new)
                .map_err(|_| KeysError::Missing(name))
        };
        Ok(Self {
            governor: GovernorKey::from_seed(&*seed(GOVERNOR)?),
            log: LogKey::from_seed(&*seed(LOG)?),
            seal: SealKey::from_seed(&*seed(SEAL)?),
            authority: Authority::open(member, &part(CA_CERT)?, &part(CA_KEY)?)?,
        })
    }
}
