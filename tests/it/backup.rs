//! What becomes of the journal's file: copied while the station runs, damaged while it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Stage, Station, stationd};

/// The journal's page size; the first page says that this is a database.
const PAGE_BYTES: usize = 4096;

#[test]
fn backup_of_a_running_station_restores_every_call() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    for callsign in ["G4KLX", "M0ABC", "F4ABC"] {
        log.call(callsign);
    }
    station.wait_for("/api/v1/repeater/calls", |calls| {
        calls["items"].as_array().is_some_and(|calls| calls.len() == 3)
    });

    let copy = stage.path("copy.db");
    let backup = || {
        let mut command = stationd();
        command.arg("backup").arg(&copy).arg("--config").arg(stage.config());
        command.output().expect("it runs")
    };
    assert!(backup().status.success());
    assert_eq!(backup().status.code(), Some(1), "a copy was written over");
    for file in ["journal.db", "journal.db-wal", "journal.db.key", "copy.db"] {
        let mode = fs::metadata(stage.path(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read {file}, which knows who may come in");
    }

    let elsewhere = Stage::new();
    fs::copy(&copy, elsewhere.path("journal.db")).expect("restored");
    let restored = Station::run(&elsewhere);
    assert_eq!(restored.calls(), station.calls());
}

#[test]
fn damaged_journal_is_set_aside_and_the_station_says_so() {
    let stage = Stage::new();
    let mut log = stage.log();
    let mut station = Station::run(&stage);
    log.call("G4KLX");
    station.wait_for("/api/v1/repeater/calls", |calls| {
        calls["items"][0]["callsign"] == "G4KLX"
    });
    station.signal("-TERM");
    assert!(station.wait_end().success());

    let file = stage.path("journal.db");
    let mut bytes = fs::read(&file).expect("a journal");
    bytes.iter_mut().skip(PAGE_BYTES).for_each(|byte| *byte = !*byte);
    fs::write(&file, &bytes).expect("damaged");

    let station = Station::run(&stage);
    let health = station.wait_for("/api/v1/health", |health| health["health"] == "degraded");
    let reason = health["causes"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains(".damaged-"), "{health:#}");
    let first = station.get("/api/v1/events?since=0&limit=1").1;
    assert_eq!(first["items"][0]["type"], "journal_set_aside", "{first:#}");
    let kept = fs::read_dir(stage.path(""))
        .expect("the directory")
        .filter_map(Result::ok);
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-"));
    let kept: Vec<Vec<u8>> = kept.map(|entry| fs::read(entry.path()).expect("kept")).collect();
    assert!(kept.contains(&bytes), "the damaged file is not kept as it was");
}
