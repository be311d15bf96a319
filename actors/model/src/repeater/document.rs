//! The repeater's facts as clients read them: one JSON object each, told apart by `type`.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ModeChanged, Qso, RepeaterEvent};
use crate::{EventData, Timestamp};

/// One fact, as `stationd replay` prints it and the API serves it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Document {
    /// A call that is over, or still open where the log ends.
    Qso(Qso),
    /// The repeater does something else now.
    Mode(ModeDocument),
    /// Anything else.
    Event(NoteDocument),
}

/// A change of mode.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ModeDocument {
    /// When, by the host's clock.
    pub at: Timestamp,
    /// From what to what.
    #[serde(flatten)]
    pub change: ModeChanged,
}

/// Anything else that happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NoteDocument {
    /// What kind of fact, as in the journal.
    pub event: &'static str,
    /// When, by the host's clock.
    pub at: Timestamp,
    /// The fact.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub data: RepeaterEvent,
}

impl Document {
    /// The document for a fact; `None` for those that only a live view needs: a call has one document, at its end.
    #[must_use]
    pub fn of(at: Timestamp, event: RepeaterEvent) -> Option<Document> {
        match event {
            RepeaterEvent::QsoStarted(_) | RepeaterEvent::QsoUpdated(_) => None,
            RepeaterEvent::QsoEnded(qso) => Some(Document::Qso(qso)),
            RepeaterEvent::ModeChanged(change) => Some(Document::Mode(ModeDocument { at, change })),
            data @ (RepeaterEvent::AccessDenied(_)
            | RepeaterEvent::LinkChanged(_)
            | RepeaterEvent::HostChanged(_)
            | RepeaterEvent::HostConfigured(_)
            | RepeaterEvent::ModemChanged(_)
            | RepeaterEvent::Fault(_)
            | RepeaterEvent::Signalling(_)
            | RepeaterEvent::Position(_)
            | RepeaterEvent::Page(_)
            | RepeaterEvent::PagesSent(_)
            | RepeaterEvent::Packet(_)
            | RepeaterEvent::RemoteCommand(_)
            | RepeaterEvent::CallsHidden(_)
            | RepeaterEvent::LineSetAside(_)
            | RepeaterEvent::RecordsSetAside(_)) => Some(Document::Event(NoteDocument {
                event: data.event_type(),
                at,
                data,
            })),
        }
    }
}
