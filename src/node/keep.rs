//! Keeping a node's data: restoring it, proving that a backup can be restored, looking at the
//! directory, and building a damaged plane anew. What a running node does by itself is in
//! [`super::schedule`].

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::open::{Node, read_card};
use super::temporary::Temporary;
use super::{failure, on_thread};
use crate::cli::Failure;
use crate::cli::host::{Check, FoundBackup, OpenBackup, Rebuilt, RebuiltLog};
use crate::clock::Clock;
use crate::config::{Config, FILE_NAME, Passphrase};
use crate::log::SignedCheckpoint;
use crate::release::ledger::Ledger;
use crate::store::backup::restore::SETTINGS_ASIDE;
use crate::store::backup::{self, Cause, Inspected, Opener, RestoreMark, Restored};
use crate::store::{Entropy, NodeDir, PublicStore, scrub};
use crate::wire;

/// Reads backups to their end.
///
/// # Errors
/// When one cannot be opened, or anything in it is not what it should be.
pub(super) fn inspect(open: &OpenBackup) -> Result<FoundBackup, Failure> {
    let opener = opener(open)?;
    let mut found = Vec::new();
    for file in files(open)? {
        found.push(backup::inspect(file, &opener).map_err(failure)?);
    }
    Ok(summed(&found))
}

/// Makes a directory from backups.
///
/// # Errors
/// When the directory holds a node or a backup is damaged; nothing is left behind then.
pub(super) fn restore(
    open: &OpenBackup,
    dir: &Path,
    entropy: Entropy,
) -> Result<FoundBackup, Failure> {
    let restored = put(open, dir, entropy)?;
    let mut found = summed(&restored.files);
    if restored.is_aside {
        found.notes.push(format!(
            "its settings are in {SETTINGS_ASIDE} and are not used: whoever knows the recipient could \
             have written them; look at them, then rename the file to {FILE_NAME}"
        ));
    }
    Ok(found)
}

fn put(open: &OpenBackup, dir: &Path, entropy: Entropy) -> Result<Restored, Failure> {
    backup::restore(files(open)?, &opener(open)?, dir, entropy).map_err(failure)
}

/// Restores backups into a temporary directory, opens the node there as any start does, and reads
/// and hashes everything again.
///
/// # Errors
/// When anything of that does not succeed.
pub(super) async fn drill(
    open: OpenBackup,
    clock: Clock,
    entropy: Entropy,
) -> Result<FoundBackup, Failure> {
    let place = Temporary::new(entropy)?;
    let dir = place.path().join("node");
    let into = dir.clone();
    let passphrase = open.passphrase.clone();
    let restored = on_thread(move || put(&open, &into, entropy)).await?;
    let mut found = summed(&restored.files);
    let has_records = found.planes.iter().any(|plane| plane == "private");
    let opens_records = has_records && passphrase.is_some();
    if has_records && passphrase.is_none() {
        let note = "the records were not opened: no passphrase was given";
        found.notes.push(note.to_owned());
    }
    let passphrase = passphrase.filter(|_| opens_records);
    let node = Node::open(&dir, Config::default(), passphrase, clock, entropy).await?;
    let client = node.client()?;
    let request = wire::DoctorRequest {
        deep: true,
        mend: false,
    };
    let looked = client.doctor(request).await?;
    let health = client.health(wire::HealthRequest {}).await?;
    drop(client);
    node.close();
    let damage = ["public", "record", "store"];
    let bad = looked
        .checks
        .iter()
        .find(|check| check.state == "bad" && damage.contains(&check.name.as_str()));
    if let Some(bad) = bad {
        return Err(not_proven(&bad.message));
    }
    let rows_differ = opens_records && looked.rows != found.rows;
    let has_log = found.planes.iter().any(|plane| plane == "public");
    if looked.leaves != found.leaves
        || rows_differ
        || (has_log && health.tree_size != found.tree_size)
    {
        return Err(not_proven("what was restored is not what was backed up"));
    }
    Ok(found)
}

fn not_proven(reason: &str) -> Failure {
    Failure::new(
        "damaged",
        format!("the backup does not restore well: {reason}"),
        "take another backup, and drill that",
    )
}

fn opener(open: &OpenBackup) -> Result<Opener, Failure> {
    match (&open.identity, &open.passphrase) {
        (Some(path), _) => Opener::identity_file(path).map_err(failure),
        (None, Some(passphrase)) => Ok(Opener::passphrase(passphrase.as_str())),
        (None, None) => Err(Failure::new(
            "passphrase",
            "nothing that opens the backup was given",
            "name the key with --identity, or give the passphrase",
        )),
    }
}

