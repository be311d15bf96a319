//! Appends: dense, once, together or not at all.

use model::Seq;

use super::*;
use crate::Appended;

fn appended(first: u64, last: u64, version: u64) -> Appended {
    let (first, last) = (Seq(first), Seq(last));
    Appended { first, last, version }
}

#[test]
fn committed_append_is_there_after_reopening() {
    let place = Place::new();
    let stored = commit(
        &mut place.open().unwrap(),
        moving(vec![event("a", "x", 1), event("b", "y", 2)], 0, 7),
    );
    assert_eq!(stored.unwrap().appended, appended(1, 2, 1));

    let mut store = place.open().unwrap();
    assert_eq!(store.head().unwrap(), Seq(2));
    let events = store.page(Seq(1)).unwrap().events;
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.seq.0, event.source.as_str(), event.data.get()))
        .collect();
    assert_eq!(seen, [(1, "a", r#"{"at":1}"#), (2, "b", r#"{"at":2}"#)]);
    assert_eq!(
        commit(&mut store, append(vec![event("a", "x", 3)])).unwrap().appended,
        appended(3, 3, 0)
    );
}

#[test]
fn append_without_events_moves_the_checkpoint_only() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    assert_eq!(
        commit(&mut store, moving(vec![], 0, 7)).unwrap().appended,
        appended(1, 0, 1)
    );
    assert_eq!(store.head().unwrap(), Seq::ZERO);
    let stored = super::super::checkpoint(&store.connection, "test").unwrap().unwrap();
    assert_eq!((stored.version, stored.writer, &*stored.data), (1, 7, "\"after 0\""));
}

#[test]
fn retry_of_a_stored_append_gets_the_first_answer_and_stores_nothing() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    let this = moving(vec![event("a", "x", 1)], 0, u64::MAX);
    for _ in 0..3 {
        assert_eq!(commit(&mut store, this.clone()).unwrap().appended, appended(1, 1, 1));
    }
    assert_eq!(store.head().unwrap(), Seq(1));
    let answers = store.commit(vec![moving(vec![event("a", "x", 2)], 1, 9); 2]).unwrap();
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.unwrap().appended == appended(2, 2, 2))
    );
}

#[test]
fn old_writer_is_fenced_once_another_has_moved_the_checkpoint() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, moving(vec![event("a", "x", 1)], 0, 1)).unwrap();
    commit(&mut store, moving(vec![event("a", "x", 2)], 1, 2)).unwrap();
    let late = [
        moving(vec![event("a", "x", 3)], 1, 1),
        moving(vec![], 0, 1),
        moving(vec![], 9, 2),
    ];
    for append in late {
        assert_eq!(
            commit(&mut store, append).unwrap_err(),
            AppendError::Conflict { stored: 2 }
        );
    }
    assert_eq!(store.head().unwrap(), Seq(2));
}

#[test]
fn refused_append_leaves_nothing_and_spares_its_neighbours() {
    let place = Place::with(vec![Box::new(Tally)]);
    let mut store = place.open().unwrap();
    let group = vec![
        append(vec![event("a", "x", 1)]),
        moving(vec![event("a", "new kind", 2), event("a", "poison", 3)], 0, 1),
        append(vec![event("a", "other kind", 4), event("a", "x", 5)]),
        append(vec![event("a", "bomb", 6)]),
    ];
    let mut answers = store.commit(group).unwrap();
    let bomb = answers.pop().unwrap().unwrap_err().to_string();
    assert!(bomb.contains("panicked: boom"), "{bomb}");
    assert_eq!(answers.pop().unwrap().unwrap().appended, appended(2, 3, 0));
    let poison = answers.pop().unwrap().unwrap_err();
    assert_eq!(
        poison.to_string(),
        r#"projection "tally" refuses a "poison" event: not this one"#
    );
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq(3), 3));
    let kinds: Vec<_> = store
        .page(Seq(1))
        .unwrap()
        .events
        .iter()
        .map(|event| event.event_type.to_string())
        .collect();
    assert_eq!(kinds, ["x", "other kind", "x"]);
    assert_eq!(super::super::checkpoint(&store.connection, "test").unwrap(), None);
    commit(&mut store, append(vec![event("a", "new kind", 7)])).unwrap();
}

#[test]
fn projection_that_ends_the_transaction_fails_the_group_and_leaves_nothing() {
    let place = Place::with(vec![Box::new(Tally)]);
    let mut store = place.open().unwrap();
    let group = vec![
        append(vec![event("a", "x", 1)]),
        append(vec![event("a", "rollback", 2), event("a", "x", 3)]),
        append(vec![event("a", "x", 4)]),
    ];
    let error = store.commit(group).unwrap_err().to_string();
    assert_eq!(error, r#"projection "tally" ended the transaction"#);
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq::ZERO, 0));
    commit(&mut store, append(vec![event("a", "x", 5)])).unwrap();
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq(1), 1));
}

#[test]
fn full_disk_refuses_the_group_and_the_same_append_goes_in_later() {
    let place = Place::with(vec![Box::new(Tally)]);
    let mut store = place.open().unwrap();
    commit(&mut store, append(vec![event("a", "x", 1)])).unwrap();
    let limit = |store: &Store, pages: u32| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        store
            .connection
            .query_row(&pragma, [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    limit(&store, 1);
    let mut fat = event("a", "fresh kind", 2);
    fat.data = Arc::from(RawValue::from_string(format!("\"{}\"", "x".repeat(100_000))).unwrap());
    let group = vec![append(vec![event("a", "x", 3)]), append(vec![fat])];
    let error = store.commit(group.clone()).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq(1), 1));

    limit(&store, u32::MAX - 1);
    let answers = store.commit(group).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq(3), 3));
}

#[test]
fn file_refuses_to_change_delete_replace_or_skip_an_entry() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, append(vec![event("a", "x", 1), event("a", "x", 2)])).unwrap();
    let stranger = place.stranger();
    let forgeries = [
        "UPDATE entry SET data = '{}' WHERE seq = 1",
        "DELETE FROM entry WHERE seq = 2",
        "INSERT OR REPLACE INTO entry VALUES (2, 0, 1, '{}')",
        "REPLACE INTO entry VALUES (1, 0, 1, '{}')",
        "INSERT INTO entry VALUES (4, 0, 1, '{}')",
        "INSERT INTO entry VALUES (0, 0, 1, '{}')",
        "UPDATE kind SET type = 'y'",
        "UPDATE event SET data = '{}'",
        "DELETE FROM entry",
        "UPDATE retention SET floor_seq = 0",
        "UPDATE retention SET floor_seq = 4",
        "DELETE FROM retention",
        "INSERT OR REPLACE INTO retention VALUES (1, 3, 3)",
    ];
    for sql in forgeries {
        assert!(stranger.execute(sql, []).is_err(), "{sql} went through");
    }
}
