//! A damaged file makes room for a new journal: renamed with what belongs to it, never changed, never deleted.
//!
//! The new journal is complete, with the highest position of the old one and the event that tells of it, before the old
//! one is moved: neither a full disk nor a power cut can make the station count from 1 again.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use model::{Seq, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{JournalError, SetAside};

/// Positions beyond this one come from damaged bytes, not from a station: 2^53, where JSON numbers end to be exact.
const CREDIBLE_SEQ_MAX: i64 = 1 << 53;
/// What is put behind the journal's name for the new journal, until the damaged one has left its place.
const REPLACEMENT: &str = ".new";
/// The files of a journal. The log goes first: SQLite deletes one that it finds beside an empty file.
const BELONGINGS: [&str; 3] = ["-wal", "-shm", ""];
/// Where a file says how far it had come, best first. Each is read on its own, row by row, as far as it can be read.
const TRACES: [&str; 5] = [
    "SELECT max(seq) FROM entry",
    "SELECT seq FROM entry NOT INDEXED",
    "SELECT seq FROM entry INDEXED BY entry_by_time",
    "SELECT last_seq FROM checkpoint",
    "SELECT applied_seq FROM projection",
];

/// Reads what can be read of a damaged file, and says where it will be. Nothing is changed yet.
pub(super) fn describe(path: &Path, damage: &JournalError, now: Timestamp) -> SetAside {
    SetAside {
        file: free_name(path, now),
        reason: damage.to_string(),
        readable_to: readable_to(path),
    }
}

/// Where the new journal is made while the damaged one is still in its place. Remains of an earlier attempt are removed.
pub(super) fn replacement(path: &Path) -> Result<PathBuf, JournalError> {
    let new = beside(path, REPLACEMENT);
    for suffix in BELONGINGS {
        let file = beside(&new, suffix);
        found(std::fs::remove_file(&file)).map_err(|error| JournalError::file(&file, error))?;
    }
    Ok(new)
}

/// Renames the damaged file with what belongs to it, then the new one into its place.
pub(super) fn exchange(path: &Path, aside: &SetAside) -> Result<(), JournalError> {
    for suffix in BELONGINGS {
        let from = beside(path, suffix);
        let renamed = std::fs::rename(&from, beside(&aside.file, suffix));
        found(renamed).map_err(|error| JournalError::file(&from, error))?;
    }
    finish_exchange(path)?;
    tracing::error!(
        file = %aside.file.display(),
        error = aside.reason,
        readable_to = aside.readable_to.map(|seq| seq.0),
        "damaged journal set aside"
    );
    Ok(())
}

/// Puts the new journal in its place if the power went away between the two renames.
pub(super) fn finish_exchange(path: &Path) -> Result<(), JournalError> {
    let new = beside(path, REPLACEMENT);
    if path.exists() || !new.exists() {
        return Ok(());
    }
    std::fs::rename(&new, path).map_err(|error| JournalError::file(&new, error))?;
    sync_directory(path)
}

/// A file that is not there is nothing to move.
fn found(moved: io::Result<()>) -> io::Result<()> {
    match moved {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// The name of a file that belongs to this one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes renames and new files in the file's directory survive a power cut.
pub(super) fn sync_directory(path: &Path) -> Result<(), JournalError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| JournalError::file(directory, error))
}

/// `NAME.damaged-20261121T064816Z`, with a number behind it if that is taken.
fn free_name(path: &Path, now: Timestamp) -> PathBuf {
    let digits = now.to_string();
    let second: String = digits
        .chars()
        .filter(|letter| letter.is_ascii_digit() || *letter == 'T')
        .take("YYYYMMDDTHHMMSS".len())
        .collect();
    let first = beside(path, &format!(".damaged-{second}Z"));
    let numbered = (2_u32..).map(|number| beside(&first, &format!("-{number}")));
    std::iter::once(first.clone())
        .chain(numbered)
        .find(|name| !name.exists())
        .unwrap_or(first)
}

/// The highest position that the file still names.
fn readable_to(path: &Path) -> Option<Seq> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    // Lets a file be read that is shorter than it says.
    connection.pragma_update(None, "writable_schema", true).ok()?;
    // The write-ahead log is evidence too.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .ok()?;
    let newest = |sql| newest_of(&connection, sql);
    let [whole, walked, by_time, others @ ..] = TRACES;
    let entries = newest(whole).or_else(|| newest(walked).max(newest(by_time)));
    let newest = others.into_iter().map(newest).fold(entries, Option::max);
    newest.and_then(|seq| u64::try_from(seq).ok()).map(Seq)
}

/// The highest credible number of a query's first column, up to where the file ends to be readable.
fn newest_of(connection: &Connection, sql: &str) -> Option<i64> {
    let mut statement = connection.prepare(sql).ok()?;
    let mut rows = statement.query([]).ok()?;
    let mut newest = None;
    while let Ok(Some(row)) = rows.next() {
        let seq = row.get(0).ok().filter(|seq| (1..=CREDIBLE_SEQ_MAX).contains(seq));
        newest = newest.max(seq);
    }
    newest
}
