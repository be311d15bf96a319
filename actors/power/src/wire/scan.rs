//! Where a frame ends, in bytes that come as the line brings them: cut anywhere, behind an echo, between garbage.
//!
//! Pure: the reader keeps the bytes and asks again when more have come. A frame that is found here is not yet believed;
//! one that is known to be damaged is handed on all the same, so that it is asked for again at once and not after a silence.

use std::ops::Range;
use std::time::Duration;

use super::checksum::is_summed;
use super::daly::FRAME as DALY_FRAME;
use super::jk::{
    BALANCER_START, MODBUS_ECHO, NW_START, NW_UNCOUNTED, RECORD_LEN, RECORD_START, REQUEST_LEN, REQUEST_START,
};
use super::vedirect::{BLOCK_END, HEX_END, HEX_START};
use super::{answer, caret, dd77, echo, find, modbus};
use crate::error::FrameError;
use crate::protocol::{CheckForm, Command, CommandKind, Family, Framing, Layout, Protocol, Request};

/// Ends a frame of characters.
const CR: u8 = b'\r';
/// Most bytes that any answer has; the longest recorded one has 320, 48 cells of a Daly take 208.
pub(crate) const MAX_FRAME: usize = 1024;
/// Bytes of a caret answer before those that it counts: `^Dnnn`.
const CARET_HEAD: usize = 5;
/// Bytes of a short caret answer: `^1`, CRC, CR.
const CARET_SHORT: usize = 5;
/// Bits of a byte on a serial line, start and stop included (8N1).
const BITS: u64 = 10;
/// Time that a device takes before it answers; the slowest inverters need most of it.
const THINKING: Duration = Duration::from_millis(800);
/// A line this long without a byte is silent: 30 characters, and what a USB adapter collects before it hands on.
const QUIET_BYTES: u64 = 30;
const ADAPTER: Duration = Duration::from_millis(40);
/// Characters of an average field of text, with its separator.
const TEXT_FIELD: usize = 8;
/// Frames of a long Daly answer: 48 cells, three a frame.
const DALY_FRAMES: usize = 16;

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The beginning of a frame, or nothing yet.
    More,
    /// A frame of so many bytes.
    Frame(usize),
    /// A frame of so many bytes that goes on unless the line falls silent now.
    Growing(usize),
    /// These bytes belong to no answer: take them out and look again.
    Drop(Range<usize>),
}

impl Request<'_> {
    /// Looks for the end of the answer.
    #[must_use]
    pub fn scan(&self, buffer: &[u8]) -> Scan {
        match echo(self) {
            Some(echo) if buffer.starts_with(echo) => return Scan::Drop(0..echo.len()),
            Some(echo) if echo.starts_with(buffer) => return Scan::More,
            Some(_) | None if buffer.is_empty() => return Scan::More,
            Some(_) | None => {}
        }
        let scan = match self.protocol.family {
            Family::VoltronicQ | Family::VoltronicPi16 => voltronic(self.command, buffer),
            Family::VoltronicCaret => caret(self, buffer),
            Family::JkBle => jk_record(self.command, buffer),
            Family::JkPbModbus => marked(buffer, &RECORD_START, |_| Some(RECORD_LEN.saturating_add(MODBUS_ECHO))),
            Family::JkNwTtl => marked(buffer, &NW_START, nw_len),
            Family::JkBalancer485 => marked(buffer, &BALANCER_START, |_| {
                Some(self.command.fields.iter().map(|field| field.len).sum())
            }),
            Family::Dd77Serial => marked(buffer, &[dd77::START], |frame| {
                Some(usize::from(*frame.get(3)?).saturating_add(dd77::FRAME))
            }),
            Family::DalyA5 => daly(self.protocol, self.command, buffer),
            Family::VictronVedirect => vedirect(self.command, buffer),
            Family::Modbus => modbus_frame(self, buffer),
        };
        match scan {
            Scan::More if buffer.len() > MAX_FRAME => Scan::Drop(0..buffer.len()),
            scan @ (Scan::More | Scan::Frame(_) | Scan::Growing(_) | Scan::Drop(_)) => scan,
        }
    }

    /// How long the answer may take, from the last byte of the request to its own last: thinking, and the way over the wire.
    #[must_use]
    pub fn deadline(&self, baud: u32) -> Duration {
        let bytes = self.bytes.len().saturating_add(self.expected_len());
        let wire = on_the_wire(bytes.try_into().unwrap_or(u64::MAX), baud);
        // A quarter more: devices pause between the parts of an answer.
        THINKING.saturating_add(wire.saturating_mul(5) / 4)
    }

    /// Bytes of a usual answer.
    fn expected_len(&self) -> usize {
        let fields = &self.command.fields;
        let text = fields.len().saturating_mul(TEXT_FIELD);
        match (self.protocol.family, self.command.layout) {
            (Family::DalyA5, Layout::Frames) => DALY_FRAMES.saturating_mul(DALY_FRAME),
            (Family::DalyA5, _) => DALY_FRAME,
            (Family::Modbus, _) => fields
                .iter()
                .map(|field| field.len)
                .sum::<usize>()
                .saturating_add(MODBUS_ECHO),
            (_, Layout::Separated | Layout::KeyValue) => text,
            (_, Layout::Fixed | Layout::Tagged | Layout::AckFrame | Layout::Frames) => {
                fields.iter().map(|field| field.len).sum::<usize>().max(RECORD_LEN)
            }
        }
        .min(MAX_FRAME)
    }
}

