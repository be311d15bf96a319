//! JK batteries and balancers: four wires of one maker.

use std::borrow::Cow;

use super::checksum::{modbus, sum8, sum16};
use super::{Answer, after, check, length, opcode, raw_value, split_end, unit};
use crate::error::{FrameError, RequestError};
use crate::protocol::{Command, Protocol};

/// What a request and an acknowledgement begin with.
pub(super) const REQUEST_START: [u8; 4] = [0xAA, 0x55, 0x90, 0xEB];
/// What a record begins with.
pub(super) const RECORD_START: [u8; 4] = [0x55, 0xAA, 0xEB, 0x90];
/// Bytes of a request and of an acknowledgement.
pub(super) const REQUEST_LEN: usize = 20;
/// Bytes of a record that its sum covers, the sum included.
pub(super) const RECORD_LEN: usize = 300;
/// Opcode of an acknowledgement.
const ACKNOWLEDGED: u8 = 0xC8;
/// What stands behind the opcode of an acknowledgement: done, and nothing else.
const DONE: [u8; 14] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Types of records: settings, cells, device.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 1..=3;
/// Bytes that a setting's value takes, as the request says them.
const VALUE_LEN: u8 = 4;

/// # Errors
/// When the argument is no number that a setting can hold.
pub(super) fn request(command: &Command, argument: &str) -> Result<Vec<u8>, RequestError> {
    let mut bytes = REQUEST_START.to_vec();
    bytes.extend(&*command.opcode);
    if command.is_acknowledged() {
        bytes.push(VALUE_LEN);
        bytes.extend(raw_value(command, argument)?.to_le_bytes());
    }
    bytes.resize(REQUEST_LEN.saturating_sub(1), 0);
    bytes.push(sum8(&bytes));
    Ok(bytes)
}

pub(super) fn answer<'a>(command: &Command, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    if frame.starts_with(&REQUEST_START) {
        return acknowledgement(frame);
    }
    let record = record(frame)?;
    let kind = record.get(RECORD_START.len()).copied().unwrap_or_default();
    if command.is_acknowledged() {
        return Ok(Answer::Unacknowledged);
    }
    if let Some(expected) = command.record_type {
        opcode(expected, kind)?;
    }
    Ok(Answer::Record(Cow::Borrowed(record)))
}

fn acknowledgement(frame: &[u8]) -> Result<Answer<'_>, FrameError> {
    length(frame, REQUEST_LEN)?;
    let (covered, [sum]) = split_end::<1>(frame)?;
    check(sum8(covered) == sum)?;
    match covered.get(REQUEST_START.len()..) {
        Some([ACKNOWLEDGED, rest @ ..]) if rest == DONE => Ok(Answer::Acknowledged),
        Some([ACKNOWLEDGED, 1, 0, ..]) => Err(FrameError::Nak),
        Some([ACKNOWLEDGED, ..]) => Err(FrameError::Unfitting),
        rest => opcode(ACKNOWLEDGED, rest.and_then(|rest| rest.first().copied()).unwrap_or(0))
            .map(|()| Answer::Unacknowledged),
    }
}

/// The record at the beginning of a frame that holds nothing else, but for 20 bytes of zeros or an acknowledgement.
fn record(frame: &[u8]) -> Result<&[u8], FrameError> {
    after(&RECORD_START, frame)?;
    let (record, rest) = frame.split_at_checked(RECORD_LEN).unwrap_or((frame, &[]));
    let is_filling = rest.starts_with(&REQUEST_START) || rest.iter().all(|byte| *byte == 0);
    if rest.len() != REQUEST_LEN || !is_filling {
        length(frame, RECORD_LEN)?;
    }
    let (covered, [sum]) = split_end::<1>(record)?;
    check(sum8(covered) == sum)?;
    match record.get(RECORD_START.len()) {
        Some(kind) if RECORD_TYPES.contains(kind) => Ok(record),
        _ => Err(FrameError::Unfitting),
    }
}

/// Bytes of the Modbus echo behind a PB record: address, function, register, count, CRC.
pub(super) const MODBUS_ECHO: usize = 8;

