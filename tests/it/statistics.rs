//! Calls added up and exported, from the log to the answer.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{Log, Stage, Station};

/// A radio call of the second slot, from one time of 2026-11-20 to another.
fn call(log: &mut Log, callsign: &str, talkgroup: u32, (from, to): (&str, &str), (seconds, ber): (f64, f64)) {
    let slot = if talkgroup == 9 { 2 } else { 1 };
    let who = format!("from {callsign} to TG {talkgroup}");
    log.line_at(
        &format!("2026-11-20T{from}.000Z"),
        &format!("DMR Slot {slot}, received RF voice header {who}"),
    );
    let tail = format!("{seconds:.1} seconds, BER: {ber:.1}%, RSSI: -90/-70/-80 dBm");
    log.line_at(
        &format!("2026-11-20T{to}.000Z"),
        &format!("DMR Slot {slot}, received RF end of voice transmission {who}, {tail}"),
    );
}

const DAY: &str = "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";

/// Three calls of one station, one of them over the full hour; one of another.
fn station() -> (Stage, Station) {
    let stage = Stage::new();
    let mut log = stage.log();
    call(&mut log, "G4KLX", 9, ("10:00:00", "10:01:00"), (60.0, 1.0));
    call(&mut log, "G4KLX", 235, ("10:02:00", "10:02:30"), (30.0, 4.0));
    call(&mut log, "M0ABC", 9, ("10:59:30", "11:00:30"), (60.0, 0.0));
    call(&mut log, "G4KLX", 9, ("12:00:00", "12:00:10"), (10.0, 2.0));
    let station = Station::run(&stage);
    station.wait_for("/api/v1/repeater/calls", |page| {
        page["items"].as_array().is_some_and(|calls| calls.len() == 4)
    });
    (stage, station)
}

fn groups(answer: &Value) -> Vec<(&str, u64, f64, f64)> {
    let of = |group: &'_ Value, name: &str| group[name].as_f64().expect("a number");
    let groups = answer["groups"].as_array().expect("groups").iter();
    groups
        .map(|group| {
            let calls = group["calls"].as_u64().expect("a number");
            (
                group["key"].as_str().unwrap_or("?"),
                calls,
                of(group, "talk_s"),
                of(group, "busy_s"),
            )
        })
        .collect()
}

#[test]
fn statistics_add_up_calls_by_hour_and_by_caller() {
    let (_stage, station) = station();
    let (status, by_hour) = station.get(&format!("/api/v1/repeater/statistics?{DAY}"));
    assert_eq!(status, 200, "{by_hour:#}");
    assert_eq!(
        groups(&by_hour),
        [
            ("2026-11-20T10:00:00.000Z", 3, 150.0, 120.0),
            ("2026-11-20T11:00:00.000Z", 0, 0.0, 30.0),
            ("2026-11-20T12:00:00.000Z", 1, 10.0, 10.0),
        ]
    );
    let total = json!({ "calls": 4, "talk_s": 160.0, "busy_s": 160.0, "busy_share": 160.0 / 86400.0 });
    assert_eq!(by_hour["total"], total);

    let (_, by_caller) = station.get(&format!("/api/v1/repeater/statistics?{DAY}&by=callsign"));
    assert_eq!(
        groups(&by_caller),
        [("G4KLX", 3, 100.0, 100.0), ("M0ABC", 1, 60.0, 60.0)]
    );
    let (_, busiest) = station.get(&format!("/api/v1/repeater/statistics?{DAY}&by=destination&limit=1"));
    assert_eq!(groups(&busiest), [("9", 3, 130.0, 130.0)]);
    for query in [
        "by=colour",
        "from=2026-11-20T00:00:00Z&to=2026-11-20T00:00:00Z",
        "from=2024-11-20T00:00:00Z",
    ] {
        let (status, problem) = station.get(&format!("/api/v1/repeater/statistics?{query}"));
        assert_eq!(
            (status, &problem["type"]),
            (400, &json!("urn:stationd:problem:bad-query")),
            "{query}"
        );
    }
}

