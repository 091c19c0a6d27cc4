//! Reading a backup: every leaf is hashed, every payload held against its leaf, and every root
//! against the checkpoint that signs it, whatever becomes of what is read.

use std::io::Read;

use super::frame::{Frame, Frames, LogFrame};
use super::{BackupError, FILES, Manifest, Opener, PRIVATE_FILES};
use crate::log::tree::Frontier;
use crate::log::{Hash, Leaf, SignedCheckpoint, commitment, leaf_hash};
use crate::store::dir::{CHECKPOINT_FILE, FORMAT};
use crate::store::public::export;
use crate::store::{Entry, Payload};

/// What was found in a backup that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is a backup of.
    pub manifest: Manifest,
    /// Leaves of the node's own log.
    pub tree_size: u64,
    /// The root hash over them; none where there is no such log in it.
    pub root_hash: Option<String>,
    /// Leaves of all logs, each hashed.
    pub leaves: u64,
    /// Payloads, each held against its leaf.
    pub payloads: u64,
    /// Rows of the private plane.
    pub rows: u64,
    /// How many leaves the node had signed.
    pub signed: u64,
}

/// Where what is read goes.
pub(super) trait Target {
    fn manifest(&mut self, _manifest: &Manifest) -> Result<(), BackupError> {
        Ok(())
    }
    fn file(&mut self, _name: &str, _bytes: Vec<u8>) -> Result<(), BackupError> {
        Ok(())
    }
    fn setting(&mut self, _name: &str, _value: &[u8]) -> Result<(), BackupError> {
        Ok(())
    }
    fn charter(&mut self, _version: u64, _document: &[u8]) -> Result<(), BackupError> {
        Ok(())
    }
    fn conflict(&mut self, _version: u64, _document: &[u8]) -> Result<(), BackupError> {
        Ok(())
    }
    fn leaf(&mut self, _log: &LogFrame, _entry: Entry) -> Result<(), BackupError> {
        Ok(())
    }
    /// All leaves of a log were handed over, and its roots hold.
    fn log(&mut self, _log: &LogFrame) -> Result<(), BackupError> {
        Ok(())
    }
    fn row(&mut self, _sequence: u64, _sealed: Vec<u8>) -> Result<(), BackupError> {
        Ok(())
    }
}

/// Nothing is kept.
struct Nowhere;

impl Target for Nowhere {}

/// Reads a backup to its end and says what is in it.
///
/// # Errors
/// When it cannot be opened, or anything in it is not what it should be.
pub fn inspect(from: impl Read, opener: &Opener) -> Result<Inspected, BackupError> {
    walk(from, opener, &mut Nowhere)
}

/// Reads a backup to its end into a target.
pub(super) fn walk(
    from: impl Read,
    opener: &Opener,
    target: &mut impl Target,
) -> Result<Inspected, BackupError> {
    let mut frames = Frames::begin(opener.open(from)?)?;
    let Some(Frame::Manifest(manifest)) = frames.next()? else {
        return Err(BackupError::damaged("it does not say what it is of"));
    };
    if manifest.format > FORMAT {
        return Err(BackupError::Newer {
            found: manifest.format,
            version: manifest.version,
            known: FORMAT,
        });
    }
    target.manifest(&manifest)?;
    let mut walk = Walk {
        files: Vec::new(),
        log: None,
        signed: None,
        last_row: None,
        found: Inspected {
            manifest,
            tree_size: 0,
            root_hash: None,
            leaves: 0,
            payloads: 0,
            rows: 0,
            signed: 0,
        },
    };
    while let Some(frame) = frames.next()? {
        walk.take(frame, target)?;
    }
    Ok(walk.found)
}

/// How far the reading has come.
struct Walk {
    files: Vec<String>,
    log: Option<OpenLog>,
    /// The last checkpoint the node signed.
    signed: Option<SignedCheckpoint>,
    last_row: Option<u64>,
    found: Inspected,
}

/// A log whose leaves are being read.
struct OpenLog {
    frame: LogFrame,
    frontier: Frontier,
    /// What must be the root at which size, and who says so.
    roots: Vec<(u64, Hash)>,
}

