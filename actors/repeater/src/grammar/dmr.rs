//! DMR lines: two time slots, group and private calls, data, signalling.

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, Mode};

use super::call::{self, Channel, Ending, Parties};
use super::cursor::Cursor;
use super::line::{Alias, Denied, Line, Position, Signal};
use super::text::Text;

/// Known lines that tell nothing about a call.
const NOTES: [&[u8]; 10] = [
    b"bad LC received",
    b"unfixable ",
    b"unknown ",
    b"unhandled ",
    b"Rewrite ",
    b"rejecting frame",
    b"received PI header",
    b"DMRD header",
    b"Outbound call",
    b"invalid traffic",
];

/// The text behind `DMR Slot `.
pub(super) fn slot_line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let slot = if c.eat(b"1") {
        1
    } else {
        c.want(b"2")?;
        2
    };
    if !c.eat(b", ") {
        c.want(b": ")?;
    }
    let channel = |source| Channel {
        mode: Mode::Dmr,
        slot: Some(slot),
        source,
    };
    if c.eat(b"received ") {
        let mut ahead = c;
        return match call::source(&mut ahead) {
            Some(source) => received(channel(source), ahead),
            None => (c.eat(b"PI header") || c.eat(b"CSBK")).then_some(Line::Known),
        };
    }
    if c.eat(b"ended ") {
        let source = call::source(&mut c)?;
        c.want(b"data transmission")?;
        return data_end(channel(source), Ending::End, c);
    }
    if c.eat(b"Talker Alias \"") {
        return Some(alias(Some(slot), call::quoted(&mut c, b'"')));
    }
    call::common(Mode::Dmr, Some(slot), c)
        .or_else(|| lost(channel(CallSource::Rf), c))
        .or_else(|| refused(slot, c))
        .or_else(|| c.eat(b"Embedded Talker Alias").then_some(Line::Known))
        .or_else(|| NOTES.iter().any(|note| c.eat(note)).then_some(Line::Known))
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"voice header from ") || c.eat(b"header from ") {
        start(channel, CallKind::Voice, false, c)
    } else if c.eat(b"late entry from ") {
        start(channel, CallKind::Voice, true, c)
    } else if c.eat(b"data header from ") {
        start(channel, CallKind::Data, false, c)
    } else if c.eat(b"end of voice transmission") || c.eat(b"end of transmission") {
        Some(Line::Ended(call::end(channel, Ending::End, c, call::word_parties)?))
    } else if c.rest() == b"data header" {
        Some(Line::Known)
    } else {
        csbk(channel, c)
    }
}

fn start(channel: Channel, kind: CallKind, late: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let parties = call::word_parties(&mut c)?;
    // A data header counts its blocks here; nobody needs the count.
    call::figures(&mut c);
    Some(Line::Started(call::start(channel, kind, late, parties, c)))
}

