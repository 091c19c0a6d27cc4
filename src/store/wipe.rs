//! A node's end: its keys destroyed, its private plane removed, and, where that is asked for, the
//! public copies too.
//!
//! ```text
//! decided (the marker is on the disk) ─▶ keys overwritten ─▶ keys removed ─▶ folders removed
//! ```
//! Whatever a crash leaves of it, whoever opens the directory next destroys the keys before
//! anything else is done; see [`super::NodeDir::open`]. Without its keys the private plane is noise.

use std::fs;
use std::io;
use std::path::Path;

use super::backup::restore::{MARK, SETTINGS_ASIDE, STAGE};
use super::dir::{
    CHECKPOINT_FILE, FORMAT_FILE, LOCK_FILE, PRIVATE, PUBLIC, VAULT_FILE, WATCH_FILE, lock_file,
};
use super::migrate::{COPY, HALF_COPY};
use super::place::PLACE;
use super::{Entropy, StoreError, Vault, file};

/// The file that says the node was wiped.
const MARKER: &str = "wiped";

/// What the marker says where public copies stay, and where they do not.
const KEPT: &str = "wiped; the public copies were kept\n";
const ALL: &str = "wiped; the public copies too\n";

/// Keys that lie open beside the vault, and the passphrases' own.
const KEYS: [&str; 4] = [VAULT_FILE, "witness.key", "node.cert", "relay.keys"];

/// What serves only a node that runs: of its troubles it remembers some, and whether it was restored.
const OF_THE_NODE: [&str; 4] = [FORMAT_FILE, WATCH_FILE, MARK, PLACE];

/// What nobody but this program puts into the directory and holds no secret.
const OPEN_FILES: [&str; 4] = ["card", CHECKPOINT_FILE, "counterfoil.toml", SETTINGS_ASIDE];

/// What was done, by the names in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiped {
    /// Files that held keys: overwritten, then removed.
    pub destroyed: Vec<String>,
    /// What else was removed.
    pub removed: Vec<String>,
}

/// Wipes the node in a directory that nobody uses; a wipe that was cut short is finished.
///
/// # Errors
/// When there is no node and none was wiped, another process uses it, or the disk refuses.
pub fn wipe(dir: &Path, all: bool, entropy: Entropy) -> Result<Wiped, StoreError> {
    let is_node = [FORMAT_FILE, MARKER, VAULT_FILE, PRIVATE]
        .iter()
        .any(|name| dir.join(name).exists());
    if !is_node {
        return Err(StoreError::NoNode {
            dir: dir.to_owned(),
        });
    }
    let _lock = lock_file(dir)?;
    let mut wiped = destroy_keys(dir, all, entropy)?;
    wiped.removed = remove(dir)?;
    Ok(wiped)
}

/// Destroys the keys of a node whose directory this process holds. Nothing brings them back once
/// this has returned, nor once the marker is on the disk.
///
/// # Errors
/// When the disk refuses.
pub fn destroy_keys(dir: &Path, all: bool, entropy: Entropy) -> Result<Wiped, StoreError> {
    let marker = dir.join(MARKER);
    let all = all || decided(dir)? == Some(true);
    let said = if all { ALL } else { KEPT };
    file::write_atomic(&marker, said.as_bytes())?;
    let mut destroyed = Vec::new();
    destroy_in(dir, entropy, |name| destroyed.push(name))?;
    for copy in folders(dir, is_copy)? {
        destroy_in(&dir.join(&copy), entropy, |name| {
            destroyed.push(format!("{copy}/{name}"));
        })?;
    }
    Ok(Wiped {
        destroyed,
        removed: Vec::new(),
    })
}

/// Destroys copies of the node inside its directory, and what was set aside of its private plane:
/// for whoever has destroyed the keys of the book they are of.
///
/// # Errors
/// When the disk refuses; it can be tried again.
pub(super) fn remove_copies(dir: &Path, entropy: Entropy) -> Result<(), StoreError> {
    for name in folders(dir, |name| is_copy(name) || is_set_aside(name))? {
        let path = dir.join(name);
        destroy_in(&path, entropy, |_| {})?;
        fs::remove_dir_all(&path).map_err(|error| StoreError::io("remove", &path, error))?;
    }
    file::sync_dir(dir)
}

