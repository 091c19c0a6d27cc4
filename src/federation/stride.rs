//! How much goes into one batch: what a line carries in seconds, so that little is sent twice when
//! the line breaks, and a fast line is not held up by many small batches.

use std::time::Duration;

use super::frames::{BATCH_BYTES, LEAST_BATCH_BYTES};

/// A line that takes a batch within this takes larger ones.
const FAST: Duration = Duration::from_secs(1);

/// A line that takes longer is given smaller ones.
const SLOW: Duration = Duration::from_secs(8);

/// The size of batches on one line.
#[derive(Debug)]
pub(super) struct Stride {
    bytes: usize,
    /// Batches that were fast in a row. The first few only fill the queue.
    fast: usize,
    queue: usize,
}

impl Stride {
    /// Begins on a line of unknown speed, before which `queue` batches can wait.
    pub(super) const fn new(queue: usize) -> Self {
        Self {
            bytes: LEAST_BATCH_BYTES,
            fast: 0,
            queue,
        }
    }

    /// Returns the size at which the next batch is full.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes how long it took until there was room for another batch.
    pub(super) fn took(&mut self, time: Duration) {
        if time <= FAST {
            self.fast += 1;
            if self.fast > self.queue {
                self.bytes = (self.bytes * 2).min(BATCH_BYTES);
            }
        } else {
            self.fast = 0;
            if time > SLOW {
                self.bytes = (self.bytes / 2).max(LEAST_BATCH_BYTES);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_on_a_fast_line_once_it_has_shown_to_be_one() {
        let mut stride = Stride::new(3);
        let mut sizes = Vec::new();
        for _ in 0..11 {
            sizes.push(stride.bytes() >> 10);
            stride.took(Duration::ZERO);
        }
        assert_eq!(sizes, [16, 16, 16, 16, 32, 64, 128, 256, 512, 1024, 1024]);
    }

    #[test]
    fn batches_shrink_on_a_slow_one() {
        let mut stride = Stride::new(0);
        (0..11).for_each(|_| stride.took(Duration::ZERO));
        stride.took(SLOW * 2);
        assert_eq!(stride.bytes(), BATCH_BYTES / 2);
        (0..11).for_each(|_| stride.took(SLOW * 2));
        assert_eq!(stride.bytes(), LEAST_BATCH_BYTES);
    }
}
