//! The rules of the state machine, each by name. Most were seen in logs of running hosts.

use crate::support::{calls, events, log, modes, replay, told};

const NET_HEADER: &str = "DMR Slot 2, received network voice header from G4KLX to TG 9";
const NET_END: &str =
    "DMR Slot 2, received network end of voice transmission from G4KLX to TG 9, 5.2 seconds, 0% packet loss, BER: 0.0%";
const RF_HEADER: &str = "DMR Slot 2, received RF voice header from M0ABC to TG 9";
const RF_END: &str = "DMR Slot 2, received RF end of voice transmission from M0ABC to TG 9, 5.2 seconds, BER: 0.3%";

#[test]
fn calls_on_both_slots_and_sources_are_open_together() {
    let other = "DMR Slot 1, received RF voice header from F4ABC to TG 91";
    let other_end = "DMR Slot 1, received RF end of voice transmission from F4ABC to TG 91, 1.0 seconds, BER: 0.0%";
    let lines = [
        (0.0, NET_HEADER),
        (1.0, RF_HEADER),
        (2.0, other),
        (3.0, RF_END),
        (4.0, other_end),
        (5.0, NET_END),
    ];
    let wanted = [
        "M0ABC > 9: 00:01.000..00:03.000 end 5.2 s",
        "F4ABC > 91: 00:02.000..00:04.000 end 1 s",
        "G4KLX > 9: 00:00.000..00:05.000 end 5.2 s",
    ];
    assert_eq!(told(&lines), wanted);
}

#[test]
fn header_before_its_own_mode_line_keeps_the_call() {
    let lines = [
        (0.0, "Mode set to Idle"),
        (1.0, NET_HEADER),
        (1.005, "Mode set to DMR"),
        (6.0, NET_END),
    ];
    assert_eq!(told(&lines), ["G4KLX > 9: 00:01.000..00:06.000 end 5.2 s"]);
    assert_eq!(modes(&lines), ["00:00.000Z idle", "00:01.005Z dmr"]);
}

#[test]
fn idle_before_the_watchdog_leaves_the_call_its_figures() {
    let watchdog = "YSF, network watchdog has expired, 4.2 seconds, 3% packet loss, BER: 1.0%";
    let header = "YSF, received network data from G4KLX      to DG-ID 1 at FCS00290  ";
    let lines = [(0.0, header), (4.5, "Mode set to Idle"), (5.0, watchdog)];
    assert_eq!(told(&lines), ["G4KLX > DG-ID 1: 00:00.000..00:05.000 watchdog 4.2 s"]);
}

#[test]
fn idle_without_an_end_closes_the_call_three_seconds_later() {
    let next = "DMR Slot 1, received network voice header from F4ABC to TG 91";
    let lines = [(0.0, RF_HEADER), (4.0, "Mode set to Idle"), (7.1, next), (8.0, RF_END)];
    // The end that comes after all is that call's, and no call of its own.
    assert_eq!(
        told(&lines),
        [
            "M0ABC > 9: 00:00.000..00:04.000 timeout",
            "F4ABC > 91: 00:07.100..- open"
        ]
    );
}

#[test]
fn another_mode_closes_the_calls_of_the_one_before() {
    let next = "YSF, received RF header from F4ABC      to DG-ID 1";
    let lines = [
        (0.0, RF_HEADER),
        (4.0, next),
        (4.0, "Mode set to System Fusion"),
        (9.0, "Debug: x"),
    ];
    let found = told(&lines);
    assert_eq!(
        found,
        [
            "M0ABC > 9: 00:00.000..00:04.000 timeout",
            "F4ABC > DG-ID 1: 00:04.000..- open"
        ]
    );
}

#[test]
fn radio_call_past_its_talk_time_ended_then_if_no_end_follows() {
    let timed_out = "DMR Slot 2, RF user has timed out";
    let lines = [
        (0.0, RF_HEADER),
        (3.0, timed_out),
        (4.9, "Mode set to Idle"),
        (60.0, NET_HEADER),
    ];
    let wanted = [
        "M0ABC > 9: 00:00.000..00:03.000 timeout",
        "G4KLX > 9: 01:00.000..- open",
    ];
    assert_eq!(told(&lines), wanted);
    // Hosts of seven years write no Idle line; the next header on the slot shows it too, and so does the end.
    assert_eq!(told(&[(0.0, RF_HEADER), (3.0, timed_out), (60.0, NET_HEADER)]), wanted);
    assert_eq!(told(&[(0.0, RF_HEADER), (3.0, timed_out)]), wanted[..1]);
}

