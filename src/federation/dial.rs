//! How a stream to a peer is opened, and how often.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::Stream;

use crate::model::MemberId;
use crate::wire::SyncFrame;

/// A stream to a peer that has just been opened.
pub struct Line {
    /// What we say.
    pub outgoing: mpsc::Sender<SyncFrame>,
    /// What the peer says, or why nothing comes any more.
    pub incoming: Pin<Box<dyn Stream<Item = Result<SyncFrame, String>> + Send>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// Why a peer could not be dialled, in one sentence that names the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nobody answers there: its node may not be up yet.
    #[error("{0}")]
    Nobody(String),
    /// Somebody answers, and is not the peer's node or refuses; or it is no address.
    #[error("{0}")]
    Wrong(String),
}

/// A dialling under way.
pub type Dialling<'a> = Pin<Box<dyn Future<Output = Result<Line, DialError>> + Send + 'a>>;

/// Opens streams to peers.
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Opens a stream to the node of `member` at `url`, and makes sure that it is its node.
    fn dial<'a>(&'a self, member: &'a MemberId, url: &'a str) -> Dialling<'a>;
}

/// How often peers are dialled.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two syncs with nothing new, on average.
    pub interval: Duration,
    /// Before the first new try after a failure, on average; each further one waits twice as long.
    pub first_retry: Duration,
    /// The longest wait after failures, on average.
    pub last_retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(300),
            first_retry: Duration::from_secs(2),
            last_retry: Duration::from_secs(600),
        }
    }
}

impl Pace {
    /// Returns how long to wait after `failures` in a row; `chance` spreads it from a half to one
    /// and a half times, so that nodes that start together do not dial together for ever.
    pub(super) fn wait(&self, failures: u32, chance: u8) -> Duration {
        let mean = match failures {
            0 => self.interval,
            more => {
                let doubled = 1_u32.checked_shl(more - 1).unwrap_or(u32::MAX);
                self.first_retry
                    .saturating_mul(doubled)
                    .min(self.last_retry)
            }
        };
        mean / 2 + mean.mul_f64(f64::from(chance) / 255.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_failures_and_stay_spread() {
        let pace = Pace::default();
        let wait = |failures, chance| pace.wait(failures, chance).as_secs_f64();
        assert_eq!(wait(0, 0), 150.0);
        assert_eq!(wait(0, 255), 450.0);
        assert_eq!(wait(1, 0), 1.0);
        assert_eq!(wait(3, 0), 4.0);
        for failures in [12, 40, u32::MAX] {
            assert_eq!(wait(failures, 255), 900.0);
        }
    }
}
