//! Inverters and batteries on lines with faults: simulated devices on pseudo-terminals, the real binary at the other end.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use sim::power::{DeviceKind, Faults, Knobs, Line, Plant};
use tokio::sync::oneshot;

use crate::harness::{LIMIT, Stage, Station};

/// A device that is plugged in; dropping it pulls the plug.
pub(crate) struct Plug {
    pub(crate) knobs: Knobs,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Plug {
    pub(crate) fn in_at(link: &Path, kind: DeviceKind, faults: Faults) -> Plug {
        let knobs = Knobs::default();
        knobs.set(faults);
        let (stop, stopped) = oneshot::channel::<()>();
        let line = Line::plug_in(link).expect("a pseudo-terminal");
        let shared = knobs.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::select! {
                    ended = line.serve(kind, Plant::new(12.0, 0.5), shared, 7) => ended.expect("the line holds"),
                    _ = stopped => {}
                }
            });
        });
        Plug {
            knobs,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// How often the question was heard.
    pub(crate) fn heard(&self, question: &[u8]) -> u32 {
        self.knobs.heard(question)
    }

    /// Waits until the question was heard so often, and says when.
    pub(crate) fn wait_heard(&self, question: &[u8], count: u32) -> Instant {
        let deadline = Instant::now() + LIMIT;
        while self.knobs.heard(question) < count {
            assert!(
                Instant::now() < deadline,
                "heard only {} times",
                self.knobs.heard(question)
            );
            thread::park_timeout(Duration::from_millis(2));
        }
        Instant::now()
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _told = stop.send(()).is_ok();
            thread.join().expect("the device ends");
        }
    }
}

pub(crate) fn configure(stage: &Stage, name: &str, protocol: &str, poll_s: f64) {
    let port = stage.path(name);
    configure_at(stage, name, protocol, poll_s, &port.display().to_string());
}

fn configure_at(stage: &Stage, name: &str, protocol: &str, poll_s: f64, port: &str) {
    let mut config = OpenOptions::new()
        .append(true)
        .open(stage.config())
        .expect("a configuration");
    writeln!(
        config,
        "[power.{name}]\nprotocol = {protocol:?}\nport = {port:?}\npoll_s = {poll_s:?}"
    )
    .expect("written");
}

pub(crate) fn wait_for_state(station: &Station, name: &str, state: &str) -> Value {
    station.wait_for(&format!("/api/v1/power/{name}"), |device| device["state"] == state)
}

/// The types of the events of a device, the oldest first.
fn events(station: &Station, name: &str) -> Vec<Value> {
    let (_, page) = station.get(&format!("/api/v1/events?source=power.{name}&since=0&limit=1000"));
    page["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn device_plugged_in_again_under_another_terminal_is_online_within_five_seconds() {
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 0.5);
    configure(&stage, "battery", "daly40", 0.5);
    let inverter = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, Faults::default());
    let battery = Plug::in_at(&stage.path("battery"), DeviceKind::Daly, Faults::default());
    let station = Station::run(&stage);
    wait_for_state(&station, "inverter", "online");
    wait_for_state(&station, "battery", "online");

    // It has a number of its own already, so that it cannot get the old one.
    let _successor = Plug::in_at(&stage.path("spare"), DeviceKind::Pi30, Faults::default());
    drop(inverter);
    let gone = wait_for_state(&station, "inverter", "disconnected");
    assert!(
        gone["next_try"].is_string() && gone["attempts"].as_u64() >= Some(1),
        "{gone:#}"
    );
    station.wait_for("/api/v1/health", |health| {
        health["causes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|cause| cause["subject"] == "power/inverter")
    });
    let asked = battery.knobs.heard(&[0xA5]);
    battery.wait_heard(&[0xA5], asked + 4);

    fs::rename(stage.path("spare"), stage.path("inverter")).expect("renamed");
    let plugged = Instant::now();
    wait_for_state(&station, "inverter", "online");
    assert!(plugged.elapsed() < Duration::from_secs(5), "{:?}", plugged.elapsed());

    let told: Vec<Value> = events(&station, "inverter")
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    let told: Vec<&str> = told
        .iter()
        .filter_map(Value::as_str)
        .filter(|kind| kind.starts_with("device"))
        .collect();
    assert_eq!(told, ["device_online", "device_offline", "device_online"]);
    let others = events(&station, "battery");
    assert!(
        !others.iter().any(|event| event["type"] == "device_offline"),
        "{others:#?}"
    );
}

