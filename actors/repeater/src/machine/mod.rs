//! The state machine: records in, facts out. What a repeater does, told by what its host writes.
//!
//! Time is log time: deadlines run by the records' own times, so that a replay of last year's log gives what a live
//! view gave then. Between records the shell says how much time went by ([`Machine::advance`]).
//!
//! The mode is what `Mode set to` lines say. Builds of seven years do not write them; until the first such line of a
//! host the mode is implied by the open calls.
//!
//! **Invariant:** at most one open call a channel; every call that is started ends exactly once; nothing grows with
//! the length of the log.

mod calls;
mod clock;
mod host;
mod repeats;

use model::Timestamp;
use model::repeater::{
    AccessDenied, Doubt, Fault, HostMode, Link, LinkStatus, Mode, ModeChanged, Packet, Page, PagesSent, Position,
    RecordsSetAside, RemoteCommand, RepeaterEvent, RepeaterState, Signalling,
};
use serde::{Deserialize, Serialize};

use crate::grammar::{self, HostLine, Level, Line, ModemLine, Record, Text};
use calls::Calls;
use clock::LogClock;
use host::Host;
use repeats::{Complaints, Repeats};

/// Most characters of a callsign or destination that are kept.
const CALLSIGN_CHARS: usize = 32;
/// Most characters of any other text that are kept.
const TEXT_CHARS: usize = 160;
/// Most links that are kept; a DMR gateway has half a dozen.
const MOST_LINKS: usize = 32;
/// Most digipeaters of a packet that are kept: AX.25 allows eight.
const MOST_DIGIPEATERS: usize = 8;

/// A fact and when it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// When, by the host's clock.
    pub at: Timestamp,
    /// What.
    pub event: RepeaterEvent,
}

impl Emitted {
    const fn new(at: Timestamp, event: RepeaterEvent) -> Emitted {
        Emitted { at, event }
    }
}

/// The repeater, as far as its log tells. Serialized, it is the snapshot from which a restarted reader goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    clock: LogClock,
    heard_at: Option<Timestamp>,
    calls: Calls,
    mode: HostMode,
    mode_since: Option<Timestamp>,
    /// This host writes `Mode set to` lines.
    mode_lines: bool,
    host: Host,
    links: Vec<LinkStatus>,
    repeats: Repeats,
    faults: Complaints<Fault>,
    /// What was not believed.
    #[serde(default)]
    set_aside: Complaints<RecordsSetAside>,
}

impl Machine {
    /// Takes a record; what it means is added to `out`.
    pub fn step(&mut self, record: &Record<'_>, out: &mut Vec<Emitted>) {
        if let Line::SetAside(doubt, text) = &record.line {
            return self.disbelieve(record.at, *doubt, text, out);
        }
        self.clock.see(record.at);
        self.heard_at = Some(record.at);
        self.expire(out);
        self.host.log.see(record, out);
        let at = record.at;
        match &record.line {
            Line::Started(start) => {
                self.host.at_work(at, out);
                self.calls.start(at, start, out);
                self.imply_mode(at, out);
            }
            Line::Ended(end) => {
                self.calls.end(at, end, out);
                self.imply_mode(at, out);
            }
            Line::TimedOut(channel) => self.calls.talked_out(at, self.clock.tick(), *channel, out),
            Line::Alias(alias) => self.calls.alias(at, alias, out),
            Line::ModeSet(mode) => self.mode_set(at, *mode, out),
            Line::Host(line) => self.host_line(at, line, out),
            Line::Modem(line) => self.modem_line(at, line, out),
            Line::Section(name) => self.host.section(name),
            Line::Setting { key, value } => self.host.setting(key, value),
            Line::Link(link) => self.link(at, link, out),
            Line::Fault(text) => self.fault(record, text, out),
            Line::Denied(denied) => self.denied(at, denied, out),
            Line::Signal(signal) => self.signal(at, signal, out),
            Line::Position(position) => self.position(at, position, out),
            Line::Page(_) | Line::PagesSent { .. } | Line::Packet { .. } | Line::Remote { .. } => {
                out.extend(note(&record.line).map(|event| Emitted::new(at, event)));
            }
            Line::SetAside(..) | Line::Known | Line::Chatter | Line::Dump | Line::Unknown => {}
        }
    }

    /// Time of the newest record.
    #[must_use]
    pub const fn heard_at(&self) -> Option<Timestamp> {
        self.heard_at
    }

    /// The host's talk time in seconds, if it told its configuration; 0 is none.
    pub(crate) const fn talk_time_s(&self) -> Option<u32> {
        self.host.status.configuration.timeout_s
    }

