//! Backups: whoever knows the recipient can make one. The age file around the frames, and frames of
//! every kind inside.
#![no_main]

use std::io::Write as _;
use std::sync::LazyLock;

use counterfoil::store::backup::{Opener, Recipients, inspect, make_identity};

const MANIFEST: &[u8] = br#"{"format":2,"version":"0.1.0","member":"anpud","own_log":null,"date":"2026-03-31","public":true,"private":true}"#;

static KEYS: LazyLock<(Recipients, Opener)> = LazyLock::new(|| {
    let (identity, recipient) = make_identity();
    let file = std::env::temp_dir().join(format!("counterfoil-fuzz-{}", std::process::id()));
    std::fs::write(&file, identity.as_str()).expect("written");
    let opener = Opener::identity_file(&file).expect("an identity");
    std::fs::remove_file(&file).expect("removed");
    (Recipients::keys(&[recipient]).expect("a recipient"), opener)
});

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// Takes the bytes for frames: a kind, a length, and so much.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let [kind, length, rest @ ..] = bytes {
        let (body, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        frames.extend(frame(kind % 11, body));
        bytes = rest;
    }
    frames
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (recipients, opener) = &*KEYS;
    let _ = inspect(bytes, opener);
    let mut sealed = Vec::new();
    let mut inside = recipients.seal(&mut sealed).expect("sealed");
    inside.write_all(b"counterfoil/backup/v1\n").expect("written");
    inside.write_all(&frame(1, MANIFEST)).expect("written");
    inside.write_all(&frames(bytes)).expect("written");
    inside.finish().expect("finished");
    let _ = inspect(&sealed[..], opener);
});
