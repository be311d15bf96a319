//! Inverters and batteries on lines with faults: simulated devices on pseudo-terminals, the real binary at the other end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sim::power::{DeviceKind, Faults, Plant};

use crate::harness::{Stage, Station};
use crate::plug::{Plug, append, configure, configure_at};
use crate::traffic::setting;

pub(crate) fn wait_for_state(station: &Station, name: &str, state: &str) -> Value {
    station.wait_for(&format!("/api/v1/power/{name}"), |device| device["state"] == state)
}

/// The types of the events of a device, the oldest first.
fn events(station: &Station, name: &str) -> Vec<Value> {
    let (_, page) = station.get(&format!("/api/v1/events?source=power.{name}&since=0&limit=1000"));
    page["items"].as_array().cloned().unwrap_or_default()
}

/// How long the device is away, in seconds; longer than its silence may last.
const GAP_S: usize = 5;
/// Another time: `STATIOND_GAP_S=60 cargo nextest run -p stationd device_plugged_in_again`.
const GAP: &str = "STATIOND_GAP_S";

#[test]
fn device_plugged_in_again_under_another_terminal_is_online_within_five_seconds() {
    let gap_s = setting(GAP, GAP_S);
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 0.5);
    append(&stage, "alarms = { silent_s = 2.0 }");
    configure(&stage, "battery", "daly40", 0.5);
    let inverter = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, Faults::default());
    let battery = Plug::in_at(&stage.path("battery"), DeviceKind::Daly, Faults::default());
    let station = Station::run(&stage);
    wait_for_state(&station, "inverter", "online");
    wait_for_state(&station, "battery", "online");

    // It has a number of its own already, so that it cannot get the old one.
    let _successor = Plug::in_at(&stage.path("spare"), DeviceKind::Pi30, Faults::default());
    let asked = battery.knobs.heard(&[0xA5]);
    let pulled = Instant::now();
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
    station.wait_for("/api/v1/power/inverter", |device| {
        device["alarms"][0]["kind"] == "device_silent"
    });
    let gap = Duration::from_secs(u64::try_from(gap_s).unwrap());
    while let Some(rest) = gap.checked_sub(pulled.elapsed()) {
        thread::park_timeout(rest);
    }
    // Twice a second.
    let heard = usize::try_from(battery.knobs.heard(&[0xA5]) - asked).unwrap();
    let wanted = 2 * gap_s;
    assert!(
        heard * 10 >= wanted * 9,
        "the battery was asked {heard} times instead of {wanted}"
    );

    fs::rename(stage.path("spare"), stage.path("inverter")).expect("renamed");
    let plugged = Instant::now();
    wait_for_state(&station, "inverter", "online");
    assert!(plugged.elapsed() < Duration::from_secs(5), "{:?}", plugged.elapsed());

    let told = |name: &str| -> Vec<String> {
        let all = events(&station, name).into_iter();
        let kinds = all.filter_map(|event| event["type"].as_str().map(str::to_owned));
        kinds
            .filter(|kind| kind.starts_with("device") || kind.starts_with("alarm"))
            .collect()
    };
    let gap = [
        "device_online",
        "device_offline",
        "alarm_raised",
        "device_online",
        "alarm_cleared",
    ];
    assert_eq!(told("inverter"), gap);
    assert_eq!(told("battery"), ["device_online"]);
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

/// Three Daly batteries on one line behind a serial server; each answers to its own number. One can be silenced.
struct Rs485 {
    address: String,
    third_is_silent: Arc<AtomicBool>,
    /// When each was asked for its charge.
    asked: Arc<Mutex<Vec<(u8, Instant)>>>,
}

impl Rs485 {
    fn start() -> Rs485 {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = Rs485 {
            address: format!("tcp://{}", server.local_addr().unwrap()),
            third_is_silent: Arc::default(),
            asked: Arc::default(),
        };
        let (silent, asked) = (Arc::clone(&line.third_is_silent), Arc::clone(&line.asked));
        thread::spawn(move || {
            while let Ok((mut stream, _)) = server.accept() {
                let mut heard = [0; 14];
                // Requests overlap only if two devices speak at once: then they are no requests any more.
                while stream.read_exact(&mut heard).is_ok() {
                    assert_eq!((heard[0], heard[13]), (0xA5, b'\n'), "two at once: {heard:02x?}");
                    let unit = heard[1] - 0x3F;
                    if heard[2] == 0x90 {
                        asked.lock().unwrap().push((unit, Instant::now()));
                    }
                    if unit == 3 && silent.load(Ordering::Relaxed) {
                        continue;
                    }
                    let mut plant = Plant::new(12.0, f64::from(unit) / 10.0);
                    let (_, answer) = DeviceKind::Daly.answer(&mut plant, &heard[..13]).unwrap();
                    for frame in answer.chunks(13) {
                        let mut frame = frame.to_vec();
                        frame[1] = unit;
                        frame[12] = frame[12].wrapping_add(unit - 1);
                        if stream.write_all(&frame).is_err() {
                            break;
                        }
                    }
                }
            }
        });
        line
    }

    fn count(&self, unit: u8) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(asked, _)| *asked == unit)
            .count()
    }

    /// The longest time between two questions to this battery since it was asked so often.
    fn longest_gap(&self, unit: u8, since: usize) -> Duration {
        let asked = self.asked.lock().unwrap();
        let times: Vec<Instant> = asked
            .iter()
            .filter(|(asked, _)| *asked == unit)
            .map(|(_, at)| *at)
            .collect();
        times[since..]
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or_default()
    }
}

#[test]
fn batteries_on_one_line_take_turns_and_a_silent_one_holds_nobody_up_for_long() {
    let line = Rs485::start();
    let stage = Stage::new();
    for unit in 1..=3 {
        configure_at(&stage, &format!("battery-{unit}"), "daly40", 0.5, &line.address);
        append(&stage, &format!("address = {unit}"));
    }
    let station = Station::run(&stage);
    for unit in 1..=3 {
        let device = wait_for_state(&station, &format!("battery-{unit}"), "online");
        let charge = station.wait_for(&format!("/api/v1/power/battery-{unit}"), |device| {
            device["readings"]["soc"]["value"].is_number()
        });
        assert_eq!(charge["readings"]["soc"]["value"], f64::from(unit) * 10.0, "{device:#}");
    }

    line.third_is_silent.store(true, Ordering::Relaxed);
    wait_for_state(&station, "battery-3", "offline");
    let (first, third) = (line.count(1), line.count(3));
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        thread::park_timeout(Duration::from_millis(20));
    }
    let asked = line.count(1) - first;
    assert!(asked >= 7, "asked {asked} times instead of 10 in 5 s");
    assert!(line.count(3) - third <= 3, "a battery that is away is asked less often");
    let gap = line.longest_gap(1, first);
    assert!(gap < Duration::from_millis(2500), "held up for {gap:?}");

    line.third_is_silent.store(false, Ordering::Relaxed);
    wait_for_state(&station, "battery-3", "online");
    for unit in 1..=2 {
        let told = events(&station, &format!("battery-{unit}"));
        assert!(!told.iter().any(|event| event["type"] == "device_offline"), "{told:#?}");
    }
}
