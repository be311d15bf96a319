//! Victron's VE.Direct: blocks of text once a second, and hexadecimal frames that may stand in their middle.

use std::borrow::Cow;

use super::checksum::sum8;
use super::{Answer, after, check, find, opcode};
use crate::error::FrameError;
use crate::protocol::{Command, CommandKind};

/// Begins a hexadecimal frame.
pub(super) const HEX_START: u8 = b':';
/// Ends it.
pub(super) const HEX_END: u8 = b'\n';
/// "Get" and the answer to it.
const GET: u8 = 7;
/// What the bytes of a hexadecimal frame add up to.
const HEX_SUM: u8 = 0x55;
/// What a block, and every line of it, begins with.
const BLOCK_START: &[u8] = b"\r\n";
/// The label of a block's last line; one byte follows that makes the block's sum zero.
pub(super) const BLOCK_END: &[u8] = b"\r\nChecksum\t";

pub(super) fn request(command: &Command) -> Vec<u8> {
    // The register low byte first, as the table has it, then no flags.
    let mut bytes = vec![GET];
    bytes.extend(&*command.opcode);
    bytes.push(0);
    bytes.push(HEX_SUM.wrapping_sub(sum8(&bytes)));
    let digits: String = bytes.iter().skip(1).map(|byte| format!("{byte:02X}")).collect();
    format!(":{GET:X}{digits}\n").into_bytes()
}

pub(super) fn answer<'a>(command: &Command, frame: &'a [u8]) -> Result<Answer<'a>, FrameError> {
    match command.kind {
        CommandKind::Listen => text(frame),
        CommandKind::Status | CommandKind::Query | CommandKind::Setting => hexadecimal(command, frame),
    }
}

/// The frame that answers; the text around it has been left out.
fn hexadecimal<'a>(command: &Command, frame: &[u8]) -> Result<Answer<'a>, FrameError> {
    let [digits @ .., HEX_END] = after(&[HEX_START], frame)? else {
        return Err(FrameError::NoEnd);
    };
    let bytes = nibble_and_bytes(digits).ok_or(FrameError::NoEnd)?;
    check(sum8(&bytes) == HEX_SUM)?;
    let (Some(kind), Some(register), Some(flags)) = (bytes.first(), bytes.get(1..3), bytes.get(3)) else {
        return Err(FrameError::NoEnd);
    };
    opcode(GET, *kind)?;
    if register != &*command.opcode {
        return Err(FrameError::Opcode {
            expected: format!("{:02x?}", command.opcode),
            found: format!("{register:02x?}"),
        });
    }
    if *flags != 0 {
        return Err(FrameError::Status(*flags));
    }
    let wanted = command.fields.iter().map(|field| field.len).sum();
    super::length(&bytes, wanted)?;
    Ok(Answer::Record(Cow::Owned(bytes)))
}

/// One digit for the command, two for every byte behind it.
fn nibble_and_bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (command, rest) = digits.split_first()?;
    let (pairs, odd) = rest.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    std::iter::once(digit(*command)).chain(bytes).collect()
}

fn digit(character: u8) -> Option<u8> {
    // Upper case only: a flipped bit makes lower case of it.
    match character {
        b'0'..=b'9' => Some(character.wrapping_sub(b'0')),
        b'A'..=b'F' => Some(character.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// The lines of all blocks. A block that is cut off at its beginning, because the device spoke before anybody listened, or
/// at the end of the bytes, is left out; one that is damaged spoils the frame.
fn text(frame: &[u8]) -> Result<Answer<'_>, FrameError> {
    let frame = without_hexadecimal(frame);
    let mut lines = Vec::new();
    let (mut rest, mut whole, mut ended) = (&*frame, false, false);
    let mut is_cut = !rest.starts_with(BLOCK_START);
    while let Some(at) = find(rest, BLOCK_END) {
        ended = true;
        let end = at.saturating_add(BLOCK_END.len()).saturating_add(1);
        let Some((block, behind)) = rest.split_at_checked(end) else {
            break;
        };
        if sum8(block) == 0 {
            whole = true;
            let text = block.get(..at).unwrap_or_default();
            lines.extend(text.split(|byte| *byte == b'\n').filter_map(line));
        } else if !is_cut {
            return Err(FrameError::Checksum);
        }
        is_cut = false;
        rest = behind;
    }
    match (ended, whole) {
        (_, true) => Ok(Answer::Lines(lines)),
        (true, false) => Err(FrameError::Checksum),
        (false, false) => Err(FrameError::NoEnd),
    }
}

fn line<'a>(line: &[u8]) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let (label, value) = line.split_once('\t')?;
    if label.chars().chain(value.chars()).any(char::is_control) {
        return None;
    }
    Some((label.to_owned().into(), value.to_owned().into()))
}

/// The text alone. A `:` in the place of a block's check value begins no frame.
fn without_hexadecimal(frame: &[u8]) -> Cow<'_, [u8]> {
    if !frame.contains(&HEX_START) {
        return Cow::Borrowed(frame);
    }
    let mut text = Vec::with_capacity(frame.len());
    let mut rest = frame;
    while let [byte, behind @ ..] = rest {
        let frame_len = behind.iter().position(|byte| *byte == HEX_END);
        let body = frame_len.and_then(|len| behind.get(..len)).and_then(nibble_and_bytes);
        let is_frame = *byte == HEX_START && !text.ends_with(BLOCK_END) && body.is_some();
        match (is_frame, frame_len) {
            (true, Some(len)) => rest = behind.get(len.saturating_add(1)..).unwrap_or_default(),
            _ => {
                text.push(*byte);
                rest = behind;
            }
        }
    }
    Cow::Owned(text)
}