    /// Says that it is `log_time` now, and no record came. Only a record can say that the host's clock was set back.
    pub fn advance(&mut self, log_time: Timestamp, out: &mut Vec<Emitted>) {
        if self.clock.at().is_none_or(|seen| log_time > seen) {
            self.clock.see(log_time);
        }
        self.expire(out);
    }

    /// The host fell silent; it was alive last `at` that time. What was open then is over, and nothing is known.
    pub fn host_gone(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        self.calls.host_restarted(at, out);
        self.mode_lines = false;
        self.change_mode(at, HostMode::Unknown, out);
    }

    /// The log ends here: calls that were waited for are told as they stand, running ones as `open`.
    pub fn finish(&mut self, out: &mut Vec<Emitted>) {
        if let Some(at) = self.clock.at() {
            self.calls.finish(at, out);
            self.faults.finish(self.clock.tick(), out);
            self.set_aside.finish(self.clock.tick(), out);
        }
    }

    /// The repeater at this moment.
    #[must_use]
    pub fn state(&self) -> RepeaterState {
        RepeaterState {
            mode: self.mode,
            mode_since: self.mode_since,
            active_calls: self.calls.open().cloned().collect(),
            links: self.links.clone(),
            host: self.host.status.clone(),
            modem: self.host.modem.clone(),
            calls_hidden: self.host.log.calls_hidden,
            heard_at: self.heard_at,
        }
    }

    /// Lets the deadlines that are over pass one after the other, each at its own time: what is told must not depend on
    /// how often somebody looks at the clock.
    fn expire(&mut self, out: &mut Vec<Emitted>) {
        let now = self.clock.tick();
        let next = |machine: &Machine| {
            let of_complaints = machine.faults.deadlines().chain(machine.set_aside.deadlines());
            machine.calls.deadlines().chain(of_complaints).min()
        };
        while let Some(deadline) = next(self).filter(|deadline| *deadline < now) {
            let tick = deadline.saturating_add(1);
            let told = out.len();
            self.calls.expire(tick, out);
            if let Some(closed) = out.get(told..).and_then(<[Emitted]>::last) {
                self.imply_mode(closed.at, out);
            }
            self.faults.expire(tick, out);
            self.set_aside.expire(tick, out);
        }
    }

    fn mode_set(&mut self, at: Timestamp, mode: HostMode, out: &mut Vec<Emitted>) {
        self.host.at_work(at, out);
        // Between 2016 and 2023 hosts wrote Lockout, Error and, later, FM, but no way back.
        self.mode_lines |= !matches!(mode, HostMode::Lockout | HostMode::Error | HostMode::Busy(Mode::Fm));
        self.change_mode(at, mode, out);
        self.calls.mode_set(at, self.clock.tick(), mode);
    }

    /// Without `Mode set to` lines the newest open call says what the host is at.
    fn imply_mode(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        if self.mode_lines {
            return;
        }
        match self.calls.mode() {
            Some(mode) => self.change_mode(at, HostMode::Busy(mode), out),
            None if matches!(self.mode, HostMode::Busy(_)) => self.change_mode(at, HostMode::Idle, out),
            None => {}
        }
    }

    fn change_mode(&mut self, at: Timestamp, mode: HostMode, out: &mut Vec<Emitted>) {
        if self.mode != mode {
            let previous = std::mem::replace(&mut self.mode, mode);
            self.mode_since = Some(at);
            out.push(Emitted::new(
                at,
                RepeaterEvent::ModeChanged(ModeChanged { mode, previous }),
            ));
        }
    }

    fn host_line(&mut self, at: Timestamp, line: &HostLine<'_>, out: &mut Vec<Emitted>) {
        match line {
            HostLine::Starting(_) | HostLine::Exited { .. } => {
                self.calls.host_restarted(at, out);
                self.mode_lines = false;
                self.change_mode(at, HostMode::Unknown, out);
            }
            HostLine::Running(_) => {
                self.host.at_work(at, out);
                if self.mode == HostMode::Unknown {
                    self.change_mode(at, HostMode::Idle, out);
                }
            }
            HostLine::Stopped => {}
        }
        self.host.life(at, line, out);
    }

    fn modem_line(&mut self, at: Timestamp, line: &ModemLine<'_>, out: &mut Vec<Emitted>) {
        if matches!(line, ModemLine::Lost) {
            self.calls.host_restarted(at, out);
            self.imply_mode(at, out);
        }
        self.host.modem(at, line, out);
    }

    fn link(&mut self, at: Timestamp, link: &grammar::Link<'_>, out: &mut Vec<Emitted>) {
        let link = Link {
            link: link.link.shown(CALLSIGN_CHARS),
            state: link.state,
            target: shown(link.target.as_ref()),
            by: shown(link.by.as_ref()),
        };
        let known = self.links.iter_mut().find(|status| status.link.link == link.link);
        let status = LinkStatus { link, since: at };
        match known {
            Some(known) if known.link == status.link => return,
            Some(known) => *known = status.clone(),
            None => {
                if self.links.len() >= MOST_LINKS {
                    self.links.remove(0);
                }
                self.links.push(status.clone());
            }
        }
        out.push(Emitted::new(at, RepeaterEvent::LinkChanged(status.link)));
    }

