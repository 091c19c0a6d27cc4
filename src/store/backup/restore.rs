//! Making a directory from a backup, or from two of one plane each: whole, or not at all.
//!
//! Everything is put together in `DIR/.restoring` and moved into place only once it was read to its
//! end; `format`, which makes the directory a node, comes last. A restore that a crash cut short is
//! no node, and the next one clears it away.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::frame::LogFrame;
use super::read::{Inspected, Target, walk};
use super::{BackupError, FILES, Manifest, Opener, PRIVATE_FILES};
use crate::log::SignedCheckpoint;
use crate::store::dir::{
    CHECKPOINT_FILE, FORMAT, FORMAT_FILE, LOCK_FILE, PRIVATE, PUBLIC, lock_file,
};
use crate::store::durable::{Batch, Durable};
use crate::store::replica::Growth;
use crate::store::{Entropy, Entry, PublicStore, Replica, ReplicaError, StoreError, file};

/// Where a directory is put together.
pub(in crate::store) const STAGE: &str = ".restoring";

/// The file that says a directory was restored.
pub(in crate::store) const MARK: &str = "restored";

const SETTINGS: &str = "counterfoil.toml";

/// Where settings are put that anybody may have written: they name a program to run, and whom
/// backups are sealed for.
pub const SETTINGS_ASIDE: &str = "counterfoil.toml.restored";

/// What goes into one batch.
const ROWS: usize = 512;
const BYTES: usize = 4 << 20;

/// What was put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// One for each file.
    pub files: Vec<Inspected>,
    /// Whether the settings were put aside, as [`SETTINGS_ASIDE`].
    pub is_aside: bool,
}

/// Makes the directory `dir` from backups.
///
/// # Errors
/// When the directory holds a node, or a backup cannot be opened or is damaged: then nothing is
/// left behind.
pub fn restore<R: Read>(
    backups: Vec<R>,
    opener: &Opener,
    dir: &Path,
    entropy: Entropy,
) -> Result<Restored, BackupError> {
    let stage = Stage::begin(dir)?;
    let mut files: Vec<Inspected> = Vec::new();
    for backup in backups {
        let mut target = IntoStage::new(&stage.path, &files, entropy);
        let found = walk(backup, opener, &mut target)?;
        target.finish()?;
        files.push(found);
    }
    let Some(first) = files.first() else {
        return Err(BackupError::NoBackup("none was named".to_owned()));
    };
    let size = files.iter().map(|file| file.tree_size.max(file.signed));
    let mark = RestoreMark {
        cause: Cause::Restored(first.manifest.date.clone()),
        size: size.max().unwrap_or(0),
    };
    mark.write(&stage.path)?;
    let settings = stage.path.join(SETTINGS);
    let is_aside = opener.trusts_anybody() && settings.exists();
    if is_aside {
        let aside = stage.path.join(SETTINGS_ASIDE);
        fs::rename(&settings, &aside)
            .map_err(|error| StoreError::io("put aside", &aside, error))?;
    }
    stage.put_in_place()?;
    Ok(Restored { files, is_aside })
}

/// What a directory says of itself, until peers have shown what was signed since, whose public plane
/// may be behind what the node signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreMark {
    /// How it came to that.
    pub cause: Cause,
    /// The leaves of the own log it knew of.
    pub size: u64,
}

/// How a public plane came to be behind what its node signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is that of a backup, of this day.
    Restored(String),
    /// It was built anew from what could be read, on this day.
    Rebuilt(String),
    /// The directory is a copy of another, or of what it was.
    Copied,
    /// The engine lost the newest of it; see [`PublicStore::has_lost`].
    FellBack,
}

/// What the mark says first where it does not name the day of a backup.
const REBUILT: &str = "rebuilt";
const FELL_BACK: &str = "fell-back";
const COPIED: &str = "copied";

impl RestoreMark {
    /// Reads the mark of a directory.
    ///
    /// # Errors
    /// When it cannot be read; one that cannot be understood still marks.
    pub fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = file::read_small(&dir.join(MARK), 256)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or("an unknown day").to_owned();
        let size = words.next().and_then(|size| size.parse().ok());
        let day = words.next().unwrap_or("an unknown day").to_owned();
        let cause = match first.as_str() {
            REBUILT => Cause::Rebuilt(day),
            FELL_BACK => Cause::FellBack,
            COPIED => Cause::Copied,
            _ => Cause::Restored(first),
        };
        Ok(Some(Self {
            cause,
            size: size.unwrap_or(0),
        }))
    }

    /// Marks a directory.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let size = self.size;
        let text = match &self.cause {
            Cause::Restored(day) => format!("{day} {size}\n"),
            Cause::Rebuilt(day) => format!("{REBUILT} {size} {day}\n"),
            Cause::FellBack => format!("{FELL_BACK} {size}\n"),
            Cause::Copied => format!("{COPIED} {size}\n"),
        };
        file::write_atomic(&dir.join(MARK), text.as_bytes())
    }

    /// Takes the mark away.
    ///
    /// # Errors
    /// When the disk refuses; the mark is then still there.
    pub fn remove(dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(MARK);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path, error))
            }
            _ => file::sync_dir(dir),
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Restored(day) => write!(f, "this node was restored from a backup of {day}"),
            Self::Rebuilt(day) => write!(f, "this node's public plane was built anew on {day}"),
            Self::Copied => f.write_str("this node's directory is a copy"),
            Self::FellBack => f.write_str(
                "this node's public plane has lost the newest of what it held, as its file was \
                 damaged",
            ),
        }
    }
}

