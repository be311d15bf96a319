//! What is wrong, with hysteresis: an alarm is raised at its limit and cleared some way back from it.

use std::time::Duration;

use model::Timestamp;
use model::power::{Alarm, AlarmKind, PowerEvent, PowerValue, ReadingQuality};
use serde::{Deserialize, Serialize};

use super::Taken;
use crate::config::AlarmConfig;
use crate::protocol::Role;

/// A low battery has to rise above its limit by this part of it.
const VOLTAGE_BACK: f64 = 0.02;
/// Percent of charge above the limit.
const CHARGE_BACK: f64 = 3.0;
/// Degrees below the limit.
const TEMPERATURE_BACK: f64 = 3.0;
/// The part of the limit that the spread of the cells has to fall to.
const SPREAD_BACK: f64 = 0.8;
/// Cells below this voltage are not there: devices send zeros for the slots that are not used.
const CELL_THERE_V: f64 = 0.5;
/// The name under which the spread of the cells is told.
const SPREAD: &str = "cell_spread";
/// How the names of bits end that mean something is wrong.
const BITS: [(&str, AlarmKind); 2] = [("_fault", AlarmKind::Fault), ("_warning", AlarmKind::Warning)];

/// The alarms that are raised, in the order in which they were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Alarms(Vec<Alarm>);

/// A quantity at its limit.
struct Judgement<'a> {
    kind: AlarmKind,
    reading: &'a str,
    text: String,
    value: Option<f64>,
    limit: Option<f64>,
    /// `None`: between raising and clearing, as it was.
    is_wrong: Option<bool>,
}

impl Alarms {
    pub(super) fn raised(&self) -> Vec<Alarm> {
        self.0.clone()
    }

    /// What an answer raises and clears.
    pub(super) fn judge(&mut self, limits: &AlarmConfig, at: Timestamp, taken: &[Taken]) -> Vec<PowerEvent> {
        let mut judgements: Vec<Judgement<'_>> = taken.iter().filter_map(|taken| by_role(limits, taken)).collect();
        judgements.extend(taken.iter().filter_map(by_bit));
        judgements.extend(by_spread(limits, taken));
        judgements
            .into_iter()
            .filter_map(|judgement| self.follow(at, judgement))
            .collect()
    }

    /// A device that says nothing for too long.
    pub(super) fn silent(&mut self, limits: &AlarmConfig, at: Timestamp, silence: Duration) -> Option<PowerEvent> {
        let limit = limits.silent_s;
        let is_wrong = limit > 0.0 && silence.as_secs_f64() >= limit;
        self.follow(
            at,
            Judgement {
                kind: AlarmKind::DeviceSilent,
                reading: "",
                text: "the device says nothing".to_owned(),
                value: None,
                limit: Some(limit),
                is_wrong: (is_wrong || silence.is_zero()).then_some(is_wrong),
            },
        )
    }

    fn follow(&mut self, at: Timestamp, judgement: Judgement<'_>) -> Option<PowerEvent> {
        let same = |alarm: &Alarm| alarm.kind == judgement.kind && alarm.reading == judgement.reading;
        let raised = self.0.iter().position(same);
        match (raised, judgement.is_wrong?) {
            (None, true) => {
                let alarm = Alarm {
                    kind: judgement.kind,
                    reading: judgement.reading.to_owned(),
                    text: judgement.text,
                    value: judgement.value,
                    limit: judgement.limit,
                    since: at,
                };
                self.0.push(alarm.clone());
                Some(PowerEvent::AlarmRaised(alarm))
            }
            (Some(index), false) => {
                let mut alarm = self.0.remove(index);
                alarm.value = judgement.value;
                Some(PowerEvent::AlarmCleared(alarm))
            }
            (Some(_), true) | (None, false) => None,
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "few roles have a limit")]
fn by_role<'a>(limits: &AlarmConfig, taken: &'a Taken) -> Option<Judgement<'a>> {
    let value = taken.number()?;
    let (kind, limit, is_wrong, text) = match taken.role? {
        Role::BatteryVoltage => {
            let limit = limits.low_battery_v;
            let wrong = below(value, limit, limit * (1.0 + VOLTAGE_BACK));
            (
                AlarmKind::BatteryLowVoltage,
                limit,
                wrong,
                format!("battery at {value} V"),
            )
        }
        Role::StateOfCharge => {
            let limit = limits.low_charge_percent;
            let wrong = below(value, limit, limit + CHARGE_BACK);
            (
                AlarmKind::BatteryLowCharge,
                limit,
                wrong,
                format!("battery at {value} %"),
            )
        }
        Role::Temperature => {
            let limit = limits.high_temperature_c;
            let wrong = above(value, limit, limit - TEMPERATURE_BACK);
            (
                AlarmKind::OverTemperature,
                limit,
                wrong,
                format!("{} at {value} °C", words(&taken.name)),
            )
        }
        _ => return None,
    };
    Some(Judgement {
        kind,
        reading: &taken.name,
        text,
        value: Some(value),
        limit: Some(limit),
        is_wrong,
    })
}

fn by_spread<'a>(limits: &AlarmConfig, taken: &[Taken]) -> Option<Judgement<'a>> {
    let cells = taken
        .iter()
        .filter(|taken| taken.role == Some(Role::CellVoltage))
        .filter_map(Taken::number);
    let there: Vec<f64> = cells.filter(|volts| *volts > CELL_THERE_V).collect();
    let lowest = there.iter().copied().reduce(f64::min)?;
    let spread = there.iter().copied().reduce(f64::max)? - lowest;
    let limit = limits.cell_spread_v;
    Some(Judgement {
        kind: AlarmKind::CellImbalance,
        reading: SPREAD,
        text: format!("cells differ by {spread:.3} V"),
        value: Some(spread),
        limit: Some(limit),
        is_wrong: above(spread, limit, limit * SPREAD_BACK),
    })
}

fn by_bit(taken: &Taken) -> Option<Judgement<'_>> {
    // A device may make up names; only those of its protocol raise alarms, so that there is an end to them.
    if taken.quality != ReadingQuality::Good {
        return None;
    }
    let (_, kind) = BITS.iter().find(|(end, _)| taken.name.ends_with(end))?;
    let is_wrong = match taken.measured.value.as_ref()? {
        PowerValue::Int(bit) => *bit != 0,
        PowerValue::Text(bit) if bit == "1" => true,
        PowerValue::Text(bit) if bit == "0" => false,
        PowerValue::Text(_) | PowerValue::Number(_) => return None,
    };
    Some(Judgement {
        kind: *kind,
        reading: &taken.name,
        text: words(&taken.name),
        value: None,
        limit: None,
        is_wrong: Some(is_wrong),
    })
}

/// A limit of 0 is none, and clears what it may have raised before it was taken away.
fn below(value: f64, limit: f64, back: f64) -> Option<bool> {
    match () {
        () if limit <= 0.0 || value >= back => Some(false),
        () if value < limit => Some(true),
        () => None,
    }
}

fn above(value: f64, limit: f64, back: f64) -> Option<bool> {
    match () {
        () if limit <= 0.0 || value <= back => Some(false),
        () if value > limit => Some(true),
        () => None,
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}
