//! Hosts that speak MQTT, a real broker, and the station: calls arrive, whoever asks who we are.

use std::fs;

use serde_json::{Value, json};

use crate::broker::{Asks, Broker, Host, stage};
use crate::harness::{Station, repeater};

/// A capture of a real host: `<time> <topic> <payload>`, one message a line.
const CAPTURE: &str = include_str!("../../actors/repeater/testdata/mqtt/capture.txt");
/// The calls in it.
const CALLS: &str = include_str!("../../actors/repeater/testdata/mqtt/calls.jsonl");

/// Waits until the station listens to the broker of this host.
pub(crate) fn listens(station: &Station, name: &str) {
    station.wait_for(&format!("/api/v1/signals?source=repeater.mqtt.{name}"), |page| {
        let items = page["items"].as_array().expect("items");
        items
            .iter()
            .any(|item| item["signal"] == "connection" && item["data"]["connected"] == true)
    });
}

/// Waits until the newest call is of this station.
pub(crate) fn newest(station: &Station, callsign: &str) {
    station.wait_for("/api/v1/repeater/calls?limit=1", |page| {
        page["items"][0]["callsign"] == callsign
    });
}

pub(crate) fn callsigns(station: &Station) -> Vec<String> {
    let callsign = |call: &Value| call["callsign"].as_str().expect("a callsign").to_owned();
    station.calls().iter().map(callsign).collect()
}

fn call_arrives(version: &str) {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", &format!("version = {version:?}")));
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    let mut socket = station.socket(&repeater());
    assert!(socket.next()["snapshot"].is_object());

    let host = Host::connect(&broker, "mmdvm");
    host.json("MMDVM", json!({ "mode": "idle" }));
    host.call_starts("G4KLX");
    let started = socket.event("qso_started");
    assert_eq!(
        (&started["source"], &started["data"]["callsign"]),
        (&json!("repeater"), &json!("G4KLX"))
    );
    host.json("RSSI", json!({ "mode": "DMR", "slot": 2, "value": -71 }));
    host.json("BER", json!({ "mode": "DMR", "slot": 2, "value": 250.0 }));
    station.wait_for("/api/v1/signals?source=repeater", |page| {
        let items = page["items"].as_array().expect("items");
        items
            .iter()
            .any(|item| item["signal"] == "live" && item["data"][0]["rssi_dbm"] == -71)
    });
    host.call_ends("G4KLX");
    let ended = socket.event("qso_ended")["data"].clone();
    let told = |key: &str| ended[key].clone();
    assert_eq!(
        (told("source"), told("destination"), told("slot")),
        (json!("rf"), json!("9"), json!(2))
    );
    assert_eq!((told("duration_s"), told("ber_percent")), (json!(1.2), json!(0.5)));
    assert_eq!(callsigns(&station), ["G4KLX"]);
    assert_eq!(station.get("/api/v1/repeater/state").1["host"]["state"], "running");
    station.wait_for("/api/v1/signals?source=repeater", |page| {
        let items = page["items"].as_array().expect("items");
        items
            .iter()
            .any(|item| item["signal"] == "live" && item["data"] == json!([]))
    });
    station.wait_for("/api/v1/signals?source=repeater.mqtt", |page| {
        let items = page["items"].as_array().expect("items");
        items
            .iter()
            .any(|item| item["data"]["messages"] == 7 && item["data"]["json_absurd_values"] == 1)
    });
    assert_eq!(station.get("/api/v1/health").1["health"], "well");
}

#[test]
fn call_over_mqtt_5_arrives() {
    call_arrives("5");
}

#[test]
fn call_over_mqtt_3_1_1_arrives() {
    call_arrives("3.1.1");
}

#[test]
fn capture_played_into_a_broker_gives_its_five_calls() {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", ""));
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    let host = Host::connect(&broker, "mmdvm");
    for line in CAPTURE.lines() {
        let mut parts = line.splitn(3, ' ').skip(1);
        let (topic, payload) = (parts.next().expect("a topic"), parts.next().expect("a payload"));
        host.publish(topic, payload);
    }
    newest(&station, "F4ABC");
    let calls = station.calls();
    let expected: Vec<Value> = CALLS
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(calls.len(), expected.len());
    for (call, expected) in calls.iter().zip(&expected) {
        for key in [
            "callsign",
            "source",
            "destination",
            "started_at",
            "ended_at",
            "duration_s",
            "end_reason",
        ] {
            assert_eq!(call[key], expected[key], "{key} of {call:#}");
        }
    }
}

