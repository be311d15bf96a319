//! Lines into records: what can only be seen from line to line, and what is counted.
//!
//! Anybody with a radio can write a newline into text that the host copies raw, and so begin a line of their own.
//! A line behind an unclosed quote is theirs, and a record whose time does not fit is believed only if the clock was
//! really set. What is not believed is told as such, and means nothing else.

use model::Timestamp;
use model::repeater::Doubt;
use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::frame::{self, FrameFault, Frames, Level};
use super::line::{Line, Record};
use super::text::Text;
use super::timeline::{Held, Released, Timeline};
use super::{gateway, is_dump};

/// Longest line that is read, in bytes. The host cuts at 499; two records glued by a crash are still read.
pub const MAX_LINE: usize = 1024;
/// Most records in one line: the one that a crash cut short, and those glued to it.
const MAX_GLUED: usize = 4;
/// Most lines that text with newlines in it can forge: 52 characters hold no more.
const MAX_FORGED: u8 = 3;

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
    /// Not believed.
    SetAside(Doubt),
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
    /// Records whose time is before that of the newest one.
    pub time_back: u64,
    /// Records whose time is far ahead.
    pub far_future: u64,
    /// Records of a time before there were hosts.
    pub no_clock: u64,
}

impl Tally {
    /// The counts by kind.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 12] {
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
            ("time_back", self.time_back),
            ("far_future", self.far_future),
            ("no_clock", self.no_clock),
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
            Unrecognised::SetAside(Doubt::Forged) => &mut self.forged,
            Unrecognised::SetAside(Doubt::TimeBack) => &mut self.time_back,
            Unrecognised::SetAside(Doubt::FarFuture) => &mut self.far_future,
            Unrecognised::SetAside(Doubt::NoClock) => &mut self.no_clock,
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
    /// What time it is in the log.
    #[serde(default)]
    timeline: Timeline,
}

/// Reads line after line of one log.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    frames: Frames,
    tally: Tally,
    memory: Memory,
    now: Option<Timestamp>,
}

impl Reader {
    /// Says what time it is where the log is read live: nothing in it can be of much later.
    pub fn set_clock(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

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
            return self.set_aside(Doubt::Forged, line, &mut sink);
        }
        let line = self.without_nul(line);
        self.records(line, &mut sink);
    }

    /// The log ends here: a record that waits for the next one will not be believed any more.
    pub fn finish(&mut self, mut sink: impl FnMut(Record<'static>)) {
        if let Some(held) = self.memory.timeline.finish() {
            self.set_aside(held.doubt, &held.text, &mut sink);
        }
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
        self.release(at, sink);
        self.memory.open_text = unclosed(&line, text).map(|closing| (closing, MAX_FORGED));
        let timeline = &mut self.memory.timeline;
        if let Some(doubt) = timeline.doubt(at, self.now) {
            let text = text.to_vec();
            timeline.hold(Held { level, at, text, doubt });
        } else {
            timeline.believe(at);
            sink(Record { level, at, line });
        }
    }

    /// Lets go of the record that is held, now that the next one shows what it is.
    fn release<'a>(&mut self, at: Timestamp, sink: &mut impl FnMut(Record<'a>)) {
        match self.memory.timeline.release(at) {
            Some(Released::Believed(Held { level, at, text, .. })) => {
                let line = super::text(level, &text);
                sink(Record { level, at, line }.into_owned());
            }
            Some(Released::SetAside(held)) => self.set_aside(held.doubt, &held.text, sink),
            None => {}
        }
    }

    /// Tells of a record that is not believed; it is of no time of its own.
    fn set_aside<'a>(&mut self, doubt: Doubt, text: &[u8], sink: &mut impl FnMut(Record<'a>)) {
        self.tally.count(Unrecognised::SetAside(doubt));
        if let Some(at) = self.memory.timeline.newest() {
            let line = Line::SetAside(doubt, Text::new(text));
            let level = Level::Warning;
            sink(Record { level, at, line }.into_owned());
        }
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
