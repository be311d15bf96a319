//! How long an answer takes from bytes to readings.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench may fail; criterion's macro documents nothing"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use serde::Deserialize;
use stationd_power::Library;

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

/// One frame of each kind of wire and the longest of all.
const CASES: [(&str, &str); 8] = [
    ("pi30", "QPIGS"),
    ("pi30m044", "QPIWS"),
    ("pi18sv", "PIRI"),
    ("pi17", "GS"),
    ("jk02_32", "getCellData"),
    ("jk04", "getCellData"),
    ("jkserial", "getBalancerData"),
    ("daly", "cellVoltages"),
];

fn decode(criterion: &mut Criterion) {
    let samples: Vec<Sample> = include_str!("../testdata/frames.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut library = Library::new();
    for (name, command) in CASES {
        let sample = samples
            .iter()
            .find(|sample| sample.protocol == name && sample.command == command);
        let frame = bytes(&sample.unwrap().response_hex);
        let protocol = library.get(name).unwrap();
        let request = protocol.request(command).unwrap();
        criterion.bench_function(&format!("decode {name} {command}"), |bencher| {
            let mut readings = Vec::new();
            bencher.iter(|| request.decode_into(&frame, &mut readings).unwrap());
        });
    }
    criterion.bench_function("read all protocols", |bencher| {
        bencher.iter(|| {
            let mut library = Library::new();
            for (name, _) in CASES {
                library.get(name).unwrap();
            }
        });
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
