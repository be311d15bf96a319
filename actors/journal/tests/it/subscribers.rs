//! Subscribers: each event once and in order, whatever the ring and the file do.

use std::sync::Arc;

use model::Seq;
use stationd_journal::{Delivery, EventFilter, Journal, JournalConfig};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::*;

/// The smallest ring that the configuration allows: overrun is the rule, not the exception.
fn small_ring() -> JournalConfig {
    JournalConfig {
        live_ring: 64,
        ..JournalConfig::default()
    }
}

async fn produce(journal: Journal, producer: u64, appends: u64) {
    for n in 0..appends {
        let size = 1 + (producer * 7 + n * 3) % 13;
        let events = (0..size).map(|n| event("x", n)).collect();
        journal.append(append("p", events), SOON).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_get_each_event_once_across_replay_and_live_under_load() {
    let running = Running::with(small_ring(), vec![]).await;
    produce(running.journal.clone(), 0, 50).await;
    let mut tasks = JoinSet::new();
    let start = Arc::new(Barrier::new(16));
    for producer in 0..8 {
        let (journal, start) = (running.journal.clone(), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            produce(journal, producer, 60).await;
        });
    }
    let (last, head) = tokio::sync::watch::channel(None);
    let mut readers = JoinSet::new();
    for reader in 0..8_u64 {
        let (journal, start, mut head) = (running.journal.clone(), Arc::clone(&start), head.clone());
        readers.spawn(async move {
            start.wait().await;
            let since = Seq(reader * 40);
            let mut subscription = journal.subscribe(Some(since), EventFilter::all());
            let (mut seen, mut end) = (since.0, None);
            while end != Some(Seq(seen)) {
                tokio::select! {
                    // Cancelled now and then by the other branch: nothing may get lost by that.
                    changed = head.changed(), if end.is_none() => {
                        changed.unwrap();
                        end = *head.borrow();
                    }
                    delivery = subscription.next() => match delivery {
                        Delivery::Event(event) => {
                            assert_eq!(event.seq, Seq(seen).next());
                            seen = event.seq.0;
                            assert_eq!(subscription.position(), event.seq);
                        }
                        Delivery::Lagged { from, to } => assert!(from == Seq(seen).next() && from <= to),
                    }
                }
            }
            seen
        });
    }
    drop(soon(tasks.join_all()).await);
    let end = running.journal.head();
    last.send(Some(end)).unwrap();
    let seen = soon(readers.join_all()).await;
    assert!(seen.iter().all(|seen| *seen == end.0), "{seen:?} of {end}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_subscriber_is_told_that_it_lags_and_then_gets_everything() {
    let running = Running::with(small_ring(), vec![]).await;
    let mut slow = running.journal.subscribe(None, EventFilter::all());
    running.append(append("p", vec![event("x", 0)])).await.unwrap();
    assert!(matches!(soon(slow.next()).await, Delivery::Event(event) if event.seq == Seq(1)));
    for n in 0..50 {
        running.append(append("p", vec![event("x", n); 10])).await.unwrap();
    }
    assert!(matches!(
        soon(slow.next()).await,
        Delivery::Lagged {
            from: Seq(2),
            to: Seq(501)
        }
    ));
    assert_eq!(follow(&mut slow, Seq(501)).await, ((2..=501).collect(), 0));
    running.append(append("p", vec![event("x", 0)])).await.unwrap();
    assert!(matches!(soon(slow.next()).await, Delivery::Event(event) if event.seq == Seq(502)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_of_history_is_not_told_that_it_lags() {
    let running = Running::with(small_ring(), vec![]).await;
    running.append(append("p", vec![event("x", 0); 300])).await.unwrap();
    let mut late = running.journal.subscribe(Some(Seq(10)), EventFilter::all());
    running.append(append("p", vec![event("x", 0); 300])).await.unwrap();
    assert_eq!(follow(&mut late, Seq(600)).await, ((11..=600).collect(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filtered_subscription_gets_the_same_from_file_and_ring() {
    let running = Running::start(vec![]).await;
    let wanted = EventFilter {
        sources: vec!["test.*".into()],
        types: vec!["y".into()],
    };
    let batch = || append("p", vec![event("x", 0), event("y", 0), event("x", 0)]);
    running.append(batch()).await.unwrap();
    let mut subscription = running.journal.subscribe(Some(Seq::ZERO), wanted);
    assert_eq!(follow(&mut subscription, Seq(2)).await.0, [2]);
    running.append(batch()).await.unwrap();
    assert_eq!(follow(&mut subscription, Seq(5)).await.0, [5]);
}

#[tokio::test]
async fn subscription_from_beyond_the_head_begins_with_the_next_event() {
    let running = Running::start(vec![]).await;
    let mut subscription = running.journal.subscribe(Some(Seq(1_000_000)), EventFilter::all());
    running.append(append("p", vec![event("x", 0)])).await.unwrap();
    assert_eq!(follow(&mut subscription, Seq(1)).await.0, [1]);
}