#[test]
fn call_past_its_talk_time_may_still_end_normally() {
    let timed_out = "DMR Slot 2, network user has timed out";
    let lines = [
        (0.0, NET_HEADER),
        (3.0, timed_out),
        (4.0, "Mode set to Idle"),
        (5.1, NET_END),
    ];
    assert_eq!(told(&lines), ["G4KLX > 9: 00:00.000..00:05.100 end 5.2 s"]);
}

#[test]
fn end_that_names_nobody_belongs_to_the_open_call() {
    let header = "D-Star, received RF header from M0ABC   /ID31 to CQCQCQ  ";
    let end = "D-Star, received RF end of transmission, 4.4 seconds, BER: 0.2%";
    assert_eq!(
        told(&[(0.0, header), (4.5, end)]),
        ["M0ABC > CQCQCQ: 00:00.000..00:04.500 end 4.4 s"]
    );
    assert_eq!(told(&[(4.5, end)]), [""; 0]);
}

#[test]
fn end_without_header_is_a_call_whose_start_was_missed() {
    assert_eq!(told(&[(10.0, NET_END)]), ["G4KLX > 9: 00:04.800..00:10.000 end 5.2 s"]);
    let lost = "DMR Slot 1, RF voice transmission lost from M0ABC to TG 9, 1.2 seconds, BER: 4.3%";
    assert_eq!(told(&[(10.0, lost)]), ["M0ABC > 9: 00:08.800..00:10.000 lost 1.2 s"]);
}

#[test]
fn end_that_comes_twice_is_one_call() {
    let wanted = ["G4KLX > 9: 00:00.000..00:05.200 end 5.2 s"];
    assert_eq!(told(&[(0.0, NET_HEADER), (5.2, NET_END), (5.3, NET_END)]), wanted);
    let next = "DMR Slot 2, received network end of voice transmission from F4ABC to TG 9, 3.0 seconds, 0% packet loss, BER: 0.0%";
    let both = [wanted[0], "F4ABC > 9: 00:05.000..00:08.000 end 3 s"];
    assert_eq!(told(&[(0.0, NET_HEADER), (5.2, NET_END), (8.0, next)]), both);
}

#[test]
fn new_header_on_the_same_channel_replaces_the_call() {
    let next = "DMR Slot 2, received network voice header from F4ABC to TG 91";
    let wanted = [
        "G4KLX > 9: 00:00.000..00:02.000 replaced",
        "F4ABC > 91: 00:02.000..- open",
    ];
    assert_eq!(told(&[(0.0, NET_HEADER), (2.0, next)]), wanted);
}

#[test]
fn host_start_exit_and_modem_reset_close_every_call() {
    for line in [
        "MMDVMHost-20250607 is starting",
        "MMDVMHost-20250607 exited on receipt of SIGTERM",
        "MMDVMHost-20250607 is restarting on receipt of SIGHUP",
        "No reply from the modem for some time, resetting it",
    ] {
        let lines = [(0.0, NET_HEADER), (1.0, RF_HEADER), (4.0, line)];
        let wanted = [
            "G4KLX > 9: 00:00.000..00:04.000 host_restart",
            "M0ABC > 9: 00:01.000..00:04.000 host_restart",
        ];
        assert_eq!(told(&lines), wanted, "{line}");
    }
}

#[test]
fn shutdown_is_a_host_restart_although_idle_comes_first() {
    let exit = "MMDVMHost-20250607 exited on receipt of SIGTERM";
    let lines = [(0.0, NET_HEADER), (4.0, "Mode set to Idle"), (4.0, exit)];
    assert_eq!(told(&lines), ["G4KLX > 9: 00:00.000..00:04.000 host_restart"]);
}

#[test]
fn call_past_its_talk_time_ended_then_even_if_the_host_restarts() {
    let timed_out = "DMR Slot 2, RF user has timed out";
    let lines = [
        (0.0, RF_HEADER),
        (3.0, timed_out),
        (4.0, "MMDVMHost-20250607 is starting"),
    ];
    assert_eq!(told(&lines), ["M0ABC > 9: 00:00.000..00:03.000 timeout"]);
}

