//! Lines about the host program, its modem, and its configuration.

use model::repeater::{HostMode, Mode};

use super::cursor::Cursor;
use super::frame::Level;
use super::line::{HostLine, Line, ModemLine};
use super::text::{Text, trim};

/// What lines of start-up and housekeeping begin with that change nothing here.
const KNOWN: &[&[u8]] = &[
    b"AX.25: ",
    b"Atmel ARM",
    b"Built ",
    b"CCITT16",
    b"CPU: ",
    b"Closing ",
    b"Command sent",
    b"Connected to GPSD",
    b"Copyright(C)",
    b"D-Star: ",
    b"DMR: ",
    b"DMR Network Slot ",
    b"FEC: ",
    b"FM: ",
    b"Inbound DST ID",
    b"Initialize CNetworkInfo",
    b"Invalid fast data type",
    b"JitterBuffer",
    b"Loaded ",
    b"Loading ",
    b"ID lookup File",
    b"M17 ",
    b"M17: ",
    b"Made symbolic link",
    b"Modes: ",
    b"NXDN: ",
    b"NXP ARM",
    b"Nextion ",
    b"No valid display found",
    b"Opening ",
    b"P25: ",
    b"POCSAG: ",
    b"PWM Brightness",
    b"Re-opening ",
    b"Result value",
    b"Rewrite ",
    b"ST-Micro ARM",
    b"Started ",
    b"Starting ",
    b"Stopped ",
    b"Stopping ",
    b"This software is for use",
    b"Unknown CPU",
    b"Unknown message",
    b"Using ",
    b"Warning: dropping root",
    b"YSF: ",
    b"commercial networks",
    b"it is to be used",
    b"status=",
    b"tx=",
];

/// What complaints begin with.
const FAULTS: &[&[u8]] = &[
    b"CI2C: ",
    b"Call to ",
    b"Cannot ",
    b"Could not ",
    b"Couldn't ",
    b"DMR operation disabled",
    b"Dropping root",
    b"Error ",
    b"GetIpForwardTable",
    b"I2C: ",
    b"ID lookup file",
    b"Invalid KISS",
    b"Invalid data received from the modem",
    b"Invalid length received",
    b"Invalid slot n",
    b"It's possible to regain root",
    b"LCDproc",
    b"MMDVM ADC levels",
    b"MMDVM DAC levels",
    b"MMDVM RX buffer",
    b"MMDVM TX buffer",
    b"Missing ",
    b"RX buffer has overflowed",
    b"Received a NAK ",
    b"Serial data buffer",
    b"TX buffer has overflowed",
    b"The MMDVM is not responding",
    b"The local address",
    b"The length of the getStatus",
    b"Timed out after",
    b"The master is restarting",
    b"The resampler",
    b"Unable",
    b"Unknown protocol",
    b"Unknown message",
    b"Unrecoverable errors",
    b"Unsupported ",
    b"Socket has failed",
];

/// What complaints hold or end with, behind the name of a mode or a network.
const FAULT_PARTS: &[&[u8]] = &[
    b" data received when in mode ",
    b" enabled in the host but not ",
    b" the address of the DMR Network",
    b"overflow in the ",
    b"socket error when writing",
];

/// What every network says of a packet that is not for it.
const STRAY_PACKET: &[u8] = b" packet received from an invalid source";

/// Headings of the configuration echo that do not end in `Parameters`.
const SECTIONS: &[&[u8]] = &[
    b"RSSI",
    b"DMR Id Lookups",
    b"NXDN Id Lookups",
    b"Transparent Data",
    b"Universal MMDVM Peripheral",
    b"Interfaces Info",
];

