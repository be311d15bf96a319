//! A line that ends whoever reads it is set aside in the end, even if it ends the whole process, and the others are told.
//!
//! `cargo nextest run -p stationd --features chaos poison::`; a release has no such lines.

const PARSER: &str = "chaos: panic the parser";
const STATE_MACHINE: &str = "Valid remote command of \"chaos: panic the state machine\" received";

#[cfg(not(feature = "chaos"))]
#[test]
fn release_knows_no_line_that_ends_it() {
    use crate::harness::{Stage, Station};

    let stage = Stage::new();
    let mut log = stage.log();
    log.line(PARSER);
    log.line(STATE_MACHINE);
    log.call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "G4KLX");
    let events = station.events("repeater");
    assert!(
        events.iter().all(|event| event["type"] != "line_set_aside"),
        "{events:#?}"
    );
}

#[cfg(feature = "chaos")]
mod unleashed {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{ExitStatus, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use super::{PARSER, STATE_MACHINE};
    use crate::broker::{Broker, Host, stage};
    use crate::harness::{LIMIT, Stage, Station, stationd};
    use crate::mqtt::{callsigns, listens, newest};

    const MQTT_FEED: &str = "chaos: panic the feed";
    const PROCESS: &str = "chaos: abort the process";
    /// How a process ends that aborts.
    const SIGABRT: i32 = 6;

    /// What was set aside, once both calls are told.
    fn set_aside(station: &Station) -> Vec<Value> {
        station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "F4ABC");
        let calls = station.calls();
        let callers: Vec<&Value> = calls.iter().map(|call| &call["callsign"]).collect();
        assert_eq!(callers, ["G4KLX", "F4ABC"]);
        let mut events = station.events("repeater");
        events.retain(|event| event["type"] == "line_set_aside");
        events.into_iter().map(|event| event["data"].clone()).collect()
    }

    fn write(stage: &Stage, lines: &[&str]) {
        let mut log = stage.log();
        log.call("G4KLX");
        for line in lines {
            log.line(line);
        }
        log.call("F4ABC");
    }

    /// A whole life of a station, until it ends by itself.
    fn live(stage: &Stage) -> ExitStatus {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        command.env("STATIOND__WEB__PORT", "0").stderr(Stdio::null());
        let mut process = command.spawn().expect("the binary starts");
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = process.try_wait().expect("own child") {
                return status;
            }
            if Instant::now() > deadline {
                process.kill().expect("killed");
                panic!("the line did not end the station");
            }
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    #[test]
    fn line_that_panics_an_actor_twice_is_set_aside() {
        let stage = Stage::new();
        write(&stage, &[PARSER, STATE_MACHINE]);
        let aside = set_aside(&Station::run(&stage));
        let who: Vec<&Value> = aside.iter().map(|line| &line["crashed"]).collect();
        assert_eq!(who, ["parser", "state_machine"], "{aside:#?}");
        assert!(aside[0]["text"].as_str().unwrap().contains(PARSER));
    }

    #[test]
    fn line_that_aborts_the_process_is_set_aside_after_seven_lives() {
        let stage = Stage::new();
        write(&stage, &[PROCESS]);
        for _ in 0..7 {
            assert_eq!(live(&stage).signal(), Some(SIGABRT));
        }
        let aside = set_aside(&Station::run(&stage));
        assert_eq!(aside.len(), 1, "{aside:#?}");
        assert_eq!(aside[0]["crashed"], "process");
        assert!(aside[0]["text"].as_str().unwrap().contains(PROCESS));
    }
    #[test]
    fn message_that_panics_the_feed_twice_is_set_aside_and_acknowledged() {
        let broker = Broker::run();
        let stage = stage(&broker.section("gb7xx", ""));
        let station = Station::run(&stage);
        listens(&station, "gb7xx");
        let host = Host::connect(&broker, "mmdvm");
        host.call("G4KLX");
        host.log(MQTT_FEED);
        host.call("F4ABC");
        newest(&station, "F4ABC");
        assert_eq!(callsigns(&station), ["G4KLX", "F4ABC"]);
        let mut aside = station.events("repeater");
        aside.retain(|event| event["type"] == "line_set_aside");
        assert_eq!(aside.len(), 1, "{aside:#?}");
        assert_eq!(aside[0]["data"]["crashed"], "mqtt_feed");
        assert_eq!(aside[0]["data"]["file"], "mmdvm/log");
        assert!(aside[0]["data"]["text"].as_str().unwrap().contains(MQTT_FEED));

        // Acknowledged: the broker does not send it to a successor, which would count it as known.
        drop(station);
        let station = Station::run(&stage);
        listens(&station, "gb7xx");
        host.call("M0ABC");
        newest(&station, "M0ABC");
        let page = station.wait_for("/api/v1/signals?source=repeater.mqtt.gb7xx", |page| {
            let items = page["items"].as_array().unwrap();
            items.iter().any(|item| item["signal"] == "messages")
        });
        let items = page["items"].as_array().unwrap();
        let messages = items.iter().find(|item| item["signal"] == "messages").unwrap();
        assert_eq!(messages["data"]["repeated"], 0, "{messages:#}");
    }
}
