//! MQTT: what holds for all messages.

use std::collections::HashMap;

use model::Timestamp;
use model::repeater::{Qso, RepeaterEvent};
use proptest::prelude::*;
use serde_json::json;
use stationd_repeater::machine::Emitted;
use stationd_repeater::mqtt::{Feed, Voice};

use crate::mqtt_support::{Host, at, dmr_start};

/// Messages whose calls meet on the same channels.
fn messages() -> impl Strategy<Value = Vec<(f64, bool, String)>> {
    let json = [
        json!({"DMR": dmr_start("rf", "M0ABC")}),
        json!({"DMR": dmr_start("network", "G4KLX")}),
        json!({"DMR": {"action": "end", "slot": 2, "duration": 2.0, "ber": 0.1}}),
        json!({"DMR": {"action": "lost", "slot": 2, "duration": 2.0, "ber": 0.1, "loss": 3.0}}),
        json!({"DMR": {"action": "timeout", "slot": 2}}),
        json!({"NXDN": {"action": "start", "source": "network", "source_info": "F4ABC", "frames": 1}}),
        json!({"NXDN": {"action": "end", "ber": 0.0}}),
        json!({"FM": {"state": "relaying_rf"}}),
        json!({"FM": {"state": "relaying_ext"}}),
        json!({"FM": {"state": "timeout_rf"}}),
        json!({"FM": {"state": "listening"}}),
        json!({"MMDVM": {"mode": "idle"}}),
        json!({"MMDVM": {"mode": "DMR"}}),
        json!({"MMDVM": {"message": "MMDVMHost is starting"}}),
        json!({"MMDVM": {"message": "MMDVMHost is stopping"}}),
        json!({"RSSI": {"mode": "DMR", "slot": 2, "value": -70}}),
    ];
    let log = [
        "DMR Slot 2, received RF voice header from M0ABC to TG 9",
        "DMR Slot 2, received network late entry from G4KLX to TG 9",
        "DMR Slot 2, received RF end of voice transmission from M0ABC to TG 9, 5.2 seconds, BER: 0.3%",
        "DMR Slot 2, network watchdog has expired, 1.2 seconds, 40% packet loss, BER: 0.0%",
        "DMR Slot 2, RF user has timed out",
        "DMR Slot 2, Talker Alias \"x\"",
        "NXDN, received RF data header from M0ABC to 9, 1 blocks",
        "NXDN, ended RF data transmission from M0ABC to 9",
        "MMDVMHost-20260417 is starting",
    ];
    let json = json.map(|message| (true, message.to_string()));
    let log = log.map(|text| (false, text.to_owned()));
    let said: Vec<(bool, String)> = json.into_iter().chain(log).collect();
    let step = prop_oneof![6 => 0.0f64..0.2, 3 => 0.0f64..5.0, 1 => -20.0f64..300.0];
    proptest::collection::vec((step, proptest::sample::select(said)), 0..60).prop_map(|said| {
        let mut seconds = 0.0;
        let timed = |(step, (json, text)): (f64, (bool, String))| {
            seconds += step;
            (seconds, json, text)
        };
        said.into_iter().map(timed).collect()
    })
}

fn hear(messages: &[(f64, bool, String)], mut between: impl FnMut(&mut Feed, &mut Vec<Emitted>)) -> Vec<Emitted> {
    let mut host = Host::default();
    for (seconds, json, text) in messages {
        host.wait(*seconds);
        if *json {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let (key, members) = value.as_object().unwrap().iter().next().unwrap();
            host.json(*seconds, key, members.clone());
        } else {
            host.log(*seconds, text);
        }
        between(&mut host.feed, &mut host.out);
    }
    host.feed.finish(&mut host.out);
    host.out
}

/// A call on a DMR slot, told by log and JSON: when, and what each says.
type Telling = (f64, String, serde_json::Value);

/// Whole calls on four channels that overlap as they like, in the order of their lines.
fn whole_calls() -> impl Strategy<Value = Vec<Telling>> {
    let call = (1u8..=2, any::<bool>(), 0.4f64..9.0, 0.4f64..9.0);
    proptest::collection::vec(call, 0..12).prop_map(|calls| {
        let mut free = HashMap::new();
        let mut tellings = Vec::new();
        for (slot, rf, gap, length) in calls {
            let from = free.entry((slot, rf)).or_insert(0.0);
            let begin = *from + gap;
            *from = begin + length;
            tellings.push((begin, header(slot, rf), started(slot, rf)));
            tellings.push((*from, trailer(slot, rf), ended(slot, rf)));
        }
        tellings.sort_by(|one: &Telling, other| one.0.total_cmp(&other.0));
        tellings
    })
}

fn header(slot: u8, rf: bool) -> String {
    let source = if rf { "RF" } else { "network" };
    format!("DMR Slot {slot}, received {source} voice header from M{slot}ABC to TG 9")
}

fn trailer(slot: u8, rf: bool) -> String {
    if rf {
        format!(
            "DMR Slot {slot}, received RF end of voice transmission from M{slot}ABC to TG 9, 1.0 seconds, BER: 0.5%, RSSI: -70/-60/-65 dBm"
        )
    } else {
        format!("DMR Slot {slot}, network watchdog has expired, 1.0 seconds, 3% packet loss, BER: 0.5%")
    }
}