fn files(open: &OpenBackup) -> Result<Vec<File>, Failure> {
    let opened = open.files.iter().map(|path| {
        let unreadable =
            |error: std::io::Error| Failure::file("backup cannot be read:", path, &error);
        let file = File::open(path).map_err(unreadable)?;
        if path.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(file)
    });
    opened.collect()
}

fn summed(files: &[Inspected]) -> FoundBackup {
    let mut found = FoundBackup::default();
    let mut signed = 0;
    for file in files {
        let manifest = &file.manifest;
        found.member.clone_from(&manifest.member);
        if found.date.is_empty() || manifest.date < found.date {
            found.date.clone_from(&manifest.date);
        }
        for (name, is_in) in [("public", manifest.public), ("private", manifest.private)] {
            if is_in {
                found.planes.push(name.to_owned());
            }
        }
        found.tree_size = found.tree_size.max(file.tree_size);
        found.root_hash = found.root_hash.or_else(|| file.root_hash.clone());
        found.leaves += file.leaves;
        found.payloads += file.payloads;
        found.rows += file.rows;
        signed = signed.max(file.signed);
    }
    let has = |plane: &str| found.planes.iter().any(|held| held == plane);
    let mut notes = Vec::new();
    if !has("private") {
        notes.push("no private plane is in it: records cannot be read without one".to_owned());
    }
    if !has("public") {
        let note = "no public plane is in it: apply the charter, and sync with a peer";
        notes.push(note.to_owned());
    } else if signed > found.tree_size {
        let held = found.tree_size;
        notes.push(format!(
            "the node had signed {signed} leaves of its log, and {held} are in it"
        ));
    }
    found.notes = notes;
    found
}

/// Looks at a directory without opening the databases.
///
/// # Errors
/// When there is no node.
pub(super) fn look_at(dir: &Path) -> Result<Vec<Check>, Failure> {
    let mut checks = vec![match crate::store::dir::format_of(dir) {
        Ok(format) => Check::fine(
            "format",
            format!("the store has format {format}, which this version reads"),
        ),
        Err(error @ crate::store::StoreError::NoNode { .. }) => return Err(failure(error)),
        Err(error) => {
            let told = failure(error);
            Check::new("format", "bad", told.message, &told.hint)
        }
    }];
    checks.push(permissions(dir));
    for name in ["card", "witness.key", FILE_NAME] {
        if name == FILE_NAME && dir.join(SETTINGS_ASIDE).exists() {
            checks.push(Check::new(
                "files",
                "warn",
                format!(
                    "the settings were put aside by a restore, and are not used: {SETTINGS_ASIDE}"
                ),
                &format!("look at them, then rename the file to {FILE_NAME}"),
            ));
        } else if !dir.join(name).exists() {
            let message = format!("{} is missing", dir.join(name).display());
            checks.push(Check::new(
                "files",
                "bad",
                message,
                "put it back from a backup",
            ));
        }
    }
    match read_card(dir) {
        Ok(card) if !card.member().relay && !dir.join("vault.toml").exists() => {
            let message = format!(
                "{} is missing: nothing opens the records without it",
                dir.join("vault.toml").display()
            );
            checks.push(Check::new(
                "files",
                "bad",
                message,
                "put it back from a backup",
            ));
        }
        Ok(_) => checks.push(Check::fine("files", "card and keys are there")),
        Err(told) => checks.push(Check::new(
            "files",
            "bad",
            told.message,
            "put it back from a backup",
        )),
    }
    Ok(checks)
}

/// Finds what others on the machine could read, or another user owns.
fn permissions(dir: &Path) -> Check {
    let uid = rustix::process::geteuid().as_raw();
    let mut wrong = Vec::new();
    let mut look = |path: &Path| {
        if let Ok(data) = path.symlink_metadata() {
            let mode = data.permissions().mode() & 0o777;
            if mode & 0o077 != 0 && !data.is_symlink() {
                wrong.push(format!("{} has mode {mode:04o}", path.display()));
            } else if data.uid() != uid {
                wrong.push(format!("{} belongs to user {}", path.display(), data.uid()));
            }
        }
    };
    look(dir);
    // What lies in the folders of the databases is behind their own modes.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        look(&entry.path());
    }
    match wrong.first() {
        None => Check::fine("permissions", format!("all of it is user {uid}'s alone")),
        Some(first) => {
            let more = match wrong.len() {
                1 => String::new(),
                many => format!(", and {} more", many - 1),
            };
            Check::new(
                "permissions",
                "warn",
                format!("{first}{more}"),
                "chown it to the user that runs the node, and chmod -R go= it",
            )
        }
    }
}

