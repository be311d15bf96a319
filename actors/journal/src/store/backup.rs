//! A copy of the journal as it was at one commit, taken while the service writes on.
//!
//! The copy gets its name only when it is complete, checked and on the disk: whatever is found under the name of a
//! backup is one. To restore, stop the service, move the journal with its `-wal` and `-shm` away, and copy the backup in
//! its place.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::Seq;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, ffi};
use serde::Serialize;

use super::{connection, integrity, schema, set_aside};
use crate::{IntegrityCheck, JournalError};

/// All pages at once: one read transaction, hence one state of the journal. Writers are not held up by it.
const ALL_PAGES: i32 = -1;
/// How long the copy is checked at most.
const CHECK: Duration = Duration::from_secs(600);

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The newest event in it, [`Seq::ZERO`] if there is none.
    pub head: Seq,
    /// Its size.
    pub bytes: u64,
    /// How far the copy was checked before it got its name.
    pub check: IntegrityCheck,
    /// What it took.
    #[serde(skip)]
    pub took: Duration,
}

/// Copies the journal at `from`, which may be in use by a running service, to the new file `to`.
///
/// Blocking: it takes as long as the disks need for the whole file. Events committed meanwhile are not in the copy.
///
/// # Errors
/// When `to` exists, `from` is not a journal, the copy is found damaged, or a disk refuses. Nothing is left behind then.
pub fn backup(from: &Path, to: &Path) -> Result<BackupReport, JournalError> {
    let begun = Instant::now();
    refuse_existing(to)?;
    let partial = Partial::create(to)?;
    copy(from, &partial.0)?;
    let (head, check) = examine(&partial.0)?;
    let bytes = File::open(&partial.0)
        .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
        .map_err(|error| JournalError::file(&partial.0, error))?
        .len();
    refuse_existing(to)?;
    std::fs::rename(&partial.0, to).map_err(|error| JournalError::file(to, error))?;
    set_aside::sync_directory(to)?;
    let took = begun.elapsed();
    tracing::info!(file = %to.display(), head = head.0, bytes, after_ms = took.as_millis(), "journal backed up");
    Ok(BackupReport {
        head,
        bytes,
        check,
        took,
    })
}

/// The copy while it has no name yet; removed unless it gets one.
struct Partial(PathBuf);

impl Partial {
    fn create(to: &Path) -> Result<Partial, JournalError> {
        let path = set_aside::beside(to, &format!(".partial-{}", std::process::id()));
        connection::private_file(&path).map_err(|error| JournalError::file(&path, error))?;
        Ok(Partial(path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            // Gone already if the copy got its name.
            drop(std::fs::remove_file(set_aside::beside(&self.0, suffix)));
        }
    }
}

fn refuse_existing(to: &Path) -> Result<(), JournalError> {
    if to.symlink_metadata().is_ok() {
        return Err(JournalError::Exists(to.display().to_string()));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), JournalError> {
    // Not SQLITE_OPEN_READ_ONLY: reading a write-ahead log takes its index, which may have to be made.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(connection::BUSY_TIMEOUT)?;
    schema::identify_existing(&source, from)?;
    let mut target = Connection::open(to)?;
    // The file is synced as a whole before it gets its name.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let step = Backup::new(&source, &mut target)?.step(ALL_PAGES)?;
    if step == StepResult::Done {
        return Ok(());
    }
    // Somebody holds the file for itself alone, which no part of this service does.
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into())
}

fn examine(copy: &Path) -> Result<(Seq, IntegrityCheck), JournalError> {
    let copy = Connection::open(copy)?;
    let check = integrity::check_pages(&copy, CHECK)?;
    // The file may be of an older version, which has no floor yet.
    let head: Option<i64> = copy.query_row("SELECT max(seq) FROM entry", [], |row| row.get(0))?;
    Ok((head.map_or(Seq::ZERO, super::read::from_sql), check))
}
