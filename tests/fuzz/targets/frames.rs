//! Frames of an HTTP/2 connection, in whatever pieces they come.
#![no_main]

#[path = "../../../src/rpc/frames.rs"]
mod frames;

use frames::{Frame, Frames};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let piece = usize::from(piece).max(1);
    assert_eq!(seen(Frames::of_server(), bytes, piece), whole(bytes));
    let after_preface = bytes.get(24..).unwrap_or_default();
    assert_eq!(
        seen(Frames::of_client(), bytes, piece),
        whole(after_preface)
    );
});

fn seen(mut frames: Frames, bytes: &[u8], piece: usize) -> Vec<Frame> {
    let mut seen = Vec::new();
    for mut bytes in bytes.chunks(piece) {
        seen.extend(std::iter::from_fn(|| frames.next(&mut bytes)));
    }
    seen
}

/// Reads them where all bytes are there. RFC 9113, sections 4.1 and 6.8.
fn whole(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((&[a, b, c, kind, ..], rest)) = bytes.split_first_chunk::<9>() {
        let content = u32::from_be_bytes([0, a, b, c]) as usize;
        let reason = rest.get(4..8).filter(|_| kind == 7 && content >= 8);
        if kind == 7 && content >= 8 && reason.is_none() {
            break;
        }
        let error = reason.map_or(0, |reason| {
            u32::from_be_bytes(reason.try_into().expect("four bytes"))
        });
        frames.push(Frame {
            kind,
            content,
            error,
        });
        bytes = rest.get(content..).unwrap_or_default();
    }
    frames
}
