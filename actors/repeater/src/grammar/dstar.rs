//! D-Star lines: call fields of fixed width, padded with blanks.

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, LinkState, Mode};

use super::call::{self, Channel, Ending, Parties, Start};
use super::cursor::Cursor;
use super::line::{Alias, Denied, Line, Link};
use super::text::{Text, trim};

/// Width of call fields, in bytes.
const CALL: usize = 8;
/// Width of the field behind the slash, in bytes.
const SUFFIX: usize = 4;
/// What the names of reflectors begin with.
const REFLECTORS: [&[u8]; 5] = [b"REF", b"XRF", b"DCS", b"XLX", b"STN"];
/// Known lines that tell nothing about a call.
const NOTES: [&[u8]; 6] = [
    b"starting fast data mode",
    b"leaving fast data mode",
    b"switching to ",
    b"invalid slow data header",
    b"slow data type",
    b"non repeater RF late entry",
];

/// The text behind `D-Star, `.
pub(super) fn line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"received ") {
        let source = call::source(&mut c)?;
        return received(channel(source), c);
    }
    if c.eat(b"transmission lost") {
        return Some(Line::Ended(call::end(
            channel(CallSource::Rf),
            Ending::Lost,
            c,
            parties,
        )?));
    }
    if c.eat(b"invalid access attempt from ") {
        return Some(call::denied(Mode::Dstar, None, DenialReason::NotAllowed, c));
    }
    if c.eat(b"non repeater RF header received") {
        c.eat(b" from ");
        return Some(call::denied(Mode::Dstar, None, DenialReason::NotForRepeater, c));
    }
    call::common(Mode::Dstar, None, c)
        .or_else(|| slow_data(c))
        .or_else(|| NOTES.iter().any(|note| c.eat(note)).then_some(Line::Known))
}

/// The text behind `D-Star link status set to "`: the gateway's words, padded to 20 bytes.
pub(super) fn link_status(mut c: Cursor<'_>) -> Line<'_> {
    let status = call::quoted(&mut c, b'"');
    let mut words = Cursor::new(status);
    let state = if words.eat(b"Linked to ") {
        LinkState::Linked
    } else if words.eat(b"Linking to ") {
        LinkState::Connecting
    } else if words.eat(b"Not linked") || words.eat(b"Unlinked") {
        LinkState::Unlinked
    } else if words.eat(b"Link failed") {
        LinkState::Failed
    } else {
        LinkState::Unknown
    };
    Line::Link(Link::to(b"dstar", state, words.all()))
}

const fn channel(source: CallSource) -> Channel {
    Channel {
        mode: Mode::Dstar,
        slot: None,
        source,
    }
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"header from ") {
        start(channel, false, c)
    } else if c.eat(b"late entry from ") {
        start(channel, true, c)
    } else if c.eat(b"end of transmission") || c.eat(b"end of voice transmission") {
        Some(Line::Ended(call::end(channel, Ending::End, c, parties)?))
    } else if c.eat(b"header for wrong repeater") {
        wrong_repeater(c)
    } else {
        c.eat(b"busy header from ").then_some(Line::Known)
    }
}

fn start(channel: Channel, late: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let parties = parties(&mut c)?;
    let via = if c.eat(b" via ") {
        Text::field(c.up_to(CALL))
    } else {
        None
    };
    Some(Line::Started(Start {
        via,
        ..call::start(channel, CallKind::Voice, late, parties, c)
    }))
}

/// `{call8}/{ext4} to {dst8}`
fn parties<'a>(c: &mut Cursor<'a>) -> Option<Parties<'a>> {
    let from = Text::field(c.padded(CALL, b"/")?);
    let suffix = Text::field(c.padded(SUFFIX, b" to ")?);
    let to = call::last_field(c, CALL);
    Some(Parties {
        from,
        suffix,
        to: Text::field(to),
        kind: destination_kind(to),
    })
}

/// `CQCQCQ` is for everybody, `/` a route; a letter alone, or `L` in the last place behind a reflector, is a
/// command to the gateway.
pub(crate) fn destination_kind(field: &[u8]) -> Option<DestinationKind> {
    let links = |name: &[u8]| field.len() == CALL && REFLECTORS.iter().any(|kind| name.starts_with(kind));
    match trim(field) {
        [] => None,
        b"CQCQCQ" => Some(DestinationKind::Group),
        [b'/', ..] | [_] => Some(DestinationKind::Routed),
        name @ [.., b'L'] if links(name) => Some(DestinationKind::Routed),
        _ => Some(DestinationKind::Private),
    }
}

/// ` ({rpt8}) from {call8}`, in 2016 ` - {rpt8}`.
fn wrong_repeater(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let to = if c.eat(b" (") {
        Text::field(c.padded(CALL, b") from ")?)
    } else {
        c.want(b" - ")?;
        Text::field(c.all())
    };
    Some(Line::Denied(Denied {
        mode: Mode::Dstar,
        slot: None,
        from: Text::field(c.all()),
        to,
        reason: DenialReason::WrongRepeater,
    }))
}

/// `[RF |network ]slow data text = "{20}"`
fn slow_data(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let source = call::source(&mut c);
    c.want(b"slow data text = \"")?;
    Some(Line::Alias(Alias {
        mode: Mode::Dstar,
        slot: None,
        source,
        text: Text::new(call::quoted(&mut c, b'"')),
    }))
}
