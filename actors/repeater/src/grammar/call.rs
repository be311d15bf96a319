//! What the lines about calls have in common: channel, parties, and the figures at the end.

use model::repeater::{CallKind, CallSource, DenialReason, DestinationKind, Mode, Rssi};

use super::cursor::Cursor;
use super::line::{Denied, Line};
use super::text::{Text, trim};

/// Longest call that is believed, in milliseconds: a day. A wrapped counter prints far more.
const LONGEST_MS: f64 = 86_400_000.0;
/// Weakest and strongest signal that is believed, in dBm. The modem's scale is one byte below zero.
const DBM: std::ops::RangeInclusive<i32> = -255..=30;

/// Where a call runs; at most one call is open on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Channel {
    /// Mode.
    pub mode: Mode,
    /// DMR time slot.
    pub slot: Option<u8>,
    /// Radio or network.
    pub source: CallSource,
}

/// Who calls whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parties<'a> {
    /// Callsign, or decimal id.
    pub from: Option<Text<'a>>,
    /// D-Star: the characters behind the slash.
    pub suffix: Option<Text<'a>>,
    /// Destination without `TG `.
    pub to: Option<Text<'a>>,
    /// What the destination is.
    pub kind: Option<DestinationKind>,
}

/// A call begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Start<'a> {
    /// Where.
    pub channel: Channel,
    /// Voice or data.
    pub kind: CallKind,
    /// The header was missed.
    pub late: bool,
    /// Who calls whom.
    pub parties: Parties<'a>,
    /// Reflector or gateway.
    pub via: Option<Text<'a>>,
    /// What a fork wrote behind the known form.
    pub rest: Text<'a>,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The caller let go.
    End,
    /// The signal was lost.
    Lost,
    /// The network fell silent.
    Watchdog,
}

/// A call ends.
#[derive(Clone, Debug, PartialEq)]
pub struct End<'a> {
    /// Where.
    pub channel: Channel,
    /// How.
    pub ending: Ending,
    /// Voice or data, where the line tells.
    pub kind: Option<CallKind>,
    /// Who called whom; the lines of 2016 to 2019, and of the watchdog, name nobody.
    pub parties: Option<Parties<'a>>,
    /// Length and quality.
    pub figures: Figures,
    /// What a fork wrote behind the known form.
    pub rest: Text<'a>,
}

/// Length and quality of a call, each as far as the line gives it and it can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Frames times frame time, in milliseconds.
    pub duration_ms: Option<u32>,
    /// Packet loss, in percent.
    pub loss_percent: Option<f64>,
    /// Bit error rate, in percent.
    pub ber_percent: Option<f64>,
    /// Signal strength.
    pub rssi_dbm: Option<Rssi>,
}

/// `RF ` or `network `.
pub(super) fn source(c: &mut Cursor<'_>) -> Option<CallSource> {
    if c.eat(b"RF ") {
        Some(CallSource::Rf)
    } else if c.eat(b"network ") {
        Some(CallSource::Network)
    } else {
        None
    }
}

/// `{call} to [TG ]{dst}`: modes whose destination is one word.
pub(super) fn word_parties<'a>(c: &mut Cursor<'a>) -> Option<Parties<'a>> {
    let from = Text::field(c.until(b" to ")?);
    let group = c.eat(b"TG ");
    let to = Text::field(c.take_while(|byte| !matches!(byte, b' ' | b',')));
    let kind = if group {
        DestinationKind::Group
    } else {
        DestinationKind::Private
    };
    Some(Parties {
        from,
        suffix: None,
        kind: to.as_ref().map(|_| kind),
        to,
    })
}

/// A line that begins a call; `rest` is what it holds beyond the known form.
pub(super) fn start<'a>(
    channel: Channel,
    kind: CallKind,
    late: bool,
    parties: Parties<'a>,
    rest: Cursor<'a>,
) -> Start<'a> {
    Start {
        channel,
        kind,
        late,
        parties,
        via: None,
        rest: Text::new(rest.rest()),
    }
}

