//! System Fusion lines: call fields of ten bytes, and a DG-ID since August 2020.

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, Mode};

use super::call::{self, Channel, Ending, Parties, Start};
use super::cursor::Cursor;
use super::line::{Denied, Line};
use super::text::Text;

/// Width of call fields, in bytes.
const CALL: usize = 10;
/// Known lines that tell nothing about a call: frame by frame chatter of 2016, not yet at the level for it.
const NOTES: [&[u8]; 5] = [b"EOT, FI=", b"Valid FICH", b"invalid FICH", b"V/D Mode ", b"V Mode "];

/// The text behind `YSF, `.
pub(super) fn line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"received ") {
        // The first weeks of 2016 named no source: only radio calls had these lines.
        let source = call::source(&mut c).unwrap_or(CallSource::Rf);
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
        return Some(refused(c));
    }
    call::common(Mode::Ysf, None, c).or_else(|| NOTES.iter().any(|note| c.eat(note)).then_some(Line::Known))
}

const fn channel(source: CallSource) -> Channel {
    Channel {
        mode: Mode::Ysf,
        slot: None,
        source,
    }
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"header from ") || c.eat(b"data from ") || c.eat(b"transmission from ") {
        start(channel, false, c)
    } else if c.eat(b"late entry from ") {
        start(channel, true, c)
    } else if c.eat(b"end of transmission") {
        end(channel, c)
    } else {
        (c.rest() == b"header").then_some(Line::Known)
    }
}

fn start(channel: Channel, late: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let parties = parties(&mut c)?;
    let has_via = c.eat(b" at ") || c.eat(b" from ");
    let via = if has_via { Text::field(c.up_to(CALL)) } else { None };
    Some(Line::Started(Start {
        via,
        ..call::start(channel, CallKind::Voice, late, parties, c)
    }))
}

/// Only a radio's data call ends without a bit error rate: voice frames always count errors.
fn end(channel: Channel, c: Cursor<'_>) -> Option<Line<'_>> {
    let counted = memchr::memmem::find(c.rest(), b", BER: ").is_some();
    let mut end = call::end(channel, Ending::End, c, |c| {
        let parties = parties(c);
        if c.eat(b" at ") {
            c.take_while(|byte| byte != b',');
        }
        parties
    })?;
    if channel.source == CallSource::Rf && end.figures.duration_ms.is_some() && !counted {
        end.kind = Some(CallKind::Data);
    }
    Some(Line::Ended(end))
}

/// `{call10} to DG-ID {n}`, or `{call10} to {dst10}` before, on one day both.
fn parties<'a>(c: &mut Cursor<'a>) -> Option<Parties<'a>> {
    let from = Text::field(c.padded(CALL, b" to ")?);
    let line = c.rest();
    let mut to = if c.eat(b"DG-ID ") {
        c.number()?;
        eaten(line, *c)
    } else {
        call::last_field(c, CALL)
    };
    if c.eat(b" (DG-ID: ") {
        to = c.until(b")")?;
    }
    let to = Text::field(to);
    let kind = to.as_ref().map(|to| match to.bytes() {
        b"ALL" => DestinationKind::Group,
        id if id.starts_with(b"DG-ID ") || id.iter().all(u8::is_ascii_digit) => DestinationKind::Group,
        _ => DestinationKind::Private,
    });
    Some(Parties {
        from,
        suffix: None,
        to,
        kind,
    })
}

/// What `c` has eaten of `line`.
fn eaten<'a>(line: &'a [u8], c: Cursor<'a>) -> &'a [u8] {
    line.get(..line.len().saturating_sub(c.rest().len()))
        .unwrap_or_default()
}

fn refused(mut c: Cursor<'_>) -> Line<'_> {
    let parties = parties(&mut c).unwrap_or_else(|| Parties {
        from: Text::field(c.all()),
        ..Parties::default()
    });
    Line::Denied(Denied {
        mode: Mode::Ysf,
        slot: None,
        from: parties.from,
        to: parties.to,
        reason: DenialReason::NotAllowed,
    })
}
