//! What is known of the devices now, read from the signal board.

use std::collections::BTreeMap;

use journal::SignalBoard;
use model::power::{DeviceStatus, PowerReading, PowerSystem};
use model::{Signal, Source};
use serde::Serialize;
use utoipa::ToSchema;

use crate::SYSTEM;
use crate::device::{READINGS, SETTINGS, STATUS};

/// A device with its newest readings.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PowerDevice)]
pub struct Device {
    /// Its name in the configuration.
    pub name: String,
    /// How it is.
    #[serde(flatten)]
    pub status: DeviceStatus,
    /// By name; each with the time at which it was read.
    pub readings: BTreeMap<String, PowerReading>,
    /// By name, likewise.
    pub settings: BTreeMap<String, PowerReading>,
}

/// Every device that has shown itself, by name.
#[must_use]
pub fn devices(signals: &SignalBoard) -> Vec<Device> {
    let shown = signals.snapshot("power");
    let values = |source: &Source, name: &str| {
        let is_it = |signal: &&Signal| signal.source == *source && &*signal.name == name;
        let signal = shown.iter().find(is_it)?;
        serde_json::from_str(signal.data.get()).ok()
    };
    let device = |signal: &Signal| {
        Some(Device {
            name: signal.source.as_str().strip_prefix("power.")?.to_owned(),
            status: serde_json::from_str(signal.data.get()).ok()?,
            readings: values(&signal.source, READINGS).unwrap_or_default(),
            settings: values(&signal.source, SETTINGS).unwrap_or_default(),
        })
    };
    let mut devices: Vec<Device> = shown
        .iter()
        .filter(|signal| &*signal.name == STATUS)
        .filter_map(device)
        .collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    devices
}

/// All devices together, once they have been looked at.
#[must_use]
pub fn system_now(signals: &SignalBoard) -> Option<PowerSystem> {
    let shown = signals.snapshot("power");
    let is_it = |signal: &&Signal| signal.source.as_str() == "power" && &*signal.name == SYSTEM;
    serde_json::from_str(shown.iter().find(is_it)?.data.get()).ok()
}
