//! Which readings are worth an event: those that left their dead band, and each now and then.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use model::power::{Measured, PowerValue};

use super::{Taken, between};

/// After how long a reading is told though it has not changed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(300);
/// Pause between two events of one device. What changes meanwhile is told behind it, as it is by then.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// The dead band as a part of the value that was told.
const BAND_PART: f64 = 0.01;
/// Most readings of one device; a device may make up names.
const MOST: usize = 512;

/// What was told of one device's readings, or of its settings.
#[derive(Debug, Default)]
pub(super) struct Telling {
    told: HashMap<String, (Measured, Instant)>,
    last: Option<Instant>,
}

impl Telling {
    /// What to tell of now.
    pub(super) fn changed(&mut self, now: Instant, taken: &[Taken]) -> Option<BTreeMap<String, Measured>> {
        let fresh = taken.iter().filter(|taken| !self.told.contains_key(&taken.name));
        let has_new = fresh.count() > 0 && self.told.len() < MOST;
        if !has_new && self.last.is_some_and(|last| between(last, now) < AT_MOST_EVERY) {
            return None;
        }
        let mut readings = BTreeMap::new();
        for taken in taken {
            if !self.is_news(now, taken) {
                continue;
            }
            self.told.insert(taken.name.clone(), (taken.measured.clone(), now));
            readings.insert(taken.name.clone(), taken.measured.clone());
        }
        if readings.is_empty() {
            return None;
        }
        self.last = Some(now);
        Some(readings)
    }

    fn is_news(&self, now: Instant, taken: &Taken) -> bool {
        let Some((told, at)) = self.told.get(&taken.name) else {
            return self.told.len() < MOST;
        };
        let changed = !taken.is_clock && has_left(told, &taken.measured);
        changed || between(*at, now) >= AT_LEAST_EVERY
    }
}

fn has_left(told: &Measured, now: &Measured) -> bool {
    match (
        told.value.as_ref().and_then(PowerValue::number),
        now.value.as_ref().and_then(PowerValue::number),
    ) {
        (Some(told), Some(value)) => (value - told).abs() > band(&now.unit).max(told.abs() * BAND_PART),
        _ => told.value != now.value,
    }
}

/// The least change of a quantity that anybody cares for, in its unit.
fn band(unit: &str) -> f64 {
    match unit {
        "V" => 0.02,
        "A" | "°C" | "Ah" => 0.5,
        "W" | "VA" => 10.0,
        "%" => 0.5,
        "Hz" => 0.1,
        _ => 0.0,
    }
}
