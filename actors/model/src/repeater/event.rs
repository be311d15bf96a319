//! What the journal keeps of a repeater: one payload a kind of fact.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CallSource, DestinationKind, HostMode, Mode, Qso};
use crate::EventData;

/// Declares [`RepeaterEvent`]: each fact once, with its payload and the `type` it has in the journal.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($payload:ty) = $event_type:literal,)+) => {
        /// A fact about the repeater. In the journal it is the payload alone; the kind is the event's `type`.
        #[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
        #[serde(untagged)]
        pub enum RepeaterEvent {
            $($(#[$doc])* $name($payload),)+
        }

        impl RepeaterEvent {
            /// Every `type` a repeater's event can have.
            pub const TYPES: &[&str] = &[$($event_type,)+];

            /// Reads a fact back from the journal; `None` for a `type` that no repeater writes.
            ///
            /// # Errors
            /// When the payload does not fit its `type`.
            pub fn decode(event_type: &str, data: &str) -> Result<Option<RepeaterEvent>, serde_json::Error> {
                Ok(match event_type {
                    $($event_type => Some(RepeaterEvent::$name(serde_json::from_str(data)?)),)+
                    _ => None,
                })
            }
        }

        impl EventData for RepeaterEvent {
            fn event_type(&self) -> &'static str {
                match self {
                    $(RepeaterEvent::$name(_) => $event_type,)+
                }
            }
        }
    };
}

events! {
    /// A call began.
    QsoStarted(Qso) = "qso_started",
    /// More became known of a running call: its talker alias, or that its talk time is over.
    QsoUpdated(Qso) = "qso_updated",
    /// A call is over.
    QsoEnded(Qso) = "qso_ended",
    /// The repeater does something else now.
    ModeChanged(ModeChanged) = "mode_changed",
    /// Somebody was refused. Repeats within two seconds are one fact.
    AccessDenied(AccessDenied) = "access_denied",
    /// A link to a reflector, master or room changed.
    LinkChanged(Link) = "link_changed",
    /// The host program started, stopped, was killed.
    HostChanged(HostChanged) = "host_changed",
    /// The host told its configuration.
    HostConfigured(HostConfiguration) = "host_configured",
    /// The modem was opened, found, lost or closed.
    ModemChanged(ModemChanged) = "modem_changed",
    /// The host complained. Repeats within a minute are counted, not told.
    Fault(Fault) = "fault",
    /// A radio signalled something that is no call.
    Signalling(Signalling) = "signalling",
    /// A radio sent where it is.
    Position(Position) = "position",
    /// A page.
    Page(Page) = "page",
    /// Pages went out.
    PagesSent(PagesSent) = "pages_sent",
    /// A packet-radio frame.
    Packet(Packet) = "packet",
    /// The host was given a command from elsewhere.
    RemoteCommand(RemoteCommand) = "remote_command",
    /// The host's log level leaves out the lines that tell of calls.
    CallsHidden(CallsHidden) = "calls_hidden",
    /// A line of the log, or a message, ended whoever read it, twice; it was left out.
    LineSetAside(LineSetAside) = "line_set_aside",
    /// Records of the log were not believed. Told at most once a minute for each kind of doubt.
    RecordsSetAside(RecordsSetAside) = "records_set_aside",
}

/// The repeater does something else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeChanged {
    /// What it does now.
    pub mode: HostMode,
    /// What it did before.
    pub previous: HostMode,
}

/// Why somebody was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// On the black list, not on the white list, or only the owner may.
    NotAllowed,
    /// The talkgroup is not allowed.
    Talkgroup,
    /// The radio called another repeater on this channel.
    WrongRepeater,
    /// The radio did not ask for a repeater at all.
    NotForRepeater,
    /// Encrypted traffic.
    Encrypted,
    /// The radio may not wake the repeater.
    Downlink,
}

/// Somebody was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessDenied {
    /// In which mode.
    pub mode: Mode,
    /// On which DMR time slot.
    pub slot: Option<u8>,
    /// Who: a callsign, or the decimal id.
    pub callsign: Option<String>,
    /// Whom they wanted: talkgroup, station, or the repeater that was called instead.
    pub destination: Option<String>,
    /// Why not.
    pub reason: DenialReason,
}

/// How a link is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Being set up, or tried again.
    Connecting,
    /// Up.
    Linked,
    /// Down on purpose.
    Unlinked,
    /// Down because something failed.
    Failed,
    /// The gateway says it in words that are not read here; they stand as the target.
    Unknown,
}

/// A link to a reflector, master or room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Which link: a mode (`dstar`, `dmr`, `ysf`, `m17`), or a DMR network's name. Logs do not tell P25 and NXDN apart and
    /// have `reflector` for both; over MQTT they are `p25` and `nxdn`.
    pub link: String,
    /// How it is doing.
    pub state: LinkState,
    /// What is at the other end.
    pub target: Option<String>,
    /// Who or what caused the change.
    pub by: Option<String>,
}

