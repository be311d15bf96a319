//! JK PB batteries: the record says what it is, whichever was asked for.

use std::collections::HashMap;

use stationd_power::{Library, Value};

use crate::frames::{bytes, samples};

/// What each request of the samples reads from each record.
fn read(asked: &str, answered: &str) -> HashMap<String, Option<f64>> {
    let mut library = Library::new();
    let protocol = library.get("jkpb").unwrap();
    let request = protocol.request(asked).unwrap();
    let sample = samples()
        .into_iter()
        .find(|sample| sample.protocol == "jkpb" && sample.command == answered);
    let frame = bytes(&sample.unwrap().response_hex);
    let readings = request.decode(&frame).unwrap();
    let number = |value: &Value<'_>| match value {
        Value::Missing(_) | Value::Text(_) => None,
        Value::Int(value) => Some(f64::from(i32::try_from(*value).unwrap())),
        Value::Number(value) => Some(*value),
    };
    readings
        .iter()
        .map(|reading| (reading.name.to_string(), number(&reading.value)))
        .collect()
}

#[test]
fn record_of_a_pb_battery_is_read_by_its_type_whichever_was_asked_for() {
    // The recorded answers to the questions for cells and settings have changed places.
    for asked in ["getBalancerData", "getAdditionalInfo", "getCellData"] {
        let cells = read(asked, "getAdditionalInfo");
        assert_eq!(cells["voltage_cell01"], Some(3.357), "{asked}");
        assert_eq!(cells["battery_voltage"], Some(26.852));
        assert_eq!(cells["battery_current"], Some(17.841));
        assert_eq!(cells["percent_remain"], Some(88.0));
        let settings = read(asked, "getCellData");
        assert_eq!(settings["cell_overvoltage_protection"], Some(3.65), "{asked}");
        assert_eq!(settings["cell_count"], Some(8.0));
        assert_eq!(settings["capacity_setting"], Some(220.0));
        assert_eq!(settings["charge_undertemperature_protection"], Some(-10.0));
        let device = read(asked, "getBalancerData");
        assert_eq!(device["power-on_times"], Some(452.0), "{asked}");
        assert!(device.contains_key("serial_number") && !device.contains_key("cell_count"));
    }
}
