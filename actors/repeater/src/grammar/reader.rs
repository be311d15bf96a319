//! Lines into records: what can only be seen from line to line, and what is counted.
//!
//! Anybody with a radio can write a newline into text that the host copies raw, and so begin a line of their own.
//! A line behind an unclosed quote is theirs, and a change of state that claims to be older than the line before it
//! is believed only if the clock really went back.

use std::time::Duration;

use model::Timestamp;
use model::repeater::HostMode;
use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::frame::{self, FrameFault, Frames, Level};
use super::line::{HostLine, Line, ModemLine, Record};
use super::{gateway, is_dump};

/// Longest line that is read, in bytes. The host cuts at 499; two records glued by a crash are still read.
pub const MAX_LINE: usize = 1024;
/// Most records in one line: the one that a crash cut short, and those glued to it.
const MAX_GLUED: usize = 4;
/// Most lines that text with newlines in it can forge: 52 characters hold no more.
const MAX_FORGED: u8 = 3;
/// How much older than the newest record a change of state may claim to be. Threads of the host log out of order by
/// milliseconds.
const OUT_OF_ORDER: Duration = Duration::from_secs(5);
/// How soon after a suspected line another one of the new time proves that the clock was set back.
const CLOCK_SET_BACK: Duration = Duration::from_secs(3600);

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unrecognised {
    /// Nothing in it.
    Empty,
    /// NUL bytes, as a file system leaves them after power loss.
    Nul,
    /// No level and time: messages of libraries, second halves of split lines.
    NoFrame,
    /// A letter that is no level.
    UnknownLevel,
    /// A date or time that no calendar has.
    BadDate,
    /// Longer than the host writes.
    TooLong,
    /// A form that is not known.
    UnknownText,
    /// Several records in one line; they are read all the same.
    Glued,
    /// Written by somebody other than the host, through text that it copies.
    Forged,
}

/// What was read, and what was not recognised, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// Lines with nothing in them.
    pub empty: u64,
    /// Lines with NUL bytes before the text.
    pub nul: u64,
    /// Lines without level and time.
    pub no_frame: u64,
    /// Lines with an unknown level.
    pub unknown_level: u64,
    /// Lines with an impossible time.
    pub bad_date: u64,
    /// Lines that are too long.
    pub too_long: u64,
    /// Lines of unknown form.
    pub unknown_text: u64,
    /// Lines with several records.
    pub glued: u64,
    /// Lines that somebody forged.
    pub forged: u64,
}

impl Tally {
    /// The counts by kind.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 9] {
        [
            ("empty", self.empty),
            ("nul", self.nul),
            ("no_frame", self.no_frame),
            ("unknown_level", self.unknown_level),
            ("bad_date", self.bad_date),
            ("too_long", self.too_long),
            ("unknown_text", self.unknown_text),
            ("glued", self.glued),
            ("forged", self.forged),
        ]
    }

    /// How many lines were not recognised.
    #[must_use]
    pub fn unrecognised(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }

    fn count(&mut self, kind: Unrecognised) {
        *match kind {
            Unrecognised::Empty => &mut self.empty,
            Unrecognised::Nul => &mut self.nul,
            Unrecognised::NoFrame => &mut self.no_frame,
            Unrecognised::UnknownLevel => &mut self.unknown_level,
            Unrecognised::BadDate => &mut self.bad_date,
            Unrecognised::TooLong => &mut self.too_long,
            Unrecognised::UnknownText => &mut self.unknown_text,
            Unrecognised::Glued => &mut self.glued,
            Unrecognised::Forged => &mut self.forged,
        } += 1;
    }
}

/// What closes a text that may hold newlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Closing {
    Quote,
    Apostrophe,
    /// Of a remote command.
    Received,
}

impl Closing {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Closing::Quote => b"\"",
            Closing::Apostrophe => b"'",
            Closing::Received => b"\" received",
        }
    }
}

/// What has to be known of the lines before. Kept with a position in the log, so that a reader that goes on from there
/// believes what one that read all would believe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What would close the text that the line before left open, and how many lines may still be part of it.
    open_text: Option<(Closing, u8)>,
    /// Time of the newest record.
    newest: Option<Timestamp>,
    /// Time that the newest suspected record claimed.
    suspected: Option<Timestamp>,
}

/// Reads line after line of one log.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    frames: Frames,
    tally: Tally,
    memory: Memory,
}

impl Reader {
    /// Reads one line, without its newline; each record in it goes to `sink`.
    pub fn read<'a>(&mut self, line: &'a [u8], mut sink: impl FnMut(Record<'a>)) {
        self.tally.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE {
            self.memory.open_text = None;
            return self.tally.count(Unrecognised::TooLong);
        }
        if line.is_empty() {
            return self.tally.count(Unrecognised::Empty);
        }
        if self.is_inside_text(line) {
            return self.tally.count(Unrecognised::Forged);
        }
        let line = self.without_nul(line);
        self.records(line, &mut sink);
    }

    /// What has to be known of the lines so far.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Goes on behind other lines than those it read.
    pub fn remember(&mut self, memory: Memory) {
        self.memory = memory;
    }