/// Builds a plane anew from what can be read of it: with a passphrase the private one.
///
/// # Errors
/// When the node runs, nothing can be read, or the disk refuses; the plane is then as it was.
pub(super) fn rebuild(
    dir: &Path,
    passphrase: Option<Passphrase>,
    clock: Clock,
    entropy: Entropy,
) -> Result<Rebuilt, Failure> {
    let node = NodeDir::open(dir).map_err(failure)?;
    let signed = node.checkpoint().read().ok().flatten();
    let signed = signed.and_then(|note| SignedCheckpoint::parse(note.as_bytes()).ok());
    let mut rebuilt = Rebuilt {
        signed: signed.as_ref().map_or(0, |signed| signed.checkpoint().size),
        ..Rebuilt::default()
    };
    let plane = if passphrase.is_some() {
        "private"
    } else {
        "public"
    };
    plane.clone_into(&mut rebuilt.plane);
    let fresh = dir.join(format!("{plane}.rebuilt"));
    if fresh.exists() {
        fs::remove_dir_all(&fresh)
            .map_err(|error| Failure::file("cannot be removed:", &fresh, &error))?;
    }
    match passphrase {
        None => {
            let own = signed
                .as_ref()
                .map(|signed| signed.checkpoint().origin.as_str());
            rebuild_public(&node, &fresh, own, entropy, &mut rebuilt)?;
            // What this node cosigned may be beyond what it holds now.
            let mark = RestoreMark {
                cause: Cause::Rebuilt(clock.today().to_string()),
                size: rebuilt.signed,
            };
            mark.write(dir).map_err(failure)?;
        }
        Some(passphrase) => rebuild_private(&node, &fresh, &passphrase, entropy, &mut rebuilt)?,
    }
    let aside = aside(dir, plane);
    let old = dir.join(plane);
    for (from, to) in [(&old, &aside), (&fresh, &old)] {
        if from.exists() {
            fs::rename(from, to)
                .map_err(|error| Failure::file("cannot be moved:", from, &error))?;
        }
    }
    crate::store::file::sync_dir(dir).map_err(failure)?;
    rebuilt.aside = aside.display().to_string();
    Ok(rebuilt)
}

fn aside(dir: &Path, plane: &str) -> PathBuf {
    let name = |n: u32| dir.join(format!("{plane}.damaged-{n}"));
    let free = (1..).map(name).find(|path| !path.exists());
    free.unwrap_or_else(|| name(0))
}

fn rebuild_public(
    node: &NodeDir,
    fresh: &Path,
    own: Option<&str>,
    entropy: Entropy,
    rebuilt: &mut Rebuilt,
) -> Result<(), Failure> {
    let to = PublicStore::open(fresh, entropy).map_err(failure)?;
    let from = match node.public(entropy) {
        Ok(from) => from,
        Err(error) => {
            rebuilt.lost.push(error.to_string());
            return Ok(());
        }
    };
    let salvaged = scrub::salvage_public(&from, &to)
        .map_err(|error| Failure::new("disk", error.to_string(), "check the disk"))?;
    rebuilt.rows = salvaged.rows;
    rebuilt.lost.extend(salvaged.lost);
    for (origin, kept, held) in salvaged.logs {
        if Some(origin.as_str()) == own {
            rebuilt.tree_size = kept;
        }
        rebuilt.logs.push(RebuiltLog { origin, kept, held });
    }
    Ok(())
}

fn rebuild_private(
    node: &NodeDir,
    fresh: &Path,
    passphrase: &Passphrase,
    entropy: Entropy,
    rebuilt: &mut Rebuilt,
) -> Result<(), Failure> {
    let key = node
        .unlock(passphrase.as_str().as_bytes())
        .map_err(failure)?;
    let key = key.ok_or_else(|| failure(crate::release::PlaneError::Relay))?;
    let salvaged = node
        .salvage_private(&key, fresh, entropy)
        .map_err(failure)?;
    rebuilt.rows = salvaged.rows;
    rebuilt.lost.extend(salvaged.lost);
    let store = crate::store::PrivateStore::open(fresh, &key, entropy).map_err(failure)?;
    // What was let out must stand in the ledger, or nothing more is.
    let ledger = Ledger(&store);
    for index in 0..rebuilt.signed {
        match ledger.entry(index) {
            Ok(Some(_)) => rebuilt.tree_size += 1,
            _ => rebuilt.lost.push(format!(
                "what stood behind leaf {index}: nothing more can be let out; restore the newest \
                 backup of the private plane"
            )),
        }
    }
    Ok(())
}
