//! MQTT: the rules of a feed, and the quirks of the hosts, by name.

use model::repeater::{CallKind, CallSource, EndReason, HostMode, Mode};
use serde_json::json;
use stationd_repeater::mqtt::Voice;

use crate::mqtt_support::{Host, at, dmr_start};

#[test]
fn end_without_source_is_paired_by_its_figures_when_radio_and_network_are_open_together() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .json(0.1, "DMR", dmr_start("network", "G4KLX"))
        .json(2.0, "DMR", json!({"action": "end", "slot": 2, "duration": 2.0, "ber": 0.5, "rssi": {"min": -70, "max": -60, "ave": -65}}))
        .json(3.0, "DMR", json!({"action": "lost", "slot": 2, "duration": 3.0, "ber": 0.0, "loss": 12.5}));
    let told = host
        .calls()
        .into_iter()
        .map(|qso| (qso.callsign.unwrap(), qso.end_reason));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("M0ABC".to_owned(), EndReason::End),
            ("G4KLX".to_owned(), EndReason::Watchdog)
        ]
    );
}

#[test]
fn end_of_data_without_figures_ends_the_newest_call_of_its_slot() {
    let mut host = Host::default();
    let mut data = dmr_start("rf", "M0ABC");
    data["frames"] = json!(4);
    host.json(0.0, "DMR", data)
        .json(1.0, "DMR", json!({"action": "end", "slot": 2}));
    let call = host.call();
    assert_eq!((call.end_reason, call.kind), (EndReason::End, CallKind::Data));
}

#[test]
fn end_of_a_call_whose_start_was_missed_is_counted_without_the_log_and_told_with_it() {
    let end = json!({"action": "end", "duration": 4.0, "ber": 1.0});
    let mut host = Host::default();
    host.json(5.0, "P25", end.clone());
    assert_eq!((host.odd(), host.calls()), (vec![("json_unpaired", 1)], vec![]));
    assert_eq!(host.feed.state().mode, HostMode::Unknown);

    let mut host = Host::default();
    host.json(1.0, "RSSI", json!({"mode": "P25", "value": -70}))
        .log(
            5.0,
            "P25, received RF end of voice transmission from M0ABC to TG 10100, 4.0 seconds, BER: 1.0%",
        )
        .json(5.0, "P25", end);
    let call = host.call();
    assert_eq!((call.callsign.as_deref(), call.started_at), (Some("M0ABC"), at(1.0)));
    assert_eq!(host.odd(), []);
}

#[test]
fn call_told_by_log_and_json_is_told_once_whichever_comes_first() {
    let header = "DMR Slot 2, received RF voice header from M0ABC to TG 9";
    let end = "DMR Slot 2, received RF end of voice transmission from M0ABC to TG 9, 2.0 seconds, BER: 0.3%";
    let ended = json!({"action": "end", "slot": 2, "duration": 2.04, "ber": 0.31});
    let mut log_first = Host::default();
    log_first.log(0.0, header).json(0.001, "DMR", dmr_start("rf", "M0ABC"));
    log_first.log(2.0, end).json(2.001, "DMR", ended.clone());
    assert_eq!(log_first.call().ber_percent, Some(0.31));
    let mut json_first = Host::default();
    json_first.json(0.0, "DMR", dmr_start("rf", "M0ABC")).log(0.001, header);
    json_first.json(2.0, "DMR", ended).log(2.001, end);
    assert_eq!(json_first.call().duration_s, Some(2.04));
}

#[test]
fn log_line_whose_json_does_not_come_speaks_for_itself() {
    let mut host = Host::default();
    host.json(0.0, "MMDVM", json!({"mode": "idle"}))
        .log(1.0, "DMR Slot 2, received RF voice header from M0ABC to TG 9");
    assert!(host.feed.state().active_calls.is_empty());
    host.wait(2.1);
    assert_eq!(host.feed.state().active_calls.len(), 1);
    host.json(1.2, "DMR", dmr_start("rf", "M0ABC"));
    assert_eq!(host.calls().len(), 1, "a late twin is no second call");
}

