//! A node's directory as a whole: who uses it, what format it has, what lies where.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::backup::{Cause, RestoreMark};
use super::migrate;
use super::scrub::Salvaged;
use super::{
    CheckpointFile, Cost, DataKey, Entropy, PrivateStore, PublicStore, StoreError, Vault, file,
    place, wipe,
};

/// The store format this program writes and the newest it reads.
pub const FORMAT: u32 = 2;

pub(super) const FORMAT_FILE: &str = "format";
pub(super) const LOCK_FILE: &str = "lock";
pub(super) const VAULT_FILE: &str = "vault.toml";
pub(super) const CHECKPOINT_FILE: &str = "checkpoint";
/// What a node that runs remembers of its peers and of what it told its operator.
pub const WATCH_FILE: &str = "watch";
pub(super) const PUBLIC: &str = "public";
pub(super) const PRIVATE: &str = "private";

/// A node's directory, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct NodeDir {
    path: PathBuf,
    /// Locked; the lock goes with the handle, however the process ends.
    _lock: File,
}

/// A directory in which a node is being made. It counts as a node only once [`NewNode::finish`]
/// has returned.
#[derive(Debug)]
pub struct NewNode(NodeDir);

impl NodeDir {
    /// Makes a directory ready for a new node, creating it if need be. Files that are not a
    /// node's may already be there.
    ///
    /// # Errors
    /// When it holds a node, finished or not, or another process uses it.
    pub fn create(path: &Path) -> Result<NewNode, StoreError> {
        let existed = path.exists();
        file::create_private_dir(path)?;
        refuse_wiped(path)?;
        if path.join(FORMAT_FILE).exists() {
            return Err(StoreError::HoldsNode {
                dir: path.to_owned(),
            });
        }
        let lock = lock_file(path)?;
        for found in [PUBLIC, PRIVATE, VAULT_FILE, CHECKPOINT_FILE] {
            if path.join(found).exists() {
                return Err(StoreError::Unfinished {
                    dir: path.to_owned(),
                    found,
                });
            }
        }
        if existed {
            // A mounted volume may belong to somebody else; what we put into it is restricted
            // by itself.
            let _ = file::restrict(path, 0o700);
        }
        Ok(NewNode(Self {
            path: path.to_owned(),
            _lock: lock,
        }))
    }

