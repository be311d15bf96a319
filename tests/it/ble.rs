//! A battery by Bluetooth: the real binary at a BlueZ of our own.

use serde_json::Value;
use sim::bluez::Bluez;
use sim::power::Plant;

use crate::harness::{Stage, Station};
use crate::plug::configure_at;

const BATTERY: &str = "C8:47:8C:E1:2F:0A";

fn wait_for_state(station: &Station, state: &str) -> Value {
    station.wait_for("/api/v1/power/battery", |device| device["state"] == state)
}

#[test]
fn battery_by_bluetooth_is_read_lost_and_found_again() {
    let bluez = Bluez::start(BATTERY, Plant::new(12.0, 0.5)).expect("dbus-daemon (Debian: dbus-daemon) starts");
    let stage = Stage::new();
    configure_at(&stage, "battery", "jk02_32", 0.3, &format!("ble://{BATTERY}"));
    let station = Station::run_with(&stage, "DBUS_SYSTEM_BUS_ADDRESS", bluez.bus());

    let device = station.wait_for("/api/v1/power/battery", |device| {
        device["quality"]["answered"].as_u64() >= Some(4)
    });
    let readings = &device["readings"];
    let volts = readings["battery_voltage"]["value"].as_f64().unwrap();
    assert!((50.0..54.0).contains(&volts), "{readings:#}");
    assert_eq!(readings["percent_remain"]["value"], 50, "{readings:#}");
    assert_eq!(device["settings"]["device_model"]["value"], "JK_B2A24S15P");
    assert_eq!(
        device["quality"]["damaged"], 0,
        "pieces of 20 bytes are joined: {device:#}"
    );
    assert_eq!(bluez.connections(), 1);

    bluez.set_here(false);
    wait_for_state(&station, "disconnected");
    bluez.set_here(true);
    wait_for_state(&station, "online");
    assert_eq!(
        bluez.connections(),
        2,
        "one connection at a time, and no more than it takes"
    );

    let told = station.events("power.battery");
    let told: Vec<&str> = told
        .iter()
        .filter_map(|event| event["type"].as_str())
        .filter(|kind| kind.starts_with("device"))
        .collect();
    assert_eq!(told, ["device_online", "device_offline", "device_online"]);
}
