//! What truly stood behind a release, as the private database holds it: JSON, compressed (zlib,
//! RFC 1950), since it says the same names of cells over and over. A store of format 1 holds it as
//! it is.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::Error as _;
use zeroize::Zeroizing;

use super::ReleaseError;
use crate::disclosure::tables::State;

/// What JSON of a state begins with, and no zlib stream does. Whatever is unpacked was sealed here,
/// so its length needs no limit of its own.
const PLAIN: u8 = b'{';

pub(super) fn pack(state: &State) -> Result<Vec<u8>, ReleaseError> {
    let text = Zeroizing::new(serde_json::to_vec(state).map_err(ReleaseError::Ledger)?);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&text).map_err(unreadable)?;
    packed.finish().map_err(unreadable)
}

pub(super) fn unpack(bytes: &[u8]) -> Result<State, ReleaseError> {
    if bytes.first() == Some(&PLAIN) {
        return serde_json::from_slice(bytes).map_err(ReleaseError::Ledger);
    }
    let mut text = Zeroizing::new(Vec::new());
    let unpacked = ZlibDecoder::new(bytes).read_to_end(&mut text);
    unpacked.map_err(unreadable)?;
    serde_json::from_slice(&text).map_err(ReleaseError::Ledger)
}

fn unreadable(error: io::Error) -> ReleaseError {
    ReleaseError::Ledger(serde_json::Error::custom(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_packed_as_it_was_before_and_never_cut() {
        let state = State::default();
        let packed = pack(&state).expect("packed");
        assert_ne!(packed[0], PLAIN);
        assert_eq!(unpack(&packed).expect("read"), state);
        let plain = serde_json::to_vec(&state).expect("JSON");
        assert_eq!(unpack(&plain).expect("read"), state);
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end]).is_err(), "{end}");
        }
    }
}
