//! Writing a backup: the node at one moment, while it goes on running.
//!
//! Only [`Moment::take`] needs the node to hold still, and it is short: it copies the sealed rows,
//! which are small, and notes how far each log reaches. Leaves below that never change, so they are
//! read afterwards; a payload that arrives or is erased meanwhile is taken as it is then.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::path::Path;

use super::frame::{self, Frame, LogFrame};
use super::{BackupError, FILES, MAX_FILE, Manifest, PRIVATE_FILES, Recipients};
use crate::log::SignedCheckpoint;
use crate::store::dir::{CHECKPOINT_FILE, FORMAT};
use crate::store::public::export;
use crate::store::{LogState, PrivateStore, PublicStore, StoreError, file};

/// Sealed rows up to so many bytes are held in memory until they are written.
const IN_MEMORY: u64 = 8 << 20;

/// What is handed on at once.
const BUFFER: usize = 256 << 10;

/// What a backup is taken of.
#[derive(Debug)]
pub struct Source<'a> {
    /// The node's directory.
    pub dir: &'a Path,
    /// Its public plane, if that is to be in it.
    pub public: Option<&'a PublicStore>,
    /// Its private plane, open, if that is to be in it.
    pub private: Option<&'a PrivateStore>,
    /// Its member.
    pub member: &'a str,
    /// The name of its own log.
    pub own_log: Option<&'a str>,
    /// Today.
    pub date: String,
}

/// A node as it was at one moment.
pub struct Moment {
    manifest: Manifest,
    files: Vec<(&'static str, Vec<u8>)>,
    logs: Vec<LogState>,
    rows: Option<Spool>,
    /// Leaves the node had signed.
    signed: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What it is a backup of.
    pub manifest: Manifest,
    /// Leaves of the node's own log.
    pub tree_size: u64,
    /// The root hash its newest checkpoint signs; none before the first.
    pub root_hash: Option<String>,
    /// Leaves of all logs.
    pub leaves: u64,
    /// Rows of the private plane.
    pub rows: u64,
}

impl Moment {
    /// Takes in how the node is now. The caller sees to it that nothing is let out meanwhile.
    ///
    /// # Errors
    /// When a part of it cannot be read, or there is no room for the copy.
    pub fn take(source: &Source<'_>) -> Result<Self, BackupError> {
        // Read first, so that the log is never behind the checkpoint beside it.
        let names = FILES.iter();
        let names = names.chain(PRIVATE_FILES.iter().filter(|_| source.private.is_some()));
        let mut files = Vec::new();
        for name in names {
            if let Some(bytes) = file::read_small(&source.dir.join(name), MAX_FILE)? {
                files.push((*name, bytes));
            }
        }
        let logs = source.public.map(PublicStore::logs_at_once).transpose()?;
        let rows = source.private.map(|store| Spool::of(source.dir, store));
        Ok(Self {
            manifest: Manifest {
                format: FORMAT,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                member: source.member.to_owned(),
                own_log: source.own_log.map(str::to_owned),
                date: source.date.clone(),
                public: source.public.is_some(),
                private: source.private.is_some(),
            },
            signed: signed_size(&files),
            files,
            logs: logs.unwrap_or_default(),
            rows: rows.transpose()?,
        })
    }

    /// Writes it, sealed. The file is whole only if this returns well.
    ///
    /// # Errors
    /// When something cannot be read, or `out` cannot be written.
    pub fn write(
        mut self,
        public: Option<&PublicStore>,
        to: &Recipients,
        out: impl Write,
    ) -> Result<Taken, BackupError> {
        let sealed = to.seal(BufWriter::with_capacity(BUFFER, out))?;
        let mut out = BufWriter::with_capacity(64 << 10, sealed);
        let put =
            |out: &mut _, frame: Frame| frame::write(out, &frame).map_err(BackupError::writing);
        frame::begin(&mut out).map_err(BackupError::writing)?;
        put(&mut out, Frame::Manifest(self.manifest.clone()))?;
        for (name, bytes) in self.files.drain(..) {
            let name = name.to_owned();
            put(&mut out, Frame::File { name, bytes })?;
        }
        let mut leaves = 0;
        if let Some(store) = public {
            write_documents(&mut out, store)?;
            for log in &self.logs {
                leaves += log.size;
                write_log(&mut out, store, log)?;
            }
        }
        let rows = self.rows.take().map(|rows| rows.copy_to(&mut out));
        let rows = rows.transpose()?.unwrap_or(0);
        put(&mut out, Frame::End { leaves, rows })?;
        let sealed = out
            .into_inner()
            .map_err(|error| BackupError::writing(error.into_error()))?;
        let mut out = sealed.finish().map_err(BackupError::writing)?;
        out.flush().map_err(BackupError::writing)?;
        let (tree_size, root_hash) = self.own_head();
        Ok(Taken {
            manifest: self.manifest,
            tree_size,
            root_hash,
            leaves,
            rows,
        })
    }