/// What the host program is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Nothing has been heard of it.
    #[default]
    Unknown,
    /// Starting.
    Starting,
    /// Up.
    Running,
    /// Stopped.
    Stopped,
}

/// The host program started, stopped, was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostChanged {
    /// What it is at now.
    pub state: HostState,
    /// Its version, where it says it.
    pub version: Option<String>,
    /// The signal that ended it.
    pub signal: Option<String>,
}

/// What the host tells of its configuration at start-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostConfiguration {
    /// The repeater's callsign.
    pub callsign: Option<String>,
    /// Its DMR id.
    pub id: Option<String>,
    /// Whether it sends and receives at once.
    pub duplex: Option<bool>,
    /// Talk time, in seconds.
    pub timeout_s: Option<u32>,
    /// The modes it has switched on.
    pub modes: Vec<Mode>,
    /// Where it listens, in hertz.
    pub rx_frequency_hz: Option<u64>,
    /// Where it sends, in hertz.
    pub tx_frequency_hz: Option<u64>,
}

/// What the modem is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModemState {
    /// Nothing has been heard of it.
    #[default]
    Unknown,
    /// The host is looking for it.
    Opening,
    /// It answered with its version.
    Ready,
    /// It fell silent; the host resets it.
    Lost,
    /// Closed.
    Closed,
}

/// The modem was opened, found, lost or closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModemChanged {
    /// What it is at now.
    pub state: ModemState,
    /// Its firmware's description.
    pub description: Option<String>,
}

/// The host complained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// The host's level: `warning`, `error` or `fatal`.
    pub severity: String,
    /// Its words.
    pub text: String,
    /// How often it said so since this was last told, this time included.
    pub count: u64,
}

/// A radio signalled something that is no call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signalling {
    /// In which mode.
    pub mode: Mode,
    /// On which DMR time slot.
    pub slot: Option<u8>,
    /// Radio or network.
    pub source: CallSource,
    /// What was signalled, in the host's words (`Call Alert`, `Radio Check Req`).
    pub signal: String,
    /// Who signalled.
    pub callsign: Option<String>,
    /// To whom.
    pub destination: Option<String>,
    /// What the destination is.
    pub destination_kind: Option<DestinationKind>,
}

/// A radio sent where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Who: the newest DMR caller, since the host names nobody here.
    pub callsign: Option<String>,
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
    /// How exact, in the host's words.
    pub error: Option<String>,
}

/// What a pager does with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageFunction {
    /// Shows text.
    Alphanumeric,
    /// Shows digits.
    Numeric,
    /// Sounds, the first way.
    Alert1,
    /// Sounds, the second way.
    Alert2,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// The pager's address.
    pub ric: u32,
    /// What the pager does with it.
    pub function: PageFunction,
    /// What it shows.
    pub text: Option<String>,
    /// It was sent through the host's remote control, not by the network.
    pub local: bool,
}

/// Pages went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PagesSent {
    /// Frames on the air.
    pub frames: u32,
    /// Messages in them.
    pub messages: u32,
}

/// A packet-radio frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Packet {
    /// Who sent it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Through which digipeaters; a star marks those that passed it on.
    pub via: Vec<String>,
    /// Frame type and contents, as the host wrote them.
    pub text: String,
}

/// The host was given a command from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoteCommand {
    /// The command.
    pub command: String,
    /// The host understood it.
    pub accepted: bool,
}

/// The host's log level leaves out the lines that tell of calls: silence says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallsHidden {
    /// Calls cannot be seen (`true`), or can be seen again.
    pub hidden: bool,
}

/// Who came to an end over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crashed {
    /// The parser.
    Parser,
    /// The state machine.
    StateMachine,
    /// The feed of a host that speaks MQTT.
    MqttFeed,
    /// Nobody saw it: the process was gone, or stood still.
    Process,
}

/// A line of the log ended whoever read it, twice; it was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineSetAside {
    /// Who came to an end.
    pub crashed: Crashed,
    /// Its last words.
    pub reason: String,
    /// The file, or the topic.
    pub file: String,
    /// Where in the file the line begins, in bytes; 0 for a message.
    pub offset: u64,
    /// The line, at most 512 bytes of it, with everything escaped that is no printable ASCII.
    pub text: String,
}

/// Why a record is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It stands inside text that a radio sent, which the host copies with its newlines.
    Forged,
    /// It claims to be older than the one before, and no other does.
    TimeBack,
    /// It claims to be of a far future, and no other does.
    FarFuture,
    /// It claims to be older than the host program (1970, as a clock says that was never set), and no other does.
    NoClock,
}

/// Records of the log were not believed: they were counted and had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordsSetAside {
    /// Why not.
    pub doubt: Doubt,
    /// What the newest of them says.
    pub text: String,
    /// How many there were since this was last told.
    pub count: u64,
}
