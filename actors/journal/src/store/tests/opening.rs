//! Opening: migrations, foreign files, projections that are new or were away.

use model::Seq;

use super::*;
use crate::Synchronous;
use crate::store::schema;

/// A file as version 1 of the journal made it, as SQL text.
const VERSION_1: &str = include_str!("../../../testdata/version_1.sql");

#[test]
fn file_of_version_1_opens_with_its_events_and_takes_new_ones() {
    let place = Place::with(vec![Box::new(Tally)]);
    place.stranger().execute_batch(VERSION_1).unwrap();
    let mut store = place.open().unwrap();
    let events = store.page(Seq(1)).unwrap().events;
    let seen: Vec<_> = events
        .iter()
        .map(|event| format!("{} {} {}", event.seq, event.source, event.event_type))
        .collect();
    assert_eq!(
        seen,
        [
            "1 repeater qso_started",
            "2 repeater qso_ended",
            "3 power.inverter_1 alarm_raised"
        ]
    );
    let checkpoint = super::super::checkpoint(&store.connection, "repeater")
        .unwrap()
        .unwrap();
    assert_eq!((checkpoint.version, checkpoint.writer), (2, u64::MAX));
    assert_eq!(tally(&place), 3);
    commit(&mut store, append(vec![event("repeater", "qso_started", 9)])).unwrap();
    assert_eq!(store.head().unwrap(), Seq(4));
}

#[test]
fn file_of_a_newer_release_is_refused() {
    let place = Place::new();
    drop(place.open().unwrap());
    place
        .stranger()
        .execute("INSERT INTO migration VALUES ('journal', 99, 0, 0)", [])
        .unwrap();
    let error = place.open().err().unwrap().to_string();
    assert!(error.contains("use the newer release"), "{error}");
    assert!(
        place
            .open()
            .is_err_and(|error| matches!(error, JournalError::NewerSchema { stored: 2, .. }))
    );
}

#[test]
fn edited_migration_is_noticed() {
    let place = Place::new();
    drop(place.open().unwrap());
    place
        .stranger()
        .execute("UPDATE migration SET fingerprint = 1", [])
        .unwrap();
    assert!(
        place
            .open()
            .is_err_and(|error| matches!(error, JournalError::MigrationEdited { number: 1, .. }))
    );
}

#[test]
fn failing_migration_is_rolled_back_and_named() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    let migrations = &[
        "CREATE TABLE good (id INTEGER)",
        "CREATE TABLE half (id INTEGER); SELECT nonsense",
    ];
    let error = schema::migrate(&mut store.connection, "trial", migrations).unwrap_err();
    assert!(
        matches!(error, JournalError::MigrationFailed { number: 2, .. }),
        "{error}"
    );
    let tables = "SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('good', 'half')";
    let tables: String = store.connection.query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, "good");
}

#[test]
fn database_of_somebody_else_is_refused_and_left_alone() {
    let place = Place::new();
    place
        .stranger()
        .execute_batch("CREATE TABLE theirs (id INTEGER)")
        .unwrap();
    let before = std::fs::read(place.config().path).unwrap();
    assert!(
        place
            .open()
            .is_err_and(|error| matches!(error, JournalError::NotAJournal { .. }))
    );
    assert_eq!(std::fs::read(place.config().path).unwrap(), before);
}

#[test]
fn hole_at_the_end_of_the_file_is_noticed() {
    let place = Place::new();
    commit(&mut place.open().unwrap(), append(vec![event("a", "x", 1); 3])).unwrap();
    place
        .stranger()
        .execute_batch("DROP TRIGGER entry_is_kept; DELETE FROM entry WHERE seq = 2")
        .unwrap();
    let error = place.open().err().unwrap().to_string();
    assert_eq!(error, "the journal is damaged: 1 of the events 0 to 3 are missing");
}

#[test]
fn only_one_writer_holds_the_journal_and_a_dropped_one_lets_go() {
    let place = Place::new();
    let first = place.open().unwrap();
    assert!(
        place
            .open()
            .is_err_and(|error| matches!(error, JournalError::WriterBusy))
    );
    drop(first);
    place.open().unwrap();
}

#[test]
fn projection_new_to_the_file_or_away_for_a_while_gets_what_it_missed() {
    let mut place = Place::new();
    let many = append(vec![event("a", "x", 1); 5000]);
    commit(&mut place.open().unwrap(), many).unwrap();
    let without = std::mem::replace(&mut place.home, Arc::new(Mutex::new(Some(vec![Box::new(Tally)]))));
    commit(&mut place.open().unwrap(), append(vec![event("a", "x", 1)])).unwrap();
    assert_eq!(tally(&place), 5001);
    let with = std::mem::replace(&mut place.home, without);
    commit(&mut place.open().unwrap(), append(vec![event("a", "x", 1); 2])).unwrap();
    assert_eq!(tally(&place), 5001);
    place.home = with;
    place.open().unwrap();
    assert_eq!(tally(&place), 5003);
}

#[test]
fn projection_that_refuses_an_old_event_is_named_with_it() {
    let mut place = Place::new();
    commit(
        &mut place.open().unwrap(),
        append(vec![event("a", "x", 1), event("a", "poison", 2)]),
    )
    .unwrap();
    place.home = Arc::new(Mutex::new(Some(vec![Box::new(Tally)])));
    let error = place.open().err().unwrap().to_string();
    assert_eq!(error, r#"projection "tally" refuses event 2: not this one"#);
}

#[test]
fn writer_asks_for_what_the_promises_need() {
    for (synchronous, level) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
        let place = Place::new();
        let config = JournalConfig {
            synchronous,
            ..place.config()
        };
        let store = Store::open(&config, Lease::take(&place.home).unwrap()).unwrap();
        let pragma = |name: &str| -> i64 {
            store
                .connection
                .pragma_query_value(None, name, |row| row.get(0))
                .unwrap()
        };
        let asked = ["synchronous", "foreign_keys", "recursive_triggers"].map(pragma);
        assert_eq!(asked, [level, 1, 1]);
        let mode: String = store
            .connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }
}