#[test]
fn timestamp_is_read_in_both_forms_and_refused_in_no_form() {
    for form in [
        "2026-11-21T12:00:00.500Z",
        "2026-11-21 12:00:00.500",
        "2026-11-21T12:00:00.500+00:00",
    ] {
        let mut host = Host::default();
        host.raw(
            0.0,
            json!({"P25": {"action": "start", "source": "rf", "timestamp": form}})
                .to_string()
                .as_bytes(),
        );
        assert_eq!(host.call().started_at, at(0.5), "{form}");
    }
    let mut host = Host::default();
    host.raw(0.0, br#"{"MMDVM":{"mode":"idle","timestamp":"2026-02-30T12:00:00Z"}}"#)
        .raw(0.0, br#"{"MMDVM":{"mode":"idle"}}"#);
    assert_eq!(host.odd(), [("json_bad_time", 2)]);
}

#[test]
fn figures_that_cannot_be_are_not_known() {
    let mut host = Host::default();
    host.json(0.0, "D-Star", json!({"action": "start", "source": "rf", "source_cs": "G4KLX", "source_ext": "", "destination_cs": "CQCQCQ", "reflector": ""}))
        .json(2.0, "D-Star", json!({"action": "end", "duration": -3.0, "ber": null, "rssi": {"min": -68, "max": -62, "ave": -338}}));
    let call = host.call();
    assert_eq!((call.rssi_dbm, call.ber_percent, call.duration_s), (None, None, None));
    assert_eq!((call.source, call.end_reason), (CallSource::Rf, EndReason::End));
}

#[test]
fn names_are_cut_at_the_first_blank_and_the_log_has_the_whole_destination() {
    let start = json!({"action": "start", "source": "network", "source_cs": "2E0XYZ", "source_ext": "", "destination_cs": "/GB7YY", "reflector": "DCS001 C"});
    let told = |host: &mut Host| {
        let call = host.call();
        (call.callsign.unwrap(), call.destination.unwrap(), call.via.unwrap())
    };
    let words = |destination: &str| ("2E0XYZ".to_owned(), destination.to_owned(), "DCS001 C".to_owned());
    assert_eq!(
        told(Host::default().json(0.0, "D-Star", start.clone())),
        words("/GB7YY")
    );
    let mut both = Host::default();
    both.json(0.0, "MMDVM", json!({"mode": "idle"}))
        .log(
            1.0,
            "D-Star, received network header from 2E0XYZ P/     to /GB7YY B via DCS001 C",
        )
        .json(1.0, "D-Star", start);
    assert_eq!(told(&mut both), words("/GB7YY B"));
}

#[test]
fn nxdn_data_of_a_radio_is_labelled_network_and_the_log_knows_better() {
    let start = json!({"action": "start", "source": "network", "source_id": 17, "source_info": "M0ABC", "destination_id": 99, "destination_type": "individual", "frames": 3});
    let end = json!({"action": "end", "duration": 1.0, "ber": 0.0});
    let mut both = Host::default();
    both.json(0.0, "MMDVM", json!({"mode": "idle"}))
        .log(1.0, "NXDN, received RF data header from M0ABC to 99, 3 blocks")
        .json(1.0, "NXDN", start.clone())
        .log(2.0, "NXDN, ended RF data transmission from M0ABC to 99")
        .json(2.0, "NXDN", end.clone());
    let call = both.call();
    assert_eq!((call.source, call.end_reason), (CallSource::Rf, EndReason::End));
    let mut json_only = Host::default();
    json_only.json(1.0, "NXDN", start).json(2.0, "NXDN", end);
    assert_eq!(
        json_only.call().end_reason,
        EndReason::End,
        "its end is paired all the same"
    );
}

#[test]
fn nxdn_late_entry_is_corrected_by_the_end_line_of_the_log() {
    let mut host = Host::default();
    host.json(0.0, "NXDN", json!({"action": "late_entry", "source": "rf", "source_id": 17, "source_info": "F4ABC", "destination_id": 1, "destination_type": "group"}))
        .log(3.0, "NXDN, received RF end of transmission from M0ABC to TG 65000, 3.0 seconds, BER: 0.1%, RSSI: -91/-88/-89dBm")
        .json(3.0, "NXDN", json!({"action": "end", "duration": 3.0, "ber": 0.1}));
    let call = host.call();
    assert!(call.late_entry);
    assert_eq!(
        (call.callsign.as_deref(), call.destination.as_deref()),
        (Some("M0ABC"), Some("65000"))
    );
    assert_eq!(call.rssi_dbm.map(|rssi| rssi.avg), Some(-89));
}

#[test]
fn csbk_description_is_spelt_as_in_the_log() {
    let mut csbk = dmr_start("rf", "M0ABC");
    csbk["action"] = json!("csbk");
    csbk["csbk_desc"] = json!("UNegative Acknowledgment Response");
    let mut host = Host::default();
    host.json(0.0, "DMR", csbk);
    assert_eq!(
        host.facts("signalling")[0]["signal"],
        "Negative Acknowledgment Response"
    );
    assert_eq!(host.calls(), []);
}

#[test]
fn dmr_numbers_name_who_is_not_in_the_table_and_everybody() {
    let mut host = Host::default();
    host.json(0.0, "DMR", json!({"action": "late_entry", "slot": 1, "source": "network", "source_id": 2_345_678, "source_info": "", "destination_id": 16_777_215, "destination_type": "individual"}));
    let call = host.call();
    assert_eq!(
        (call.callsign.as_deref(), call.destination.as_deref()),
        (Some("2345678"), Some("ALL"))
    );
    assert_eq!(
        (call.slot, call.late_entry, call.end_reason),
        (Some(1), true, EndReason::Open)
    );
}

#[test]
fn dmr_timeout_without_source_ends_the_talk_time_of_the_open_call() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .json(180.0, "DMR", json!({"action": "timeout", "slot": 2}))
        .log(180.0, "DMR Slot 2, RF user has timed out")
        .json(182.0, "MMDVM", json!({"mode": "idle"}))
        .wait(190.0);
    let call = host.call();
    assert_eq!((call.end_reason, call.ended_at), (EndReason::Timeout, Some(at(180.0))));
    assert_eq!(host.facts("qso_updated").len(), 1);
}

#[test]
fn ysf_fast_data_is_data_and_its_destination_a_dg_id() {
    let mut host = Host::default();
    host.json(0.0, "YSF", json!({"action": "start", "source": "rf", "source_cs": "M0ABC", "dg-id": 9, "reflector": "", "mode": "data_fr"}));
    let call = host.call();
    assert_eq!(call.destination.as_deref(), Some("DG-ID 9"));
    assert_eq!(call.kind, CallKind::Data);
}

#[test]
fn fm_states_make_calls_of_what_is_relayed() {
    let mut host = Host::default();
    for (second, state) in [
        (0.0, "listening"),
        (1.0, "kerchunk_rf"),
        (2.0, "relaying_rf"),
        (5.0, "relaying_wait_rf"),
        (6.0, "relaying_ext"),
        (9.0, "timeout_ext"),
        (10.0, "timeout_wait_ext"),
        (11.0, "listening"),
    ] {
        host.json(second, "FM", json!({ "state": state }));
    }
    host.json(12.0, "MMDVM", json!({"mode": "idle"})).wait(16.0);
    let told = host
        .calls()
        .into_iter()
        .map(|qso| (qso.source, qso.started_at, qso.ended_at.unwrap(), qso.end_reason));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (CallSource::Rf, at(2.0), at(5.0), EndReason::End),
            (CallSource::Network, at(6.0), at(9.0), EndReason::Timeout),
        ]
    );
}

