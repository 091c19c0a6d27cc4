//! How fast one connection may send HTTP/2 frames that carry nothing, and calls.
//!
//! HTTP/2 lets a peer send PING, SETTINGS and the like as fast as the line takes them, and each
//! wants an answer. Floods of resets, of empty DATA and of CONTINUATION the library counts by
//! itself.
//!
//! Calls as fast as the line takes them are nobody's fault, but take the processor from others: who
//! makes more than a node needs is read more slowly, and nothing of theirs is lost. Headers count by
//! their length too, since a byte of them can stand for a field (RFC 7541).

use std::time::{Duration, Instant};

use super::frames::{Frame, Frames};

/// Carries a message.
const DATA: u8 = 0x0;

/// Begin a call: HEADERS, CONTINUATION.
const CALLING: [u8; 2] = [0x1, 0x9];

/// Bytes of headers that count as one call more.
const HEADER_BYTES: usize = 256;

/// Bytes read at once of whoever makes many calls, some tens of which fit in there.
const FEW: usize = 512;

/// Grants more room: one for every so many bytes received, so there may be many.
const WINDOW_UPDATE: u8 = 0x8;

/// The frames of one connection, as they come in.
#[derive(Debug)]
pub(super) struct Pace {
    frames: Frames,
    control: Bucket,
    updates: Bucket,
    calls: Bucket,
}

impl Pace {
    /// Begins before the preface.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            frames: Frames::of_client(),
            // Some programs send a PING with each answer, and people cancel calls.
            control: Bucket::full(1_000.0, 600.0, now),
            updates: Bucket::full(10_000.0, 5_000.0, now),
            calls: Bucket::full(1_000.0, 500.0, now),
        }
    }

    /// Returns how long not to read, so that calls come no faster than they should.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        self.calls.fill(now);
        let owed = -self.calls.left;
        (owed > 0.0).then(|| Duration::from_secs_f64(owed / self.calls.per_second))
    }

    /// Returns how much to read at once.
    pub(super) fn read_at_once(&self) -> usize {
        match self.calls.left < self.calls.most / 2.0 {
            true => FEW,
            false => usize::MAX,
        }
    }

    /// Looks at bytes that came in; returns whether the peer keeps the pace.
    pub(super) fn keeps(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        while let Some(frame) = self.frames.next(&mut bytes) {
            if !self.spend(frame, now) {
                return false;
            }
        }
        true
    }

    fn spend(&mut self, frame: Frame, now: Instant) -> bool {
        match frame.kind {
            DATA => true,
            kind if CALLING.contains(&kind) => {
                self.calls.take(1 + frame.content / HEADER_BYTES, now);
                true
            }
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

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = self.per_second.mul_add(passed, self.left).min(self.most);
        self.filled = now;
    }

    /// Takes so many, whether or not they are there.
    fn take(&mut self, count: usize, now: Instant) {
        self.fill(now);
        self.left -= count as f64;
    }

    fn spend(&mut self, now: Instant) -> bool {
        self.take(1, now);
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(taken(&vec![frame(6, 8); 2_000], piece), 1_000, "PING");
            assert_eq!(taken(&vec![frame(4, 0); 2_000], piece), 1_000, "SETTINGS");
            assert_eq!(taken(&vec![frame(0, 3); 20_000], piece), 20_000, "DATA");
            assert_eq!(taken(&vec![frame(8, 4); 20_000], piece), 10_000, "updates");
        }
    }

    #[test]
    fn calls_are_read_no_faster_than_they_should_come_and_long_headers_count_for_more() {
        for (content, calls) in [(40, 1_000), (2_560, 90)] {
            let begun = Instant::now();
            let mut pace = Pace::new(begun);
            pace.keeps(&[b'P'; 24], begun);
            assert_eq!(pace.read_at_once(), usize::MAX);
            for call in 0..calls {
                assert_eq!(pace.pause(begun), None, "{call}");
                assert!(pace.keeps(&frame(1, content), begun));
            }
            assert_eq!(pace.read_at_once(), FEW);
            pace.keeps(&frame(1, 256 * 249), begun);
            let pause = pace.pause(begun).expect("too many");
            assert!(pause < Duration::from_secs(1), "{pause:?}");
            assert_eq!(pace.pause(begun + pause + Duration::from_millis(1)), None);
            assert_eq!(pace.pause(begun + Duration::from_secs(60)), None);
            assert_eq!(pace.read_at_once(), usize::MAX);
        }
    }

    #[test]
    fn a_pace_that_is_kept_is_kept_for_ever() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        pace.keeps(&[b'P'; 24], begun);
        for second in 0..10_000 {
            let now = begun + Duration::from_millis(2 * second);
            assert!(pace.keeps(&frame(6, 8), now), "{second}");
        }
    }
}
