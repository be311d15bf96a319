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
    use crate::harness::{LIMIT, Stage, Station, stationd};

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
    fn line_that_aborts_the_process_is_set_aside_after_four_lives() {
        let stage = Stage::new();
        write(&stage, &[PROCESS]);
        for _ in 0..4 {
            assert_eq!(live(&stage).signal(), Some(SIGABRT));
        }
        let aside = set_aside(&Station::run(&stage));
        assert_eq!(aside.len(), 1, "{aside:#?}");
        assert_eq!(aside[0]["crashed"], "process");
        assert!(aside[0]["text"].as_str().unwrap().contains(PROCESS));
    }
}
