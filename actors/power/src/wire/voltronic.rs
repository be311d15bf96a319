//! Voltronic's older frames: `(fields`, check value, CR. PI30 and its relatives; PI16 asks without a check value.

use super::checksum::{decimal_sum, sum8, xmodem_escaped};
use super::{Answer, after, check, split_end};
use crate::error::FrameError;
use crate::protocol::{CheckForm, Command};

/// Ends every frame; neither the fields nor the escaped check value contain it.
const CR: u8 = b'\r';

/// Shortest answer: a mark, one character, a one-byte check value, CR.
const MIN_ANSWER: usize = 4;

/// Bytes of a USB report; the last one of an answer is filled up with zeros.
const REPORT: usize = 8;

/// Configuration writes of the REVO end with their one-byte check value, without CR.
const BARE_WRITE: &str = "PSET";

pub(super) fn request(command: &Command, code: &str) -> Vec<u8> {
    let mut bytes = code.as_bytes().to_vec();
    if command.check == Some(CheckForm::Chk) && code.starts_with(BARE_WRITE) {
        bytes.push(plus_one(code.as_bytes()));
        return bytes;
    }
    bytes.extend(xmodem_escaped(code.as_bytes()));
    bytes.push(CR);
    bytes
}

pub(super) fn request_pi16(command: &Command, code: &str) -> Vec<u8> {
    let mut bytes = code.as_bytes().to_vec();
    if command.decimal_sum {
        bytes.extend(decimal_sum(code.as_bytes()));
    }
    bytes.push(CR);
    bytes
}

/// The REVO's second form of check value.
fn plus_one(bytes: &[u8]) -> u8 {
    sum8(bytes).wrapping_add(1)
}

pub(super) fn answer<'a>(command: &Command, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    match command.check {
        Some(CheckForm::Chk) => answer_two_forms(frame),
        Some(CheckForm::Crc) | None => answer_crc(frame),
    }
}

pub(super) fn answer_crc(frame: &[u8]) -> Result<Answer<'_>, FrameError> {
    let body = ended(frame)?;
    let (covered, crc) = split_end::<2>(body)?;
    let payload = after(b"(", covered)?;
    check(xmodem_escaped(covered) == crc)?;
    content(payload)
}

/// Where the REVO uses its one-byte check value it answers with either, with or without the mark. One byte protects badly,
/// so that the fields have to be text as well.
fn answer_two_forms(frame: &[u8]) -> Result<Answer<'_>, FrameError> {
    let body = ended(frame)?;
    let (long, crc) = split_end::<2>(body)?;
    let (short, [sum]) = split_end::<1>(body)?;
    let covered = if xmodem_escaped(long) == crc {
        long
    } else {
        check(plus_one(short) == sum && short.iter().all(|byte| matches!(byte, b' '..=b'~')))?;
        short
    };
    content(covered.strip_prefix(b"(").unwrap_or(covered))
}

/// The frame before its CR. Behind it only the rest of a USB report may stand.
fn ended(frame: &[u8]) -> Result<&[u8], FrameError> {
    let filling = frame.iter().rev().take_while(|byte| **byte == 0).count();
    let is_report = filling < REPORT && frame.len().is_multiple_of(REPORT);
    let filling = if is_report { filling } else { 0 };
    let frame = frame.get(..frame.len().saturating_sub(filling)).unwrap_or(frame);
    let [body @ .., CR] = frame else {
        return Err(FrameError::NoEnd);
    };
    if body.contains(&CR) {
        return Err(FrameError::NoEnd);
    }
    if frame.len() < MIN_ANSWER {
        return Err(FrameError::Length {
            expected: MIN_ANSWER,
            found: frame.len(),
        });
    }
    Ok(body)
}

fn content(payload: &[u8]) -> Result<Answer<'_>, FrameError> {
    match payload {
        b"NAK" => Err(FrameError::Nak),
        b"ACK" => Ok(Answer::Acknowledged),
        // The CRC over a frame and its own CRC is zero, so that a frame within a frame has a CRC that fits.
        payload if payload.contains(&b'(') => Err(FrameError::Unfitting),
        payload => Ok(Answer::Text {
            payload,
            separators: b" ",
        }),
    }
}
