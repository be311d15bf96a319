//! Appends: acknowledged is stored, dense, once, together; the writer may die, the handles stay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use model::{Event, Seq};
use rusqlite::Transaction;
use stationd_journal::{
    AppendError, Delivery, EventFilter, EventQuery, Journal, JournalConfig, JournalStatus, Projection, ProjectionError,
};
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn acknowledged_append_survives_reopening() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    let answer = running
        .append(moving("p", vec![event("x", 1), event("x", 2)], 0, 5))
        .await
        .unwrap();
    assert_eq!((answer.first, answer.last, answer.version), (Seq(1), Seq(2), 1));

    let running = running.reopen(vec![Box::new(Mirror)]).await;
    assert_eq!((running.journal.head(), counts(&running.journal)), (Seq(2), (2, 2)));
    let stored = running.journal.checkpoint("p").unwrap().unwrap();
    assert_eq!((stored.version, stored.writer), (1, 5));
    assert_eq!(running.journal.events(&EventQuery::default()).unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seq_is_dense_under_many_concurrent_producers() {
    const PRODUCERS: u64 = 100;
    const APPENDS: u64 = 20;
    let running = Running::start(vec![Box::new(Mirror)]).await;
    let mut producers = JoinSet::new();
    for producer in 0..PRODUCERS {
        let journal = running.journal.clone();
        producers.spawn(async move {
            let name = format!("producer_{producer}");
            let mut stored = Vec::new();
            for version in 0..APPENDS {
                let events = vec![event("x", version), event("y", version)];
                let answer = journal
                    .append(moving(&name, events, version, producer), SOON)
                    .await
                    .unwrap();
                assert_eq!((answer.last, answer.version), (answer.first.next(), version + 1));
                stored.extend([answer.first.0, answer.last.0]);
            }
            stored
        });
    }
    let mut all: Vec<u64> = soon(producers.join_all()).await.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=PRODUCERS * APPENDS * 2));
    assert_eq!(counts(&running.journal), (4000, 4000));
}

#[tokio::test]
async fn projection_that_fails_refuses_the_append_and_leaves_nothing() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    let error = running
        .append(moving("p", vec![event("x", 1), event("poison", 2)], 0, 1))
        .await
        .unwrap_err();
    assert!(
        matches!(error, AppendError::Projection { name: "mirror", .. }),
        "{error}"
    );
    assert_eq!(
        (counts(&running.journal), running.journal.checkpoint("p").unwrap()),
        ((0, 0), None)
    );
    let answer = running.append(moving("p", vec![event("x", 1)], 0, 1)).await.unwrap();
    assert_eq!((answer.first, counts(&running.journal)), (Seq(1), (1, 1)));
    assert_eq!(running.journal.status(), JournalStatus::Ok);
}

/// Finds the disk full as long as the test says so.
struct FullDisk(Arc<AtomicBool>);

