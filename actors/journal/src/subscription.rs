//! A subscriber's way through the journal: replay from the file, then live, without a seam.
//!
//! ```text
//!            the newest events have `next`: take some        they begin behind it: read a page of the file
//! Live ◀────────────────────────────────────────▶ Replay
//! ```
//!
//! Owns: the position `next`, nothing else counts. Whoever is woken takes all that is there by then: events that come in
//! one announcement wake a subscriber once.
//! The file is read a page at a time on the blocking pool; an executor thread never waits for the disk.
//! Fails never: when the file cannot be read, it is tried again after a while; positions are not skipped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::{Event, Seq};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::shared::Shared;
use crate::store::Page;
use crate::{EventFilter, JournalError};

/// Pause before a failed read is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Live events that are taken in one go. A subscriber that stops there keeps them in memory until it goes on.
const LIVE_BATCH: usize = 32;

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The next event.
    Event(Arc<Event>),
    /// The events from `from` to `to`, both included, do not come live: the subscriber was more than `live_ring` events behind.
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
    /// Being overrun is worth a word only to a subscriber that had caught up; one that reads history is behind anyway.
    live: bool,
    head: watch::Receiver<Seq>,
    /// What retention had removed before it was read.
    removed: Option<(Seq, Seq)>,
    ready: VecDeque<Arc<Event>>,
    reading: Option<JoinHandle<Result<Page, JournalError>>>,
}

impl Subscription {
    pub(crate) fn new(shared: Arc<Shared>, since: Option<Seq>, filter: EventFilter) -> Subscription {
        let head = shared.listen();
        let newest = *head.borrow();
        let since = since.map_or(newest, |since| since.min(newest));
        Subscription {
            next: since.next(),
            live: since == newest,
            filter: Arc::new(filter),
            head,
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
            if self.reading.is_none() {
                self.wait_for_next().await;
                if let Some(lagged) = self.overrun() {
                    return lagged;
                }
            }
            if self.reading.is_some() || !self.take_live() {
                self.read_page().await;
            }
        }
    }

    /// The position up to which everything has been delivered or passed over: resume with this one.
    #[must_use]
    pub fn position(&self) -> Seq {
        let ahead = self.ready.front().map_or(self.next, |event| event.seq);
        Seq(ahead.0.saturating_sub(1))
    }

    async fn wait_for_next(&mut self) {
        let next = self.next;
        if self.head.wait_for(|head| *head >= next).await.is_err() {
            // The head lives in `shared`, which this subscription holds.
            std::future::pending().await
        }
    }

    /// What to tell a subscriber that had caught up and is now too far behind: once, until it has caught up again.
    fn overrun(&mut self) -> Option<Delivery> {
        if !self.live || !self.shared.recent(|recent| recent.overran(self.next)) {
            return None;
        }
        self.live = false;
        Some(Delivery::Lagged {
            from: self.next,
            to: self.shared.head(),
        })
    }

    /// Takes the next events from memory. `false`: they are in the file only.
    fn take_live(&mut self) -> bool {
        let Subscription {
            shared,
            filter,
            next,
            live,
            ready,
            ..
        } = self;
        shared.recent(|recent| {
            let Some(events) = recent.starting_at(*next) else {
                return false;
            };
            for event in events.take(LIVE_BATCH) {
                *next = event.seq.next();
                if filter.matches(event) {
                    ready.push_back(Arc::clone(event));
                }
            }
            *live |= *next > recent.newest();
            true
        })
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
