//! The minute that is running: every reading of every poll, as minimum, mean, maximum and energy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::Timestamp;
use model::power::{MinuteReadings, PowerEvent, ReadingQuality, ReadingRole, Rollup};
use serde::{Deserialize, Serialize};

use crate::watch::{Moment, Taken};

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// A gap longer than this is not bridged: nobody knows what went through meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(120);
/// Seconds of an hour.
const HOUR: f64 = 3600.0;
/// Most series of one device.
const MOST: usize = 128;
/// Figures beyond this are no readings.
const BELIEVABLE: f64 = 1e12;
/// The cells of a battery are one series, so that a year of them is small: the lowest, the mean, the highest.
const CELLS: &str = "cell_voltage";
/// Cells below this voltage are not there: devices send zeros for the slots that are not used.
const CELL_THERE_V: f64 = 0.5;

/// What was read since the minute began. In the device's checkpoint: what is in it is stored with the events before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Gathering {
    /// Minutes since 1970.
    minute: Option<i64>,
    series: BTreeMap<String, Rollup>,
    /// The newest power by command and reading. Of this incarnation only: the time to the one before is not known.
    #[serde(skip)]
    newest: BTreeMap<(String, String), (Instant, f64)>,
}

impl Gathering {
    /// The minute that is over, if one is: forwards or back.
    pub(crate) fn turn(&mut self, at: Timestamp) -> Option<PowerEvent> {
        let now = at.unix_ms().div_euclid(MINUTE_MS);
        let over = self.minute.replace(now).filter(|minute| *minute != now)?;
        let mut series = std::mem::take(&mut self.series);
        series.values_mut().for_each(round);
        (!series.is_empty()).then(|| {
            PowerEvent::MinuteReadings(MinuteReadings {
                minute: Timestamp::from_unix_ms(over.saturating_mul(MINUTE_MS)),
                readings: series,
            })
        })
    }

    /// Takes what a poll has read. The minute has been turned before.
    pub(crate) fn add(&mut self, now: Moment, code: &str, taken: &[Taken]) {
        for taken in taken {
            let (Some(role), Some(value)) = (taken.role, taken.number()) else {
                continue;
            };
            if taken.quality != ReadingQuality::Good || !value.is_finite() || value.abs() > BELIEVABLE {
                continue;
            }
            let is_cell = role == ReadingRole::CellVoltage;
            if is_cell && value <= CELL_THERE_V {
                continue;
            }
            let energy_wh = is_power(role).then(|| self.went_through(now.steady, code, taken, value));
            let name = if is_cell { CELLS } else { &taken.name };
            let point = Rollup {
                unit: taken.measured.unit.clone(),
                role,
                count: 1,
                min: value,
                mean: value,
                max: value,
                energy_wh,
            };
            let has_place = self.series.len() < MOST;
            match self.series.get_mut(name) {
                Some(known) => known.merge(&point),
                None if has_place => {
                    self.series.insert(name.to_owned(), point);
                }
                None => {}
            }
        }
    }

    /// Watt hours since this reading was taken last.
    fn went_through(&mut self, now: Instant, code: &str, taken: &Taken, watts: f64) -> f64 {
        let name = (code.to_owned(), taken.name.clone());
        match self.newest.insert(name, (now, watts)) {
            Some((last, before)) => {
                let gap = now.saturating_duration_since(last);
                let bridged = gap <= LONGEST_GAP;
                f64::from(u8::from(bridged)) * f64::midpoint(before, watts) * gap.as_secs_f64() / HOUR
            }
            None => 0.0,
        }
    }
}

/// To the thousandth, as the history keeps it.
fn round(rollup: &mut Rollup) {
    let figures = [&mut rollup.min, &mut rollup.mean, &mut rollup.max];
    for value in figures.into_iter().chain(&mut rollup.energy_wh) {
        *value = (*value * 1000.0).round() / 1000.0;
    }
}

fn is_power(role: ReadingRole) -> bool {
    [
        ReadingRole::SolarPower,
        ReadingRole::LoadPower,
        ReadingRole::GridPower,
        ReadingRole::GridFeedPower,
        ReadingRole::BatteryPower,
    ]
    .contains(&role)
}

#[cfg(test)]
mod tests {
    use model::power::{Measured, PowerValue};

    use super::*;

    const START: i64 = 1_800_000_000_000;

    fn reading(name: &str, role: ReadingRole, value: f64) -> Taken {
        Taken {
            name: name.to_owned(),
            measured: Measured {
                value: Some(PowerValue::Number(value)),
                unit: "W".to_owned(),
                gap: None,
            },
            quality: ReadingQuality::Good,
            role: Some(role),
            unit_number: None,
            is_clock: false,
        }
    }

