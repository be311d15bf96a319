//! What the handles, the subscriptions and every incarnation of the writer have in common.
//!
//! Owns: what survives a restart of the writer: read pool, live ring, head, status, signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Event, Seq, Timestamp};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::broadcast;

use crate::store::{self, Page, ReadPool};
use crate::{EventFilter, JournalConfig, JournalError, JournalStatus, SignalBoard};

/// The part of the journal that never restarts.
pub(crate) struct Shared {
    pool: ReadPool,
    head: AtomicU64,
    floor: AtomicU64,
    ring: broadcast::Sender<Arc<Event>>,
    status: Mutex<JournalStatus>,
    pub(crate) signals: SignalBoard,
}

impl Shared {
    pub(crate) fn new(config: &JournalConfig, head: Seq, floor: Seq) -> Result<Shared, JournalError> {
        Ok(Shared {
            pool: store::read_pool(config)?,
            head: AtomicU64::new(head.0),
            floor: AtomicU64::new(floor.0),
            ring: broadcast::Sender::new(config.live_ring),
            status: Mutex::default(),
            signals: SignalBoard::default(),
        })
    }

    /// The newest event that is committed and announced.
    pub(crate) fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Acquire))
    }

    /// The lowest position that is kept.
    pub(crate) fn floor(&self) -> Seq {
        Seq(self.floor.load(Ordering::Acquire))
    }

    pub(crate) fn raise_floor(&self, floor: Seq) {
        self.floor.fetch_max(floor.0, Ordering::AcqRel);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.ring.subscribe()
    }

    /// Tells the subscribers of committed events. Only the writer calls this, in order of `seq`.
    pub(crate) fn announce(&self, events: Vec<Arc<Event>>) {
        if let Some(newest) = events.last() {
            self.head.store(newest.seq.0, Ordering::Release);
        }
        for event in events {
            if self.ring.send(event).is_err() {
                // Nobody listens.
                return;
            }
        }
    }

    pub(crate) fn status(&self) -> JournalStatus {
        self.status.lock().clone()
    }

    pub(crate) fn note_commit(&self) {
        let before = std::mem::take(&mut *self.status.lock());
        if before != JournalStatus::Ok {
            tracing::info!("journal storage works again");
        }
    }

    pub(crate) fn note_failure(&self, reason: &str) {
        let mut status = self.status.lock();
        if *status == JournalStatus::Ok {
            tracing::error!(error = reason, "journal storage fails");
        }
        status.degrade(Timestamp::now(), reason.to_owned());
    }

    /// Runs `f` in one snapshot of the file.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let connection = self.pool.get()?;
        let snapshot = connection.unchecked_transaction()?;
        Ok(f(&snapshot)?)
    }

    pub(crate) fn read_connections(&self) -> u32 {
        self.pool.max_size()
    }

    pub(crate) fn page(&self, next: Seq, filter: &EventFilter) -> Result<Page, JournalError> {
        self.read(|connection| store::page(connection, next, filter))
    }
}
