//! The sheet that a scene writes its lines on, in any order; the host plays them by time.

use std::time::Duration;

use model::Timestamp;

use super::line::{Level, Line};
use crate::rng::Rng;

/// Lines to come, and the chance that decides them.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) rng: Rng,
    lowest: Level,
    lines: Vec<Line>,
}

impl Script {
    pub(crate) const fn new(rng: Rng, lowest: Level) -> Script {
        Script {
            rng,
            lowest,
            lines: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, at: Timestamp, level: Level, text: impl Into<String>) {
        if level >= self.lowest {
            let text = text.into();
            self.lines.push(Line { at, level, text });
        }
    }

    /// A line of level M.
    pub(crate) fn message(&mut self, at: Timestamp, text: impl Into<String>) {
        self.say(at, Level::Message, text);
    }

    /// The same line over and over: `each` apart, from `first` until before `end`.
    pub(crate) fn repeat(&mut self, (first, end): (Timestamp, Timestamp), each: Duration, text: &str) {
        let mut at = first;
        while at < end {
            self.message(at, text);
            at = at.plus(each);
        }
    }

    /// Whether frames are worth writing down.
    pub(crate) fn shows_frames(&self) -> bool {
        self.lowest == Level::Debug
    }

    /// What was written so far, by time; lines of one instant keep the order in which they were said.
    pub(crate) fn take(&mut self) -> Vec<Line> {
        self.lines.sort_by_key(|line| line.at);
        std::mem::take(&mut self.lines)
    }
}
