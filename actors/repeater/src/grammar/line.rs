//! What a line says: one variant a meaning, whatever the era that wrote it.

use model::Timestamp;
use model::repeater::{CallSource, DenialReason, Doubt, HostMode, LinkState, Mode, PageFunction};

use super::call::{Channel, End, Parties, Start};
use super::frame::Level;
use super::text::Text;

/// A line with its frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The host's level.
    pub level: Level,
    /// When, by the host's clock.
    pub at: Timestamp,
    /// What it says.
    pub line: Line<'a>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    /// A call begins.
    Started(Start<'a>),
    /// A call ends.
    Ended(End<'a>),
    /// A call's talk time is over; its end may still come.
    TimedOut(Channel),
    /// Text that a call sends along.
    Alias(Alias<'a>),
    /// Somebody was refused.
    Denied(Denied<'a>),
    /// Signalling that is no call.
    Signal(Signal<'a>),
    /// A radio sent where it is; the newest call with a position sent it.
    Position(Position<'a>),
    /// `Mode set to ..`
    ModeSet(HostMode),
    /// A page.
    Page(Page<'a>),
    /// Pages went out.
    PagesSent {
        /// Frames on the air.
        frames: u32,
        /// Messages in them.
        messages: u32,
    },
    /// A packet-radio frame.
    Packet {
        /// `{from}>{to}[,{digi}..]`
        path: Text<'a>,
        /// Frame type and contents.
        text: Text<'a>,
    },
    /// A link changed.
    Link(Link<'a>),
    /// The host's life cycle.
    Host(HostLine<'a>),
    /// A heading of the configuration echo.
    Section(Text<'a>),
    /// A line of the configuration echo.
    Setting {
        /// Left of the colon.
        key: Text<'a>,
        /// Right of it.
        value: Text<'a>,
    },
    /// The modem's life cycle.
    Modem(ModemLine<'a>),
    /// A complaint, in the host's words.
    Fault(Text<'a>),
    /// The host was given a command.
    Remote {
        /// The command.
        command: Text<'a>,
        /// It was understood.
        accepted: bool,
    },
    /// What is not believed, whatever it says.
    SetAside(Doubt, Text<'a>),
    /// A known form that changes nothing.
    Known,
    /// Debug chatter of the host or its firmware.
    Chatter,
    /// A line of a hex dump.
    Dump,
    /// A form that is not known.
    Unknown,
}

/// Text that a call sends along: DMR talker alias, D-Star slow-data text, M17 text.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias<'a> {
    /// In which mode.
    pub mode: Mode,
    /// DMR time slot, where the line names it.
    pub slot: Option<u8>,
    /// Radio or network, where the line names it.
    pub source: Option<CallSource>,
    /// The text.
    pub text: Text<'a>,
}

/// Somebody was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Denied<'a> {
    /// In which mode.
    pub mode: Mode,
    /// DMR time slot.
    pub slot: Option<u8>,
    /// Who.
    pub from: Option<Text<'a>>,
    /// Whom they wanted.
    pub to: Option<Text<'a>>,
    /// Why not.
    pub reason: DenialReason,
}

/// Signalling that is no call.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal<'a> {
    /// Where.
    pub channel: Channel,
    /// What.
    pub what: Text<'a>,
    /// Who to whom.
    pub parties: Parties<'a>,
}

/// Where a radio is.
#[derive(Clone, Debug, PartialEq)]
pub struct Position<'a> {
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
    /// How exact, in the host's words.
    pub error: Option<Text<'a>>,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<'a> {
    /// The pager's address.
    pub ric: u32,
    /// What the pager does.
    pub function: PageFunction,
    /// What it shows.
    pub text: Option<Text<'a>>,
    /// Sent through remote control.
    pub local: bool,
}

/// A link changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Link<'a> {
    /// Which link.
    pub link: Text<'a>,
    /// How it is doing.
    pub state: LinkState,
    /// The other end.
    pub target: Option<Text<'a>>,
    /// Who or what caused it.
    pub by: Option<Text<'a>>,
}

impl<'a> Link<'a> {
    /// A link to `target`, which may be empty.
    pub(super) fn to(link: &'a [u8], state: LinkState, target: &'a [u8]) -> Link<'a> {
        Link {
            link: Text::new(link),
            state,
            target: Text::field(target),
            by: None,
        }
    }
}

/// The host's life cycle.
#[derive(Clone, Debug, PartialEq)]
pub enum HostLine<'a> {
    /// It starts; all open calls are void.
    Starting(Text<'a>),
    /// It is up.
    Running(Text<'a>),
    /// It closed everything down.
    Stopped,
    /// It exits or restarts on a signal.
    Exited {
        /// `SIGTERM`, ..
        signal: Option<Text<'a>>,
    },
}

/// The modem's life cycle.
#[derive(Clone, Debug, PartialEq)]
pub enum ModemLine<'a> {
    /// The host looks for it.
    Opening,
    /// It answered.
    Found(Text<'a>),
    /// It fell silent; the host resets it.
    Lost,
    /// The host closed it.
    Closing,
}

impl Line<'_> {
    /// Whether a state machine has any use for it; most lines of a debug log are of none.
    #[must_use]
    pub const fn matters(&self) -> bool {
        !matches!(self, Line::Known | Line::Chatter | Line::Dump | Line::Unknown)
    }

    /// What the line holds beyond its known form: a fork's addition, or the beginning of a glued record.
    pub(super) fn tail(&self) -> &[u8] {
        if let Line::Started(Start { rest, .. }) | Line::Ended(End { rest, .. }) = self {
            rest.bytes()
        } else {
            &[]
        }
    }
}
