//! Voltronic's frames with a length: `^Pnnn` asks, `^Snnn` sets, `^Dnnn` answers. PI17 and PI18.

use super::checksum::{decimal_sum, xmodem, xmodem_escaped};
use super::{Answer, after, check, split_end};
use crate::error::{FrameError, RequestError};
use crate::protocol::{Command, CommandKind, Protocol, RequestCrc};

const CR: u8 = b'\r';

/// Bytes of CRC and CR, which the length of an answer counts.
const TRAILER: usize = 3;

/// Digits of the sum that PI17's date queries carry.
const DECIMAL_SUM: usize = 3;

/// How many bytes too few the header of a valid PI17 answer may announce: seen in 4 of 25 recorded frames.
const HEADER_SLACK: usize = 2;

/// Largest length that three digits can say.
const MAX_LENGTH: usize = 999;

pub(super) fn request(protocol: &Protocol, command: &Command, code: &str) -> Result<Vec<u8>, RequestError> {
    let mark = match command.kind {
        CommandKind::Setting => 'S',
        CommandKind::Status | CommandKind::Query | CommandKind::Listen => 'P',
    };
    let counted = match (protocol.request_crc, command.decimal_sum) {
        (RequestCrc::Sent | RequestCrc::Counted, _) => TRAILER,
        (RequestCrc::None, true) => DECIMAL_SUM.saturating_add(1),
        (RequestCrc::None, false) => 1,
    };
    let length = code.len().saturating_add(counted);
    if length > MAX_LENGTH {
        return Err(RequestError::TooLong(code.to_owned()));
    }
    let mut bytes = format!("^{mark}{length:03}{code}").into_bytes();
    if command.decimal_sum {
        bytes.extend(decimal_sum(&bytes));
    }
    if command.request_crc.unwrap_or(protocol.request_crc == RequestCrc::Sent) {
        bytes.extend(xmodem_escaped(&bytes));
    }
    bytes.push(CR);
    Ok(bytes)
}

pub(super) fn answer<'a>(protocol: &Protocol, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    let [body @ .., CR] = frame else {
        return Err(FrameError::NoEnd);
    };
    let (covered, crc) = split_end::<2>(body)?;
    // A recorded PI18 leaves the mark out, of the CRC as well.
    let unmarked = covered.strip_prefix(b"^").unwrap_or(covered);
    // Devices send the CRC escaped or as it is.
    check(xmodem_escaped(covered) == crc || xmodem(covered).to_be_bytes() == crc)?;
    // A zero behind a frame has a CRC that fits: only its length tells.
    let slack = if crc.last() == Some(&0) { 0 } else { slack(protocol) };
    match unmarked {
        b"0" => Err(FrameError::Nak),
        b"1" => Ok(Answer::Acknowledged),
        unmarked => data(protocol, after(b"D", unmarked)?, slack),
    }
}

/// How many bytes more than its header says an answer may have: PI17, which asks without CRC, counts carelessly.
pub(super) fn slack(protocol: &Protocol) -> usize {
    match protocol.request_crc {
        RequestCrc::None => HEADER_SLACK,
        RequestCrc::Counted | RequestCrc::Sent => 0,
    }
}

/// The fields behind the three digits of the length.
fn data<'a>(protocol: &Protocol, counted: &'a [u8], slack: usize) -> Result<Answer<'a>, FrameError> {
    let (digits, payload) = counted.split_at_checked(3).unwrap_or_default();
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| !digits.starts_with('+'));
    let announced = digits.and_then(|digits| digits.parse::<usize>().ok());
    let announced = announced.ok_or(FrameError::Unfitting)?;
    let found = payload.len().saturating_add(TRAILER);
    // PI17 writes spaces between the fields of one answer.
    let separators: &[u8] = match protocol.request_crc {
        RequestCrc::None => b", ",
        RequestCrc::Counted | RequestCrc::Sent => b",",
    };
    if !(announced..=announced.saturating_add(slack)).contains(&found) {
        return Err(FrameError::Length {
            expected: announced,
            found,
        });
    }
    Ok(Answer::Text { payload, separators })
}
