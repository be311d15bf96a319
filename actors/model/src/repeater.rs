//! The repeater's words: calls and modes here; what else its controller tells in [`RepeaterEvent`], the
//! forms that clients see in [`Document`] and [`RepeaterState`].

mod document;
mod event;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::Timestamp;

pub use document::{Document, ModeDocument, NoteDocument};
pub use event::{
    AccessDenied, CallsHidden, Crashed, DenialReason, Doubt, Fault, HostChanged, HostConfiguration, HostState,
    LineSetAside, Link, LinkState, ModeChanged, ModemChanged, ModemState, Packet, Page, PageFunction, PagesSent,
    Position, RecordsSetAside, RemoteCommand, RepeaterEvent, Signalling,
};
pub use state::{HostStatus, LinkStatus, ModemStatus, RepeaterState};

/// A digital (or FM) mode of the repeater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// D-Star.
    Dstar,
    /// DMR, two time slots.
    Dmr,
    /// System Fusion.
    Ysf,
    /// APCO P25 phase 1.
    P25,
    /// NXDN.
    Nxdn,
    /// M17.
    M17,
    /// POCSAG paging.
    Pocsag,
    /// Analogue FM.
    Fm,
    /// AX.25 packet.
    Ax25,
}

impl Mode {
    /// Every mode, in display order.
    pub const ALL: [Mode; 9] = [
        Mode::Dstar,
        Mode::Dmr,
        Mode::Ysf,
        Mode::P25,
        Mode::Nxdn,
        Mode::M17,
        Mode::Pocsag,
        Mode::Fm,
        Mode::Ax25,
    ];

    /// The name in JSON, SQL and URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Dstar => "dstar",
            Mode::Dmr => "dmr",
            Mode::Ysf => "ysf",
            Mode::P25 => "p25",
            Mode::Nxdn => "nxdn",
            Mode::M17 => "m17",
            Mode::Pocsag => "pocsag",
            Mode::Fm => "fm",
            Mode::Ax25 => "ax25",
        }
    }

    /// The mode by its name in JSON, SQL and URLs.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the repeater does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostMode {
    #[default]
    /// Nothing has been heard from the host yet.
    Unknown,
    /// Free.
    Idle,
    /// Locked out by its operator or another system on the channel.
    Lockout,
    /// The host says that it cannot work.
    Error,
    /// Sending its callsign in Morse.
    Cw,
    /// Busy in a mode.
    #[serde(untagged)]
    Busy(Mode),
}

/// Where a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallSource {
    /// A radio near the repeater.
    Rf,
    /// The network behind the repeater.
    Network,
}

impl CallSource {
    /// The name in JSON, SQL and URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CallSource::Rf => "rf",
            CallSource::Network => "network",
        }
    }
}

/// What a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    /// Speech.
    Voice,
    /// Data, a page, a position.
    Data,
}

/// Whom a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DestinationKind {
    /// A talkgroup, a room, everybody.
    Group,
    /// One station.
    Private,
    /// A route through a gateway (D-Star `/` and gateway commands).
    Routed,
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller let go.
    End,
    /// The signal was lost.
    Lost,
    /// The network fell silent.
    Watchdog,
    /// The talk time ran out, or the host went idle and no end line came.
    Timeout,
    /// Another call took its place.
    Replaced,
    /// The host or its modem restarted.
    HostRestart,
    /// It is not over: the log ends before the call does.
    Open,
}

/// Received signal strength over a call, in dBm; `min` is the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rssi {
    /// Weakest, in dBm.
    pub min: i16,
    /// Strongest, in dBm.
    pub max: i16,
    /// Mean, in dBm.
    pub avg: i16,
}

/// One call. Absent values are null: unknown is never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Qso {
    /// Mode.
    pub mode: Mode,
    /// DMR time slot, 1 or 2.
    pub slot: Option<u8>,
    /// Radio or network.
    pub source: CallSource,
    /// Voice or data.
    pub kind: CallKind,
    /// Who calls: a callsign, or the decimal id where the host could not look it up.
    pub callsign: Option<String>,
    /// D-Star: the four characters behind the slash.
    pub callsign_suffix: Option<String>,
    /// Talkgroup number or name, callsign, room or route, without the `TG ` prefix.
    pub destination: Option<String>,
    /// What the destination is.
    pub destination_kind: Option<DestinationKind>,
    /// Reflector or gateway that a network call came through.
    pub via: Option<String>,
    /// When the host wrote the header, by the host's clock.
    pub started_at: Timestamp,
    /// When the host wrote the end, by the host's clock.
    pub ended_at: Option<Timestamp>,
    /// Length as the host prints it (frames times frame time), in seconds.
    pub duration_s: Option<f64>,
    /// Bit error rate, in percent.
    pub ber_percent: Option<f64>,
    /// Packet loss of a network call, in percent.
    #[serde(serialize_with = "whole_without_fraction")]
    pub loss_percent: Option<f64>,
    /// Signal strength of a radio call.
    pub rssi_dbm: Option<Rssi>,
    /// Why it ended.
    pub end_reason: EndReason,
    /// The header was missed and taken from the running transmission.
    pub late_entry: bool,
    /// DMR talker alias, or the text that the radio sends along.
    pub talker_alias: Option<String>,
}

/// Writes 0, not 0.0, for a whole number: the host counts lost packets in whole percent, fractions came later.
fn whole_without_fraction<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        #[allow(clippy::cast_possible_truncation, reason = "a percentage without fraction")]
        Some(percent) if percent.fract() == 0.0 && percent.abs() <= 100.0 => serializer.serialize_i64(percent as i64),
        other => other.serialize(serializer),
    }
}
