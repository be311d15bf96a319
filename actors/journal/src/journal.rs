//! The handle that everybody holds: appends go to the writer, reads to the pool, subscriptions to the ring.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kernel::{ChildRef, ChildSpec};
use model::{Event, Seq};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::actor::{JournalActor, MAILBOX, StoreAppend};
use crate::shared::Shared;
use crate::store::{self, Projections};
use crate::{
    Append, AppendError, Appended, BackupReport, Checkpoint, EventFilter, EventQuery, JournalConfig, JournalError,
    JournalStatus, Opened, Projection, SignalBoard, Subscription,
};

/// The journal, as everybody holds it. Clones are handles to the same journal; they outlive every restart of the writer.
///
/// Methods marked *blocking* read the file: call them from `web::block` or `spawn_blocking`, not from a handler.
#[derive(Clone)]
pub struct Journal {
    path: Arc<Path>,
    opened: Arc<Opened>,
    shared: Arc<Shared>,
    writer: ChildRef<JournalActor>,
    /// One permit for each place in the writer's mailbox: producers wait here instead of being turned away.
    places: Arc<Semaphore>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the file, checks it, makes or migrates its tables, and fills the projections from the events that they
    /// missed. What was found is told by [`Journal::opened`].
    ///
    /// A damaged file is set aside, never deleted, and a new journal begins behind the highest position that could be
    /// read in it; its first event says so.
    ///
    /// Blocking; a new projection on a long journal takes its time here. The writer runs once the returned child does;
    /// until then appends wait and everything else works.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a journal, is newer than this build, or is damaged and cannot be set aside.
    pub fn open(
        config: &JournalConfig,
        projections: Vec<Box<dyn Projection>>,
    ) -> Result<(Journal, ChildSpec<JournalActor>), JournalError> {
        refuse_namesakes(&projections)?;
        let home: Projections = Arc::new(Mutex::new(Some(projections)));
        let opened = store::start(config, &home)?;
        let shared = Arc::new(Shared::new(config, opened.head, opened.floor)?);
        let child = JournalActor::child(config.clone(), Arc::clone(&shared), home);
        let journal = Journal {
            path: Arc::from(config.path.as_path()),
            opened: Arc::new(opened),
            shared,
            writer: child.child_ref(),
            places: Arc::new(Semaphore::new(MAILBOX.get())),
        };
        Ok((journal, child))
    }

    /// Stores events and moves the producer's checkpoint, in one transaction. Answers after COMMIT.
    ///
    /// Waits for a place in the queue, and for the writer while it restarts, within `limit`.
    ///
    /// # Errors
    /// See [`AppendError`]: each variant says whether the same append may be tried again.
    pub async fn append(&self, append: Append, limit: Duration) -> Result<Appended, AppendError> {
        append.check()?;
        let deadline = Instant::now() + limit;
        let place = timeout_at(deadline, self.places.acquire()).await;
        let _place = place.map_err(|_| AppendError::Unavailable)?;
        let up = timeout_at(deadline, self.writer.wait_up(0)).await;
        up.map_err(|_| AppendError::Unavailable)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = self.writer.ask(StoreAppend(append), left).await;
        answer.unwrap_or(Err(AppendError::Unavailable))
    }

    /// A producer's checkpoint, `None` before its first. *Blocking.*
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checkpoint(&self, producer: &str) -> Result<Option<Checkpoint>, JournalError> {
        self.shared.read(|connection| store::checkpoint(connection, producer))
    }

    /// The newest committed event, [`Seq::ZERO`] if there is none.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.shared.head()
    }

    /// The lowest position that is still kept: a journal without retention keeps everything from 1 on.
    #[must_use]
    pub fn floor(&self) -> Seq {
        self.shared.floor()
    }

    /// What opening the file came to.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// A page of events. *Blocking.*
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>, JournalError> {
        self.shared.read(|connection| store::events(connection, query))
    }

    /// Runs a projection's query on a read-only connection, in one snapshot: several statements see the same state,
    /// and rows never lag behind the events. *Blocking.*
    ///
    /// # Errors
    /// When no connection is free, or the query fails.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        self.shared.read(f)
    }

    /// How many may read at a time; further readers wait.
    #[must_use]
    pub fn read_connections(&self) -> u32 {
        self.shared.read_connections()
    }

    /// Follows the journal: the events behind `since` from the file, then live ones. `None` begins with the next event.
    ///
    /// A `since` ahead of the head (from another station's journal, say) begins with the next event too.
    #[must_use]
    pub fn subscribe(&self, since: Option<Seq>, filter: EventFilter) -> Subscription {
        Subscription::new(Arc::clone(&self.shared), since, filter)
    }

    /// Copies the journal as it is now to the new file `to`, while appends go on. *Blocking*, see [`crate::backup`].
    ///
    /// # Errors
    /// When `to` exists, or a disk refuses.
    pub fn backup(&self, to: &Path) -> Result<BackupReport, JournalError> {
        store::backup(&self.path, to)
    }

    /// The board of present values.
    #[must_use]
    pub fn signals(&self) -> &SignalBoard {
        &self.shared.signals
    }

    /// Whether the storage takes what it is given.
    #[must_use]
    pub fn status(&self) -> JournalStatus {
        self.shared.status()
    }
}

/// A projection's name owns rows in the file; two owners would corrupt each other.
fn refuse_namesakes(projections: &[Box<dyn Projection>]) -> Result<(), JournalError> {
    let mut names: Vec<&'static str> = projections.iter().map(|projection| projection.name()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(JournalError::DuplicateProjection(
            pair.first().copied().unwrap_or_default(),
        )),
        None => Ok(()),
    }
}
