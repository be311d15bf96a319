//! Signals: the present values. Latest wins; nothing is stored, nothing queues.
//!
//! Owns: one slot for each (source, name), ordered by the time of its last change. A watcher remembers how far it has
//! seen; whatever changed since then, it gets once, as it is now. A slow watcher costs nothing and skips values.
//! Fails when: more than [`SIGNALS_MAX`] names are in use; further names are refused, those in use go on.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use model::{Signal, Source, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

/// Most (source, name) pairs on the board. A mesh of some hundred nodes with a few values each fits well.
pub const SIGNALS_MAX: usize = 4096;

/// The board of present values; clones are handles to the same board.
#[derive(Clone, Debug)]
pub struct SignalBoard {
    slots: Arc<Mutex<Slots>>,
    changes: watch::Sender<u64>,
}

type Name = (Source, Arc<str>);

/// **Invariant:** `by_change` has one entry for each in `last_change`, under the number that it names.
#[derive(Debug, Default)]
struct Slots {
    changes: u64,
    last_change: HashMap<Name, u64>,
    by_change: BTreeMap<u64, Signal>,
}

impl Slots {
    fn set(&mut self, signal: Signal) -> Option<u64> {
        let name = (signal.source.clone(), Arc::clone(&signal.name));
        match self.last_change.get(&name) {
            Some(old) => {
                self.by_change.remove(old);
            }
            None if self.last_change.len() >= SIGNALS_MAX => return None,
            None => {}
        }
        self.changes += 1;
        self.last_change.insert(name, self.changes);
        self.by_change.insert(self.changes, signal);
        Some(self.changes)
    }

    fn since(&self, seen: u64) -> Vec<Signal> {
        let newer = (Bound::Excluded(seen), Bound::Unbounded);
        self.by_change.range(newer).map(|(_, signal)| signal.clone()).collect()
    }
}

impl Default for SignalBoard {
    fn default() -> SignalBoard {
        SignalBoard {
            slots: Arc::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl SignalBoard {
    /// Replaces the value of this source and name. `false`: the board is full, and the name is new.
    pub fn set(&self, signal: Signal) -> bool {
        let change = self.slots.lock().set(signal);
        if let Some(change) = change {
            self.changes.send_modify(|latest| *latest = change.max(*latest));
        }
        change.is_some()
    }

    /// Shows `value` under this name, as of now. One that cannot be written is a bug, and told in the log.
    pub fn show(&self, source: &Source, name: &str, value: &impl Serialize) {
        match serde_json::value::to_raw_value(value) {
            Ok(data) => {
                let signal = Signal {
                    at: Timestamp::now(),
                    source: source.clone(),
                    name: name.into(),
                    data: data.into(),
                };
                if !self.set(signal) {
                    tracing::warn!(%source, name, "the signal board is full");
                }
            }
            Err(error) => tracing::error!(%error, %source, name, "signal not written"),
        }
    }

    /// The present values whose source fits the pattern, those that changed last at the end.
    #[must_use]
    pub fn snapshot(&self, pattern: &str) -> Vec<Signal> {
        let slots = self.slots.lock();
        let fitting = slots.by_change.values().filter(|signal| signal.source.matches(pattern));
        fitting.cloned().collect()
    }

    /// Watches for changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> SignalWatch {
        SignalWatch {
            slots: Arc::clone(&self.slots),
            seen: self.slots.lock().changes,
            changes: self.changes.subscribe(),
        }
    }
}

/// One watcher of the board.
#[derive(Debug)]
pub struct SignalWatch {
    slots: Arc<Mutex<Slots>>,
    seen: u64,
    changes: watch::Receiver<u64>,
}

impl SignalWatch {
    /// Waits for a change, then yields every signal that changed since the last call, each once, oldest change first.
    ///
    /// Cancel safe. Never resolves once the board and all its handles are gone.
    pub async fn changed(&mut self) -> Vec<Signal> {
        let seen = self.seen;
        if self.changes.wait_for(|latest| *latest > seen).await.is_err() {
            return std::future::pending().await;
        }
        let slots = self.slots.lock();
        let changed = slots.since(seen);
        self.seen = slots.changes;
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Timestamp;
    use serde_json::value::RawValue;

    use super::*;

    fn signal(name: &str, value: u32) -> Signal {
        Signal {
            at: Timestamp::from_unix_ms(0),
            source: Source::new("audio.mix"),
            name: name.into(),
            data: Arc::from(RawValue::from_string(value.to_string()).unwrap()),
        }
    }

    fn values(signals: &[Signal]) -> Vec<(&str, &str)> {
        signals
            .iter()
            .map(|signal| (&*signal.name, signal.data.get()))
            .collect()
    }

    async fn soon<T>(what: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(5), what).await.unwrap()
    }

    #[tokio::test]
    async fn slow_watcher_sees_the_latest_value_of_each_signal_once() {
        let board = SignalBoard::default();
        let mut watch = board.subscribe();
        for value in 1..=3 {
            assert!(board.set(signal("vu", value)));
        }
        assert!(board.set(signal("gain", 9)));
        assert!(board.set(signal("vu", 4)));
        assert_eq!(values(&soon(watch.changed()).await), [("gain", "9"), ("vu", "4")]);
        assert!(board.set(signal("gain", 10)));
        assert_eq!(values(&soon(watch.changed()).await), [("gain", "10")]);
    }

    #[tokio::test]
    async fn watcher_is_not_told_what_was_there_before_it_came() {
        let board = SignalBoard::default();
        board.set(signal("vu", 1));
        let mut watch = board.subscribe();
        let quiet = tokio::time::timeout(Duration::from_millis(5), watch.changed()).await;
        assert!(quiet.is_err());
        assert_eq!(values(&board.snapshot("audio.*")), [("vu", "1")]);
        assert!(board.snapshot("power").is_empty());
    }

    #[test]
    fn full_board_refuses_new_names_and_keeps_the_old_ones_going() {
        let board = SignalBoard::default();
        for name in 0..SIGNALS_MAX {
            assert!(board.set(signal(&name.to_string(), 0)));
        }
        assert!(!board.set(signal("one too many", 1)));
        assert!(board.set(signal("7", 1)));
        assert_eq!(board.snapshot("*").len(), SIGNALS_MAX);
    }
}
