//! What the service says about itself, and where: the journal's prefixes, the log file, a disk that refuses.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{LIMIT, Stage, Station, stationd};

/// Restarts an actor, which is worth an entry in any log.
fn say_something(station: &Station) {
    let (status, answer) = station.post("/api/v1/actors/repeater/parser/restart", &json!({}));
    assert!((200..300).contains(&status), "{answer:#}");
}

/// Waits for an entry with this message.
fn wait_for_entry(file: &Path, message: &str) -> Value {
    let deadline = Instant::now() + LIMIT;
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        let entries = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a whole line of JSON"));
        if let Some(entry) = entries.into_iter().find(|entry| entry["message"] == message) {
            return entry;
        }
        assert!(Instant::now() < deadline, "no {message:?} in {text}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn log_file_has_what_standard_error_has_and_follows_its_name() {
    let stage = Stage::new();
    let file = stage.path("stationd.log");
    let mut station = Station::run_with(&stage, "STATIOND__LOG__FILE", file.to_str().expect("text"));
    assert_eq!(wait_for_entry(&file, "listening")["address"], station.address);

    fs::rename(&file, stage.path("rotated")).expect("renamed");
    say_something(&station);
    wait_for_entry(&file, "operator request");

    station.signal("-TERM");
    assert!(station.wait_end().success());
    wait_for_entry(&file, "stopping");
}

#[test]
fn disk_that_refuses_the_log_file_costs_lines_and_nothing_else() {
    let stage = Stage::new();
    let mut station = Station::run_with(&stage, "STATIOND__LOG__FILE", "/dev/full");
    stage.log().call("M0ABC");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());
    say_something(&station);
    station.signal("-TERM");
    assert!(station.wait_end().success());
    let said = station.said_to_the_end();
    let told = said.lines().filter(|line| line.contains("log lines dropped"));
    let told: Vec<Value> = told.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // The first one came before the station was up; the next would come a minute later, but for the end.
    assert_eq!(told.len(), 1, "{said}");
    assert_eq!(told[0]["level"], "WARN");
    let lost = told[0]["count"].as_u64().expect("a number");
    let before = u64::try_from(said.lines().count() - 1).expect("a number");
    assert!(lost >= before, "{lost} of at least {before}");
}

#[test]
fn journal_of_systemd_is_told_the_priority_and_no_time() {
    let stage = Stage::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let stream = File::from(OwnedFd::from(writer.try_clone().expect("cloned")))
        .metadata()
        .expect("a stream");
    let mut command = stationd();
    command
        .arg("run")
        .arg("--config")
        .arg(stage.config())
        .env("STATIOND__WEB__PORT", "0")
        .env("JOURNAL_STREAM", format!("{}:{}", stream.dev(), stream.ino()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer);
    let mut process = command.spawn().expect("the binary starts");
    // The command holds the writing end as well, and the lines end with the last of them.
    drop(command);
    let listening = BufReader::new(reader)
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("listening"));
    process.kill().expect("killed");
    process.wait().expect("own child");
    let listening = listening.expect("a line");
    assert!(
        listening.starts_with("<6>stationd::cli::run: listening address=127.0.0.1:"),
        "{listening}"
    );
}
