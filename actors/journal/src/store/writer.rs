//! The writer: one transaction for a group of appends, a savepoint for each.
//!
//! Owns: the write connection and, on lease, the projections. Fails with [`rusqlite::Error`] when the storage does: the
//! group is rolled back as a whole. An append that is refused for itself is rolled back alone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Event, NewEvent, Seq, Source, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::apply::{Fault, apply, run};
use super::retention::{Retention, Trim};
use super::{catch_up, connection, integrity, read, retention, schema};
use crate::notes::Note;
use crate::{Append, AppendError, Appended, CheckpointUpdate, JournalConfig, JournalError, Projection};

/// How long an orderly end waits for readers.
const SETTLE_WITHIN: Duration = Duration::from_secs(1);

/// The numbers of the kinds, by source and type.
pub(super) type KindIds = HashMap<(Source, Arc<str>), i64>;

/// The projections, lent to one writer at a time.
pub(crate) type Projections = Arc<Mutex<Option<Vec<Box<dyn Projection>>>>>;

/// The right to write: whoever holds the projections. Given back on drop, also by a panic.
///
/// **Invariant:** there is never more than one writer in the process. A writer that hangs in the disk keeps its lease,
/// and its successor does not start before it has let go.
pub(crate) struct Lease {
    home: Projections,
    pub(super) projections: Vec<Box<dyn Projection>>,
}

impl Lease {
    /// Takes the projections from their home, if they are there.
    pub(crate) fn take(home: &Projections) -> Result<Lease, JournalError> {
        let projections = home.lock().take().ok_or(JournalError::WriterBusy)?;
        Ok(Lease {
            home: Arc::clone(home),
            projections,
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.home.lock() = Some(std::mem::take(&mut self.projections));
    }
}

/// An append that is in the journal.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The answer to its producer.
    pub(crate) appended: Appended,
    /// What subscribers get; empty for a retry of what was in already.
    pub(crate) events: Vec<Arc<Event>>,
}

/// Why an append did not go in.
enum Refusal {
    /// For itself; its neighbours go on.
    Append(AppendError),
    /// The storage failed; nobody goes on.
    Storage(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        Refusal::Storage(error)
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Refusal {
        Refusal::Append(error)
    }
}

/// The one writer.
pub(crate) struct Store {
    // Dropped before the lease: whoever takes the lease next finds the connection closed.
    pub(super) connection: Connection,
    kinds: KindIds,
    retention: Retention,
    lease: Lease,
}

impl Store {
    /// Opens the file, migrates it, verifies its end, and fills the projections up to it.
    pub(crate) fn open(config: &JournalConfig, lease: Lease) -> Result<Store, JournalError> {
        let connection = connection::open_writer(config)?;
        Store::over(config, lease, connection, None)
    }

    /// Takes over a connection to a file that looks sound. `first` is where a new file begins to count.
    pub(super) fn over(
        config: &JournalConfig,
        mut lease: Lease,
        mut connection: Connection,
        first: Option<Seq>,
    ) -> Result<Store, JournalError> {
        schema::migrate_journal(&mut connection)?;
        if let Some(first) = first {
            retention::begin_at(&connection, first)?;
        }
        integrity::verify(&connection)?;
        let mut kinds = kinds(&connection)?;
        catch_up::catch_up(&mut connection, &mut lease.projections, &mut kinds)?;
        Ok(Store {
            connection,
            kinds,
            retention: Retention::new(config),
            lease,
        })
    }

    /// The newest event's position in the file.
    pub(crate) fn head(&self) -> rusqlite::Result<Seq> {
        read::head(&self.connection)
    }

    /// The lowest position that is kept.
    pub(crate) fn floor(&self) -> rusqlite::Result<Seq> {
        read::floor(&self.connection)
    }

    /// Events of the file, for those who missed their announcement.
    pub(crate) fn page(&self, next: Seq) -> rusqlite::Result<read::Page> {
        read::page(&self.connection, next, &crate::EventFilter::all())
    }

    /// Stores a group of appends in one transaction. Returns after COMMIT, with an answer for each.
    pub(crate) fn commit(&mut self, group: Vec<Append>) -> rusqlite::Result<Vec<Result<Stored, AppendError>>> {
        self.transact(|writer| group.into_iter().map(|append| writer.write(append)).collect())
    }