    #[cfg(test)]
    pub(super) fn as_if_written_by(&mut self, format: u32, version: &str) {
        self.manifest.format = format;
        version.clone_into(&mut self.manifest.version);
    }

    fn own_head(&self) -> (u64, Option<String>) {
        let own = self.manifest.own_log.as_deref();
        let own = self
            .logs
            .iter()
            .find(|log| Some(log.origin.as_str()) == own);
        let head = own.and_then(|own| own.head.as_ref());
        let signed = head.and_then(|head| SignedCheckpoint::parse(head.note.as_bytes()).ok());
        let root = signed.map(|signed| signed.checkpoint().root.to_string());
        // Where the public plane is left out, the checkpoint still says how far the log had come.
        let signed = self.signed;
        (own.map_or(signed, |own| own.size), root)
    }
}

fn signed_size(files: &[(&str, Vec<u8>)]) -> u64 {
    let checkpoint = files.iter().find(|(name, _)| *name == CHECKPOINT_FILE);
    let signed = checkpoint.and_then(|(_, note)| SignedCheckpoint::parse(note).ok());
    signed.map_or(0, |signed| signed.checkpoint().size)
}

fn write_documents(out: &mut impl Write, store: &PublicStore) -> Result<(), BackupError> {
    let mut put = |frame| frame::write(out, &frame).map_err(BackupError::writing);
    for (name, value) in store.settings()? {
        put(Frame::Setting { name, value })?;
    }
    for charter in store.charters() {
        let (version, document) = charter?;
        put(Frame::Charter { version, document })?;
    }
    for (version, document) in store.conflicts(None)? {
        put(Frame::Conflict { version, document })?;
    }
    Ok(())
}

fn write_log(out: &mut impl Write, store: &PublicStore, log: &LogState) -> Result<(), BackupError> {
    let frame = Frame::Log(LogFrame {
        origin: log.origin.clone(),
        size: log.size,
        head: log.head.clone(),
        pending: log.pending.clone(),
        evidence: store.frozen(&log.origin)?,
    });
    frame::write(out, &frame).map_err(BackupError::writing)?;
    for entry in store.entries(&log.origin, 0..log.size)? {
        let (_, entry) = entry?;
        let leaf = Frame::Leaf(export::pack(&entry)?);
        frame::write(out, &leaf).map_err(BackupError::writing)?;
    }
    Ok(())
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Among the files are keys.
        f.debug_struct("Moment")
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}

/// The rows of the private plane, copied aside: sealed, as they lie in the database.
#[derive(Debug)]
struct Spool {
    rows: u64,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Memory(Vec<u8>),
    /// A file that no folder names any more: it goes with the handle, however the process ends.
    File(File),
}

impl Spool {
    fn of(dir: &Path, store: &PrivateStore) -> Result<Self, BackupError> {
        let bytes = store.size_on_disk()?;
        if bytes <= IN_MEMORY {
            let mut copy = Vec::new();
            let rows = copy_rows(store, &mut copy)?;
            let held = Held::Memory(copy);
            return Ok(Self { rows, held });
        }
        store.check_space(bytes)?;
        let path = dir.join(format!(".backup.{}", std::process::id()));
        let opened = file::create_private(&path);
        let copy = opened.map_err(|error| StoreError::io("open", &path, error))?;
        std::fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        copy.set_len(0).map_err(BackupError::writing)?;
        let mut out = BufWriter::with_capacity(BUFFER, &copy);
        let rows = copy_rows(store, &mut out)?;
        out.flush().map_err(BackupError::writing)?;
        drop(out);
        let held = Held::File(copy);
        Ok(Self { rows, held })
    }

    /// Copies the rows to where they belong; returns how many there are.
    fn copy_to(self, out: &mut impl Write) -> Result<u64, BackupError> {
        let copied = match self.held {
            Held::Memory(bytes) => out.write_all(&bytes),
            Held::File(mut file) => {
                file.rewind().map_err(BackupError::reading)?;
                copy(BufReader::with_capacity(BUFFER, file), out)
            }
        };
        copied.map_err(BackupError::writing)?;
        Ok(self.rows)
    }
}

fn copy(mut from: impl Read, out: &mut impl Write) -> io::Result<()> {
    io::copy(&mut from, out).map(drop)
}

fn copy_rows(store: &PrivateStore, out: &mut impl Write) -> Result<u64, BackupError> {
    let mut rows = 0;
    let mut failed = None;
    store.rows_at_once(|sequence, sealed| {
        let frame = Frame::Row { sequence, sealed };
        match frame::write(out, &frame) {
            Ok(()) => rows += 1,
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    match failed {
        None => Ok(rows),
        Some(error) => Err(BackupError::writing(error)),
    }
}
