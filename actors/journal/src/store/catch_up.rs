//! Fills projections from the events that they missed, in chunks, before the writer takes new ones.
//!
//! A projection that refuses an event of the past cannot keep the journal closed: the event is passed over, and the
//! journal says so in an event of its own, stored in the same transaction as the chunk. One chunk makes at most one
//! such event, so that a projection that refuses everything does not double the journal.

use std::collections::BTreeMap;

use model::{Event, Seq};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::apply::{Fault, apply, run};
use super::writer::{GroupWriter, KindIds};
use super::{read, schema};
use crate::notes::Note;
use crate::{EventQuery, JournalError, Projection};

/// Events in one transaction: a kill loses at most so much work, and none of it is half done.
const CHUNK_EVENTS: u32 = 4096;

/// Migrates the projections' tables and fills them up to the head.
pub(super) fn catch_up(
    connection: &mut Connection,
    projections: &mut [Box<dyn Projection>],
    kinds: &mut KindIds,
) -> Result<(), JournalError> {
    for projection in &*projections {
        let name = projection.name();
        connection.execute(
            "INSERT INTO projection (name) VALUES (?1) ON CONFLICT DO NOTHING",
            [name],
        )?;
        schema::migrate(connection, name, projection.migrations())?;
    }
    // A note about one projection is an event that the others have to see.
    loop {
        let mut applied = 0;
        for projection in &mut *projections {
            applied += fill(connection, projection.as_mut(), kinds)?;
        }
        if applied == 0 {
            return Ok(());
        }
    }
}

/// Gives one projection all that it missed.
fn fill(connection: &mut Connection, projection: &mut dyn Projection, kinds: &mut KindIds) -> rusqlite::Result<usize> {
    let (mut applied, mut banned) = (0, Banned::new());
    while let Some(count) = fill_chunk(connection, projection, kinds, &mut banned)? {
        applied += count;
    }
    if applied > 0 {
        tracing::info!(projection = projection.name(), count = applied, "projection caught up");
    }
    Ok(applied)
}

/// Events that a projection may not see again, with the reason: each of them has ended the transaction of its chunk.
type Banned = BTreeMap<Seq, String>;

/// Applies the next chunk, which is begun anew if an event had to be banned; `None` once nothing is missing.
fn fill_chunk(
    connection: &mut Connection,
    projection: &mut dyn Projection,
    kinds: &mut KindIds,
    banned: &mut Banned,
) -> rusqlite::Result<Option<usize>> {
    let name = projection.name();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (applied, head) = (applied_seq(&tx, name)?, read::head(&tx)?);
    if applied >= head {
        return Ok(None);
    }
    let missed = EventQuery {
        after: Some(applied),
        limit: CHUNK_EVENTS,
        ..EventQuery::default()
    };
    let events = read::events(&tx, &missed)?;
    let mut refused = Refusals::default();
    for event in &events {
        run(&tx, "SAVEPOINT event")?;
        let known = banned.get(&event.seq).cloned();
        match known.map_or_else(|| apply(projection, &tx, event), |reason| Err(Fault::Refused(reason))) {
            Ok(()) => {}
            Err(Fault::Storage(error)) => return Err(error),
            Err(Fault::Ended(error)) => {
                banned.insert(event.seq, error.to_string());
                return Ok(Some(0));
            }
            Err(Fault::Refused(reason)) => {
                run(&tx, "ROLLBACK TO event")?;
                refused.add(name, event, reason);
            }
        }
        run(&tx, "RELEASE event")?;
    }
    // Nothing left to read: the rest was removed by retention.
    set_applied(&tx, name, events.last().map_or(head, |last| last.seq))?;
    if let Some(note) = refused.note(name) {
        GroupWriter::new(&tx, kinds, &mut [])?.insert(note.event()?)?;
    }
    tx.commit()?;
    Ok(Some(events.len()))
}

/// What a projection refused of one chunk.
#[derive(Default)]
struct Refusals<'a> {
    first: Option<(&'a Event, String)>,
    count: u64,
}

impl<'a> Refusals<'a> {
    /// Counts a refusal. One of the journal's own events is not worth another one: that would never end.
    fn add(&mut self, projection: &str, event: &'a Event, reason: String) {
        tracing::error!(
            projection,
            seq = event.seq.0,
            error = reason,
            "projection refuses an event, passed over"
        );
        if !Note::is_one(&event.source) {
            self.count += 1;
            self.first.get_or_insert((event, reason));
        }
    }

    fn note<'n>(&'n self, projection: &'n str) -> Option<Note<'n>> {
        self.first.as_ref().map(|(event, reason)| Note::Refused {
            projection,
            seq: event.seq,
            event_type: &event.event_type,
            reason,
            count: self.count,
        })
    }
}

fn applied_seq(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Seq> {
    let stored = tx
        .query_row("SELECT applied_seq FROM projection WHERE name = ?1", [name], |row| {
            row.get(0).map(read::from_sql)
        })
        .optional()?;
    Ok(stored.unwrap_or(Seq::ZERO))
}

/// Notes how far a projection's tables have come.
pub(super) fn set_applied(tx: &Transaction<'_>, name: &str, seq: Seq) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE projection SET applied_seq = ?2 WHERE name = ?1")?
        .execute(params![name, read::to_sql(seq)])?;
    Ok(())
}
