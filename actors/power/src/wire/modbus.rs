//! Modbus, by serial line (RTU) and by TCP: registers are read (functions 3 and 4) and written (6 and 16).
//!
//! An answer by serial line does not say which registers it holds, only how many: one that belongs to another question is
//! told by its function and length. By TCP the transaction number tells, for which the first register stands.

use std::borrow::Cow;

use super::checksum::modbus;
use super::{Answer, check, length, raw_value, split_end};
use crate::error::{FrameError, RequestError};
use crate::protocol::{Command, Framing, Protocol, Registers, Request};

/// Set in the function of an answer that refuses.
const EXCEPTION: u8 = 0x80;
/// Reads what can be written.
const READ_HOLDING: u8 = 3;
/// Reads what cannot.
const READ_INPUT: u8 = 4;
/// Writes one register; the answer is the request.
const WRITE_ONE: u8 = 6;
/// Writes several registers.
const WRITE_MANY: u8 = 16;
/// The functions up to this one read.
pub(crate) const LAST_READ: u8 = READ_INPUT;
/// Functions that this engine has.
pub(crate) const FUNCTIONS: [u8; 4] = [READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY];
/// Most registers of one answer, as the standard has it.
pub(crate) const MAX_REGISTERS: usize = 125;
/// Bytes of the head of a frame over TCP: transaction, protocol, length. The length counts what follows.
const HEAD: usize = 6;
/// Bytes of the check value of a frame by serial line.
const CRC: usize = 2;
/// Bytes of unit, function and one more: the least of an answer, and a refusal.
const REFUSAL: usize = 3;
/// Bytes of what answers a write: unit, function, register, value or count.
const WRITTEN: usize = 6;

/// Whether a device answers this by sending the request back.
pub(super) fn answers_with_echo(command: &Command) -> bool {
    command
        .registers
        .is_some_and(|registers| registers.function == WRITE_ONE)
}

/// # Errors
/// When the argument is no number that a register can hold.
pub(super) fn request(protocol: &Protocol, command: &Command, argument: &str) -> Result<Vec<u8>, RequestError> {
    let Some(Registers { function, first, count }) = command.registers else {
        return Err(RequestError::ListenOnly(command.code.to_string()));
    };
    let mut bytes = vec![protocol.module_address, function];
    bytes.extend(first.to_be_bytes());
    match function {
        WRITE_ONE => bytes.extend(raw_value(command, argument)?.to_be_bytes()),
        WRITE_MANY => {
            bytes.extend([0, 1, 2]);
            bytes.extend(raw_value(command, argument)?.to_be_bytes());
        }
        _ => bytes.extend(count.to_be_bytes()),
    }
    Ok(match protocol.framing {
        Framing::Rtu => {
            let crc = modbus(&bytes);
            bytes.extend(crc.to_le_bytes());
            bytes
        }
        Framing::Tcp => {
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            let mut framed = first.to_be_bytes().to_vec();
            framed.extend([0, 0]);
            framed.extend(len.to_be_bytes());
            framed.extend(bytes);
            framed
        }
    })
}

pub(super) fn answer<'a>(request: &Request<'_>, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    let (protocol, command) = (request.protocol, request.command);
    let registers = command.registers.ok_or(FrameError::Unfitting)?;
    let message = match protocol.framing {
        Framing::Rtu => by_line(frame)?,
        Framing::Tcp => by_tcp(registers, frame)?,
    };
    let [unit, function, rest @ ..] = message else {
        return Err(FrameError::NoEnd);
    };
    super::opcode(protocol.module_address, *unit)?;
    if *function == registers.function | EXCEPTION {
        length(message, REFUSAL)?;
        return Err(FrameError::Status(rest.first().copied().unwrap_or_default()));
    }
    super::opcode(registers.function, *function)?;
    match registers.function {
        WRITE_ONE | WRITE_MANY => written(request, message),
        _ => {
            let (len, data) = rest.split_first().ok_or(FrameError::NoEnd)?;
            length(data, usize::from(registers.count).saturating_mul(2))?;
            length(data, usize::from(*len))?;
            Ok(Answer::Record(Cow::Borrowed(data)))
        }
    }
}

/// The message before its check value.
fn by_line(frame: &[u8]) -> Result<&[u8], FrameError> {
    let (message, crc) = split_end::<CRC>(frame)?;
    check(modbus(message).to_le_bytes() == crc)?;
    Ok(message)
}

/// The message behind its head.
fn by_tcp(registers: Registers, frame: &[u8]) -> Result<&[u8], FrameError> {
    let (head, message) = frame.split_at_checked(HEAD).ok_or(FrameError::NoEnd)?;
    let [high, low, 0, 0, more, less] = head else {
        return Err(FrameError::NoStart { found: head.to_vec() });
    };
    length(message, usize::from(u16::from_be_bytes([*more, *less])))?;
    if [*high, *low] == registers.first.to_be_bytes() {
        return Ok(message);
    }
    Err(FrameError::Opcode {
        expected: format!("{:04x}", registers.first),
        found: format!("{high:02x}{low:02x}"),
    })
}

/// What was written has to come back: the register, and its value or how many there were.
fn written<'a>(request: &Request<'_>, message: &[u8]) -> Result<Answer<'a>, FrameError> {
    length(message, WRITTEN)?;
    let head = match request.protocol.framing {
        Framing::Rtu => 0,
        Framing::Tcp => HEAD,
    };
    if request.bytes.get(head..head.saturating_add(WRITTEN)) == Some(message) {
        return Ok(Answer::Acknowledged);
    }
    Err(FrameError::Unfitting)
}

/// How long the answer of the serial line is that begins here; `None` while too little of it is there.
///
/// # Errors
/// When no answer begins here.
pub(super) fn line_len(request: &Request<'_>, frame: &[u8]) -> Result<Option<usize>, FrameError> {
    let Registers { function, count, .. } = request.command.registers.ok_or(FrameError::Unfitting)?;
    let data = usize::from(count).saturating_mul(2);
    let len = match frame {
        [] => return Ok(None),
        [unit, ..] if *unit != request.protocol.module_address => return Err(FrameError::Unfitting),
        [_] => return Ok(None),
        [_, refused, ..] if *refused == function | EXCEPTION => REFUSAL,
        [_, found, ..] if *found != function => return Err(FrameError::Unfitting),
        [_, WRITE_ONE | WRITE_MANY, ..] => WRITTEN,
        [_, _] => return Ok(None),
        [_, _, len, ..] if usize::from(*len) != data => return Err(FrameError::Unfitting),
        [_, _, _, ..] => REFUSAL.saturating_add(data),
    };
    Ok(Some(len.saturating_add(CRC)))
}

/// How long a frame over TCP is, by its head.
pub(super) fn tcp_len(frame: &[u8]) -> Option<usize> {
    let [_, _, _, _, high, low, ..] = frame else {
        return None;
    };
    Some(HEAD.saturating_add(usize::from(u16::from_be_bytes([*high, *low]))))
}