fn started(slot: u8, rf: bool) -> serde_json::Value {
    json!({"action": "start", "slot": slot, "source": if rf { "rf" } else { "network" },
           "source_info": format!("M{slot}ABC"), "destination_id": 9, "destination_type": "group"})
}

fn ended(slot: u8, rf: bool) -> serde_json::Value {
    if rf {
        json!({"action": "end", "slot": slot, "duration": 1.0, "ber": 0.5, "rssi": {"min": -70, "max": -60, "ave": -65}})
    } else {
        json!({"action": "lost", "slot": slot, "duration": 1.0, "ber": 0.5, "loss": 3.0})
    }
}

proptest! {
    #[test]
    fn calls_are_the_same_whichever_topics_are_heard(tellings in whole_calls()) {
        let (mut both, mut turned) = (Host::default(), Host::default());
        let (mut log_only, mut json_only) = (Host::default(), Host::default());
        for (seconds, line, members) in tellings {
            let members = || members.clone();
            both.log(seconds, &line).json(seconds, "DMR", members());
            turned.json(seconds, "DMR", members()).log(seconds, &line);
            log_only.log(seconds, &line);
            json_only.json(seconds, "DMR", members());
        }
        let calls = both.calls();
        prop_assert_eq!(both.odd(), vec![]);
        prop_assert_eq!(&turned.calls(), &calls);
        prop_assert_eq!(&log_only.calls(), &calls);
        prop_assert_eq!(&json_only.calls(), &calls);
    }

    #[test]
    fn feed_stays_small(messages in messages()) {
        hear(&messages, |feed, _| assert!(serde_json::to_string(feed).unwrap().len() < 16 * 1024));
    }

    #[test]
    fn every_call_that_mqtt_starts_ends_exactly_once(messages in messages()) {
        let mut open: HashMap<String, Timestamp> = HashMap::new();
        let key = |qso: &Qso| format!("{} {:?} {:?}", qso.mode, qso.slot, qso.source);
        for Emitted { event, .. } in hear(&messages, |_, _| {}) {
            if let RepeaterEvent::QsoStarted(qso) = event {
                prop_assert_eq!(open.insert(key(&qso), qso.started_at), None, "two calls on a channel");
            } else if let RepeaterEvent::QsoEnded(qso) = event
                && let Some(started_at) = open.remove(&key(&qso))
            {
                prop_assert_eq!(started_at, qso.started_at);
            }
        }
        prop_assert!(open.is_empty(), "calls that never ended: {:?}", open);
    }

    #[test]
    fn feed_restored_in_the_middle_still_ends_every_call_it_started(messages in messages()) {
        let restore = |feed: &mut Feed, out: &mut Vec<Emitted>| {
            feed.settle(out);
            *feed = serde_json::from_str(&serde_json::to_string(feed).unwrap()).unwrap();
        };
        let count = |wanted: fn(&RepeaterEvent) -> bool, out: &[Emitted]| out.iter().filter(|fact| wanted(&fact.event)).count();
        let out = hear(&messages, restore);
        let started = count(|event| matches!(event, RepeaterEvent::QsoStarted(_)), &out);
        let ended = count(|event| matches!(event, RepeaterEvent::QsoEnded(_)), &out);
        prop_assert!(ended >= started, "{} of {}", ended, started);
    }

    #[test]
    fn no_payload_makes_a_feed_panic(payload in proptest::collection::vec(any::<u8>(), 0..600), json in any::<bool>()) {
        let voice = if json { Voice::HostJson } else { Voice::HostLog };
        let mut host = Host::default();
        host.feed.hear(at(0.0), voice, &payload, &mut host.out);
        host.feed.hear(at(0.0), Voice::GatewayLog(None), &payload, &mut host.out);
        host.calls();
    }

    #[test]
    fn no_value_of_a_member_makes_a_feed_panic(
        key in proptest::sample::select(vec!["D-Star", "DMR", "YSF", "P25", "NXDN", "POCSAG", "FM", "MMDVM", "RSSI", "BER", "Text"]),
        member in proptest::sample::select(vec!["action", "slot", "source", "source_cs", "source_id", "destination_id", "duration", "ber", "rssi", "mode", "value", "ric", "state", "timestamp"]),
        value in prop_oneof![
            any::<f64>().prop_map(|number| json!(number)),
            any::<i64>().prop_map(|number| json!(number)),
            ".{0,40}".prop_map(|text| json!(text)),
            Just(json!({"min": 1e300, "max": [], "ave": null})),
            Just(json!(null)),
        ],
        action in proptest::sample::select(vec!["start", "end", "lost", "rejected", "csbk", "timeout"]),
    ) {
        let mut members = dmr_start("rf", "M0ABC");
        members["action"] = json!(action);
        members["timestamp"] = json!("2026-11-21T12:00:00.000Z");
        members[member] = value;
        Host::default().raw(0.0, json!({ key: members }).to_string().as_bytes()).calls();
    }

}
