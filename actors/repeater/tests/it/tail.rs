//! What others do to the files behind the host's back: each call is told once, whatever becomes of the file it is in.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use stationd_repeater::RepeaterConfig;
use tokio::time::timeout;

use crate::follow::{LIMIT, Place, Station, TODAY, call, end, header};

const YESTERDAY: &str = "MMDVM-2026-11-20.log";
const TOMORROW: &str = "MMDVM-2026-11-22.log";
/// Long enough for a tail to look again.
const MOMENT: Duration = Duration::from_millis(50);
/// Longer than the state machine waits for the end of a call behind `Mode set to Idle`.
const END_AFTER_IDLE: Duration = Duration::from_millis(3500);

/// Waits for this trouble, by a part of its words.
async fn trouble(station: &Station, words: &str) {
    let said = |progress: &Value| {
        progress["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains(words))
    };
    station.progress(said).await;
}

/// Waits until all that `text` holds was read, and nothing is wrong.
async fn read(station: &Station, text: &str) {
    let length = text.len();
    let done = move |progress: &Value| progress["offset"] == length && progress["problem"].is_null();
    station.progress(done).await;
}

async fn assert_callers(station: Station, callers: &[&str]) {
    assert_eq!(station.callers(callers.len()).await, callers);
    assert_eq!(station.events_now("qso_started"), callers.len());
    station.shutdown().await;
}

#[tokio::test]
async fn log_that_was_copied_and_truncated_is_read_from_its_start_though_it_has_outgrown_the_old_one() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let before = call("G4KLX", 0);
    log.write_all(before.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &before).await;
    station.shutdown().await;

    fs::copy(place.logs().join(TODAY), place.logs().join("MMDVM-2026-11-21.log.1")).unwrap();
    log.set_len(0).unwrap();
    log.write_all((call("M0ABC", 100) + &call("F4ABC", 200)).as_bytes())
        .unwrap();
    assert_callers(place.launch(), &["G4KLX", "M0ABC", "F4ABC"]).await;
}

#[tokio::test]
async fn truncated_log_of_the_same_length_is_noticed_before_it_grows() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let (before, after) = (call("G4KLX", 0), call("F4ABC", 9));
    assert_eq!(before.len(), after.len());
    log.write_all(before.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &before).await;
    station.shutdown().await;
    log.set_len(0).unwrap();
    log.write_all(after.as_bytes()).unwrap();
    assert_callers(place.launch(), &["G4KLX", "F4ABC"]).await;
}

#[tokio::test]
async fn renamed_log_is_read_to_its_end_before_the_one_in_its_place() {
    let place = Place::new();
    let fixed = RepeaterConfig {
        rotate: false,
        ..place.config()
    };
    let mut old = place.log("MMDVM.log");
    let before = call("G4KLX", 0);
    old.write_all(before.as_bytes()).unwrap();
    let station = place.launch_with(&fixed);
    read(&station, &before).await;
    fs::rename(place.logs().join("MMDVM.log"), place.logs().join("MMDVM.log.1")).unwrap();
    // The host writes on under the new name until it is told to let go.
    old.write_all(call("M0ABC", 10).as_bytes()).unwrap();
    station.callers(2).await;
    place.log("MMDVM.log").write_all(call("F4ABC", 20).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "M0ABC", "F4ABC"]).await;
}

#[tokio::test]
async fn deleted_log_is_followed_while_the_host_writes_it_and_then_the_next() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let before = call("G4KLX", 0);
    log.write_all(before.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &before).await;
    fs::remove_file(place.logs().join(TODAY)).unwrap();
    log.write_all(call("M0ABC", 10).as_bytes()).unwrap();
    station.callers(2).await;
    place.log(TOMORROW).write_all(call("F4ABC", 20).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "M0ABC", "F4ABC"]).await;
}

#[tokio::test]
async fn log_older_than_the_position_is_not_read_again() {
    let place = Place::new();
    let today = call("G4KLX", 0);
    place.log(TODAY).write_all(today.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &today).await;
    place.log(YESTERDAY).write_all(call("M0ABC", 0).as_bytes()).unwrap();
    station.restart("repeater/log-tail").await;
    place.log(TODAY).write_all(call("F4ABC", 9).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "F4ABC"]).await;
}

#[tokio::test]
async fn empty_log_of_a_day_does_not_hold_up_the_next() {
    let place = Place::new();
    for (name, text) in [
        (YESTERDAY, call("G4KLX", 0)),
        (TODAY, String::new()),
        (TOMORROW, call("F4ABC", 9)),
    ] {
        place.log(name).write_all(text.as_bytes()).unwrap();
    }
    assert_callers(place.launch(), &["G4KLX", "F4ABC"]).await;
}

#[tokio::test]
async fn quiet_day_without_a_file_is_no_trouble_and_the_next_file_is_read_from_its_first_line() {
    let place = Place::new();
    let yesterday = call("G4KLX", 0);
    place.log(YESTERDAY).write_all(yesterday.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &yesterday).await;
    place.log(TOMORROW).write_all(call("F4ABC", 9).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "F4ABC"]).await;
}

#[tokio::test]
async fn directory_emptied_at_boot_begins_anew_under_the_same_name() {
    let place = Place::new();
    place
        .log(TODAY)
        .write_all((call("G4KLX", 0) + &call("M0ABC", 10)).as_bytes())
        .unwrap();
    let station = place.launch();
    station.callers(2).await;
    station.shutdown().await;

    fs::remove_dir_all(place.logs()).unwrap();
    let station = place.launch();
    trouble(&station, "is not there").await;
    fs::create_dir(place.logs()).unwrap();
    trouble(&station, "no log file yet").await;
    place.log(TODAY).write_all(call("F4ABC", 100).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "M0ABC", "F4ABC"]).await;
}

