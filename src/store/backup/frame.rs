//! What is inside a backup: a first line, then one frame after the other, the last of which says
//! how many there were.
//!
//! ```text
//! counterfoil/backup/v1 LF
//! kind[1] ‖ length[4] ‖ body      manifest, files, settings, charters, logs with their leaves,
//! …                               sealed rows, end
//! ```

use std::io::{self, Read, Write};

use super::{BackupError, Manifest};
use crate::store::Head;
use crate::store::codec::{Reader, Writer};

const FIRST_LINE: &[u8] = b"counterfoil/backup/v1\n";

/// Longest body: the longest value the store keeps, and its key.
const MAX_BODY: usize = 17 << 20;

const MANIFEST: u8 = 1;
const FILE: u8 = 2;
const SETTING: u8 = 3;
const CHARTER: u8 = 4;
const CONFLICT: u8 = 5;
const LOG: u8 = 6;
const LEAF: u8 = 7;
const ROW: u8 = 8;
const END: u8 = 9;

/// One frame.
pub(super) enum Frame {
    /// What it is a backup of; always the first.
    Manifest(Manifest),
    /// A file beside the databases.
    File { name: String, bytes: Vec<u8> },
    /// A small setting of the public plane.
    Setting { name: String, value: Vec<u8> },
    /// A version of the charter.
    Charter { version: u64, document: Vec<u8> },
    /// A version that contradicts another.
    Conflict { version: u64, document: Vec<u8> },
    /// A log, whose leaves follow.
    Log(LogFrame),
    /// The next leaf of the log before, as the store packs it.
    Leaf(Vec<u8>),
    /// A row of the private plane, sealed.
    Row { sequence: u64, sealed: Vec<u8> },
    /// The end: how many leaves and rows there were.
    End { leaves: u64, rows: u64 },
}

/// A log without its leaves.
#[derive(Debug)]
pub(super) struct LogFrame {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) head: Option<Head>,
    pub(super) pending: Option<Head>,
    /// Why it is frozen, if it is.
    pub(super) evidence: Option<Vec<u8>>,
}

/// Writes the first line.
pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    out.write_all(FIRST_LINE)
}

/// Writes one frame.
pub(super) fn write(out: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let to = Writer::default();
    let (kind, body) = match frame {
        Frame::Manifest(manifest) => (MANIFEST, serde_json::to_vec(manifest)?),
        Frame::File { name, bytes } => (FILE, to.bytes(name.as_bytes()).raw(bytes).finish()),
        Frame::Setting { name, value } => (SETTING, to.bytes(name.as_bytes()).raw(value).finish()),
        Frame::Charter { version, document } => (CHARTER, to.u64(*version).raw(document).finish()),
        Frame::Conflict { version, document } => {
            (CONFLICT, to.u64(*version).raw(document).finish())
        }
        Frame::Log(log) => (LOG, log.encode()),
        Frame::Leaf(entry) => return write_body(out, LEAF, &[&entry[..]]),
        Frame::Row { sequence, sealed } => {
            return write_body(out, ROW, &[&sequence.to_be_bytes()[..], &sealed[..]]);
        }
        Frame::End { leaves, rows } => (END, to.u64(*leaves).u64(*rows).finish()),
    };
    write_body(out, kind, &[&body[..]])
}

fn write_body(out: &mut impl Write, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_be_bytes())?;
    parts.iter().try_for_each(|part| out.write_all(part))
}

impl LogFrame {
    fn encode(&self) -> Vec<u8> {
        let head = |to: Writer, head: &Option<Head>| match head {
            None => to.u8(0),
            Some(head) => to.u8(1).u64(head.size).bytes(head.note.as_bytes()),
        };
        let to = Writer::default()
            .bytes(self.origin.as_bytes())
            .u64(self.size);
        let to = head(head(to, &self.head), &self.pending);
        match &self.evidence {
            None => to.u8(0).finish(),
            Some(evidence) => to.u8(1).raw(evidence).finish(),
        }
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let head = |from: &mut Reader<'_>| -> Option<Option<Head>> {
            match from.u8()? {
                0 => Some(None),
                1 => {
                    let size = from.u64()?;
                    let note = from.text()?;
                    Some(Some(Head { note, size }))
                }
                _ => None,
            }
        };
        let mut from = Reader::new(body);
        Some(Self {
            origin: from.text()?,
            size: from.u64()?,
            head: head(&mut from)?,
            pending: head(&mut from)?,
            evidence: match from.u8()? {
                0 => from.end(None)?,
                1 => Some(from.rest().to_vec()),
                _ => return None,
            },
        })
    }
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Frames<R> {
    from: R,
    ended: bool,
}

