//! Where frames end: every recorded answer, cut, echoed, behind garbage and between late frames, is found as it was sent.

use proptest::prelude::*;
use stationd_power::{Library, Request, Scan};

use crate::frames::{bytes, samples};

/// What a reader finds that is given these pieces one after the other, and then silence.
fn found(request: &Request<'_>, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let mut buffer: Vec<u8> = Vec::new();
    let mut open = None;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match request.scan(&buffer) {
                Scan::More => break,
                Scan::Growing(len) => {
                    open = Some(buffer[..len].to_vec());
                    break;
                }
                Scan::Frame(len) => return Some(buffer[..len].to_vec()),
                Scan::Drop(range) => {
                    assert!(!range.is_empty() && range.end <= buffer.len(), "no progress");
                    buffer.drain(range);
                }
            }
        }
    }
    open
}

#[test]
fn recorded_answer_is_found_in_one_piece_byte_by_byte_and_behind_an_echo() {
    let mut library = Library::new();
    let mut wrong = Vec::new();
    for sample in samples() {
        let protocol = library.get(&sample.protocol).unwrap();
        let request = protocol.request(&sample.command).unwrap();
        let frame = bytes(&sample.response_hex);
        let Ok(readings) = request.decode(&frame) else { continue };
        let one_by_one: Vec<&[u8]> = frame.chunks(1).collect();
        for pieces in [vec![&frame[..]], one_by_one, vec![request.bytes(), &frame]] {
            let found = found(&request, &pieces).unwrap_or_default();
            // A record of 320 bytes ends with 20 that mean nothing, and a recorded block of text may be several.
            if request.decode(&found).as_ref() != Ok(&readings) && sample.protocol != "ved" {
                wrong.push(format!("{} {}: {found:02x?}", sample.protocol, sample.command));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn jk_record_is_put_together_around_an_acknowledgement() {
    let sample = samples()
        .into_iter()
        .find(|sample| sample.protocol == "jk02_32")
        .unwrap();
    let mut library = Library::new();
    let protocol = library.get("jk02_32").unwrap();
    let request = protocol.request(&sample.command).unwrap();
    let frame = bytes(&sample.response_hex);
    let acknowledgement = bytes("aa5590ebc8010100000000000000000000000044");
    let pieces: [&[u8]; 4] = [b"noise", &frame[..120], &acknowledgement, &frame[120..]];
    assert_eq!(found(&request, &pieces).as_deref(), Some(&frame[..300]));
}

#[test]
fn late_answer_of_a_daly_is_passed_over() {
    let mut library = Library::new();
    let protocol = library.get("daly").unwrap();
    let request = protocol.request("SOC").unwrap();
    let late = bytes("a50194080d02000000000000a4");
    let late = {
        let mut late = late;
        let sum = late[..12].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        late[12] = sum;
        late
    };
    let wanted = bytes(
        &samples()
            .into_iter()
            .find(|s| s.protocol == "daly" && s.command == "SOC")
            .unwrap()
            .response_hex,
    );
    assert_eq!(found(&request, &[&late, &wanted]), Some(wanted.clone()));
}

#[test]
fn battery_with_fewer_cells_is_believed_only_where_its_line_fell_silent() {
    let mut library = Library::new();
    let protocol = library.get("daly").unwrap();
    let request = protocol.request("cellVoltages").unwrap();
    let sample = samples()
        .into_iter()
        .find(|s| s.protocol == "daly" && s.command == "cellVoltages");
    let frame = bytes(&sample.unwrap().response_hex);
    let short = &frame[..6 * 13];
    assert_eq!(request.scan(short), Scan::Growing(short.len()));
    assert_eq!(request.scan(&frame), Scan::Frame(frame.len()));
    assert!(request.decode(short).is_err());
    assert_eq!(request.clone().ended().decode(short).unwrap().len(), 18);
    for missing in [
        &frame[13..],
        &frame[..2 * 13 - 1],
        &[&frame[..13], &frame[26..39]].concat(),
    ] {
        assert!(request.clone().ended().decode(missing).is_err());
    }
}

#[test]
fn damaged_answer_is_handed_on_at_once_instead_of_waited_for() {
    let mut library = Library::new();
    let protocol = library.get("pi30").unwrap();
    let request = protocol.request("QPIGS").unwrap();
    assert_eq!(
        found(&request, &[b"\xff230.0 50.0 xx\r"]).as_deref(),
        Some(&b"\xff230.0 50.0 xx\r"[..])
    );
}

#[test]
fn deadline_grows_with_the_answer_and_shrinks_with_the_baud_rate() {
    let mut library = Library::new();
    let protocol = library.get("pi30").unwrap();
    let (long, short) = (protocol.request("QPIGS").unwrap(), protocol.request("QPI").unwrap());
    assert!(long.deadline(2400) > short.deadline(2400));
    assert!(long.deadline(2400) > long.deadline(115_200));
    // 110 bytes take 0.46 s at 2400 baud, to which the device adds its own time.
    assert!((1200..2500).contains(&long.deadline(2400).as_millis()));
}

proptest! {
    #[test]
    fn scan_of_any_bytes_makes_progress(garbage in proptest::collection::vec(any::<u8>(), 0..1500), which in 0_usize..28) {
        let mut library = Library::new();
        let name = library.names()[which].to_owned();
        let protocol = library.get(&name).unwrap();
        for command in protocol.commands().iter().filter(|command| command.pattern().is_none()) {
            let request = protocol.request(command.code()).unwrap();
            let _found = found(&request, &[&garbage]);
        }
    }
}
