//! Whether the file can be believed: its pages, and what the journal promises of its rows.
//!
//! Every check reads one snapshot, so that another process that writes meanwhile cannot look like damage.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::read;
use super::set_aside::beside;
use crate::{IntegrityCheck, JournalError};

/// Newest events whose numbering is verified whenever the file is opened. The rules of the schema keep all of them
/// dense; this notices a file that was mended by hand or by a failing disk where it hurts.
const VERIFIED_EVENTS: i64 = 10_000;
/// What is put behind the name of a file that looked damaged.
const SUSPECT: &str = "-suspect";
/// Steps of SQLite's machine between two looks at the clock: some ten microseconds.
const STEPS_PER_LOOK: i32 = 1000;

/// Whether SQLite says that the file is not what it should be.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether the last writer of the file never came to its end: then it would have emptied the write-ahead log.
pub(super) fn ended_unclean(path: &Path) -> bool {
    let log = beside(path, "-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// Remembers beyond this process that the file looked damaged while it was in use: the next start checks all of it.
pub(super) fn suspect(path: &Path) {
    if let Err(error) = File::create(beside(path, SUSPECT)) {
        tracing::warn!(%error, "the suspicion could not be noted");
    }
}

/// Whether it did.
pub(super) fn is_suspect(path: &Path) -> bool {
    beside(path, SUSPECT).exists()
}

/// The file has been checked, or set aside.
pub(super) fn acquit(path: &Path) {
    match std::fs::remove_file(beside(path, SUSPECT)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "the suspicion could not be lifted");
        }
        Ok(()) | Err(_) => {}
    }
}

/// Reads the pages of the file and checks that they fit together, for as long as `limit` allows.
pub(super) fn check_pages(connection: &Connection, limit: Duration) -> Result<IntegrityCheck, JournalError> {
    let deadline = Instant::now() + limit;
    connection.progress_handler(STEPS_PER_LOOK, Some(move || Instant::now() >= deadline))?;
    let verdict = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(IntegrityCheck::Whole),
        Ok(fault) => Err(JournalError::Damaged(fault)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(IntegrityCheck::CutShort)
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks what the journal promises: entries from the floor to the head without a gap, projections not ahead of them.
pub(super) fn verify(connection: &Connection) -> Result<(), JournalError> {
    let snapshot = connection.unchecked_transaction()?;
    let (floor, head) = (
        read::to_sql(read::floor(&snapshot)?),
        read::to_sql(read::head(&snapshot)?),
    );
    let from = floor.max(head.saturating_sub(VERIFIED_EVENTS));
    let count = |sql: &str| snapshot.query_row(sql, [from], |row| row.get::<_, i64>(0));
    let missing = head - from + 1 - count("SELECT count(*) FROM entry WHERE seq >= ?1")?;
    if missing != 0 {
        return Err(JournalError::Damaged(format!(
            "{missing} of the events {from} to {head} are missing"
        )));
    }
    let lowest: Option<i64> = snapshot.query_row("SELECT min(seq) FROM entry", [], |row| row.get(0))?;
    if let Some(lowest) = lowest.filter(|lowest| *lowest != floor) {
        return Err(JournalError::Damaged(format!(
            "the lowest event is {lowest}, and the floor is {floor}"
        )));
    }
    let ahead = "SELECT name, applied_seq FROM projection WHERE applied_seq > ?1";
    let ahead = snapshot.query_row(ahead, [head], |row| Ok((row.get(0)?, row.get(1)?)));
    match ahead.optional()? {
        Some((name, applied)) => {
            let (name, applied): (String, i64) = (name, applied);
            Err(JournalError::Damaged(format!(
                "projection {name:?} has seen event {applied}, and the newest is {head}"
            )))
        }
        None => Ok(()),
    }
}
