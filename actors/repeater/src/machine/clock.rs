//! Log time: what the records' own times say, made to run forwards only.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A step back that is no clock set back, only records written out of order by the host's threads.
const OUT_OF_ORDER: Duration = Duration::from_secs(2);

/// A point in log time, in milliseconds since the first record.
pub(super) type Tick = u64;

/// Log time. The host's clock may jump (1970 until the network answers): deadlines are kept in ticks, which only
/// grow, while documents carry the times that the host wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogClock {
    at: Option<Timestamp>,
    tick: Tick,
}

impl LogClock {
    /// Takes notice of a record's time.
    pub(super) fn see(&mut self, at: Timestamp) {
        let Some(before) = self.at else {
            self.at = Some(at);
            return;
        };
        self.tick = after(self.tick, at.since(before));
        if at > before || before.since(at) > OUT_OF_ORDER {
            self.at = Some(at);
        }
    }

    /// Time of the newest record.
    pub(super) const fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// The present point in log time.
    pub(super) const fn tick(&self) -> Tick {
        self.tick
    }
}

/// The tick `wait` after `tick`.
pub(super) fn after(tick: Tick, wait: Duration) -> Tick {
    tick.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_time_runs_forwards_when_the_clock_is_set_back() {
        let mut clock = LogClock::default();
        for ms in [10_000, 12_000, 11_900, 12_100, 500, 1500] {
            clock.see(Timestamp::from_unix_ms(ms));
        }
        assert_eq!((clock.tick(), clock.at()), (3100, Some(Timestamp::from_unix_ms(1500))));
    }
}
