//! How long a line of the host's log takes to become a message on a WebSocket, through the real binary: file, tail,
//! parser, state machine, commit, subscription, socket.
//!
//! `cargo bench --bench line_to_socket`. Prints percentiles; nothing is asserted, because machines differ.

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

use std::thread;
use std::time::{Duration, Instant};

use harness::{Stage, Station, repeater};

/// Calls measured.
const CALLS: usize = 300;

/// Pause between calls: each line meets a station at rest.
const PAUSE: Duration = Duration::from_millis(10);

fn main() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let mut socket = station.socket(&repeater());
    log.call("G4KLX");
    socket.event("qso_ended");
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            thread::park_timeout(PAUSE);
            let begun = Instant::now();
            log.call("G4KLX");
            socket.event("qso_started");
            let took = begun.elapsed();
            socket.event("qso_ended");
            took
        })
        .collect();
    times.sort();
    println!("line to socket, {CALLS} calls:");
    for percent in [50, 90, 99, 100] {
        let took = times[(CALLS * percent / 100).min(CALLS - 1)];
        println!("  p{percent:<3} {:7.2} ms", took.as_secs_f64() * 1000.0);
    }
}
