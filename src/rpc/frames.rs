//! One direction of an HTTP/2 connection, frame by frame: of each its kind and length, and of a
//! farewell its reason. What the frames mean is the library's.
//!
//! Source: RFC 9113, sections 3.4, 4.1 and 6.8.

/// Bytes of the connection preface.
const PREFACE: usize = 24;

/// Bytes of a frame's header.
const HEADER: usize = 9;

/// Bytes of a GOAWAY up to the end of its error code.
const FAREWELL: usize = HEADER + 8;

const GOAWAY: u8 = 0x7;

/// What is known of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: u8,
    /// Bytes of its content.
    pub content: usize,
    /// The error code of a GOAWAY; 0 is no error.
    pub error: u32,
}

/// Reads bytes as they pass, in whatever pieces.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface, or of a frame's content, still to come.
    skip: usize,
    head: [u8; FAREWELL],
    have: usize,
}

impl Frames {
    /// What whoever dialled sends: a preface comes first.
    pub(super) const fn of_client() -> Self {
        Self::after(PREFACE)
    }

    /// What whoever was dialled sends.
    pub(super) const fn of_server() -> Self {
        Self::after(0)
    }

    const fn after(skip: usize) -> Self {
        Self {
            skip,
            head: [0; FAREWELL],
            have: 0,
        }
    }

    /// Takes bytes up to the next frame's head and returns that; none once they are used up.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            *bytes = &bytes[skipped..];
            let taken = (self.wanted() - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            *bytes = &bytes[taken..];
            if self.have >= HEADER && self.have == self.wanted() {
                return Some(self.take());
            }
        }
        None
    }

    /// Returns how many bytes the head of this frame has, as far as is known.
    fn wanted(&self) -> usize {
        let is_farewell = self.have >= HEADER && self.head[3] == GOAWAY;
        if is_farewell && self.content() >= FAREWELL - HEADER {
            FAREWELL
        } else {
            HEADER
        }
    }

    fn content(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    fn take(&mut self) -> Frame {
        let mut error = [0; 4];
        if self.have == FAREWELL {
            error.copy_from_slice(&self.head[FAREWELL - 4..]);
        }
        self.skip = HEADER + self.content() - self.have;
        self.have = 0;
        Frame {
            kind: self.head[3],
            content: self.content(),
            error: u32::from_be_bytes(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
        let len = u32::try_from(content.len()).expect("short").to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, 0, 0, 0, 0, 0];
        frame.extend(content);
        frame
    }

    /// Returns what is seen of these bytes when they come in pieces of `piece`.
    fn seen(mut frames: Frames, bytes: &[u8], piece: usize) -> Vec<Frame> {
        let mut seen = Vec::new();
        for mut bytes in bytes.chunks(piece) {
            seen.extend(std::iter::from_fn(|| frames.next(&mut bytes)));
        }
        seen
    }

    #[test]
    fn a_farewell_says_its_reason_and_other_frames_their_kind() {
        let calm = [0, 0, 0, 7, 0, 0, 0, 0x0b, b'h', b'i'];
        let bytes = [
            frame(4, &[0; 6]),
            frame(GOAWAY, &[0; 8]),
            frame(0, &[GOAWAY; 40]),
            frame(GOAWAY, &calm),
            // Too short to have a reason: an error, but not ours to find.
            frame(GOAWAY, &[1; 7]),
            frame(6, &[0; 8]),
        ]
        .concat();
        let expected = [
            (4, 6, 0),
            (7, 8, 0),
            (0, 40, 0),
            (7, 10, 0x0b),
            (7, 7, 0),
            (6, 8, 0),
        ];
        let expected = expected.map(|(kind, content, error)| Frame {
            kind,
            content,
            error,
        });
        for piece in [1, 3, 9, 4096] {
            assert_eq!(seen(Frames::of_server(), &bytes, piece), expected);
            let bytes = [&[b'P'; PREFACE][..], &bytes].concat();
            assert_eq!(seen(Frames::of_client(), &bytes, piece), expected);
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..3000), piece in 1usize..64) {
            let whole = seen(Frames::of_client(), &bytes, bytes.len().max(1));
            prop_assert_eq!(seen(Frames::of_client(), &bytes, piece), whole);
        }
    }
}
