//! Frames of a sync: their bounds, and leaves and notes as compressed bytes.

use super::error::Refusal;
use crate::log::Hash;
use crate::wire::{SyncFrame, SyncRefused, sync_frame::Frame};

/// Version of the protocol that is spoken.
pub const PROTOCOL: u32 = 1;

/// Bytes of leaves and payloads after which a batch is full, on a line of unknown speed. The last
/// payload may go beyond it. A line that breaks before it has carried that much brings nothing.
pub const LEAST_BATCH_BYTES: usize = 16 << 10;

/// The same on a fast line.
pub const BATCH_BYTES: usize = 1 << 20;

/// Most bytes of leaves and payloads accepted in one frame: a full batch but for one byte, and
/// the largest payload.
pub const MOST_BATCH_BYTES: usize = BATCH_BYTES + crate::wire::payload::MOST_LEN + 1024;

/// Most leaves in one batch.
pub const MOST_LEAVES: usize = 16_384;

/// Most wanted payloads named in one sync.
pub const MOST_WANTS: usize = 10_000;

/// Most fetches one side may have open.
pub const MOST_FETCHES: usize = 4;

/// Longest charter note.
const MOST_CHARTER: usize = 1 << 20;

/// Longest refusal read or written, so that a peer cannot fill our logs.
const MOST_REASON: usize = 1024;

/// Speed over size: what is compressed is mostly hashes.
const LEVEL: i32 = 1;

/// Packs leaves: each as big-endian u16 length and bytes, compressed together.
pub(super) fn pack_leaves<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut raw = Vec::new();
    for leaf in leaves {
        let len = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
        raw.extend_from_slice(&len.to_be_bytes());
        raw.extend_from_slice(&leaf[..usize::from(len)]);
    }
    compress(&raw)
}

/// Unpacks `count` leaves.
///
/// # Errors
/// [`Refusal::Malformed`] where they are not that.
pub fn unpack_leaves(packed: &[u8], count: u32) -> Result<Vec<Vec<u8>>, Refusal> {
    if count as usize > MOST_LEAVES {
        let problem = format!("names {count} leaves, more than {MOST_LEAVES}");
        return Err(Refusal::malformed("a batch of leaves", problem));
    }
    let raw = decompress("a batch of leaves", packed, MOST_BATCH_BYTES)?;
    let mut leaves = Vec::new();
    let mut rest = raw.as_slice();
    while let Some((len, after)) = rest.split_first_chunk()
        && leaves.len() < count as usize
    {
        let len = usize::from(u16::from_be_bytes(*len));
        let cut = after.split_at_checked(len);
        let (leaf, after) =
            cut.ok_or_else(|| Refusal::malformed("a batch of leaves", "ends within a leaf"))?;
        leaves.push(leaf.to_vec());
        rest = after;
    }
    if !rest.is_empty() || leaves.len() != count as usize {
        let problem = format!("does not hold the {count} leaves it names");
        return Err(Refusal::malformed("a batch of leaves", problem));
    }
    Ok(leaves)
}

/// Compresses a charter note.
pub(super) fn pack_note(note: &[u8]) -> Vec<u8> {
    compress(note)
}

/// Decompresses a charter note.
///
/// # Errors
/// [`Refusal::Malformed`] where it is none, or too large.
pub fn unpack_note(packed: &[u8]) -> Result<Vec<u8>, Refusal> {
    decompress("a charter version", packed, MOST_CHARTER)
}

fn compress(raw: &[u8]) -> Vec<u8> {
    // Bytes in memory into bytes in memory: only an allocation could fail.
    zstd::bulk::compress(raw, LEVEL).expect("compressing in memory")
}

/// Decompresses at most `limit` bytes; a bomb is refused before it goes off.
fn decompress(what: &'static str, packed: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let refused = |_| {
        let problem = format!("does not decompress to at most {limit} bytes");
        Refusal::malformed(what, problem)
    };
    zstd::bulk::decompress(packed, limit).map_err(refused)
}

/// Reads 32 bytes each.
pub(super) fn hashes(bytes: &[Vec<u8>]) -> Option<Vec<Hash>> {
    let hash = |bytes: &Vec<u8>| Some(Hash(bytes.as_slice().try_into().ok()?));
    // No tree has more than 2^62 leaves, so no proof has more hashes than this.
    (bytes.len() <= 128).then(|| bytes.iter().map(hash).collect())?
}

/// Writes 32 bytes each.
pub(super) fn bytes_of(hashes: &[Hash]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.0.to_vec()).collect()
}

/// Wraps a frame.
pub(super) fn frame(frame: Frame) -> SyncFrame {
    SyncFrame { frame: Some(frame) }
}

/// Makes a refusal of one log, or of the whole sync.
pub(super) fn refused(origin: &str, reason: &str, ends: bool) -> SyncFrame {
    frame(Frame::Refused(SyncRefused {
        origin: origin.to_owned(),
        reason: plain(reason),
        ends,
    }))
}

/// Returns a peer's words as one line of bounded length, safe to log and to show.
pub(super) fn plain(words: &str) -> String {
    let mut line: String = words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_REASON)
        .collect();
    line.truncate(line.trim_end().len());
    line
}

/// Returns what a frame is called in errors.
pub(super) const fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Hello(_) => "SyncHello",
        Frame::Charter(_) => "SyncCharter",
        Frame::Offer(_) => "SyncOffer",
        Frame::Fetch(_) => "SyncFetch",
        Frame::Batch(_) => "SyncBatch",
        Frame::Payloads(_) => "SyncPayloads",
        Frame::Sent(_) => "SyncSent",
        Frame::Acked(_) => "SyncAcked",
        Frame::Refused(_) => "SyncRefused",
        Frame::Evidence(_) => "SyncEvidence",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bomb_is_refused_by_its_size() {
        let bomb = compress(&vec![0; 512 << 20]);
        assert!(bomb.len() < 100 << 10);
        let error = unpack_leaves(&bomb, 1).expect_err("too large");
        assert!(error.to_string().contains("at most"), "{error}");
        // One that does not say its size is stopped at the limit.
        let mut quiet = zstd::stream::Encoder::new(Vec::new(), LEVEL).expect("an encoder");
        quiet.include_contentsize(false).expect("a setting");
        std::io::copy(
            &mut std::io::Read::take(std::io::repeat(0), 64 << 20),
            &mut quiet,
        )
        .expect("in memory");
        assert!(unpack_note(&quiet.finish().expect("in memory")).is_err());
    }

    #[test]
    fn words_of_a_peer_become_one_line() {
        assert_eq!(plain("one\ntwo\u{1b}[31m"), "one two [31m");
        assert_eq!(plain(&"é".repeat(5000)).chars().count(), MOST_REASON);
    }

    proptest! {
        #[test]
        fn leaves_come_back_as_they_were(
            leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20),
        ) {
            let packed = pack_leaves(leaves.iter().map(Vec::as_slice));
            let count = leaves.len() as u32;
            prop_assert!(unpack_leaves(&packed, count + 1).is_err());
            prop_assert_eq!(unpack_leaves(&packed, count).expect("fits"), leaves);
        }

        #[test]
        fn any_bytes_are_leaves_or_refused(bytes: Vec<u8>, count: u32) {
            let _ = unpack_leaves(&bytes, count);
            let _ = unpack_leaves(&compress(&bytes), count);
        }
    }
}
