//! How fast one connection may send HTTP/2 frames that carry nothing.
//!
//! HTTP/2 lets a peer send PING, SETTINGS and the like as fast as the line takes them, and each
//! wants an answer. Floods of resets, of empty DATA and of CONTINUATION the library counts by
//! itself.

use std::time::Instant;

use super::frames::Frames;

/// Frames that carry something, or are counted elsewhere: DATA, HEADERS, CONTINUATION.
const CARRYING: [u8; 3] = [0x0, 0x1, 0x9];

/// Grants more room: one for every so many bytes received, so there may be many.
const WINDOW_UPDATE: u8 = 0x8;

/// The frames of one connection, as they come in.
#[derive(Debug)]
pub(super) struct Pace {
    frames: Frames,
    control: Bucket,
    updates: Bucket,
}

impl Pace {
    /// Begins before the preface.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            frames: Frames::of_client(),
            control: Bucket::full(100.0, 20.0, now),
            updates: Bucket::full(10_000.0, 5_000.0, now),
        }
    }

    /// Looks at bytes that came in; returns whether the peer keeps the pace.
    pub(super) fn keeps(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while let Some(frame) = self.frames.next(&mut bytes) {
            if !self.spend(frame.kind, now) {
                return false;
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

    use super::*;

    fn frame(kind: u8, content: usize) -> Vec<u8> {
        let len = u32::try_from(content).expect("short").to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, 0, 0, 0, 0, 0];
        frame.resize(frame.len() + content, 7);
        frame
    }

    /// Returns how many of these frames are taken at one moment, in pieces of `piece` bytes.
    fn taken(frames: &[Vec<u8>], piece: usize) -> usize {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert!(pace.keeps(&[b'P'; 24], now));
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
        pace.keeps(&[b'P'; 24], begun);
        for second in 0..10_000 {
            let now = begun + Duration::from_millis(50 * second);
            assert!(pace.keeps(&frame(6, 8), now), "{second}");
        }
    }
}
