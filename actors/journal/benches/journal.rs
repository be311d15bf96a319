//! What the journal can carry: big batches, one waiting producer, many producers, fan-out to subscribers.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may fail; criterion's macro documents nothing"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernel::{Supervision, SupervisorSpec, launch};
use model::{NewEvent, Seq, Source, Timestamp};
use serde_json::value::RawValue;
use stationd_journal::{
    Append, CheckpointUpdate, Delivery, EventFilter, EventQuery, IntegrityCheck, Journal, JournalConfig, Order,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(60);
/// A call's end as the repeater writes it: the size of an ordinary event.
const DATA: &str = r#"{"mode":"dmr","slot":2,"source":"network","kind":"voice","callsign":"DL1ABC","callsign_suffix":null,"destination":"26212","destination_kind":"group","via":null,"started_at":"2026-11-21T06:48:16.195Z","ended_at":"2026-11-21T06:48:20.395Z","duration_s":4.2,"ber_percent":0.1,"loss_percent":0,"rssi_dbm":null,"end_reason":"end","late_entry":false,"talker_alias":null}"#;
const TYPES: [&str; 4] = ["qso_started", "qso_updated", "qso_ended", "mode_changed"];

struct Bench {
    runtime: Runtime,
    journal: Journal,
    _supervision: Supervision,
    _dir: TempDir,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        path: dir.path().join("journal.db"),
        ..JournalConfig::default()
    };
    let (journal, child) = Journal::open(&config, vec![]).unwrap();
    let runtime = Runtime::new().unwrap();
    let supervision = launch(SupervisorSpec::new("root").child(child)).unwrap();
    runtime.block_on(supervision.booted()).unwrap();
    Bench {
        runtime,
        journal,
        _supervision: supervision,
        _dir: dir,
    }
}

fn events(count: usize) -> Vec<NewEvent> {
    let data: Arc<RawValue> = Arc::from(RawValue::from_string(DATA.to_owned()).unwrap());
    let source = Source::new("repeater");
    let types = TYPES.map(Arc::<str>::from);
    let event = |event_type: &Arc<str>| NewEvent {
        at: Timestamp::now(),
        source: source.clone(),
        event_type: Arc::clone(event_type),
        data: Arc::clone(&data),
    };
    types.iter().cycle().take(count).map(event).collect()
}

async fn produce(journal: &Journal, producer: &str, batch: &[NewEvent], rounds: u64) {
    let mut expect = journal.checkpoint(producer).unwrap().map_or(0, |stored| stored.version);
    for _ in 0..rounds {
        let append = Append {
            producer: producer.to_owned(),
            events: batch.to_vec(),
            checkpoint: Some(CheckpointUpdate {
                expect,
                writer: 1,
                data: r#"{"offset":4711}"#.to_owned(),
            }),
        };
        expect = journal.append(append, LIMIT).await.unwrap().version;
    }
}

fn appends(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append, synchronous=full");
    for size in [1_usize, 16, 1000] {
        let bench = bench();
        let batch = events(size);
        group.throughput(Throughput::Elements(u64::try_from(size).unwrap()));
        group.bench_function(format!("one producer waits for each batch of {size}"), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                bench.runtime.block_on(produce(&bench.journal, "p", &batch, rounds));
                begun.elapsed()
            });
        });
    }
    let bench = bench();
    let batch = events(16);
    group.throughput(Throughput::Elements(32 * 16));
    group.bench_function("32 producers wait for batches of 16 each", |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = Instant::now();
            bench.runtime.block_on(async {
                let mut producers = tokio::task::JoinSet::new();
                for producer in 0..32 {
                    let (journal, batch) = (bench.journal.clone(), batch.clone());
                    producers.spawn(async move { produce(&journal, &format!("p{producer}"), &batch, rounds).await });
                }
                producers.join_all().await;
            });
            begun.elapsed()
        });
    });
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribe");
    let bench = bench();
    let batch = events(100);
    group.throughput(Throughput::Elements(100 * 50));
    group.bench_function("100 events to 50 live subscribers", |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = Instant::now();
            bench.runtime.block_on(async {
                let last = Seq(bench.journal.head().0 + rounds * 100);
                let mut readers = tokio::task::JoinSet::new();
                for _ in 0..50 {
                    let mut subscription = bench.journal.subscribe(None, EventFilter::sources(["repeater.*"]));
                    readers.spawn(async move {
                        while subscription.position() < last {
                            std::hint::black_box(subscription.next().await);
                        }
                    });
                }
                produce(&bench.journal, "p", &batch, rounds).await;
                readers.join_all().await;
            });
            begun.elapsed()
        });
    });
    bench
        .runtime
        .block_on(produce(&bench.journal, "p", &events(10_000), 10));
    let head = bench.journal.head();
    let count = 100_000;
    group.throughput(Throughput::Elements(count));
    group.sample_size(10);
    group.bench_function("replay of 100,000 events", |bencher| {
        bencher.iter(|| {
            bench.runtime.block_on(async {
                let mut subscription = bench.journal.subscribe(Some(Seq(head.0 - count)), EventFilter::all());
                while subscription.position() < head {
                    assert!(matches!(subscription.next().await, Delivery::Event(_)));
                }
            });
        });
    });
    group.throughput(Throughput::Elements(100));
    group.bench_function("query for the newest 100 of two types", |bencher| {
        let query = EventQuery {
            filter: EventFilter {
                sources: vec!["repeater".into()],
                types: vec!["qso_ended".into(), "mode_changed".into()],
            },
            order: Order::NewestFirst,
            ..EventQuery::default()
        };
        bencher.iter(|| bench.journal.events(&query).unwrap());
    });
    group.finish();
}

/// A journal of a million events, half a gigabyte, from the operating system's cache.
fn million(criterion: &mut Criterion) {
    let bench = bench();
    bench
        .runtime
        .block_on(produce(&bench.journal, "p", &events(10_000), 100));
    let place = bench._dir.path();
    let copy = JournalConfig {
        path: place.join("copy.db"),
        ..JournalConfig::default()
    };
    bench.journal.backup(&copy.path).unwrap();
    let mut group = criterion.benchmark_group("a million events");
    group.sample_size(10);
    group.bench_function("open after an orderly end", |bencher| {
        bencher.iter(|| Journal::open(&copy, vec![]).unwrap());
    });
    group.bench_function("open and check every page", |bencher| {
        bencher.iter(|| {
            std::fs::write(place.join("copy.db-suspect"), "").unwrap();
            let (journal, _) = Journal::open(&copy, vec![]).unwrap();
            assert_eq!(journal.opened().check, IntegrityCheck::Whole);
        });
    });
    group.bench_function("backup, checked", |bencher| {
        let to = place.join("backup.db");
        bencher.iter_custom(|rounds| {
            let took = (0..rounds).map(|_| {
                let report = bench.journal.backup(&to).unwrap();
                std::fs::remove_file(&to).unwrap();
                report.took
            });
            took.sum()
        });
    });
    group.finish();
}

criterion_group! {
    name = journal;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3)).sample_size(20);
    targets = appends, fan_out, million
}
criterion_main!(journal);