/// `Mode set to ` is behind; the names are exact, and nothing may follow.
pub(super) fn mode(c: Cursor<'_>) -> Option<Line<'_>> {
    let mode = match c.rest() {
        b"Idle" => HostMode::Idle,
        b"Lockout" => HostMode::Lockout,
        b"Error" => HostMode::Error,
        b"D-Star" => HostMode::Busy(Mode::Dstar),
        b"DMR" => HostMode::Busy(Mode::Dmr),
        b"System Fusion" => HostMode::Busy(Mode::Ysf),
        b"P25" => HostMode::Busy(Mode::P25),
        b"NXDN" => HostMode::Busy(Mode::Nxdn),
        b"M17" => HostMode::Busy(Mode::M17),
        b"POCSAG" => HostMode::Busy(Mode::Pocsag),
        b"FM" => HostMode::Busy(Mode::Fm),
        _ => return None,
    };
    Some(Line::ModeSet(mode))
}

/// `MMDVMHost` is behind: `-{version} is starting`, `is running`, `has stopped`, `exited on receipt of ..`.
pub(super) fn life(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let version = if c.eat(b"-") {
        Text::new(c.until(b" ")?)
    } else {
        c.want(b" ")?;
        Text::default()
    };
    c.eat(b"is ");
    let host = if c.rest() == b"starting" {
        HostLine::Starting(version)
    } else if c.rest() == b"running" {
        HostLine::Running(version)
    } else if c.rest() == b"has stopped" || c.rest() == b"stopping" {
        HostLine::Stopped
    } else {
        if !c.eat(b"exited") && !c.eat(b"exiting") {
            c.want(b"restarting")?;
        }
        c.want(b" on receipt of ")?;
        c.eat(b"an ");
        HostLine::Exited {
            signal: Text::field(c.all()),
        }
    };
    Some(Line::Host(host))
}

/// `{signal}, exiting` behind `Caught `: 2016 and 2017.
pub(super) fn caught(mut c: Cursor<'_>) -> Option<Line<'_>> {
    let signal = c.take_while(|byte| byte.is_ascii_alphanumeric());
    Some(Line::Host(HostLine::Exited {
        signal: Text::field(signal),
    }))
}

/// A line of the configuration echo, indented by four blanks.
pub(super) fn setting(mut c: Cursor<'_>) -> Line<'_> {
    c.blanks();
    match c.until(b":") {
        Some(key) => Line::Setting {
            key: Text::new(trim(key)),
            value: Text::new(trim(c.rest())),
        },
        None => Line::Known,
    }
}

/// `{1|2}, description: {firmware}` behind `MMDVM protocol version: `.
pub(super) fn firmware(mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.number()?;
    if c.eat(b", unsupported") {
        return Some(Line::Fault(Text::new(
            b"MMDVM protocol version is not supported by this host",
        )));
    }
    c.want(b", description: ")?;
    Some(Line::Modem(ModemLine::Found(Text::new(c.all()))))
}

/// `"{command}" received` behind `Valid remote command of ` or `Invalid remote command of `.
pub(super) fn remote(accepted: bool, mut c: Cursor<'_>) -> Option<Line<'_>> {
    c.want(b"\"")?;
    let command = super::call::quoted(&mut c, b'"');
    Some(Line::Remote {
        command: Text::new(command),
        accepted,
    })
}

/// Whatever else the host says; the last resort of the dispatch.
pub(super) fn other<'a>(level: Level, c: Cursor<'a>) -> Option<Line<'a>> {
    let text = c.rest();
    match text {
        b"Opening the MMDVM" => return Some(Line::Modem(ModemLine::Opening)),
        b"Closing the MMDVM" => return Some(Line::Modem(ModemLine::Closing)),
        b"No reply from the modem for some time, resetting it" => return Some(Line::Modem(ModemLine::Lost)),
        _ => {}
    }
    if text.ends_with(b" Parameters") || SECTIONS.contains(&text) {
        return Some(Line::Section(Text::new(text)));
    }
    let begins = |known: &&[u8]| text.starts_with(known);
    let holds = |part: &&[u8]| memchr::memmem::find(text, part).is_some();
    if level >= Level::Warning && (FAULTS.iter().any(begins) || FAULT_PARTS.iter().any(holds)) {
        return Some(Line::Fault(Text::new(text)));
    }
    (KNOWN.iter().any(begins) || holds(&STRAY_PACKET)).then_some(Line::Known)
}
