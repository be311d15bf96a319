//! `{Name}/json`: one object with one key a message. A payload in, what it says out; nothing fails but by being
//! counted and set aside.
//!
//! Most of it is what a log line says, and becomes the same [`Line`]. Three things are not: ends, which name neither
//! caller nor source and have to be paired with the call that is open; FM, of which JSON tells the states and the log
//! nothing; and the levels of a running call, which are signals.

use model::Timestamp;
use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, HostMode, Mode, PageFunction};
use serde_json::Value;
use thiserror::Error;

use super::fields::{self, Fields};
use crate::grammar::{
    Alias, Channel, Denied, Ending, Figures, HostLine, Line, Page, Parties, Signal, Start, Text, believed_dbm,
    believed_ms, believed_percent, believed_rssi, dstar_destination,
};

/// Longest payload that is read, in bytes. The longest genuine ones, with the text of a page, have some hundred.
pub const MAX_JSON: usize = 4096;

/// Descriptions that the host misspells, as the log has them.
const MISSPELT: [(&str, &str); 1] = [("UNegative Acknowledgment Response", "Negative Acknowledgment Response")];

/// Why a message is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Longer than the host writes.
    #[error("longer than {MAX_JSON} bytes")]
    TooLong,
    /// Latin-1 and the like; JSON has to be UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// No JSON, or nested too deep.
    #[error("not JSON")]
    Malformed,
    /// Not one object under one key.
    #[error("not one object under one key")]
    WrongShape,
    /// A member is of another kind than it has to be, or outside its range.
    #[error("a member of the wrong type")]
    WrongType,
    /// A key, an action or a name that is not known.
    #[error("an unknown key, action or name")]
    Unknown,
    /// No time, or none that a calendar has.
    #[error("no valid timestamp")]
    BadTime,
    /// An end, and no call that it could end.
    #[error("an end without a call")]
    Unpaired,
}

/// A message with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// When, by the host's clock.
    pub at: Timestamp,
    /// What it says.
    pub said: Said<'a>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said<'a> {
    /// What a log line could say.
    Line(Line<'a>),
    /// Something ends, and it has to be found out what.
    Closing(Closing),
    /// FM is at something else.
    Fm(FmState),
    /// A level of the running call.
    Level(Level),
    /// A known message that changes nothing.
    Nothing,
}

/// An end, which names neither caller nor source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closing {
    /// In which mode.
    pub mode: Mode,
    /// DMR time slot.
    pub slot: Option<u8>,
    /// How it ends; `None` is the end of talk time, after which the end itself may come.
    pub ending: Option<Ending>,
    /// Length and quality.
    pub figures: Figures,
    /// Where the call came from, as far as its figures betray it: radio calls have no loss, network calls no RSSI.
    pub source: Option<CallSource>,
    /// How many of its figures cannot be.
    pub absurd: u8,
}

/// What FM is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FmState {
    /// Nothing is relayed: listening, hanging, or too short to be relayed.
    Quiet,
    /// Relayed.
    Relaying(CallSource),
    /// Talk time is over.
    TimedOut(CallSource),
}

/// A level of the running call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// In which mode.
    pub mode: Mode,
    /// DMR time slot.
    pub slot: Option<u8>,
    /// Signal strength, in dBm.
    pub rssi_dbm: Option<i16>,
    /// Bit error rate, in percent.
    pub ber_percent: Option<f64>,
    /// Whether it cannot be.
    pub absurd: bool,
}

/// Reads a payload as JSON.
///
/// # Errors
/// A [`Refusal`] by kind.
pub fn parse(payload: &[u8]) -> Result<Value, Refusal> {
    if payload.len() > MAX_JSON {
        return Err(Refusal::TooLong);
    }
    let text = std::str::from_utf8(payload).map_err(|_| Refusal::NotUtf8)?;
    // Nesting is limited by the parser.
    serde_json::from_str(text).map_err(|_| Refusal::Malformed)
}

/// Reads what a parsed payload says.
///
/// # Errors
/// A [`Refusal`] by kind.
pub fn read(value: &Value) -> Result<Message<'_>, Refusal> {
    let object = value.as_object().filter(|object| object.len() == 1);
    let (key, inner) = object
        .and_then(|object| object.iter().next())
        .ok_or(Refusal::WrongShape)?;
    let fields = Fields(inner.as_object().ok_or(Refusal::WrongShape)?);
    let said = match key.as_str() {
        "MMDVM" => host(fields),
        "D-Star" => call(Mode::Dstar, fields, dstar),
        "DMR" => call(Mode::Dmr, fields, numbered),
        "YSF" => call(Mode::Ysf, fields, ysf),
        "P25" => call(Mode::P25, fields, numbered),
        "NXDN" => call(Mode::Nxdn, fields, numbered),
        "POCSAG" => page(fields),
        "FM" => fm(fields),
        "RSSI" | "BER" => level(key, fields),
        "Text" => alias(fields),
        _ => Err(Refusal::Unknown),
    }?;
    let at = time(fields.str("timestamp")?).ok_or(Refusal::BadTime)?;
    Ok(Message { at, said })
}