    /// Takes a step of retention, if the configuration asks for it.
    pub(crate) fn trim(&mut self, wall: Timestamp, now: Instant) -> rusqlite::Result<Option<Trim>> {
        if !self.retention.limited() {
            return Ok(None);
        }
        self.retention.step(&mut self.connection, wall, now).map(Some)
    }

    /// Says in the journal what retention has removed since it was last said.
    pub(crate) fn tell_trimmed(&mut self) -> rusqlite::Result<Option<Stored>> {
        let Some((told, floor)) = retention::untold(&self.connection)? else {
            return Ok(None);
        };
        let note = Note::Trimmed {
            from: told,
            to: Seq(floor.0.saturating_sub(1)),
            count: floor.0.saturating_sub(told.0),
        };
        let append = note.append()?;
        let answer = self.transact(|writer| {
            writer.tx.execute("UPDATE retention SET told_seq = floor_seq", [])?;
            writer.write(append)
        })?;
        Ok(answer
            .inspect_err(|error| tracing::error!(%error, "trimming could not be noted"))
            .ok())
    }

    /// Empties the write-ahead log: the sign of an orderly end, also when readers keep the file open until the process
    /// is gone.
    pub(crate) fn settle(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(SETTLE_WITHIN)?;
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Has the file checked as a whole at the next start.
    pub(crate) fn suspect(&self) {
        if let Some(path) = self.connection.path() {
            integrity::suspect(Path::new(path));
        }
    }

    /// Tries whether the storage takes so many bytes.
    pub(crate) fn probe(&mut self, bytes: u32) -> rusqlite::Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO probe VALUES (1, zeroblob(?1))", [bytes])?;
        self.connection.execute("DELETE FROM probe", [])?;
        Ok(())
    }

    fn transact<T>(&mut self, work: impl FnOnce(&mut GroupWriter<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writer = GroupWriter::new(&tx, &mut self.kinds, &mut self.lease.projections)?;
        let answers = work(&mut writer);
        let written = answers.and_then(|answers| writer.finish().map(|()| answers));
        let committed = written.and_then(|answers| tx.commit().map(|()| answers));
        if committed.is_err() {
            // Kinds of the group are gone with it. Should this read fail too, the next group fails and comes by here.
            self.kinds = kinds(&self.connection).unwrap_or_default();
        }
        committed
    }
}

/// One transaction under way.
pub(super) struct GroupWriter<'a> {
    tx: &'a Transaction<'a>,
    head: Seq,
    kinds: &'a mut KindIds,
    projections: &'a mut [Box<dyn Projection>],
}

impl<'a> GroupWriter<'a> {
    pub(super) fn new(
        tx: &'a Transaction<'a>,
        kinds: &'a mut KindIds,
        projections: &'a mut [Box<dyn Projection>],
    ) -> rusqlite::Result<GroupWriter<'a>> {
        Ok(GroupWriter {
            head: read::head(tx)?,
            tx,
            kinds,
            projections,
        })
    }

    /// Writes one append behind a savepoint. The outer error is the storage's and ends the group.
    fn write(&mut self, append: Append) -> rusqlite::Result<Result<Stored, AppendError>> {
        let (head, kinds) = (self.head, self.kinds.len());
        run(self.tx, "SAVEPOINT append")?;
        match self.try_write(append) {
            Ok(stored) => {
                run(self.tx, "RELEASE append")?;
                Ok(Ok(stored))
            }
            Err(Refusal::Append(error)) => {
                run(self.tx, "ROLLBACK TO append")?;
                run(self.tx, "RELEASE append")?;
                self.head = head;
                self.kinds
                    .retain(|_, id| usize::try_from(*id).is_ok_and(|id| id <= kinds));
                Ok(Err(error))
            }
            Err(Refusal::Storage(error)) => Err(error),
        }
    }

    fn try_write(&mut self, append: Append) -> Result<Stored, Refusal> {
        if let Some(update) = &append.checkpoint
            && let Some(before) = self.stored_before(&append.producer, update)?
        {
            let events = Vec::new();
            return Ok(Stored {
                appended: before,
                events,
            });
        }
        let first = self.head.next();
        let mut events = Vec::with_capacity(append.events.len());
        for new in append.events {
            let event = self.insert(new)?;
            self.project(&event)?;
            events.push(Arc::new(event));
        }
        let mut appended = Appended {
            first,
            last: self.head,
            version: 0,
        };
        if let Some(update) = &append.checkpoint {
            appended.version = update.expect.saturating_add(1);
            self.move_checkpoint(&append.producer, update, &appended)?;
        }
        Ok(Stored { appended, events })
    }