    /// What was read so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the line is the continuation of text that the line before left open.
    fn is_inside_text(&mut self, line: &[u8]) -> bool {
        let Some((closing, lines)) = self.memory.open_text.take() else {
            return false;
        };
        if lines > 1 && !line.ends_with(closing.bytes()) {
            self.memory.open_text = Some((closing, lines - 1));
        }
        true
    }

    fn without_nul<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        let text = line.iter().position(|&byte| byte != 0).unwrap_or(line.len());
        if text > 0 {
            self.tally.count(Unrecognised::Nul);
        }
        line.get(text..).unwrap_or_default()
    }

    fn records<'a>(&mut self, mut line: &'a [u8], sink: &mut impl FnMut(Record<'a>)) {
        for _ in 0..MAX_GLUED {
            if line.is_empty() {
                return;
            }
            let (level, at, text) = match self.frames.strip(line) {
                Ok(framed) => framed,
                Err(fault) => return self.unframed(fault, line, sink),
            };
            let read = super::text(level, text);
            let suspicious = matches!(read, Line::Unknown | Line::Chatter | Line::Dump) || !read.tail().is_empty();
            let glued = if suspicious { frame::inner_frame(text) } else { None };
            let Some((head, tail)) = glued.and_then(|at| text.split_at_checked(at)) else {
                return self.record(level, at, text, read, sink);
            };
            self.tally.count(Unrecognised::Glued);
            self.record(level, at, head, super::text(level, head), sink);
            line = tail;
        }
    }

    fn record<'a>(
        &mut self,
        level: Level,
        at: Timestamp,
        text: &'a [u8],
        line: Line<'a>,
        sink: &mut impl FnMut(Record<'a>),
    ) {
        if matches!(line, Line::Unknown) {
            self.tally.count(Unrecognised::UnknownText);
        }
        if self.is_too_old(at, &line) {
            return self.tally.count(Unrecognised::Forged);
        }
        self.memory.open_text = unclosed(&line, text).map(|closing| (closing, MAX_FORGED));
        sink(Record { level, at, line });
    }

    /// Whether a change of state claims a time before the newest record's, with nothing to show that the clock went
    /// back.
    fn is_too_old(&mut self, at: Timestamp, line: &Line<'_>) -> bool {
        let newest = self.memory.newest.unwrap_or(at);
        let old = newest.since(at) > OUT_OF_ORDER;
        let proven = self
            .memory
            .suspected
            .is_some_and(|suspected| at >= suspected && at.since(suspected) < CLOCK_SET_BACK);
        if old && changes_state(line) && !proven {
            self.memory.suspected = Some(at);
            return true;
        }
        self.memory.suspected = None;
        self.memory.newest = Some(if old { at } else { newest.max(at) });
        false
    }

    /// Lines that never had the host's frame: dumps, and the list of links that the D-Star gateway writes.
    fn unframed<'a>(&mut self, fault: FrameFault, line: &'a [u8], sink: &mut impl FnMut(Record<'a>)) {
        let kind = match fault {
            FrameFault::UnknownLevel => Unrecognised::UnknownLevel,
            FrameFault::BadDate => Unrecognised::BadDate,
            FrameFault::NoFrame if is_dump(line) => return,
            FrameFault::NoFrame => match self.link_list(line) {
                Some(record) => return sink(record),
                None => Unrecognised::NoFrame,
            },
        };
        self.tally.count(kind);
        if let Some((_, tail)) = frame::inner_frame(line).and_then(|at| line.split_at_checked(at))
            && tail.len() < line.len()
        {
            self.tally.count(Unrecognised::Glued);
            self.records(tail, sink);
        }
    }

    /// `YYYY-MM-DD HH:MM:SS: {text}`
    fn link_list<'a>(&mut self, line: &'a [u8]) -> Option<Record<'a>> {
        let (stamp, rest) = line.split_first_chunk::<19>()?;
        let text = rest.strip_prefix(b": ")?;
        let mut full = *b"0000-00-00 00:00:00.000";
        full.iter_mut().zip(stamp).for_each(|(to, from)| *to = *from);
        Some(Record {
            level: Level::Info,
            at: self.frames.time(&full)?,
            line: gateway::dstar_link(Cursor::new(text))?,
        })
    }
}

/// Lines that are worth forging: one of them changes what the repeater is taken to be doing.
const fn changes_state(line: &Line<'_>) -> bool {
    matches!(
        line,
        Line::ModeSet(HostMode::Idle | HostMode::Error | HostMode::Lockout | HostMode::Busy(_))
            | Line::Host(HostLine::Starting(_) | HostLine::Exited { .. })
            | Line::Modem(ModemLine::Lost)
    )
}

/// What is missing at the end of a line whose text holds a newline.
fn unclosed(line: &Line<'_>, text: &[u8]) -> Option<Closing> {
    let closing = if matches!(line, Line::Remote { .. }) {
        Closing::Received
    } else if !matches!(line, Line::Alias(_)) {
        return None;
    } else if text.starts_with(b"DMR Talker Alias") {
        Closing::Apostrophe
    } else {
        Closing::Quote
    };
    (!text.ends_with(closing.bytes())).then_some(closing)
}
