//! Frames: how a question is put, and how an answer is cut and checked before anybody looks at a field.
//!
//! One file a family. Each checks in this order: echo, end, length, check value, refusal, opcode. What is left is an
//! [`Answer`].

mod caret;
mod checksum;
mod daly;
mod dd77;
mod jk;
pub(crate) mod modbus;
mod scan;
mod vedirect;
mod voltronic;

use std::borrow::Cow;

pub use scan::{Scan, quiet};

use crate::error::{FrameError, RequestError};
use crate::protocol::{Command, CommandKind, Family, Protocol, Request};

/// The content of a frame that has passed every check.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// The device has done as it was told.
    Acknowledged,
    /// A good frame, but another than the acknowledgement that belongs here.
    Unacknowledged,
    /// Fields between separators.
    Text {
        payload: &'a [u8],
        separators: &'static [u8],
    },
    /// A record with fields at fixed places.
    Record(Cow<'a, [u8]>),
    /// Frames of equal length, in any order.
    Frames { frames: &'a [u8], len: usize },
    /// Lines of a label and a value.
    Lines(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    /// Values behind tags.
    Tagged(&'a [u8]),
}

/// The bytes that ask.
pub(crate) fn request(
    protocol: &Protocol,
    command: &Command,
    code: &str,
    argument: &str,
) -> Result<Vec<u8>, RequestError> {
    if command.kind == CommandKind::Listen {
        return Ok(Vec::new());
    }
    match protocol.family {
        Family::VoltronicQ => Ok(voltronic::request(command, code)),
        Family::VoltronicPi16 => Ok(voltronic::request_pi16(command, code)),
        Family::VoltronicCaret => caret::request(protocol, command, code),
        Family::JkBle => jk::request(command, argument),
        Family::JkNwTtl => Ok(jk::request_nw()),
        Family::JkPbModbus => Ok(command.opcode.to_vec()),
        Family::JkBalancer485 => Ok(jk::request_balancer(protocol, command)),
        Family::Dd77Serial => dd77::request(command, argument),
        Family::DalyA5 => Ok(daly::request(protocol, command)),
        Family::VictronVedirect => Ok(vedirect::request(command)),
        Family::Modbus => modbus::request(protocol, command, argument),
    }
}

/// Cuts and checks an answer.
pub(crate) fn answer<'a>(request: &'a Request<'_>, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    let frame = without_echo(request, frame)?;
    let answer = match request.protocol.family {
        Family::VoltronicQ => voltronic::answer(request.command, frame),
        Family::VoltronicPi16 => voltronic::answer_crc(frame),
        Family::VoltronicCaret => caret::answer(request.protocol, frame),
        Family::JkBle => jk::answer(request.command, frame),
        Family::JkNwTtl => jk::answer_nw(frame),
        Family::JkPbModbus => jk::answer_pb(request.protocol, frame),
        Family::JkBalancer485 => jk::answer_balancer(request.protocol, request.command, frame),
        Family::Dd77Serial => dd77::answer(request.command, frame),
        Family::DalyA5 => daly::answer(request, frame),
        Family::VictronVedirect => vedirect::answer(request.command, frame),
        Family::Modbus => modbus::answer(request, frame),
    }?;
    let acknowledges = matches!(answer, Answer::Acknowledged | Answer::Unacknowledged);
    if acknowledges == request.command.is_acknowledged() {
        return Ok(answer);
    }
    Err(FrameError::Unfitting)
}

/// What stands before an answer where a device or its line repeats the request. Nothing, where the repetition is the answer.
fn echo<'a>(request: &'a Request<'_>) -> Option<&'a [u8]> {
    (!request.bytes.is_empty() && !modbus::answers_with_echo(request.command)).then_some(&request.bytes)
}

/// Some devices repeat the request before the answer, or instead of it.
fn without_echo<'a>(request: &Request<'_>, frame: &'a [u8]) -> Result<&'a [u8], FrameError> {
    if frame.is_empty() {
        return Err(FrameError::Empty);
    }
    match echo(request).and_then(|echo| frame.strip_prefix(echo)) {
        Some([]) => Err(FrameError::EchoOnly),
        Some(rest) => Ok(rest),
        None => Ok(frame),
    }
}

/// What a setting writes: its own value, or its argument as a whole number of the parts that the wire counts.
///
/// # Errors
/// When the argument is no number, or more than a register of 16 bits can hold.
fn raw_value(command: &Command, argument: &str) -> Result<u16, RequestError> {
    if let Some(value) = command.value {
        return Ok(value);
    }
    let refused = || RequestError::Argument {
        code: format!("{}{argument}", command.code),
        pattern: format!("{} to {} parts of {}", i16::MIN, u16::MAX, command.write_mul),
    };
    let value: f64 = argument.parse().map_err(|_| refused())?;
    let value = (value * f64::from(command.write_mul)).round();
    if !(f64::from(i16::MIN)..=f64::from(u16::MAX)).contains(&value) {
        return Err(refused());
    }
    // Checked: the cast of a whole number within the range of the type is exact; below zero it is the two's complement.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let raw = if value < 0.0 { value as i16 as u16 } else { value as u16 };
    Ok(raw)
}

/// The frame behind its start marker.
fn after<'a>(start: &[u8], frame: &'a [u8]) -> Result<&'a [u8], FrameError> {
    frame.strip_prefix(start).ok_or_else(|| FrameError::NoStart {
        found: frame.iter().take(start.len()).copied().collect(),
    })
}

/// The frame before its last `N` bytes, and those.
fn split_end<const N: usize>(frame: &[u8]) -> Result<(&[u8], [u8; N]), FrameError> {
    frame
        .split_last_chunk::<N>()
        .map(|(rest, end)| (rest, *end))
        .ok_or(FrameError::Length {
            expected: N,
            found: frame.len(),
        })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// An exact length.
fn length(frame: &[u8], expected: usize) -> Result<(), FrameError> {
    if frame.len() == expected {
        return Ok(());
    }
    Err(FrameError::Length {
        expected,
        found: frame.len(),
    })
}

/// A device that takes turns with others on a line names itself.
fn unit(expected: u8, found: u8) -> Result<(), FrameError> {
    if expected == found {
        return Ok(());
    }
    Err(FrameError::Opcode {
        expected: format!("device {expected}"),
        found: format!("device {found}"),
    })
}

/// Puts another address in front of a Modbus request, and its check value behind.
pub(crate) fn readdress_modbus(request: &mut [u8], unit: u8) {
    let Some((covered, crc)) = request.split_last_chunk_mut::<2>() else {
        return;
    };
    if let Some(address) = covered.first_mut() {
        *address = unit;
    }
    *crc = checksum::modbus(covered).to_le_bytes();
}

fn check(fits: bool) -> Result<(), FrameError> {
    if fits { Ok(()) } else { Err(FrameError::Checksum) }
}

/// The answer names the command that it answers.
fn opcode(expected: u8, found: u8) -> Result<(), FrameError> {
    if expected == found {
        return Ok(());
    }
    Err(FrameError::Opcode {
        expected: format!("{expected:02x}"),
        found: format!("{found:02x}"),
    })
}
