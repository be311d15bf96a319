//! Damage of every kind, and what is believed of it all the same.

use std::collections::BTreeMap;

use stationd_power::Library;

use crate::frames::{bytes, samples};

type Damaged = (&'static str, Vec<u8>);

pub(crate) fn damage(frame: &[u8], request: &[u8]) -> Vec<Damaged> {
    let mut all: Vec<Damaged> = Vec::new();
    let mut edit = |kind, change: &dyn Fn(&mut Vec<u8>)| {
        let mut damaged = frame.to_vec();
        change(&mut damaged);
        if damaged != frame {
            all.push((kind, damaged));
        }
    };
    for at in 0..frame.len() {
        for bit in 0..8 {
            edit("bit flipped", &|frame| frame[at] ^= 1 << bit);
        }
        edit("end missing", &|frame| frame.truncate(at));
        edit("beginning missing", &|frame| { frame.drain(..at); });
        edit("byte missing", &|frame| { frame.remove(at); });
        edit("byte twice", &|frame| frame.insert(at, frame[at]));
        for value in [0, b'0', b' ', b'.', 0xFF] {
            edit("byte inserted", &|frame| frame.insert(at, value));
            edit("byte replaced", &|frame| frame[at] = value);
        }
        edit("neighbours swapped", &|frame| { let next = (at + 1) % frame.len(); frame.swap(at, next) });
        for len in 2..9 {
            edit("stretch zeroed", &|frame| frame.iter_mut().skip(at).take(len).for_each(|b| *b = 0));
            edit("stretch lost", &|frame| { let end = (at + len).min(frame.len()); frame.drain(at..end); });
            edit("stretch twice", &|frame| { let end = (at + len).min(frame.len()); let s = frame[at..end].to_vec(); frame.splice(at..at, s); });
        }
    }
    let step = (frame.len() / 40).max(1);
    for one in (0..frame.len()).step_by(step) {
        for other in 0..frame.len() {
            edit("bytes swapped", &|frame| frame.swap(one, other));
            edit("two bits flipped", &|frame| { frame[one] ^= 0x80; frame[other] ^= 0x80; });
            edit("one up, one down", &|frame| { frame[one] = frame[one].wrapping_add(1); frame[other] = frame[other].wrapping_sub(1); });
        }
    }
    let mut whole = |kind, frame: Vec<u8>| all.push((kind, frame));
    whole("empty", Vec::new());
    whole("echo only", request.to_vec());
    whole("refusal", b"(NAKss\r".to_vec());
    whole("refusal", b"^0\x1b\xe3\r".to_vec());
    whole("zeros", vec![0; frame.len()]);
    whole("ones", vec![0xFF; frame.len()]);
    whole("twice", [frame, frame].concat());
    whole("reversed", frame.iter().rev().copied().collect());
    whole("upper case", frame.to_ascii_uppercase());
    whole("lower case", frame.to_ascii_lowercase());
    for garbage in [&b"\0"[..], b"\xFF", b"A", b"(", b"^", b"garbage", b"\r", b"\n", b"\r\n", &[0; 8], &[0xA5], &[0x55, 0xAA]] {
        whole("garbage before", [garbage, frame].concat());
        whole("garbage behind", [frame, garbage].concat());
    }
    all.retain(|(_, damaged)| damaged != frame);
    all
}

#[test]
fn explore() {
    let mut library = Library::new();
    let mut seen: BTreeMap<(String, String, &str), (usize, Vec<String>)> = BTreeMap::new();
    for sample in samples() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        if request.decode(&frame).is_err() { println!("UNREADABLE {} {}", sample.protocol, sample.command); continue; }
        for (kind, damaged) in damage(&frame, request.bytes()) {
            if request.decode(&damaged).is_ok() {
                let entry = seen.entry((sample.protocol.clone(), sample.command.clone(), kind)).or_default();
                entry.0 += 1;
                if entry.1.len() < 2 {
                    let text: String = damaged.iter().map(|b| if (32..127).contains(b) { (*b as char).to_string() } else { format!("\\x{b:02x}") }).collect();
                    entry.1.push(text.chars().take(160).collect());
                }
            }
        }
    }
    for ((p, c, k), (n, e)) in seen { println!("{p} {c} | {k}: {n} {e:?}"); }
}

#[test]
fn explore_cross() {
    let mut library = Library::new();
    let all = samples();
    let (mut pairs, mut accepted) = (0, BTreeMap::<(String, String), Vec<String>>::new());
    for sample in &all {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        if request.decode(&bytes(&sample.response_hex)).is_err() { continue }
        for other in all.iter().filter(|o| o.protocol == sample.protocol && o.command != sample.command) {
            if protocol.request(&other.command).unwrap().command().code() == request.command().code() { continue }
            let frame = bytes(&other.response_hex);
            pairs += 1;
            if request.decode(&frame).is_ok() {
                accepted.entry((sample.protocol.clone(), sample.command.clone())).or_default().push(other.command.clone());
            }
        }
    }
    println!("{pairs} pairs");
    let total: usize = accepted.values().map(Vec::len).sum();
    println!("{total} accepted");
    for ((p, c), o) in accepted { println!("{p} {c} | {}: {}", o.len(), o.join(" ")); }
}

#[test]
fn explore_forms() {
    use stationd_power::{Quality, Value};
    let mut library = Library::new();
    for sample in samples() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        let Ok(readings) = request.decode(&frame) else { continue };
        let text: String = frame.iter().map(|b| if (32..127).contains(b) { (*b as char).to_string() } else { format!("\\x{b:02x}") }).collect();
        let n = request.command().fields().iter().filter(|f| true || !f.key().is_empty()).count();
        let body = &text;
        let sep = if sample.protocol.starts_with("pi17") || sample.protocol.starts_with("pi18") { ',' } else { ' ' };
        let m = body.matches(|c| c == sep || (sample.protocol.starts_with("pi17") && c == ' ')).count() + 1;
        let odd: Vec<String> = readings.iter().filter(|r| r.quality != Quality::Good).map(|r| format!("{}={:?}", r.name, match &r.value { Value::Missing(g) => format!("{g:?}"), Value::Text(t) => t.to_string(), other => format!("{other:?}") })).collect();
        if sample.protocol.starts_with("pi") && (n != m || !odd.is_empty()) {
            println!("FORM {} {} described {n} found {m} {odd:?} {}", sample.protocol, sample.command, body.chars().take(200).collect::<String>());
        }
    }
}
