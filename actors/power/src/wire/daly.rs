//! Daly batteries: frames of 13 bytes that begin with `A5`. Long answers are several frames, each numbered.

use std::borrow::Cow;

use super::checksum::sum8;
use super::{Answer, after, check, opcode, split_end, unit};
use crate::error::FrameError;
use crate::protocol::{Command, Layout, Protocol, Request};

pub(super) const START: u8 = 0xA5;
/// Bytes of a frame.
pub(super) const FRAME: usize = 13;
/// Bytes of data in a frame, as the frame says it.
const DATA: u8 = 8;
/// Behind the request, as the programs before send it; the battery ignores it.
const LINE_END: u8 = b'\n';

pub(super) fn request(protocol: &Protocol, command: &Command) -> Vec<u8> {
    let mut bytes = vec![START, protocol.module_address];
    bytes.extend(&*command.opcode);
    bytes.push(DATA);
    bytes.resize(FRAME.saturating_sub(1), 0);
    bytes.push(sum8(&bytes));
    bytes.push(LINE_END);
    bytes
}

/// Frames are numbered from 1, and of those that are expected none may be missing.
fn in_order(frames: &[[u8; FRAME]], expected: Option<u8>) -> Result<(), FrameError> {
    let numbers = frames.iter().map(|[_, _, _, _, number, ..]| *number);
    let found = numbers
        .zip(1..=u8::MAX)
        .take_while(|(found, number)| found == number)
        .count();
    let expected = expected.map_or(0, usize::from).max(frames.len());
    if found == expected {
        return Ok(());
    }
    Err(FrameError::Incomplete { found, expected })
}

pub(super) fn answer<'a>(request: &Request<'_>, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    let (protocol, command) = (request.protocol, request.command);
    let (frames, rest) = frame.as_chunks::<FRAME>();
    let one = command.layout != Layout::Frames;
    if !rest.is_empty() || frames.is_empty() || (one && frames.len() > 1) {
        return Err(FrameError::Length {
            expected: if one {
                FRAME
            } else {
                FRAME.saturating_mul(frames.len().max(1))
            },
            found: frame.len(),
        });
    }
    let asked = command.opcode.first().copied().unwrap_or_default();
    for frame in frames {
        after(&[START], frame)?;
        let (covered, [sum]) = split_end::<1>(frame)?;
        check(sum8(covered) == sum)?;
        let [_, address, code, len, ..] = covered else {
            return Err(FrameError::NoEnd);
        };
        opcode(asked, *code)?;
        unit(protocol.unit, *address)?;
        if *len != DATA {
            return Err(FrameError::Unfitting);
        }
    }
    if one {
        return Ok(Answer::Record(Cow::Borrowed(frame)));
    }
    in_order(frames, command.frames.filter(|_| !request.is_ended))?;
    Ok(Answer::Frames {
        frames: frame,
        len: FRAME,
    })
}
