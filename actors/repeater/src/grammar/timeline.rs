//! Which records fit the time of those before them.
//!
//! A record that does not is held until the next one shows what it is: a clock that was set goes on from there; behind
//! a record that somebody forged, or a damaged one, time goes on as before. So nothing that the host wrote is lost when
//! its clock jumps, and one record from nowhere moves nothing.
//!
//! ```text
//! fits ─────────────────────────────────────────────> believed
//! does not ─> held ── next one fits what is held ──> both believed
//!                  └─ next one does not ───────────> set aside
//! ```

use std::time::Duration;

use model::Timestamp;
use model::repeater::Doubt;
use serde::{Deserialize, Serialize};

use super::frame::Level;

/// How much older than the newest record one may be. Threads of the host log out of order by milliseconds.
const OUT_OF_ORDER: Duration = Duration::from_secs(5);
/// How soon behind a held record the next one has to come to be of the same new time.
const SAME_TIME: Duration = Duration::from_secs(3600);
/// How far ahead of the reader's clock a record may be: more than time zones and slow clocks make up.
const AHEAD_OF_CLOCK: Duration = Duration::from_secs(24 * 3600);
/// How long a host may have been silent where there is no clock to ask.
const SILENCE: Duration = Duration::from_secs(366 * 24 * 3600);
/// 2016-01-01T00:00:00Z. The first release of the host is of that month: before is a clock that was never set.
const FIRST_HOST: Timestamp = Timestamp::from_unix_ms(1_451_606_400_000);

/// A record that waits for the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) level: Level,
    pub(super) at: Timestamp,
    pub(super) text: Vec<u8>,
    pub(super) doubt: Doubt,
}

/// What became of a record that was held.
#[derive(Debug)]
pub(super) enum Released {
    /// The clock was set.
    Believed(Held),
    /// It was not.
    SetAside(Held),
}

/// The time of the records so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    newest: Option<Timestamp>,
    held: Option<Held>,
}

impl Timeline {
    /// Time of the newest record that was believed.
    pub(super) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Decides about the record that is held, now that one of this time follows.
    pub(super) fn release(&mut self, at: Timestamp) -> Option<Released> {
        let held = self.held.take()?;
        let follows = held.at.since(at) <= OUT_OF_ORDER && at.since(held.at) < SAME_TIME;
        let goes_on = self.newest.is_some_and(|newest| newest.since(at) <= OUT_OF_ORDER);
        // Behind a step back of less than an hour both may be; then it is the old time that goes on.
        if follows && !(goes_on && held.doubt == Doubt::TimeBack) {
            self.newest = Some(held.at);
            return Some(Released::Believed(held));
        }
        Some(Released::SetAside(held))
    }

    /// The record that is held, for which nothing more will speak.
    pub(super) fn finish(&mut self) -> Option<Held> {
        self.held.take()
    }

    /// What is wrong with a record of this time, if anything; `now`: the reader's clock, where it has one.
    pub(super) fn doubt(&self, at: Timestamp, now: Option<Timestamp>) -> Option<Doubt> {
        let newest = self.newest?;
        // A clock that is behind the log itself knows nothing.
        let clock = now.map(|now| now.plus(AHEAD_OF_CLOCK)).filter(|limit| *limit >= newest);
        if at < FIRST_HOST && newest >= FIRST_HOST {
            Some(Doubt::NoClock)
        } else if newest.since(at) > OUT_OF_ORDER {
            Some(Doubt::TimeBack)
        } else {
            let limit = clock.unwrap_or_else(|| newest.plus(SILENCE));
            (at > limit).then_some(Doubt::FarFuture)
        }
    }

    /// Waits for what follows.
    pub(super) fn hold(&mut self, held: Held) {
        self.held = Some(held);
    }

    /// Takes notice of a record that is believed.
    pub(super) fn believe(&mut self, at: Timestamp) {
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record's time in seconds; `+` is believed, `-` set aside, `?` still held.
    fn fates(now_s: Option<i64>, times_s: &[i64]) -> String {
        let at = |s: i64| Timestamp::from_unix_ms(s * 1000);
        let mut timeline = Timeline::default();
        let mut fates = vec!['?'; times_s.len()];
        for (index, &time) in times_s.iter().enumerate() {
            match timeline.release(at(time)) {
                Some(Released::Believed(_)) => fates[index - 1] = '+',
                Some(Released::SetAside(_)) => fates[index - 1] = '-',
                None => {}
            }
            match timeline.doubt(at(time), now_s.map(at)) {
                Some(doubt) => timeline.hold(Held {
                    level: Level::Message,
                    at: at(time),
                    text: Vec::new(),
                    doubt,
                }),
                None => {
                    timeline.believe(at(time));
                    fates[index] = '+';
                }
            }
        }
        fates.into_iter().collect()
    }

    /// 2026-11-21 12:00:00, in Unix seconds.
    const NOON: i64 = 1_795_262_400;
    const DAY: i64 = 24 * 3600;

    #[test]
    fn record_that_does_not_fit_is_set_aside_if_time_goes_on_as_before() {
        for odd in [NOON - 60, NOON - 400 * DAY, 5, NOON + 2 * DAY] {
            assert_eq!(fates(Some(NOON), &[NOON, odd, NOON + 1, NOON + 2]), "+-++", "{odd}");
        }
        assert_eq!(fates(None, &[NOON, NOON + 367 * DAY, NOON + 1]), "+-+");
    }

    #[test]
    fn clock_that_was_set_is_believed_with_its_second_record() {
        for new in [NOON - 60, NOON - 400 * DAY, 5, NOON + 400 * DAY] {
            assert_eq!(fates(None, &[NOON, new, new + 1, new + 2]), "++++", "{new}");
        }
        assert_eq!(fates(Some(NOON), &[NOON, 5]), "+?");
        assert_eq!(fates(Some(NOON), &[5, 6, NOON]), "+++", "the network told the time");
    }

    #[test]
    fn two_records_that_do_not_fit_each_other_are_both_set_aside() {
        assert_eq!(fates(None, &[NOON, 5, NOON - DAY, NOON + 1]), "+--+");
    }

    #[test]
    fn threads_out_of_order_and_long_silence_are_no_reason_for_doubt() {
        let times = [NOON, NOON - 4, NOON + 1, NOON + 300 * DAY];
        assert_eq!(fates(None, &times), "++++");
        assert_eq!(fates(Some(NOON + 300 * DAY), &times), "++++");
        assert_eq!(fates(Some(0), &times), "++++", "a reader whose own clock was never set");
    }
}
