//! The ZIP archive a spreadsheet is, measured before anything in it is believed.

use std::io::{Cursor, Read};

use memchr::memmem;
use zip::ZipArchive;

use super::SheetError;

/// Most bytes of one part of a spreadsheet, unpacked.
pub(super) const MAX_PART: u64 = 512 << 20;
/// Most bytes of all parts together, unpacked.
const MAX_ALL: u64 = 768 << 20;
/// Most bytes of a part that is held in memory: shared strings, styles, names.
const MAX_HELD: u64 = 96 << 20;
/// Most parts.
const MAX_PARTS: usize = 10_000;
/// Longest stretch of a part without a tag, hence the longest text.
const MAX_STRETCH: usize = 16 << 20;
/// How often a part larger than [`FREE`] may fit into the archive: no real sheet shrinks more.
const MAX_RATIO: u64 = 250;
/// Bytes below which nobody minds how well a part was packed.
const FREE: u64 = 32 << 20;

pub(super) type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// An archive whose parts have been unpacked once, into nothing, and are as large as they say.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    pub(super) archive: Archive<'a>,
    /// The names of its parts.
    pub(super) names: Vec<String>,
    /// Whether any sheet has merged cells.
    pub(super) has_merges: bool,
}

/// Opens an archive and measures it.
pub(super) fn measure(file: &[u8]) -> Result<Measured<'_>, SheetError> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| damaged(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(SheetError::Bomb {
            part: format!("{} parts", archive.len()),
        });
    }
    declared(&mut archive)?;
    let (mut names, mut has_merges) = (Vec::new(), false);
    let mut all = 0;
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(|error| damaged(&error))?;
        let name = part.name().map_err(|error| damaged(&error))?.into_owned();
        names.push(name.clone());
        let room = limit(&name).min(MAX_ALL - all);
        let mut seen = Seen::new(name);
        seen.unpack(&mut part, room)?;
        all += seen.bytes;
        has_merges |= seen.has_merges;
    }
    Ok(Measured {
        archive,
        names,
        has_merges,
    })
}

/// Refuses by what the archive says of itself, before a byte is unpacked.
fn declared(archive: &mut Archive<'_>) -> Result<(), SheetError> {
    let mut all = 0_u64;
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(|error| damaged(&error))?;
        let name = part.name().map_err(|error| damaged(&error))?;
        let (size, packed) = (part.size(), part.compressed_size());
        all = all.saturating_add(size);
        let is_dense = size > FREE && size / MAX_RATIO > packed;
        if size > limit(&name) || is_dense || all > MAX_ALL {
            return Err(SheetError::Bomb { part: shown(&name) });
        }
    }
    Ok(())
}

/// Returns how large a part may be: sheets are read as a stream, the rest is held.
fn limit(name: &str) -> u64 {
    let is_sheet = name.contains("worksheets/") || name == "content.xml";
    if is_sheet { MAX_PART } else { MAX_HELD }
}

/// What has been seen of one part.
struct Seen {
    name: String,
    bytes: u64,
    /// Bytes since the last tag.
    stretch: usize,
    has_merges: bool,
}

/// Bytes looked at together, and how many of them are looked at again with the next.
const PIECE: usize = 64 << 10;
const AGAIN: usize = 64;

impl Seen {
    const fn new(name: String) -> Self {
        Self {
            name,
            bytes: 0,
            stretch: 0,
            has_merges: false,
        }
    }

    fn unpack(&mut self, part: &mut impl Read, room: u64) -> Result<(), SheetError> {
        let mut piece = vec![0; AGAIN + PIECE];
        let mut kept = 0;
        loop {
            let read = part
                .read(&mut piece[kept..])
                .map_err(|error| SheetError::Damaged {
                    line: 0,
                    detail: format!("{}: {error}", shown(&self.name)),
                })?;
            if read == 0 {
                return Ok(());
            }
            self.bytes += read as u64;
            if self.bytes > room {
                return Err(SheetError::Bomb {
                    part: shown(&self.name),
                });
            }
            let end = kept + read;
            self.look(&piece[..end], kept)?;
            kept = end.min(AGAIN);
            piece.copy_within(end - kept..end, 0);
        }
    }

    /// Looks at a piece of which the first `old` bytes were seen before.
    fn look(&mut self, piece: &[u8], old: usize) -> Result<(), SheetError> {
        let is_xml = self.name.ends_with(".xml") || self.name.ends_with(".rels");
        if !is_xml {
            return Ok(());
        }
        let new = &piece[old..];
        if old == 0
            && matches!(
                new,
                [0, ..] | [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [_, 0, ..]
            )
        {
            return Err(SheetError::Damaged {
                line: 0,
                detail: format!("{} is not written in UTF-8", shown(&self.name)),
            });
        }
        let first = memchr::memchr(b'<', new);
        self.stretch += first.unwrap_or(new.len());
        if self.stretch > MAX_STRETCH {
            return Err(SheetError::LongText);
        }
        if let Some(last) = memchr::memrchr(b'<', new) {
            self.stretch = new.len() - last;
        }
        self.has_merges |= memmem::find(piece, b"mergeCell ").is_some();
        self.check_promise(piece)
    }

    /// Refuses a count of strings that could not fit into the part: memory is set aside for it.
    fn check_promise(&self, piece: &[u8]) -> Result<(), SheetError> {
        for at in memmem::find_iter(piece, b"uniqueCount") {
            let rest = &piece[at + "uniqueCount".len()..];
            let is_sign = |b: &&u8| matches!(b, b'=' | b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n');
            let digits = rest
                .iter()
                .skip_while(is_sign)
                .take_while(|b| b.is_ascii_digit());
            if digits.count() > MAX_PROMISE_DIGITS {
                return Err(SheetError::Bomb {
                    part: shown(&self.name),
                });
            }
        }
        Ok(())
    }
}

/// Digits of the largest believable count of strings: ten million and more.
const MAX_PROMISE_DIGITS: usize = 8;

fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

fn damaged(error: &zip::result::ZipError) -> SheetError {
    SheetError::Damaged {
        line: 0,
        detail: error.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    /// Packs parts into an archive.
    pub(in super::super) fn pack(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in parts {
            let options = SimpleFileOptions::default();
            archive.start_file(*name, options).expect("a new part");
            archive.write_all(bytes).expect("memory");
        }
        archive.finish().expect("memory").into_inner()
    }

    #[test]
    fn a_bomb_is_refused_by_its_size_and_by_the_size_it_hides() {
        let noughts = vec![b' '; 40 << 20];
        let bomb = pack(&[("xl/worksheets/sheet1.xml", &noughts)]);
        assert!(bomb.len() < 100_000);
        assert!(matches!(measure(&bomb), Err(SheetError::Bomb { .. })));
        // The same, claiming to be small.
        let mut liar = bomb.clone();
        let size = (noughts.len() as u32).to_le_bytes();
        while let Some(at) = memmem::find(&liar, &size) {
            liar[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
        }
        assert!(measure(&liar).is_err());
    }

    #[test]
    fn a_promise_of_too_many_strings_is_refused() {
        for count in ["uniqueCount=\"999999999\"", "uniqueCount = '1000000000000'"] {
            let strings = format!("<sst {count}></sst>");
            let file = pack(&[("xl/sharedStrings.xml", strings.as_bytes())]);
            assert!(matches!(measure(&file), Err(SheetError::Bomb { .. })));
        }
        let strings = format!("<sst>{} uniqueCount=\"12345678\"></sst>", " ".repeat(PIECE));
        let file = pack(&[("xl/sharedStrings.xml", strings.as_bytes())]);
        assert!(measure(&file).is_ok());
    }
}
