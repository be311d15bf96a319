//! Link states: of the host's own DMR master, and of the gateways' logs, which have the same frame.

use model::repeater::LinkState;

use super::cursor::Cursor;
use super::line::{Line, Link};
use super::text::{Text, trim};

/// Width of the call fields in the D-Star gateway's list of links, in bytes.
const DSTAR_CALL: usize = 8;

/// What DMR networks say behind `{network}, `.
const MASTER: [(&[u8], LinkState); 7] = [
    (b"Logged into the master succes", LinkState::Linked),
    (b"Connection to the master has timed out", LinkState::Failed),
    (b"Login to the master has failed", LinkState::Failed),
    (b"Master is closing down", LinkState::Failed),
    (b"Socket has failed", LinkState::Failed),
    (b"The master is restarting", LinkState::Connecting),
    (b"Linking to reflector ", LinkState::Connecting),
];

/// Any line that names a link.
pub(super) fn line(c: Cursor<'_>) -> Option<Line<'_>> {
    room(c).or_else(|| reflector(c)).or_else(|| master(c)).map(Line::Link)
}

/// The System Fusion gateway: `Linked to {name}`, ..
fn room(mut c: Cursor<'_>) -> Option<Link<'_>> {
    let link = |state, target| Some(Link::to(b"ysf", state, target));
    if c.eat(b"Linked to ") {
        link(LinkState::Linked, c.all())
    } else if c.eat(b"Automatic (re-)connection to ") {
        link(LinkState::Connecting, c.all())
    } else if c.eat(b"Link has failed, polls lost") {
        link(LinkState::Failed, b"")
    } else {
        c.want(b"Disconnect ")?;
        let by = if c.eat(b"by ") {
            c.all()
        } else {
            c.until(b" has been requested by ")?;
            c.all()
        };
        Some(Link {
            by: Text::field(by),
            ..Link::to(b"ysf", LinkState::Unlinked, b"")
        })
    }
}

/// The P25 and NXDN gateways: `Switched to reflector {n} due to RF activity from {x}`, ..
fn reflector(mut c: Cursor<'_>) -> Option<Link<'_>> {
    let state = if c.eat(b"Statically linked to reflector ") || c.eat(b"Switched to reflector ") {
        LinkState::Linked
    } else if c.eat(b"Unlinking from reflector ") || c.eat(b"Unlinked from reflector ") {
        LinkState::Unlinked
    } else {
        return None;
    };
    let target = c.take_while(|byte| byte != b' ');
    let by = if c.eat(b" due to RF activity from ") || c.eat(b" due to ") || c.eat(b" by ") {
        Text::field(c.all())
    } else {
        None
    };
    Some(Link {
        by,
        ..Link::to(b"reflector", state, target)
    })
}

/// `{network}, Logged into the master successfully`, ..; the host's own DMR network is `DMR`, in 2016 nothing.
fn master(c: Cursor<'_>) -> Option<Link<'_>> {
    let said = |text: &[u8]| MASTER.iter().find(|(words, _)| text.starts_with(words));
    let text = c.rest();
    if let Some((_, state)) = said(text).filter(|(_, state)| *state != LinkState::Connecting) {
        return Some(Link::to(b"dmr", *state, b""));
    }
    let mut behind = c;
    let network = behind.until(b", ")?;
    let (words, state) = said(behind.rest())?;
    behind.eat(words);
    let name = if network == b"DMR" { b"dmr" } else { network };
    let reflector = *state == LinkState::Connecting && words.ends_with(b"reflector ");
    Some(Link::to(name, *state, if reflector { behind.rest() } else { b"" }))
}

/// `{kind} link - Type: .. Rptr: {8} Refl: {8} Dir: ..` of the D-Star gateway's `Links.log`.
pub(super) fn dstar_link(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.until(b"Type: ")?;
    c.until(b"Rptr: ")?;
    let repeater = c.padded(DSTAR_CALL, b" Refl: ")?;
    let target = c.padded(DSTAR_CALL, b" Dir: ")?;
    Some(Line::Link(Link {
        by: Text::field(trim(repeater)),
        ..Link::to(b"dstar", LinkState::Linked, target)
    }))
}
