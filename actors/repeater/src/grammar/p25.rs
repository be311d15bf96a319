//! P25 lines.

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, Mode};

use super::call::{self, Channel, Ending, Parties};
use super::cursor::Cursor;
use super::line::{Line, Signal};
use super::text::Text;

/// Known lines that tell nothing about a call. A header comes before a call, and often with none behind it; the
/// bit error rate behind `total frames` is another count than the call's.
const NOTES: [&[u8]; 5] = [
    b"total frames",
    b"unknown LCF value",
    b"recieved RF TSDU transmission, unhandled LCF",
    b"PDU received",
    b"LDU",
];

/// The text behind `P25, `.
pub(super) fn line(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let rf = channel(CallSource::Rf);
    if c.eat(b"received ") {
        let source = call::source(&mut c)?;
        return received(channel(source), c);
    }
    // The one end without the word "received".
    if c.eat(b"network end of transmission") {
        let network = channel(CallSource::Network);
        return Some(Line::Ended(call::end(network, Ending::End, c, call::word_parties)?));
    }
    if c.eat(b"transmission lost") {
        return Some(Line::Ended(call::end(rf, Ending::Lost, c, call::word_parties)?));
    }
    if c.eat(b"ended RF data transmission") {
        let mut end = call::end(rf, Ending::End, c, call::word_parties)?;
        end.kind = Some(CallKind::Data);
        return Some(Line::Ended(end));
    }
    if c.eat(b"invalid access attempt from ") {
        return Some(call::denied(Mode::P25, None, DenialReason::NotAllowed, c));
    }
    call::common(Mode::P25, None, c).or_else(|| NOTES.iter().any(|note| c.eat(note)).then_some(Line::Known))
}

const fn channel(source: CallSource) -> Channel {
    Channel {
        mode: Mode::P25,
        slot: None,
        source,
    }
}

fn received(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"voice transmission from ") || c.eat(b"transmission from ") || c.eat(b"from ") {
        let parties = call::word_parties(&mut c)?;
        Some(Line::Started(call::start(channel, CallKind::Voice, false, parties, c)))
    } else if c.eat(b"end of voice transmission") || c.eat(b"end of transmission") {
        Some(Line::Ended(call::end(channel, Ending::End, c, call::word_parties)?))
    } else if c.eat(b"TSDU transmission, ") {
        signalling(channel, c)
    } else if c.eat(b"data transmission ") {
        data(channel, c)
    } else {
        (c.rest() == b"header" || c.eat(b"LC from ")).then_some(Line::Known)
    }
}

/// `{what} from {call} to [TG ]{n}`
fn signalling(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let what = c.until(b" from ")?;
    Some(Line::Signal(Signal {
        channel,
        what: Text::new(what),
        parties: call::word_parties(&mut c)?,
    }))
}

/// `for Local Link Id {n}, SAP {n}, {n} blocks`; the line does not say who sends.
fn data(channel: Channel, mut c: Cursor<'_>) -> Option<Line<'_>> {
    if !c.eat(b"for Local Link Id ") {
        c.want(b"to ")?;
    }
    let parties = Parties {
        to: Text::field(c.take_while(|byte| byte.is_ascii_digit())),
        kind: Some(DestinationKind::Private),
        ..Parties::default()
    };
    if c.eat(b", SAP ") {
        c.number()?;
    }
    call::figures(&mut c);
    Some(Line::Started(call::start(channel, CallKind::Data, false, parties, c)))
}