#[test]
fn page_is_told_once_and_its_end_is_none() {
    let mut host = Host::default();
    host.json(
        0.0,
        "POCSAG",
        json!({"ric": 1_234_567, "functional": "alphanumeric", "source": "network", "message": "Hello"}),
    )
    .json(1.0, "POCSAG", json!({"ric": 0, "functional": "end"}));
    let wanted = json!({"ric": 1_234_567, "function": "alphanumeric", "text": "Hello", "local": false});
    assert_eq!(host.facts("page"), [wanted]);
    assert_eq!(host.odd(), []);
}

#[test]
fn levels_of_a_running_call_are_signals_and_end_with_it() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .json(1.0, "RSSI", json!({"mode": "DMR", "slot": 2, "value": -70}))
        .json(1.1, "BER", json!({"mode": "DMR", "slot": 2, "value": 1.25}))
        .json(2.0, "RSSI", json!({"mode": "DMR", "slot": 2, "value": -71}));
    let live: Vec<_> = host
        .feed
        .live()
        .iter()
        .map(|live| (live.slot, live.rssi_dbm, live.ber_percent))
        .collect();
    assert_eq!(live, [(Some(2), Some(-71), Some(1.25))]);
    host.json(
        3.0,
        "DMR",
        json!({"action": "end", "slot": 2, "duration": 3.0, "ber": 0.0}),
    );
    assert_eq!(host.feed.live(), []);
    let facts = host.out.len();
    host.json(4.0, "RSSI", json!({"mode": "DMR", "slot": 2, "value": -338}));
    assert_eq!(host.out.len(), facts, "a level is no event");
}

