//! Bytes of a text file become characters: in which encoding, and how that was known.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::SheetError;

/// A text, and what is worth saying about how it was read.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) said: Option<String>,
}

/// Reads a text in the encoding its byte order mark names, else in UTF-8, else in the one its
/// bytes speak for.
pub(super) fn decode(file: &[u8]) -> Result<Decoded<'_>, SheetError> {
    if let Some((encoding, mark)) = Encoding::for_bom(file) {
        let said = (encoding != UTF_8).then(|| format!("the file was read as {}", encoding.name()));
        return strictly(encoding, &file[mark..], said);
    }
    if let Some(encoding) = utf16_without_mark(file) {
        let said = format!(
            "the file was read as {} although it does not say so; \
             if letters look wrong, save it as \"CSV UTF-8\"",
            encoding.name()
        );
        return strictly(encoding, file, Some(said));
    }
    match std::str::from_utf8(file) {
        Ok(text) => Ok(Decoded {
            text: Cow::Borrowed(text),
            said: None,
        }),
        Err(error) => legacy(file, error.valid_up_to()),
    }
}

/// Returns whether a text looks as if somebody wrote it: in a stray cell there may be a control
/// character, in a picture or a program they are everywhere.
pub(super) fn is_written(text: &str) -> bool {
    let head = || text.chars().take(4096);
    let is_odd = |c: &char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    head().filter(is_odd).count() <= 4 + head().count() / 32
}

fn strictly<'a>(
    encoding: &'static Encoding,
    bytes: &'a [u8],
    said: Option<String>,
) -> Result<Decoded<'a>, SheetError> {
    if encoding == UTF_8 {
        let text = std::str::from_utf8(bytes).map_err(|error| SheetError::Encoding {
            encoding: encoding.name(),
            line: line_of(bytes, error.valid_up_to()),
        })?;
        let text = Cow::Borrowed(text);
        return Ok(Decoded { text, said });
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(Decoded { text, said }),
        None => Err(SheetError::Encoding {
            encoding: encoding.name(),
            line: 1 + encoding
                .decode_without_bom_handling(bytes)
                .0
                .chars()
                .take_while(|c| *c != '\u{fffd}')
                .filter(|c| *c == '\n')
                .count() as u64,
        }),
    }
}

/// Reads what is neither marked nor UTF-8 as one of the encodings of old.
///
/// A file that is UTF-8 nearly everywhere is not: somebody joined two files, or a byte was lost,
/// and every other letter would come out wrong.
fn legacy(file: &[u8], first_bad: usize) -> Result<Decoded<'_>, SheetError> {
    let (whole, broken) = letters(file);
    if whole > broken {
        return Err(SheetError::MixedEncodings {
            line: line_of(file, first_bad),
        });
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&file[..file.len().min(MOST_LOOKED_AT)], true);
    let guessed = detector.guess(None, Utf8Detection::Deny);
    let (encoding, text) = match guessed.decode_without_bom_handling_and_without_replacement(file) {
        Some(text) => (guessed, text),
        // Every byte is some letter of this one.
        None => (
            WINDOWS_1252,
            WINDOWS_1252.decode_without_bom_handling(file).0,
        ),
    };
    let said = format!(
        "the file is not UTF-8 and was read as {}; if letters look wrong, save it as \"CSV UTF-8\"",
        encoding.name()
    );
    Ok(Decoded {
        text,
        said: Some(said),
    })
}

/// Bytes the encoding is guessed from.
const MOST_LOOKED_AT: usize = 4 << 20;

/// Counts letters of several bytes that are UTF-8, and breaks that are not.
fn letters(file: &[u8]) -> (u64, u64) {
    let (mut whole, mut broken) = (0, 0);
    for chunk in file.utf8_chunks() {
        whole += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count() as u64;
        broken += u64::from(!chunk.invalid().is_empty());
    }
    (whole, broken)
}

/// Returns the byte order of UTF-16 that does not name it: one byte of most letters is nought.
fn utf16_without_mark(file: &[u8]) -> Option<&'static Encoding> {
    let head = &file[..file.len().min(1 << 16) & !1];
    let noughts = |side: usize| {
        head.iter()
            .skip(side)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (first, second) = (noughts(0), noughts(1));
    // Even a text in Thai has blanks, digits, commas and line ends.
    let many = head.len() / 16;
    let encoding = match (first > many, second > many) {
        (false, true) => UTF_16LE,
        (true, false) => UTF_16BE,
        _ => return None,
    };
    encoding
        .decode_without_bom_handling_and_without_replacement(file)
        .map(|_| encoding)
}

/// Returns the line a byte is on, from 1.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    1 + super::csv::count_line_ends(&bytes[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(file: &[u8], text: &str, said: &str) {
        let decoded = decode(file).expect("can be read");
        assert_eq!(decoded.text, text);
        assert!(decoded.said.unwrap_or_default().contains(said));
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn every_encoding_is_known_and_said() {
        let text = "país,año\nPanamá,2018\n";
        check(text.as_bytes(), text, "");
        check(format!("\u{feff}{text}").as_bytes(), text, "");
        let marked = format!("\u{feff}{text}");
        check(&utf16(&marked, u16::to_le_bytes), text, "UTF-16LE");
        check(&utf16(&marked, u16::to_be_bytes), text, "UTF-16BE");
        check(&utf16(text, u16::to_le_bytes), text, "UTF-16LE");
        check(&utf16(text, u16::to_be_bytes), text, "UTF-16BE");
        let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
        check(&latin, text, "windows-1252");
        let (thai, _, _) = encoding_rs::WINDOWS_874.encode("ประเทศไทย,การอบรมเชิงปฏิบัติการ\n");
        check(&thai, "ประเทศไทย,การอบรมเชิงปฏิบัติการ\n", "windows-874");
    }

    #[test]
    fn a_file_of_two_encodings_is_refused_with_the_line() {
        let mut file = "país,año\nPanamá,é\n".as_bytes().to_vec();
        file.extend(b"caf\xe9,1\n");
        let refused = decode(&file).expect_err("is mixed");
        assert!(matches!(refused, SheetError::MixedEncodings { line: 3 }));
        let mut broken = utf16("\u{feff}a\n", u16::to_le_bytes);
        broken.extend([0x00, 0xd8, b'x', 0]);
        let refused = decode(&broken).expect_err("is broken");
        assert!(matches!(refused, SheetError::Encoding { line: 2, .. }));
    }

    #[test]
    fn pictures_are_no_texts() {
        assert!(is_written("title,start\nA\0B,\u{7}\n"));
        assert!(!is_written(&"\u{1}\u{2}ab".repeat(20)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = decode(&file).is_ok();
        }
    }
}
