//! JBD and Xiaoxiang batteries: `DD`, opcode, status, length, data, check value, `77`.

use std::borrow::Cow;

use super::checksum::sum16;
use super::{Answer, after, check, length, opcode, split_end};
use crate::error::FrameError;
use crate::protocol::Command;

pub(super) const START: u8 = 0xDD;
const END: u8 = 0x77;
/// "Read", where a write says 0x5A.
const READ: u8 = 0xA5;
/// Bytes of an answer besides its data.
pub(super) const FRAME: usize = 7;

/// The check value: two's complement of the sum of opcode (or status), length and data.
fn complement(bytes: &[u8]) -> [u8; 2] {
    sum16(bytes).wrapping_neg().to_be_bytes()
}

pub(super) fn request(command: &Command) -> Vec<u8> {
    let mut covered = command.opcode.to_vec();
    covered.push(0);
    let sum = complement(&covered);
    let mut bytes = vec![START, READ];
    bytes.extend(covered);
    bytes.extend(sum);
    bytes.push(END);
    bytes
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
    Ok(Answer::Record(Cow::Borrowed(frame)))
}
