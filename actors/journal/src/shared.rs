//! What the handles, the subscriptions and every incarnation of the writer have in common.
//!
//! Owns: what survives a restart of the writer: read pool, the newest events, head, status, signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Event, Seq, Timestamp};
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::recent::Recent;
use crate::store::{self, Page, ReadPool};
use crate::{EventFilter, JournalConfig, JournalError, JournalStatus, SignalBoard};

/// The part of the journal that never restarts.
pub(crate) struct Shared {
    pool: ReadPool,
    floor: AtomicU64,
    recent: RwLock<Recent>,
    /// The newest event that is committed and announced. Moves once for each announcement, however many events it has.
    head: watch::Sender<Seq>,
    status: Mutex<JournalStatus>,
    pub(crate) signals: SignalBoard,
}

impl Shared {
    pub(crate) fn new(config: &JournalConfig, head: Seq, floor: Seq) -> Result<Shared, JournalError> {
        Ok(Shared {
            pool: store::read_pool(config)?,
            floor: AtomicU64::new(floor.0),
            recent: RwLock::new(Recent::new(head, config.live_ring)),
            head: watch::Sender::new(head),
            status: Mutex::default(),
            signals: SignalBoard::default(),
        })
    }

    /// The newest event that is committed and announced.
    pub(crate) fn head(&self) -> Seq {
        *self.head.borrow()
    }

    /// The lowest position that is kept.
    pub(crate) fn floor(&self) -> Seq {
        Seq(self.floor.load(Ordering::Acquire))
    }

    pub(crate) fn raise_floor(&self, floor: Seq) {
        self.floor.fetch_max(floor.0, Ordering::AcqRel);
    }

    /// Watches the head.
    pub(crate) fn listen(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Looks at the newest events, which end at the head or beyond what a watch of it has seen.
    pub(crate) fn recent<T>(&self, look: impl FnOnce(&Recent) -> T) -> T {
        look(&self.recent.read())
    }

    /// Tells the subscribers of committed events. Only the writer calls this, in order of `seq`.
    pub(crate) fn announce(&self, events: Vec<Arc<Event>>) {
        let newest = {
            let mut recent = self.recent.write();
            for event in events {
                recent.push(event);
            }
            recent.newest()
        };
        self.head.send_if_modified(|head| {
            let moved = *head < newest;
            *head = newest.max(*head);
            moved
        });
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
