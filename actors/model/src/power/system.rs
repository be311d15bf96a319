//! All devices together: one power system.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Alarm;

/// Where a battery is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Toward {
    /// It is charged.
    Full,
    /// It is discharged.
    Empty,
}

/// The power system as it is now. What no device tells is null; what only some of those tell that should is null as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PowerSystem {
    /// When it was so, in milliseconds since 1970.
    pub at: i64,
    /// From the sun.
    pub solar_w: Option<f64>,
    /// Into the load.
    pub load_w: Option<f64>,
    /// From the grid; negative: into it.
    pub grid_w: Option<f64>,
    /// Into the batteries; negative: out of them.
    pub battery_w: Option<f64>,
    /// How full the batteries are.
    pub charge_percent: Option<f64>,
    /// Their voltage, where there is one bank.
    pub battery_v: Option<f64>,
    /// Until they are empty or full, if it goes on like this.
    pub remaining_s: Option<u64>,
    /// Which of the two.
    pub toward: Option<Toward>,
    /// From the sun since midnight, UTC.
    pub solar_wh_today: Option<f64>,
    /// Into the load since midnight, UTC.
    pub load_wh_today: Option<f64>,
    /// The batteries, by the bank that they form.
    pub banks: Vec<BatteryBank>,
    /// The inverters of parallel systems.
    pub units: Vec<SystemUnit>,
    /// What is wrong with any device, or with all of them together (`system`).
    pub alarms: Vec<AlarmOfDevice>,
    /// Devices whose values are too old to be counted.
    pub stale: Vec<String>,
}

/// Batteries side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatteryBank {
    /// Its name in the configuration.
    pub name: String,
    /// The devices that tell of it: batteries, or where there are none, inverters and chargers.
    pub devices: Vec<String>,
    /// How full it is.
    pub charge_percent: Option<f64>,
    /// Its voltage.
    pub battery_v: Option<f64>,
    /// Into it; negative: out of it.
    pub battery_a: Option<f64>,
    /// The lowest cell.
    pub cell_min_v: Option<f64>,
    /// The highest cell.
    pub cell_max_v: Option<f64>,
}

/// One inverter of several that work in parallel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemUnit {
    /// The device that tells of it.
    pub device: String,
    /// Its number.
    pub unit: u8,
    /// Its serial number.
    pub serial: Option<String>,
    /// What it is doing.
    pub mode: Option<String>,
    /// What it gives to the load.
    pub load_w: Option<f64>,
}

/// An alarm, and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlarmOfDevice {
    /// The device, or `system`.
    pub device: String,
    /// What is wrong.
    #[serde(flatten)]
    pub alarm: Alarm,
}
