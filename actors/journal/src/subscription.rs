//! A subscriber's way through the journal: replay from the file, then live, without a seam.
//!
//! ```text
//!            next == live event's seq: deliver              next < live event's seq, or ring overrun (Lagged): read the file
//! Live ◀────────────────────────────────────────▶ Replay    next > head: caught up
//! ```
//!
//! Owns: the position `next`, nothing else counts. A live event ahead of it means that something was missed and is read
//! from the file; one behind it was delivered already. So each event is delivered once, whatever the ring did.
//! The file is read a page at a time on the blocking pool; an executor thread never waits for the disk.
//! Fails never: when the file cannot be read, it is tried again after a while; positions are not skipped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::{Event, Seq};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::shared::Shared;
use crate::store::Page;
use crate::{EventFilter, JournalError};

/// Pause before a failed read is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The next event.
    Event(Arc<Event>),
    /// The events from `from` to `to`, both included, do not come live: the subscriber was too slow for the live ring.
    /// They follow from the file, later than they happened, and none is lost, with one exception: retention has removed
    /// those below [`crate::Journal::floor`]. A subscriber that asks for such ones is told the whole gap, from the first
    /// to the last removed position, and goes on with the oldest event that is kept.
    Lagged {
        /// The first position that came late.
        from: Seq,
        /// The last one.
        to: Seq,
    },
}

/// Events as they are committed, in order, each once.
pub struct Subscription {
    shared: Arc<Shared>,
    filter: Arc<EventFilter>,
    /// The first position that has neither been delivered nor passed over by the filter.
    next: Seq,
    /// Positions below this one are in the file and are read from there.
    replay_to: Seq,
    /// Overrunning the ring is worth a word only to a subscriber that was live; one that reads history is behind anyway.
    live: bool,
    ring: Receiver<Arc<Event>>,
    /// What retention had removed before it was read.
    removed: Option<(Seq, Seq)>,
    ready: VecDeque<Arc<Event>>,
    reading: Option<JoinHandle<Result<Page, JournalError>>>,
}

impl Subscription {
    /// The ring is joined before the head is read: what is committed in between is in both, and `next` tells.
    pub(crate) fn new(shared: Arc<Shared>, since: Option<Seq>, filter: EventFilter) -> Subscription {
        let ring = shared.listen();
        let head = shared.head();
        let since = since.map_or(head, |since| since.min(head));
        Subscription {
            next: since.next(),
            replay_to: head.next(),
            live: since == head,
            filter: Arc::new(filter),
            ring,
            removed: None,
            ready: VecDeque::new(),
            reading: None,
            shared,
        }
    }

    /// Waits for the next delivery. Cancel safe; needs a tokio runtime.
    pub async fn next(&mut self) -> Delivery {
        loop {
            if let Some((from, to)) = self.removed.take() {
                return Delivery::Lagged { from, to };
            }
            if let Some(event) = self.ready.pop_front() {
                return Delivery::Event(event);
            }
            if self.next < self.replay_to {
                self.read_page().await;
            } else if let Some(delivery) = self.next_live().await {
                return delivery;
            }
        }
    }

    /// The position up to which everything has been delivered or passed over: resume with this one.
    #[must_use]
    pub fn position(&self) -> Seq {
        let ahead = self.ready.front().map_or(self.next, |event| event.seq);
        Seq(ahead.0.saturating_sub(1))
    }

    async fn next_live(&mut self) -> Option<Delivery> {
        match self.ring.recv().await {
            Ok(event) if event.seq < self.next => None,
            Ok(event) if event.seq == self.next => {
                self.next = event.seq.next();
                self.live = true;
                self.filter.matches(&event).then_some(Delivery::Event(event))
            }
            Ok(event) => {
                self.replay_to = event.seq.next();
                None
            }
            Err(RecvError::Lagged(_)) => {
                let (from, to) = (self.next, self.shared.head());
                self.replay_to = to.next();
                let was_live = std::mem::replace(&mut self.live, false);
                (was_live && from <= to).then_some(Delivery::Lagged { from, to })
            }
            // The ring lives in `shared`, which this subscription holds.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Reads the next page. The read under way is kept in `self`: a cancelled call loses nothing.
    async fn read_page(&mut self) {
        let (shared, filter, next) = (&self.shared, &self.filter, self.next);
        let reading = self.reading.get_or_insert_with(|| {
            let (shared, filter) = (Arc::clone(shared), Arc::clone(filter));
            tokio::task::spawn_blocking(move || shared.page(next, &filter))
        });
        let outcome = reading.await;
        self.reading = None;
        match outcome {
            Ok(Ok(page)) if page.next <= self.next => self.pause("the file ends before its head".to_owned()).await,
            Ok(Ok(page)) => {
                if self.next < page.floor {
                    self.removed = Some((self.next, Seq(page.floor.0.saturating_sub(1))));
                }
                self.next = page.next;
                self.ready = page.events.into();
            }
            Ok(Err(error)) => self.pause(error.to_string()).await,
            Err(error) => self.pause(error.to_string()).await,
        }
    }

    async fn pause(&self, error: String) {
        tracing::warn!(error, next = self.next.0, "replay waits for the file");
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{NewEvent, Source, Timestamp};
    use parking_lot::Mutex;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::store::{Lease, Store};
    use crate::{Append, JournalConfig};

    fn noted() -> Append {
        Append {
            producer: "p".into(),
            events: vec![NewEvent {
                at: Timestamp::from_unix_ms(0),
                source: Source::new("test"),
                event_type: "noted".into(),
                data: Arc::from(to_raw_value(&()).unwrap()),
            }],
            checkpoint: None,
        }
    }

    #[tokio::test]
    async fn event_committed_but_never_announced_is_read_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig {
            path: dir.path().join("journal.db"),
            ..JournalConfig::default()
        };
        let home = Arc::new(Mutex::new(Some(vec![])));
        let mut store = Store::open(&config, Lease::take(&home).unwrap()).unwrap();
        let shared = Arc::new(Shared::new(&config, Seq::ZERO, Seq(1)).unwrap());
        let mut subscription = Subscription::new(Arc::clone(&shared), None, EventFilter::all());
        let stored = store.commit(vec![noted(), noted(), noted()]).unwrap();
        let newest = stored.into_iter().next_back().unwrap().unwrap();
        shared.announce(newest.events.clone());
        shared.announce(newest.events);
        shared.announce(store.commit(vec![noted()]).unwrap().remove(0).unwrap().events);
        for seq in 1..=4 {
            let delivery = tokio::time::timeout(Duration::from_secs(20), subscription.next())
                .await
                .unwrap();
            assert!(
                matches!(delivery, Delivery::Event(event) if event.seq == Seq(seq)),
                "{seq}"
            );
        }
    }
}