#[test]
fn end_line_wins_over_header() {
    let late = "NXDN, received RF late entry from F4ABC to TG 1";
    let end = "NXDN, received RF end of transmission from M0ABC to TG 65000, 4.2 seconds, BER: 0.1%";
    let found = calls(&log(&[(0.0, late), (4.0, end)]));
    assert_eq!(found[0].callsign.as_deref(), Some("M0ABC"));
    assert_eq!(found[0].destination.as_deref(), Some("65000"));
    assert!(found[0].late_entry);
}

#[test]
fn lost_fusion_call_keeps_its_dg_id() {
    let header = "YSF, received RF header from F4ABC      to DG-ID 7";
    let lost = "YSF, transmission lost from F4ABC      to ALL       , 2.0 seconds, BER: 5.0%";
    assert_eq!(
        told(&[(0.0, header), (2.0, lost)]),
        ["F4ABC > DG-ID 7: 00:00.000..00:02.000 lost 2 s"]
    );
}

#[test]
fn fusion_header_told_bit_by_bit_is_one_call() {
    let lines = [
        (0.0, "YSF, received RF header from ?????????? to ALL       "),
        (0.5, "YSF, received RF data from F4ABC      to ALL       "),
        (4.0, "YSF, received RF end of transmission, 4.0 seconds, BER: 0.1%"),
    ];
    assert_eq!(told(&lines), ["F4ABC > ALL: 00:00.000..00:04.000 end 4 s"]);
}

#[test]
fn data_call_ends_by_its_own_lines() {
    let header = "DMR Slot 1, received RF data header from M0ABC to TG 9, 4 blocks";
    for (end, reason) in [
        ("DMR Slot 1, ended RF data transmission", "end"),
        ("DMR Slot 1, RF data transmission lost from M0ABC to TG 9", "lost"),
    ] {
        let lines = [(0.0, header), (1.0, end)];
        assert_eq!(told(&lines), [format!("M0ABC > 9: 00:00.000..00:01.000 {reason}")]);
        assert_eq!(calls(&log(&lines))[0].kind, model::repeater::CallKind::Data);
    }
}

