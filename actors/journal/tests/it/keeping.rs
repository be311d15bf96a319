//! What is kept and what is not: retention, backups and damaged files, seen from the handle.

use std::time::Duration;

use model::{Seq, Timestamp};
use stationd_journal::{Delivery, EventFilter, Journal, JournalConfig, backup};
use tokio::task::JoinSet;

use crate::support::*;

/// Appends some megabytes.
async fn megabytes(running: &Running, count: usize) {
    for _ in 0..count {
        let mut fat = event("x", 0);
        let data = format!("\"{}\"", "x".repeat(10_000));
        fat.data = serde_json::value::RawValue::from_string(data).unwrap().into();
        running.append(append("p", vec![fat; 100])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_journal_keeps_its_size_says_so_and_tells_a_reader_what_is_gone() {
    let mut running = Running::start(vec![Box::new(Mirror)]).await;
    megabytes(&running, 30).await;
    running.config.keep_mb = 16;
    let running = running.reopen(vec![Box::new(Mirror)]).await;
    let mut live = running.journal.subscribe(None, EventFilter::sources(["journal"]));
    let Delivery::Event(told) = soon(live.next()).await else {
        panic!("lagged");
    };
    assert_eq!((&*told.event_type, told.seq), ("journal_trimmed", Seq(3001)));
    let data: serde_json::Value = told.decode().unwrap();
    let floor = running.journal.floor();
    assert_eq!(
        (&data["from"], &data["to"], &data["count"]),
        (&1.into(), &(floor.0 - 1).into(), &(floor.0 - 1).into())
    );
    assert!(floor > Seq(1000) && floor <= Seq(2001), "{floor}");
    let mirrored = running
        .journal
        .read(|db| db.query_row("SELECT count(*) FROM mirror", [], |row| row.get::<_, i64>(0)));
    assert_eq!(mirrored.unwrap(), 3001, "projections keep their rows");

    let mut reader = running.journal.subscribe(Some(Seq(7)), EventFilter::all());
    let Delivery::Lagged { from, to } = soon(reader.next()).await else {
        panic!("the gap was not told");
    };
    assert_eq!((from, to.next()), (Seq(8), floor));
    assert_eq!(follow(&mut reader, Seq(3001)).await, ((floor.0..=3001).collect(), 0));
    let again = running.reopen(vec![Box::new(Mirror)]).await;
    assert_eq!((again.journal.floor(), again.journal.head()), (floor, Seq(3001)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_under_load_is_a_prefix_of_the_journal_and_restores_to_one_that_goes_on() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    running
        .append(moving("p", vec![event("x", 0); 2000], 0, 1))
        .await
        .unwrap();
    let mut producing = JoinSet::new();
    let (journal, (stop, stopped)) = (running.journal.clone(), tokio::sync::watch::channel(false));
    producing.spawn(async move {
        let mut version = 1;
        while !*stopped.borrow() {
            let events = (0..7).map(|n| event("x", version * 7 + n)).collect();
            version = journal
                .append(moving("p", events, version, 1), SOON)
                .await
                .unwrap()
                .version;
        }
    });
    let place = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let to = place.path().join(format!("{round}.db"));
        let (journal, file) = (running.journal.clone(), to.clone());
        let from = running.config.path.clone();
        // The handle's way and the command line's way.
        let copy = move || {
            if round % 2 == 0 {
                journal.backup(&file)
            } else {
                backup(&from, &file)
            }
        };
        let report = soon(tokio::task::spawn_blocking(copy)).await.unwrap().unwrap();
        let config = JournalConfig {
            path: to,
            ..JournalConfig::default()
        };
        let (restored, _child) = Journal::open(&config, vec![Box::new(Mirror)]).unwrap();
        assert_eq!((restored.head(), &restored.opened().set_aside), (report.head, &None));
        let checkpoint = restored.checkpoint("p").unwrap().unwrap();
        // Whole appends, and the checkpoint that belongs to them.
        assert_eq!(report.head, Seq(2000 + (checkpoint.version - 1) * 7));
        assert_eq!(dump(&restored), dump_to(&running.journal, report.head));
    }
    stop.send(true).unwrap();
    soon(producing.join_next()).await.unwrap().unwrap();
    assert!(running.journal.head() > Seq(2000));
}

/// Every event as text, up to a position.
fn dump_to(journal: &Journal, last: Seq) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', seq, at_ms, source, type, data) FROM event WHERE seq <= ?1 ORDER BY seq";
    let rows = journal.read(|db| {
        let mut query = db.prepare(sql)?;
        query
            .query_map([i64::try_from(last.0).unwrap()], |row| row.get(0))?
            .collect()
    });
    rows.unwrap()
}

fn dump(journal: &Journal) -> Vec<String> {
    dump_to(journal, journal.head())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orderly_end_is_recognised_although_readers_still_hold_the_file() {
    let running = Running::start(vec![]).await;
    assert!(!running.journal.opened().after_unclean_end);
    running.append(append("p", vec![event("x", 0)])).await.unwrap();
    running.supervision.shutdown(SOON).await;
    let (again, _child) = Journal::open(&running.config, vec![]).unwrap();
    assert_eq!((again.opened().after_unclean_end, again.head()), (false, Seq(1)));
    assert_eq!(running.journal.head(), Seq(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_journal_is_set_aside_and_the_service_goes_on_counting() {
    let running = Running::start(vec![Box::new(Mirror)]).await;
    running.append(append("p", vec![event("x", 0); 3000])).await.unwrap();
    let path = running.config.path.clone();
    let harm = move || {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 8192 * 4096;
        bytes[middle..middle + 4096].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
    };
    let running = running.reopen_after(harm, vec![Box::new(Mirror)]).await;
    let aside = running.journal.opened().set_aside.clone().unwrap();
    assert_eq!(
        (aside.readable_to, running.journal.floor(), running.journal.head()),
        (Some(Seq(3000)), Seq(3001), Seq(3001))
    );
    assert!(aside.file.exists());
    let mut resumed = running.journal.subscribe(Some(Seq(2990)), EventFilter::all());
    assert!(matches!(
        soon(resumed.next()).await,
        Delivery::Lagged {
            from: Seq(2991),
            to: Seq(3000)
        }
    ));
    running.append(append("p", vec![event("x", 0)])).await.unwrap();
    assert_eq!(follow(&mut resumed, Seq(3002)).await, (vec![3001, 3002], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_subscriber_gets_events_in_order_of_seq_while_the_clock_jumps() {
    let running = Running::start(vec![]).await;
    let mut live = running.journal.subscribe(None, EventFilter::all());
    let mut late = running.journal.subscribe(Some(Seq::ZERO), EventFilter::all());
    let now = Timestamp::now();
    let times = [
        0,
        4_070_908_800_000,
        now.unix_ms(),
        now.minus(Duration::from_secs(86_400)).unix_ms(),
        1,
    ];
    for at in times {
        let mut event = event("x", 0);
        event.at = Timestamp::from_unix_ms(at);
        running.append(append("p", vec![event])).await.unwrap();
    }
    assert_eq!(follow(&mut live, Seq(5)).await, ((1..=5).collect(), 0));
    assert_eq!(follow(&mut late, Seq(5)).await, ((1..=5).collect(), 0));
}
