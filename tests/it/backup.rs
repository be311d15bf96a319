//! A copy of the journal, taken while the station runs, is a whole station's memory.

use std::fs;

use crate::harness::{Stage, Station, stationd};

#[test]
fn backup_of_a_running_station_restores_every_call() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    for callsign in ["G4KLX", "M0ABC", "F4ABC"] {
        log.call(callsign);
    }
    station.wait_for("/api/v1/repeater/calls", |calls| {
        calls["items"].as_array().is_some_and(|calls| calls.len() == 3)
    });

    let copy = stage.path("copy.db");
    let backup = || {
        let mut command = stationd();
        command.arg("backup").arg(&copy).arg("--config").arg(stage.config());
        command.output().expect("it runs")
    };
    assert!(backup().status.success());
    assert_eq!(backup().status.code(), Some(1), "a copy was written over");

    let elsewhere = Stage::new();
    fs::copy(&copy, elsewhere.path("journal.db")).expect("restored");
    let restored = Station::run(&elsewhere);
    assert_eq!(restored.calls(), station.calls());
}
