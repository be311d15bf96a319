//! Retention: the low end leaves, `seq` stays what it was, nobody loses what is theirs.

use std::time::{Duration, Instant};

use model::Seq;

use super::*;
use crate::store::{Trim, start};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A wall clock that has been steady for long enough.
struct Clock {
    wall: Timestamp,
    now: Instant,
}

impl Clock {
    fn new() -> Clock {
        Clock {
            wall: "2026-11-21T12:00:00Z".parse().unwrap(),
            now: Instant::now(),
        }
    }

    fn ago(&self, ago: Duration) -> i64 {
        self.wall.minus(ago).unix_ms()
    }

    /// Takes steps until there is nothing to do, each an hour after a first look: the floor, and the steps taken.
    fn trim(&self, store: &mut Store) -> (Seq, usize) {
        let before = store.trim(self.wall.minus(HOUR), self.now).unwrap().unwrap();
        let mut steps = 0;
        let mut last = before;
        loop {
            let trim = store.trim(self.wall, self.now + HOUR).unwrap().unwrap();
            assert!(trim.floor >= last.floor && trim.floor.0 - last.floor.0 <= 1024);
            steps += 1;
            last = trim;
            if !trim.more {
                return (trim.floor, steps);
            }
        }
    }
}

fn keeping(place: &Place, keep_days: u32, keep_mb: u32) -> Store {
    let config = JournalConfig {
        keep_days,
        keep_mb,
        ..place.config()
    };
    Store::open(&config, Lease::take(&place.home).unwrap()).unwrap()
}

fn fat(at_ms: i64) -> NewEvent {
    let mut fat = event("a", "x", at_ms);
    fat.data = Arc::from(RawValue::from_string(format!("\"{}\"", "x".repeat(8000))).unwrap());
    fat
}

#[test]
fn events_older_than_the_days_to_keep_leave_in_short_steps_and_projections_keep_their_rows() {
    let (place, clock) = (Place::with(vec![Box::new(Tally)]), Clock::new());
    let mut store = keeping(&place, 7, 0);
    commit(&mut store, append(vec![event("a", "x", clock.ago(8 * DAY)); 5000])).unwrap();
    commit(&mut store, append(vec![event("a", "x", clock.ago(6 * DAY)); 100])).unwrap();
    let (floor, steps) = clock.trim(&mut store);
    assert_eq!(floor, Seq(5001));
    assert!(steps >= 5, "{steps} steps are not short ones");
    assert_eq!((store.head().unwrap(), tally(&place)), (Seq(5100), 5100));
    let page = store.page(Seq(1)).unwrap();
    assert_eq!(
        (page.floor, page.events.len(), page.events[0].seq),
        (Seq(5001), 100, Seq(5001))
    );
}

#[test]
fn journal_that_has_lost_all_its_events_goes_on_counting() {
    let (place, clock) = (Place::with(vec![Box::new(Tally)]), Clock::new());
    let mut store = keeping(&place, 1, 0);
    commit(&mut store, moving(vec![event("a", "x", clock.ago(2 * DAY)); 10], 0, 1)).unwrap();
    assert_eq!(clock.trim(&mut store).0, Seq(11));
    assert_eq!(store.head().unwrap(), Seq(10));
    drop(store);
    assert_eq!(start(&place.config(), &place.home).unwrap().head, Seq(10));
    let mut store = place.open().unwrap();
    // A retry of what has left meanwhile is still recognised.
    let retried = commit(&mut store, moving(vec![event("a", "x", 0); 10], 0, 1)).unwrap();
    assert_eq!((retried.appended.last, retried.appended.version), (Seq(10), 1));
    let next = commit(&mut store, append(vec![event("a", "x", 0)])).unwrap();
    assert_eq!(next.appended.first, Seq(11));
}

#[test]
fn file_beyond_its_size_loses_its_oldest_events_and_gives_the_space_back() {
    let place = Place::new();
    let mut store = keeping(&place, 0, 16);
    let size = |place: &Place| std::fs::metadata(place.config().path).unwrap().len() >> 20;
    for _ in 0..8 {
        commit(&mut store, append(vec![fat(0); 1000])).unwrap();
    }
    store
        .connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    assert!(size(&place) > 60);
    let (floor, steps) = Clock::new().trim(&mut store);
    assert!(steps < 100, "{steps} steps");
    store
        .connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    assert!(floor > Seq(5000) && floor <= Seq(7001), "{floor}");
    assert!(size(&place) <= 21, "{} MiB: limit, and free pages kept", size(&place));
    assert_eq!(store.head().unwrap(), Seq(8000));
}

