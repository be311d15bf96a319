//! Forward-only migrations, each owner's own: the journal's, then each projection's.
//!
//! The file remembers every migration that it ran, with a fingerprint of its text: an edited old migration is an
//! error, and so is a file that knows more migrations than this build.

use std::path::Path;

use model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::{JournalConfig, JournalError, Projection};

/// SQLite's `application_id` of a journal: "stnd" in ASCII, big endian.
const APPLICATION_ID: i32 = 0x7374_6e64;
/// The owner of the journal's own tables.
const JOURNAL: &str = "journal";
/// The journal's own migrations.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_events.sql"),
    include_str!("migrations/002_retention.sql"),
];

/// Brings the journal's own tables to this build's version.
pub(super) fn migrate_journal(connection: &mut Connection) -> Result<(), JournalError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             owner         TEXT NOT NULL,
             number        INTEGER NOT NULL,
             fingerprint   INTEGER NOT NULL,
             applied_at_ms INTEGER NOT NULL,
             PRIMARY KEY (owner, number)
         ) STRICT, WITHOUT ROWID;",
    )?;
    migrate(connection, JOURNAL, MIGRATIONS)
}

/// Brings one owner's tables to this build's version.
pub(super) fn migrate(
    connection: &mut Connection,
    owner: &str,
    migrations: &'static [&'static str],
) -> Result<(), JournalError> {
    let stored = stored_fingerprints(connection, owner)?;
    refuse_newer(owner, stored.len(), migrations.len())?;
    for (index, sql) in migrations.iter().enumerate() {
        let number = index + 1;
        match stored.get(index) {
            Some(known) if *known == fingerprint(sql) => {}
            Some(_) => {
                let owner = owner.to_owned();
                return Err(JournalError::MigrationEdited { owner, number });
            }
            None => run(connection, owner, number, sql).map_err(|source| JournalError::MigrationFailed {
                owner: owner.to_owned(),
                number,
                source,
            })?,
        }
    }
    Ok(())
}

/// Refuses a file that a newer release has written, without writing to it: neither its tables nor its faults are for
/// this build to judge.
pub(super) fn refuse_newer_file(
    connection: &Connection,
    projections: &[Box<dyn Projection>],
) -> Result<(), JournalError> {
    if !connection.table_exists(None, "migration")? {
        return Ok(());
    }
    let own = (JOURNAL, MIGRATIONS.len());
    let theirs = projections
        .iter()
        .map(|projection| (projection.name(), projection.migrations().len()));
    std::iter::once(own)
        .chain(theirs)
        .try_for_each(|(owner, known)| refuse_newer(owner, stored_fingerprints(connection, owner)?.len(), known))
}

fn refuse_newer(owner: &str, stored: usize, known: usize) -> Result<(), JournalError> {
    if stored <= known {
        return Ok(());
    }
    let owner = owner.to_owned();
    Err(JournalError::NewerSchema { owner, stored, known })
}

/// Refuses a database that somebody else made, before anything in it is changed; marks a new file as ours.
pub(super) fn identify(connection: &Connection, config: &JournalConfig) -> Result<(), JournalError> {
    let application_id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match application_id {
        APPLICATION_ID => Ok(()),
        0 if tables == 0 => {
            // Has to come before the first page is written; lets retention give space back to the disk.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?)
        }
        application_id => Err(JournalError::NotAJournal {
            path: config.path.display().to_string(),
            application_id,
        }),
    }
}

/// Refuses whatever is no journal, new files included.
pub(super) fn identify_existing(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let application_id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id == APPLICATION_ID {
        return Ok(());
    }
    Err(JournalError::NotAJournal {
        path: path.display().to_string(),
        application_id,
    })
}

fn stored_fingerprints(connection: &Connection, owner: &str) -> rusqlite::Result<Vec<i64>> {
    let mut query = connection.prepare("SELECT fingerprint FROM migration WHERE owner = ?1 ORDER BY number")?;
    query.query_map([owner], |row| row.get(0))?.collect()
}

fn run(connection: &mut Connection, owner: &str, number: usize, sql: &str) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.execute(
        "INSERT INTO migration (owner, number, fingerprint, applied_at_ms) VALUES (?1, ?2, ?3, ?4)",
        params![
            owner,
            i64::try_from(number).unwrap_or(i64::MAX),
            fingerprint(sql),
            Timestamp::now().unix_ms()
        ],
    )?;
    tx.commit()?;
    tracing::info!(owner, number, "schema migrated");
    Ok(())
}

/// FNV-1a, 64 bit (offset basis and prime of the FNV specification): tells an edit, not an attack.
fn fingerprint(sql: &str) -> i64 {
    let hash = sql.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}