/// `[ from {parties}][, figures]{rest}`: the rest of a line that ends a call.
pub(super) fn end<'a>(
    channel: Channel,
    ending: Ending,
    mut c: Cursor<'a>,
    parties: impl FnOnce(&mut Cursor<'a>) -> Option<Parties<'a>>,
) -> Option<End<'a>> {
    let parties = if c.eat(b" from ") { Some(parties(&mut c)?) } else { None };
    let figures = figures(&mut c);
    Some(End {
        channel,
        ending,
        kind: None,
        parties,
        figures,
        rest: Text::new(c.rest()),
    })
}

/// What every mode has: the network's watchdog, the end of talk time, and complaints.
pub(super) fn common(mode: Mode, slot: Option<u8>, mut c: Cursor<'_>) -> Option<Line<'_>> {
    let channel = |source| Channel { mode, slot, source };
    if c.eat(b"network watchdog has expired") {
        let named_nobody = |_: &mut Cursor<'_>| None;
        return Some(Line::Ended(end(
            channel(CallSource::Network),
            Ending::Watchdog,
            c,
            named_nobody,
        )?));
    }
    if c.eat(b"RF user has timed out") {
        return Some(Line::TimedOut(channel(CallSource::Rf)));
    }
    if c.eat(b"network user has timed out") {
        return Some(Line::TimedOut(channel(CallSource::Network)));
    }
    let notes: [&[u8]; 5] = [
        b"packet received from an invalid source",
        b"unable to ",
        b"lost audio",
        b"inserted ",
        b"removing network duplicate",
    ];
    notes.iter().any(|note| c.eat(note)).then_some(Line::Known)
}

/// `{text}"` or `{text}'` behind the opening quote: the text may hold quotes itself, the last one closes.
pub(super) fn quoted<'a>(c: &mut Cursor<'a>, quote: u8) -> &'a [u8] {
    let rest = c.rest();
    let end = memchr::memrchr(quote, rest).unwrap_or(rest.len());
    trim(c.up_to(end))
}

/// Who was refused: the whole rest of the line.
pub(super) fn denied(mode: Mode, slot: Option<u8>, reason: DenialReason, mut c: Cursor<'_>) -> Line<'_> {
    Line::Denied(Denied {
        mode,
        slot,
        from: Text::field(c.all()),
        to: None,
        reason,
    })
}

/// A field of `width` bytes with more or nothing behind it; shorter where a collector trimmed the line.
pub(super) fn last_field<'a>(c: &mut Cursor<'a>, width: usize) -> &'a [u8] {
    let rest = c.rest();
    let full = matches!(rest.get(width), None | Some(b',' | b' '));
    let comma = || memchr::memchr(b',', rest).unwrap_or(width);
    c.up_to(if full { width } else { width.min(comma()) })
}

/// `, 4.4 seconds,  0% packet loss, BER: 0.0%, RSSI: -68/-62/-65 dBm`: each part optional, in any number.
pub(super) fn figures(c: &mut Cursor<'_>) -> Figures {
    let mut figures = Figures::default();
    let mut ahead = *c;
    while part(&mut ahead, &mut figures).is_some() {
        *c = ahead;
    }
    figures
}

fn part(c: &mut Cursor<'_>, figures: &mut Figures) -> Option<()> {
    c.want(b",")?;
    c.blanks();
    if c.eat(b"BER: ") {
        figures.ber_percent = believed_percent(quantity(c)?);
        return c.want(b"%");
    }
    if c.eat(b"RSSI: ") {
        figures.rssi_dbm = rssi(c)?;
        return Some(());
    }
    let amount = quantity(c)?;
    if c.eat(b" seconds") {
        figures.duration_ms = believed_ms(amount);
        Some(())
    } else if c.eat(b"% packet loss") {
        figures.loss_percent = believed_percent(amount);
        Some(())
    } else {
        c.want(b" blocks")
    }
}

/// A printed number. `None` inside: printed, but no number that means anything (`nan`, `inf`).
fn quantity(c: &mut Cursor<'_>) -> Option<Option<f64>> {
    let word = c.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
    if word.is_empty() {
        return None;
    }
    Some(decimal(word))
}

