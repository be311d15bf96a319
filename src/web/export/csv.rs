//! Calls as comma-separated values (RFC 4180), safe to open in a spreadsheet. Pure: calls in, text out.
//!
//! Anybody with a radio can put text into a call. A cell that begins like a formula would be run by the spreadsheet that opens it,
//! so it gets an apostrophe in front, which spreadsheets read as "this is text".

use std::fmt::Display;

use repeater::query::Call;
use serde::Serialize;

/// The columns, named as in the JSON of a call.
const COLUMNS: [&str; 21] = [
    "seq",
    "started_at",
    "ended_at",
    "duration_s",
    "mode",
    "slot",
    "source",
    "kind",
    "callsign",
    "callsign_suffix",
    "destination",
    "destination_kind",
    "via",
    "ber_percent",
    "loss_percent",
    "rssi_min_dbm",
    "rssi_max_dbm",
    "rssi_avg_dbm",
    "end_reason",
    "late_entry",
    "talker_alias",
];

/// What spreadsheets take for the start of a formula, their full-width forms included.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The first line.
pub(super) fn header() -> String {
    COLUMNS.join(",") + "\r\n"
}

/// Adds the line of a call.
pub(super) fn write(call: &Call, text: &mut String) {
    let qso = &call.qso;
    let cells = [
        figure(Some(call.seq)),
        figure(Some(qso.started_at)),
        figure(qso.ended_at),
        figure(qso.duration_s),
        figure(Some(qso.mode)),
        figure(qso.slot),
        figure(Some(qso.source.as_str())),
        word(&qso.kind),
        cell(qso.callsign.as_deref()),
        cell(qso.callsign_suffix.as_deref()),
        cell(qso.destination.as_deref()),
        word(&qso.destination_kind),
        cell(qso.via.as_deref()),
        figure(qso.ber_percent),
        figure(qso.loss_percent),
        figure(qso.rssi_dbm.map(|rssi| rssi.min)),
        figure(qso.rssi_dbm.map(|rssi| rssi.max)),
        figure(qso.rssi_dbm.map(|rssi| rssi.avg)),
        word(&qso.end_reason),
        figure(Some(qso.late_entry)),
        cell(qso.talker_alias.as_deref()),
    ];
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A value of our own making.
fn figure(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A word of the API, as JSON has it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A text that came from elsewhere.
fn cell(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().replace(char::is_control, " ");
    let defused = if text.trim_start().starts_with(FORMULA) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', ';']) {
        return format!("\"{defused}{}\"", text.replace('"', "\"\""));
    }
    format!("{defused}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_cannot_be_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            (" =1+1", "' =1+1"),
            ("\t@SUM(A1)", "' @SUM(A1)"),
            ("+44", "'+44"),
            ("-1", "'-1"),
            ("＝cmd", "'＝cmd"),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
            ),
        ] {
            assert_eq!(cell(Some(text)), written);
        }
    }

    #[test]
    fn cell_cannot_leave_its_place() {
        for (text, written) in [
            ("a,b", "\"a,b\""),
            ("say \"73\"", "\"say \"\"73\"\"\""),
            ("line\r\nM: forged", "line  M: forged"),
            ("G4KLX", "G4KLX"),
            ("", ""),
        ] {
            assert_eq!(cell(Some(text)), written);
        }
        assert_eq!(cell(None), "");
    }
}
