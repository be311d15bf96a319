//! Opening: migrations, foreign files, projections that are new or were away.

use model::Seq;

use super::*;
use crate::Synchronous;
use crate::store::schema;

/// A file as version 2 of the journal made it.
const VERSION_2: &str = include_str!("../../../testdata/version_2.sql");
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
fn file_of_version_2_opens_with_its_floor_and_takes_new_events() {
    let place = Place::with(vec![Box::new(Tally)]);
    place.stranger().execute_batch(VERSION_2).unwrap();
    let mut store = place.open().unwrap();
    assert_eq!((store.floor().unwrap(), store.head().unwrap()), (Seq(2), Seq(3)));
    assert_eq!(tally(&place), 2);
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
            .is_err_and(|error| matches!(error, JournalError::NewerSchema { stored: 3, .. }))
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
    assert_eq!(error, "the journal is damaged: 1 of the events 1 to 3 are missing");
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
fn projection_that_refuses_old_events_passes_them_over_and_the_journal_says_so_once() {
    let mut place = Place::new();
    let kinds = ["x", "poison", "bomb", "rollback", "x"];
    let old = kinds.map(|kind| event("a", kind, 1)).to_vec();
    commit(&mut place.open().unwrap(), append(old)).unwrap();
    place.home = Arc::new(Mutex::new(Some(vec![Box::new(Nay), Box::new(Tally)])));
    for _ in 0..2 {
        let mut store = place.open().unwrap();
        assert_eq!(store.head().unwrap(), Seq(7), "one note each, and none about notes");
        let notes = store.page(Seq(6)).unwrap().events;
        let notes: Vec<_> = notes.iter().map(|note| (&*note.event_type, note.data.get())).collect();
        let nay = r#"{"projection":"nay","seq":1,"type":"x","reason":"nay","count":5}"#;
        let told = r#"{"projection":"tally","seq":2,"type":"poison","reason":"not this one","count":3}"#;
        assert_eq!(notes, [("projection_refused", nay), ("projection_refused", told)]);
        // Two of the five, and both notes.
        assert_eq!(tally(&place), 4);
        assert!(
            commit(&mut store, append(vec![event("a", "x", 9)])).is_err(),
            "nay says nay"
        );
    }
}

/// Refuses everything.
struct Nay;

impl Projection for Nay {
    fn name(&self) -> &'static str {
        "nay"
    }

    fn migrations(&self) -> &'static [&'static str] {
        &[]
    }

    fn apply(&mut self, _: &Transaction<'_>, _: &Event) -> Result<(), ProjectionError> {
        Err(ProjectionError::Refused("nay".into()))
    }
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
