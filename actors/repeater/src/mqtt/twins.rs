//! Each fact once: the log line and the JSON message of the same moment are twins.
//!
//! ```text
//!  log line ──> waits ── its JSON twin comes ──> one fact, told by JSON, completed from the line
//!                 └──── none within TWIN ──────> the line speaks for itself
//!  JSON without a waiting twin ──> told; a line that comes behind it is dropped
//! ```
//!
//! The host writes the line first, so that hardly anything ever waits longer than until the next message. As long as
//! no JSON was heard from a host at all, its lines do not wait.

use std::time::Duration;

use model::Timestamp;
use model::repeater::Mode;
use serde::{Deserialize, Serialize};

use super::json::{Message, Said};
use crate::grammar::{HostLine, Line, Record};

/// How far the times of twins may be apart, by the host's clock: a millisecond was seen.
const TWIN: Duration = Duration::from_millis(250);
/// Most facts that wait, and most that are remembered: a host tells two slots at once, not more.
const MOST: usize = 16;

/// What makes twins: the same kind of fact at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fact {
    what: What,
    mode: Option<Mode>,
    slot: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    Start,
    End,
    TimedOut,
    Denied,
    Signal,
    Page,
    HostStarts,
    HostStops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Teller {
    Log,
    Json,
}

/// What a JSON message turned out to be.
#[derive(Debug)]
pub(super) enum Twin {
    /// Told before, by the log.
    Told,
    /// The log said the same; it may say more.
    Line(Record<'static>),
    /// Only JSON tells it.
    Alone,
}

/// A line that waits for its twin.
#[derive(Clone, Debug)]
struct Waiting {
    ticket: u64,
    fact: Fact,
    record: Record<'static>,
}

/// Matches log lines and JSON messages of one host. Lines that wait are not part of a snapshot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Twins {
    json_heard: bool,
    #[serde(skip)]
    waiting: Vec<Waiting>,
    /// Counts the lines that have had to wait.
    #[serde(skip)]
    tickets: u64,
    told: Vec<(Fact, Timestamp, Teller)>,
}

impl Twins {
    /// Whether JSON was ever heard from the host.
    pub(super) const fn json_heard(&self) -> bool {
        self.json_heard
    }

    /// The tickets of the lines that wait for their twins, in the order in which they came.
    pub(super) fn waiting(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.waiting.iter().map(|line| line.ticket)
    }

    /// A log line; gives it back if it is to be told now.
    pub(super) fn line<'a>(&mut self, record: Record<'a>) -> Option<Record<'a>> {
        let Some(fact) = of_line(&record.line) else {
            return Some(record);
        };
        if self.forget(fact, record.at, Teller::Json) {
            return None;
        }
        if self.json_heard && self.waiting.len() < MOST {
            self.tickets = self.tickets.wrapping_add(1);
            self.waiting.push(Waiting {
                ticket: self.tickets,
                fact,
                record: record.into_owned(),
            });
            return None;
        }
        self.remember(fact, record.at, Teller::Log);
        Some(record)
    }

    /// A JSON message.
    pub(super) fn json(&mut self, message: &Message<'_>) -> Twin {
        self.json_heard = true;
        let Some(fact) = of_json(&message.said) else {
            return Twin::Alone;
        };
        let twin = |line: &Waiting| line.fact == fact && near(line.record.at, message.at);
        if let Some(index) = self.waiting.iter().position(twin) {
            return Twin::Line(self.waiting.remove(index).record);
        }
        if self.forget(fact, message.at, Teller::Log) {
            return Twin::Told;
        }
        self.remember(fact, message.at, Teller::Json);
        Twin::Alone
    }

    /// The lines whose twin did not come by `now`, by the host's clock; all of them without one.
    pub(super) fn overdue(&mut self, now: Option<Timestamp>) -> Vec<Record<'static>> {
        let due = |line: &mut Waiting| now.is_none_or(|now| !near(line.record.at, now));
        let due: Vec<_> = self.waiting.extract_if(.., due).collect();
        let tell = |line: Waiting| {
            self.remember(line.fact, line.record.at, Teller::Log);
            line.record
        };
        due.into_iter().map(tell).collect()
    }

    fn remember(&mut self, fact: Fact, at: Timestamp, teller: Teller) {
        self.told.retain(|(_, told, _)| near(*told, at));
        if self.told.len() >= MOST {
            self.told.remove(0);
        }
        self.told.push((fact, at, teller));
    }

    /// Whether the other teller told this; it is a twin once only.
    fn forget(&mut self, fact: Fact, at: Timestamp, teller: Teller) -> bool {
        let same = |told: &(Fact, Timestamp, Teller)| told.0 == fact && told.2 == teller && near(told.1, at);
        let index = self.told.iter().position(same);
        index.map(|index| self.told.remove(index)).is_some()
    }
}

fn near(one: Timestamp, other: Timestamp) -> bool {
    one.since(other).max(other.since(one)) <= TWIN
}

fn of_line(line: &Line<'_>) -> Option<Fact> {
    let at = |what, mode, slot| {
        Some(Fact {
            what,
            mode: Some(mode),
            slot,
        })
    };
    let host = |what| {
        Some(Fact {
            what,
            mode: None,
            slot: None,
        })
    };
    match line {
        Line::Started(start) => at(What::Start, start.channel.mode, start.channel.slot),
        Line::Ended(end) => at(What::End, end.channel.mode, end.channel.slot),
        // In the other modes only the log tells it.
        Line::TimedOut(channel) if channel.mode == Mode::Dmr => at(What::TimedOut, channel.mode, channel.slot),
        Line::Denied(denied) => at(What::Denied, denied.mode, denied.slot),
        Line::Signal(signal) if signal.channel.slot.is_some() => {
            at(What::Signal, signal.channel.mode, signal.channel.slot)
        }
        Line::Page(_) => at(What::Page, Mode::Pocsag, None),
        Line::Host(HostLine::Starting(_)) => host(What::HostStarts),
        Line::Host(HostLine::Stopped) => host(What::HostStops),
        Line::TimedOut(_)
        | Line::Signal(_)
        | Line::Host(HostLine::Running(_) | HostLine::Exited { .. })
        | Line::Alias(_)
        | Line::Position(_)
        | Line::ModeSet(_)
        | Line::PagesSent { .. }
        | Line::Packet { .. }
        | Line::Link(_)
        | Line::Section(_)
        | Line::Setting { .. }
        | Line::Modem(_)
        | Line::Fault(_)
        | Line::Remote { .. }
        | Line::SetAside(..)
        | Line::Known
        | Line::Chatter
        | Line::Dump
        | Line::Unknown => None,
    }
}

fn of_json(said: &Said<'_>) -> Option<Fact> {
    match said {
        Said::Line(line) => of_line(line),
        Said::Closing(closing) => Some(Fact {
            what: if closing.ending.is_some() {
                What::End
            } else {
                What::TimedOut
            },
            mode: Some(closing.mode),
            slot: closing.slot,
        }),
        Said::Fm(_) | Said::Level(_) | Said::Nothing => None,
    }
}
