//! Events: facts that the journal keeps.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Timestamp;

/// Position of an event in the journal: dense, from 1, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Seq = Seq(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who says it: a dotted path such as `repeater` or `power.inverter_1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Source(Arc<str>);

impl Source {
    /// A source by its dotted path.
    #[must_use]
    pub fn new(path: &str) -> Source {
        Source(path.into())
    }

    /// The dotted path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a subscription pattern names this source.
    ///
    /// `*` names everything; `repeater` and `repeater.*` name `repeater` and all beneath it.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        let stem = pattern.strip_suffix(".*").unwrap_or(pattern);
        pattern == "*"
            || self
                .0
                .strip_prefix(stem)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event can say. Each subsystem's payload enum implements it in this crate.
pub trait EventData: Serialize {
    /// The event's `type`: snake case, a fact in the past tense (`qso_ended`).
    fn event_type(&self) -> &'static str;
}

/// A fact that a producer hands to the journal; it has no position yet.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// When it happened, by the clock of whoever saw it.
    pub at: Timestamp,
    /// Who says it.
    pub source: Source,
    /// What kind of fact.
    pub event_type: Arc<str>,
    /// The fact itself: a JSON object, written once and never parsed again on its way to clients.
    pub data: Arc<RawValue>,
}

impl NewEvent {
    /// Writes the payload down.
    ///
    /// # Errors
    /// When the payload cannot be written as JSON (a map with keys that are no strings).
    pub fn new<D: EventData>(at: Timestamp, source: &Source, data: &D) -> Result<NewEvent, serde_json::Error> {
        Ok(NewEvent {
            at,
            source: source.clone(),
            event_type: data.event_type().into(),
            data: serde_json::value::to_raw_value(data)?.into(),
        })
    }
}

/// A fact in the journal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Position in the journal.
    pub seq: Seq,
    /// When it happened, by the clock of whoever saw it.
    pub at: Timestamp,
    /// Who says it: a dotted path.
    pub source: Source,
    /// What kind of fact.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub event_type: Arc<str>,
    /// The fact itself.
    #[schema(value_type = Object)]
    pub data: Arc<RawValue>,
}

impl Event {
    /// Reads the payload.
    ///
    /// # Errors
    /// When the payload is of another kind than `T`.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_pattern_names_whole_segments_only() {
        let source = Source::new("power.inverter_1");
        for pattern in ["*", "power", "power.*", "power.inverter_1", "power.inverter_1.*"] {
            assert!(source.matches(pattern), "{pattern} should name {source}");
        }
        for pattern in ["", "pow", "power.inverter", "power.inverter_10", "repeater.*", ".*"] {
            assert!(!source.matches(pattern), "{pattern} should not name {source}");
        }
    }
}
