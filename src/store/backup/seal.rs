//! The file as a whole: the age format, so that it can be opened without this program too.
//!
//! <https://age-encryption.org/v1>: a header that wraps the file's key for X25519 recipients or
//! under a passphrase (scrypt), then pieces of 64 KiB, each authenticated, the last one marked.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Chain, Cursor, Read, Write};
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, EncryptError, Encryptor};
use memchr::memmem;
use zeroize::Zeroizing;

use super::BackupError;

/// 2 to this are the blocks of 1 KiB scrypt takes: 64 MiB, what opening the vault takes too, and
/// what the smallest container has.
const WORK: u8 = 16;

/// The most we pay to open a file of somebody else's program: 256 MiB.
const MOST_WORK: u8 = 18;

const MAX_IDENTITY: usize = 64 << 10;

/// Longest header: some 600 recipients.
const MOST_HEADER: u64 = 64 << 10;

/// A file of which the beginning was read, and put back.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// What stands in a backup, as it is opened.
pub type Unsealed<R> = StreamReader<BufReader<Whole<R>>>;

/// Whom a backup is sealed for.
#[derive(Clone)]
pub struct Recipients(Who);

#[derive(Clone)]
enum Who {
    Keys(Vec<age::x25519::Recipient>),
    Passphrase(SecretString),
}

/// What opens a backup. Nothing prints it.
#[derive(Clone)]
pub struct Opener(Key);

#[derive(Clone)]
enum Key {
    Identities(Vec<age::x25519::Identity>),
    Passphrase(SecretString),
}

/// Returns what may be said again of a text that should be a recipient: no secret key.
fn repeatable(text: &str) -> String {
    match text.trim().to_ascii_uppercase().starts_with("AGE-SECRET") {
        true => "a secret key".to_owned(),
        false => text.to_owned(),
    }
}

impl Recipients {
    /// Reads X25519 recipients, `age1…`.
    ///
    /// # Errors
    /// Names the one that is none; refuses an empty list.
    pub fn keys(given: &[String]) -> Result<Self, BackupError> {
        let read = |text: &String| {
            text.trim()
                .parse()
                .map_err(|_| BackupError::BadRecipient(repeatable(text)))
        };
        let keys: Vec<age::x25519::Recipient> = given.iter().map(read).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(BackupError::BadRecipient("nothing".to_owned()));
        }
        Ok(Self(Who::Keys(keys)))
    }

    /// Seals under a passphrase.
    pub fn passphrase(passphrase: &str) -> Self {
        Self(Who::Passphrase(SecretString::from(passphrase.to_owned())))
    }

    /// Begins a file: what is written into it is sealed, and whole once it was finished.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn seal<W: Write>(&self, out: W) -> Result<StreamWriter<W>, BackupError> {
        let refused = |error: EncryptError| match error {
            EncryptError::Io(error) => BackupError::writing(error),
            other => BackupError::BadRecipient(other.to_string()),
        };
        let encryptor = match &self.0 {
            Who::Keys(keys) => {
                let keys = keys.iter().map(|key| key as &dyn age::Recipient);
                Encryptor::with_recipients(keys).map_err(refused)?
            }
            Who::Passphrase(passphrase) => {
                let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK);
                Encryptor::with_recipients(std::iter::once(&recipient as _)).map_err(refused)?
            }
        };
        encryptor.wrap_output(out).map_err(BackupError::writing)
    }
}

impl Opener {
    /// Opens with a passphrase.
    pub fn passphrase(passphrase: &str) -> Self {
        Self(Key::Passphrase(SecretString::from(passphrase.to_owned())))
    }

    /// Reads an identity file: a line for each, `AGE-SECRET-KEY-1…`; others begin with `#`.
    ///
    /// # Errors
    /// When it cannot be read or holds none.
    pub fn identity_file(path: &Path) -> Result<Self, BackupError> {
        let none = || BackupError::NoIdentity(path.to_owned());
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_IDENTITY));
        let read = File::open(path)
            .and_then(|file| file.take(MAX_IDENTITY as u64).read_to_end(&mut bytes));
        read.map_err(|source| BackupError::NoKey {
            path: path.to_owned(),
            source,
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|_| none())?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<age::x25519::Identity>, _> = lines.map(str::parse).collect();
        let identities = identities.ok().filter(|found| !found.is_empty());
        Ok(Self(Key::Identities(identities.ok_or_else(none)?)))
    }

    /// Whether anybody may have made what it opens: whoever knows a recipient can seal for it.
    pub(super) const fn trusts_anybody(&self) -> bool {
        matches!(self.0, Key::Identities(_))
    }

    /// Opens a file; what is read from it was authenticated, by whoever made it.
    ///
    /// # Errors
    /// When it is no age file, or not for this key or passphrase.
    pub fn open<R: Read>(&self, from: R) -> Result<Unsealed<R>, BackupError> {
        let from = BufReader::new(with_header(from)?);
        let decryptor = Decryptor::new_buffered(from).map_err(refused)?;
        match &self.0 {
            Key::Identities(_) if decryptor.is_scrypt() => {
                Err(BackupError::OtherLock("under a passphrase"))
            }
            Key::Passphrase(_) if !decryptor.is_scrypt() => {
                Err(BackupError::OtherLock("for a recipient's key"))
            }
            Key::Identities(identities) => {
                let identities = identities.iter().map(|one| one as &dyn age::Identity);
                decryptor.decrypt(identities).map_err(refused)
            }
            Key::Passphrase(passphrase) => {
                let mut identity = age::scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(MOST_WORK);
                decryptor
                    .decrypt(std::iter::once(&identity as _))
                    .map_err(refused)
            }
        }
    }
}

/// Reads as much as a header may take, and puts it back: age itself reads one to its end, however
/// far that is.
fn with_header<R: Read>(mut from: R) -> Result<Whole<R>, BackupError> {
    let mut head = Vec::new();
    let read = from.by_ref().take(MOST_HEADER).read_to_end(&mut head);
    read.map_err(BackupError::reading)?;
    let is_endless = head.len() as u64 == MOST_HEADER && memmem::find(&head, b"\n--- ").is_none();
    match is_endless {
        true => Err(BackupError::NoBackup("its header does not end".to_owned())),
        false => Ok(Cursor::new(head).chain(from)),
    }
}

fn refused(error: DecryptError) -> BackupError {
    match error {
        DecryptError::Io(error) => BackupError::reading(error),
        DecryptError::NoMatchingKeys
        | DecryptError::KeyDecryptionFailed
        | DecryptError::DecryptionFailed => BackupError::NotForUs,
        DecryptError::InvalidMac => BackupError::damaged("its header was changed"),
        other => BackupError::NoBackup(other.to_string()),
    }
}

/// Makes an identity: the text of its file, and the recipient to seal backups for.
pub fn make_identity() -> (Zeroizing<String>, String) {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let secret = identity.to_string();
    let text = format!(
        "# Opens the backups made for {recipient}\n# Keep it away from the node, and where fire does not reach.\n{}\n",
        secret.expose_secret()
    );
    (Zeroizing::new(text), recipient)
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipients")
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}