#[test]
fn late_joiner_knows_nothing_until_the_host_tells_its_mode() {
    let mut host = Host::default();
    assert_eq!(host.feed.state().mode, HostMode::Unknown);
    host.json(0.0, "BER", json!({"mode": "YSF", "value": 0.1}));
    assert_eq!(host.feed.state().mode, HostMode::Unknown);
    host.json(1.0, "MMDVM", json!({"mode": "idle"}));
    assert_eq!((host.feed.state().mode, host.feed.live()), (HostMode::Idle, &[][..]));
    assert_eq!(
        host.facts("host_changed"),
        [json!({"state": "running", "version": null, "signal": null})]
    );
}

#[test]
fn host_that_dies_of_text_that_is_not_utf8_closes_its_calls_within_seconds() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .log_bytes(1.0, b"DMR Slot 2, Talker Alias \"J\xf6rg\"")
        .wait(5.9);
    assert_eq!(host.feed.state().active_calls.len(), 1);
    host.wait(6.1);
    assert_eq!(host.feed.state().mode, HostMode::Unknown);
    let call = host.call();
    assert_eq!(
        (call.end_reason, call.ended_at),
        (EndReason::HostRestart, Some(at(1.0)))
    );
}

#[test]
fn host_that_survives_text_that_is_not_utf8_keeps_its_call() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .log_bytes(1.0, b"DMR Slot 2, Talker Alias \"J\xf6rg\"")
        .json(1.1, "Text", json!({"mode": "DMR", "slot": 2, "value": "J\u{fffd}rg"}))
        .wait(60.0);
    assert_eq!(host.feed.state().active_calls.len(), 1);
}

#[test]
fn host_that_is_silent_beyond_its_talk_time_closes_its_calls() {
    for (timeout, last) in [(None, 185.0), (Some("60s"), 65.0)] {
        let mut host = Host::default();
        if let Some(timeout) = timeout {
            host.log(-2.0, "General Parameters")
                .log(-2.0, &format!("    Timeout: {timeout}"));
        }
        host.json(0.0, "DMR", dmr_start("network", "M0ABC")).wait(last);
        assert_eq!(host.feed.state().active_calls.len(), 1);
        host.wait(last + 0.1);
        assert_eq!(host.call().end_reason, EndReason::HostRestart);
    }
}

#[test]
fn host_without_talk_time_may_be_silent_for_ever() {
    let mut host = Host::default();
    host.log(-2.0, "General Parameters").log(-2.0, "    Timeout: 0s");
    host.json(0.0, "DMR", dmr_start("network", "M0ABC")).wait(9000.0);
    assert_eq!(host.feed.state().active_calls.len(), 1);
}

#[test]
fn host_that_starts_or_stops_closes_its_calls_and_is_told_once() {
    for (message, line) in [
        ("MMDVMHost is starting", "MMDVMHost-20260417 is starting"),
        ("MMDVMHost is stopping", "MMDVMHost is stopping"),
    ] {
        let mut host = Host::default();
        host.json(0.0, "DMR", dmr_start("rf", "M0ABC")).log(2.0, line).json(
            2.001,
            "MMDVM",
            json!({ "message": message }),
        );
        assert_eq!(host.facts("host_changed").len(), 1, "{message}");
        assert_eq!(host.call().end_reason, EndReason::HostRestart);
    }
}

#[test]
fn refusal_has_its_reason_from_the_log_and_is_told_once() {
    let mut host = Host::default();
    host.json(0.0, "MMDVM", json!({"mode": "idle"}));
    for tries in [1.0, 1.06, 1.12] {
        let mut rejected = dmr_start("rf", "M0ABC");
        rejected["action"] = json!("rejected");
        host.log(tries, "DMR Slot 2, RF user 2345678 rejected for using TG 9")
            .json(tries, "DMR", rejected);
    }
    let denied = host.facts("access_denied");
    assert_eq!((denied.len(), denied[0]["reason"].as_str()), (1, Some("talkgroup")));
    assert_eq!(host.calls(), []);
}

