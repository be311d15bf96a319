//! What an operator does to the tree while the station works.

use std::thread;

use serde_json::{Value, json};

use crate::harness::{Stage, Station, repeater};

fn node<'a>(tree: &'a Value, path: &str) -> &'a Value {
    let mut open = vec![tree];
    while let Some(node) = open.pop() {
        if node["path"] == path {
            return node;
        }
        open.extend(node["children"].as_array().into_iter().flatten());
    }
    panic!("{path} is not in {tree:#}");
}

#[test]
fn restart_of_the_parser_while_calls_come_in_loses_and_doubles_none() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let before = station.get("/api/v1/actors").1;
    let writer = thread::spawn(move || {
        let mut sent = Vec::new();
        for call in 0..200_u32 {
            let callsign = format!("M0{call:03}");
            log.call(&callsign);
            sent.push(callsign);
            thread::park_timeout(std::time::Duration::from_millis(5));
        }
        sent
    });
    for _ in 0..3 {
        let (status, done) = station.post("/api/v1/actors/repeater/parser/restart", &json!({ "why": "test" }));
        assert_eq!((status, &done["outcome"]), (200, &json!("up")), "{done:#}");
    }
    let sent = writer.join().unwrap();
    let last = sent.last().unwrap().as_str();
    station.wait_for("/api/v1/repeater/calls?limit=1", |page| {
        page["items"][0]["callsign"] == last
    });

    let calls: Vec<String> = station
        .calls()
        .iter()
        .map(|call| call["callsign"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(calls, sent);
    let after = station.get("/api/v1/actors").1;
    let incarnation = |tree: &Value, path: &str| node(tree, path)["incarnation"].as_u64().unwrap();
    for path in ["repeater/parser", "repeater/log-tail"] {
        assert_eq!(
            incarnation(&after, path),
            incarnation(&before, path) + 3,
            "{path} goes along"
        );
    }
    assert_eq!(
        incarnation(&after, "repeater/state-machine"),
        incarnation(&before, "repeater/state-machine")
    );
}

#[test]
fn operator_request_is_in_the_journal_with_who_and_why() {
    let stage = Stage::new();
    stage.log().call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
    let reason = json!({ "who": "Ann", "why": "antenna work" });
    let (status, done) = station.post("/api/v1/actors/repeater/log-tail/stop", &reason);
    assert_eq!((status, &done["outcome"]), (200, &json!("down")), "{done:#}");
    let steps = station.events("gate");
    let types: Vec<&str> = steps.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["command_requested", "command_executing", "command_done"]);
    let command = &steps[2]["data"];
    assert_eq!(
        (&command["target"], &command["verb"], &command["requested_by"]),
        (&json!("repeater/log-tail"), &json!("actor.hold"), &json!("local"))
    );
    assert_eq!(
        (&command["origin"], &command["reason"]),
        (&json!("Ann, 127.0.0.1"), &json!("antenna work"))
    );

    let health = station.wait_for("/api/v1/health", |health| health["health"] != "well");
    assert_eq!(health["health"], "degraded", "{health:#}");
    assert_eq!(health["causes"][0]["subject"], "repeater/log-tail");
    let (status, _) = station.post("/api/v1/actors/repeater/log-tail/start", &Value::Null);
    assert_eq!(status, 200);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
}

#[test]
fn journal_held_down_and_started_again_loses_no_call() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    log.call("M0AAA");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "M0AAA");
    let (status, done) = station.post("/api/v1/actors/journal/stop", &Value::Null);
    assert_eq!((status, &done["outcome"]), (200, &json!("down")), "{done:#}");
    log.call("M0BBB");
    let (status, page) = station.get("/api/v1/repeater/calls");
    assert_eq!(
        (status, &page["items"][0]["callsign"]),
        (200, &json!("M0AAA")),
        "reading goes on"
    );

    let (status, done) = station.post("/api/v1/actors/journal/start", &Value::Null);
    assert_eq!((status, &done["outcome"]), (200, &json!("up")), "{done:#}");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "M0BBB");
    assert_eq!(station.calls().len(), 2);
}

#[test]
fn server_restarts_itself_without_refusing_a_connection() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let mut socket = station.socket(&repeater());
    let before = node(&station.get("/api/v1/actors").1, "web")["incarnation"]
        .as_u64()
        .unwrap();
    let (status, done) = station.post("/api/v1/actors/web/restart", &Value::Null);
    assert_eq!((status, &done["outcome"]), (202, &json!("accepted")));
    while socket.next_or_close().is_some() {}
    let tree = station.wait_for("/api/v1/actors", |tree| {
        node(tree, "web")["incarnation"].as_u64() > Some(before)
    });
    assert_eq!(node(&tree, "web")["incarnation"], before + 1);
    let mut socket = station.socket(&repeater());
    // From here on it is subscribed.
    assert!(socket.next()["snapshot"].is_object());
    log.call("G4KLX");
    assert_eq!(socket.event("qso_ended")["data"]["callsign"], "G4KLX");
}

#[test]
fn server_refuses_to_stop_itself() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let (status, problem) = station.post("/api/v1/actors/web/stop", &Value::Null);
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:stationd:problem:conflict"))
    );
}
