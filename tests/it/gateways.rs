//! Gateways that write logs of their own: their links are told beside the host's calls, once, whoever dies meanwhile.

use std::fs::OpenOptions;
use std::io::Write;

use serde_json::Value;

use crate::harness::{Log, Stage, Station};

const FIRST_DAY: &str = "YSFGateway-2026-11-20.log";
const SECOND_DAY: &str = "YSFGateway-2026-11-21.log";

/// A stage whose station follows the gateway of System Fusion as well, in the host's directory.
fn stage() -> Stage {
    let stage = Stage::new();
    let mut config = OpenOptions::new()
        .append(true)
        .open(stage.config())
        .expect("a configuration");
    writeln!(config, "[repeater.gateways.ysf]").expect("written");
    stage
}

/// The rooms that events told of, in order.
fn told(station: &Station) -> Vec<Value> {
    let mut events = station.events("repeater");
    events.retain(|event| event["type"] == "link_changed");
    events
        .into_iter()
        .map(|event| event["data"]["target"].clone())
        .collect()
}

fn wait_linked(station: &Station, room: &str) {
    station.wait_for("/api/v1/repeater/links", |page| {
        let first = &page["items"][0];
        first["link"] == "ysf" && first["target"] == room
    });
}

#[test]
fn link_in_a_gateways_log_is_told_like_one_over_mqtt_and_again_after_midnight() {
    let stage = stage();
    stage.log().call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/health", |health| {
        let cause = &health["causes"][0];
        cause["subject"] == "repeater/gateways/ysf" && cause["reason"].as_str().unwrap().contains("YSFGateway")
    });
    let mut log = stage.log_named(FIRST_DAY);
    log.line("Starting YSFGateway-20230101");
    log.line("DMR Slot 2, received network voice header from X0FAKE to TG 9");
    log.line("Linked to ROOM-1");
    wait_linked(&station, "ROOM-1");
    log.line("Linked to ROOM-2");
    stage.log_named(SECOND_DAY).line("Linked to ROOM-3");
    wait_linked(&station, "ROOM-3");
    station.wait_for("/api/v1/health", |health| health["health"] == "well");

    assert_eq!(told(&station), ["ROOM-1", "ROOM-2", "ROOM-3"]);
    let mut calls = station.events("repeater");
    calls.retain(|event| event["type"] == "qso_started");
    assert_eq!(calls.len(), 1, "a gateway tells of no calls: {calls:#?}");
}

#[test]
fn links_are_told_once_by_stations_that_are_killed_and_started_again() {
    const ROUNDS: usize = 8;
    let stage = stage();
    let mut log = stage.log_named(FIRST_DAY);
    let mut rooms = Vec::new();
    let mut link = |log: &mut Log, room: String| {
        log.line(&format!("Linked to {room}"));
        rooms.push(room);
    };
    for round in 0..ROUNDS {
        let mut station = Station::run(&stage);
        if round == ROUNDS / 2 {
            log = stage.log_named(SECOND_DAY);
        }
        // Each life gets somewhere: lives that end again and again at the same line end by having it set aside.
        link(&mut log, format!("ROOM-{round}"));
        wait_linked(&station, &format!("ROOM-{round}"));
        for room in 0..50 {
            link(&mut log, format!("ROOM-{round}-{room}"));
        }
        station.signal("-KILL");
        station.wait_end();
        link(&mut log, format!("ROOM-{round}-unseen"));
    }
    let station = Station::run(&stage);
    wait_linked(&station, rooms.last().unwrap());
    assert_eq!(told(&station), rooms);
}
