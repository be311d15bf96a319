//! Every recorded answer, damaged in every way that a line knows: what cannot be told from a good answer is listed here with
//! the reason, and nothing else is believed.

use std::collections::BTreeSet;
use std::ops::Range;

use stationd_power::{Family, Library, Request};

use crate::frames::{Sample, bytes, samples};

/// What a sum of bytes cannot see: changes that take from one byte what they give to another. What is left over by field
/// ranges, frame numbers, the order of tags and what an answer says twice is believed.
const BLIND_SPOTS_OF_SUMS: [&str; 5] = [
    "neighbours swapped",
    "bytes swapped",
    "two bits flipped",
    "one up, one down",
    "stretch zeroed",
];

/// Commands whose answers look the same, so that the wire alone does not tell a late answer to one from the answer to the
/// other: neither carries an opcode, and both have as many fields of the same form.
const LOOK_ALIKE: [&[&str]; 6] = [
    // One number of many digits.
    &[
        "QET", "QEY", "QEM", "QED", "QLT", "QLY", "QLM", "QLD", "QID", "QSID", "QT", "QPIWS",
    ],
    // One number.
    &["ED", "EH", "EM", "ET", "EY", "GPMP", "PI", "ID", "DM", "MOD", "T"],
    // Lists of numbers, as long as the device likes.
    &[
        "QMCHGCR", "QMUCHGCR", "QGMN", "QOPPT", "QCHPT", "QBEQI", "Q1", "QDI", "QLED",
    ],
    // Numbers without points, of which older devices leave some out.
    &[
        "BATS", "GS", "WS", "BMS", "MD", "INGS", "PIRI", "HECS", "EMINFO", "FLAG", "PGS",
    ],
    // The records of a JK PB say themselves what they are, whichever was asked for.
    &["getBalancerData", "getAdditionalInfo", "getCellData"],
    // What comes in place of an acknowledgement is none, and is told as none.
    &[
        "setCellOVP",
        "setChargingOn",
        "setChargingOff",
        "setDischargingOn",
        "setDischargingOff",
        "getCellData",
        "getInfo",
    ],
];

type Damaged = (&'static str, Vec<u8>);

/// Damage at one place.
fn damage_at(frame: &[u8], at: usize) -> Vec<Damaged> {
    let mut all = Vec::new();
    let mut edit = |kind, change: &dyn Fn(&mut Vec<u8>)| {
        let mut damaged = frame.to_vec();
        change(&mut damaged);
        all.push((kind, damaged));
    };
    for bit in 0..8 {
        edit("bit flipped", &|frame| frame[at] ^= 1 << bit);
    }
    edit("end missing", &|frame| frame.truncate(at));
    edit("beginning missing", &|frame| drop(frame.drain(..at)));
    edit("byte twice", &|frame| frame.insert(at, frame[at]));
    for value in [0, b'0', b' ', b'.', 0xFF] {
        edit("byte inserted", &|frame| frame.insert(at, value));
        edit("byte replaced", &|frame| frame[at] = value);
    }
    let next = (at + 1) % frame.len();
    edit("neighbours swapped", &|frame| frame.swap(at, next));
    for end in (at + 1..frame.len().min(at + 9)).chain([frame.len()]) {
        edit("stretch zeroed", &|frame| frame[at..end].fill(0));
        edit("stretch lost", &|frame| drop(frame.drain(at..end)));
        edit("stretch twice", &|frame| {
            let stretch = frame[at..end].to_vec();
            frame.splice(at..at, stretch);
        });
    }
    all
}

/// Damage at two places.
fn damage_at_both(frame: &[u8], one: usize, other: usize) -> [Damaged; 3] {
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut damaged = frame.to_vec();
        change(&mut damaged);
        damaged
    };
    let swapped = edit(&|frame| frame.swap(one, other));
    let flipped = edit(&|frame| {
        frame[one] ^= 0x80;
        frame[other] ^= 0x80;
    });
    let moved = edit(&|frame| {
        frame[one] = frame[one].wrapping_add(1);
        frame[other] = frame[other].wrapping_sub(1);
    });
    [
        ("bytes swapped", swapped),
        ("two bits flipped", flipped),
        ("one up, one down", moved),
    ]
}

