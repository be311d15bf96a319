//! The words of the power system: devices, their readings and their alarms, as the journal and the API tell them.

mod system;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{EventData, Timestamp};

pub use system::{AlarmOfDevice, BatteryBank, PowerSystem, SystemUnit, Toward};

/// The type of the event that has [`MinuteReadings`].
pub const MINUTE_READINGS: &str = "minute_readings";

/// A value as a device gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum PowerValue {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Number(f64),
    /// A word.
    Text(String),
}

impl PowerValue {
    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            // Devices send 32 bits at most; nothing is lost below 2^53.
            PowerValue::Int(value) => Some(*value as f64),
            PowerValue::Number(value) => Some(*value),
            PowerValue::Text(_) => None,
        }
    }
}

/// A value with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Measured {
    /// `null`: the device has no such value, see `gap`.
    pub value: Option<PowerValue>,
    /// The unit, empty where there is none.
    pub unit: String,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
}

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceClass {
    /// Makes mains of a battery, and charges it.
    Inverter,
    /// A battery with its management.
    Battery,
    /// Charges a battery from the sun.
    Charger,
    /// Only measures.
    Meter,
}

/// What a reading is for the station, whatever the protocol calls it. What goes into the battery is
/// `battery_current` + `battery_charge_current` - `battery_discharge_current`, those of them that a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadingRole {
    /// The voltage of the whole battery.
    BatteryVoltage,
    /// Into the battery; negative: out of it.
    BatteryCurrent,
    /// Into the battery.
    BatteryChargeCurrent,
    /// Out of the battery. Negative, where a device has this current alone: into it.
    BatteryDischargeCurrent,
    /// Into the battery; negative: out of it.
    BatteryPower,
    /// How full the battery is, in percent.
    StateOfCharge,
    /// What is left in the battery.
    RemainingCapacity,
    /// What the battery holds when it is full.
    FullCapacity,
    /// The voltage of one cell.
    CellVoltage,
    /// How warm something is that must not get hot.
    Temperature,
    /// What comes from the sun. Where a device has several, they add up.
    SolarPower,
    /// Of the panels.
    SolarVoltage,
    /// What goes to the load. Where a device has several, they add up.
    LoadPower,
    /// The same, with what only swings to and fro.
    LoadApparentPower,
    /// Out of the battery's voltage to the load.
    LoadCurrent,
    /// How much of what it can carry.
    LoadPercent,
    /// Of the output.
    OutputVoltage,
    /// Of the output.
    OutputFrequency,
    /// From the grid; negative: into it.
    GridPower,
    /// Into the grid.
    GridFeedPower,
    /// Of the grid.
    GridVoltage,
    /// Of the grid.
    GridFrequency,
    /// What the device is doing, in words.
    Mode,
    /// Its serial number.
    Serial,
    /// Something that is on (1) or off (0).
    Switch,
}

/// How far a value can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadingQuality {
    /// As the protocol describes it.
    Good,
    /// A code that the protocol has no words for.
    Unlisted,
    /// A field that the protocol does not describe.
    Undescribed,
    /// There is no value.
    Missing,
}

/// The newest reading of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PowerReading {
    /// What was read.
    #[serde(flatten)]
    pub measured: Measured,
    /// When it was read.
    pub at: Timestamp,
    /// How far to rely on it.
    pub quality: ReadingQuality,
    /// What it is for the station, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ReadingRole>,
    /// The unit of a parallel system that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_number: Option<u8>,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// Its port cannot be opened.
    Disconnected,
    /// The port is open, and nothing has answered yet.
    Probing,
    /// It answers.
    Online,
    /// It answers, but not everything that it is asked.
    Degraded,
    /// The port is open, and nothing answers any more.
    Offline,
}

/// How well the line works: counts since the device's actor began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineQuality {
    /// Questions that were answered.
    pub answered: u64,
    /// Questions that were given up after all tries.
    pub failed: u64,
    /// Questions that the device refused.
    pub refused: u64,
    /// Tries beyond the first of each question.
    pub retries: u64,
    /// Tries that met with silence.
    pub silent: u64,
    /// Answers that were damaged on the way.
    pub damaged: u64,
    /// From the last question to its answer, in milliseconds.
    pub round_trip_ms: Option<u64>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The battery's voltage is low.
    BatteryLowVoltage,
    /// The battery's charge is low.
    BatteryLowCharge,
    /// Something is too hot.
    OverTemperature,
    /// The cells of a battery differ too much.
    CellImbalance,
    /// The device reports a fault.
    Fault,
    /// The device reports a warning.
    Warning,
    /// The device says nothing.
    DeviceSilent,
    /// Nothing comes from the sun, at hours when it did the day before.
    SunGone,
}

