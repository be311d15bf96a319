//! Calls as contacts in the Amateur Data Interchange Format, version 3.1.4, as an ADI file. Pure: calls in, text out.
//!
//! A field is `<NAME:LENGTH>data`; whoever reads it takes exactly LENGTH characters, so no data can end it early. ADI text is
//! printable ASCII; other characters become `?`.

use std::fmt::Write;

use model::Timestamp;
use model::repeater::{CallSource, HostConfiguration, Mode, Qso};
use repeater::query::Call;

/// The file's header.
pub(super) fn header(now: Timestamp) -> String {
    let (date, time) = date_and_time(now);
    let mut text = "Calls of a stationd station\n".to_owned();
    field(&mut text, "ADIF_VER", "3.1.4");
    field(&mut text, "CREATED_TIMESTAMP", &format!("{date} {time}"));
    field(&mut text, "PROGRAMID", "stationd");
    field(&mut text, "PROGRAMVERSION", env!("CARGO_PKG_VERSION"));
    text.push_str("<EOH>\n");
    text
}

/// Adds the record of a call, if it is a contact: of somebody with a callsign, in a mode that ADIF knows.
pub(super) fn write(call: &Call, host: &HostConfiguration, text: &mut String) {
    let qso = &call.qso;
    let contact = qso.callsign.as_deref().and_then(station).zip(mode(qso.mode));
    let Some((callsign, (mode, submode))) = contact else {
        return;
    };
    field(text, "CALL", callsign);
    times(text, qso);
    field(text, "MODE", mode);
    optional(text, "SUBMODE", submode);
    let way = match qso.source {
        CallSource::Rf => "RPT",
        CallSource::Network => "INTERNET",
    };
    field(text, "PROP_MODE", way);
    optional(text, "FREQ", host.tx_frequency_hz.map(megahertz).as_deref());
    optional(text, "FREQ_RX", host.rx_frequency_hz.map(megahertz).as_deref());
    optional(text, "STATION_CALLSIGN", host.callsign.as_deref());
    field(text, "APP_STATIOND_MODE", qso.mode.as_str());
    optional(text, "APP_STATIOND_DESTINATION", qso.destination.as_deref());
    field(text, "APP_STATIOND_SEQ", &call.seq.to_string());
    text.push_str("<EOR>\n");
}

fn times(text: &mut String, qso: &Qso) {
    let (date, time) = date_and_time(qso.started_at);
    field(text, "QSO_DATE", &date);
    field(text, "TIME_ON", &time);
    // A clock that was set back during the call would end it before its start.
    if let Some(ended_at) = qso.ended_at.filter(|ended_at| *ended_at >= qso.started_at) {
        let (date, time) = date_and_time(ended_at);
        field(text, "QSO_DATE_OFF", &date);
        field(text, "TIME_OFF", &time);
    }
}

/// The callsign without the module's letter of D-Star; `None` for a bare id, which log programs refuse.
fn station(callsign: &str) -> Option<&str> {
    let callsign = callsign.split_ascii_whitespace().next()?;
    let has = |kind: fn(&u8) -> bool| callsign.bytes().any(|byte| kind(&byte));
    (has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit)).then_some(callsign)
}

/// Mode and submode of ADIF's enumeration. P25 and NXDN have no submode in it, and pages no mode.
fn mode(mode: Mode) -> Option<(&'static str, Option<&'static str>)> {
    const DIGITAL_VOICE: &str = "DIGITALVOICE";
    match mode {
        Mode::Dstar => Some((DIGITAL_VOICE, Some("DSTAR"))),
        Mode::Dmr => Some((DIGITAL_VOICE, Some("DMR"))),
        Mode::Ysf => Some((DIGITAL_VOICE, Some("C4FM"))),
        Mode::M17 => Some((DIGITAL_VOICE, Some("M17"))),
        Mode::P25 | Mode::Nxdn => Some((DIGITAL_VOICE, None)),
        Mode::Fm => Some(("FM", None)),
        Mode::Ax25 => Some(("PKT", None)),
        Mode::Pocsag => None,
    }
}

fn megahertz(hz: u64) -> String {
    format!("{}.{:06}", hz / 1_000_000, hz % 1_000_000)
}

/// `YYYYMMDD` and `HHMMSS` in UTC.
fn date_and_time(at: Timestamp) -> (String, String) {
    let digits = || {
        at.to_string()
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<Vec<_>>()
            .into_iter()
    };
    (digits().take(8).collect(), digits().skip(8).take(6).collect())
}

fn optional(text: &mut String, name: &str, data: Option<&str>) {
    if let Some(data) = data {
        field(text, name, data);
    }
}

fn field(text: &mut String, name: &str, data: &str) {
    let printable = |letter: char| matches!(letter, ' '..='~');
    let data: String = data
        .chars()
        .map(|letter| if printable(letter) { letter } else { '?' })
        .collect();
    let _written_into_a_string = write!(text, "<{name}:{}>{data} ", data.len()).is_ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data: &str) -> String {
        let mut text = String::new();
        field(&mut text, "CALL", data);
        text
    }

    #[test]
    fn field_tells_its_length_so_that_no_data_ends_it_early() {
        assert_eq!(written("G4KLX"), "<CALL:5>G4KLX ");
        assert_eq!(written("<EOR>"), "<CALL:5><EOR> ");
        assert_eq!(written("Zoë\n"), "<CALL:4>Zo?? ");
    }

    #[test]
    fn bare_id_is_no_station_and_a_module_letter_is_no_part_of_one() {
        assert_eq!(station("M0ABC  D"), Some("M0ABC"));
        for text in ["2345678", "ALL", "", "  "] {
            assert_eq!(station(text), None, "{text:?}");
        }
    }

    #[test]
    fn time_of_a_contact_is_in_utc_without_punctuation() {
        let at = "2026-11-21T06:48:16.195Z".parse().unwrap();
        assert_eq!(date_and_time(at), ("20261121".to_owned(), "064816".to_owned()));
        assert_eq!(megahertz(439_012_500), "439.012500");
    }
}
