//! Recorded answers of real devices: every value that they are known to hold is read, every damaged one is refused.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use stationd_power::{FrameError, Library, Protocol, Reading, Request, Value};

const FRAMES: &str = include_str!("../../testdata/frames.jsonl");
const DIFFERENCES: &str = include_str!("../../testdata/differences.toml");

#[derive(Deserialize)]
pub(crate) struct Sample {
    pub(crate) protocol: String,
    pub(crate) command: String,
    request_hex: Option<String>,
    pub(crate) response_hex: String,
    expected: HashMap<String, Json>,
}

#[derive(Deserialize)]
struct Differences {
    difference: Vec<Difference>,
}

#[derive(Deserialize)]
struct Difference {
    protocols: Vec<String>,
    command: String,
    keys: Vec<String>,
    reason: String,
}

impl Differences {
    fn read() -> Differences {
        let differences: Differences = toml::from_str(DIFFERENCES).unwrap();
        assert!(
            differences
                .difference
                .iter()
                .all(|difference| !difference.reason.is_empty())
        );
        differences
    }

    fn allow(&self, sample: &Sample, key: &str) -> bool {
        self.difference.iter().any(|difference| {
            difference.protocols.contains(&sample.protocol)
                && difference.command == sample.command
                && difference.keys.iter().any(|known| known == key)
        })
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    FRAMES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn json_of(reading: &Reading<'_>) -> Json {
    match &reading.value {
        Value::Int(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Missing(_) => Json::Null,
    }
}

/// Equal, numbers to 15 digits: some expected values went through arithmetic of their own.
fn same(found: &Json, wanted: &Json) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => (found - wanted).abs() <= wanted.abs() * 1e-14,
        _ => found == wanted,
    }
}

#[test]
fn recorded_answer_of_every_protocol_gives_every_expected_value() {
    let differences = Differences::read();
    let mut library = Library::new();
    let mut wrong = Vec::new();
    for sample in samples() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        let readings = request.decode(&frame).unwrap_or_default();
        for (key, wanted) in &sample.expected {
            let found = readings.iter().find(|reading| reading.name == **key);
            let fits =
                found.is_some_and(|found| same(&json_of(found), &wanted["value"]) && wanted["unit"] == found.unit);
            if fits == differences.allow(&sample, key) {
                let found = found.map(json_of);
                wrong.push(format!(
                    "{} {} {key}: {found:?}, wanted {wanted}",
                    sample.protocol, sample.command
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn request_of_every_sample_is_the_recorded_one() {
    let differences = Differences::read();
    let mut library = Library::new();
    for sample in samples() {
        let Some(wanted) = &sample.request_hex else { continue };
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let equal = request.bytes() == bytes(wanted);
        let allowed = differences.allow(&sample, "request");
        assert_ne!(
            equal,
            allowed,
            "{} {}: {:02x?}",
            sample.protocol,
            sample.command,
            request.bytes()
        );
    }
}

/// One sample a protocol and kind of answer is enough to damage in every way.
fn damageable() -> Vec<Sample> {
    let good = |sample: &Sample| !sample.expected.contains_key("warning0");
    samples().into_iter().filter(good).collect()
}

fn believed(request: &Request<'_>, frame: &[u8]) -> bool {
    request.decode(frame).is_ok()
}

#[test]
fn answer_cut_short_anywhere_is_refused() {
    let mut library = Library::new();
    for sample in damageable() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        for end in 0..frame.len() {
            let whole = whole_frames(&protocol, &frame, end);
            assert!(
                whole || !believed(&request, &frame[..end]),
                "{} {} at {end}",
                sample.protocol,
                sample.command
            );
        }
        for start in 1..frame.len() {
            let whole = whole_frames(&protocol, &frame, frame.len() - start);
            assert!(
                whole || !believed(&request, &frame[start..]),
                "{} {} from {start}",
                sample.protocol,
                sample.command
            );
        }
    }
}

/// An answer of several frames that lacks some is a good answer about the others.
fn whole_frames(protocol: &Protocol, frame: &[u8], len: usize) -> bool {
    protocol.name().starts_with("daly") && len > 0 && len.is_multiple_of(13) && frame.len() > 13
}

#[test]
fn answer_with_any_bit_flipped_is_refused() {
    let mut library = Library::new();
    let mut believed_anyway = Vec::new();
    for sample in damageable() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let mut frame = bytes(&sample.response_hex);
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            if believed(&request, &frame) {
                believed_anyway.push(format!("{} {} bit {bit}", sample.protocol, sample.command));
            }
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert!(
        believed_anyway.is_empty(),
        "{} in all: {:#?}",
        believed_anyway.len(),
        believed_anyway
    );
}

#[test]
fn answer_that_is_empty_or_only_an_echo_or_a_refusal_is_no_reading() {
    let mut library = Library::new();
    for sample in damageable() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        assert_eq!(request.decode(b""), Err(FrameError::Empty));
        if !request.bytes().is_empty() {
            assert_eq!(
                request.decode(request.bytes()),
                Err(FrameError::EchoOnly),
                "{}",
                sample.command
            );
        }
        for refusal in [b"(NAKss\r".as_slice(), b"^0\x1b\xe3\r"] {
            assert!(!believed(&request, refusal), "{} {}", sample.protocol, sample.command);
        }
    }
}

#[test]
fn echo_before_the_answer_is_dropped() {
    let mut library = Library::new();
    for sample in damageable() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let mut echoed = request.bytes().to_vec();
        echoed.extend(bytes(&sample.response_hex));
        assert!(believed(&request, &echoed), "{} {}", sample.protocol, sample.command);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(index in 0_usize..604, garbage in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut library = Library::new();
        let samples = samples();
        let sample = &samples[index % samples.len()];
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        prop_assert!(!believed(&request, &garbage));
    }
}
