//! Backups: complete, checked, or not there.

use model::Seq;

use super::*;
use crate::store::{backup, start};

#[test]
fn backup_is_a_journal_that_opens_and_goes_on_where_it_was_taken() {
    let place = Place::with(vec![Box::new(Tally)]);
    let mut store = place.open().unwrap();
    commit(&mut store, moving(vec![event("a", "x", 1); 500], 0, 7)).unwrap();
    let to = place.dir.path().join("backup.db");
    let report = backup(&place.config().path, &to).unwrap();
    assert_eq!(
        (report.head, report.bytes),
        (Seq(500), std::fs::metadata(&to).unwrap().len())
    );
    commit(&mut store, moving(vec![event("a", "x", 2)], 1, 7)).unwrap();
    drop(store);
    std::fs::copy(&to, place.config().path).unwrap();
    let opened = start(&place.config(), &place.home).unwrap();
    assert_eq!((opened.head, opened.set_aside, tally(&place)), (Seq(500), None, 500));
    let again = commit(&mut place.open().unwrap(), moving(vec![event("a", "x", 2)], 1, 7)).unwrap();
    assert_eq!((again.appended.first, again.appended.version), (Seq(501), 2));
}

#[test]
fn backup_overwrites_nothing_and_leaves_nothing_behind_when_it_fails() {
    let place = Place::new();
    drop(place.open().unwrap());
    let journal = place.config().path;
    let there = place.dir.path().join("there");
    std::fs::write(&there, "mine").unwrap();
    assert!(backup(&journal, &there).is_err_and(|error| matches!(error, JournalError::Exists(_))));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    let to = place.dir.path().join("backup.db");
    assert!(backup(&there, &to).is_err());
    assert!(backup(&place.dir.path().join("nothing"), &to).is_err());
    assert!(backup(&journal, &place.dir.path().join("no/where")).is_err());
    assert_eq!(place.names(), ["journal.db", "there"]);
}

#[test]
fn backup_of_a_damaged_file_is_refused() {
    let place = Place::new();
    let many = (0..3000).map(|at| event("a", "x", at)).collect();
    commit(&mut place.open().unwrap(), append(many)).unwrap();
    let path = place.config().path;
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 8192 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    assert!(backup(&path, &place.dir.path().join("backup.db")).is_err_and(|error| error.is_damage()));
    assert_eq!(place.names(), ["journal.db"]);
}