fn data_end(channel: Channel, ending: Ending, c: Cursor<'_>) -> Option<Line<'_>> {
    let mut end = call::end(channel, ending, c, call::word_parties)?;
    end.kind = Some(CallKind::Data);
    Some(Line::Ended(end))
}

/// `[RF ][voice |data ]transmission lost..`
fn lost(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.eat(b"RF ");
    if c.eat(b"data transmission lost") {
        return data_end(channel, Ending::Lost, c);
    }
    c.eat(b"voice ");
    c.want(b"transmission lost")?;
    Some(Line::Ended(call::end(channel, Ending::Lost, c, call::word_parties)?))
}

/// `{what} CSBK[ ({n} to follow)] from {call} to [TG ]{dst}`
fn csbk(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let what = if c.eat(b"CSBK from ") {
        &b"CSBK"[..]
    } else {
        let what = c.until(b" CSBK")?;
        c.until(b" from ")?;
        what
    };
    let mut parties = call::word_parties(&mut c)?;
    glued_talkgroup(&mut parties);
    Some(Line::Signal(Signal {
        channel,
        what: Text::new(what),
        parties,
    }))
}

/// Two kinds of CSBK print `TG` and the talkgroup without a blank between.
fn glued_talkgroup(parties: &mut Parties<'_>) {
    let Some(to) = &mut parties.to else { return };
    match *to.bytes() {
        [b'T', b'G', b'0'..=b'9', ..] if to.bytes().iter().skip(2).all(u8::is_ascii_digit) => {
            *to = to.without_first(2);
        }
        [b'T', b'G', b'0'..=b'9', ..] => {}
        _ => return,
    }
    parties.kind = Some(DestinationKind::Group);
}

/// `RF user {id} rejected[ for using TG {n}]`; in 2016 `invalid access attempt from {id} ..`
fn refused(slot: u8, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let denied = |from, to, reason| {
        Some(Line::Denied(Denied {
            mode: Mode::Dmr,
            slot: Some(slot),
            from,
            to,
            reason,
        }))
    };
    if c.eat(b"RF user ") || c.eat(b"network user ") {
        let from = Text::field(c.until(b" rejected")?);
        return if c.eat(b" for using TG ") {
            denied(from, Text::field(c.all()), DenialReason::Talkgroup)
        } else {
            denied(from, None, DenialReason::NotAllowed)
        };
    }
    c.want(b"invalid ")?;
    c.until(b" ")?;
    // The host misspelt "attempt" in three ways.
    c.until(b" ")?;
    if c.eat(b"from ") {
        denied(Text::field(word(&mut c)), None, DenialReason::NotAllowed)
    } else {
        c.want(b"to ")?;
        c.eat(b"TG");
        c.eat(b" ");
        denied(None, Text::field(word(&mut c)), DenialReason::Talkgroup)
    }
}

fn word<'a>(c: &mut Cursor<'a>) -> &'a [u8] {
    c.take_while(|byte| byte != b' ')
}

fn alias(slot: Option<u8>, text: &[u8]) -> Line<'_> {
    Line::Alias(Alias {
        mode: Mode::Dmr,
        slot,
        source: None,
        text: Text::new(text),
    })
}

/// `(Data Format {n}, Received {a}/{b} char): '{text}'` behind `DMR Talker Alias `, 2017 to 2023.
pub(super) fn bare_alias(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.until(b"): '")?;
    Some(alias(None, call::quoted(&mut c, b'\'')))
}

/// `[{lat},{lon}] (Position error {text})` behind `GPS position `.
pub(super) fn position(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.want(b"[")?;
    let degrees = |bytes: &[u8], most: f64| {
        let number: f64 = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
        (number.abs() <= most).then_some(number)
    };
    let latitude_deg = degrees(c.until(b",")?, 90.0)?;
    let longitude_deg = degrees(c.until(b"]")?, 180.0)?;
    let error = c.eat(b" (Position error ").then(|| c.until(b")")).flatten();
    Some(Line::Position(Position {
        latitude_deg,
        longitude_deg,
        error: error.and_then(Text::field),
    }))
}

/// `from {call}` behind `Downlink Activate received `: a radio wakes the repeater.
pub(super) fn downlink(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.want(b"from ")?;
    Some(Line::Signal(Signal {
        channel: Channel {
            mode: Mode::Dmr,
            slot: None,
            source: CallSource::Rf,
        },
        what: Text::new(b"Downlink Activate"),
        parties: Parties {
            from: Text::field(c.all()),
            ..Parties::default()
        },
    }))
}

/// The same of a radio that may not.
pub(super) fn downlink_refused(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.want(b"from ")?;
    Some(call::denied(Mode::Dmr, None, DenialReason::Downlink, c))
}

/// `{n}|ANY received from {call}` behind `CSBK BS_Dwn_Act for `, 2016.
pub(super) fn old_downlink(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.until(b" received ")?;
    downlink(c)
}
