//! How a station ends.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::harness::{LIMIT, Stage, Station, repeater, stationd};

#[test]
fn terminated_station_ends_in_order_within_ten_seconds() {
    for signal in ["-TERM", "-INT"] {
        let stage = Stage::new();
        let mut station = Station::run(&stage);
        let mut socket = station.socket(&repeater());
        assert!(socket.next()["snapshot"].is_object());
        let begun = Instant::now();
        station.signal(signal);
        while socket.next_or_close().is_some() {}
        let status = station.wait_end();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(status.code(), Some(0), "{}", station.said());
    }
}

#[test]
fn second_station_on_the_same_journal_fails_with_the_reason() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let second = || {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        command.env("STATIOND__WEB__PORT", "0").output().unwrap()
    };
    let output = second();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another station runs"), "{said}");
    assert_eq!(station.get("/api/v1/health").0, 200);
}

#[test]
fn station_whose_journal_cannot_be_opened_fails_with_its_path() {
    let stage = Stage::new();
    let output = stationd()
        .arg("run")
        .arg("--config")
        .arg(stage.config())
        .env("STATIOND__WEB__PORT", "0")
        .env("STATIOND__JOURNAL__PATH", "/no/such/place.db")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("/no/such/place.db") && said.contains("journal.path"),
        "{said}"
    );
}

#[test]
fn second_station_on_the_same_port_fails_with_the_reason() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let port = station.address.rsplit(':').next().unwrap();
    let other = Stage::new();
    let output = stationd()
        .arg("run")
        .arg("--config")
        .arg(other.config())
        .env("STATIOND__WEB__PORT", port)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("in use") && said.contains(port), "{said}");
}

#[test]
fn process_manager_is_told_ready_alive_and_stopping() {
    let stage = Stage::new();
    let path = stage.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let hear = || {
        let mut buffer = [0; 256];
        let count = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).trim().to_owned()
    };
    let mut station = Station::run_under(&stage, &path);
    let mut heard = Vec::new();
    while !(heard.contains(&"READY=1".to_owned()) && heard.last().is_some_and(|last| last == "WATCHDOG=1")) {
        heard.push(hear());
    }
    station.signal("-TERM");
    while hear() != "STOPPING=1" {}
    assert!(station.wait_end().success());
}
