//! A line in the host's log becomes a message on a socket and an event in the journal, once.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};

use serde_json::json;

use crate::harness::{Stage, Station, agent, repeater};

#[test]
fn appended_line_becomes_a_websocket_message() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let mut socket = station.socket(&repeater());
    assert!(socket.next()["snapshot"].is_object());

    log.call("G4KLX");

    let started = socket.event("qso_started");
    assert_eq!(started["data"]["callsign"], "G4KLX");
    assert_eq!(started["source"], "repeater");
    let ended = socket.event("qso_ended");
    assert_eq!(ended["data"]["duration_s"], 1.2);
    assert!(ended["seq"].as_u64() > started["seq"].as_u64());
}

#[test]
fn station_without_a_log_is_degraded_until_there_is_one() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
    assert_eq!(health["causes"][0]["subject"], "log", "{health:#}");
    stage.log().call("G4KLX");
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
}

#[test]
fn log_that_cannot_be_read_is_a_cause_of_degraded_health_in_words() {
    let stage = Stage::new();
    stage.log().call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
    let elsewhere = stage.path("elsewhere");
    fs::rename(stage.logs(), &elsewhere).unwrap();
    fs::write(stage.logs(), "").unwrap();
    let health = station.wait_for("/api/v1/health", |health| {
        let reason = health["causes"][0]["reason"].as_str();
        reason.is_some_and(|reason| reason.contains("cannot read"))
    });
    let path = stage.logs().display().to_string();
    assert!(
        health["causes"][0]["reason"].as_str().unwrap().contains(&path),
        "{health:#}"
    );
    assert_eq!(health["causes"][0]["subject"], "log");
    fs::remove_file(stage.logs()).unwrap();
    fs::rename(&elsewhere, stage.logs()).unwrap();
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
}

#[test]
fn log_level_that_hides_calls_is_a_cause_of_degraded_health_until_a_call_is_seen() {
    let stage = Stage::new();
    let mut log = stage.log();
    // FileLevel 3: what a host says when it starts, without the lines at the level of calls.
    log.info("General Parameters");
    log.info("MMDVM protocol version: 1, description: MMDVM_HS_Hat-v1.6.1");
    let station = Station::run(&stage);
    let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
    assert_eq!(health["causes"][0]["subject"], "log_level", "{health:#}");
    log.call("G4KLX");
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
}

#[test]
fn lines_of_no_known_form_are_counted_by_kind_and_visible() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    log.line("Flux capacitor, charged");
    log.raw("not a line of the host");
    log.call("G4KLX");
    let signals = station.wait_for("/api/v1/signals?source=repeater.parser", |page| {
        page["items"][0]["data"]["unknown_text"] == 1
    });
    let counts = &signals["items"][0]["data"];
    assert_eq!(
        (&counts["lines"], &counts["no_frame"]),
        (&json!(4), &json!(1)),
        "{counts:#}"
    );
}

#[test]
fn session_resumes_behind_the_position_it_names() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let mut socket = station.socket(&repeater());
    // From here on it is subscribed.
    assert!(socket.next()["snapshot"].is_object());
    log.call("M0ABC");
    let seen = socket.event("qso_ended")["seq"].clone();
    drop(socket);
    log.call("M0DEF");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "M0DEF");

    let mut socket = station.socket(&json!({ "subscribe": ["repeater"], "since": seen }));
    let ended = socket.event("qso_ended");
    assert_eq!(ended["data"]["callsign"], "M0DEF");
}

#[test]
fn sse_resumes_behind_the_last_event_id() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    for callsign in ["M0ABC", "M0DEF"] {
        log.call(callsign);
    }
    let page = station.wait_for("/api/v1/repeater/calls", |page| {
        page["items"].as_array().is_some_and(|calls| calls.len() == 2)
    });
    let first_call = page["items"][1]["seq"].as_u64().unwrap();

    let answer = agent()
        .get(station.url("/stream?subscribe=repeater.*"))
        .header("Last-Event-ID", first_call.to_string())
        .call()
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(answer.into_body().into_reader())
        .lines()
        .map(Result::unwrap);
    let ids: Vec<u64> = lines
        .by_ref()
        .take_while(|line| !line.contains("M0DEF") || !line.contains("qso_ended"))
        .filter_map(|line| line.strip_prefix("id: ").map(|id| id.parse().unwrap()))
        .collect();
    let expected: Vec<u64> = (first_call..first_call + u64::try_from(ids.len()).unwrap()).collect();
    assert_eq!(
        ids, expected,
        "the snapshot's position, then every event behind it, once"
    );
}

#[test]
fn unread_sockets_cost_no_memory_and_hold_nobody_up() {
    const CALLS: usize = 8000;
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let unread: Vec<_> = (0..5).map(|_| station.socket(&repeater())).collect();
    let before = station.resident_kb();
    for call in 0..CALLS {
        log.call(&format!("M{call:05}"));
    }
    let last = format!("M{:05}", CALLS - 1);
    station.wait_for("/api/v1/repeater/calls?limit=1", |page| {
        page["items"][0]["callsign"] == last.as_str()
    });

    let grown = station.resident_kb().saturating_sub(before);
    assert!(grown < 24_000, "{grown} kB more than before");
    // Whoever reads at last is told that it lagged, and then gets everything.
    let mut socket = unread.into_iter().next().unwrap();
    let mut next = 0;
    let mut lagged = false;
    while next < CALLS {
        let frame = socket.next();
        lagged |= frame["lagged"].is_object();
        if frame["event"]["type"] == "qso_ended" {
            assert_eq!(frame["event"]["data"]["callsign"], format!("M{next:05}"));
            next += 1;
        }
    }
    assert!(lagged, "{CALLS} calls fitted into a socket that nobody read");
}

#[test]
fn killed_station_has_every_call_once_after_its_restart() {
    let stage = Stage::new();
    let mut log = stage.log();
    let mut sent = Vec::new();
    for round in 0..3 {
        let mut station = Station::run(&stage);
        for call in 0..20 {
            let callsign = format!(
                "M{round}K{}{}",
                char::from(b'A' + call / 10),
                char::from(b'A' + call % 10)
            );
            log.call(&callsign);
            sent.push(callsign);
        }
        station.wait_for("/api/v1/repeater/calls?limit=1", |page| !page["items"][0].is_null());
        station.signal("-KILL");
        assert!(!station.wait_end().success());
    }
    let station = Station::run(&stage);
    let last = sent.last().unwrap().clone();
    station.wait_for("/api/v1/repeater/calls?limit=1", |page| {
        page["items"][0]["callsign"] == last.as_str()
    });
    let calls: Vec<String> = station
        .calls()
        .iter()
        .map(|call| call["callsign"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(calls, sent);
    assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), calls.len());
}
