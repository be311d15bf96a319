//! Fills projections from the events that they missed, in chunks, before the writer takes new ones.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{read, schema};
use crate::{EventQuery, JournalError, Projection, ProjectionError};

/// Events in one transaction: a kill loses at most so much work, and none of it is half done.
const CHUNK_EVENTS: u32 = 4096;

/// Migrates a projection's tables and fills them up to the head.
pub(super) fn catch_up(connection: &mut Connection, projection: &mut dyn Projection) -> Result<(), JournalError> {
    let name = projection.name();
    connection.execute(
        "INSERT INTO projection (name) VALUES (?1) ON CONFLICT DO NOTHING",
        [name],
    )?;
    schema::migrate(connection, name, projection.migrations())?;
    let mut applied = 0;
    while let Some(count) = fill_chunk(connection, projection)? {
        applied += count;
    }
    if applied > 0 {
        tracing::info!(projection = name, count = applied, "projection caught up");
    }
    Ok(())
}

/// Applies the next chunk; `None` once nothing is missing.
fn fill_chunk(connection: &mut Connection, projection: &mut dyn Projection) -> Result<Option<usize>, JournalError> {
    let name = projection.name();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = applied_seq(&tx, name)?;
    let missed = EventQuery {
        after: Some(read::from_sql(applied)),
        limit: CHUNK_EVENTS,
        ..EventQuery::default()
    };
    let events = read::events(&tx, &missed)?;
    let Some(last) = events.last() else {
        return Ok(None);
    };
    for event in &events {
        projection
            .apply(&tx, event)
            .map_err(|error| refusal(name, event.seq, error))?;
    }
    set_applied(&tx, name, read::to_sql(last.seq))?;
    tx.commit()?;
    Ok(Some(events.len()))
}

fn refusal(name: &'static str, seq: model::Seq, error: ProjectionError) -> JournalError {
    JournalError::CatchUp {
        name,
        seq,
        reason: error.to_string(),
    }
}

fn applied_seq(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    let stored = tx
        .query_row("SELECT applied_seq FROM projection WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(stored.unwrap_or(0))
}

/// Notes how far a projection's tables have come.
pub(super) fn set_applied(tx: &Transaction<'_>, name: &str, seq: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE projection SET applied_seq = ?2 WHERE name = ?1")?
        .execute(params![name, seq])?;
    Ok(())
}
