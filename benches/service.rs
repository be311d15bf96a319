//! The service as it stands in its place: what it costs while nothing happens, and how many dashboards may poll it.
//!
//! `cargo bench --bench service -- [idle] [status]`. `status`, without and with a key, takes the load generator `wrk` (Debian package of that name).
//! Prints a line `figure|what|bar|value|unit` for each figure; nothing is asserted, because machines differ.

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
#[path = "../tests/it/socket.rs"]
mod socket;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use harness::{Stage, Station, stationd};

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(30);

/// After the start, until all is quiet.
const SETTLED: Duration = Duration::from_secs(2);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|arg| arg == name);
    let stage = Stage::new();
    stage.log().call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());
    if wants("idle") {
        idle(&station);
    }
    if wants("status") {
        status(&station, "GET /api/status, 64 connections", "> 40000", "");
        drop(station);
        let key = format!("Authorization: Bearer {}", key(&stage));
        let station = Station::run(&stage);
        status(&station, "the same with a key", "> 30000", &key);
    }
}

/// Makes an account, so that nobody comes in without a key.
fn key(stage: &Stage) -> String {
    let mut command = stationd();
    command.args(["key", "add", "bench", "--role", "admin", "--config"]);
    let made = command.arg(stage.config()).output().unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn idle(station: &Station) {
    pass(SETTLED);
    let worked = station.processor();
    pass(IDLE);
    let worked = (station.processor() - worked).as_secs_f64() / IDLE.as_secs_f64();
    figure("idle: processor", "< 0.5", worked * 100.0, "% of a core");
    let resident_kb = u32::try_from(station.resident_kb()).unwrap();
    figure("idle: resident memory", "< 20", f64::from(resident_kb) / 1024.0, "MB");
}

fn status(station: &Station, what: &str, bar: &str, header: &str) {
    let mut load = Command::new("wrk");
    load.args(["-t1", "-c64", "-d10", "--latency"]);
    if !header.is_empty() {
        load.args(["-H", header]);
    }
    let load = load.arg(station.url("/api/status")).output().expect("wrk is installed");
    let told = String::from_utf8_lossy(&load.stdout).into_owned();
    let after = |word: &str| {
        let line = told.lines().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word} in {told}")).trim().to_owned()
    };
    assert!(!told.contains("Non-2xx"), "{told}");
    let per_second = after("Requests/sec:").parse().expect("a number");
    figure(what, bar, per_second, "requests/s");
    figure(&format!("{what}, p99"), "< 5", milliseconds(&after("99%")), "ms");
}

/// A time as wrk writes it.
fn milliseconds(text: &str) -> f64 {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0)];
    let read = |(unit, ms): (&str, f64)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * ms);
    units.into_iter().find_map(read).expect("a time")
}

fn pass(time: Duration) {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()) {
        thread::park_timeout(left);
    }
}

/// A figure, as `scripts/bench` reads it.
fn figure(what: &str, bar: &str, value: f64, unit: &str) {
    println!("figure|{what}|{bar}|{value:.2}|{unit}");
}
