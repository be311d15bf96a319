//! How long an answer takes from bytes to readings: every recorded one, against what was promised.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may fail, and prints what it measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Deserialize;
use stationd_power::{Library, Request};

/// How often an answer is read in one round. The fastest of the rounds counts: it is the one that nobody else disturbed.
const ROUND: u32 = 200;
const ROUNDS: usize = 20;

#[derive(Deserialize)]
struct Sample {
    protocol: String,
    command: String,
    response_hex: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// How long one reading takes.
fn measure(request: &Request<'_>, frame: &[u8]) -> Duration {
    let mut readings = Vec::new();
    let mut round = || {
        let began = Instant::now();
        for _ in 0..ROUND {
            request.decode_into(black_box(frame), &mut readings).unwrap();
        }
        began.elapsed() / ROUND
    };
    (0..ROUNDS).map(|_| round()).min().unwrap()
}

fn figure(what: &str, bar: &str, value: f64, unit: &str) {
    println!("figure|{what}|{bar}|{value:.2}|{unit}");
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn main() {
    let mut library = Library::new();
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    let began = Instant::now();
    for name in &names {
        library.get(name).unwrap();
    }
    let all_read = began.elapsed();

    let mut measured = Vec::new();
    for line in include_str!("../testdata/frames.jsonl").lines() {
        let sample: Sample = serde_json::from_str(line).unwrap();
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        // Two are refusals.
        if request.decode(&frame).is_ok() {
            measured.push((
                measure(&request, &frame),
                format!("{} {}", sample.protocol, sample.command),
            ));
        }
    }
    measured.sort_unstable();
    for (duration, name) in measured.iter().rev().take(10) {
        println!("{name}: {:.2} µs", micros(*duration));
    }
    let status = measured.iter().find(|(_, name)| name == "pi30 QPIGS").unwrap();
    let slowest = measured.last().unwrap();
    figure("decode PI30 QPIGS", "< 2", micros(status.0), "µs");
    let what = format!("decode, slowest of {} recorded frames ({})", measured.len(), slowest.1);
    figure(&what, "< 10", micros(slowest.0), "µs");
    figure(
        &format!("read all {} protocols", names.len()),
        "",
        all_read.as_secs_f64() * 1e3,
        "ms",
    );
}
