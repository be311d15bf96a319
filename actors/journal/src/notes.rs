//! The journal's own events: what happened to the journal itself. Source `journal`.

use model::{EventData, NewEvent, Seq, Source, Timestamp};
use serde::Serialize;

use crate::{Append, SetAside};

/// Who says it, and the producer of these appends.
const JOURNAL: &str = "journal";

/// A fact about the journal.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Note<'a> {
    /// A damaged file was found and renamed; this journal began anew.
    SetAside(&'a SetAside),
    /// Retention removed the events from `from` to `to`, both included.
    Trimmed { from: Seq, to: Seq, count: u64 },
    /// A projection was given events that it had missed and refused `count` of them; the first one is named.
    Refused {
        projection: &'a str,
        seq: Seq,
        #[serde(rename = "type")]
        event_type: &'a str,
        reason: &'a str,
        count: u64,
    },
}

impl EventData for Note<'_> {
    fn event_type(&self) -> &'static str {
        match self {
            Note::SetAside(_) => "journal_set_aside",
            Note::Trimmed { .. } => "journal_trimmed",
            Note::Refused { .. } => "projection_refused",
        }
    }
}

impl Note<'_> {
    /// The note as an event of now.
    pub(crate) fn event(&self) -> rusqlite::Result<NewEvent> {
        NewEvent::new(Timestamp::now(), &Source::new(JOURNAL), self)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }

    /// The note as an append of its own.
    pub(crate) fn append(&self) -> rusqlite::Result<Append> {
        Ok(Append {
            producer: JOURNAL.to_owned(),
            events: vec![self.event()?],
            checkpoint: None,
        })
    }

    /// Whether an event is one of these.
    pub(crate) fn is_one(source: &Source) -> bool {
        source.as_str() == JOURNAL
    }
}