#[test]
fn links_of_gateways_arrive_and_other_topics_are_left_alone() {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", "topic = \"site/mmdvm\""));
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    Host::connect(&broker, "p25-gateway").log("Switched to reflector 10200 due to RF activity from M0ABC");
    let host = Host::connect(&broker, "mmdvm");
    host.call("M0BAD");
    Host::connect(&broker, "site/mmdvm").call("G4KLX");
    newest(&station, "G4KLX");
    assert_eq!(callsigns(&station), ["G4KLX"]);
    let links = station.wait_for("/api/v1/repeater/links", |page| page["items"][0].is_object());
    let link = &links["items"][0];
    assert_eq!((&link["link"], &link["target"]), (&json!("p25"), &json!("10200")));
}

#[test]
fn password_is_given_and_a_wrong_one_is_a_state() {
    let broker = Broker::run_asking(&Asks::Password("stationd", "open sesame"));
    let secret = broker.path("secret");
    fs::write(&secret, "wrong\n").expect("written");
    let stage = stage(&broker.section("gb7xx", &format!("username = \"stationd\"\npassword_file = {secret:?}")));
    let station = Station::run(&stage);
    let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
    let cause = &health["causes"][0];
    assert_eq!(cause["subject"], "repeater/mqtt/gb7xx");
    let reason = cause["reason"].as_str().expect("a reason");
    let broker_address = format!("mqtt broker 127.0.0.1:{}", broker.station_port);
    assert!(
        reason.starts_with(&broker_address) && reason.contains("refused"),
        "{reason}"
    );
    assert!(!station.said().contains("wrong"), "the password is in the log");

    // The file is read at each attempt.
    fs::write(&secret, "open sesame\n").expect("written");
    listens(&station, "gb7xx");
    Host::connect(&broker, "mmdvm").call("G4KLX");
    newest(&station, "G4KLX");
    assert_eq!(station.get("/api/v1/health").1["health"], "well");
}

fn tls(broker: &Broker, authority: &str, version: &str) -> String {
    broker.section(
        "gb7xx",
        &format!(
            "version = {version:?}\ntls = true\nca_file = {:?}\ncertificate_file = {:?}\nkey_file = {:?}",
            broker.path(authority),
            broker.path("client.pem"),
            broker.path("client.key")
        ),
    )
}

#[test]
fn call_arrives_through_tls_from_a_broker_that_asks_for_our_certificate() {
    let broker = Broker::run_asking(&Asks::Certificate);
    for version in ["5", "3.1.1"] {
        let stage = stage(&tls(&broker, "ca.pem", version));
        let station = Station::run(&stage);
        listens(&station, "gb7xx");
        Host::connect(&broker, "mmdvm").call("G4KLX");
        newest(&station, "G4KLX");
    }
}

#[test]
fn broker_with_a_certificate_of_somebody_else_is_not_spoken_to() {
    let broker = Broker::run_asking(&Asks::Certificate);
    let stage = stage(&tls(&broker, "other.pem", "5"));
    let station = Station::run(&stage);
    let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
    let reason = health["causes"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("certificate"), "{reason}");
}

#[test]
fn two_hosts_and_a_log_are_told_apart() {
    let broker = Broker::run();
    let sections = broker.section("hotspot", "") + &broker.section("node", "topic = \"mmdvm/2\"\ngateways = []");
    let stage = stage(&sections);
    let config = fs::read_to_string(stage.config()).expect("a configuration");
    let logs = format!("log_directory = {:?}", stage.logs());
    fs::write(stage.config(), config.replace("log_directory = \"\"", &logs)).expect("written");
    let mut log = stage.log();
    let station = Station::run(&stage);
    listens(&station, "hotspot");
    listens(&station, "node");
    log.call("M0LOG");
    newest(&station, "M0LOG");
    let hotspot = Host::connect(&broker, "mmdvm");
    hotspot.call("M0HOT");
    newest(&station, "M0HOT");
    let node = Host::connect(&broker, "mmdvm/2");
    node.call_starts("M0NOD");
    let page = station.wait_for("/api/v1/signals?source=repeater.node", |page| {
        page["items"][0]["data"]["active_calls"][0]["callsign"] == "M0NOD"
    });
    assert_eq!(page["items"][0]["signal"], "state");
    // The station's own state is that of the host whose log it follows.
    assert_eq!(station.get("/api/v1/repeater/state").1["active_calls"], json!([]));
    node.call_ends("M0NOD");
    newest(&station, "M0NOD");
    assert_eq!(callsigns(&station), ["M0LOG", "M0HOT", "M0NOD"]);
    let ended: Vec<Value> = station
        .events("repeater")
        .into_iter()
        .filter(|event| event["type"] == "qso_ended")
        .collect();
    let sources: Vec<&Value> = ended.iter().map(|event| &event["source"]).collect();
    assert_eq!(sources, ["repeater", "repeater.hotspot", "repeater.node"]);

    // One that fails is restarted alone.
    assert_eq!(
        station
            .post("/api/v1/actors/repeater/mqtt/node/restart", &Value::Null)
            .0
            / 100,
        2
    );
    listens(&station, "node");
    node.call("M0NEW");
    newest(&station, "M0NEW");
}