/// `2026-11-21T06:49:57.812Z` since 2026-03-23, `2026-11-21 06:49:57.812` before; UTC both.
fn time(text: Option<&str>) -> Option<Timestamp> {
    let text = text?;
    let civil = text.strip_suffix("+00:00").or(text.strip_suffix('Z')).unwrap_or(text);
    format!("{civil}Z").parse().ok()
}

fn host(fields: Fields<'_>) -> Result<Said<'_>, Refusal> {
    if let Some(mode) = fields.str("mode")? {
        let mode = match mode {
            "idle" => HostMode::Idle,
            "lockout" => HostMode::Lockout,
            "error" => HostMode::Error,
            // Before 2026-03-23 a mode, since then a message.
            "CW" | "cw" => HostMode::Cw,
            name => HostMode::Busy(fields::mode(name).ok_or(Refusal::Unknown)?),
        };
        return Ok(Said::Line(Line::ModeSet(mode)));
    }
    Ok(match fields.str("message")?.ok_or(Refusal::Unknown)? {
        "MMDVMHost is starting" => Said::Line(Line::Host(HostLine::Starting(Text::default()))),
        "MMDVMHost is stopping" | "MMDVMHost has stopped" => Said::Line(Line::Host(HostLine::Stopped)),
        _ => Said::Nothing,
    })
}

/// Who calls whom, and what else its start tells of a call.
struct Caller<'a> {
    kind: CallKind,
    parties: Parties<'a>,
    via: Option<Text<'a>>,
}

/// What the modes have in common: an action, and the members that go with it.
fn call<'a>(
    mode: Mode,
    fields: Fields<'a>,
    caller: impl FnOnce(Fields<'a>) -> Result<Caller<'a>, Refusal>,
) -> Result<Said<'a>, Refusal> {
    let slot = if mode == Mode::Dmr {
        Some(fields.slot()?.ok_or(Refusal::WrongType)?)
    } else {
        None
    };
    let action = fields.str("action")?.ok_or(Refusal::Unknown)?;
    let channel = |source| Channel { mode, slot, source };
    let line = match action {
        "end" => return closing(mode, slot, Some(Ending::End), fields),
        "lost" => return closing(mode, slot, Some(Ending::Lost), fields),
        "timeout" => return closing(mode, slot, None, fields),
        "start" | "late_entry" => Line::Started(start(channel(fields.source()?), action, caller(fields)?)),
        "rejected" => denied(mode, slot, DenialReason::NotAllowed, caller(fields)?.parties),
        "invalid" => denied(mode, slot, DenialReason::NotForRepeater, caller(fields)?.parties),
        "csbk" => Line::Signal(Signal {
            channel: channel(fields.source()?),
            what: description(fields.text("csbk_desc")?),
            parties: caller(fields)?.parties,
        }),
        _ => return Err(Refusal::Unknown),
    };
    Ok(Said::Line(line))
}

fn start<'a>(channel: Channel, action: &str, caller: Caller<'a>) -> Start<'a> {
    Start {
        channel,
        kind: caller.kind,
        late: action == "late_entry",
        parties: caller.parties,
        via: caller.via,
        rest: Text::default(),
    }
}

fn denied(mode: Mode, slot: Option<u8>, reason: DenialReason, parties: Parties<'_>) -> Line<'_> {
    Line::Denied(Denied {
        mode,
        slot,
        from: parties.from,
        to: parties.to,
        reason,
    })
}

/// The signalling's name, as the log writes it.
fn description(text: Option<Text<'_>>) -> Text<'_> {
    let Some(text) = text else { return Text::new(b"CSBK") };
    let shown = text.to_string();
    let name = shown.strip_suffix(" CSBK").unwrap_or(&shown);
    let spelt = MISSPELT.iter().find(|(wrong, _)| *wrong == name);
    fields::written(spelt.map_or(name, |(_, right)| right))
}

fn closing<'a>(mode: Mode, slot: Option<u8>, ending: Option<Ending>, fields: Fields<'a>) -> Result<Said<'a>, Refusal> {
    let figures = figures(fields)?;
    let has = |key| fields.0.contains_key(key);
    let source = if has("loss") {
        Some(CallSource::Network)
    } else if has("rssi") || (has("ber") && mode != Mode::Dmr) {
        Some(CallSource::Rf)
    } else if mode == Mode::Nxdn && has("duration") {
        Some(CallSource::Network)
    } else {
        None
    };
    Ok(Said::Closing(Closing {
        mode,
        slot,
        ending,
        figures,
        source,
        absurd: absurd(fields, &figures),
    }))
}

