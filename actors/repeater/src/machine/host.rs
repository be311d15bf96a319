//! The host program, its configuration, its modem, and whether its log tells of calls at all.

use model::Timestamp;
use model::repeater::{
    CallsHidden, HostChanged, HostConfiguration, HostState, HostStatus, Mode, ModemChanged, ModemState, ModemStatus,
    RepeaterEvent,
};
use serde::{Deserialize, Serialize};

use super::{Emitted, TEXT_CHARS};
use crate::grammar::{HostLine, Level, ModemLine, Record, Text};

/// So many complaints without a single line below that level, and the log holds nothing else.
const ONLY_COMPLAINTS: u8 = 20;

/// Which part of the configuration echo is being read; the rest is of no interest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Section {
    #[default]
    Other,
    General,
    Frequencies,
}

/// The host, as its start-up lines tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) status: HostStatus,
    pub(super) modem: ModemStatus,
    section: Section,
    /// The configuration was heard, not yet told.
    untold: bool,
    pub(super) log: LogLevel,
}

impl Host {
    /// A line of the host's life.
    pub(super) fn life(&mut self, at: Timestamp, line: &HostLine<'_>, out: &mut Vec<Emitted>) {
        let (state, version, signal) = match line {
            HostLine::Starting(version) => {
                *self = Host {
                    log: self.log,
                    ..Host::default()
                };
                (HostState::Starting, Some(version), None)
            }
            HostLine::Running(version) => (HostState::Running, Some(version), None),
            HostLine::Stopped => (HostState::Stopped, None, None),
            HostLine::Exited { signal } => (HostState::Stopped, None, signal.as_ref()),
        };
        let text = |text: Option<&Text<'_>>| text.map(|text| text.shown(TEXT_CHARS)).filter(|text| !text.is_empty());
        self.status.version = text(version).or_else(|| self.status.version.take());
        let signal = text(signal);
        if self.status.state != state || signal.is_some() {
            self.status.state = state;
            out.push(Emitted::new(
                at,
                RepeaterEvent::HostChanged(HostChanged {
                    state,
                    version: self.status.version.clone(),
                    signal,
                }),
            ));
        }
    }

    /// A line of the modem's life.
    pub(super) fn modem(&mut self, at: Timestamp, line: &ModemLine<'_>, out: &mut Vec<Emitted>) {
        self.modem.state = match line {
            ModemLine::Opening => ModemState::Opening,
            ModemLine::Lost => ModemState::Lost,
            ModemLine::Closing => ModemState::Closed,
            ModemLine::Found(description) => {
                self.modem.description = Some(description.shown(TEXT_CHARS));
                ModemState::Ready
            }
        };
        out.push(Emitted::new(
            at,
            RepeaterEvent::ModemChanged(ModemChanged {
                state: self.modem.state,
                description: self.modem.description.clone(),
            }),
        ));
    }

    /// A heading of the configuration echo.
    pub(super) fn section(&mut self, name: &Text<'_>) {
        self.section = match name.bytes() {
            b"General Parameters" => Section::General,
            b"Modem Parameters" | b"Info Parameters" => Section::Frequencies,
            _ => Section::Other,
        };
    }

    /// A line of the configuration echo. The same keys stand in other sections with other meanings.
    pub(super) fn setting(&mut self, key: &Text<'_>, value: &Text<'_>) {
        let configuration = &mut self.status.configuration;
        let heard = match self.section {
            Section::General => general(configuration, key.bytes(), value),
            Section::Frequencies => frequency(configuration, key.bytes(), value),
            Section::Other => false,
        };
        self.untold |= heard;
    }

    /// The host is at work: its configuration is complete.
    pub(super) fn at_work(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        if std::mem::take(&mut self.untold) {
            let configuration = self.status.configuration.clone();
            out.push(Emitted::new(at, RepeaterEvent::HostConfigured(configuration)));
        }
    }
}

