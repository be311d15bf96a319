//! Logs in, documents out.

use model::repeater::{Document, Qso};
use stationd_repeater::grammar::Tally;
use stationd_repeater::replay::Replay;

/// Every document of a log, and what was not recognised in it.
pub(crate) fn replay(log: &[u8]) -> (Vec<Document>, Tally) {
    replay_chunks(log.chunks(64 * 1024))
}

/// The same, cut into the given chunks.
pub(crate) fn replay_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Document>, Tally) {
    let mut replay = Replay::default();
    let mut documents = Vec::new();
    for chunk in chunks {
        replay.push(chunk, &mut |document| documents.push(document));
    }
    replay.finish(&mut |document| documents.push(document));
    (documents, *replay.tally())
}

/// The calls of a log.
pub(crate) fn calls(log: &str) -> Vec<Qso> {
    let of_call = |document| match document {
        Document::Qso(qso) => Some(qso),
        Document::Mode(_) | Document::Event(_) => None,
    };
    replay(log.as_bytes()).0.into_iter().filter_map(of_call).collect()
}

/// A log: each line with its seconds behind 2026-11-21 12:00:00.
pub(crate) fn log(lines: &[(f64, &str)]) -> String {
    let line = |&(seconds, text): &(f64, &str)| {
        let noon = 1_795_262_400_000_i64;
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds of a test")]
        let at = model::Timestamp::from_unix_ms(noon + (seconds * 1000.0).round() as i64).to_string();
        format!("M: {} {text}\n", at.trim_end_matches('Z').replace('T', " "))
    };
    lines.iter().map(line).collect()
}

/// The calls of such a log, each in one line: who, from second to second, why it ended.
pub(crate) fn told(lines: &[(f64, &str)]) -> Vec<String> {
    calls(&log(lines)).iter().map(tell).collect()
}

fn tell(qso: &Qso) -> String {
    let second = |at: model::Timestamp| {
        let text = at.to_string();
        text.trim_start_matches("2026-11-21T12:")
            .trim_end_matches('Z')
            .to_owned()
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let end = qso.ended_at.map_or("-".to_owned(), second);
    let reason = serde_json::to_value(qso.end_reason).unwrap();
    let seconds = qso.duration_s.map_or(String::new(), |seconds| format!(" {seconds} s"));
    format!(
        "{} > {}: {}..{end} {}{seconds}",
        text(&qso.callsign),
        text(&qso.destination),
        second(qso.started_at),
        reason.as_str().unwrap(),
    )
}

/// The modes of such a log, in order, with their seconds.
pub(crate) fn modes(lines: &[(f64, &str)]) -> Vec<String> {
    let documents = replay(log(lines).as_bytes()).0;
    let mode = |document| match document {
        Document::Mode(mode) => {
            let at = mode.at.to_string();
            let name = serde_json::to_value(mode.change.mode).unwrap();
            Some(format!(
                "{} {}",
                at.trim_start_matches("2026-11-21T12:"),
                name.as_str().unwrap()
            ))
        }
        Document::Qso(_) | Document::Event(_) => None,
    };
    documents.into_iter().filter_map(mode).collect()
}

/// The other events of such a log, as JSON without the type and the time.
pub(crate) fn events(lines: &[(f64, &str)]) -> Vec<String> {
    let documents = replay(log(lines).as_bytes()).0;
    let event = |document| match document {
        Document::Event(note) => Some(format!("{} {}", note.event, serde_json::to_string(&note.data).unwrap())),
        Document::Qso(_) | Document::Mode(_) => None,
    };
    documents.into_iter().filter_map(event).collect()
}