#[test]
fn damaged_answers_are_asked_again_and_no_wrong_value_is_published() {
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 0.2);
    let faults = Faults {
        corrupt_percent: 10,
        echo: true,
        split: 8,
        ..Faults::default()
    };
    let plug = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, faults);
    let station = Station::run(&stage);
    plug.wait_heard(b"QPIGS", 60);
    let device = station.wait_for("/api/v1/power/inverter", |device| {
        device["quality"]["damaged"].as_u64() >= Some(1)
    });
    let quality = &device["quality"];
    assert!(quality["retries"].as_u64() >= Some(1), "{quality}");
    assert!(quality["failed"].as_u64() <= Some(1), "{quality}");
    assert_eq!(device["readings"]["ac_output_voltage"]["value"], 230.0);

    let told = events(&station, "inverter");
    let values = |name: &str| -> Vec<f64> {
        told.iter()
            .filter_map(|event| event["data"]["readings"][name]["value"].as_f64())
            .collect()
    };
    assert!(!values("battery_voltage").is_empty());
    assert!(
        values("battery_voltage")
            .iter()
            .all(|volts| (50.0..54.0).contains(volts)),
        "{:?}",
        values("battery_voltage")
    );
    assert!(
        values("ac_output_voltage")
            .iter()
            .all(|volts| (volts - 230.0).abs() < 0.01)
    );
    assert!(!told.iter().any(|event| event["type"] == "device_offline"));
}

#[test]
fn command_that_the_device_refuses_is_not_asked_again_and_the_others_are() {
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 0.2);
    let plug = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, Faults::default());
    let station = Station::run(&stage);
    plug.wait_heard(b"QPIGS", 10);
    assert_eq!(plug.knobs.heard(b"Q1"), 1, "Q1 is refused by this device");
    let device = wait_for_state(&station, "inverter", "online");
    assert_eq!(device["settings"]["ac_output_voltage"]["value"], 230.0);
}

#[test]
fn silent_devices_slow_nobody_and_are_back_with_their_first_answer() {
    let stage = Stage::new();
    let silence = Faults {
        drop_percent: 100,
        ..Faults::default()
    };
    let names = ["silent-a", "silent-b", "silent-c"];
    let silent = names.map(|name| {
        configure(&stage, name, "pi30", 0.5);
        Plug::in_at(&stage.path(name), DeviceKind::Pi30, silence.clone())
    });
    configure(&stage, "inverter", "pi30", 0.5);
    let plug = Plug::in_at(
        &stage.path("inverter"),
        DeviceKind::Pi30,
        Faults {
            latency: Duration::from_millis(100),
            ..Faults::default()
        },
    );
    let station = Station::run(&stage);

    let first = plug.wait_heard(b"QPIGS", 2);
    let last = plug.wait_heard(b"QPIGS", 12);
    let period = (last - first) / 10;
    // One after another, each would wait for the silence of the three before it.
    assert!(
        (250..=1000).contains(&period.as_millis()),
        "{period:?} instead of 500 ms"
    );

    wait_for_state(&station, "silent-a", "offline");
    let told = events(&station, "silent-a");
    assert!(told.iter().any(|event| event["type"] == "device_offline"), "{told:#?}");
    silent[0].knobs.set(Faults::default());
    wait_for_state(&station, "silent-a", "online");
    assert_eq!(station.get("/api/v1/power/nobody").0, 404);
}

#[test]
fn device_behind_a_serial_server_is_read_again_after_the_server_hung_up() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stage = Stage::new();
    let address = format!("tcp://{}", server.local_addr().unwrap());
    configure_at(&stage, "inverter", "pi30", 0.2, &address);
    // Twice a connection that ends after five questions, then one that lasts.
    let serving = thread::spawn(move || {
        for questions in [5, 5, 1000] {
            let Ok((mut stream, _)) = server.accept() else { return };
            let (mut heard, mut left) = (Vec::new(), questions);
            while left > 0 {
                let mut chunk = [0; 64];
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => return,
                    Ok(len) => heard.extend_from_slice(&chunk[..len]),
                }
                while let Some((len, answer)) = DeviceKind::Pi30.answer(&mut Plant::new(12.0, 0.5), &heard) {
                    heard.drain(..len);
                    left -= 1;
                    if stream.write_all(&answer).is_err() {
                        return;
                    }
                }
            }
        }
    });
    let station = Station::run(&stage);
    station.wait_for("/api/v1/power/inverter", |device| {
        device["state"] == "online" && device["quality"]["answered"].as_u64() >= Some(20)
    });
    let told = events(&station, "inverter");
    let gaps = told.iter().filter(|event| event["type"] == "device_offline").count();
    assert_eq!(gaps, 2, "{told:#?}");
    drop(station);
    serving.join().expect("the server ends");
}