/// A decimal number, exactly as the same text in JSON would be read.
fn decimal(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A percentage, if it is one.
pub(crate) fn believed_percent(amount: Option<f64>) -> Option<f64> {
    amount.filter(|percent| (0.0..=100.0).contains(percent))
}

/// Seconds as milliseconds, if a call can be that long.
pub(crate) fn believed_ms(seconds: Option<f64>) -> Option<u32> {
    let ms = (seconds? * 1000.0).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be 0 to a day"
    )]
    (0.0..=LONGEST_MS).contains(&ms).then_some(ms as u32)
}

/// `{min}/{max}/{ave} dBm`; the file era prints a minus sign and an unsigned number, later eras a signed one.
///
/// Sums and counts of the host can disagree (an average of -338 was seen): a triple out of order says nothing.
fn rssi(c: &mut Cursor<'_>) -> Option<Option<Rssi>> {
    let min = dbm(c)?;
    c.want(b"/")?;
    let max = dbm(c)?;
    c.want(b"/")?;
    let avg = dbm(c)?;
    c.eat(b" ");
    c.want(b"dBm")?;
    Some(believed_rssi(min, max, avg))
}

/// A triple that is in order.
pub(crate) fn believed_rssi(min: Option<i16>, max: Option<i16>, avg: Option<i16>) -> Option<Rssi> {
    let (min, max, avg) = (min?, max?, avg?);
    (min <= avg && avg <= max).then_some(Rssi { min, max, avg })
}

/// A signal strength, if a modem can measure it.
pub(crate) fn believed_dbm(number: Option<f64>) -> Option<i16> {
    let dbm = number?.round();
    let (weakest, strongest) = (f64::from(*DBM.start()), f64::from(*DBM.end()));
    #[allow(clippy::cast_possible_truncation, reason = "checked to be within the modem's scale")]
    (weakest..=strongest).contains(&dbm).then_some(dbm as i16)
}

fn dbm(c: &mut Cursor<'_>) -> Option<Option<i16>> {
    let word = c.take_while(|byte| byte.is_ascii_digit() || byte == b'-');
    if word.is_empty() {
        return None;
    }
    let number: Option<i32> = std::str::from_utf8(word).ok().and_then(|text| text.parse().ok());
    Some(
        number
            .filter(|dbm| DBM.contains(dbm))
            .and_then(|dbm| i16::try_from(dbm).ok()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Figures, String) {
        let mut c = Cursor::new(text.as_bytes());
        let figures = figures(&mut c);
        (figures, String::from_utf8_lossy(c.rest()).into_owned())
    }

    #[test]
    fn figures_are_read_in_every_combination() {
        let rssi = |min, max, avg| Some(Rssi { min, max, avg });
        #[rustfmt::skip]
        let cases = [
            ("", None, None, None, None),
            (", 4.4 seconds", Some(4400), None, None, None),
            (", 2.2 seconds,  52% packet loss", Some(2200), Some(52.0), None, None),
            (", 5.2 seconds, 0% packet loss, BER: 0.0%", Some(5200), Some(0.0), Some(0.0), None),
            (", 4.2 seconds, BER: 17.9%, RSSI: -74/-72/-73 dBm", Some(4200), None, Some(17.9), rssi(-74, -72, -73)),
            (", 4.2 seconds, RSSI: -91/-88/-89dBm", Some(4200), None, None, rssi(-91, -88, -89)),
            (", BER: 3%", None, None, Some(3.0), None),
            (", 0.0 seconds, BER: nan%", Some(0), None, None, None),
            (", 429496729.5 seconds, 4294967295% packet loss, BER: 1.0%", None, None, Some(1.0), None),
            (", 1.6 seconds, BER: 0.0%, RSSI: -68/-62/-338 dBm", Some(1600), None, Some(0.0), None),
        ];
        for (text, duration_ms, loss_percent, ber_percent, rssi_dbm) in cases {
            let wanted = Figures {
                duration_ms,
                loss_percent,
                ber_percent,
                rssi_dbm,
            };
            assert_eq!(read(text), (wanted, String::new()), "{text}");
        }
    }

    #[test]
    fn figures_leave_unknown_tails_unread() {
        for tail in [" - Name: Taro", ", 7 gizmos", ",", " dBm, 4.4 seconds", ", RSSI: -1/"] {
            let (figures, rest) = read(&format!(", 1.0 seconds{tail}"));
            assert_eq!((figures.duration_ms, rest.as_str()), (Some(1000), tail));
        }
    }
}
