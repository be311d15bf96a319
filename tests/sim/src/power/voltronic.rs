//! The inverters of the Voltronic family that frame otherwise than PI30: PI16, and PI18 behind its caret.

use super::device::{INVERTER_SUN, closed, whole};
use super::plant::Plant;

/// Volts of the panels.
const PANELS_V: f64 = 120.5;

/// Answers QPIGS and QPI; refuses everything else. Asked without a check value, answered with one.
pub(super) fn pi16(plant: &Plant, command: &[u8]) -> Vec<u8> {
    let load = plant.load_w();
    let body = match command {
        b"QPI" => "(PI16".to_owned(),
        b"QPIGS" => format!(
            "(230.0 {load:06.0} 50.0 {:06.1} 230.0 {load:05.0} 50.0 {:05.1} {:03.0} 380.0 380.0 {:05.1} ---.- {:03.0} {:05.0} 00000 ----- {PANELS_V:05.1} 000.0 ---.- 041.0 D---110001",
            load / 230.0,
            load / 230.0,
            load / 50.0,
            plant.battery_v(),
            plant.charge_percent(),
            plant.solar_w() * INVERTER_SUN,
        ),
        _ => "(NAK".to_owned(),
    };
    closed(body.into_bytes())
}

/// Answers PI, GS and MOD; refuses everything else.
pub(super) fn pi18(plant: &Plant, command: &[u8]) -> Vec<u8> {
    let solar_w = plant.solar_w() * INVERTER_SUN;
    let body = match command {
        b"PI" => "18".to_owned(),
        b"MOD" => "05".to_owned(),
        b"GS" => format!(
            "0000,000,2300,500,{:04.0},{:04.0},{:03.0},{:03},000,000,{:03.0},{:03.0},{:03.0},041,000,000,{solar_w:04.0},0000,{:04.0},0000,0,2,0,1,0,2,1,0",
            plant.load_w() * 1.05,
            plant.load_w(),
            plant.load_w() / 50.0,
            whole(plant.battery_v() * 10.0),
            (-plant.battery_a()).max(0.0),
            plant.battery_a().max(0.0),
            plant.charge_percent(),
            PANELS_V * 10.0,
        ),
        _ => return closed(b"^0".to_vec()),
    };
    // The length counts what follows it, check value and end included.
    closed(format!("^D{:03}{body}", body.len() + 3).into_bytes())
}
