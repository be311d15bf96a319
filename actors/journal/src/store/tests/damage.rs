//! Damaged files: set aside with all that can be said about them, never deleted, and the numbering goes on.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::Seq;

use super::*;
use crate::store::start;
use crate::{IntegrityCheck, Opened, SetAside};

/// SQLite's page, in bytes.
const PAGE: u64 = 4096;

/// A journal of so many events, with a checkpoint at the last one, closed in order.
fn filled(events: usize) -> Place {
    let place = Place::with(vec![Box::new(Tally)]);
    let events = (0..events).map(|at| event("a", "x", i64::try_from(at).unwrap()));
    commit(&mut place.open().unwrap(), moving(events.collect(), 0, 1)).unwrap();
    place
}

fn overwrite(path: &Path, from: u64, bytes: u64) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(&vec![0xA5; usize::try_from(bytes).unwrap()]).unwrap();
}

fn started(place: &Place) -> Opened {
    start(&place.config(), &place.home).unwrap()
}

/// The new journal tells of the old one in its first event, and goes on counting.
fn assert_begun_anew(place: &Place, aside: &SetAside, first: Seq) {
    let mut store = place.open().unwrap();
    assert_eq!((store.floor().unwrap(), store.head().unwrap()), (first, first));
    let note = store.page(Seq(1)).unwrap().events.remove(0);
    assert_eq!(
        (note.source.as_str(), &*note.event_type),
        ("journal", "journal_set_aside")
    );
    let data: serde_json::Value = note.decode().unwrap();
    assert_eq!(data["file"], aside.file.display().to_string());
    assert_eq!(
        (&data["reason"], data["readable_to"].as_u64()),
        (&aside.reason.clone().into(), aside.readable_to.map(|seq| seq.0))
    );
    let next = commit(&mut store, moving(vec![event("a", "x", 9)], 0, 7)).unwrap();
    assert_eq!(next.appended.first, first.next());
}

#[test]
fn sound_file_is_checked_through_and_kept() {
    let place = filled(3000);
    let opened = started(&place);
    assert_eq!(
        opened,
        Opened {
            head: Seq(3000),
            floor: Seq(1),
            after_unclean_end: false,
            check: IntegrityCheck::Whole,
            check_took: opened.check_took,
            set_aside: None,
        }
    );
}

#[test]
fn write_ahead_log_left_behind_tells_of_an_unclean_end() {
    let place = filled(10);
    let still_open = place.open().unwrap();
    commit(&mut place.stranger_store(), append(vec![event("a", "x", 1)])).unwrap();
    let other = Place::with(vec![]);
    for suffix in ["", "-wal"] {
        let name = |place: &Place| PathBuf::from(format!("{}{suffix}", place.config().path.display()));
        std::fs::copy(name(&place), name(&other)).unwrap();
    }
    drop(still_open);
    let opened = started(&other);
    assert_eq!(
        (opened.after_unclean_end, opened.head, opened.set_aside),
        (true, Seq(11), None)
    );
    assert!(!started(&other).after_unclean_end);
}

#[test]
fn file_with_a_broken_page_is_set_aside_and_the_numbering_goes_on() {
    let place = filled(3000);
    let path = place.config().path;
    let pages = std::fs::metadata(&path).unwrap().len() / PAGE;
    overwrite(&path, pages / 2 * PAGE, 3 * PAGE);
    let damaged = std::fs::read(&path).unwrap();
    let aside = started(&place).set_aside.unwrap();
    assert_eq!(aside.readable_to, Some(Seq(3000)));
    assert_eq!(std::fs::read(&aside.file).unwrap(), damaged, "evidence was changed");
    let name = aside.file.file_name().unwrap().to_str().unwrap();
    let stamp = name.strip_prefix("journal.db.damaged-").unwrap();
    assert!(
        stamp.len() == "20261121T064816Z".len() && stamp.ends_with('Z'),
        "{stamp}"
    );
    assert_begun_anew(&place, &aside, Seq(3001));
    assert_eq!(started(&place).set_aside, None);
}

#[test]
fn file_whose_end_is_gone_is_set_aside() {
    let place = filled(3000);
    let path = place.config().path;
    let length = std::fs::metadata(&path).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    let aside = started(&place).set_aside.unwrap();
    // Its index of checkpoints is at the beginning of the file and still readable.
    assert!(aside.readable_to.is_some_and(|seq| seq > Seq(100)), "{aside:?}");
    assert_begun_anew(&place, &aside, aside.readable_to.unwrap().next());
}