    /// Compares the checkpoint: `None` = go on, `Some` = this very append is in already.
    fn stored_before(&self, producer: &str, update: &CheckpointUpdate) -> Result<Option<Appended>, Refusal> {
        let row = self
            .tx
            .prepare_cached("SELECT version, writer, first_seq, last_seq FROM checkpoint WHERE producer = ?1")?
            .query_row([producer], |row| {
                let writer: i64 = row.get(1)?;
                let appended = Appended {
                    first: read::from_sql(row.get(2)?),
                    last: read::from_sql(row.get(3)?),
                    version: row.get::<_, i64>(0)?.cast_unsigned(),
                };
                Ok((writer.cast_unsigned(), appended))
            })
            .optional()?;
        let stored = row.map_or(0, |(_, appended)| appended.version);
        match row {
            _ if stored == update.expect => Ok(None),
            Some((writer, before)) if before.version == update.expect.saturating_add(1) && writer == update.writer => {
                Ok(Some(before))
            }
            _ => Err(AppendError::Conflict { stored }.into()),
        }
    }

    fn move_checkpoint(&self, producer: &str, update: &CheckpointUpdate, by: &Appended) -> rusqlite::Result<()> {
        self.tx
            .prepare_cached(
                "INSERT INTO checkpoint (producer, version, writer, data, first_seq, last_seq)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (producer) DO UPDATE SET version = excluded.version, writer = excluded.writer,
                 data = excluded.data, first_seq = excluded.first_seq, last_seq = excluded.last_seq",
            )?
            .execute(params![
                producer,
                by.version.cast_signed(),
                update.writer.cast_signed(),
                update.data,
                read::to_sql(by.first),
                read::to_sql(by.last),
            ])?;
        Ok(())
    }

    pub(super) fn insert(&mut self, new: NewEvent) -> rusqlite::Result<Event> {
        let kind = self.kind(&new.source, &new.event_type)?;
        let seq = self.head.next();
        self.tx
            .prepare_cached("INSERT INTO entry (seq, at_ms, kind, data) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![read::to_sql(seq), new.at.unix_ms(), kind, new.data.get()])?;
        self.head = seq;
        Ok(Event {
            seq,
            at: new.at,
            source: new.source,
            event_type: new.event_type,
            data: new.data,
        })
    }

    /// The number of a kind. Numbers are dense, so that a rolled back savepoint's kinds are told by theirs.
    fn kind(&mut self, source: &Source, event_type: &Arc<str>) -> rusqlite::Result<i64> {
        let key = (source.clone(), Arc::clone(event_type));
        if let Some(id) = self.kinds.get(&key) {
            return Ok(*id);
        }
        let id = i64::try_from(self.kinds.len()).unwrap_or(i64::MAX).saturating_add(1);
        self.tx
            .prepare_cached("INSERT INTO kind (id, source, type) VALUES (?1, ?2, ?3)")?
            .execute(params![id, source.as_str(), &**event_type])?;
        self.kinds.insert(key, id);
        Ok(id)
    }

    fn project(&mut self, event: &Event) -> Result<(), Refusal> {
        for projection in &mut *self.projections {
            let name = projection.name();
            apply(projection.as_mut(), self.tx, event).map_err(|fault| match fault {
                Fault::Storage(error) | Fault::Ended(error) => Refusal::Storage(error),
                Fault::Refused(reason) => Refusal::Append(AppendError::Projection {
                    name,
                    event_type: event.event_type.to_string(),
                    reason,
                }),
            })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> rusqlite::Result<()> {
        for projection in &*self.projections {
            catch_up::set_applied(self.tx, projection.name(), self.head)?;
        }
        Ok(())
    }
}

fn kinds(connection: &Connection) -> rusqlite::Result<KindIds> {
    let mut query = connection.prepare("SELECT source, type, id FROM kind")?;
    let rows = query.query_map([], |row| {
        let key = (Source::new(row.get_ref(0)?.as_str()?), row.get_ref(1)?.as_str()?.into());
        Ok((key, row.get(2)?))
    })?;
    rows.collect()
}