/// How long a line has to be silent before what came is all there is.
#[must_use]
pub fn quiet(baud: u32) -> Duration {
    ADAPTER.saturating_add(on_the_wire(QUIET_BYTES, baud))
}

fn on_the_wire(bytes: u64, baud: u32) -> Duration {
    let micros = bytes.saturating_mul(BITS).saturating_mul(1_000_000) / u64::from(baud.max(1));
    Duration::from_micros(micros)
}

/// `(` to CR. What comes before the mark is noise, unless it has an end of its own: then it is a damaged answer.
fn voltronic(command: &Command, buffer: &[u8]) -> Scan {
    let zeros = leading_zeros(buffer);
    if zeros > 0 {
        return Scan::Drop(0..zeros);
    }
    let end = buffer.iter().position(|byte| *byte == CR);
    let head = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
    let mark = head.iter().rposition(|byte| *byte == b'(');
    match (mark, end) {
        // Answers in the REVO's second form need no mark.
        (Some(mark), _) if mark > 0 && command.check != Some(CheckForm::Chk) => Scan::Drop(0..mark),
        (_, Some(end)) => Scan::Frame(end.saturating_add(1)),
        (_, None) => Scan::More,
    }
}

/// USB reports are filled up with zeros.
fn leading_zeros(buffer: &[u8]) -> usize {
    buffer.iter().take_while(|byte| **byte == 0).count()
}

/// The first CR at which the CRC fits: the CRC may hold a CR itself, and headers announce up to two bytes too few.
fn caret(request: &Request<'_>, buffer: &[u8]) -> Scan {
    let zeros = leading_zeros(buffer);
    if zeros > 0 {
        return Scan::Drop(0..zeros);
    }
    let ends = || {
        buffer
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == CR)
            .map(|(at, _)| at.saturating_add(1))
    };
    let fits = |end: &usize| {
        let frame = buffer.get(..*end).unwrap_or_default();
        // A refusal is a good frame as well; only what the check value refutes goes on.
        !matches!(
            answer(request, frame),
            Err(FrameError::Checksum | FrameError::Length { .. } | FrameError::NoEnd)
        )
    };
    if let Some(end) = ends().find(fits) {
        return Scan::Frame(end);
    }
    let announced = buffer
        .get(2..CARET_HEAD)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    let longest = match (buffer.first(), buffer.get(1), announced) {
        (Some(b'^'), Some(b'D'), Some(announced)) => CARET_HEAD
            .saturating_add(announced)
            .saturating_add(caret::slack(request.protocol)),
        _ => CARET_SHORT,
    };
    match ends().rfind(|end| *end >= longest) {
        Some(end) => Scan::Frame(end),
        None => Scan::More,
    }
}

/// From a start marker on, as long as the frame's head says; `None` from the head: not known yet.
fn marked(buffer: &[u8], start: &[u8], len: impl Fn(&[u8]) -> Option<usize>) -> Scan {
    match find(buffer, start) {
        Some(0) => {}
        Some(at) => return Scan::Drop(0..at),
        // The last bytes may be the first of a marker.
        None if buffer.len() >= start.len() => {
            return Scan::Drop(0..buffer.len().saturating_sub(start.len().saturating_sub(1)).max(1));
        }
        None => return Scan::More,
    }
    match len(buffer) {
        Some(len) if len > MAX_FRAME => Scan::Drop(0..start.len()),
        Some(len) if buffer.len() >= len => Scan::Frame(len),
        Some(_) | None => Scan::More,
    }
}