/// Where a directory is put together; goes away when dropped.
struct Stage {
    dir: PathBuf,
    path: PathBuf,
    made_dir: bool,
    done: bool,
    _lock: File,
}

impl Stage {
    fn begin(dir: &Path) -> Result<Self, BackupError> {
        let occupied = |reason| BackupError::Occupied {
            dir: dir.to_owned(),
            reason,
        };
        if dir.join(FORMAT_FILE).exists() {
            let dir = dir.to_owned();
            return Err(StoreError::HoldsNode { dir }.into());
        }
        if dir.exists() && !dir.is_dir() {
            return Err(occupied("it is no directory"));
        }
        let path = dir.join(STAGE);
        let was_cut_short = path.exists();
        if !was_cut_short && names().any(|name| dir.join(name).exists()) {
            return Err(occupied("it holds parts of a node"));
        }
        let made_dir = !dir.exists();
        file::create_private_dir(dir)?;
        let had_lock = dir.join(LOCK_FILE).exists();
        let held = lock_file(dir).inspect_err(|_| {
            if made_dir && !had_lock {
                let _gone = fs::remove_dir_all(dir);
            }
        })?;
        let stage = Self {
            dir: dir.to_owned(),
            path,
            made_dir,
            done: false,
            _lock: held,
        };
        if was_cut_short {
            stage.clear(names())?;
        }
        file::create_private_dir(&stage.path)?;
        Ok(stage)
    }

    /// Moves everything into its place.
    fn put_in_place(mut self) -> Result<(), BackupError> {
        let format = self.path.join(FORMAT_FILE);
        file::write_atomic(&format, format!("{FORMAT}\n").as_bytes())?;
        file::sync_dir(&self.path)?;
        let moved = names().chain([FORMAT_FILE]).try_for_each(|name| {
            let from = self.path.join(name);
            if !from.exists() {
                return Ok(());
            }
            let to = self.dir.join(name);
            if name == FORMAT_FILE {
                // What was moved is on the disk before it counts.
                file::sync_dir(&self.dir)?;
            }
            fs::rename(&from, &to).map_err(|error| StoreError::io("put in place", &to, error))
        });
        if moved.is_err() {
            // The first failure is the one to report.
            let _cleared = self.clear(names().chain([FORMAT_FILE]));
        }
        moved?;
        file::sync_dir(&self.dir)?;
        self.done = true;
        // An empty folder; left behind, it hurts nobody.
        let _left = fs::remove_dir(&self.path);
        if self.made_dir
            && let Some(parent) = self.dir.parent().filter(|dir| !dir.as_os_str().is_empty())
        {
            file::sync_dir(parent)?;
        }
        Ok(())
    }

    fn clear<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
        for path in names
            .map(|name| self.dir.join(name))
            .chain([self.path.clone()])
        {
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::io("remove", &path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // What cannot be removed is no node, and the next restore tries again.
        let _left = fs::remove_dir_all(&self.path);
        let _left = fs::remove_file(self.dir.join(LOCK_FILE));
        if self.made_dir {
            let _left = fs::remove_dir(&self.dir);
        }
    }
}

/// Everything a restored directory consists of, but for what makes it a node.
fn names() -> impl Iterator<Item = &'static str> {
    let files = FILES.iter().chain(PRIVATE_FILES).copied();
    files.chain([PUBLIC, PRIVATE, MARK, SETTINGS_ASIDE])
}

/// Puts what is read into a stage.
struct IntoStage<'a> {
    stage: &'a Path,
    before: &'a [Inspected],
    entropy: Entropy,
    public: Option<PublicStore>,
    entries: Vec<Entry>,
    bytes: usize,
    private: Option<Durable>,
    batch: Batch,
}

impl<'a> IntoStage<'a> {
    fn new(stage: &'a Path, before: &'a [Inspected], entropy: Entropy) -> Self {
        Self {
            stage,
            before,
            entropy,
            public: None,
            entries: Vec::new(),
            bytes: 0,
            private: None,
            batch: Batch::new(),
        }
    }

