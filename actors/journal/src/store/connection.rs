//! Connections: one writer, a few readers, none of them greedy.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, MAIN_DB, OpenFlags, ffi};

use super::schema;
use crate::{JournalConfig, JournalError};

/// How long a connection waits for another one's lock: longer than a checkpoint of the write-ahead log on a slow card.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Read and write for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;
/// How long a query waits for a free connection.
const READ_WAIT: Duration = Duration::from_secs(5);
/// After which an unused read connection is closed and its cache given back.
const READ_IDLE: Duration = Duration::from_secs(60);
/// Page cache of the writer, in KiB: the inner pages of the indices of a journal of a few million events.
const WRITER_CACHE_KIB: u32 = 2048;
/// Page cache of one reader, in KiB.
const READER_CACHE_KIB: u32 = 512;
/// What the write-ahead log file is cut back to after a burst, in bytes.
const WAL_KEPT_BYTES: u32 = 8 * 1024 * 1024;
/// Statements kept prepared; projections prepare theirs on the same connection.
const STATEMENTS_CACHED: usize = 64;

pub(crate) type ReadPool = r2d2::Pool<SqliteConnectionManager>;

/// Opens the file for writing; makes it if it is not there.
pub(super) fn open_writer(config: &JournalConfig) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    make_private(&config.path)?;
    let connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if connection.is_readonly(MAIN_DB)? {
        // SQLite falls back to reading, and such a connection would not notice when the disk can be written again.
        let message = format!("{} cannot be written", config.path.display());
        let error = ffi::Error::new(ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(error, Some(message)).into());
    }
    schema::identify(&connection, config)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON;
         PRAGMA journal_size_limit = {WAL_KEPT_BYTES};
         PRAGMA cache_size = -{WRITER_CACHE_KIB};
         PRAGMA temp_store = MEMORY;",
        synchronous = config.synchronous.pragma(),
    ))?;
    Ok(connection)
}

/// Makes the file, if there is none, for its owner's eyes only: checkpoints may hold what proves who somebody is. SQLite gives the
/// files beside it the same mode.
fn make_private(path: &Path) -> Result<(), JournalError> {
    match private_file(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(JournalError::file(path, error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A new file that nobody but its owner reads.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(OWNER_ONLY).open(path)
}

/// The readers. They open when needed, may not write, and close when idle.
pub(crate) fn read_pool(config: &JournalConfig) -> Result<ReadPool, JournalError> {
    // Not SQLITE_OPEN_READ_ONLY: the first reader after a crash may have to recover the write-ahead log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let manager = SqliteConnectionManager::file(&config.path)
        .with_flags(flags)
        .with_init(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(&format!(
                "PRAGMA query_only = ON;
                 PRAGMA cache_size = -{READER_CACHE_KIB};
                 PRAGMA temp_store = MEMORY;"
            ))
        });
    let pool = r2d2::Pool::builder()
        .max_size(config.read_connections)
        .min_idle(Some(1))
        .idle_timeout(Some(READ_IDLE))
        .max_lifetime(None)
        .connection_timeout(READ_WAIT)
        .test_on_check_out(false)
        .build(manager)?;
    Ok(pool)
}