#[test]
fn newest_events_stay_however_large_they_are() {
    let place = Place::new();
    let mut store = keeping(&place, 0, 1);
    commit(&mut store, append(vec![fat(0); 1000])).unwrap();
    commit(&mut store, append(vec![fat(0); 10])).unwrap();
    assert_eq!(Clock::new().trim(&mut store).0, Seq(11));
}

#[test]
fn journal_without_a_rule_keeps_everything() {
    let (place, clock) = (Place::new(), Clock::new());
    let mut store = keeping(&place, 0, 0);
    commit(&mut store, append(vec![event("a", "x", clock.ago(9999 * DAY)); 10])).unwrap();
    assert_eq!(store.trim(clock.wall, clock.now).unwrap(), None);
}

#[test]
fn events_of_absurd_times_leave_with_their_neighbours_and_stop_nothing() {
    let (place, clock) = (Place::new(), Clock::new());
    let mut store = keeping(&place, 7, 0);
    let old = |clock: &Clock| event("a", "x", clock.ago(8 * DAY));
    let absurd = || vec![event("a", "x", 5); 9000];
    let future = event("a", "x", clock.wall.plus(9999 * DAY).unix_ms());
    commit(
        &mut store,
        append(vec![event("a", "x", 5), future.clone(), old(&clock)]),
    )
    .unwrap();
    commit(&mut store, append(absurd())).unwrap();
    commit(&mut store, append(vec![old(&clock), event("a", "x", 5), future])).unwrap();
    commit(&mut store, append(vec![event("a", "x", clock.ago(DAY)), old(&clock)])).unwrap();
    // 3 + 9000 + 1, then two of unknown age that may be as young as the next.
    assert_eq!(clock.trim(&mut store).0, Seq(9005));
}

#[test]
fn clock_that_has_just_jumped_ahead_empties_nothing() {
    let (place, clock) = (Place::new(), Clock::new());
    let mut store = keeping(&place, 7, 0);
    commit(&mut store, append(vec![event("a", "x", clock.ago(DAY)); 10])).unwrap();
    for (wall, now) in [(Duration::ZERO, Duration::ZERO), (9999 * DAY, HOUR), (9999 * DAY, HOUR)] {
        let trim = store.trim(clock.wall.plus(wall), clock.now + now).unwrap();
        assert_eq!(
            trim,
            Some(Trim {
                floor: Seq(1),
                more: false
            })
        );
    }
}

#[test]
fn projection_that_is_away_holds_back_what_it_has_yet_to_see() {
    let (mut place, clock) = (Place::with(vec![Box::new(Tally)]), Clock::new());
    let old = || event("a", "x", clock.ago(8 * DAY));
    commit(&mut place.open().unwrap(), append(vec![old(); 10])).unwrap();
    let with = std::mem::replace(&mut place.home, Arc::new(Mutex::new(Some(vec![]))));
    let mut store = keeping(&place, 7, 0);
    commit(&mut store, append(vec![old(); 10])).unwrap();
    assert_eq!(clock.trim(&mut store).0, Seq(11));
    let forged = "UPDATE retention SET floor_seq = 15";
    assert!(place.stranger().execute(forged, []).is_err());
    drop(store);
    place.home = with;
    let mut store = keeping(&place, 7, 0);
    assert_eq!((clock.trim(&mut store).0, tally(&place)), (Seq(21), 20));
}

#[test]
fn trimming_is_told_once_with_its_range() {
    let (place, clock) = (Place::with(vec![Box::new(Tally)]), Clock::new());
    let mut store = keeping(&place, 7, 0);
    assert!(store.tell_trimmed().unwrap().is_none());
    commit(&mut store, append(vec![event("a", "x", clock.ago(8 * DAY)); 1500])).unwrap();
    clock.trim(&mut store);
    let told = store.tell_trimmed().unwrap().unwrap().events.remove(0);
    assert_eq!((told.seq, &*told.event_type), (Seq(1501), "journal_trimmed"));
    assert_eq!(told.data.get(), r#"{"from":1,"to":1500,"count":1500}"#);
    assert!(store.tell_trimmed().unwrap().is_none());
    drop(store);
    assert!(place.open().unwrap().tell_trimmed().unwrap().is_none());
}

#[test]
fn projection_new_to_a_trimmed_journal_gets_what_is_left() {
    let (mut place, clock) = (Place::new(), Clock::new());
    let mut store = keeping(&place, 7, 0);
    commit(&mut store, append(vec![event("a", "x", clock.ago(8 * DAY)); 10])).unwrap();
    commit(&mut store, append(vec![event("a", "x", clock.ago(DAY)); 3])).unwrap();
    clock.trim(&mut store);
    drop(store);
    place.home = Arc::new(Mutex::new(Some(vec![Box::new(Tally)])));
    place.open().unwrap();
    assert_eq!(tally(&place), 3);
}