/// Length and quality; a value that cannot be (no finite number, an average outside its bounds) is not known.
fn figures(fields: Fields<'_>) -> Result<Figures, Refusal> {
    let rssi_dbm = match fields.object("rssi")? {
        None => None,
        Some(rssi) => {
            let dbm = |key| Ok(believed_dbm(rssi.number(key)?));
            believed_rssi(dbm("min")?, dbm("max")?, dbm("ave")?)
        }
    };
    Ok(Figures {
        duration_ms: believed_ms(fields.number("duration")?),
        loss_percent: percent(fields, "loss")?,
        ber_percent: percent(fields, "ber")?,
        rssi_dbm,
    })
}

/// How many of the figures were told and are not believed.
fn absurd(fields: Fields<'_>, figures: &Figures) -> u8 {
    let believed = [
        ("duration", figures.duration_ms.is_some()),
        ("loss", figures.loss_percent.is_some()),
        ("ber", figures.ber_percent.is_some()),
        ("rssi", figures.rssi_dbm.is_some()),
    ];
    let absurd = believed.map(|(key, believed)| u8::from(fields.has(key) && !believed));
    absurd.into_iter().sum()
}

/// A percentage to two places: the host computes in single precision and writes that with sixteen.
fn percent(fields: Fields<'_>, key: &str) -> Result<Option<f64>, Refusal> {
    let rounded = |percent: f64| (percent * 100.0).round() / 100.0;
    Ok(believed_percent(fields.number(key)?).map(rounded))
}

fn dstar(fields: Fields<'_>) -> Result<Caller<'_>, Refusal> {
    let to = fields.name("destination_cs")?;
    Ok(Caller {
        kind: CallKind::Voice,
        parties: Parties {
            from: fields.name("source_cs")?,
            suffix: fields.text("source_ext")?,
            kind: to.as_ref().and_then(|to| dstar_destination(to.bytes())),
            to,
        },
        via: fields.text("reflector")?,
    })
}

fn ysf(fields: Fields<'_>) -> Result<Caller<'_>, Refusal> {
    let to = fields.whole("dg-id")?.map(|id| fields::written(&format!("DG-ID {id}")));
    Ok(Caller {
        kind: if fields.str("mode")? == Some("data_fr") {
            CallKind::Data
        } else {
            CallKind::Voice
        },
        parties: Parties {
            from: fields.name("source_cs")?,
            suffix: None,
            kind: to.as_ref().map(|_| DestinationKind::Group),
            to,
        },
        via: fields.text("reflector")?,
    })
}

fn numbered(fields: Fields<'_>) -> Result<Caller<'_>, Refusal> {
    // Only data is counted in frames beforehand.
    let data = fields.whole("frames")?.is_some();
    Ok(Caller {
        kind: if data { CallKind::Data } else { CallKind::Voice },
        parties: fields.numbered_parties()?,
        via: None,
    })
}

fn page(fields: Fields<'_>) -> Result<Said<'_>, Refusal> {
    let function = match fields.str("functional")?.ok_or(Refusal::Unknown)? {
        "alphanumeric" => PageFunction::Alphanumeric,
        "numeric" => PageFunction::Numeric,
        "alert_1" => PageFunction::Alert1,
        "alert_2" => PageFunction::Alert2,
        // The transmitter is free again.
        "end" => return Ok(Said::Nothing),
        _ => return Err(Refusal::Unknown),
    };
    Ok(Said::Line(Line::Page(Page {
        ric: fields.whole("ric")?.ok_or(Refusal::WrongType)?,
        function,
        text: fields.text("message")?,
        local: fields.str("source")? == Some("local"),
    })))
}

fn fm(fields: Fields<'_>) -> Result<Said<'_>, Refusal> {
    let state = fields.str("state")?.ok_or(Refusal::Unknown)?;
    let (state, source) = match (state.strip_suffix("_rf"), state.strip_suffix("_ext")) {
        (Some(state), _) => (state, CallSource::Rf),
        (None, Some(state)) => (state, CallSource::Network),
        (None, None) => (state, CallSource::Rf),
    };
    Ok(Said::Fm(match state {
        "relaying" => FmState::Relaying(source),
        "timeout" => FmState::TimedOut(source),
        "listening" | "hang" | "kerchunk" | "relaying_wait" | "timeout_wait" | "unknown" => FmState::Quiet,
        _ => return Err(Refusal::Unknown),
    }))
}

fn level<'a>(key: &str, fields: Fields<'a>) -> Result<Said<'a>, Refusal> {
    let value = fields.number("value")?;
    let (rssi_dbm, ber_percent) = if key == "RSSI" {
        (believed_dbm(value), None)
    } else {
        (None, percent(fields, "value")?)
    };
    Ok(Said::Level(Level {
        mode: fields.mode()?,
        slot: fields.slot()?,
        rssi_dbm,
        ber_percent,
        absurd: value.is_some() && rssi_dbm.is_none() && ber_percent.is_none(),
    }))
}

fn alias(fields: Fields<'_>) -> Result<Said<'_>, Refusal> {
    Ok(Said::Line(Line::Alias(Alias {
        mode: fields.mode()?,
        slot: fields.slot()?,
        source: None,
        text: fields.text("value")?.unwrap_or_default(),
    })))
}