#[test]
fn file_that_is_no_database_is_set_aside_and_a_second_one_beside_it() {
    let place = Place::with(vec![Box::new(Tally)]);
    let mut names = Vec::new();
    for text in [
        "not a database, but longer than a header of one is. ".repeat(100),
        "x".repeat(9000),
    ] {
        std::fs::write(place.config().path, &text).unwrap();
        let aside = started(&place).set_aside.unwrap();
        assert_eq!(aside.readable_to, None);
        assert_eq!(std::fs::read_to_string(&aside.file).unwrap(), text);
        assert_begun_anew(&place, &aside, Seq(1));
        names.push(aside.file);
    }
    assert_ne!(names[0], names[1]);
}

#[test]
fn file_with_a_hole_or_a_projection_ahead_of_it_is_set_aside() {
    let cases = [
        (
            "DROP TRIGGER entry_is_kept; DELETE FROM entry WHERE seq = 20",
            "1 of the events 1 to 30 are missing",
        ),
        (
            "DROP TRIGGER entry_is_kept; DELETE FROM entry WHERE seq = 1",
            "1 of the events 1 to 30 are missing",
        ),
        (
            "UPDATE projection SET applied_seq = 31",
            r#"projection "tally" has seen event 31, and the newest is 30"#,
        ),
    ];
    for (harm, reason) in cases {
        let place = filled(30);
        place.stranger().execute_batch(harm).unwrap();
        let aside = started(&place).set_aside.unwrap();
        assert_eq!(aside.reason, format!("the journal is damaged: {reason}"));
        assert_begun_anew(&place, &aside, aside.readable_to.unwrap().next());
    }
}

#[test]
fn newer_or_foreign_file_is_refused_and_never_set_aside_however_damaged() {
    let harms = [
        "INSERT INTO migration VALUES ('journal', 3, 0, 0); UPDATE projection SET applied_seq = 99",
        "INSERT INTO migration VALUES ('tally', 2, 0, 0); UPDATE projection SET applied_seq = 99",
        "PRAGMA application_id = 7; UPDATE projection SET applied_seq = 99",
    ];
    for harm in harms {
        let place = filled(30);
        place.stranger().execute_batch(harm).unwrap();
        let before = std::fs::read(place.config().path).unwrap();
        assert!(start(&place.config(), &place.home).is_err(), "{harm}");
        assert_eq!(std::fs::read(place.config().path).unwrap(), before, "{harm}");
        assert!(place.names().iter().all(|name| !name.contains("damaged")));
    }
}

#[test]
fn power_cut_between_the_two_renames_is_made_good() {
    let place = filled(3000);
    let path = place.config().path;
    overwrite(&path, 20 * PAGE, 3 * PAGE);
    let aside = started(&place).set_aside.unwrap();
    // As it was in between: the damaged file has left, the new one has not come.
    std::fs::rename(&path, place.dir.path().join("journal.db.new")).unwrap();
    let opened = started(&place);
    assert_eq!(
        (opened.floor, opened.head, opened.set_aside),
        (Seq(3001), Seq(3001), None)
    );
    assert_begun_anew(&place, &aside, Seq(3001));
}

#[test]
fn damaged_file_stays_in_its_place_until_the_new_one_is_complete() {
    let place = filled(3000);
    let path = place.config().path;
    overwrite(&path, 20 * PAGE, 3 * PAGE);
    // Something is in the way of the new journal, as a full disk would be.
    let obstacle = place.dir.path().join("journal.db.new");
    std::fs::create_dir(&obstacle).unwrap();
    assert!(start(&place.config(), &place.home).is_err_and(|error| !error.is_damage()));
    assert!(path.exists() && place.names().iter().all(|name| !name.contains("damaged")));
    std::fs::remove_dir(&obstacle).unwrap();
    let aside = started(&place).set_aside.unwrap();
    assert_begun_anew(&place, &aside, Seq(3001));
    assert!(!obstacle.exists());
}

#[test]
fn suspect_file_is_checked_once_more_at_the_next_start() {
    let place = filled(30);
    place.open().unwrap().suspect();
    let suspicion = |place: &Place| place.names().iter().any(|name| name.ends_with("-suspect"));
    assert!(suspicion(&place));
    assert_eq!(started(&place).check, IntegrityCheck::Whole);
    assert!(!suspicion(&place));
}
