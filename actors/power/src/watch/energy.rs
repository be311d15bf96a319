//! What went through a device on one day: power over time, summed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::Timestamp;
use model::power::{EnergyDay, PowerEvent};
use serde::{Deserialize, Serialize};

use super::{Moment, Taken, between};
use crate::protocol::Role;

/// A gap longer than this is not bridged: nobody knows what went through meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(120);
/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// The sums of the day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Energy {
    /// The day by UTC, as year, month, day.
    day: Option<(i32, u8, u8)>,
    solar_wh: Option<f64>,
    load_wh: Option<f64>,
    /// The newest power by command and reading. Of this incarnation only: the time to the one before is not known.
    #[serde(skip)]
    newest: BTreeMap<(String, String), (Instant, f64)>,
}

impl Energy {
    /// The day that is over, if one is.
    pub(super) fn turn_day(&mut self, at: Timestamp) -> Option<PowerEvent> {
        let today = at.utc_date();
        let day = self.day.replace(today).filter(|day| *day != today)?;
        let (solar_wh, load_wh) = (self.solar_wh.take(), self.load_wh.take());
        let (year, month, date) = day;
        let over = EnergyDay {
            day: format!("{year:04}-{month:02}-{date:02}"),
            solar_wh,
            load_wh,
        };
        (solar_wh.is_some() || load_wh.is_some()).then_some(PowerEvent::EnergyDay(over))
    }

    /// Adds what went through since each reading was taken last.
    pub(super) fn add(&mut self, now: Moment, code: &str, taken: &[Taken]) {
        for taken in taken {
            // What the units of a parallel system say of themselves is in what the device says, or is counted with the system.
            let sum = match taken.role.filter(|_| taken.unit_number.is_none()) {
                Some(Role::SolarPower) => &mut self.solar_wh,
                Some(Role::LoadPower) => &mut self.load_wh,
                Some(_) | None => continue,
            };
            let Some(watts) = taken.number() else { continue };
            let name = (code.to_owned(), taken.name.clone());
            let added = match self.newest.insert(name, (now.steady, watts)) {
                Some((last, before)) if between(last, now.steady) <= LONGEST_GAP => {
                    f64::midpoint(before, watts) * between(last, now.steady).as_secs_f64() / HOUR
                }
                Some(_) | None => 0.0,
            };
            *sum = Some(sum.unwrap_or(0.0) + added);
        }
    }
}