impl Projection for FullDisk {
    fn name(&self) -> &'static str {
        "full_disk"
    }

    fn migrations(&self) -> &'static [&'static str] {
        &[]
    }

    fn apply(&mut self, _: &Transaction<'_>, _: &Event) -> Result<(), ProjectionError> {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        match self.0.load(Ordering::SeqCst) {
            true => Err(rusqlite::Error::SqliteFailure(full, None).into()),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn failing_storage_is_a_state_of_the_journal_and_ends_with_the_next_commit() {
    let full = Arc::new(AtomicBool::new(true));
    let running = Running::start(vec![Box::new(Mirror), Box::new(FullDisk(Arc::clone(&full)))]).await;
    let this = moving("p", vec![event("x", 1)], 0, 1);
    for _ in 0..2 {
        let error = running.append(this.clone()).await.unwrap_err();
        assert!(
            matches!(&error, AppendError::Storage(reason) if reason.contains("full")),
            "{error}"
        );
        assert!(matches!(running.journal.status(), JournalStatus::Degraded { .. }));
        assert_eq!(counts(&running.journal), (0, 0));
    }
    full.store(false, Ordering::SeqCst);
    running.append(this).await.unwrap();
    assert_eq!(
        (running.journal.status(), counts(&running.journal)),
        (JournalStatus::Ok, (1, 1))
    );
}

#[tokio::test]
async fn append_beyond_a_limit_is_refused_before_it_reaches_the_writer() {
    let running = Running::start(vec![]).await;
    let error = running.append(append("", vec![])).await.unwrap_err();
    assert_eq!(error, AppendError::Invalid("empty producer".into()));
}

#[tokio::test]
async fn handle_to_a_stopped_journal_says_unavailable_within_the_limit() {
    let running = Running::start(vec![]).await;
    running.supervision.shutdown(SOON).await;
    let refused = running
        .journal
        .append(append("p", vec![event("x", 1)]), Duration::from_millis(20));
    assert_eq!(soon(refused).await, Err(AppendError::Unavailable));
    assert_eq!(running.journal.events(&EventQuery::default()).unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_writer_keeps_handles_and_subscriptions_and_goes_on_where_it_was() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    let mut subscription = running.journal.subscribe(Some(Seq::ZERO), EventFilter::all());
    for round in 0..5 {
        running
            .append(moving("p", vec![event("x", round)], round, 1))
            .await
            .unwrap();
        let path = "journal".parse().unwrap();
        soon(running.supervision.restart(&path)).await.unwrap();
    }
    running.append(moving("p", vec![event("x", 5)], 5, 1)).await.unwrap();
    assert_eq!(follow(&mut subscription, Seq(6)).await, ((1..=6).collect(), 0));
    assert_eq!(counts(&running.journal), (6, 6));
}

/// Holds the transaction open between two events until the test lets go.
struct Gate {
    reached: mpsc::Sender<()>,
    release: mpsc::Receiver<()>,
}

impl Projection for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn migrations(&self) -> &'static [&'static str] {
        &[]
    }

    fn apply(&mut self, _: &Transaction<'_>, _: &Event) -> Result<(), ProjectionError> {
        self.reached.send(()).unwrap();
        self.release.recv_timeout(SOON).unwrap();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_and_subscriber_never_see_what_is_not_committed() {
    let (reached_tx, reached) = mpsc::channel();
    let (release, release_rx) = mpsc::channel();
    let gate = Gate {
        reached: reached_tx,
        release: release_rx,
    };
    let running = Running::start(vec![Box::new(Mirror), Box::new(gate)]).await;
    let mut subscription = running.journal.subscribe(None, EventFilter::all());
    let journal = running.journal.clone();
    let mut appending = JoinSet::new();
    appending.spawn(async move {
        journal
            .append(append("p", vec![event("x", 1), event("x", 2)]), SOON)
            .await
    });
    for _ in 0..2 {
        // A worker of its own runs the append meanwhile.
        tokio::task::block_in_place(|| reached.recv_timeout(SOON)).unwrap();
        assert_eq!((counts(&running.journal), running.journal.head()), ((0, 0), Seq::ZERO));
        let quiet = tokio::time::timeout(Duration::from_millis(5), subscription.next()).await;
        assert!(quiet.is_err());
        release.send(()).unwrap();
    }
    soon(appending.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!((counts(&running.journal), running.journal.head()), ((2, 2), Seq(2)));
    assert!(matches!(soon(subscription.next()).await, Delivery::Event(event) if event.seq == Seq(1)));
}

#[tokio::test]
async fn journal_with_two_projections_of_one_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        path: dir.path().join("journal.db"),
        ..JournalConfig::default()
    };
    let error = Journal::open(&config, vec![Box::new(Mirror), Box::new(Mirror)])
        .err()
        .unwrap();
    assert_eq!(error.to_string(), r#"two projections are named "mirror""#);
}

#[tokio::test]
async fn query_connection_cannot_write() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    let written = running
        .journal
        .read(|connection| connection.execute("INSERT INTO mirror VALUES (1, 'x')", []));
    assert!(written.unwrap_err().to_string().contains("readonly"));
}
