//! NXDN lines.

use model::repeater::{CallKind, CallSource, DenialReason, Mode};

use super::call::{self, Channel, Ending};
use super::cursor::Cursor;
use super::line::Line;

/// Known lines that tell nothing about a call.
const NOTES: [&[u8]; 4] = [b"CRC", b"LICH ", b"RTP packet received", b"RTCP packet received"];

/// The text behind `NXDN, `.
pub(super) fn line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"received ") {
        let source = call::source(&mut c)?;
        return received(channel(source), c);
    }
    if c.eat(b"transmission lost") {
        let rf = channel(CallSource::Rf);
        return Some(Line::Ended(call::end(rf, Ending::Lost, c, call::word_parties)?));
    }
    if c.eat(b"ended ") {
        let source = call::source(&mut c)?;
        c.want(b"data transmission")?;
        let mut end = call::end(channel(source), Ending::End, c, call::word_parties)?;
        end.kind = Some(CallKind::Data);
        return Some(Line::Ended(end));
    }
    if c.eat(b"invalid access attempt from ") {
        return Some(call::denied(Mode::Nxdn, None, DenialReason::NotAllowed, c));
    }
    call::common(Mode::Nxdn, None, c).or_else(|| NOTES.iter().any(|note| c.eat(note)).then_some(Line::Known))
}

const fn channel(source: CallSource) -> Channel {
    Channel {
        mode: Mode::Nxdn,
        slot: None,
        source,
    }
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"header from ") || c.eat(b"transmission from ") || c.eat(b"voice transmission from ") {
        start(channel, CallKind::Voice, false, c)
    } else if c.eat(b"late entry from ") {
        start(channel, CallKind::Voice, true, c)
    } else if c.eat(b"data header from ") {
        start(channel, CallKind::Data, false, c)
    } else {
        c.want(b"end of transmission")?;
        Some(Line::Ended(call::end(channel, Ending::End, c, call::word_parties)?))
    }
}

fn start(channel: Channel, kind: CallKind, late: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let parties = call::word_parties(&mut c)?;
    call::figures(&mut c);
    Some(Line::Started(call::start(channel, kind, late, parties, c)))
}
