//! A journal in a temporary directory under a supervisor of its own, and small makers.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Supervision, SupervisorSpec, launch};
use model::{Event, NewEvent, Seq, Source, Timestamp};
use rusqlite::Transaction;
use serde_json::value::RawValue;
use stationd_journal::{
    Append, AppendError, Appended, CheckpointUpdate, Delivery, Journal, JournalConfig, Projection, ProjectionError,
    Subscription,
};
use tempfile::TempDir;

/// Deadline of whatever must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running journal.
pub(crate) struct Running {
    pub(crate) journal: Journal,
    pub(crate) supervision: Supervision,
    pub(crate) config: JournalConfig,
    _dir: Option<TempDir>,
}

impl Running {
    pub(crate) async fn start(projections: Vec<Box<dyn Projection>>) -> Running {
        Running::with(JournalConfig::default(), projections).await
    }

    pub(crate) async fn with(config: JournalConfig, projections: Vec<Box<dyn Projection>>) -> Running {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let running = Running::at(JournalConfig { path, ..config }, projections).await;
        Running {
            _dir: Some(dir),
            ..running
        }
    }

    /// At a place that belongs to the test.
    pub(crate) async fn at(config: JournalConfig, projections: Vec<Box<dyn Projection>>) -> Running {
        let (journal, supervision) = open(&config, projections).await;
        Running {
            journal,
            supervision,
            config,
            _dir: None,
        }
    }

    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.journal.append(append, SOON).await
    }

    /// How often the writer was restarted.
    pub(crate) fn restarts(&self) -> u64 {
        self.supervision
            .tree()
            .children
            .iter()
            .map(|child| child.restarts)
            .sum()
    }

    /// Stops everything and opens the same file again.
    pub(crate) async fn reopen(self, projections: Vec<Box<dyn Projection>>) -> Running {
        self.reopen_after(|| {}, projections).await
    }

    /// Stops everything, does something to the file, and opens it again.
    pub(crate) async fn reopen_after(self, harm: impl FnOnce(), projections: Vec<Box<dyn Projection>>) -> Running {
        self.supervision.shutdown(SOON).await;
        drop(self.journal);
        harm();
        let (journal, supervision) = open(&self.config, projections).await;
        Running {
            journal,
            supervision,
            config: self.config,
            _dir: self._dir,
        }
    }
}

async fn open(config: &JournalConfig, projections: Vec<Box<dyn Projection>>) -> (Journal, Supervision) {
    let (journal, child) = Journal::open(config, projections).unwrap();
    let supervision = launch(SupervisorSpec::new("root").child(child)).unwrap();
    soon(supervision.booted()).await.unwrap();
    (journal, supervision)
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.unwrap()
}

pub(crate) fn event(event_type: &str, n: u64) -> NewEvent {
    NewEvent {
        at: Timestamp::from_unix_ms(0),
        source: Source::new("test"),
        event_type: event_type.into(),
        data: Arc::from(RawValue::from_string(format!(r#"{{"n":{n}}}"#)).unwrap()),
    }
}

pub(crate) fn append(producer: &str, events: Vec<NewEvent>) -> Append {
    Append {
        producer: producer.into(),
        events,
        checkpoint: None,
    }
}

pub(crate) fn moving(producer: &str, events: Vec<NewEvent>, expect: u64, writer: u64) -> Append {
    let data = "{}".to_owned();
    Append {
        checkpoint: Some(CheckpointUpdate { expect, writer, data }),
        ..append(producer, events)
    }
}

/// Takes deliveries until event `last` has come: the events' positions, and how often the subscriber was told that it
/// lags.
pub(crate) async fn follow(subscription: &mut Subscription, last: Seq) -> (Vec<u64>, usize) {
    let (mut seen, mut lagged) = (Vec::new(), 0);
    while seen.last() != Some(&last.0) {
        match soon(subscription.next()).await {
            Delivery::Event(event) => seen.push(event.seq.0),
            Delivery::Lagged { from, to } => {
                assert!(
                    from <= to && from.0 == seen.last().map_or(from.0, |last| last + 1),
                    "{from}..{to}"
                );
                lagged += 1;
            }
        }
    }
    (seen, lagged)
}

/// Keeps the type of each event by its position; refuses `poison`.
pub(crate) struct Mirror;

impl Projection for Mirror {
    fn name(&self) -> &'static str {
        "mirror"
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["CREATE TABLE mirror (seq INTEGER PRIMARY KEY, type TEXT NOT NULL) STRICT;"]
    }

    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
        let seq = i64::try_from(event.seq.0).unwrap();
        tx.prepare_cached("INSERT INTO mirror VALUES (?1, ?2)")?
            .execute((seq, &*event.event_type))?;
        match &*event.event_type {
            "poison" => Err(ProjectionError::Refused("not this one".into())),
            _ => Ok(()),
        }
    }
}

/// Entries and mirrored rows, in one snapshot.
pub(crate) fn counts(journal: &Journal) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM mirror)";
    journal
        .read(|connection| connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))))
        .unwrap()
}
