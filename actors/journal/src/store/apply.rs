//! One event to one projection, and who is to blame when it does not go in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::Event;
use rusqlite::{Connection, ErrorCode, Transaction, ffi};

use crate::{Projection, ProjectionError};

/// Why an event was not applied.
pub(super) enum Fault {
    /// The storage failed; the transaction is lost.
    Storage(rusqlite::Error),
    /// The projection ended the transaction; it is lost too.
    Ended(rusqlite::Error),
    /// The projection refuses this event. What it wrote has to be rolled back.
    Refused(String),
}

/// Applies an event; a panic counts as a refusal of this event. The producer would bring it again after every restart,
/// and the journal of a whole station would go down with one table.
pub(super) fn apply(projection: &mut dyn Projection, tx: &Transaction<'_>, event: &Event) -> Result<(), Fault> {
    let applied = catch_unwind(AssertUnwindSafe(|| projection.apply(tx, event))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(ProjectionError::Refused(format!(
            "panicked: {}",
            message.unwrap_or("no message")
        )))
    });
    match applied {
        // SQLite itself ends the transaction on some of these.
        Err(ProjectionError::Sqlite(error)) if is_storage(&error) => Err(Fault::Storage(error)),
        Ok(()) | Err(_) if tx.is_autocommit() => Err(Fault::Ended(transaction_ended_by(projection.name()))),
        Ok(()) => Ok(()),
        Err(error) => Err(Fault::Refused(error.to_string())),
    }
}

/// Runs a statement that stays prepared.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// A statement of a projection ended the transaction (`INSERT OR ROLLBACK`, say) and went on: whatever came next would
/// be committed by itself.
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