#[test]
fn newline_in_a_talker_alias_forges_no_line() {
    let mut host = Host::default();
    let forged = "DMR Slot 2, Talker Alias \"x\nE: 2026-11-21 12:00:02.000 Mode set to Error\"";
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .log(2.0, forged)
        .log(3.0, "D-Star link status set to \"Linked to REF001 C  \"");
    assert_ne!(host.feed.state().mode, HostMode::Error);
    assert_eq!(host.facts("link_changed").len(), 1);
}

#[test]
fn gateway_tells_of_links_only_and_by_its_own_mode() {
    let mut host = Host::default();
    let mut say = |mode, text: &str| {
        let line = format!("M: 2026-11-21 12:00:00.000 {text}");
        host.feed
            .hear(at(0.0), Voice::GatewayLog(mode), line.as_bytes(), &mut host.out);
    };
    say(Some(Mode::P25), "Statically linked to reflector 10100");
    say(Some(Mode::Nxdn), "Statically linked to reflector 65000");
    say(Some(Mode::Ysf), "Linked to FCS00290");
    say(
        Some(Mode::Dmr),
        "DMR Slot 2, received RF voice header from M0ABC to TG 9",
    );
    let links: Vec<_> = host
        .facts("link_changed")
        .iter()
        .map(|link| link["link"].clone())
        .collect();
    assert_eq!(links, ["p25", "nxdn", "ysf"]);
    assert_eq!(host.calls(), []);
}

#[test]
fn log_level_that_hides_calls_hides_none_where_json_tells_them() {
    let mut host = Host::default();
    host.json(0.0, "MMDVM", json!({"message": "MMDVMHost is starting"}));
    for text in ["General Parameters", "MMDVM protocol version: 2, description: MMDVM"] {
        let line = format!("I: 2026-11-21 12:00:01.000 {text}");
        host.feed.hear(at(1.0), Voice::HostLog, line.as_bytes(), &mut host.out);
    }
    assert!(!host.feed.state().calls_hidden);
}

#[test]
fn hostile_payloads_are_set_aside_by_kind() {
    let mut host = Host::default();
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let long = format!("{{\"Text\":{{\"value\":\"{}\"}}}}", "x".repeat(100_000));
    host.raw(0.0, deep.as_bytes())
        .raw(0.0, long.as_bytes())
        .raw(0.0, b"{\"Text\":{\"mode\":\"DMR\",\"value\":\"J\xf6rg\"}}")
        .raw(0.0, b"")
        .raw(0.0, b"{\"MMDVM\":{\"mode\":\"idle\"},\"DMR\":{}}")
        .raw(0.0, b"[1]")
        .raw(0.0, b"{\"DMR\":7}")
        .json(0.0, "DMR", json!({"action": "start", "slot": 3, "source": "rf"}))
        .json(
            0.0,
            "DMR",
            json!({"action": "start", "slot": 1, "source": "rf", "source_id": -1}),
        )
        .json(
            0.0,
            "DMR",
            json!({"action": "start", "slot": 1, "source": "rf", "source_info": ["M0ABC"]}),
        )
        .json(0.0, "DMR", json!({"action": "explode", "slot": 1}))
        .json(0.0, "Weather", json!({"rain": true}));
    let wanted = [
        ("json_too_long", 1),
        ("json_not_utf8", 1),
        ("json_malformed", 2),
        ("json_wrong_shape", 3),
        ("json_wrong_type", 3),
        ("json_unknown", 2),
    ];
    assert_eq!(host.odd(), wanted);
    assert_eq!(host.out, []);
}

#[test]
fn nxdn_data_told_by_json_as_network_is_ended_by_the_log_line_of_the_radio() {
    let mut host = Host::default();
    host.json(
        1.0,
        "NXDN",
        json!({"action": "start", "source": "network", "source_info": "M0ABC", "frames": 3}),
    )
    .log(2.0, "NXDN, ended RF data transmission from M0ABC to 99")
    .json(2.0, "NXDN", json!({"action": "end"}));
    assert_eq!(host.call().end_reason, EndReason::End);
}

#[test]
fn host_without_open_calls_may_be_silent_and_an_end_pairs_with_no_call_that_is_over() {
    let end = json!({"action": "end", "slot": 2, "duration": 2.0, "ber": 0.1});
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"))
        .json(2.0, "DMR", end.clone())
        .json(3.0, "MMDVM", json!({"mode": "idle"}))
        .wait(9000.0);
    assert_eq!(host.feed.state().mode, HostMode::Idle);
    host.json(9001.0, "DMR", end);
    assert_eq!(host.odd(), [("json_unpaired", 1)]);
}
