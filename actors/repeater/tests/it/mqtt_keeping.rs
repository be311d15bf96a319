//! What whoever keeps a feed relies on: when there is something to keep, that a snapshot goes on as if nothing had
//! happened, and that deafness is not silence.

use serde_json::json;

use crate::mqtt_support::{Host, at, dmr_start};

/// The host as it is after a restart of who hears it.
fn restarted(host: &Host) -> Host {
    let snapshot = serde_json::to_string(&host.feed).unwrap();
    Host {
        feed: serde_json::from_str(&snapshot).unwrap(),
        out: host.out.clone(),
    }
}

#[test]
fn levels_leave_nothing_to_keep_and_calls_do() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"));
    assert!(host.feed.take_unsaved());
    assert!(!host.feed.take_unsaved());
    host.json(1.0, "RSSI", json!({ "mode": "DMR", "slot": 2, "value": -70 }));
    host.log(1.1, "D: some debug output");
    assert!(!host.feed.take_unsaved());
}

#[test]
fn feed_is_settled_again_once_the_twin_came_or_is_overdue() {
    let mut host = Host::default();
    host.json(0.0, "MMDVM", json!({ "mode": "idle" }));
    assert!(host.feed.is_settled());
    host.log(1.0, "DMR Slot 2, received RF voice header from M0ABC to TG 9");
    assert!(!host.feed.is_settled());
    host.json(1.0, "DMR", dmr_start("rf", "M0ABC"));
    assert!(host.feed.is_settled());
    host.log(
        5.0,
        "DMR Slot 2, received RF end of voice transmission from M0ABC to TG 9, 4.0 seconds, BER: 0.0%",
    );
    assert!(!host.feed.is_settled());
    host.wait(5.9);
    assert!(!host.feed.is_settled(), "it may be on its way");
    host.wait(6.1);
    assert!(host.feed.is_settled());
}

#[test]
fn twin_that_comes_after_a_restart_is_no_second_call() {
    let mut host = Host::default();
    host.json(0.0, "MMDVM", json!({ "mode": "idle" }));
    host.json(1.0, "DMR", dmr_start("rf", "M0ABC"));
    let mut host = restarted(&host);
    host.log(1.0, "DMR Slot 2, received RF voice header from M0ABC to TG 9");
    host.wait(3.0);
    assert_eq!(host.calls().len(), 1);
}

#[test]
fn time_without_a_broker_closes_no_call_and_silence_before_and_after_does() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC")).wait(10.0);
    host.feed.resume(Some(at(10.0)), at(5000.0));
    host.wait(5174.0);
    assert_eq!(
        host.feed.state().active_calls.len(),
        1,
        "the host was silent for 184 seconds"
    );
    host.wait(5176.0);
    assert!(host.feed.state().active_calls.is_empty());
}

#[test]
fn time_without_a_station_closes_no_call() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC")).wait(100.0);
    let mut host = restarted(&host);
    // Whatever the clock on the wall says meanwhile.
    for now in [90_000.0, -90_000.0] {
        host.feed.resume(None, at(now));
        host.wait(now + 184.0);
        assert_eq!(host.feed.state().active_calls.len(), 1);
    }
    host.wait(-90_000.0 + 186.0);
    assert!(host.feed.state().active_calls.is_empty());
}

#[test]
fn figures_that_cannot_be_are_counted() {
    let mut host = Host::default();
    host.json(0.0, "DMR", dmr_start("rf", "M0ABC"));
    host.json(1.0, "BER", json!({ "mode": "DMR", "slot": 2, "value": 101.0 }));
    host.json(1.0, "RSSI", json!({ "mode": "DMR", "slot": 2, "value": null }));
    host.json(
        2.0,
        "DMR",
        json!({ "action": "end", "slot": 2, "duration": -1.0, "ber": null, "rssi": { "min": -68, "max": -62, "ave": -338 } }),
    );
    assert_eq!(host.feed.tally().json_absurd_values, 3);
}