fn damage(frame: &[u8], request: &[u8]) -> Vec<Damaged> {
    let mut all: Vec<Damaged> = (0..frame.len()).flat_map(|at| damage_at(frame, at)).collect();
    for one in (0..frame.len()).step_by((frame.len() / 20).max(1)) {
        all.extend((0..frame.len()).flat_map(|other| damage_at_both(frame, one, other)));
    }
    all.extend([
        ("empty", Vec::new()),
        ("echo only", request.to_vec()),
        ("refusal", b"(NAKss\r".to_vec()),
        ("refusal", b"^0\x1b\xe3\r".to_vec()),
        ("zeros", vec![0; frame.len()]),
        ("ones", vec![0xFF; frame.len()]),
        ("twice", [frame, frame].concat()),
        ("backwards", frame.iter().rev().copied().collect()),
        ("cut and twice", [&frame[..frame.len() / 2], frame].concat()),
    ]);
    let garbage: [&[u8]; 10] = [
        b"\0",
        b"\xFF",
        b"A",
        b"(",
        b"^",
        b":",
        b"\r",
        b"\n",
        &[0xA5],
        &[0x55, 0xAA, 0xEB, 0x90],
    ];
    for garbage in garbage {
        all.push(("garbage before", [garbage, frame].concat()));
        all.push(("garbage behind", [frame, garbage].concat()));
    }
    all.retain(|(_, damaged)| damaged != frame && !is_report(frame, damaged));
    all
}

/// A USB bridge fills its last report up with zeros: no damage.
fn is_report(frame: &[u8], damaged: &[u8]) -> bool {
    let filling = damaged.strip_prefix(frame);
    damaged.len().is_multiple_of(8) && filling.is_some_and(|filling| filling.iter().all(|byte| *byte == 0))
}

fn is_summed(family: Family) -> bool {
    !matches!(
        family,
        Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret
    )
}

/// Every sample with its request; those that the device refused are left out.
fn each_readable(mut seen: impl FnMut(&Sample, &Request<'_>, Vec<u8>)) {
    let mut library = Library::new();
    let mut read = 0;
    for sample in samples() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        if request.decode(&frame).is_ok() {
            read += 1;
            seen(&sample, &request, frame);
        }
    }
    assert_eq!(read, 602, "two of the samples are refusals");
}

#[test]
fn damaged_answer_is_refused_but_for_what_sums_cannot_see() {
    let (mut believed, mut in_all) = (Vec::new(), 0);
    each_readable(|sample, request, frame| {
        let summed = is_summed(request.protocol().family());
        for (kind, damaged) in damage(&frame, request.bytes()) {
            in_all += 1;
            let blind = summed && BLIND_SPOTS_OF_SUMS.contains(&kind);
            if !blind && request.decode(&damaged).is_ok() {
                let (protocol, command) = (&sample.protocol, &sample.command);
                believed.push(format!("{protocol} {command}, {kind}: {damaged:02x?}"));
            }
        }
    });
    assert!(in_all > 100_000, "only {in_all} kinds of damage");
    assert!(believed.is_empty(), "{} of {in_all}: {:#?}", believed.len(), believed);
}

#[test]
fn answer_that_contradicts_itself_is_refused_although_its_sum_fits() {
    let mut refused = BTreeSet::new();
    each_readable(|sample, request, frame| {
        let of_cells = ["jk02", "jk02_32", "jkv11"].contains(&sample.protocol.as_str());
        if of_cells && sample.command == "getCellData" {
            // A volt moves from the first cell to a byte that means nothing.
            let mut damaged = frame.clone();
            damaged[7] -= 4;
            damaged[298] = damaged[298].wrapping_add(4);
            let error = request.decode(&damaged).unwrap_err().to_string();
            assert!(error.contains("contradicts itself"), "{error}");
            refused.insert(sample.protocol.clone());
        }
    });
    assert_eq!(refused.len(), 3);
}

