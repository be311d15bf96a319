//! Records that outlive the bytes they were read from: what crosses from one actor to the next.

use super::call::{End, Parties, Start};
use super::line::{Alias, Denied, HostLine, Line, Link, ModemLine, Page, Position, Record, Signal};
use super::text::Text;

impl Record<'_> {
    /// The same record, independent of the line.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        Record {
            level: self.level,
            at: self.at,
            line: self.line.into_owned(),
        }
    }
}

impl Line<'_> {
    fn into_owned(self) -> Line<'static> {
        match self {
            Line::Started(start) => Line::Started(start.into_owned()),
            Line::Ended(end) => Line::Ended(end.into_owned()),
            Line::TimedOut(channel) => Line::TimedOut(channel),
            Line::Alias(alias) => Line::Alias(alias.into_owned()),
            Line::Denied(denied) => Line::Denied(denied.into_owned()),
            Line::Signal(signal) => Line::Signal(signal.into_owned()),
            Line::Position(position) => Line::Position(position.into_owned()),
            Line::ModeSet(mode) => Line::ModeSet(mode),
            Line::Page(page) => Line::Page(page.into_owned()),
            Line::PagesSent { frames, messages } => Line::PagesSent { frames, messages },
            Line::Packet { path, text } => Line::Packet {
                path: path.into_owned(),
                text: text.into_owned(),
            },
            Line::Link(link) => Line::Link(link.into_owned()),
            Line::Host(host) => Line::Host(host.into_owned()),
            Line::Section(name) => Line::Section(name.into_owned()),
            Line::Setting { key, value } => Line::Setting {
                key: key.into_owned(),
                value: value.into_owned(),
            },
            Line::Modem(modem) => Line::Modem(modem.into_owned()),
            Line::Fault(text) => Line::Fault(text.into_owned()),
            Line::Remote { command, accepted } => Line::Remote {
                command: command.into_owned(),
                accepted,
            },
            Line::SetAside(doubt, text) => Line::SetAside(doubt, text.into_owned()),
            Line::Known => Line::Known,
            Line::Chatter => Line::Chatter,
            Line::Dump => Line::Dump,
            Line::Unknown => Line::Unknown,
        }
    }
}

/// Structs whose text fields become owned; the other fields are copied.
macro_rules! owned {
    ($($name:ident { $($text:ident),* ; $($copy:ident),* })+) => {
        $(impl $name<'_> {
            fn into_owned(self) -> $name<'static> {
                $name {
                    $($text: Own::own(self.$text),)*
                    $($copy: self.$copy,)*
                }
            }
        })+
    };
}

owned! {
    Parties { from, suffix, to; kind }
    Start { parties, via, rest; channel, kind, late }
    End { parties, rest; channel, ending, kind, figures }
    Alias { text; mode, slot, source }
    Denied { from, to; mode, slot, reason }
    Signal { what, parties; channel }
    Position { error; latitude_deg, longitude_deg }
    Page { text; ric, function, local }
    Link { link, target, by; state }
}

/// What [`owned!`] can make owned.
trait Own {
    type Owned;
    fn own(self) -> Self::Owned;
}

impl Own for Text<'_> {
    type Owned = Text<'static>;
    fn own(self) -> Text<'static> {
        self.into_owned()
    }
}

impl Own for Parties<'_> {
    type Owned = Parties<'static>;
    fn own(self) -> Parties<'static> {
        self.into_owned()
    }
}

impl<T: Own> Own for Option<T> {
    type Owned = Option<T::Owned>;
    fn own(self) -> Option<T::Owned> {
        self.map(Own::own)
    }
}

impl HostLine<'_> {
    fn into_owned(self) -> HostLine<'static> {
        match self {
            HostLine::Starting(version) => HostLine::Starting(version.into_owned()),
            HostLine::Running(version) => HostLine::Running(version.into_owned()),
            HostLine::Stopped => HostLine::Stopped,
            HostLine::Exited { signal } => HostLine::Exited { signal: signal.own() },
        }
    }
}

impl ModemLine<'_> {
    fn into_owned(self) -> ModemLine<'static> {
        match self {
            ModemLine::Opening => ModemLine::Opening,
            ModemLine::Found(description) => ModemLine::Found(description.into_owned()),
            ModemLine::Lost => ModemLine::Lost,
            ModemLine::Closing => ModemLine::Closing,
        }
    }
}
