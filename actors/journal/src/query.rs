//! Questions to the journal: which events, in which order, how many.

use model::{Event, Seq, Source, Timestamp};

/// Which events are meant. Empty lists mean "all".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Source patterns, see [`Source::matches`]; any of them is enough.
    pub sources: Vec<String>,
    /// Event types, literally; any of them is enough.
    pub types: Vec<String>,
}

impl EventFilter {
    /// Names everything.
    #[must_use]
    pub fn all() -> EventFilter {
        EventFilter::default()
    }

    /// Names all events of these source patterns.
    #[must_use]
    pub fn sources(patterns: impl IntoIterator<Item = impl Into<String>>) -> EventFilter {
        EventFilter {
            sources: patterns.into_iter().map(Into::into).collect(),
            types: Vec::new(),
        }
    }

    /// Whether this event is meant.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_kind(&event.source, &event.event_type)
    }

    /// Whether events of this source and type are meant.
    pub(crate) fn matches_kind(&self, source: &Source, event_type: &str) -> bool {
        let from_here = self.sources.is_empty() || self.sources.iter().any(|pattern| source.matches(pattern));
        from_here && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == event_type))
    }
}

/// In which order events are returned, and from which end the limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By rising `seq`.
    #[default]
    OldestFirst,
    /// By falling `seq`.
    NewestFirst,
}

/// A page of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Only events behind this position.
    pub after: Option<Seq>,
    /// Only events ahead of this position.
    pub before: Option<Seq>,
    /// Only events at or after this time.
    pub from: Option<Timestamp>,
    /// Only events earlier than this time.
    pub to: Option<Timestamp>,
    /// Which sources and types.
    pub filter: EventFilter,
    /// Which end first.
    pub order: Order,
    /// At most so many events.
    pub limit: u32,
}

impl Default for EventQuery {
    /// The oldest hundred events.
    fn default() -> EventQuery {
        EventQuery {
            after: None,
            before: None,
            from: None,
            to: None,
            filter: EventFilter::all(),
            order: Order::OldestFirst,
            limit: 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_needs_source_and_type_to_fit() {
        let filter = EventFilter {
            sources: vec!["power.*".into(), "repeater".into()],
            types: vec!["qso_ended".into()],
        };
        let fits = |source: &str, event_type: &str| filter.matches_kind(&Source::new(source), event_type);
        assert!(fits("repeater", "qso_ended") && fits("power.inverter_1", "qso_ended"));
        assert!(!fits("repeater", "qso_started") && !fits("mesh", "qso_ended"));
        assert!(EventFilter::all().matches_kind(&Source::new("x"), "y"));
    }
}
