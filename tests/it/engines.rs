//! Every way of framing over a line with faults: a simulated device on a pseudo-terminal for each, one station for all.

use std::time::Duration;

use serde_json::Value;
use sim::power::{DeviceKind, Faults};

use crate::harness::{Stage, Station};
use crate::plug::{Plug, append, configure};

/// Engine, device, protocol, what to ask, and the reading with the battery's voltage.
const DEVICES: [(&str, DeviceKind, &str, &str, &str); 9] = [
    ("voltronic-q", DeviceKind::Pi30, "pi30", "QPIGS", "battery_voltage"),
    ("pi16", DeviceKind::Pi16, "pi16", "QPIGS", "positive_battery_voltage"),
    ("caret", DeviceKind::Pi18, "pi18", "GS", "battery_voltage"),
    ("daly-a5", DeviceKind::Daly, "daly40", "SOC", "battery_bank_voltage"),
    (
        "jk-nw",
        DeviceKind::JkNw,
        "jkserial",
        "getBalancerData",
        "battery_voltage",
    ),
    ("jk-pb", DeviceKind::JkPb, "jkpb", "getCellData", "battery_voltage"),
    (
        "jk-485",
        DeviceKind::JkBalancer,
        "jk485",
        "getBalancerData",
        "total_battery_voltage",
    ),
    ("dd-77", DeviceKind::Jbd, "jbd", "basicInfo", "battery_voltage"),
    ("modbus", DeviceKind::Smg2, "smg2", "live", "battery_voltage"),
];
/// What the simulated battery of 16 cells can have, in volts.
const POSSIBLE_V: std::ops::Range<f64> = 48.0..58.0;

#[test]
fn every_engine_reads_its_device_over_a_line_that_splits_delays_and_damages() {
    let stage = Stage::new();
    let faults = Faults {
        latency: Duration::from_millis(15),
        corrupt_percent: 15,
        split: 7,
        ..Faults::default()
    };
    let plugs = DEVICES.map(|(name, kind, protocol, command, _)| {
        configure(&stage, name, protocol, 0.2);
        append(&stage, &format!("status = [{command:?}]"));
        Plug::in_at(&stage.path(name), kind, faults.clone())
    });
    let station = Station::run(&stage);
    for (name, _, _, _, reading) in DEVICES {
        let path = format!("/api/v1/power/{name}");
        let device = station.wait_for(&path, |device| {
            let count = |of: &str| device["quality"][of].as_u64() >= Some(1);
            device["state"] == "online" && count("damaged") && device["readings"][reading]["value"].is_number()
        });
        let volts = device["readings"][reading]["value"].as_f64().unwrap();
        assert!(POSSIBLE_V.contains(&volts), "{name}: {volts} V");
        let told = station
            .get(&format!("/api/v1/events?source=power.{name}&since=0&limit=1000"))
            .1;
        let told = told["items"].as_array().unwrap().iter();
        for volts in told.filter_map(|event| event["data"]["readings"][reading]["value"].as_f64()) {
            assert!(POSSIBLE_V.contains(&volts), "{name} told {volts} V");
        }
        assert_ne!(device["class"], Value::Null);
    }
    drop(plugs);
}
