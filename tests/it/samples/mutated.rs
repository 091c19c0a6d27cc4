//! Real files with bytes flipped, cut, joined and swollen: a correct import, or an error that says
//! where; never a panic, never half an import.
//!
//! `COUNTERFOIL_MUTATIONS` says how many (100 unless set), `COUNTERFOIL_SEED` which.

use std::io::{Cursor, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use counterfoil::record::Target;
use zip::write::SimpleFileOptions;

use super::shelf::Shelf;
use super::{Sample, samples};

/// Chance that can be had again.
struct Chance(u64);

impl Chance {
    /// Draws a number below `end`: splitmix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as usize % end.max(1)
    }
}

fn setting(name: &str, unset: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(unset)
}

/// Bytes of a file above which it takes part only in the long run.
const SMALL: usize = 200_000;

#[test]
#[expect(clippy::print_stderr, reason = "says which case failed")]
fn a_mutated_file_comes_in_whole_or_is_refused_where_it_is_wrong() {
    let times = setting("COUNTERFOIL_MUTATIONS", 100);
    let seed = setting("COUNTERFOIL_SEED", 2018);
    let mut files: Vec<(Sample, Vec<u8>)> = Vec::new();
    for sample in samples() {
        let Some(bytes) = sample.bytes() else { return };
        if times > 100 || bytes.len() < SMALL {
            files.push((sample, bytes));
        }
    }
    for case in 0..times {
        let mut chance = Chance(seed.wrapping_mul(1_000_003).wrapping_add(case));
        let (sample, bytes) = &files[chance.below(files.len())];
        let (_, other) = &files[chance.below(files.len())];
        let (how, mutated) = mutate(bytes, other, &mut chance);
        let tried = catch_unwind(AssertUnwindSafe(|| check(sample, &mutated)));
        if let Err(panic) = tried {
            eprintln!(
                "COUNTERFOIL_SEED={seed}, case {case}: {} {how}",
                sample.file
            );
            resume_unwind(panic);
        }
    }
}

/// Imports a file that may be broken, and looks at what became of it.
#[track_caller]
fn check(sample: &Sample, file: &[u8]) {
    let shelf = Shelf::default();
    let request = sample.request(&shelf, file);
    let before = shelf.book.rows();
    let name = request.name;
    match shelf.import(request) {
        Err(error) => {
            let told = error.to_string();
            assert!(told.starts_with(name) && !told.contains('\0'), "{told}");
            assert_eq!(shelf.book.rows(), before, "half an import: {told}");
        }
        Ok(outcome) if !outcome.rejected.is_empty() => {
            for row in &outcome.rejected {
                let is_told = row.line > 0 && !row.column.is_empty() && !row.reason.is_empty();
                assert!(is_told, "{row:?}");
            }
            assert_eq!(shelf.book.rows(), before, "half an import");
            assert_eq!((outcome.created, outcome.updated), (0, 0));
        }
        Ok(outcome) => {
            let rows = outcome.created + outcome.updated + outcome.unchanged;
            assert_eq!(rows, outcome.read, "{outcome:?}");
            if request.target == Target::Records {
                assert_eq!(shelf.records(sample.kind).len() as u64, outcome.created);
            }
        }
    }
}

/// Breaks a file in one of many ways, and says which.
fn mutate(file: &[u8], other: &[u8], chance: &mut Chance) -> (&'static str, Vec<u8>) {
    match file.starts_with(b"PK") && chance.below(3) > 0 {
        true => repack(file, chance),
        false => mutate_bytes(file, other, chance),
    }
}

