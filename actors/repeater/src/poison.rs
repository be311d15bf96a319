//! Lines that end whoever reads them.
//!
//! A bug that a line wakes would be woken by it for ever, because a reader that was started anew begins with the same
//! line. So the first panic on a line is noted in the checkpoint before the actor dies of it; at the second one the
//! line is set aside: told as an event, and left behind. What cannot be caught (an abort, a stack that overflows, a
//! hang) is found by counting: who begins again and again at the same position is careful from there on, reads line by
//! line, and notes each before it reads it.
//!
//! ```text
//! panic ── noted? ── no ──> note it, die ── restart ──> panic ── noted? ── yes ──> set the line aside
//! begin twice at one position, no step further ──> careful: note, read, note, read .. ── noted twice ──> set aside
//! ```
//!
//! **Invariant:** notes and position are in the same checkpoint: who survives, or what is killed, loses neither.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use model::repeater::{Crashed, LineSetAside};
use serde::{Deserialize, Serialize};

use crate::follower::Chunk;
use crate::tail::{FileId, Place, Position};

/// How often readers may begin at the same position before they are careful.
const MOST_BEGUN: u32 = 2;
/// How often a line may be begun and not come to its end. More often than anybody pulls the plug within one line: it is a
/// call that would be lost.
const MOST_TRIALS: usize = 5;
/// Most notes that are kept. Where there are more, a line is set aside at its first panic: enough readers have died.
const MOST_NOTES: usize = 8;
/// Most bytes of a line, and most characters of a panic's message, that are kept: the host writes no longer lines.
const TEXT_BYTES: usize = 512;

/// The end of a reader in the middle of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crash {
    who: Crashed,
    file: FileId,
    /// Where the line begins.
    offset: u64,
    reason: String,
}

impl Crash {
    pub(crate) fn new(who: Crashed, chunk: &Chunk, offset: u64, reason: &str) -> Crash {
        Crash {
            who,
            file: chunk.to.file,
            offset,
            reason: kept_reason(reason),
        }
    }

    /// Whether both are of the same line in the same hands. What a panic says may hold figures that differ.
    fn is_like(&self, other: &Crash) -> bool {
        (self.who, self.file, self.offset) == (other.who, other.file, other.offset)
    }

    /// The event that tells of the line.
    pub(crate) fn set_aside(self, chunk: &Chunk) -> LineSetAside {
        let text = kept(chunk.line_at(self.offset));
        let file = chunk.to.name.clone();
        let Crash {
            who, offset, reason, ..
        } = self;
        tracing::error!(file, offset, %reason, "line set aside");
        LineSetAside {
            crashed: who,
            reason,
            file,
            offset,
            text,
        }
    }
}

/// A line as it is kept.
pub(crate) fn kept(line: &[u8]) -> String {
    line.get(..TEXT_BYTES).unwrap_or(line).escape_ascii().to_string()
}

/// What a panic said, as it is kept.
pub(crate) fn kept_reason(reason: &str) -> String {
    reason.chars().take(TEXT_BYTES).collect()
}

/// What is known of the ends of readers. Kept in the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notes {
    crashes: Vec<Crash>,
    /// Where a reader began last.
    begun: Position,
    /// How many began there, one after the other.
    times: u32,
}

impl Notes {
    /// A reader begins; `true` if it has to be careful.
    pub(crate) fn begin(&mut self, position: &Position) -> bool {
        if self.begun != *position {
            self.begun.clone_from(position);
            self.times = 0;
        }
        self.times = self.times.saturating_add(1);
        self.times > MOST_BEGUN || self.crashes.iter().any(|noted| noted.who == Crashed::Process)
    }

    /// Whether a panic is enough to set its line aside.
    pub(crate) fn is_enough(&self, crash: &Crash) -> bool {
        self.crashes.len() >= MOST_NOTES || self.crashes.iter().any(|noted| noted.is_like(crash))
    }

    /// Whether a line that ends the process was tried often enough.
    pub(crate) fn is_given_up(&self, trial: &Crash) -> bool {
        self.crashes.iter().filter(|noted| noted.is_like(trial)).count() >= MOST_TRIALS
    }

    pub(crate) fn note(&mut self, crash: Crash) {
        if self.crashes.len() >= MOST_NOTES {
            self.crashes.remove(0);
        }
        self.crashes.push(crash);
    }

    /// All before `to` was read. `true` if that makes notes void: then it has to be stored, or they would count again.
    pub(crate) fn passed(&mut self, to: &Place) -> bool {
        let before = self.crashes.len();
        self.crashes
            .retain(|noted| noted.file == to.file && noted.offset >= to.offset);
        self.crashes.len() < before
    }
}

/// A panic that was contained.
pub(crate) struct Panic {
    payload: Box<dyn Any + Send>,
}

impl Panic {
    /// What it said.
    pub(crate) fn reason(&self) -> &str {
        let text = self.payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| self.payload.downcast_ref::<&str>().copied())
            .unwrap_or("panicked without a word")
    }

    /// Goes on panicking.
    pub(crate) fn go_on(self) -> ! {
        resume_unwind(self.payload)
    }
}

/// Does `work`, which may panic. What it worked on is not to be used after that.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic { payload })
}

/// A line that holds `mark` ends whoever reads it. For tests; no release has it.
#[cfg(any(test, feature = "chaos"))]
pub(crate) mod chaos {
    /// Panics the parser.
    pub(crate) const PARSER: &[u8] = b"chaos: panic the parser";
    /// Panics the state machine.
    pub(crate) const STATE_MACHINE: &[u8] = b"chaos: panic the state machine";
    /// Panics the feed of a host that speaks MQTT.
    pub(crate) const MQTT_FEED: &[u8] = b"chaos: panic the feed";
    /// Ends the process, which nothing can catch.
    pub(crate) const PROCESS: &[u8] = b"chaos: abort the process";

    /// Strikes if the line that begins there is marked.
    pub(crate) fn strike_at(chunk: &super::Chunk, offset: u64, mark: &[u8]) {
        if memchr::memmem::find(&chunk.lines, mark).is_some() {
            strike(chunk.line_at(offset), mark);
        }
    }

    #[allow(clippy::panic, reason = "that is what it is for")]
    pub(crate) fn strike(line: &[u8], mark: &[u8]) {
        if memchr::memmem::find(line, mark).is_some() {
            panic!("chaos");
        }
        if mark == PARSER && memchr::memmem::find(line, PROCESS).is_some() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests;
