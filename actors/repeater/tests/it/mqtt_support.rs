//! A host that is heard over MQTT at a virtual time.

use model::Timestamp;
use model::repeater::{Qso, RepeaterEvent};
use serde_json::json;
use stationd_repeater::machine::Emitted;
use stationd_repeater::mqtt::{Feed, Voice};

/// A host, heard at a virtual time.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) feed: Feed,
    pub(crate) out: Vec<Emitted>,
}

/// So many seconds behind 2026-11-21 12:00:00.
pub(crate) fn at(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds of a test")]
    Timestamp::from_unix_ms(1_795_262_400_000 + (seconds * 1000.0).round() as i64)
}

impl Host {
    pub(crate) fn log(&mut self, seconds: f64, text: &str) -> &mut Host {
        self.log_bytes(seconds, text.as_bytes())
    }

    pub(crate) fn log_bytes(&mut self, seconds: f64, text: &[u8]) -> &mut Host {
        let stamp = at(seconds).to_string().replace('T', " ");
        let mut line = format!("M: {} ", stamp.trim_end_matches('Z')).into_bytes();
        line.extend_from_slice(text);
        self.feed.hear(at(seconds), Voice::HostLog, &line, &mut self.out);
        self
    }

    pub(crate) fn json(&mut self, seconds: f64, key: &str, mut members: serde_json::Value) -> &mut Host {
        members["timestamp"] = json!(at(seconds).to_string());
        self.raw(seconds, json!({ key: members }).to_string().as_bytes())
    }

    pub(crate) fn raw(&mut self, seconds: f64, payload: &[u8]) -> &mut Host {
        self.feed.hear(at(seconds), Voice::HostJson, payload, &mut self.out);
        self
    }

    pub(crate) fn wait(&mut self, seconds: f64) -> &mut Host {
        self.feed.advance(at(seconds), &mut self.out);
        self
    }

    pub(crate) fn calls(&mut self) -> Vec<Qso> {
        self.feed.finish(&mut self.out);
        let ended = |emitted: &Emitted| {
            if let RepeaterEvent::QsoEnded(qso) = &emitted.event {
                Some(qso.clone())
            } else {
                None
            }
        };
        self.out.iter().filter_map(ended).collect()
    }

    pub(crate) fn call(&mut self) -> Qso {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.into_iter().next().unwrap()
    }

    /// The facts by their type, without those of calls.
    pub(crate) fn facts(&self, event_type: &str) -> Vec<serde_json::Value> {
        let wanted = |emitted: &&Emitted| model::EventData::event_type(&emitted.event) == event_type;
        let fact = |emitted: &Emitted| serde_json::to_value(&emitted.event).unwrap();
        self.out.iter().filter(wanted).map(fact).collect()
    }

    pub(crate) fn odd(&self) -> Vec<(&'static str, u64)> {
        self.feed.tally().by_kind().filter(|(_, count)| *count > 0).collect()
    }
}

pub(crate) fn dmr_start(source: &str, from: &str) -> serde_json::Value {
    json!({"action": "start", "slot": 2, "source": source, "source_id": 2_345_678, "source_info": from,
           "destination_id": 9, "destination_type": "group"})
}