fn mutate_bytes(file: &[u8], other: &[u8], chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let mut bytes = file.to_vec();
    let at = chance.below(bytes.len());
    match chance.below(12) {
        0 => {
            for _ in 0..=chance.below(20) {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
            ("with flipped bits", bytes)
        }
        1 => {
            bytes.truncate(at);
            ("truncated", bytes)
        }
        2 => {
            let end = (at + chance.below(300)).min(bytes.len());
            bytes.drain(at..end);
            ("with a piece cut out", bytes)
        }
        3 => {
            let from = chance.below(other.len());
            let to = (from + chance.below(500)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
            ("with a piece of another file", bytes)
        }
        4 => {
            bytes.insert(at, b'"');
            ("with a stray quote", bytes)
        }
        5 => {
            bytes.insert(at, 0);
            ("with a nought", bytes)
        }
        6 => {
            bytes.splice(at..at, *b"caf\xe9 \xff\xfe");
            ("with another encoding", bytes)
        }
        7 => ("as UTF-16", utf16(&bytes)),
        8 => {
            let long = vec![b'x'; 10 << 20];
            bytes.splice(at..at, long);
            ("with a cell of 10 MB", bytes)
        }
        9 => {
            let cut = |line: &&[u8]| !line.len().is_multiple_of(3);
            let lines: Vec<&[u8]> = file.split(|b| *b == b'\n').filter(cut).collect();
            ("with rows cut", lines.join(&b'\n'))
        }
        10 => {
            bytes.splice(at..at, *b",,;;\t\"\"");
            ("with stray delimiters", bytes)
        }
        _ => {
            bytes.splice(at..at, *b"\r\r\n\n\x0b\x85");
            ("with stray line ends", bytes)
        }
    }
}

fn utf16(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Breaks one part of an archive and packs it again, so that the break is in the sheet itself.
fn repack(file: &[u8], chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).expect("a real file");
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("a real part");
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("a real part");
        parts.push((part.name().expect("a real name").into_owned(), bytes));
    }
    let is_sheet = |name: &str| name.contains("worksheets/sheet") || name == "content.xml";
    let sheets: Vec<usize> = (0..parts.len())
        .filter(|at| is_sheet(&parts[*at].0))
        .collect();
    let sheet = sheets[chance.below(sheets.len())];
    let how = match chance.below(9) {
        0 => {
            let any = chance.below(parts.len());
            let (_, bytes) = &mut parts[any];
            for _ in 0..=chance.below(10) {
                let at = chance.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
            "with a flipped part"
        }
        1 => {
            let any = chance.below(parts.len());
            parts.remove(any);
            "with a part missing"
        }
        2 => {
            let len = chance.below(parts[sheet].1.len());
            parts[sheet].1.truncate(len);
            "with half a sheet"
        }
        3 => {
            parts[sheet].1.extend(vec![b' '; 60 << 20]);
            "as a bomb"
        }
        4 => {
            replace(&mut parts[sheet].1, b"<v>", b"<f>1/0</f><w>", chance);
            "with formulas"
        }
        5 => {
            replace(
                &mut parts[sheet].1,
                b"</t>",
                b"</t><t>&amp;&#0;&bogus;</t>",
                chance,
            );
            replace(&mut parts[sheet].1, b"</text:p>", b"&#1;</text:p>", chance);
            "with strange characters"
        }
        6 => {
            let long = [
                b"</c><c t=\"inlineStr\"><is><t>",
                &vec![b'x'; 10 << 20][..],
                b"</t></is></c>",
            ];
            replace(&mut parts[sheet].1, b"</c>", &long.concat(), chance);
            let long = [&vec![b'x'; 10 << 20][..], b"</text:p>"].concat();
            replace(&mut parts[sheet].1, b"</text:p>", &long, chance);
            "with a cell of 10 MB"
        }
        7 => {
            replace(&mut parts[sheet].1, b" r=\"", b" r=\"XFD1048576", chance);
            let many = b"<table:table-row table:number-rows-repeated=\"99999999\"";
            replace(&mut parts[sheet].1, b"<table:table-row", many, chance);
            "with cells far away"
        }
        _ => {
            let merge = b"</sheetData><mergeCells><mergeCell ref=\"A1:XFD1048576\"/></mergeCells>";
            replace(&mut parts[sheet].1, b"</sheetData>", merge, chance);
            "with everything merged"
        }
    };
    (how, pack(&parts))
}

/// Puts one text in place of another, at one of the places where it stands.
fn replace(bytes: &mut Vec<u8>, old: &[u8], new: &[u8], chance: &mut Chance) {
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, old).collect();
    if !places.is_empty() {
        let at = places[chance.below(places.len())];
        bytes.splice(at..at + old.len(), new.iter().copied());
    }
}

fn pack(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = SimpleFileOptions::default().compression_level(Some(1));
        archive.start_file(name, options).expect("a new part");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}