impl Walk {
    fn take(&mut self, frame: Frame, target: &mut impl Target) -> Result<(), BackupError> {
        if !matches!(frame, Frame::Leaf(_)) {
            self.end_log(target)?;
        }
        match frame {
            Frame::Manifest(_) => Err(BackupError::damaged("it says twice what it is of")),
            Frame::File { name, bytes } => self.file(&name, bytes, target),
            Frame::Setting { name, value } => target.setting(&name, &value),
            Frame::Charter { version, document } => target.charter(version, &document),
            Frame::Conflict { version, document } => target.conflict(version, &document),
            Frame::Log(log) => self.begin_log(log),
            Frame::Leaf(packed) => self.leaf(packed, target),
            Frame::Row { sequence, sealed } => self.row(sequence, sealed, target),
            Frame::End { leaves, rows } => {
                if (leaves, rows) != (self.found.leaves, self.found.rows) {
                    return Err(BackupError::damaged("not all that was written is there"));
                }
                Ok(())
            }
        }
    }

    fn file(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        target: &mut impl Target,
    ) -> Result<(), BackupError> {
        let is_known = FILES.contains(&name) || PRIVATE_FILES.contains(&name);
        if !is_known || self.files.iter().any(|seen| seen == name) {
            return Err(BackupError::damaged("a file in it belongs to no node"));
        }
        if name == CHECKPOINT_FILE {
            let signed = SignedCheckpoint::parse(&bytes)?;
            self.found.signed = signed.checkpoint().size;
            self.signed = Some(signed);
        }
        self.files.push(name.to_owned());
        target.file(name, bytes)
    }

    fn begin_log(&mut self, frame: LogFrame) -> Result<(), BackupError> {
        let mut roots = Vec::new();
        if let Some(head) = &frame.head {
            let signed = SignedCheckpoint::parse(head.note.as_bytes())?;
            let signed = signed.checkpoint();
            let fits = signed.origin.as_str() == frame.origin && signed.size == head.size;
            if !fits || head.size > frame.size {
                return Err(not_the_log(&frame.origin));
            }
            roots.push((signed.size, signed.root));
        }
        let is_own = self.found.manifest.own_log.as_ref() == Some(&frame.origin);
        if let Some(signed) = self.signed.as_ref().filter(|_| is_own) {
            roots.push((signed.checkpoint().size, signed.checkpoint().root));
        }
        let mut log = OpenLog {
            frame,
            frontier: Frontier::new(),
            roots,
        };
        log.check_root()?;
        self.log = Some(log);
        Ok(())
    }

    fn leaf(&mut self, packed: Vec<u8>, target: &mut impl Target) -> Result<(), BackupError> {
        let stray = || BackupError::damaged("a leaf belongs to no log");
        let log = self.log.as_mut().ok_or_else(stray)?;
        let index = log.frontier.size();
        let entry = export::unpack(packed).filter(|_| index < log.frame.size);
        let entry = entry.ok_or_else(stray)?;
        if let Payload::Here(here) = &entry.payload {
            let holds = matches!(
                Leaf::parse(&entry.leaf),
                Ok(Leaf::Summary { commit, .. }) if commit == commitment(&here.salt, &here.payload)
            );
            if !holds {
                let origin = &log.frame.origin;
                let what = format!("payload {index} of {origin} is not what its leaf commits to");
                return Err(BackupError::damaged(what));
            }
            self.found.payloads += 1;
        }
        log.frontier.push(leaf_hash(&entry.leaf));
        log.check_root()?;
        self.found.leaves += 1;
        target.leaf(&log.frame, entry)
    }

    fn end_log(&mut self, target: &mut impl Target) -> Result<(), BackupError> {
        let Some(log) = self.log.take() else {
            return Ok(());
        };
        if log.frontier.size() != log.frame.size {
            return Err(not_the_log(&log.frame.origin));
        }
        if self.found.manifest.own_log.as_ref() == Some(&log.frame.origin) {
            self.found.tree_size = log.frame.size;
            self.found.root_hash = Some(log.frontier.root().to_string());
        }
        target.log(&log.frame)
    }

    fn row(
        &mut self,
        sequence: u64,
        sealed: Vec<u8>,
        target: &mut impl Target,
    ) -> Result<(), BackupError> {
        let follows = self.last_row.is_none_or(|last| last < sequence);
        if !follows || !self.found.manifest.private {
            return Err(BackupError::damaged("a sealed row is out of place"));
        }
        self.last_row = Some(sequence);
        self.found.rows += 1;
        target.row(sequence, sealed)
    }
}

impl OpenLog {
    /// Holds the root of what was read so far against what was signed at this size.
    fn check_root(&mut self) -> Result<(), BackupError> {
        let size = self.frontier.size();
        let differs = |(at, root): &(u64, Hash)| *at == size && *root != self.frontier.root();
        match self.roots.iter().any(differs) {
            true => Err(not_the_log(&self.frame.origin)),
            false => Ok(()),
        }
    }
}

fn not_the_log(origin: &str) -> BackupError {
    BackupError::damaged(format!("the leaves of {origin} are not what was signed"))
}