    struct Life {
        gathering: Gathering,
        began: Instant,
        told: Vec<MinuteReadings>,
    }

    impl Life {
        fn new() -> Life {
            Life {
                gathering: Gathering::default(),
                began: Instant::now(),
                told: Vec::new(),
            }
        }

        /// A poll at this second, by a wall clock that is off by so many seconds.
        fn poll(&mut self, second: u64, off_s: i64, taken: &[Taken]) {
            let ms = START + i64::try_from(second).unwrap() * 1000 + off_s * 1000;
            let now = Moment {
                at: Timestamp::from_unix_ms(ms),
                steady: self.began + Duration::from_secs(second),
            };
            if let Some(PowerEvent::MinuteReadings(minute)) = self.gathering.turn(now.at) {
                self.told.push(minute);
            }
            self.gathering.add(now, "QPIGS", taken);
        }

        fn solar(&mut self, second: u64, off_s: i64, watts: f64) {
            self.poll(second, off_s, &[reading("pv", ReadingRole::SolarPower, watts)]);
        }

        fn wh(&self) -> f64 {
            let told = self.told.iter().filter_map(|minute| minute.readings.get("pv"));
            let running = self.gathering.series.get("pv");
            told.chain(running).filter_map(|rollup| rollup.energy_wh).sum()
        }
    }

    #[test]
    fn minute_is_told_once_it_is_over_with_min_mean_max_and_energy() {
        let mut life = Life::new();
        for second in 0..=60 {
            life.solar(second, 0, if second < 30 { 100.0 } else { 300.0 });
        }
        let [minute] = life.told.as_slice() else {
            panic!("{:?}", life.told)
        };
        assert_eq!(minute.minute.unix_ms(), START);
        let pv = &minute.readings["pv"];
        assert_eq!((pv.count, pv.min, pv.mean, pv.max), (60, 100.0, 200.0, 300.0));
        // 29 s of 100 W, one of 200 W, 29 s of 300 W.
        assert!((pv.energy_wh.unwrap() - 11_800.0 / HOUR).abs() < 0.001);
    }

    #[test]
    fn gap_is_not_bridged() {
        let mut life = Life::new();
        life.solar(0, 0, 1000.0);
        life.solar(121, 0, 1000.0);
        assert!(life.wh().abs() < 1e-9);
        life.solar(241, 0, 1000.0);
        assert!((life.wh() - 1000.0 * 120.0 / HOUR).abs() < 0.001);
    }

    #[test]
    fn clock_that_jumps_changes_no_energy() {
        let mut life = Life::new();
        for second in 0..600 {
            let off = if (200..400).contains(&second) { -7200 } else { 90_000 };
            life.solar(second, off, 3600.0);
        }
        assert!((life.wh() - 599.0).abs() < 0.01, "{}", life.wh());
    }

    #[test]
    fn memory_that_is_taken_up_again_counts_nothing_twice() {
        let mut life = Life::new();
        for second in 0..30 {
            life.solar(second, 0, 3600.0);
        }
        let kept = serde_json::to_string(&life.gathering).unwrap();
        life.gathering = serde_json::from_str(&kept).unwrap();
        for second in 40..70 {
            life.solar(second, 0, 3600.0);
        }
        assert!((life.wh() - 29.0 - 29.0).abs() < 0.01, "{}", life.wh());
        assert_eq!(life.told[0].readings["pv"].count, 50);
    }

    #[test]
    fn cells_are_one_series_and_what_is_no_number_or_has_no_role_is_none() {
        let mut life = Life::new();
        let cell = |name: &str, volts| reading(name, ReadingRole::CellVoltage, volts);
        let mut nameless = reading("x", ReadingRole::SolarPower, 1.0);
        nameless.role = None;
        let cells = [cell("cell_01", 3.3), cell("cell_02", 3.4), cell("cell_03", 0.0)];
        life.poll(0, 0, &cells);
        life.poll(1, 0, &[nameless, reading("nan", ReadingRole::SolarPower, f64::NAN)]);
        let series = &life.gathering.series;
        assert_eq!(series.keys().collect::<Vec<_>>(), [CELLS]);
        assert_eq!(
            (series[CELLS].min, series[CELLS].max, series[CELLS].count),
            (3.3, 3.4, 2)
        );
    }

    #[test]
    fn device_that_makes_up_names_has_no_more_than_so_many_series() {
        let mut life = Life::new();
        let names: Vec<Taken> = (0..1000)
            .map(|n| reading(&format!("x{n}"), ReadingRole::Switch, 1.0))
            .collect();
        life.poll(0, 0, &names);
        assert_eq!(life.gathering.series.len(), MOST);
    }
}
