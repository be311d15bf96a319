//! The file by itself, without actors.

mod appends;
mod backups;
mod clocks;
mod damage;
mod opening;
mod queries;
mod trimming;

use std::sync::Arc;

use model::{Event, NewEvent, Source, Timestamp};
use parking_lot::Mutex;
use rusqlite::Transaction;
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::{Lease, Projections, Store, Stored};
use crate::{Append, AppendError, CheckpointUpdate, JournalConfig, JournalError, Projection, ProjectionError};

/// A directory with a journal in it.
struct Place {
    dir: TempDir,
    home: Projections,
}

impl Place {
    fn new() -> Place {
        Place::with(vec![])
    }

    fn with(projections: Vec<Box<dyn Projection>>) -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
            home: Arc::new(Mutex::new(Some(projections))),
        }
    }

    fn config(&self) -> JournalConfig {
        JournalConfig {
            path: self.dir.path().join("journal.db"),
            ..JournalConfig::default()
        }
    }

    fn open(&self) -> Result<Store, JournalError> {
        Store::open(&self.config(), Lease::take(&self.home)?)
    }

    /// A second writer, as another process could be.
    fn stranger_store(&self) -> Store {
        let home: Projections = Arc::new(Mutex::new(Some(vec![])));
        Store::open(&self.config(), Lease::take(&home).unwrap()).unwrap()
    }

    /// What is in the directory, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A connection of somebody else.
    fn stranger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.config().path).unwrap()
    }
}

fn event(source: &str, event_type: &str, at_ms: i64) -> NewEvent {
    NewEvent {
        at: Timestamp::from_unix_ms(at_ms),
        source: Source::new(source),
        event_type: event_type.into(),
        data: Arc::from(RawValue::from_string(format!(r#"{{"at":{at_ms}}}"#)).unwrap()),
    }
}

fn append(events: Vec<NewEvent>) -> Append {
    Append {
        producer: "test".into(),
        events,
        checkpoint: None,
    }
}

fn moving(events: Vec<NewEvent>, expect: u64, writer: u64) -> Append {
    let data = format!("\"after {expect}\"");
    Append {
        checkpoint: Some(CheckpointUpdate { expect, writer, data }),
        ..append(events)
    }
}

/// Commits one append by itself.
fn commit(store: &mut Store, append: Append) -> Result<Stored, AppendError> {
    store.commit(vec![append]).unwrap().remove(0)
}

/// Counts events by type; refuses `poison`, panics on `bomb`, ends the transaction on `rollback`.
struct Tally;

impl Projection for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["CREATE TABLE tally (type TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;"]
    }

    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
        tx.prepare_cached("INSERT INTO tally VALUES (?1, 1) ON CONFLICT DO UPDATE SET count = count + 1")?
            .execute([&*event.event_type])?;
        match &*event.event_type {
            "poison" => Err(ProjectionError::Refused("not this one".into())),
            "bomb" => panic!("boom"),
            "rollback" => Ok(tx.execute_batch("ROLLBACK")?),
            _ => Ok(()),
        }
    }
}

fn tally(place: &Place) -> i64 {
    let sum = "SELECT ifnull(sum(count), 0) FROM tally";
    place.stranger().query_row(sum, [], |row| row.get(0)).unwrap()
}
