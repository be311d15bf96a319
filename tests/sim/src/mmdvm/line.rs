//! One line of the host's log, in the host's own frame.

use std::fmt;

use model::Timestamp;

/// How much a line matters to the host; `FileLevel` hides what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `D`: every frame on the air.
    Debug,
    /// `M`: calls, modes, links.
    Message,
    /// `I`: start-up and configuration.
    Info,
    /// `W`: something is not as it should be.
    Warning,
    /// `E`: something failed.
    Error,
}

impl Level {
    const fn letter(self) -> char {
        match self {
            Level::Debug => 'D',
            Level::Message => 'M',
            Level::Info => 'I',
            Level::Warning => 'W',
            Level::Error => 'E',
        }
    }

    pub(crate) fn from_letter(letter: &str) -> Option<Level> {
        match letter {
            "D" => Some(Level::Debug),
            "M" => Some(Level::Message),
            "I" => Some(Level::Info),
            "W" => Some(Level::Warning),
            "E" => Some(Level::Error),
            _ => None,
        }
    }
}

/// A line as the host writes it, without the line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The host's clock, UTC.
    pub at: Timestamp,
    /// Its severity.
    pub level: Level,
    /// What follows the frame.
    pub text: String,
}

impl fmt::Display for Line {
    /// `M: 2026-11-21 06:48:16.195 text`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rfc3339 = self.at.to_string();
        let (date, clock) = rfc3339.trim_end_matches('Z').split_once('T').unwrap_or_default();
        write!(f, "{}: {date} {clock} {}", self.level.letter(), self.text)
    }
}