    /// Takes hold of the node in a directory.
    ///
    /// # Errors
    /// When there is none, a newer program wrote it, or another process uses it. Where a wipe was
    /// decided, the keys are gone for certain when it says so.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        refuse_wiped(path)?;
        found_format(path)?;
        let lock = lock_file(path)?;
        // Whoever held it before may have been a newer program.
        let found = found_format(path)?;
        migrate::bring_up(path, found, migrate::STEPS, FORMAT)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the public plane; one that is not there is made. One that has lost the newest of what
    /// it held is marked as a restored one is, and so is a copy of a directory, unless nothing was
    /// signed or taken in yet when it was copied.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn public(&self, entropy: Entropy) -> Result<PublicStore, StoreError> {
        let store = PublicStore::open(&self.path.join(PUBLIC), entropy)?;
        if store.has_lost() {
            self.mark(Cause::FellBack)?;
            // Peers remember arrivals that are gone, and would not ask for those in their place.
            store.renew_store_id(entropy)?;
            store.go_on()?;
        }
        if place::is_copy(&self.path)? {
            let is_new = self.checkpoint().read()?.is_none() && store.logs().next().is_none();
            if !is_new {
                self.mark(Cause::Copied)?;
                store.renew_store_id(entropy)?;
            }
        }
        place::settle(&self.path)?;
        Ok(store)
    }

    /// Marks the directory as one that may be behind what its node signed; the first mark stays.
    fn mark(&self, cause: Cause) -> Result<(), StoreError> {
        match RestoreMark::read(&self.path)? {
            Some(_) => Ok(()),
            None => RestoreMark { cause, size: 0 }.write(&self.path),
        }
    }

    /// Opens the private plane with its data key; one that is not there is made.
    ///
    /// # Errors
    /// When the key is another's or the database cannot be opened.
    pub fn private(&self, key: &DataKey, entropy: Entropy) -> Result<PrivateStore, StoreError> {
        PrivateStore::open(&self.path.join(PRIVATE), key, entropy)
    }

    /// Copies what can be read of a damaged private plane into a new database.
    ///
    /// # Errors
    /// As [`PrivateStore::salvage`].
    pub fn salvage_private(
        &self,
        key: &DataKey,
        to: &Path,
        entropy: Entropy,
    ) -> Result<Salvaged, StoreError> {
        PrivateStore::salvage(&self.path.join(PRIVATE), to, key, entropy)
    }

    /// Returns the file that holds the last checkpoint this node signed.
    pub fn checkpoint(&self) -> CheckpointFile {
        CheckpointFile::at(self.path.join(CHECKPOINT_FILE))
    }

    /// Returns the vault, or `None` for a relay, which has none.
    ///
    /// # Errors
    /// When the file is there and cannot be understood.
    pub fn vault(&self) -> Result<Option<Vault>, StoreError> {
        Vault::read(&self.path.join(VAULT_FILE))
    }

    /// Replaces the vault file: after a passphrase was added, changed or removed.
    ///
    /// # Errors
    /// When the disk refuses; the old file is then still there.
    pub fn set_vault(&self, vault: &Vault) -> Result<(), StoreError> {
        vault.write(&self.path.join(VAULT_FILE))
    }

    /// Opens the vault and returns the data key; `None` for a relay.
    ///
    /// Where the passphrase is that of the plain book, every other slot is gone from the disk when
    /// this returns, and so are copies of the node inside its directory; see
    /// [`DataKey::is_plain`].
    ///
    /// # Errors
    /// When the passphrase does not open it.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<Option<DataKey>, StoreError> {
        let Some(vault) = self.vault()? else {
            return Ok(None);
        };
        let key = vault.unlock(passphrase)?;
        if key.is_plain() {
            let alone = vault.leave_only(passphrase, super::os_entropy)?;
            alone.write_over(&self.path.join(VAULT_FILE))?;
            wipe::remove_copies(&self.path, super::os_entropy)?;
        }
        Ok(Some(key))
    }

    /// Notes that the plain book is in order: from now on there is no other, and its passphrase is
    /// one like any other.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settle_plain(&self, passphrase: &[u8], entropy: Entropy) -> Result<(), StoreError> {
        if let Some(mut vault) = self.vault()? {
            vault.settle_plain(passphrase, entropy)?;
            self.set_vault(&vault)?;
        }
        Ok(())
    }
}

impl NewNode {
    /// Makes the vault and its data key.
    ///
    /// # Errors
    /// When the passphrase or the cost is out of bounds, or the disk refuses.
    pub fn create_vault(
        &self,
        passphrase: &[u8],
        cost: Cost,
        entropy: Entropy,
    ) -> Result<DataKey, StoreError> {
        let (vault, key) = Vault::create(passphrase, cost, entropy)?;
        self.set_vault(&vault)?;
        Ok(key)
    }

    /// Writes the format number, which makes the directory a node.
    ///
    /// # Errors
    /// When the disk refuses; the directory is then no node yet.
    pub fn finish(self) -> Result<NodeDir, StoreError> {
        let format = self.0.path.join(FORMAT_FILE);
        file::write_atomic(&format, format!("{FORMAT}\n").as_bytes())?;
        Ok(self.0)
    }
}

impl Deref for NewNode {
    type Target = NodeDir;

    fn deref(&self) -> &NodeDir {
        &self.0
    }
}

/// Refuses a node that was wiped, and sees to it that it was.
fn refuse_wiped(dir: &Path) -> Result<(), StoreError> {
    let Some(all) = wipe::decided(dir)? else {
        return Ok(());
    };
    let _lock = lock_file(dir)?;
    wipe::destroy_keys(dir, all, super::os_entropy)?;
    Err(StoreError::Wiped {
        dir: dir.to_owned(),
    })
}

/// Reads the format number of a directory and refuses one that is not ours.
///
/// # Errors
/// When there is no node, or its format is not one this program reads.
pub fn format_of(dir: &Path) -> Result<u32, StoreError> {
    check_format(dir).map(|()| FORMAT)
}

fn check_format(dir: &Path) -> Result<(), StoreError> {
    match found_format(dir)? {
        FORMAT => Ok(()),
        older => Err(StoreError::damaged(
            &dir.join(FORMAT_FILE),
            format!("format {older} is older than {FORMAT}, and was not brought up to it"),
        )),
    }
}

