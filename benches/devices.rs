//! Fifty devices on pseudo-terminals, ten of them silent, once a second each: what they cost, and whether they keep time.
//! Then twenty in a hurry on lines that spoil one answer of ten.
//!
//! `cargo bench --bench devices -- [fifty] [noise]`. Prints a line `figure|what|bar|value|unit` for each figure.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a measurement on a stage that the tests share"
)]

#[path = "../tests/it/harness.rs"]
mod harness;
#[path = "../tests/it/plug.rs"]
mod plug;
#[path = "../tests/it/socket.rs"]
mod socket;

use std::thread;
use std::time::{Duration, Instant};

use harness::{Stage, Station};
use plug::{Plug, configure};
use serde_json::Value;
use sim::power::{DeviceKind, Faults};

const DEVICES: usize = 50;
const SILENT: usize = 10;
/// How long they are watched.
const WINDOW: Duration = Duration::from_secs(30);
/// After the start, until everybody is online or given up.
const SETTLED: Duration = Duration::from_secs(15);
/// Devices on noisy lines, and how often they are asked.
const NOISY: usize = 20;
const NOISY_POLL_S: f64 = 0.2;
const COMMANDS: u64 = 10_000;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|arg| arg == name);
    if wants("fifty") {
        fifty();
    }
    if wants("noise") {
        noise();
    }
}

fn fifty() {
    let empty = Stage::new();
    let station = Station::run(&empty);
    pass(SETTLED);
    let empty_kb = station.resident_kb();
    drop(station);

    let stage = Stage::new();
    let silence = Faults {
        drop_percent: 100,
        ..Faults::default()
    };
    let plugs: Vec<Plug> = (0..DEVICES)
        .map(|index| {
            let name = format!("inverter-{index}");
            configure(&stage, &name, "pi30", 1.0);
            let faults = if index < SILENT {
                silence.clone()
            } else {
                Faults::default()
            };
            Plug::in_at(&stage.path(&name), DeviceKind::Pi30, faults)
        })
        .collect();
    let station = Station::run(&stage);
    pass(SETTLED);
    plugs.iter().for_each(|plug| plug.knobs.forget());
    let worked = station.processor();
    pass(WINDOW);
    let worked = (station.processor() - worked).as_secs_f64() / WINDOW.as_secs_f64();
    let off = plugs[SILENT..].iter().map(|plug| {
        let period = plug.knobs.period(b"QPIGS").map_or(0.0, |period| period.as_secs_f64());
        (period - 1.0).abs() * 100.0
    });
    figure(
        "50 devices, 10 silent: worst period off by",
        "< 5",
        off.fold(0.0, f64::max),
        "%",
    );
    figure("50 devices, 10 silent: processor", "< 3", worked * 100.0, "% of a core");
    let more_kb = station.resident_kb().saturating_sub(empty_kb);
    let more_mb = f64::from(u32::try_from(more_kb).unwrap()) / 1024.0;
    figure("50 devices: memory above the empty station", "< 15", more_mb, "MB");
}

/// What the readings of a device were, by name: lowest and highest.
fn ranges(events: &[Value]) -> std::collections::BTreeMap<String, (f64, f64)> {
    let mut ranges = std::collections::BTreeMap::new();
    for event in events.iter().filter(|event| event["type"] == "reading_changed") {
        for (name, reading) in event["data"]["readings"].as_object().into_iter().flatten() {
            if let Some(value) = reading["value"].as_f64() {
                let range = ranges.entry(name.clone()).or_insert((value, value));
                *range = (range.0.min(value), range.1.max(value));
            }
        }
    }
    ranges
}

fn noise() {
    let stage = Stage::new();
    let noise = Faults {
        corrupt_percent: 10,
        ..Faults::default()
    };
    configure(&stage, "truth", "pi30", NOISY_POLL_S);
    let _truth = Plug::in_at(&stage.path("truth"), DeviceKind::Pi30, Faults::default());
    let _plugs: Vec<Plug> = (0..NOISY)
        .map(|index| {
            let name = format!("noisy-{index}");
            configure(&stage, &name, "pi30", NOISY_POLL_S);
            Plug::in_at(&stage.path(&name), DeviceKind::Pi30, noise.clone())
        })
        .collect();
    let station = Station::run(&stage);
    let sum = |what: &str| -> u64 {
        let count = |index| station.get(&format!("/api/v1/power/noisy-{index}")).1["quality"][what].as_u64();
        (0..NOISY).filter_map(count).sum()
    };
    let begun = Instant::now();
    while sum("answered") < COMMANDS {
        assert!(begun.elapsed() < 10 * SETTLED, "{} answers", sum("answered"));
        pass(Duration::from_secs(1));
    }
    let (answered, failed) = (sum("answered"), sum("failed"));
    let per_thousand = to_float(failed) * 1000.0 / to_float(answered + failed);
    figure(
        "10 % of frames damaged: commands that failed",
        "< 1",
        per_thousand,
        "of 1,000",
    );
    // The plants began alike and go alike: what a noisy line tells must be what the quiet one tells, a step more or less.
    let truth = ranges(&station.events("power.truth"));
    let is_wrong = |(name, (low, high)): (String, (f64, f64))| {
        let (lowest, highest) = truth.get(&name).copied().unwrap_or((low, high));
        let step = 1.0_f64.max((highest - lowest) * 0.1);
        low < lowest - step || high > highest + step
    };
    let wrong: usize = (0..NOISY)
        .map(|index| {
            ranges(&station.events(&format!("power.noisy-{index}")))
                .into_iter()
                .filter(|range| is_wrong(range.clone()))
                .count()
        })
        .sum();
    figure(
        "10 % of frames damaged: wrong values published",
        "= 0",
        to_float(u64::try_from(wrong).unwrap()),
        "",
    );
}

fn to_float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn pass(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

fn figure(what: &str, bar: &str, value: f64, unit: &str) {
    println!("figure|{what}|{bar}|{value:.2}|{unit}");
}
