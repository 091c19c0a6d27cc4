//! The time, as an argument: a node reads no clock but the one it was given.

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

/// Where a node reads the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Returns the time, Unix seconds: certificates and cosignatures.
    pub now: fn() -> u64,
    /// Returns the local date: leaves, due dates, reports.
    pub today: fn() -> Date,
}

impl Clock {
    /// The system's clock in its time zone.
    pub const SYSTEM: Self = Self {
        now: system_now,
        today: system_today,
    };

    /// Returns the time, Unix seconds.
    pub fn now(&self) -> u64 {
        (self.now)()
    }

    /// Returns the date.
    pub fn today(&self) -> Date {
        (self.today)()
    }

    /// Returns the time as the records keep it.
    pub fn timestamp(&self) -> Timestamp {
        i64::try_from(self.now())
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn system_now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

fn system_today() -> Date {
    Zoned::now().date()
}
