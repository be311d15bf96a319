//! What is known of the devices now, read from the signal board.

use std::collections::BTreeMap;

use journal::SignalBoard;
use model::Signal;
use model::power::{DeviceStatus, PowerReading, PowerSystem};
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
    read(signals, &[READINGS, SETTINGS])
}

/// The same without their settings, for who asks every second.
pub(crate) fn running(signals: &SignalBoard) -> Vec<Device> {
    read(signals, &[READINGS])
}

fn read(signals: &SignalBoard, wanted: &[&str]) -> Vec<Device> {
    let shown = signals.snapshot("power");
    let mut devices: BTreeMap<&str, Device> = BTreeMap::new();
    for signal in shown.iter().filter(|signal| &*signal.name == STATUS) {
        let name = signal.source.as_str().strip_prefix("power.");
        if let (Some(name), Ok(status)) = (name, serde_json::from_str(signal.data.get())) {
            let device = Device {
                name: name.to_owned(),
                status,
                readings: BTreeMap::new(),
                settings: BTreeMap::new(),
            };
            devices.insert(name, device);
        }
    }
    for signal in shown.iter().filter(|signal| wanted.contains(&&*signal.name)) {
        let name = signal.source.as_str().strip_prefix("power.").unwrap_or_default();
        let Some(device) = devices.get_mut(name) else { continue };
        let place = match &*signal.name {
            SETTINGS => &mut device.settings,
            _ => &mut device.readings,
        };
        *place = serde_json::from_str(signal.data.get()).unwrap_or_default();
    }
    devices.into_values().collect()
}

/// All devices together, once they have been looked at.
#[must_use]
pub fn system_now(signals: &SignalBoard) -> Option<PowerSystem> {
    let shown = signals.snapshot("power");
    let is_it = |signal: &&Signal| signal.source.as_str() == "power" && &*signal.name == SYSTEM;
    serde_json::from_str(shown.iter().find(is_it)?.data.get()).ok()
}