/// By serial line from the unit's address on, by TCP from the number of the transaction on.
fn modbus_frame(request: &Request<'_>, buffer: &[u8]) -> Scan {
    match request.protocol.framing {
        Framing::Tcp => {
            let head = request.bytes.get(..4).unwrap_or_default();
            marked(buffer, head, modbus::tcp_len)
        }
        Framing::Rtu => {
            let begins = |at: &usize| modbus::line_len(request, buffer.get(*at..).unwrap_or_default()).is_ok();
            match (0..buffer.len()).find(begins) {
                Some(0) => match modbus::line_len(request, buffer) {
                    Ok(Some(len)) if buffer.len() >= len => Scan::Frame(len),
                    Ok(_) | Err(_) => Scan::More,
                },
                Some(at) => Scan::Drop(0..at),
                None => Scan::Drop(0..buffer.len()),
            }
        }
    }
}

fn nw_len(frame: &[u8]) -> Option<usize> {
    let [_, _, high, low, ..] = frame else { return None };
    Some(usize::from(u16::from_be_bytes([*high, *low])).saturating_add(NW_UNCOUNTED))
}

/// A record of 300 bytes. Acknowledgements come between its pieces; a marker within a damaged one begins the next.
fn jk_record(command: &Command, buffer: &[u8]) -> Scan {
    let acknowledgement = find(buffer, &REQUEST_START);
    if let Some(at) = acknowledgement {
        let end = at.saturating_add(REQUEST_LEN);
        return match (at, command.is_acknowledged()) {
            _ if buffer.len() < end => Scan::More,
            (0, true) => Scan::Frame(REQUEST_LEN),
            (_, true) => Scan::Drop(0..at),
            (_, false) => Scan::Drop(at..end),
        };
    }
    match marked(buffer, &RECORD_START, |_| Some(RECORD_LEN)) {
        Scan::Frame(len) => {
            let record = buffer.get(..len).unwrap_or_default();
            let next = find(record.get(1..).unwrap_or_default(), &RECORD_START);
            match next {
                Some(at) if !is_summed(record) => Scan::Drop(0..at.saturating_add(1)),
                _ => Scan::Frame(len),
            }
        }
        scan @ (Scan::More | Scan::Growing(_) | Scan::Drop(_)) => scan,
    }
}

/// Frames of 13 bytes. Those of another command or another battery are late answers; those of a long answer come one behind the other, and
/// how many is known to nobody but the battery.
fn daly(protocol: &Protocol, command: &Command, buffer: &[u8]) -> Scan {
    let scan = marked(buffer, &[super::daly::START], |_| Some(DALY_FRAME));
    let Scan::Frame(_) = scan else { return scan };
    let asked = command.opcode.first();
    let is_ours = buffer.get(1) == Some(&protocol.unit) && buffer.get(2) == asked;
    if !is_ours && is_summed(buffer.get(..DALY_FRAME).unwrap_or_default()) {
        return Scan::Drop(0..DALY_FRAME);
    }
    if command.layout != Layout::Frames {
        return scan;
    }
    let (frames, _) = buffer.as_chunks::<DALY_FRAME>();
    let ours = frames
        .iter()
        .take_while(|frame| frame.first() == Some(&super::daly::START))
        .count();
    let len = ours.saturating_mul(DALY_FRAME);
    if ours < DALY_FRAMES {
        Scan::Growing(len)
    } else {
        Scan::Frame(len)
    }
}

fn vedirect(command: &Command, buffer: &[u8]) -> Scan {
    if command.kind == CommandKind::Listen {
        let end = find(buffer, BLOCK_END).map(|at| at.saturating_add(BLOCK_END.len()).saturating_add(1));
        return match end {
            Some(end) if buffer.len() >= end => Scan::Frame(end),
            Some(_) | None => Scan::More,
        };
    }
    let Some(start) = buffer.iter().position(|byte| *byte == HEX_START) else {
        return Scan::Drop(0..buffer.len());
    };
    if start > 0 {
        return Scan::Drop(0..start);
    }
    let end = buffer.iter().position(|byte| *byte == HEX_END);
    end.map_or(Scan::More, |end| Scan::Frame(end.saturating_add(1)))
}
