//! What happened in the tree since its launch: numbered, bounded, readable from any position.
//!
//! A reader that remembers the number of the last change it dealt with goes on behind it after its own restart, and hears
//! of what happened before it was there. Nobody waits for a reader: one that falls too far behind is told how much it
//! missed.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::WallTime;
use crate::id::ChildPath;
use crate::tree::{Change, TreeChange};

/// Changes that are kept: those of a bad hour, in some hundred kilobytes.
const CHANGES_KEPT: usize = 1024;

/// The newest changes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    kept: Mutex<VecDeque<TreeChange>>,
    /// The number of the newest; 0 before the first.
    newest: watch::Sender<u64>,
}

impl ChangeLog {
    pub(crate) fn note(&self, path: &ChildPath, incarnation: u64, change: Change) {
        let mut kept = self.kept.lock();
        let number = self.newest() + 1;
        if kept.len() == CHANGES_KEPT {
            kept.pop_front();
        }
        kept.push_back(TreeChange {
            number,
            at: WallTime::now(),
            path: path.clone(),
            incarnation,
            change,
        });
        // Under the lock, so that the numbers follow each other.
        self.newest.send_replace(number);
    }

    pub(crate) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// What a reader hears that wants the change `number` next; nothing if that has not happened yet.
    fn read(&self, number: u64) -> Option<Heard> {
        let kept = self.kept.lock();
        let oldest = kept.front()?.number;
        if number < oldest {
            return Some(Heard::Missed(oldest - number));
        }
        let at = usize::try_from(number - oldest).ok()?;
        kept.get(at).cloned().map(Heard::Change)
    }
}

/// What a reader of the changes hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The next change.
    Change(TreeChange),
    /// So many changes are not kept any more. Those behind them follow.
    Missed(u64),
}

/// A reader's way through the changes of the tree.
#[derive(Clone, Debug)]
pub struct Changes {
    log: Arc<ChangeLog>,
    /// The number of the newest change that was heard or missed.
    position: u64,
}

impl Changes {
    pub(crate) fn after(log: &Arc<ChangeLog>, position: u64) -> Changes {
        Changes {
            log: Arc::clone(log),
            position,
        }
    }

    /// The number of the newest change that was heard or missed: go on behind this one.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Waits for the next. Cancel safe.
    pub async fn next(&mut self) -> Heard {
        let mut newest = self.log.newest.subscribe();
        loop {
            if let Some(heard) = self.try_next() {
                return heard;
            }
            let position = self.position;
            // The sender lives in the log, which this reader holds: the wait ends with a value only.
            drop(newest.wait_for(|newest| *newest > position).await);
        }
    }

    /// The next, if there is one already.
    pub fn try_next(&mut self) -> Option<Heard> {
        let heard = self.log.read(self.position + 1)?;
        self.position += match &heard {
            Heard::Change(_) => 1,
            Heard::Missed(count) => *count,
        };
        Some(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(changes: u64) -> Arc<ChangeLog> {
        let log = Arc::new(ChangeLog::default());
        for incarnation in 1..=changes {
            log.note(&ChildPath::root(), incarnation, Change::Starting);
        }
        log
    }

    fn numbers(mut changes: Changes) -> Vec<Result<u64, u64>> {
        let heard = std::iter::from_fn(|| changes.try_next());
        heard
            .map(|heard| match heard {
                Heard::Change(change) => Ok(change.number),
                Heard::Missed(count) => Err(count),
            })
            .collect()
    }

    #[test]
    fn reader_hears_each_change_once_from_where_it_wants() {
        let log = log(3);
        assert_eq!(numbers(Changes::after(&log, 0)), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(numbers(Changes::after(&log, 2)), [Ok(3)]);
        assert_eq!(numbers(Changes::after(&log, 3)), []);
    }

    #[test]
    fn reader_that_is_too_slow_is_told_how_much_it_missed_and_goes_on() {
        let kept = u64::try_from(CHANGES_KEPT).unwrap();
        let heard = numbers(Changes::after(&log(kept + 5), 0));
        assert_eq!(heard[..2], [Err(5), Ok(6)]);
        assert_eq!((heard.len(), heard.last()), (CHANGES_KEPT + 1, Some(&Ok(kept + 5))));
    }

    #[tokio::test]
    async fn reader_at_the_end_waits_for_the_next_change() {
        let log = log(1);
        let mut changes = Changes::after(&log, 1);
        let noted = async { log.note(&ChildPath::root(), 7, Change::Stopping) };
        let (heard, ()) = tokio::join!(changes.next(), noted);
        assert!(matches!(heard, Heard::Change(change) if (change.number, change.incarnation) == (2, 7)));
        assert_eq!(changes.position(), 2);
    }
}