    fn fault(&mut self, record: &Record<'_>, text: &Text<'_>, out: &mut Vec<Emitted>) {
        let severity = match record.level {
            Level::Fatal => "fatal",
            Level::Error => "error",
            Level::Warning | Level::Info | Level::Message | Level::Debug => "warning",
        };
        let fault = Fault {
            severity: severity.to_owned(),
            text: text.shown(TEXT_CHARS),
            count: 0,
        };
        self.faults.say(record.at, self.clock.tick(), fault, out);
    }

    /// A record that is not believed is counted, and means nothing else. `at` is the time of the newest one that was.
    fn disbelieve(&mut self, at: Timestamp, doubt: Doubt, text: &Text<'_>, out: &mut Vec<Emitted>) {
        if self.clock.at().is_some_and(|seen| at > seen) {
            self.advance(at, out);
        }
        let text = text.shown(TEXT_CHARS);
        let record = RecordsSetAside { doubt, text, count: 0 };
        self.set_aside.say(at, self.clock.tick(), record, out);
    }

    fn denied(&mut self, at: Timestamp, denied: &grammar::Denied<'_>, out: &mut Vec<Emitted>) {
        let callsign = shown(denied.from.as_ref());
        let fact = format!("denied {} {callsign:?}", denied.mode);
        if self.repeats.is_news(self.clock.tick(), fact) {
            let denied = AccessDenied {
                mode: denied.mode,
                slot: denied.slot,
                callsign,
                destination: shown(denied.to.as_ref()),
                reason: denied.reason,
            };
            out.push(Emitted::new(at, RepeaterEvent::AccessDenied(denied)));
        }
    }

    fn signal(&mut self, at: Timestamp, signal: &grammar::Signal<'_>, out: &mut Vec<Emitted>) {
        let signalling = Signalling {
            mode: signal.channel.mode,
            slot: signal.channel.slot,
            source: signal.channel.source,
            signal: signal.what.shown(TEXT_CHARS),
            callsign: shown(signal.parties.from.as_ref()),
            destination: shown(signal.parties.to.as_ref()),
            destination_kind: signal.parties.kind,
        };
        if self.repeats.is_news(self.clock.tick(), format!("{signalling:?}")) {
            out.push(Emitted::new(at, RepeaterEvent::Signalling(signalling)));
        }
    }

    fn position(&mut self, at: Timestamp, position: &grammar::Position<'_>, out: &mut Vec<Emitted>) {
        let position = Position {
            callsign: self.calls.newest_caller(Mode::Dmr).map(str::to_owned),
            latitude_deg: position.latitude_deg,
            longitude_deg: position.longitude_deg,
            error: shown(position.error.as_ref()),
        };
        if self.repeats.is_news(self.clock.tick(), format!("{position:?}")) {
            out.push(Emitted::new(at, RepeaterEvent::Position(position)));
        }
    }
}

/// Facts that depend on nothing else.
fn note(line: &Line<'_>) -> Option<RepeaterEvent> {
    if let Line::Page(page) = line {
        Some(RepeaterEvent::Page(Page {
            ric: page.ric,
            function: page.function,
            text: page.text.as_ref().map(|text| text.shown(TEXT_CHARS)),
            local: page.local,
        }))
    } else if let Line::PagesSent { frames, messages } = *line {
        Some(RepeaterEvent::PagesSent(PagesSent { frames, messages }))
    } else if let Line::Remote { command, accepted } = line {
        Some(RepeaterEvent::RemoteCommand(RemoteCommand {
            command: command.shown(TEXT_CHARS),
            accepted: *accepted,
        }))
    } else if let Line::Packet { path, text } = line {
        Some(RepeaterEvent::Packet(packet(&path.shown(TEXT_CHARS), text)))
    } else {
        None
    }
}

/// `{from}>{to}[,{digi}..]`
fn packet(path: &str, text: &Text<'_>) -> Packet {
    let (from, rest) = path.split_once('>').unwrap_or((path, ""));
    let mut stations = rest.split(',').map(str::to_owned);
    Packet {
        from: from.to_owned(),
        to: stations.next().unwrap_or_default(),
        via: stations.take(MOST_DIGIPEATERS).collect(),
        text: text.shown(TEXT_CHARS),
    }
}

fn shown(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.shown(CALLSIGN_CHARS))
        .filter(|text| !text.is_empty())
}