#[test]
fn quality_is_a_series_weighted_by_talk_time() {
    let (_stage, station) = station();
    let (status, series) = station.get(&format!("/api/v1/repeater/quality?{DAY}&callsign=G4KLX"));
    assert_eq!(status, 200, "{series:#}");
    let step = |at: &str, calls: u32, ber: f64, worst: f64| {
        json!({
            "at": at, "calls": calls, "ber_percent": ber, "ber_max_percent": worst, "loss_percent": null,
            "rssi_dbm": -80.0, "rssi_min_dbm": -80,
        })
    };
    assert_eq!(
        series["items"],
        json!([
            step("2026-11-20T10:00:00.000Z", 2, 2.0, 4.0),
            step("2026-11-20T12:00:00.000Z", 1, 2.0, 2.0)
        ])
    );
    assert_eq!(station.get(&format!("/api/v1/repeater/quality?{DAY}&step_s=1")).0, 400);
}

#[test]
fn export_for_spreadsheets_is_a_line_a_call() {
    let (_stage, station) = station();
    let (status, kind, text) = station.text("/api/v1/repeater/calls.csv?callsign=M0ABC");
    assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
    let lines: Vec<&str> = text.split("\r\n").collect();
    let [header, call, ""] = lines.as_slice() else {
        panic!("{text}");
    };
    assert!(
        header.starts_with("seq,started_at,ended_at,duration_s,mode,slot"),
        "{header}"
    );
    let (_, call) = call.split_once(',').expect("a position");
    assert_eq!(
        call,
        "2026-11-20T10:59:30.000Z,2026-11-20T11:00:30.000Z,60,dmr,2,rf,voice,M0ABC,,9,group,,0,,-90,-70,-80,end,false,"
    );
    assert_eq!(station.text("/api/v1/repeater/calls.csv?mode=cb").0, 400);
}

#[test]
fn export_for_log_programs_is_a_record_a_contact() {
    let (_stage, station) = station();
    let (status, _, text) = station.text("/api/v1/repeater/calls.adi?destination=235");
    assert_eq!(status, 200);
    let (header, records) = text.split_once("<EOH>\n").expect("a header");
    assert!(header.contains("<ADIF_VER:5>3.1.4 "), "{header}");
    let (record, seq) = records.split_once("<APP_STATIOND_SEQ:").expect("a record");
    assert!(seq.ends_with(" <EOR>\n"), "{records}");
    assert_eq!(
        record,
        "<CALL:5>G4KLX <QSO_DATE:8>20261120 <TIME_ON:6>100200 <QSO_DATE_OFF:8>20261120 <TIME_OFF:6>100230 \
         <MODE:12>DIGITALVOICE <SUBMODE:3>DMR <PROP_MODE:3>RPT <APP_STATIOND_MODE:3>dmr <APP_STATIOND_DESTINATION:3>235 "
    );
}

#[test]
fn export_of_many_pages_has_every_call_once() {
    const CALLS: usize = 1200;
    let stage = Stage::new();
    let mut log = stage.log();
    let mut expected = String::new();
    for call in 0..CALLS {
        log.call(&format!("M{call:04}K"));
        let _written_into_a_string = writeln!(expected, "M{:04}K", CALLS - 1 - call).is_ok();
    }
    let station = Station::run(&stage);
    station.wait_for("/api/v1/repeater/calls?limit=1", |page| {
        page["items"][0]["callsign"] == format!("M{:04}K", CALLS - 1)
    });
    let (_, _, text) = station.text("/api/v1/repeater/calls.csv");
    let callsigns = text.lines().skip(1).filter_map(|line| line.split(',').nth(8));
    let exported: String = callsigns.map(|callsign| format!("{callsign}\n")).collect();
    assert!(exported == expected, "{} lines", exported.lines().count());
}
