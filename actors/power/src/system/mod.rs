//! All devices together, as one power system.
//!
//! Pure: the devices as the signal board shows them and the time in, the system and its alarms out. What has to survive the
//! actor, the energy of the day and what is known of the sun, is in [`Memory`].

mod sun;
mod view;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::power::{AlarmOfDevice, PowerEvent, PowerSystem, Toward};
use serde::{Deserialize, Serialize};

use crate::SYSTEM;
use crate::config::{DeviceConfig, PowerConfig};
use crate::query::Device;
use crate::watch::Moment;
use sun::Sun;
use view::Charge;

/// Values are fresh for so many polls.
const FRESH_POLLS: f64 = 5.0;
/// And at least so long: what seldom changes is asked less often.
const FRESH_AT_LEAST: Duration = Duration::from_secs(30);
/// A gap longer than this is not bridged: nobody knows what went through meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(120);
/// How slowly the time that is left follows the current, in seconds: a kettle is not the rest of the night.
const CALM_S: f64 = 120.0;
/// Below this part of the capacity in an hour the battery is neither charged nor emptied.
const AT_REST: f64 = 0.002;
/// Longest time that is told: beyond it lies another week.
const LONGEST_S: f64 = 14.0 * 86_400.0;
/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// What the configuration says of a device, as far as the system wants to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    bank: String,
    capacity_ah: f64,
    fresh_for: Duration,
}

impl Member {
    fn of(device: &DeviceConfig) -> Member {
        Member {
            bank: device.bank.clone(),
            capacity_ah: device.capacity_ah,
            fresh_for: FRESH_AT_LEAST.max(Duration::from_secs_f64(device.poll_s * FRESH_POLLS)),
        }
    }
}

/// What survives the actor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The day by UTC, as year, month, day.
    day: Option<(i32, u8, u8)>,
    solar_wh: Option<f64>,
    load_wh: Option<f64>,
    sun: Sun,
}

/// The system over time.
#[derive(Debug)]
pub(crate) struct Overview {
    members: BTreeMap<String, Member>,
    memory: Memory,
    /// The powers of the moment before: sun and load.
    before: Option<(Instant, Option<f64>, Option<f64>)>,
    /// The current into the batteries, calmed.
    calm: Option<(Instant, f64)>,
}

impl Overview {
    pub(crate) fn new(config: &PowerConfig, memory: Memory) -> Overview {
        Overview {
            members: config
                .iter()
                .map(|(name, device)| (name.clone(), Member::of(device)))
                .collect(),
            memory,
            before: None,
            calm: None,
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The system as it is now, and what there is to tell of it.
    pub(crate) fn step(&mut self, now: Moment, devices: &[Device]) -> (PowerSystem, Vec<PowerEvent>) {
        let (mut system, charge) = view::look(now.at, &self.members, devices);
        self.add_energy(now, &system);
        (system.solar_wh_today, system.load_wh_today) = (self.memory.solar_wh, self.memory.load_wh);
        (system.remaining_s, system.toward) = self.remaining(now.steady, charge).unzip();
        let told = system.solar_w.and_then(|solar_w| self.memory.sun.take(now.at, solar_w));
        system.alarms.extend(self.memory.sun.alarm().map(|alarm| AlarmOfDevice {
            device: SYSTEM.to_owned(),
            alarm: alarm.clone(),
        }));
        (system, told.into_iter().collect())
    }

    fn add_energy(&mut self, now: Moment, system: &PowerSystem) {
        let today = now.at.utc_date();
        if self.memory.day.replace(today) != Some(today) {
            (self.memory.solar_wh, self.memory.load_wh) = (None, None);
        }
        let before = self.before.replace((now.steady, system.solar_w, system.load_w));
        let added = |before: Option<(Instant, Option<f64>)>, watts: Option<f64>| {
            let watts = watts?;
            let (since, earlier) = before?;
            let gap = now.steady.saturating_duration_since(since);
            (gap <= LONGEST_GAP).then_some(f64::midpoint(earlier?, watts) * gap.as_secs_f64() / HOUR)
        };
        let solar = added(before.map(|(since, solar_w, _)| (since, solar_w)), system.solar_w);
        let load = added(before.map(|(since, _, load_w)| (since, load_w)), system.load_w);
        for (sum, added) in [(&mut self.memory.solar_wh, solar), (&mut self.memory.load_wh, load)] {
            if let Some(added) = added {
                *sum = Some(sum.unwrap_or(0.0) + added);
            }
        }
    }

    /// Until full or empty, if it goes on like this.
    fn remaining(&mut self, now: Instant, charge: Option<Charge>) -> Option<(u64, Toward)> {
        let Some(charge) = charge else {
            self.calm = None;
            return None;
        };
        let calm_a = match self.calm {
            Some((since, calm_a)) => {
                let elapsed_s = now.saturating_duration_since(since).as_secs_f64();
                calm_a + (charge.into_a - calm_a) * (1.0 - (-elapsed_s / CALM_S).exp())
            }
            None => charge.into_a,
        };
        self.calm = Some((now, calm_a));
        if calm_a.abs() < charge.full_ah * AT_REST {
            return None;
        }
        let (hours, toward) = if calm_a > 0.0 {
            ((charge.full_ah - charge.left_ah).max(0.0) / calm_a, Toward::Full)
        } else {
            (charge.left_ah / -calm_a, Toward::Empty)
        };
        let seconds = Duration::try_from_secs_f64((hours * HOUR).clamp(0.0, LONGEST_S)).ok()?;
        Some((seconds.as_secs(), toward))
    }
}

/// Whether anybody would see a difference; the time alone is none.
pub(crate) fn is_news(shown: &PowerSystem, now: &PowerSystem) -> bool {
    let at = now.at;
    PowerSystem { at, ..shown.clone() } != *now
}

/// What a page shows of a figure: no more digits than it means.
pub(crate) fn rounded(mut system: PowerSystem) -> PowerSystem {
    let to = |value: &mut Option<f64>, steps: f64| {
        if let Some(value) = value {
            *value = (*value * steps).round() / steps;
        }
    };
    for watts in [
        &mut system.solar_w,
        &mut system.load_w,
        &mut system.grid_w,
        &mut system.battery_w,
    ] {
        to(watts, 1.0);
    }
    for energy in [&mut system.solar_wh_today, &mut system.load_wh_today] {
        to(energy, 1.0);
    }
    to(&mut system.charge_percent, 10.0);
    to(&mut system.battery_v, 100.0);
    for bank in &mut system.banks {
        to(&mut bank.charge_percent, 10.0);
        to(&mut bank.battery_v, 100.0);
        to(&mut bank.battery_a, 100.0);
    }
    system
}

#[cfg(test)]
mod tests;
