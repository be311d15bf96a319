//! Whether the sun is gone: nothing from it at hours when it shone the day before. A fuse, a breaker, snow on the panels.
//!
//! What the hours of a day are worth is learnt from the plant itself, so that shade, season and place need no configuration.
//! An hour without sun that should have had some is not learnt: the alarm does not teach itself that all is well.

use model::Timestamp;
use model::power::{Alarm, AlarmKind, PowerEvent};
use serde::{Deserialize, Serialize};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Hours of a day.
const HOURS: usize = 24;
/// Hours in a row without sun until the alarm is raised.
const GONE_HOURS: usize = 2;
/// An hour counts as one with sun if it had this part of the best hour.
const SUNNY_PART: f64 = 0.2;
/// Below this part of the best hour there is no sun: a black cloud leaves more.
const NOTHING_PART: f64 = 0.01;
/// Below this, in watts, there is none whatever the plant: what chargers report at night.
const NOTHING_W: f64 = 5.0;
/// The alarm is cleared at this many times the limit.
const BACK: f64 = 2.0;
/// Readings that an hour needs to be judged: one that the station slept through says nothing.
const ENOUGH: u32 = 600;

/// What is known of the sun. Survives the actor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sun {
    /// The mean of each hour of the day by UTC, as it was last seen.
    hours: [Option<f64>; HOURS],
    /// The hour that runs, since 1970, and what it had so far.
    hour: i64,
    count: u32,
    mean_w: f64,
    /// The highest of the running hour: sun for a minute is sun.
    max_w: f64,
    /// Hours in a row without the sun that they had the day before.
    dark: usize,
    alarm: Option<Alarm>,
}

impl Sun {
    pub(super) fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// Takes the power of this second.
    pub(super) fn take(&mut self, now: Timestamp, solar_w: f64) -> Option<PowerEvent> {
        let hour = now.unix_ms().div_euclid(HOUR_MS);
        let raised = if hour == self.hour { None } else { self.turn(now, hour) };
        self.count = self.count.saturating_add(1);
        self.mean_w += (solar_w - self.mean_w) / f64::from(self.count);
        self.max_w = self.max_w.max(solar_w);
        raised.or_else(|| self.clear(solar_w))
    }

    fn best(&self) -> f64 {
        self.hours.iter().copied().flatten().fold(0.0, f64::max)
    }

    fn limit(&self) -> f64 {
        NOTHING_W.max(self.best() * NOTHING_PART)
    }

    fn turn(&mut self, now: Timestamp, hour: i64) -> Option<PowerEvent> {
        let is_judged = self.count >= ENOUGH;
        let (over, limit, best) = (self.hour, self.limit(), self.best());
        let place = usize::try_from(over.rem_euclid(24)).unwrap_or(0);
        let was_dark = self.max_w < limit;
        if let Some(known) = self.hours.get_mut(place).filter(|_| is_judged) {
            let should_shine = known.is_some_and(|mean_w| mean_w >= limit && mean_w >= best * SUNNY_PART);
            if should_shine && was_dark {
                self.dark = self.dark.saturating_add(1);
            } else {
                *known = Some(self.mean_w);
                self.dark = 0;
            }
        }
        // A clock that was set, or hours that the station slept through: nothing is in a row any more.
        if hour != over.saturating_add(1) {
            self.dark = 0;
        }
        (self.hour, self.count, self.mean_w, self.max_w) = (hour, 0, 0.0, 0.0);
        (self.dark >= GONE_HOURS && self.alarm.is_none()).then(|| {
            let alarm = Alarm {
                kind: AlarmKind::SunGone,
                reading: "solar_w".to_owned(),
                text: format!("nothing from the sun for {GONE_HOURS} hours that had sun the day before"),
                value: Some(0.0),
                limit: Some(limit),
                since: now,
            };
            self.alarm = Some(alarm.clone());
            PowerEvent::AlarmRaised(alarm)
        })
    }

    fn clear(&mut self, solar_w: f64) -> Option<PowerEvent> {
        if solar_w < self.limit() * BACK {
            return None;
        }
        self.dark = 0;
        let mut alarm = self.alarm.take()?;
        alarm.value = Some(solar_w);
        Some(PowerEvent::AlarmCleared(alarm))
    }
}
