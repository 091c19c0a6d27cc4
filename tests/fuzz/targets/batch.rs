//! Frames of a sync, and the leaves packed in them.
#![no_main]

use counterfoil::federation::frames;
use counterfoil::wire::{SyncFrame, SyncRequest, SyncResponse};
use prost::Message;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = SyncFrame::decode(bytes);
    let _ = SyncRequest::decode(bytes);
    let _ = SyncResponse::decode(bytes);
    if let [low, high, packed @ ..] = bytes {
        let count = u32::from(u16::from_be_bytes([*low, *high]));
        if let Ok(leaves) = frames::unpack_leaves(packed, count) {
            assert_eq!(leaves.len(), count as usize);
        }
        let _ = frames::unpack_note(packed);
    }
});