/// Returns whether a folder is a private plane out of use: a damaged one, or one half built anew.
fn is_set_aside(name: &str) -> bool {
    let rest = name.strip_prefix(PRIVATE);
    rest.is_some_and(|rest| rest.starts_with(".damaged-") || rest == ".rebuilt")
}

/// Destroys the keys that lie in a directory; `done` is told each file.
fn destroy_in(
    dir: &Path,
    entropy: Entropy,
    mut done: impl FnMut(String),
) -> Result<(), StoreError> {
    let vault = dir.join(VAULT_FILE);
    // One that cannot be read is overwritten with zeros all the same.
    if let Ok(Some(held)) = Vault::read(&vault) {
        held.destroyed(entropy)?.write_over(&vault)?;
    }
    for name in KEYS {
        for path in [dir.join(name), dir.join(format!(".{name}.new"))] {
            if path.exists() {
                file::destroy(&path)?;
                done(name_of(&path));
            }
        }
    }
    Ok(())
}

/// Returns whether a folder holds a copy of a whole node: before a step to a newer format, or while
/// a restore was put together.
fn is_copy(name: &str) -> bool {
    name.starts_with(COPY) || [HALF_COPY, STAGE].contains(&name)
}

/// Returns the names of the folders in a directory that are meant.
fn folders(dir: &Path, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
    let unreadable = |error| StoreError::io("list", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_meant(&name) && entry.path().is_dir() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what is left once the keys are destroyed, and returns what that was. Files that are not
/// a node's stay.
///
/// # Errors
/// When the disk refuses; it can be tried again.
pub fn remove(dir: &Path) -> Result<Vec<String>, StoreError> {
    let all = decided(dir)?.unwrap_or(false);
    let mut removed = Vec::new();
    // A plane, and what was set aside of it: half written anew, or damaged.
    let is_of = |plane: &str, name: &str| name.split('.').next() == Some(plane);
    let is_meant =
        |name: &str| is_of(PRIVATE, name) || is_copy(name) || (all && is_of(PUBLIC, name));
    for name in folders(dir, is_meant)? {
        let path = dir.join(&name);
        match fs::remove_dir_all(&path) {
            Ok(()) => removed.push(name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("remove", &path, error)),
        }
    }
    let mut files = OF_THE_NODE.to_vec();
    if all {
        files.extend(OPEN_FILES);
    }
    for name in files {
        if remove_file(&dir.join(name))? {
            removed.push(name.to_owned());
        }
    }
    file::sync_dir(dir)?;
    if all {
        remove_file(&dir.join(LOCK_FILE))?;
        remove_file(&dir.join(MARKER))?;
        file::sync_dir(dir)?;
        // A mounted volume stays, and so does a directory with somebody else's files in it.
        let _stays = fs::remove_dir(dir);
    }
    Ok(removed)
}

/// Returns whether a wipe was decided here, and if so, whether of everything.
///
/// # Errors
/// When that cannot be read.
pub fn decided(dir: &Path) -> Result<Option<bool>, StoreError> {
    let said = file::read_small(&dir.join(MARKER), 1024)?;
    Ok(said.map(|said| said == ALL.as_bytes()))
}

fn remove_file(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("remove", path, error)),
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Cost, NodeDir, os_entropy};

    fn node(dir: &Path) {
        let new = NodeDir::create(dir).unwrap();
        let key = new
            .create_vault(b"passphrase", Cost::LEAST, os_entropy)
            .unwrap();
        new.public(os_entropy).unwrap();
        new.private(&key, os_entropy).unwrap();
        fs::write(dir.join("witness.key"), "secret").unwrap();
        fs::write(dir.join("card"), "open").unwrap();
        fs::write(dir.join("watch"), "{}").unwrap();
        new.finish().unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn keys_and_records_go_and_public_copies_stay_unless_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        node(&path);
        let wiped = wipe(&path, false, os_entropy).unwrap();
        assert_eq!(wiped.destroyed, ["vault.toml", "witness.key"]);
        assert_eq!(wiped.removed, ["private", "format", "watch", "place"]);
        assert_eq!(names(&path), ["card", "lock", "public", "wiped"]);
        let opened = NodeDir::open(&path);
        assert!(
            matches!(opened, Err(StoreError::Wiped { .. })),
            "{opened:?}"
        );
        fs::write(path.join("letter.txt"), "somebody's").unwrap();
        wipe(&path, true, os_entropy).unwrap();
        assert_eq!(names(&path), ["letter.txt"]);
        assert!(matches!(
            wipe(&path, true, os_entropy),
            Err(StoreError::NoNode { .. })
        ));
    }

    #[test]
    fn copies_of_the_node_inside_its_directory_go_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        node(&path);
        for copy in ["before-format-2", ".before-format", ".restoring"] {
            node(&path.join(copy));
        }
        for aside in ["private.damaged-1", "private.rebuilt", "public.damaged-1"] {
            fs::create_dir(path.join(aside)).unwrap();
        }
        fs::write(path.join(MARK), "2018-04-12 7").unwrap();
        let wiped = wipe(&path, false, os_entropy).unwrap();
        let of_a_copy = "before-format-2/vault.toml".to_owned();
        assert!(wiped.destroyed.contains(&of_a_copy), "{wiped:?}");
        let left = ["card", "lock", "public", "public.damaged-1", "wiped"];
        assert_eq!(names(&path), left);
        wipe(&path, true, os_entropy).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_plain_book_leaves_no_copy_with_another() {
        let dir = tempfile::tempdir().unwrap();
        node(dir.path());
        let held = NodeDir::open(dir.path()).unwrap();
        let key = held.unlock(b"passphrase").unwrap().unwrap();
        let mut vault = held.vault().unwrap().unwrap();
        vault.set_plain(&key, Some(b"plain"), os_entropy).unwrap();
        held.set_vault(&vault).unwrap();
        for aside in ["before-format-2", "private.damaged-1", "public.damaged-1"] {
            fs::create_dir(dir.path().join(aside)).unwrap();
        }
        held.unlock(b"passphrase").unwrap();
        assert!(dir.path().join("before-format-2").exists());
        held.unlock(b"plain").unwrap();
        let left = [
            "card",
            "format",
            "lock",
            "place",
            "private",
            "public",
            "public.damaged-1",
            "vault.toml",
            "watch",
            "witness.key",
        ];
        assert_eq!(names(dir.path()), left);
    }

    #[test]
    fn a_wipe_cut_short_is_finished_by_whoever_comes_next() {
        let dir = tempfile::tempdir().unwrap();
        node(dir.path());
        // Killed between the decision and the keys.
        fs::write(dir.path().join(MARKER), KEPT).unwrap();
        let opened = NodeDir::open(dir.path());
        assert!(matches!(opened, Err(StoreError::Wiped { .. })));
        assert!(!dir.path().join("vault.toml").exists());
        assert!(!dir.path().join("witness.key").exists());
        wipe(dir.path(), false, os_entropy).unwrap();
        assert!(!dir.path().join("private").exists());
    }

    #[test]
    fn a_damaged_vault_is_destroyed_too() {
        let dir = tempfile::tempdir().unwrap();
        node(dir.path());
        fs::write(dir.path().join("vault.toml"), "half of a vau").unwrap();
        let wiped = wipe(dir.path(), true, os_entropy).unwrap();
        assert!(wiped.destroyed.contains(&"vault.toml".to_owned()));
        assert!(!dir.path().exists() || names(dir.path()).is_empty());
    }

    #[test]
    fn a_directory_that_is_no_node_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("node.cert"), "somebody else's").unwrap();
        let refused = wipe(dir.path(), true, os_entropy);
        assert!(matches!(refused, Err(StoreError::NoNode { .. })));
        assert_eq!(names(dir.path()), ["node.cert"]);
    }
}
