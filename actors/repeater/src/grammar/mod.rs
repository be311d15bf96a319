//! The log's grammar: bytes of a line in, a [`Record`] out. Nothing is copied; nothing fails: what fits no known form
//! is counted by kind.
//!
//! A line is its frame (level, time, text) and then one match, anchored at the start of the text: the first bytes
//! decide who reads on, and nobody searches through the line for words. Forms of every era are read the same way
//! and mean the same, so that nobody behind knows of eras.
//!
//! ```text
//! line --frame--> level, time, text --first bytes--> dstar | dmr | ysf | p25 | nxdn | m17 | paging | host | gateway
//! ```
//!
//! **Invariant:** no input panics, and no line costs more than its length.

mod call;
mod cursor;
mod dmr;
mod dstar;
mod frame;
mod gateway;
mod host;
mod line;
mod lines;
mod m17;
mod nxdn;
mod owned;
mod p25;
mod paging;
mod reader;
mod text;
mod timeline;
mod ysf;

pub use call::{Channel, End, Ending, Figures, Parties, Start};
pub use frame::Level;
pub use line::{Alias, Denied, HostLine, Line, Link, ModemLine, Page, Position, Record, Signal};
pub use lines::Lines;
pub use reader::{MAX_LINE, Memory, Reader, Tally};
pub use text::Text;

pub(crate) use call::{believed_dbm, believed_ms, believed_percent, believed_rssi};
pub(crate) use dstar::destination_kind as dstar_destination;

use cursor::Cursor;

/// Reads the text behind a frame.
fn text(level: Level, text: &[u8]) -> Line<'_> {
    let c = Cursor::new(text);
    let line = if level == Level::Debug {
        Some(debug(c))
    } else {
        spoken(c).or_else(|| host::other(level, c)).or_else(|| gateway::line(c))
    };
    line.unwrap_or(Line::Unknown)
}

/// Debug lines: pages, dumps, and chatter without end.
fn debug(mut c: Cursor<'_>) -> Line<'_> {
    if is_dump(c.rest()) {
        return Line::Dump;
    }
    let message = if c.eat(b"Message to ") {
        paging::message(false, c)
    } else if c.eat(b"Local message to ") {
        paging::message(true, c)
    } else {
        None
    };
    message.unwrap_or(Line::Chatter)
}

/// `0000:  44 4D ..`
fn is_dump(text: &[u8]) -> bool {
    matches!(text, [a, b, c, d, b':', b' ', b' ', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()))
}

/// Dispatch by the first bytes: each prefix has one reader.
fn spoken(mut c: Cursor<'_>) -> Option<Line<'_>> {
    match c.rest() {
        [b'D', b'M', ..] if c.eat(b"DMR Slot ") => dmr::slot_line(c),
        [b'D', b'-', ..] if c.eat(b"D-Star, ") => dstar::line(c),
        [b'M', b'o', ..] if c.eat(b"Mode set to ") => host::mode(c),
        [b'Y', ..] if c.eat(b"YSF, ") => ysf::line(c),
        [b'P', b'2', ..] if c.eat(b"P25, ") => p25::line(c),
        [b'N', ..] if c.eat(b"NXDN, ") => nxdn::line(c),
        [b'M', b'1', ..] if c.eat(b"M17, ") => m17::line(c),
        [b'D', ..] => dee(c),
        [b'P', ..] if c.eat(b"POCSAG, ") => paging::pocsag(c),
        [b'A', ..] if c.eat(b"AX.25, ") => paging::ax25(c),
        [b' ', b' ', b' ', b' ', ..] => Some(host::setting(c)),
        [b'M', ..] if c.eat(b"MMDVMHost") => host::life(c),
        [b'M', ..] if c.eat(b"MMDVM protocol version: ") => host::firmware(c),
        [b'G', ..] if c.eat(b"GPS position ") => dmr::position(c),
        [b'C', ..] if c.eat(b"Caught ") => host::caught(c),
        [b'C', ..] if c.eat(b"CSBK BS_Dwn_Act for ") => dmr::old_downlink(c),
        [b'V', ..] if c.eat(b"Valid remote command of ") => host::remote(true, c),
        [b'I', ..] if c.eat(b"Invalid remote command of ") => host::remote(false, c),
        [b'I', ..] if c.eat(b"Invalid Downlink Activate received ") => dmr::downlink_refused(c),
        [b'I', ..] if c.eat(b"Invalid CSBK BS_Dwn_Act ") => {
            c.until(b"received ")?;
            dmr::downlink_refused(c)
        }
        text if is_dump(text) => Some(Line::Dump),
        _ => None,
    }
}

/// The rarer lines that begin with a D.
fn dee(mut c: Cursor<'_>) -> Option<Line<'_>> {
    if c.eat(b"Debug: ") {
        // The firmware says things like "Mode set to DMR" and means its own mode.
        Some(Line::Known)
    } else if c.eat(b"Downlink Activate received ") {
        dmr::downlink(c)
    } else if c.eat(b"DMR Talker Alias ") {
        dmr::bare_alias(c)
    } else if c.eat(b"D-Star link status set to \"") {
        Some(dstar::link_status(c))
    } else if c.eat(b"DMR, Opening ") || c.eat(b"DMR, Closing ") || c.eat(b"DMR, packet received ") {
        Some(Line::Known)
    } else {
        None
    }
}
