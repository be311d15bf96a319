//! The kernel's two clocks: monotonic microseconds for stamps in atomics, and the wall clock for display.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::UtcDateTime;

/// Microseconds since the kernel was first used, never 0: a stamp of 0 means "none".
pub(crate) fn monotonic_us() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    whole_us(EPOCH.get_or_init(Instant::now).elapsed()).saturating_add(1)
}

/// Whole microseconds, as stamps are kept.
pub(crate) fn whole_us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How long ago a stamp of [`monotonic_us`] was; `None` for no stamp.
pub(crate) fn since_us(stamp: u64) -> Option<Duration> {
    (stamp != 0).then(|| Duration::from_micros(monotonic_us().saturating_sub(stamp)))
}

/// Whole milliseconds, as JSON wants them.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A moment for people to read: RFC 3339, UTC, milliseconds. It orders nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    unix_ms: u64,
}

impl WallTime {
    /// Reads the wall clock.
    #[allow(
        clippy::disallowed_methods,
        reason = "the kernel's one place that reads the wall clock"
    )]
    #[must_use]
    pub fn now() -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime {
            unix_ms: whole_ms(since),
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.unix_ms
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.unix_ms / 1000).unwrap_or(i64::MAX);
        let at = UtcDateTime::from_unix_timestamp(seconds).unwrap_or(UtcDateTime::UNIX_EPOCH);
        let (year, month, day) = at.date().to_calendar_date();
        let (hour, minute, second) = at.time().as_hms();
        let (month, ms) = (u8::from(month), self.unix_ms % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_written_as_rfc_3339_with_milliseconds() {
        let at = WallTime {
            unix_ms: 1_795_244_896_195,
        };
        assert_eq!(at.to_string(), "2026-11-21T07:08:16.195Z");
    }
}
