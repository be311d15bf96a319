//! Hosts that speak MQTT when something is lost: the broker, the station, the host, or its manners. Each call is there
//! once.

use serde_json::json;

use crate::broker::{Broker, Host, stage};
use crate::harness::Station;
use crate::mqtt::{callsigns, listens, newest};
use crate::traffic::Dice;

/// Kills of the station while calls come in.
const KILLS: usize = 8;

#[test]
fn broker_that_comes_back_is_heard_again_and_the_call_of_before_gets_its_end() {
    let mut broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", ""));
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    let host = Host::connect(&broker, "mmdvm");
    host.call_starts("G4KLX");
    station.wait_for("/api/v1/repeater/state", |state| {
        state["active_calls"][0]["callsign"] == "G4KLX"
    });

    for (signal, callsign) in [("-TERM", "G4KLX"), ("-KILL", "M0ABC")] {
        broker.stop(signal);
        let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
        let reason = health["causes"][0]["reason"].as_str().expect("a reason");
        let expected = format!("mqtt broker 127.0.0.1:{} unreachable: ", broker.port);
        assert!(reason.starts_with(&expected), "{reason}");
        assert_eq!(
            station.get("/api/v1/repeater/state").1["active_calls"][0]["callsign"],
            callsign
        );
        broker.start_again();
        listens(&station, "gb7xx");
        assert_eq!(station.get("/api/v1/health").1["health"], "well");
        host.call_ends(callsign);
        newest(&station, callsign);
        host.call_starts("M0ABC");
        station.wait_for("/api/v1/repeater/state", |state| {
            state["active_calls"][0]["callsign"] == "M0ABC"
        });
    }
    assert_eq!(callsigns(&station), ["G4KLX", "M0ABC"]);
    let reasons: Vec<_> = station.calls().iter().map(|call| call["end_reason"].clone()).collect();
    assert_eq!(reasons, ["end", "end"]);
}

#[test]
fn call_that_ends_while_the_station_is_killed_is_one_call() {
    for version in ["5", "3.1.1"] {
        let broker = Broker::run();
        let stage = stage(&broker.section("gb7xx", &format!("version = {version:?}")));
        let host = Host::connect(&broker, "mmdvm");
        let mut station = Station::run(&stage);
        listens(&station, "gb7xx");
        host.call_starts("G4KLX");
        station.wait_for("/api/v1/repeater/state", |state| {
            state["active_calls"][0]["callsign"] == "G4KLX"
        });
        station.signal("-KILL");
        assert!(!station.wait_end().success());
        host.call_ends("G4KLX");
        host.call("M0ABC");

        let station = Station::run(&stage);
        newest(&station, "M0ABC");
        assert_eq!(callsigns(&station), ["G4KLX", "M0ABC"], "MQTT {version}");
        let calls = station.calls();
        assert_eq!(
            (&calls[0]["duration_s"], &calls[0]["end_reason"]),
            (&json!(1.2), &json!("end"))
        );
    }
}

#[test]
fn station_that_is_killed_again_and_again_has_every_call_once() {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", ""));
    let host = Host::connect(&broker, "mmdvm");
    let mut dice = Dice::new(7);
    let mut sent = Vec::new();
    for kill in 0..KILLS {
        let mut station = Station::run(&stage);
        listens(&station, "gb7xx");
        for call in 0..dice.below(12) + 3 {
            let callsign = format!("M{kill}K{call}");
            host.call(&callsign);
            sent.push(callsign);
        }
        // At no moment in particular: some of it is stored, some acknowledged, some under way.
        station.signal("-KILL");
        assert!(!station.wait_end().success());
    }
    let station = Station::run(&stage);
    newest(&station, sent.last().expect("calls"));
    assert_eq!(callsigns(&station), sent);
    let told = station.events("repeater");
    let count = |kind: &str| told.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("qso_started"), count("qso_ended")), (sent.len(), sent.len()));
}

#[test]
fn message_that_comes_twice_is_no_second_call() {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", ""));
    let host = Host::connect(&broker, "mmdvm");
    let at = |second: u8| format!("2026-11-21T12:00:{second:02}.000Z");
    let start = json!({ "P25": { "action": "start", "source": "rf", "source_info": "G4KLX", "timestamp": at(1) } });
    let end = json!({ "P25": { "action": "end", "duration": 1.0, "ber": 0.0, "timestamp": at(2) } });
    let mut station = Station::run(&stage);
    listens(&station, "gb7xx");
    host.publish("mmdvm/json", start.to_string());
    host.publish("mmdvm/json", end.to_string());
    newest(&station, "G4KLX");
    station.signal("-KILL");
    assert!(!station.wait_end().success());

    // As a broker sends them whose acknowledgements were lost with the station.
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    host.publish("mmdvm/json", start.to_string());
    host.publish("mmdvm/json", end.to_string());
    host.call("M0ABC");
    newest(&station, "M0ABC");
    assert_eq!(callsigns(&station), ["G4KLX", "M0ABC"]);
}

#[test]
fn host_that_dies_of_its_own_words_has_no_open_calls() {
    let broker = Broker::run();
    let stage = stage(&broker.section("gb7xx", ""));
    let station = Station::run(&stage);
    listens(&station, "gb7xx");
    let host = Host::connect(&broker, "mmdvm");
    host.json("MMDVM", json!({ "mode": "DMR" }));
    host.call_starts("G4KLX");
    // Latin-1, of which its JSON library makes it abort.
    let mut alias = format!("M: {} DMR Slot 2, Talker Alias \"J", host.stamp()).into_bytes();
    alias.extend(b"\xF6rg\"");
    host.publish("mmdvm/log", alias);
    newest(&station, "G4KLX");
    assert_eq!(station.calls()[0]["end_reason"], "host_restart");
    station.wait_for("/api/v1/repeater/state", |state| state["mode"] == "unknown");
}

#[test]
fn nonsense_is_counted_and_does_not_keep_the_next_call_away() {
    for version in ["5", "3.1.1"] {
        let broker = Broker::run();
        let stage = stage(&broker.section("gb7xx", &format!("version = {version:?}")));
        let station = Station::run(&stage);
        listens(&station, "gb7xx");
        let host = Host::connect(&broker, "mmdvm");
        for payload in ["", "{", "[]", "{\"DMR\":{}}", "\u{0}"] {
            host.publish("mmdvm/json", payload);
            host.publish("mmdvm/log", payload);
        }
        station.wait_for("/api/v1/signals?source=repeater.mqtt", |page| {
            let items = page["items"].as_array().expect("items");
            items.iter().any(|item| {
                item["data"]["json_malformed"].as_u64() > Some(1) && item["data"]["log"]["no_frame"].as_u64() > Some(0)
            })
        });
        // Larger than any packet that the station takes: MQTT 5 brokers keep it to themselves, others send it again and again.
        host.publish("mmdvm/json", vec![b'x'; 100_000]);
        listens(&station, "gb7xx");
        let deadline = std::time::Instant::now() + crate::harness::LIMIT;
        while callsigns(&station).is_empty() {
            assert!(
                std::time::Instant::now() < deadline,
                "MQTT {version}: {}",
                station.said()
            );
            host.call("G4KLX");
        }
        assert_eq!(callsigns(&station)[0], "G4KLX", "MQTT {version}");
    }
}
