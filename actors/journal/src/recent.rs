//! The newest events in memory, for those who follow live: a run of positions without a hole, up to the newest.
//!
//! One copy for all subscribers; each remembers only how far it has come. Pure: events in, events out.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Event, Seq};

/// The newest events, `capacity` of them at most.
pub(crate) struct Recent {
    /// **Invariant:** dense, and the last one is `newest`.
    events: VecDeque<Arc<Event>>,
    newest: Seq,
    capacity: usize,
}

impl Recent {
    /// Nothing yet, behind `head`.
    pub(crate) fn new(head: Seq, capacity: usize) -> Recent {
        Recent {
            events: VecDeque::new(),
            newest: head,
            capacity,
        }
    }

    /// Adds the next event. One that was announced before is passed over; one behind a hole begins a new run, and the
    /// hole is read from the file.
    pub(crate) fn push(&mut self, event: Arc<Event>) {
        if event.seq <= self.newest {
            return;
        }
        if event.seq != self.newest.next() {
            self.events.clear();
        } else if self.events.len() >= self.capacity {
            self.events.pop_front();
        }
        self.newest = event.seq;
        self.events.push_back(event);
    }

    /// Position of the newest event.
    pub(crate) fn newest(&self) -> Seq {
        self.newest
    }

    /// The events from position `next` on. `None`: that one is no longer here, or not yet.
    pub(crate) fn starting_at(&self, next: Seq) -> Option<impl Iterator<Item = &Arc<Event>>> {
        let first = self.events.front()?.seq;
        let passed = usize::try_from(next.0.checked_sub(first.0)?).ok()?;
        (passed < self.events.len()).then(|| self.events.range(passed..))
    }

    /// Whether a follower that is to get `next` has been overrun, so that it has to be told.
    pub(crate) fn overran(&self, next: Seq) -> bool {
        let waiting = self.newest.next().0.saturating_sub(next.0);
        usize::try_from(waiting).map_or(true, |waiting| waiting > self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use model::{Source, Timestamp};
    use serde_json::value::to_raw_value;

    use super::*;

    fn recent(capacity: usize, pushed: impl IntoIterator<Item = u64>) -> Recent {
        let mut recent = Recent::new(Seq::ZERO, capacity);
        for seq in pushed {
            recent.push(Arc::new(Event {
                seq: Seq(seq),
                at: Timestamp::from_unix_ms(0),
                source: Source::new("test"),
                event_type: "noted".into(),
                data: Arc::from(to_raw_value(&()).unwrap()),
            }));
        }
        recent
    }

    fn from(recent: &Recent, next: u64) -> Option<Vec<u64>> {
        Some(recent.starting_at(Seq(next))?.map(|event| event.seq.0).collect())
    }

    #[test]
    fn recent_events_are_given_from_any_position_that_is_kept() {
        let recent = recent(3, 1..=5);
        let kept = [2, 3, 4, 5, 6].map(|next| from(&recent, next));
        assert_eq!(kept, [None, Some(vec![3, 4, 5]), Some(vec![4, 5]), Some(vec![5]), None]);
        assert_eq!(
            [1, 2, 3, 6].map(|next| recent.overran(Seq(next))),
            [true, true, false, false]
        );
    }

    #[test]
    fn event_announced_twice_is_kept_once_and_one_behind_a_hole_begins_anew() {
        assert_eq!(from(&recent(9, [1, 2, 2, 1, 3]), 1), Some(vec![1, 2, 3]));
        let holed = recent(9, [1, 2, 5, 6]);
        assert_eq!(from(&holed, 2), None);
        assert_eq!(from(&holed, 5), Some(vec![5, 6]));
        assert!(!holed.overran(Seq(2)), "a hole is nobody's slowness");
    }
}