/// Reads the number in the format file: ours, or an older one this program can bring up to ours.
/// A program whose format ours cannot be may write its version behind the number.
fn found_format(dir: &Path) -> Result<u32, StoreError> {
    let path = dir.join(FORMAT_FILE);
    let Some(bytes) = file::read_small(&path, 64)? else {
        return Err(StoreError::NoNode {
            dir: dir.to_owned(),
        });
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let mut words = text.split_whitespace();
    let number = words.next().and_then(|word| word.parse::<u32>().ok());
    let (version, rest) = (words.next(), words.next());
    match number {
        Some(found @ 1..=FORMAT) if version.is_none() => Ok(found),
        Some(found) if found > FORMAT && rest.is_none() => Err(StoreError::NewerFormat {
            dir: dir.to_owned(),
            found,
            known: FORMAT,
            version: version.unwrap_or_default().to_owned(),
        }),
        _ => Err(StoreError::damaged(
            &path,
            format!("it should hold the number {FORMAT}; put it back from a backup"),
        )),
    }
}

pub(super) fn lock_file(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let mut file =
        file::create_private(&path).map_err(|error| StoreError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Only to help the reader of the message; the lock itself is what counts.
            let _ = (&mut file).take(16).read_to_string(&mut pid);
            return Err(StoreError::InUse {
                dir: dir.to_owned(),
                pid: pid.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path, error)),
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(pid.as_bytes()))
        .map_err(|error| StoreError::io("write", &path, error))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::os_entropy;

    fn node(path: &Path) -> DataKey {
        let new = NodeDir::create(path).unwrap();
        let key = new
            .create_vault(b"passphrase", Cost::LEAST, os_entropy)
            .unwrap();
        new.public(os_entropy).unwrap();
        new.private(&key, os_entropy).unwrap();
        new.finish().unwrap();
        key
    }

    #[test]
    fn a_node_that_was_made_can_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/node");
        assert!(matches!(
            NodeDir::open(&path),
            Err(StoreError::NoNode { .. })
        ));
        node(&path);
        let opened = NodeDir::open(&path).unwrap();
        let key = opened.unlock(b"passphrase").unwrap().unwrap();
        opened.private(&key, os_entropy).unwrap();
        assert!(matches!(
            opened.unlock(b"another"),
            Err(StoreError::WrongPassphrase)
        ));
        drop(opened);
        assert!(matches!(
            NodeDir::create(&path),
            Err(StoreError::HoldsNode { .. })
        ));
    }

    #[test]
    fn only_one_process_holds_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        node(dir.path());
        let first = NodeDir::open(dir.path()).unwrap();
        let error = NodeDir::open(dir.path()).unwrap_err();
        assert!(
            error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        drop(first);
        NodeDir::open(dir.path()).unwrap();
    }

    #[test]
    fn a_newer_format_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        node(dir.path());
        let format = dir.path().join(FORMAT_FILE);
        std::fs::write(&format, format!("{}\n", FORMAT + 1)).unwrap();
        let error = NodeDir::open(dir.path()).unwrap_err().to_string();
        let wanted = format!("use a version that reads format {}", FORMAT + 1);
        assert!(error.contains(&wanted), "{error}");
        std::fs::write(&format, format!("{} 0.9.1\n", FORMAT + 2)).unwrap();
        let error = NodeDir::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("use version 0.9.1 or newer"), "{error}");
        for garbage in ["", "0", "one", "1 1", "99999999999999"] {
            std::fs::write(&format, garbage).unwrap();
            assert!(matches!(
                NodeDir::open(dir.path()),
                Err(StoreError::Damaged { .. })
            ));
        }
    }

    #[test]
    fn what_was_never_finished_is_no_node_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let new = NodeDir::create(dir.path()).unwrap();
        new.create_vault(b"passphrase", Cost::LEAST, os_entropy)
            .unwrap();
        drop(new);
        assert!(matches!(
            NodeDir::open(dir.path()),
            Err(StoreError::NoNode { .. })
        ));
        assert!(matches!(
            NodeDir::create(dir.path()),
            Err(StoreError::Unfinished { .. })
        ));
    }

    #[test]
    fn everything_in_it_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        fn walk(path: &Path, seen: &mut usize) {
            let metadata = std::fs::metadata(path).unwrap();
            assert_eq!(
                metadata.permissions().mode() & 0o077,
                0,
                "{}",
                path.display()
            );
            *seen += 1;
            if metadata.is_dir() {
                for entry in std::fs::read_dir(path).unwrap() {
                    walk(&entry.unwrap().path(), seen);
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        node(&path);
        let mut seen = 0;
        walk(&path, &mut seen);
        assert!(seen >= 10, "{seen}");
    }
}
