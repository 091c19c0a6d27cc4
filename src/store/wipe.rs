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

use super::dir::{
    CHECKPOINT_FILE, FORMAT_FILE, LOCK_FILE, PRIVATE, PUBLIC, VAULT_FILE, WATCH_FILE, lock_file,
};
use super::{Entropy, StoreError, Vault, file};

/// The file that says the node was wiped.
const MARKER: &str = "wiped";

/// What the marker says where public copies stay, and where they do not.
const KEPT: &str = "wiped; the public copies were kept\n";
const ALL: &str = "wiped; the public copies too\n";

/// Keys that lie open beside the vault, and the passphrases' own.
const KEYS: [&str; 4] = [VAULT_FILE, "witness.key", "node.cert", "relay.keys"];

/// What serves only a node that runs, the second being what it remembers of its troubles.
const OF_THE_NODE: [&str; 2] = [FORMAT_FILE, WATCH_FILE];

/// What nobody but this program puts into the directory and holds no secret.
const OPEN_FILES: [&str; 3] = ["card", CHECKPOINT_FILE, "counterfoil.toml"];

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
    let vault = dir.join(VAULT_FILE);
    // One that cannot be read is overwritten with zeros all the same.
    if let Ok(Some(held)) = Vault::read(&vault) {
        held.destroyed(entropy)?.write_over(&vault)?;
    }
    let mut destroyed = Vec::new();
    for name in KEYS {
        for path in [dir.join(name), dir.join(format!(".{name}.new"))] {
            if path.exists() {
                file::destroy(&path)?;
                destroyed.push(name_of(&path));
            }
        }
    }
    Ok(Wiped {
        destroyed,
        removed: Vec::new(),
    })
}

/// Removes what is left once the keys are destroyed, and returns what that was. Files that are not
/// a node's stay.
///
/// # Errors
/// When the disk refuses; it can be tried again.
pub fn remove(dir: &Path) -> Result<Vec<String>, StoreError> {
    let all = decided(dir)?.unwrap_or(false);
    let mut removed = Vec::new();
    let mut folders = vec![PRIVATE];
    if all {
        folders.push(PUBLIC);
    }
    for folder in folders {
        for name in ["", ".new", ".old"].map(|end| format!("{folder}{end}")) {
            let path = dir.join(&name);
            match fs::remove_dir_all(&path) {
                Ok(()) => removed.push(name),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("remove", &path, error)),
            }
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
        assert_eq!(wiped.removed, ["private", "format", "watch"]);
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
