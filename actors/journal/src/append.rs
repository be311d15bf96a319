//! What producers hand in and get back, and the limits they must keep.
//!
//! ```text
//! checkpoint as stored     update                       answer
//! version == expect        any writer                   stored, version expect + 1
//! version == expect + 1    the writer stored with it    success as before: a retry of what is already in
//! anything else                                         Conflict: another incarnation has taken over
//! ```

use model::{NewEvent, Seq};

use crate::AppendError;

/// Largest `data` of one event, in bytes. A message of the meshes and repeaters is below 4 KiB; a trace that needs
/// more belongs into a file that the event names.
pub const EVENT_DATA_MAX: usize = 256 * 1024;
/// Largest append, in events.
pub const APPEND_EVENTS_MAX: usize = 16_384;
/// Largest append, in bytes of `data` and checkpoint: what one transaction may add to the write-ahead log at once.
pub const APPEND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest source, type or producer name, in bytes.
pub const NAME_MAX: usize = 128;

/// Events that go into the journal together, or not at all.
#[derive(Clone, Debug)]
pub struct Append {
    /// Who appends: the key of the checkpoint.
    pub producer: String,
    /// The facts, oldest first. May be empty: then only the checkpoint moves.
    pub events: Vec<NewEvent>,
    /// How far the producer has come, once these events are in.
    pub checkpoint: Option<CheckpointUpdate>,
}

/// A move of the producer's checkpoint: compare and set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointUpdate {
    /// Version that must be stored now, 0 = none.
    pub expect: u64,
    /// Random id of this incarnation of the producer. It may use each `expect` for one append only.
    pub writer: u64,
    /// What to keep: JSON, read by the producer alone.
    pub data: String,
}

/// A producer's checkpoint as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Counts the moves, from 1.
    pub version: u64,
    /// The incarnation that moved it last.
    pub writer: u64,
    /// What it kept.
    pub data: String,
}

/// The answer to an append, given after COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the first event. An append without events has `first > last`.
    pub first: Seq,
    /// Position of the last event.
    pub last: Seq,
    /// Version of the checkpoint now stored by this append, 0 = it brought none.
    pub version: u64,
}

impl Append {
    /// Bytes that it brings into the transaction, names aside.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let checkpoint = self.checkpoint.as_ref().map_or(0, |update| update.data.len());
        self.events
            .iter()
            .map(|event| event.data.get().len())
            .fold(checkpoint, usize::saturating_add)
    }

    /// Checks the limits, before the append costs the writer anything.
    pub(crate) fn check(&self) -> Result<(), AppendError> {
        check_name("producer", &self.producer)?;
        check_limit("events", self.events.len(), APPEND_EVENTS_MAX)?;
        check_limit("bytes", self.bytes(), APPEND_BYTES_MAX)?;
        self.events.iter().try_for_each(|event| {
            check_name("source", event.source.as_str())?;
            check_name("type", &event.event_type)?;
            check_limit("bytes of event data", event.data.get().len(), EVENT_DATA_MAX)
        })
    }
}

fn check_name(what: &str, name: &str) -> Result<(), AppendError> {
    if name.is_empty() {
        return Err(AppendError::Invalid(format!("empty {what}")));
    }
    check_limit(&format!("bytes of {what}"), name.len(), NAME_MAX)
}

fn check_limit(what: &str, is: usize, max: usize) -> Result<(), AppendError> {
    if is <= max {
        return Ok(());
    }
    Err(AppendError::Invalid(format!("{is} {what}, at most {max}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Source, Timestamp};
    use serde_json::value::RawValue;

    use super::*;

    fn event(source: &str, data_len: usize) -> NewEvent {
        let data = format!("\"{}\"", "x".repeat(data_len.saturating_sub(2)));
        NewEvent {
            at: Timestamp::from_unix_ms(0),
            source: Source::new(source),
            event_type: "noted".into(),
            data: Arc::from(RawValue::from_string(data).unwrap()),
        }
    }

    fn append(events: Vec<NewEvent>) -> Append {
        Append {
            producer: "test".into(),
            events,
            checkpoint: None,
        }
    }

    #[test]
    fn append_within_the_limits_is_accepted() {
        assert_eq!(append(vec![event("a", EVENT_DATA_MAX)]).check(), Ok(()));
        assert_eq!(append(vec![]).check(), Ok(()));
    }

    #[test]
    fn append_beyond_a_limit_is_refused_with_the_figure() {
        let cases = [
            (
                append(vec![event("a", EVENT_DATA_MAX + 1)]),
                "262145 bytes of event data",
            ),
            (append(vec![event("a", EVENT_DATA_MAX); 33]), "bytes, at most 8388608"),
            (append(vec![event("a", 2); APPEND_EVENTS_MAX + 1]), "16385 events"),
            (append(vec![event("", 2)]), "empty source"),
            (append(vec![event(&"s".repeat(129), 2)]), "129 bytes of source"),
        ];
        for (append, reason) in cases {
            let error = append.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error} should say {reason}");
        }
    }
}