fn general(configuration: &mut HostConfiguration, key: &[u8], value: &Text<'_>) -> bool {
    match key {
        b"Callsign" => configuration.callsign = Some(value.shown(TEXT_CHARS)),
        b"Id" => configuration.id = Some(value.shown(TEXT_CHARS)),
        b"Duplex" => configuration.duplex = Some(value.bytes() == b"yes"),
        b"Timeout" => configuration.timeout_s = number(value).and_then(|seconds| u32::try_from(seconds).ok()),
        _ => return mode(key).is_some_and(|mode| switched(configuration, mode, value)),
    }
    true
}

fn switched(configuration: &mut HostConfiguration, mode: Mode, value: &Text<'_>) -> bool {
    if value.bytes() == b"enabled" && !configuration.modes.contains(&mode) {
        configuration.modes.push(mode);
    }
    true
}

fn frequency(configuration: &mut HostConfiguration, key: &[u8], value: &Text<'_>) -> bool {
    match key {
        b"RX Frequency" => configuration.rx_frequency_hz = number(value),
        b"TX Frequency" => configuration.tx_frequency_hz = number(value),
        _ => return false,
    }
    true
}

/// The digits at the start of a value: `180s`, `439125000Hz (439125000Hz)`.
fn number(value: &Text<'_>) -> Option<u64> {
    let digits = value.bytes().iter().take_while(|byte| byte.is_ascii_digit());
    let sum = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    digits
        .copied()
        .map(Some)
        .fold(None, |so_far: Option<u64>, digit| sum(so_far.unwrap_or(0), &digit?))
}

fn mode(key: &[u8]) -> Option<Mode> {
    Some(match key {
        b"D-Star" => Mode::Dstar,
        b"DMR" => Mode::Dmr,
        b"YSF" | b"System Fusion" => Mode::Ysf,
        b"P25" => Mode::P25,
        b"NXDN" => Mode::Nxdn,
        b"M17" => Mode::M17,
        b"POCSAG" => Mode::Pocsag,
        b"FM" => Mode::Fm,
        b"AX.25" => Mode::Ax25,
        _ => return None,
    })
}

/// Whether the host's log level lets calls through: they are told at a level below most others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogLevel {
    pub(super) calls_hidden: bool,
    /// Something was said at the level of calls, or below, since the host began to tell its configuration.
    spoke: bool,
    /// The host told its configuration.
    echoed: bool,
    complaints: u8,
}

impl LogLevel {
    /// Takes notice of a record's level. The host always says that it opens the modem, at the level of calls, before
    /// it tells what modem it found.
    pub(super) fn see(&mut self, record: &Record<'_>, out: &mut Vec<Emitted>) {
        use crate::grammar::Line;
        match record.level {
            Level::Debug | Level::Message => {
                *self = LogLevel {
                    calls_hidden: self.calls_hidden,
                    spoke: true,
                    ..LogLevel::default()
                };
                return self.set(false, record.at, out);
            }
            Level::Info => self.complaints = 0,
            Level::Warning | Level::Error | Level::Fatal => self.complaints = self.complaints.saturating_add(1),
        }
        if matches!(&record.line, Line::Section(name) if name.bytes() == b"General Parameters") {
            (self.echoed, self.spoke) = (true, false);
        }
        let found_in_silence = matches!(record.line, Line::Modem(ModemLine::Found(_))) && self.echoed && !self.spoke;
        if found_in_silence || (self.complaints >= ONLY_COMPLAINTS && !self.spoke) {
            self.set(true, record.at, out);
        }
    }

    fn set(&mut self, hidden: bool, at: Timestamp, out: &mut Vec<Emitted>) {
        if self.calls_hidden != hidden {
            self.calls_hidden = hidden;
            out.push(Emitted::new(at, RepeaterEvent::CallsHidden(CallsHidden { hidden })));
        }
    }
}
