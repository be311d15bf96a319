//! The diary of the supervisor tree in the journal: each beginning and each end, once, whoever was down meanwhile.

use serde_json::{Value, json};

use crate::harness::{Stage, Station};

/// What the kernel told of a child: `up 1`, or the reason of the end of an incarnation and its number.
fn told(station: &Station, path: &str) -> Vec<String> {
    let events = station.events("kernel");
    let of_tree = events
        .iter()
        .filter(|event| event["type"].as_str().unwrap().starts_with("child_"));
    let of_child = of_tree.map(|event| &event["data"]).filter(|data| data["path"] == path);
    let line = |data: &Value| format!("{} {}", data["reason"].as_str().unwrap_or("up"), data["incarnation"]);
    of_child.map(line).collect()
}

fn wait_told(station: &Station, path: &str, lines: &[&str]) {
    station.wait_for("/api/v1/health", |_| told(station, path).len() >= lines.len());
    assert_eq!(told(station, path), lines, "{path}");
}

#[test]
fn diary_begins_with_the_first_child_that_came_up() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    for path in [
        "journal",
        "repeater/state-machine",
        "repeater/parser",
        "repeater/log-tail",
        "repeater",
        "recorder",
        "web",
    ] {
        wait_told(&station, path, &["up 1"]);
    }
    let station_said = station.events("station");
    assert_eq!(station_said[0]["type"], "station_started");
}

#[test]
fn diary_tells_what_happened_while_its_recorder_was_down() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    wait_told(&station, "recorder", &["up 1"]);
    let operate = |path: &str, request: &str| {
        let (status, body) = station.post(&format!("/api/v1/actors/{path}/{request}"), &json!({}));
        assert_eq!(status, 200, "{body:#}");
    };
    operate("recorder", "stop");
    operate("repeater/log-tail", "restart");
    operate("recorder", "start");
    wait_told(&station, "recorder", &["up 1", "shutdown 1", "up 2"]);
    wait_told(&station, "repeater/log-tail", &["up 1", "shutdown 1", "up 2"]);
    let greetings = station.events("station");
    let greetings = greetings.iter().filter(|event| event["type"] == "station_started");
    assert_eq!(greetings.count(), 1, "a new recorder is no new station");
}
