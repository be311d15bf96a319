//! M17 lines (2020-10 to 2025-07).

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, LinkState, Mode};

use super::call::{self, Channel, Ending, Parties};
use super::cursor::Cursor;
use super::line::{Alias, Denied, Line, Link};
use super::text::{Text, trim};

/// How J-STAR's fork announces its addition to a line.
const NAME_TAIL: &[u8] = b" - Name: ";
/// What the names of reflectors begin with.
const REFLECTORS: [&[u8]; 3] = [b"M17-", b"URF", b"XLX"];

/// The text behind `M17, `.
pub(super) fn line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"received ") {
        let unknown = c.eat(b"unknown ");
        let source = call::source(&mut c)?;
        return if unknown {
            start(channel(source), false, c)
        } else {
            received(channel(source), c)
        };
    }
    if c.eat(b"transmission lost") {
        return Some(Line::Ended(call::end(
            channel(CallSource::Rf),
            Ending::Lost,
            c,
            parties,
        )?));
    }
    if c.eat(b"ended ") {
        let source = call::source(&mut c)?;
        c.want(b"data transmission")?;
        let mut end = call::end(channel(source), Ending::End, c, parties)?;
        end.kind = Some(CallKind::Data);
        return Some(Line::Ended(end));
    }
    if c.eat(b"text Data: \"") {
        return Some(Line::Alias(Alias {
            mode: Mode::M17,
            slot: None,
            source: None,
            text: Text::new(call::quoted(&mut c, b'"')),
        }));
    }
    if c.eat(b"invalid access attempt from ") {
        return Some(refused(DenialReason::NotAllowed, c));
    }
    if c.eat(b"access attempt with encryption from ") {
        return Some(refused(DenialReason::Encrypted, c));
    }
    call::common(Mode::M17, None, c)
        .or_else(|| link(c))
        .or_else(|| c.eat(b"network packet received").then_some(Line::Known))
}

const fn channel(source: CallSource) -> Channel {
    Channel {
        mode: Mode::M17,
        slot: None,
        source,
    }
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"end of transmission") {
        return Some(Line::Ended(call::end(channel, Ending::End, c, parties)?));
    }
    let late = c.eat(b"late entry ");
    start(channel, late, c)
}

/// `[voice |data |voice + data |unknown ]transmission from ..`, in the first days also `header from ..`.
fn start(channel: Channel, late: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let voice = c.eat(b"voice + data ") || c.eat(b"voice ") || c.eat(b"unknown ");
    let data = !voice && c.eat(b"data ");
    if !c.eat(b"transmission from ") && !c.eat(b"header from ") {
        (late || data).then_some(())?;
        c.want(b"from ")?;
    }
    let parties = parties(&mut c)?;
    call::figures(&mut c);
    let kind = if data { CallKind::Data } else { CallKind::Voice };
    Some(Line::Started(call::start(channel, kind, late, parties, c)))
}

/// `{call} to {dst}`; the destination may hold a blank (`M17-M17 C`).
fn parties<'a>(c: &mut Cursor<'a>) -> Option<Parties<'a>> {
    let from = Text::field(c.until(b" to ")?);
    let rest = c.rest();
    let comma = memchr::memchr(b',', rest).unwrap_or(rest.len());
    let name = memchr::memmem::find(rest, NAME_TAIL).unwrap_or(rest.len());
    let to = c.up_to(comma.min(name));
    Some(Parties {
        from,
        suffix: None,
        to: Text::field(to),
        kind: destination_kind(trim(to)),
    })
}

fn destination_kind(name: &[u8]) -> Option<DestinationKind> {
    match name {
        [] => None,
        b"ALL" | b"@ALL" => Some(DestinationKind::Group),
        _ if REFLECTORS.iter().any(|kind| name.starts_with(kind)) => Some(DestinationKind::Group),
        _ => Some(DestinationKind::Private),
    }
}

fn refused(reason: DenialReason, mut c: Cursor<'_>) -> Line<'_> {
    let parties = parties(&mut c).unwrap_or_else(|| Parties {
        from: Text::field(c.all()),
        ..Parties::default()
    });
    Line::Denied(Denied {
        mode: Mode::M17,
        slot: None,
        from: parties.from,
        to: parties.to,
        reason,
    })
}

/// The host itself linked to reflectors for three days in 2020.
fn link(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let state = if c.eat(b"linked to ") {
        LinkState::Linked
    } else if c.eat(b"unlinked from ") {
        LinkState::Unlinked
    } else {
        c.want(b"link refused by ")?;
        LinkState::Failed
    };
    Some(Line::Link(Link::to(b"m17", state, c.all())))
}