    fn store(&self) -> Result<&PublicStore, BackupError> {
        let stray = || BackupError::damaged("it holds a plane it does not name");
        self.public.as_ref().ok_or_else(stray)
    }

    /// Appends the leaves that wait, with the log's heads where they are the last.
    fn flush(&mut self, log: &LogFrame, is_last: bool) -> Result<(), BackupError> {
        let entries = std::mem::take(&mut self.entries);
        self.bytes = 0;
        let store = self.store()?;
        let mut growth: Growth<'_> = Replica::new(store, &log.origin).grow().map_err(grown)?;
        for entry in entries {
            growth.push(entry).map_err(grown)?;
        }
        let (head, pending) = match is_last {
            true => (log.head.clone(), log.pending.clone()),
            false => (None, None),
        };
        growth.store(head, pending)?;
        Ok(())
    }

    fn finish(self) -> Result<(), BackupError> {
        if let Some(public) = &self.public {
            public.commit()?;
        }
        if let Some(private) = &self.private {
            private.apply(self.batch)?;
        }
        Ok(())
    }
}

fn grown(error: ReplicaError) -> BackupError {
    match error {
        ReplicaError::Store(error) => error.into(),
        damaged @ ReplicaError::Damaged { .. } => BackupError::damaged(damaged.to_string()),
    }
}

impl Target for IntoStage<'_> {
    fn manifest(&mut self, manifest: &Manifest) -> Result<(), BackupError> {
        for before in self.before.iter().map(|file| &file.manifest) {
            if before.member != manifest.member {
                let (one, other) = (&before.member, &manifest.member);
                return Err(BackupError::Mixed(format!(
                    "one is of {one}, one of {other}"
                )));
            }
            if (before.public && manifest.public) || (before.private && manifest.private) {
                return Err(BackupError::Mixed("both hold the same plane".to_owned()));
            }
        }
        if manifest.public {
            self.public = Some(PublicStore::open(&self.stage.join(PUBLIC), self.entropy)?);
        }
        if manifest.private {
            self.private = Some(Durable::open(&self.stage.join(PRIVATE), "")?);
        }
        Ok(())
    }

    fn file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), BackupError> {
        let path = self.stage.join(name);
        let held = file::read_small(&path, super::MAX_FILE)?;
        let newer = match (&held, name) {
            (None, _) => true,
            // Of two checkpoints, the one that says more was signed.
            (Some(held), CHECKPOINT_FILE) => size_of(held)? < size_of(&bytes)?,
            // Another card or key would be another node's.
            (Some(held), "card" | "witness.key" | "relay.keys") if *held != bytes => {
                return Err(BackupError::Mixed(format!("each has another {name}")));
            }
            (Some(_), _) => false,
        };
        if newer {
            file::write_atomic(&path, &bytes)?;
        }
        Ok(())
    }

    fn setting(&mut self, name: &str, value: &[u8]) -> Result<(), BackupError> {
        Ok(self.store()?.meta_put(name, value)?)
    }

    fn charter(&mut self, version: u64, document: &[u8]) -> Result<(), BackupError> {
        self.store()?.put_charter(version, document)?;
        Ok(())
    }

    fn conflict(&mut self, version: u64, document: &[u8]) -> Result<(), BackupError> {
        self.store()?.put_conflict(version, document)?;
        Ok(())
    }

    fn leaf(&mut self, log: &LogFrame, entry: Entry) -> Result<(), BackupError> {
        self.bytes += entry.leaf.len() + 64;
        if let crate::store::Payload::Here(here) = &entry.payload {
            self.bytes += here.payload.len();
        }
        self.entries.push(entry);
        if self.entries.len() >= ROWS || self.bytes >= BYTES {
            self.flush(log, false)?;
        }
        Ok(())
    }

    fn log(&mut self, log: &LogFrame) -> Result<(), BackupError> {
        self.flush(log, true)?;
        if let Some(evidence) = &log.evidence {
            self.store()?.freeze(&log.origin, evidence)?;
        }
        Ok(())
    }

    fn row(&mut self, sequence: u64, sealed: Vec<u8>) -> Result<(), BackupError> {
        self.batch.insert(sequence.to_be_bytes().to_vec(), sealed);
        if self.batch.len() >= ROWS || self.batch.bytes() >= BYTES {
            let stray = || BackupError::damaged("it holds a plane it does not name");
            let private = self.private.as_ref().ok_or_else(stray)?;
            private.write(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}

fn size_of(checkpoint: &[u8]) -> Result<u64, BackupError> {
    Ok(SignedCheckpoint::parse(checkpoint)?.checkpoint().size)
}
