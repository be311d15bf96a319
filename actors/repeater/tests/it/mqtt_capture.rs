//! MQTT: the recorded capture, and what a capture may hold besides.

use model::repeater::{CallSource, Document, EndReason};
use proptest::prelude::*;
use serde_json::json;
use stationd_repeater::mqtt::MqttReplay;

const CAPTURE: &[u8] = include_bytes!("../../testdata/mqtt/capture.txt");
const CALLS: &str = include_str!("../../testdata/mqtt/calls.jsonl");

/// What a capture gives, and what was not recognised.
fn replay<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Document>, Vec<(&'static str, u64)>) {
    let mut replay = MqttReplay::default();
    let mut documents = Vec::new();
    for chunk in chunks {
        replay.push(chunk, &mut |document| documents.push(document));
    }
    replay.finish(&mut |document| documents.push(document));
    let odd = replay.unrecognised().filter(|(_, count)| *count > 0).collect();
    (documents, odd)
}

fn as_json(documents: &[Document]) -> Vec<String> {
    let json = |document| serde_json::to_string(document).unwrap();
    documents.iter().map(json).collect()
}

#[test]
fn capture_gives_its_calls_with_the_right_caller_and_source() {
    let (documents, odd) = replay(CAPTURE.chunks(64 * 1024));
    let calls: Vec<Document> = documents
        .into_iter()
        .filter(|document| matches!(document, Document::Qso(_)))
        .collect();
    assert_eq!(as_json(&calls), CALLS.lines().collect::<Vec<_>>());
    assert_eq!(odd, []);
}

#[test]
fn capture_tells_modes_links_and_refusals_too() {
    let (documents, _) = replay([CAPTURE]);
    let mut words = Vec::new();
    for document in &documents {
        match document {
            Document::Mode(mode) => words.push(serde_json::to_value(mode.change.mode).unwrap().to_string()),
            Document::Event(note) => words.push(note.event.to_owned()),
            Document::Qso(_) => words.push("call".to_owned()),
        }
    }
    let call = ["\"dstar\"", "call", "\"idle\""];
    let mut wanted = vec![
        "modem_changed",
        "host_configured",
        "\"idle\"",
        "host_changed",
        "link_changed",
    ];
    wanted.extend(call);
    wanted.extend(call);
    wanted.push("link_changed");
    wanted.extend(call.iter().cycle().take(9));
    wanted.push("access_denied");
    assert_eq!(words, wanted);
}

#[test]
fn capture_heard_on_one_topic_only_gives_the_same_calls() {
    for topic in ["mmdvm/log", "mmdvm/json"] {
        let lines = CAPTURE.split_inclusive(|&byte| byte == b'\n');
        let heard = lines.filter(|line| line.windows(topic.len()).any(|part| part == topic.as_bytes()));
        let (documents, _) = replay(heard);
        let mut calls = Vec::new();
        for document in documents {
            if let Document::Qso(qso) = document {
                calls.push((
                    qso.callsign.unwrap().chars().take(5).collect::<String>(),
                    qso.source,
                    qso.end_reason,
                ));
            }
        }
        let call = |name: &str, source, reason| (name.to_owned(), source, reason);
        let wanted = [
            call("G4KLX", CallSource::Network, EndReason::End),
            call("M0ABC", CallSource::Network, EndReason::End),
            call("2E0XY", CallSource::Network, EndReason::Watchdog),
            call("G4KLX", CallSource::Rf, EndReason::End),
            call("F4ABC", CallSource::Rf, EndReason::Lost),
        ];
        assert_eq!(calls, wanted, "{topic}");
    }
}

#[test]
fn capture_lines_that_are_no_messages_are_counted() {
    let capture = b"\nnonsense\n2026-11-21T12:00:00+0000 mmdvm/display-out {}\n2026-11-21T12:00:00+0000 mmdvm/json {\n";
    let (documents, odd) = replay([&capture[..]]);
    assert_eq!(documents, []);
    assert_eq!(odd, [("no_message", 2), ("unknown_topic", 1), ("json_malformed", 1)]);
}

#[test]
fn hosts_of_one_capture_do_not_end_each_others_calls() {
    let start = |name: &str, from: &str| {
        let message = json!({"P25": {"action": "start", "source": "rf", "source_info": from, "timestamp": "2026-11-21T12:00:00.000Z"}});
        format!("2026-11-21T12:00:00+0000 mmdvm/{name}/json {message}\n")
    };
    let end = r#"2026-11-21T12:00:03+0000 mmdvm/b/json {"P25":{"action":"end","duration":3.0,"ber":0.0,"timestamp":"2026-11-21T12:00:03.000Z"}}"#;
    let capture = start("a", "M0ABC") + &start("b", "G4KLX") + end;
    let (documents, _) = replay([capture.as_bytes()]);
    let mut calls = Vec::new();
    for document in documents {
        if let Document::Qso(qso) = document {
            calls.push((qso.callsign.unwrap(), qso.end_reason));
        }
    }
    assert_eq!(
        calls,
        [
            ("G4KLX".to_owned(), EndReason::End),
            ("M0ABC".to_owned(), EndReason::Open)
        ]
    );
}

proptest! {
    #[test]
    fn capture_gives_the_same_wherever_chunks_are_cut(size in 1usize..5000) {
        prop_assert_eq!(replay(CAPTURE.chunks(size)), replay([CAPTURE]));
    }
}