#[test]
fn call_over_midnight_is_one_call() {
    let before = "M: 2026-11-20 23:59:58.000 DMR Slot 2, received RF voice header from M0ABC to TG 9\n";
    let after = format!("M: 2026-11-21 00:00:03.000 {RF_END}\n");
    let found = calls(&format!("{before}{after}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].started_at.to_string(), "2026-11-20T23:59:58.000Z");
    assert_eq!(found[0].ended_at.unwrap().to_string(), "2026-11-21T00:00:03.000Z");
}

#[test]
fn clock_set_back_during_a_call_costs_nothing() {
    let lines = [(600.0, NET_HEADER), (2.0, NET_END), (3.0, "Mode set to Idle")];
    assert_eq!(told(&lines), ["G4KLX > 9: 10:00.000..00:02.000 end 5.2 s"]);
}

#[test]
fn mode_is_implied_where_the_host_does_not_write_it() {
    let lines = [(0.0, NET_HEADER), (5.2, NET_END), (9.0, RF_HEADER), (14.0, RF_END)];
    assert_eq!(
        modes(&lines),
        ["00:00.000Z dmr", "00:05.200Z idle", "00:09.000Z dmr", "00:14.000Z idle"]
    );
}

#[test]
fn text_of_a_call_becomes_its_talker_alias() {
    let header = "D-Star, received network header from G4KLX   /JON  to CQCQCQ  ";
    let text = "D-Star, network slow data text = \"Hello \"you\" there  \"";
    let found = calls(&log(&[(0.0, header), (0.2, text), (0.6, text)]));
    assert_eq!(found[0].talker_alias.as_deref(), Some("Hello \"you\" there"));
    let alias = "DMR Slot 2, Talker Alias \"M0ABC Joe\"";
    let found = calls(&log(&[(0.0, RF_HEADER), (0.2, alias)]));
    assert_eq!(found[0].talker_alias.as_deref(), Some("M0ABC Joe"));
}

#[test]
fn refused_access_is_told_once_however_often_it_is_refused() {
    let refused = "DMR Slot 2, RF user 2351234 rejected";
    let lines = [
        (0.0, refused),
        (0.3, refused),
        (2.0, refused),
        (4.0, refused),
        (6.5, refused),
    ];
    assert_eq!(events(&lines).len(), 2);
    assert!(calls(&log(&lines)).is_empty());
}

#[test]
fn complaint_is_told_once_a_minute_with_its_count() {
    let complaint = "E: 2026-11-21 12:00:00.000 MMDVM ADC levels have overflowed\n";
    let late = "M: 2026-11-21 12:02:00.000 Mode set to Idle\n";
    let log = format!("{}{late}", complaint.repeat(240));
    let found: Vec<String> = replay(log.as_bytes())
        .0
        .iter()
        .map(|found| serde_json::to_string(found).unwrap())
        .collect();
    let faults: Vec<_> = found.iter().filter(|found| found.contains("ADC")).collect();
    assert!(
        faults[0].contains("\"count\":1}") && faults[1].contains("\"count\":239}"),
        "{faults:?}"
    );
}

#[test]
fn log_level_that_hides_calls_is_reported() {
    let start = "I: 2026-11-21 12:00:00.000 General Parameters\nI: 2026-11-21 12:00:01.000 MMDVM protocol version: 1, description: x\n";
    let hidden = |log: &str| {
        replay(log.as_bytes())
            .0
            .iter()
            .any(|found| serde_json::to_string(found).unwrap().contains("calls_hidden"))
    };
    assert!(hidden(start));
    let opening = "M: 2026-11-21 12:00:00.500 Opening the MMDVM\n";
    assert!(!hidden(&start.replacen('\n', &format!("\n{opening}"), 1)));
}

#[test]
fn record_forged_through_text_is_not_believed() {
    let forged = [
        (0.0, NET_HEADER),
        (
            1.0,
            "M17, text Data: \"hi\nM: 2026-11-21 12:00:01.500 Mode set to Error\"",
        ),
        (2.0, "D-Star, packet received from an invalid source"),
    ];
    assert_eq!(modes(&forged), ["00:00.000Z dmr"]);
    assert_eq!(replay(log(&forged).as_bytes()).1.forged, 1);
    // A page has no quotes, but whoever sends it does not know when it will be logged.
    let page = format!(
        "{}M: 2020-01-01 00:00:00.000 Mode set to Error\n{}",
        log(&[(0.0, NET_HEADER)]),
        log(&[(5.0, NET_END)])
    );
    let (documents, tally) = replay(page.as_bytes());
    assert!(!format!("{documents:?}").contains("mode: Error"));
    assert_eq!(tally.time_back, 1);
}

#[test]
fn records_glued_by_a_crash_are_all_read() {
    let log = log(&[(0.0, NET_HEADER), (5.0, NET_END)]).replacen('\n', "", 1);
    assert_eq!(calls(&log).len(), 1);
    assert_eq!(replay(log.as_bytes()).1.glued, 1);
    let cut = log.replacen("to TG 9", "", 1).replacen(" from G4KLX", "", 1);
    assert_eq!(calls(&cut).len(), 1);
}

#[test]
fn broken_input_is_counted_by_kind() {
    let log = [
        &b"\n\r\n"[..],
        b"\0\0\0\0M: 2026-11-21 12:00:00.000 Mode set to Idle\r\n",
        b"libgcc_s.so.1 must be installed\n",
        b"X: 2026-11-21 12:00:00.000 Mode set to Idle\n",
        b"M: 2026-13-41 12:00:00.000 Mode set to Idle\n",
        b"M: 2026-11-21 12:00:00.000 Mode set to Pizza\n",
        &[b'x'; 200_000],
        b"\nM: 2026-11-2",
    ]
    .concat();
    let (documents, tally) = replay(&log);
    assert_eq!(documents.len(), 1);
    let wanted = [
        ("empty", 2),
        ("nul", 1),
        ("no_frame", 2),
        ("unknown_level", 1),
        ("bad_date", 1),
        ("too_long", 1),
        ("unknown_text", 1),
        ("glued", 0),
        ("forged", 0),
        ("time_back", 0),
        ("far_future", 0),
        ("no_clock", 0),
    ];
    assert_eq!(tally.by_kind(), wanted);
}
