//! The writer: one transaction for a group of appends, a savepoint for each.
//!
//! Owns: the write connection and, on lease, the projections. Fails with [`rusqlite::Error`] when the storage does: the
//! group is rolled back as a whole. An append that is refused for itself is rolled back alone.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use model::{Event, NewEvent, Seq, Source};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, ffi, params};

use super::{catch_up, connection, read, schema};
use crate::{
    Append, AppendError, Appended, CheckpointUpdate, JournalConfig, JournalError, Projection, ProjectionError,
};

/// Newest events whose numbering is verified when the file is opened. The rules of the schema keep all of them dense;
/// this notices a file that was mended by hand or by a failing disk where it hurts.
const VERIFIED_EVENTS: i64 = 10_000;

/// The projections, lent to one writer at a time.
pub(crate) type Projections = Arc<Mutex<Option<Vec<Box<dyn Projection>>>>>;

/// The right to write: whoever holds the projections. Given back on drop, also by a panic.
///
/// **Invariant:** there is never more than one writer in the process. A writer that hangs in the disk keeps its lease,
/// and its successor does not start before it has let go.
pub(crate) struct Lease {
    home: Projections,
    projections: Vec<Box<dyn Projection>>,
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
    kinds: HashMap<(Source, Arc<str>), i64>,
    lease: Lease,
}

impl Store {
    /// Opens the file, migrates it, verifies its end, and fills the projections up to it.
    pub(crate) fn open(config: &JournalConfig, mut lease: Lease) -> Result<Store, JournalError> {
        let mut connection = connection::open_writer(config)?;
        schema::migrate_journal(&mut connection)?;
        verify(&connection)?;
        for projection in &mut lease.projections {
            catch_up::catch_up(&mut connection, projection.as_mut())?;
        }
        let kinds = kinds(&connection)?;
        Ok(Store {
            connection,
            kinds,
            lease,
        })
    }

    /// The newest event's position in the file.
    pub(crate) fn head(&self) -> rusqlite::Result<Seq> {
        read::head(&self.connection)
    }

    /// Events of the file, for those who missed their announcement.
    pub(crate) fn page(&self, next: Seq) -> rusqlite::Result<read::Page> {
        read::page(&self.connection, next, &crate::EventFilter::all())
    }

    /// Stores a group of appends in one transaction. Returns after COMMIT, with an answer for each.
    pub(crate) fn commit(&mut self, group: Vec<Append>) -> rusqlite::Result<Vec<Result<Stored, AppendError>>> {
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writer = GroupWriter {
            head: read::head(&tx)?,
            tx: &tx,
            kinds: &mut self.kinds,
            projections: &mut self.lease.projections,
        };
        let answers: rusqlite::Result<Vec<_>> = group.into_iter().map(|append| writer.write(append)).collect();
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
struct GroupWriter<'a> {
    tx: &'a Transaction<'a>,
    head: Seq,
    kinds: &'a mut HashMap<(Source, Arc<str>), i64>,
    projections: &'a mut [Box<dyn Projection>],
}

impl GroupWriter<'_> {
    /// Writes one append behind a savepoint. The outer error is the storage's and ends the group.
    fn write(&mut self, append: Append) -> rusqlite::Result<Result<Stored, AppendError>> {
        let (head, kinds) = (self.head, self.kinds.len());
        self.run("SAVEPOINT append")?;
        match self.try_write(append) {
            Ok(stored) => {
                self.run("RELEASE append")?;
                Ok(Ok(stored))
            }
            Err(Refusal::Append(error)) => {
                self.run("ROLLBACK TO append")?;
                self.run("RELEASE append")?;
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

    fn insert(&mut self, new: NewEvent) -> rusqlite::Result<Event> {
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
            apply(projection.as_mut(), self.tx, event).map_err(|error| refusal(name, event, error))?;
            if self.tx.is_autocommit() {
                return Err(Refusal::Storage(transaction_ended_by(name)));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> rusqlite::Result<()> {
        for projection in &*self.projections {
            catch_up::set_applied(self.tx, projection.name(), read::to_sql(self.head))?;
        }
        Ok(())
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.tx.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// Applies an event; a panic counts as a refusal of this event. The producer would bring it again after every restart,
/// and the journal of a whole station would go down with one table.
fn apply(projection: &mut dyn Projection, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
    catch_unwind(AssertUnwindSafe(|| projection.apply(tx, event))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(ProjectionError::Refused(format!(
            "panicked: {}",
            message.unwrap_or("no message")
        )))
    })
}

fn refusal(name: &'static str, event: &Event, error: ProjectionError) -> Refusal {
    let reason = error.to_string();
    match error {
        ProjectionError::Sqlite(error) if is_storage(&error) => Refusal::Storage(error),
        ProjectionError::Sqlite(_) | ProjectionError::Payload(_) | ProjectionError::Refused(_) => {
            Refusal::Append(AppendError::Projection {
                name,
                event_type: event.event_type.to_string(),
                reason,
            })
        }
    }
}

/// A statement of a projection ended the group's transaction (`INSERT OR ROLLBACK`, say) and went on: whatever came
/// next would be committed by itself.
fn transaction_ended_by(name: &str) -> rusqlite::Error {
    let aborted = ffi::Error::new(ffi::SQLITE_ABORT);
    rusqlite::Error::SqliteFailure(aborted, Some(format!("projection {name:?} ended the transaction")))
}

/// Whether the storage is to blame, not the statement.
fn is_storage(error: &rusqlite::Error) -> bool {
    let Some(code) = error.sqlite_error_code() else {
        return false;
    };
    matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
    )
}

fn kinds(connection: &Connection) -> rusqlite::Result<HashMap<(Source, Arc<str>), i64>> {
    let mut query = connection.prepare("SELECT source, type, id FROM kind")?;
    let rows = query.query_map([], |row| {
        let key = (Source::new(row.get_ref(0)?.as_str()?), row.get_ref(1)?.as_str()?.into());
        Ok((key, row.get(2)?))
    })?;
    rows.collect()
}

/// Checks that the newest events are numbered without a gap.
fn verify(connection: &Connection) -> Result<(), JournalError> {
    let head = read::to_sql(read::head(connection)?);
    let floor = head.saturating_sub(VERIFIED_EVENTS).max(0);
    let count: i64 = connection.query_row("SELECT count(*) FROM entry WHERE seq > ?1", [floor], |row| row.get(0))?;
    if count == head - floor {
        return Ok(());
    }
    let missing = head - floor - count;
    Err(JournalError::Damaged(format!(
        "{missing} of the events {floor} to {head} are missing"
    )))
}