/// A record and the echo of a request. Recorded units answer one request with the record and the echo of another, and the
/// record itself says what it is: the echo has to be that of some request of the protocol.
pub(super) fn answer_pb<'a>(protocol: &Protocol, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    length(frame, RECORD_LEN.saturating_add(MODBUS_ECHO))?;
    let (front, echo) = split_end::<MODBUS_ECHO>(frame)?;
    record(front)?;
    let (covered, crc) = split_end::<2>(&echo)?;
    check(modbus(covered).to_le_bytes() == crc)?;
    if protocol
        .commands
        .iter()
        .any(|command| command.opcode.starts_with(covered))
    {
        return Ok(Answer::Record(Cow::Borrowed(frame)));
    }
    Err(FrameError::Opcode {
        expected: "one of the registers of records".to_owned(),
        found: format!("{covered:02x?}"),
    })
}

/// What an "NW" frame begins with.
pub(super) const NW_START: [u8; 2] = [0x4E, 0x57];
/// Start and length, which the length does not count in full: it is the total less two.
pub(super) const NW_UNCOUNTED: usize = 2;
/// Bytes before the values: start, length, terminal, command, source, kind.
const NW_HEADER: usize = 11;
/// Bytes behind the values: record number, 0x68, check value.
const NW_TRAILER: usize = 9;
/// "Read everything", asked by a host.
const NW_READ_ALL: [u8; 17] = [
    0x4E, 0x57, 0x00, 0x13, 0, 0, 0, 0, 0x03, 0x03, 0x00, 0x00, 0, 0, 0, 0, 0x68,
];
/// The kind of frame that is an answer.
const NW_ANSWER: u8 = 1;
/// Commands that read: one value, and all.
const NW_READS: [u8; 2] = [0x03, 0x06];
/// The last of the sources: battery, Bluetooth, GPS, host.
const NW_LAST_SOURCE: u8 = 3;

pub(super) fn request_nw() -> Vec<u8> {
    let mut bytes = NW_READ_ALL.to_vec();
    let sum = sum16(&bytes);
    bytes.extend([0, 0]);
    bytes.extend(sum.to_be_bytes());
    bytes
}

pub(super) fn answer_nw(frame: &[u8]) -> Result<Answer<'_>, FrameError> {
    let counted = after(&NW_START, frame)?;
    let [high, low, ..] = counted else {
        return Err(FrameError::NoEnd);
    };
    let announced = usize::from(u16::from_be_bytes([*high, *low]));
    length(frame, announced.saturating_add(NW_UNCOUNTED))?;
    let (covered, [0, 0, high, low]) = split_end::<4>(frame)? else {
        return Err(FrameError::NoEnd);
    };
    if covered.last() != Some(&0x68) {
        return Err(FrameError::NoEnd);
    }
    check(sum16(covered).to_be_bytes() == [high, low])?;
    let Some([command, source, kind]) = frame.get(NW_HEADER.saturating_sub(3)..NW_HEADER) else {
        return Err(FrameError::NoEnd);
    };
    // Recorded answers carry the kind of a request as well as that of an answer.
    if *kind > NW_ANSWER || !NW_READS.contains(command) {
        return opcode(NW_ANSWER, *kind).and(Err(FrameError::Opcode {
            expected: format!("{NW_READS:02x?}"),
            found: format!("{command:02x}"),
        }));
    }
    if *source > NW_LAST_SOURCE {
        return Err(FrameError::Unfitting);
    }
    let end = frame.len().saturating_sub(NW_TRAILER);
    frame.get(NW_HEADER..end).map(Answer::Tagged).ok_or(FrameError::NoEnd)
}

/// Head of a balancer's request; its address follows.
const BALANCER_REQUEST: [u8; 2] = [0x55, 0xAA];
/// What a balancer's answer begins with.
pub(super) const BALANCER_START: [u8; 2] = [0xEB, 0x90];

pub(super) fn request_balancer(protocol: &Protocol, command: &Command) -> Vec<u8> {
    let mut bytes = BALANCER_REQUEST.to_vec();
    bytes.push(protocol.unit);
    bytes.extend(&*command.opcode);
    bytes.extend([0, 0]);
    bytes.push(sum8(&bytes));
    bytes
}

pub(super) fn answer_balancer<'a>(
    protocol: &Protocol,
    command: &Command,
    frame: &'a [u8],
) -> Result<Answer<'a>, FrameError> {
    let rest = after(&BALANCER_START, frame)?;
    length(frame, command.fields.iter().map(|field| field.len).sum())?;
    let (covered, [sum]) = split_end::<1>(frame)?;
    check(sum8(covered) == sum)?;
    let [address, code, ..] = rest else {
        return Err(FrameError::NoEnd);
    };
    unit(protocol.unit, *address)?;
    opcode(command.opcode.first().copied().unwrap_or_default(), *code)?;
    Ok(Answer::Record(Cow::Borrowed(frame)))
}
