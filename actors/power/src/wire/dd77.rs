//! JBD and Xiaoxiang batteries: `DD`, opcode, status, length, data, check value, `77`.

use std::borrow::Cow;

use super::checksum::sum16;
use super::{Answer, after, check, length, opcode, raw_value, split_end};
use crate::error::{FrameError, RequestError};
use crate::protocol::Command;

pub(super) const START: u8 = 0xDD;
const END: u8 = 0x77;
/// "Read".
const READ: u8 = 0xA5;
/// "Write".
const WRITE: u8 = 0x5A;
/// Bytes of what a setting writes.
const VALUE_LEN: u8 = 2;
/// Bytes of an answer besides its data.
pub(super) const FRAME: usize = 7;

/// The check value: two's complement of the sum of opcode (or status), length and data.
fn complement(bytes: &[u8]) -> [u8; 2] {
    sum16(bytes).wrapping_neg().to_be_bytes()
}

/// # Errors
/// When the argument is no number that a setting can hold.
pub(super) fn request(command: &Command, argument: &str) -> Result<Vec<u8>, RequestError> {
    let mut covered = command.opcode.to_vec();
    let mut bytes = vec![START];
    if command.is_acknowledged() {
        bytes.push(WRITE);
        let value = raw_value(command, argument)?.to_be_bytes();
        covered.push(VALUE_LEN);
        covered.extend(value);
    } else {
        bytes.push(READ);
        covered.push(0);
    }
    let sum = complement(&covered);
    bytes.extend(covered);
    bytes.extend(sum);
    bytes.push(END);
    Ok(bytes)
}

pub(super) fn answer<'a>(command: &Command, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    let rest = after(&[START], frame)?;
    let [code, rest @ .., END] = rest else {
        return Err(FrameError::NoEnd);
    };
    let (covered, sum) = split_end::<2>(rest)?;
    let [status, len, ..] = covered else {
        return Err(FrameError::NoEnd);
    };
    length(frame, usize::from(*len).saturating_add(FRAME))?;
    check(complement(covered) == sum)?;
    if *status != 0 {
        return Err(FrameError::Status(*status));
    }
    opcode(command.opcode.first().copied().unwrap_or_default(), *code)?;
    match (command.is_acknowledged(), len) {
        (true, 0) => Ok(Answer::Acknowledged),
        (true, _) => Err(FrameError::Unfitting),
        (false, _) => Ok(Answer::Record(Cow::Borrowed(frame))),
    }
}
