//! What comes over the line of a power device, one function an engine: as it comes, and with its check values made right, so
//! that the fields are reached.

use std::sync::{LazyLock, Mutex};

use power::{Family, Library, Protocol, Request, Scan, Value};

use crate::ledger::is_printable;

/// Protocols that were read before.
static LIBRARY: LazyLock<Mutex<Library>> = LazyLock::new(Mutex::default);

/// PI30 and its relatives, and PI16.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_voltronic(bytes: &[u8]) {
    answer(&["pi30", "pi30max", "pi30revo", "pi41", "pi16"], bytes);
}

/// PI17 and PI18.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_caret(bytes: &[u8]) {
    answer(&["pi17", "pi18", "pi18sv"], bytes);
}

/// The four wires of JK.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_jk(bytes: &[u8]) {
    answer(&["jk02_32", "jk04", "jkserial", "jkpb", "jk485"], bytes);
}

/// JBD.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_jbd(bytes: &[u8]) {
    answer(&["jbd", "jk232"], bytes);
}

/// Daly.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_daly(bytes: &[u8]) {
    answer(&["daly", "daly40"], bytes);
}

/// Victron.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_vedirect(bytes: &[u8]) {
    answer(&["ved"], bytes);
}

/// Modbus.
///
/// # Panics
/// When the search does not end, or a value is believed that is not finite or cannot be printed.
pub fn power_modbus(bytes: &[u8]) {
    answer(&["epever", "smg2"], bytes);
}

/// The first byte chooses the protocol, the second the command, the rest comes over the line: the search for frames always
/// goes on and ends, and what is believed has values that are finite and printable.
fn answer(protocols: &[&str], bytes: &[u8]) {
    let [which, command, stream @ ..] = bytes else { return };
    let chosen = protocols.get(usize::from(*which) % protocols.len().max(1));
    let library = LIBRARY.lock();
    let Some(Ok(protocol)) = chosen.and_then(|name| library.ok().map(|mut library| library.get(name))) else {
        return;
    };
    let commands = protocol.commands();
    let askable = commands.iter().filter(|command| command.pattern().is_none());
    let codes: Vec<&str> = askable.map(|command| command.code()).collect();
    let code = codes.get(usize::from(*command) % codes.len().max(1));
    let Some(Ok(request)) = code.map(|code| protocol.request(code)) else {
        return;
    };
    search(&request, stream);
    believed(&request, stream);
    let sealed = sealed(&protocol, &request, stream);
    search(&request, &sealed);
    believed(&request, &sealed);
}

/// Looks for frames as a reader does, in bytes that come three at a time.
fn search(request: &Request<'_>, stream: &[u8]) {
    let mut buffer = Vec::new();
    for piece in stream.chunks(3) {
        buffer.extend_from_slice(piece);
        loop {
            let taken = match request.scan(&buffer) {
                Scan::More => break,
                Scan::Growing(len) => {
                    assert!(len <= buffer.len(), "{len} of {} bytes", buffer.len());
                    believed(&request.clone().ended(), buffer.get(..len).unwrap_or_default());
                    break;
                }
                Scan::Frame(len) => {
                    believed(request, buffer.get(..len).unwrap_or_default());
                    0..len
                }
                Scan::Drop(range) => range,
            };
            assert!(
                !taken.is_empty() && taken.end <= buffer.len(),
                "{taken:?} of {}",
                buffer.len()
            );
            buffer.drain(taken);
        }
    }
}

fn believed(request: &Request<'_>, frame: &[u8]) {
    let Ok(readings) = request.decode(frame) else { return };
    assert!(!readings.is_empty(), "an answer that says nothing");
    for reading in readings {
        assert!(is_printable(&reading.name), "{:?}", reading.name);
        match &reading.value {
            Value::Number(value) => assert!(value.is_finite(), "{value}"),
            Value::Text(text) => assert!(is_printable(text), "{text:?}"),
            Value::Int(_) | Value::Missing(_) => {}
        }
    }
}

/// The bytes as the content of a frame whose head and check value are right.
fn sealed(protocol: &Protocol, request: &Request<'_>, content: &[u8]) -> Vec<u8> {
    let len = |extra: usize| u8::try_from(content.len().saturating_add(extra)).unwrap_or(u8::MAX);
    let opcode = request.bytes().get(2).copied().unwrap_or_default();
    match protocol.family() {
        Family::VoltronicQ | Family::VoltronicPi16 => with_xmodem([b"(", content].concat()),
        Family::VoltronicCaret => {
            let head = format!("^D{:03}", content.len().saturating_add(3));
            with_xmodem([head.as_bytes(), content].concat())
        }
        Family::JkBle | Family::JkPbModbus => {
            let mut record = [&[0x55, 0xAA, 0xEB, 0x90][..], content].concat();
            record.resize(299, 0);
            record.push(sum(&record).to_le_bytes()[0]);
            if protocol.family() == Family::JkPbModbus {
                record.extend(with_modbus(request.bytes().get(..6).unwrap_or_default().to_vec()));
            }
            record
        }
        Family::JkNwTtl => {
            let total = u16::try_from(content.len().saturating_add(18)).unwrap_or(u16::MAX);
            let head = [&[0x4E, 0x57][..], &total.to_be_bytes(), &[0, 0, 0, 0, 6, 0, 1]].concat();
            let mut frame = [&head[..], content, &[0, 0, 0, 0, 0x68]].concat();
            let sum = sum(&frame);
            frame.extend([0, 0]);
            frame.extend(sum.to_be_bytes());
            frame
        }
        Family::JkBalancer485 => {
            let mut frame = [&[0xEB, 0x90, 1, 0xFF][..], content].concat();
            frame.resize(73, 0);
            frame.push(sum(&frame).to_le_bytes()[0]);
            frame
        }
        Family::Dd77Serial => {
            let covered = [&[0, len(0)][..], content].concat();
            let check = sum(&covered).wrapping_neg().to_be_bytes();
            [&[0xDD, opcode][..], &covered, &check, &[0x77]].concat()
        }
        Family::DalyA5 => {
            let frame = |(number, data): (u8, &[u8])| {
                let mut frame = vec![0xA5, 1, opcode, 8, number];
                frame.extend(data);
                frame.resize(12, 0);
                frame.push(sum(&frame).to_le_bytes()[0]);
                frame
            };
            (1..=16).zip(content.chunks(7)).flat_map(frame).collect()
        }
        Family::VictronVedirect => {
            let mut block = [b"\r\n", content, b"\r\nChecksum\t"].concat();
            block.push(sum(&block).wrapping_neg().to_le_bytes()[0]);
            block
        }
        Family::Modbus => {
            let function = request.bytes().get(1).copied().unwrap_or_default();
            with_modbus([&[1, function, len(0)][..], content].concat())
        }
    }
}

fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(u16::from(*byte)))
}

/// CRC-16/XMODEM with Voltronic's escapes, and CR.
fn with_xmodem(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let rest = crc << 1;
            if crc & 0x8000 == 0 { rest } else { rest ^ 0x1021 }
        })
    });
    let escape = |byte: u8| {
        if matches!(byte, b'(' | b'\r' | b'\n' | 0) {
            byte.wrapping_add(1)
        } else {
            byte
        }
    };
    frame.extend(crc.to_be_bytes().map(escape));
    frame.push(b'\r');
    frame
}

/// CRC-16/MODBUS.
fn with_modbus(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let rest = crc >> 1;
            if crc & 1 == 0 { rest } else { rest ^ 0xA001 }
        })
    });
    frame.extend(crc.to_le_bytes());
    frame
}
