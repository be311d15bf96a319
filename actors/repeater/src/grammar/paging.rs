//! POCSAG and AX.25 lines: no calls, but pages and packets.

use model::repeater::PageFunction;

use super::call;
use super::cursor::Cursor;
use super::line::{Line, Page};
use super::text::{Text, trim};

/// The text behind `POCSAG, `.
pub(super) fn pocsag(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"packet received from an invalid source") || c.eat(b"overflow") {
        return Some(Line::Known);
    }
    c.want(b"transmitted ")?;
    let frames = c.number()?;
    c.until(b" from ")?;
    let messages = c.number()?;
    Some(Line::PagesSent { frames, messages })
}

/// `{ric7}, func {function}[: {text}]` behind `Message to ` or `Local message to `.
///
/// A page from the network has its text without quotes; quotes around text are the host's.
pub(super) fn message(local: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let ric = c.number()?;
    c.want(b", func ")?;
    let function = if c.eat(b"Alphanumeric") {
        PageFunction::Alphanumeric
    } else if c.eat(b"Numeric") || c.eat(b"NUMERIC") {
        PageFunction::Numeric
    } else if c.eat(b"Alert 1") || c.eat(b"Alert1") {
        PageFunction::Alert1
    } else if c.eat(b"Alert 2") || c.eat(b"Alert2") {
        PageFunction::Alert2
    } else {
        return None;
    };
    let text = if c.eat(b": \"") {
        Text::field(call::quoted(&mut c, b'"'))
    } else if c.eat(b": ") {
        Some(Text::new(c.all()))
    } else {
        None
    };
    Some(Line::Page(Page {
        ric,
        function,
        text,
        local,
    }))
}

/// `{from}-{ssid}>{to}[,{digi}*..] <UI> {text}` behind `AX.25, `: raw text of the air.
pub(super) fn ax25(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"packet received from an invalid source") {
        return Some(Line::Known);
    }
    let path = c.take_while(|byte| byte != b' ');
    path.contains(&b'>').then(|| Line::Packet {
        path: Text::new(path),
        text: Text::new(trim(c.rest())),
    })
}