/// Where an answer of this family says which command it answers, and over which bytes its sum goes.
fn opcode_place(sample: &Sample, family: Family, len: usize) -> Option<(usize, Range<usize>)> {
    let is_record = len == 300 && sample.command.starts_with("get");
    [
        (family == Family::DalyA5 && len == 13, 2, 0..len - 1),
        (family == Family::JkBle && is_record, 4, 0..len - 1),
        (family == Family::JkBalancer485, 3, 0..len - 1),
        (family == Family::Dd77Serial, 1, 2..len - 3),
        (family == Family::JkNwTtl, 8, 0..len.saturating_sub(4)),
    ]
    .into_iter()
    .find_map(|(is_it, at, summed)| is_it.then_some((at, summed)))
}

/// The frame with another value at a place, and its sum made right again.
fn with_byte(family: Family, frame: &[u8], (at, value): (usize, u8), summed: Range<usize>) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] = value;
    let sum = frame[summed.clone()]
        .iter()
        .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let [high, low] = sum.to_be_bytes();
    match summed.end + 1 == frame.len() {
        true => frame[summed.end] = low,
        false if family == Family::Dd77Serial => {
            frame[summed.end..summed.end + 2].copy_from_slice(&sum.wrapping_neg().to_be_bytes());
        }
        false => frame[summed.end + 2..].copy_from_slice(&[high, low]),
    }
    frame
}

#[test]
fn answer_with_another_opcode_is_refused_although_its_sum_fits() {
    let mut tried = 0;
    each_readable(|sample, request, frame| {
        let family = request.protocol().family();
        let Some((at, summed)) = opcode_place(sample, family, frame.len()) else {
            return;
        };
        assert_eq!(with_byte(family, &frame, (at, frame[at]), summed.clone()), frame);
        for value in (0..=u8::MAX).filter(|value| *value != frame[at]) {
            let damaged = with_byte(family, &frame, (at, value), summed.clone());
            // Both of the NW commands that read are answered alike.
            let reads = family == Family::JkNwTtl && value == 6;
            assert_eq!(
                request.decode(&damaged).is_ok(),
                reads,
                "{} {value:02x}",
                sample.protocol
            );
            tried += 1;
        }
    });
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn answer_to_another_command_is_refused_unless_it_looks_the_same() {
    let all = samples();
    let (mut pairs, mut taken, mut wrong) = (0, 0, BTreeSet::new());
    each_readable(|sample, request, frame| {
        let code = request.command().code();
        for other in all.iter().filter(|other| other.protocol == sample.protocol) {
            let theirs = request.protocol().request(&other.command).unwrap();
            let answer = bytes(&other.response_hex);
            if theirs.command().code() == code || answer == frame {
                continue;
            }
            pairs += 1;
            if request.decode(&answer).is_ok() {
                taken += 1;
                let alike = |group: &&&[&str]| group.contains(&code) && group.contains(&theirs.command().code());
                let is_acknowledged = answer.windows(3).any(|window| window == b"ACK") || answer.starts_with(b"^1");
                if !LOOK_ALIKE.iter().any(|group| alike(&group)) && !is_acknowledged {
                    wrong.insert(format!("{} {code} {}", sample.protocol, other.command));
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{taken} of {pairs}: {wrong:#?}");
    assert!(taken * 20 < pairs, "{taken} of {pairs}");
}

#[test]
fn acknowledgement_behind_a_record_is_no_damage() {
    each_readable(|sample, request, frame| {
        if sample.protocol.starts_with("jk0") && frame.len() == 300 && sample.command.starts_with("get") {
            let acknowledgement = bytes("aa5590ebc8010100000000000000000000000044");
            let followed = [&frame[..], &acknowledgement].concat();
            assert_eq!(request.decode(&followed), request.decode(&frame));
        }
    });
}
