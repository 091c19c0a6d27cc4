//! How fast one connection may send HTTP/2 frames that carry nothing.
//!
//! HTTP/2 lets a peer send PING, SETTINGS and the like as fast as the line takes them, and each
//! wants an answer. The frames are only counted here, by their headers; what they mean is the
//! library's. Floods of resets, of empty DATA and of CONTINUATION it counts by itself.
//!
//! Source: RFC 9113, sections 3.4 and 4.1.

use std::time::Instant;

/// Bytes of the connection preface.
const PREFACE: usize = 24;

/// Bytes of a frame's header.
const HEADER: usize = 9;

/// Frames that carry something, or are counted elsewhere: DATA, HEADERS, CONTINUATION.
const CARRYING: [u8; 3] = [0x0, 0x1, 0x9];

/// Grants more room: one for every so many bytes received, so there may be many.
const WINDOW_UPDATE: u8 = 0x8;

/// The frames of one connection, as they come in.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes of the preface, or of a frame's content, still to come.
    skip: usize,
    header: [u8; HEADER],
    have: usize,
    control: Bucket,
    updates: Bucket,
}

impl Pace {
    /// Begins before the preface.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            have: 0,
            control: Bucket::full(100.0, 20.0, now),
            updates: Bucket::full(10_000.0, 5_000.0, now),
        }
    }

    /// Looks at bytes that came in; returns whether the peer keeps the pace.
    pub(super) fn keeps(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEADER {
                let [a, b, c, kind, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.have = 0;
                if !self.spend(kind, now) {
                    return false;
                }
            }
        }
        true
    }

    fn spend(&mut self, kind: u8, now: Instant) -> bool {
        match kind {
            kind if CARRYING.contains(&kind) => true,
            WINDOW_UPDATE => self.updates.spend(now),
            _ => self.control.spend(now),
        }
    }
}

/// So many at once, and so many a second.
#[derive(Debug)]
struct Bucket {
    left: f64,
    most: f64,
    per_second: f64,
    filled: Instant,
}

impl Bucket {
    const fn full(most: f64, per_second: f64, filled: Instant) -> Self {
        Self {
            left: most,
            most,
            per_second,
            filled,
        }
    }

    fn spend(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = self.per_second.mul_add(passed, self.left).min(self.most);
        self.filled = now;
        self.left -= 1.0;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, content: usize) -> Vec<u8> {
        let len = u32::try_from(content).expect("short").to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, 0, 0, 0, 0, 0];
        frame.resize(HEADER + content, 7);
        frame
    }

    /// Returns how many of these frames are taken at one moment, in pieces of `piece` bytes.
    fn taken(frames: &[Vec<u8>], piece: usize) -> usize {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert!(pace.keeps(&[b'P'; PREFACE], now));
        let keeps = |frame: &&Vec<u8>| frame.chunks(piece).all(|bytes| pace.keeps(bytes, now));
        frames.iter().take_while(keeps).count()
    }

    #[test]
    fn control_frames_run_out_and_those_that_carry_something_do_not() {
        for piece in [1, 5, 4096] {
            assert_eq!(taken(&vec![frame(6, 8); 200], piece), 100, "PING");
            assert_eq!(taken(&vec![frame(4, 0); 200], piece), 100, "SETTINGS");
            assert_eq!(taken(&vec![frame(0, 3); 20_000], piece), 20_000, "DATA");
            assert_eq!(taken(&vec![frame(8, 4); 20_000], piece), 10_000, "updates");
        }
    }

    #[test]
    fn a_pace_that_is_kept_is_kept_for_ever() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        pace.keeps(&[b'P'; PREFACE], begun);
        for second in 0..10_000 {
            let now = begun + Duration::from_millis(50 * second);
            assert!(pace.keeps(&frame(6, 8), now), "{second}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..3000), piece in 1usize..64) {
            let now = Instant::now();
            let (mut whole, mut cut) = (Pace::new(now), Pace::new(now));
            let kept = whole.keeps(&bytes, now);
            prop_assert_eq!(bytes.chunks(piece).all(|bytes| cut.keeps(bytes, now)), kept);
        }
    }
}