/// An alarm, raised or cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// The reading that says so; empty for a silent device.
    pub reading: String,
    /// In words.
    pub text: String,
    /// The value that raised or cleared it.
    pub value: Option<f64>,
    /// The configured limit, where there is one.
    pub limit: Option<f64>,
    /// Since when.
    pub since: Timestamp,
}

/// A device as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceStatus {
    /// What it speaks.
    pub protocol: String,
    /// What it is for.
    pub class: DeviceClass,
    /// Where it is.
    pub port: String,
    /// Whether it is there.
    pub state: DeviceState,
    /// Since when that is so.
    pub since: Timestamp,
    /// Attempts to open its port since it was lost.
    pub attempts: u32,
    /// When the next attempt is made.
    pub next_try: Option<Timestamp>,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// The alarms that are raised.
    pub alarms: Vec<Alarm>,
    /// How well the line works.
    pub quality: LineQuality,
}

/// A device answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceOnline {
    /// What it speaks.
    pub protocol: String,
}

/// A device is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceOffline {
    /// Why, in words.
    pub reason: String,
}

/// Readings that have changed by more than their dead band, or were not told for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadingChanged {
    /// By name.
    pub readings: BTreeMap<String, Measured>,
}

/// Settings of a device that have changed since they were told, or were not told for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingChanged {
    /// By name.
    pub settings: BTreeMap<String, Measured>,
}

/// What went through a device on one day, by UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnergyDay {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// From the sun, if the device knows.
    pub solar_wh: Option<f64>,
    /// Into the load, if the device knows.
    pub load_wh: Option<f64>,
}

/// What one reading was over some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollup {
    /// The unit, empty where there is none.
    pub unit: String,
    /// What it is for the station.
    pub role: ReadingRole,
    /// How often it was read.
    pub count: u32,
    /// The lowest.
    pub min: f64,
    /// The mean of all.
    pub mean: f64,
    /// The highest.
    pub max: f64,
    /// Of a power: what went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_wh: Option<f64>,
}

impl Rollup {
    /// Takes in what the same reading was at another time.
    pub fn merge(&mut self, other: &Rollup) {
        let count = self.count.saturating_add(other.count).max(1);
        let part = f64::from(other.count) / f64::from(count);
        self.mean += (other.mean - self.mean) * part;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count = count;
        self.energy_wh = match (self.energy_wh, other.energy_wh) {
            (Some(mine), Some(theirs)) => Some(mine + theirs),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

/// What the readings of a device were in one minute, from every poll.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MinuteReadings {
    /// When the minute began.
    pub minute: Timestamp,
    /// By name; the cells of a battery as one.
    pub readings: BTreeMap<String, Rollup>,
}

/// A fact about a device. In the journal it is the payload alone; the kind is the event's `type`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PowerEvent {
    /// A device answers that did not.
    Online(DeviceOnline),
    /// A device does not answer any more.
    Offline(DeviceOffline),
    /// Readings changed.
    ReadingChanged(ReadingChanged),
    /// Settings changed.
    SettingChanged(SettingChanged),
    /// Something is wrong.
    AlarmRaised(Alarm),
    /// It is right again.
    AlarmCleared(Alarm),
    /// A day is over.
    EnergyDay(EnergyDay),
    /// A minute is over.
    MinuteReadings(MinuteReadings),
}

impl EventData for PowerEvent {
    fn event_type(&self) -> &'static str {
        match self {
            PowerEvent::Online(_) => "device_online",
            PowerEvent::Offline(_) => "device_offline",
            PowerEvent::ReadingChanged(_) => "reading_changed",
            PowerEvent::SettingChanged(_) => "setting_changed",
            PowerEvent::AlarmRaised(_) => "alarm_raised",
            PowerEvent::AlarmCleared(_) => "alarm_cleared",
            PowerEvent::EnergyDay(_) => "energy_day",
            PowerEvent::MinuteReadings(_) => MINUTE_READINGS,
        }
    }
}