impl<R: Read> Frames<R> {
    /// Reads the first line.
    pub(super) fn begin(mut from: R) -> Result<Self, BackupError> {
        let mut line = [0; FIRST_LINE.len()];
        from.read_exact(&mut line).map_err(BackupError::reading)?;
        if line != FIRST_LINE {
            let what = "what is inside does not begin with counterfoil/backup/v1";
            return Err(BackupError::NoBackup(what.to_owned()));
        }
        Ok(Self { from, ended: false })
    }

    /// Reads the next frame; `None` once the end was read, and nothing came after it.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, BackupError> {
        if self.ended {
            // The last piece is authenticated as the last only when it is read to its end.
            let rest = self.from.read(&mut [0]).map_err(BackupError::reading)?;
            return match rest {
                0 => Ok(None),
                _ => Err(BackupError::damaged("something follows its end")),
            };
        }
        let mut head = [0; 5];
        self.read(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_BODY {
            return Err(BackupError::damaged("a frame is longer than any may be"));
        }
        let mut body = vec![0; length];
        self.read(&mut body)?;
        let frame = decode(head[0], body);
        let frame = frame.ok_or_else(|| BackupError::damaged("a frame is none"))?;
        self.ended = matches!(frame, Frame::End { .. });
        Ok(Some(frame))
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        self.from.read_exact(into).map_err(BackupError::reading)
    }
}

fn decode(kind: u8, mut body: Vec<u8>) -> Option<Frame> {
    let mut from = Reader::new(&body);
    Some(match kind {
        MANIFEST => Frame::Manifest(serde_json::from_slice(&body).ok()?),
        FILE => Frame::File {
            name: from.text()?,
            bytes: from.rest().to_vec(),
        },
        SETTING => Frame::Setting {
            name: from.text()?,
            value: from.rest().to_vec(),
        },
        CHARTER => Frame::Charter {
            version: from.u64()?,
            document: from.rest().to_vec(),
        },
        CONFLICT => Frame::Conflict {
            version: from.u64()?,
            document: from.rest().to_vec(),
        },
        LOG => Frame::Log(LogFrame::decode(&body)?),
        LEAF => Frame::Leaf(body),
        ROW => {
            let sequence = from.u64()?;
            body.drain(..8);
            Frame::Row {
                sequence,
                sealed: body,
            }
        }
        END => {
            let (leaves, rows) = (from.u64()?, from.u64()?);
            from.end(Frame::End { leaves, rows })?
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(origin: String, size: u64, note: Option<String>, evidence: Option<Vec<u8>>) -> LogFrame {
        let head = note.map(|note| Head { note, size });
        LogFrame {
            origin,
            size,
            pending: head.clone(),
            head,
            evidence,
        }
    }

    proptest::proptest! {
        #[test]
        fn a_log_is_read_as_it_was_written(origin: String, size: u64, note: Option<String>, evidence: Option<Vec<u8>>) {
            let log = log(origin, size, note, evidence);
            let read = LogFrame::decode(&log.encode()).expect("a log");
            assert_eq!(format!("{read:?}"), format!("{log:?}"));
        }

        #[test]
        fn arbitrary_frames_are_read_or_refused(kind: u8, body: Vec<u8>) {
            let mut bytes = FIRST_LINE.to_vec();
            write_body(&mut bytes, kind, &[&body[..]]).expect("written to memory");
            let mut frames = Frames::begin(&bytes[..]).expect("a first line");
            let _read_or_refused = frames.next();
        }
    }
}
