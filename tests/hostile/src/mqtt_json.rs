//! What a broker delivers: anybody may publish there.

use std::time::Duration;

use model::Timestamp;
use model::repeater::Document;
use repeater::machine::Emitted;
use repeater::mqtt::{Feed, MqttReplay, Voice, json};

use crate::ledger::{Ledger, printable, restored};

/// When the first message arrives: 2026-11-21 12:00 UTC, as in the seeds.
const BEGIN: i64 = 1_795_262_400_000;

/// Time between two messages.
const STEP: Duration = Duration::from_millis(100);

/// Takes each line as a message of a host, and all of them as a capture.
///
/// # Panics
/// When the facts contradict each other, or a text is not printable.
pub fn mqtt_json(bytes: &[u8]) {
    heard(bytes);
    let mut replay = MqttReplay::default();
    let mut print = |document: Document| printable(&serde_json::to_value(document).unwrap_or_default());
    replay.push(bytes, &mut print);
    replay.finish(&mut print);
}

/// A line that begins with a brace is JSON, any other one is the host's log; an empty one restarts the service.
fn heard(bytes: &[u8]) {
    let (mut feed, mut ledger, mut facts) = (Feed::default(), Ledger::default(), Vec::<Emitted>::new());
    let mut at = Timestamp::from_unix_ms(BEGIN);
    for line in bytes.split(|byte| *byte == b'\n') {
        at = at.plus(STEP);
        feed.advance(at, &mut facts);
        match line.first() {
            None => {
                feed.settle(&mut facts);
                feed = restored(&feed).unwrap_or_default();
            }
            Some(b'{') => {
                if let Ok(value) = json::parse(line) {
                    // A refusal is an answer.
                    let _message_or_refusal = json::read(&value).is_ok();
                }
                feed.hear(at, Voice::HostJson, line, &mut facts);
            }
            Some(_) => feed.hear(at, Voice::HostLog, line, &mut facts),
        }
        ledger.enter(&facts);
        facts.clear();
    }
    feed.finish(&mut facts);
    ledger.enter(&facts);
    ledger.close();
}