#[tokio::test]
async fn directory_that_holds_only_older_logs_says_so_and_reads_none_again() {
    let place = Place::new();
    place.log(YESTERDAY).write_all(call("G4KLX", 0).as_bytes()).unwrap();
    place.log(TODAY).write_all(call("M0ABC", 0).as_bytes()).unwrap();
    let station = place.launch();
    station.callers(2).await;
    station.shutdown().await;
    fs::remove_file(place.logs().join(TODAY)).unwrap();
    let station = place.launch();
    trouble(&station, YESTERDAY).await;
    place.log(TOMORROW).write_all(call("F4ABC", 9).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX", "M0ABC", "F4ABC"]).await;
}

/// A directory moved away and a file in its place: nothing can be read, whoever asks.
fn take_away(place: &Place) -> PathBuf {
    let elsewhere = place.logs().with_file_name("elsewhere");
    fs::rename(place.logs(), &elsewhere).unwrap();
    fs::write(place.logs(), "").unwrap();
    elsewhere
}

fn give_back(place: &Place, elsewhere: &PathBuf) {
    fs::remove_file(place.logs()).unwrap();
    fs::rename(elsewhere, place.logs()).unwrap();
}

#[tokio::test]
async fn log_that_cannot_be_read_for_a_while_says_why_and_goes_on_where_it_was() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let before = call("G4KLX", 0);
    log.write_all(before.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &before).await;
    let elsewhere = take_away(&place);
    trouble(&station, "cannot read").await;
    log.write_all(call("F4ABC", 9).as_bytes()).unwrap();
    give_back(&place, &elsewhere);
    let whole = before + &call("F4ABC", 9);
    read(&station, &whole).await;
    assert_callers(station, &["G4KLX", "F4ABC"]).await;
}

#[tokio::test]
async fn single_log_that_cannot_be_read_says_so_by_its_name() {
    let place = Place::new();
    let path = place.logs().join(TODAY);
    symlink(&path, &path).unwrap();
    let station = place.launch();
    trouble(&station, TODAY).await;
    fs::remove_file(&path).unwrap();
    place.log(TODAY).write_all(call("G4KLX", 0).as_bytes()).unwrap();
    assert_callers(station, &["G4KLX"]).await;
}

#[tokio::test]
async fn call_whose_end_nobody_can_read_yet_does_not_time_out() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let before = header("G4KLX", 0) + "M: 2026-11-21 06:00:01.000 Mode set to Idle\n";
    log.write_all(before.as_bytes()).unwrap();
    let station = place.launch();
    station.events("qso_started", 1).await;
    let elsewhere = take_away(&place);
    trouble(&station, "cannot read").await;
    log.write_all(end("G4KLX", 1).as_bytes()).unwrap();
    let ended = timeout(END_AFTER_IDLE, station.events("qso_ended", 1)).await;
    assert!(ended.is_err(), "timed out behind a log that nobody could read");
    give_back(&place, &elsewhere);
    let ended = timeout(LIMIT, station.events("qso_ended", 1)).await.unwrap();
    assert_eq!(ended[0].duration_s, Some(1.2));
    station.shutdown().await;
}

#[tokio::test]
async fn older_log_that_the_host_goes_back_to_is_followed_and_said_until_its_clock_is_right_again() {
    const YEAR_1970: &str = "MMDVM-1970-01-01.log";
    let place = Place::new();
    let (yesterday, today) = (call("OE1ABC", 0), call("M0ABC", 60));
    place.log(YESTERDAY).write_all(yesterday.as_bytes()).unwrap();
    place.log(TODAY).write_all(today.as_bytes()).unwrap();
    let station = place.launch();
    read(&station, &today).await;

    // Over midnight, back to a file that was read long ago.
    let back = |text: String| text.replace("2026-11-21", "2026-11-20");
    place
        .log(YESTERDAY)
        .write_all(back(call("F4ABC", 120)).as_bytes())
        .unwrap();
    trouble(&station, "is the host's clock right?").await;
    assert_eq!(station.callers(3).await, ["OE1ABC", "M0ABC", "F4ABC"]);
    // Still there after a restart, though nobody has seen the files grow.
    station.restart("repeater/state-machine").await;
    place
        .log(YESTERDAY)
        .write_all(back(call("F4DEF", 180)).as_bytes())
        .unwrap();
    station.callers(4).await;

    // To 1970, into a new file.
    let epoch = |text: String| text.replace("2026-11-21", "1970-01-01");
    let mut log = place.log(YEAR_1970);
    log.write_all(epoch(call("ON4ABC", 0)).as_bytes()).unwrap();
    // It lies there like a copy, until it is seen to grow.
    let followed = async |log: &mut File| {
        while timeout(MOMENT, station.progress(|progress| progress["file"] == YEAR_1970))
            .await
            .is_err()
        {
            log.write_all(epoch(header("ON4ABC", 2)).as_bytes()).unwrap();
        }
    };
    timeout(LIMIT, followed(&mut log)).await.unwrap();
    station.callers(5).await;
    log.write_all(epoch(end("ON4ABC", 2)).as_bytes()).unwrap();

    place.log(TODAY).write_all(call("DL1ABC", 300).as_bytes()).unwrap();
    read(&station, &(today + &call("DL1ABC", 300))).await;
    let ends = station.events_now("qso_ended");
    let mut callers = station.callers(ends).await;
    callers.dedup();
    assert_eq!(callers, ["OE1ABC", "M0ABC", "F4ABC", "F4DEF", "ON4ABC", "DL1ABC"]);
    station.shutdown().await;
}
