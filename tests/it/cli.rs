//! The command line: what is printed, and the exit codes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Stage, Station, stationd};

fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("actors/repeater/testdata")
        .join(name)
}

fn documents(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn output(arguments: &[&str]) -> Output {
    stationd().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Replays a recording and compares its calls, field by field, with those that are known to be in it.
fn assert_replay_gives(flags: &[&str], recording: &str, expected: &str) {
    let mut command = stationd();
    command.arg("replay").args(flags).arg(sample(recording));
    let printed = command.output().unwrap();
    assert!(printed.status.success());
    let calls: Vec<Value> = documents(&printed.stdout)
        .into_iter()
        .filter(|document| document["type"] == "qso")
        .collect();
    let expected = documents(&std::fs::read(sample(expected)).unwrap());
    assert_eq!(calls.len(), expected.len());
    for (call, expected) in calls.iter().zip(&expected) {
        assert_eq!(call, expected);
    }
}

#[test]
fn replay_of_the_sample_gives_the_expected_calls() {
    assert_replay_gives(&[], "MMDVM-2026-11-21.log", "expected.jsonl");
}

#[test]
fn replay_of_an_mqtt_capture_gives_the_expected_calls() {
    assert_replay_gives(&["--mqtt"], "mqtt/capture.txt", "mqtt/calls.jsonl");
}

#[test]
fn replay_reads_standard_input_as_it_reads_a_file() {
    let file = stationd()
        .arg("replay")
        .arg(sample("MMDVM-2026-11-21.log"))
        .output()
        .unwrap();
    let log = std::fs::File::open(sample("MMDVM-2026-11-21.log")).unwrap();
    let piped = stationd().args(["replay", "-"]).stdin(log).output().unwrap();
    assert_eq!(piped.stdout, file.stdout);
}

#[test]
fn replay_into_a_closed_pipe_ends_quietly() {
    let directory = TempDir::new().unwrap();
    let long = directory.path().join("long.log");
    let sample = std::fs::read(sample("MMDVM-2026-11-21.log")).unwrap();
    let mut file = std::fs::File::create(&long).unwrap();
    for _ in 0..500 {
        file.write_all(&sample).unwrap();
    }
    let mut replay = stationd()
        .arg("replay")
        .arg(&long)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(replay.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let output = replay.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn replay_of_a_missing_file_fails_with_its_name() {
    let printed = output(&["replay", "/no/such.log"]);
    assert_eq!(printed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&printed.stderr).contains("/no/such.log"));
}

#[test]
fn replay_as_table_prints_one_line_a_call() {
    let printed = stationd()
        .args(["replay", "--format", "table"])
        .arg(sample("MMDVM-2026-11-21.log"))
        .output()
        .unwrap();
    let expected = documents(&std::fs::read(sample("expected.jsonl")).unwrap());
    let text = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(text.lines().count(), expected.len() + 1, "the calls and their headings");
    assert!(text.contains("G4KLX"));
}

#[test]
fn bad_configuration_lists_every_problem_and_ends_with_code_2() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("bad.toml");
    std::fs::write(&file, "[web]\nprot = 1\nbind = \"0.0.0.0\"\n[journal]\nlive_ring = 1\n").unwrap();
    for command in ["check-config", "run", "demo"] {
        let printed = stationd()
            .arg(command)
            .arg("--config")
            .arg(&file)
            .env("STATIOND__LOG__LEVEL", "[")
            .output()
            .unwrap();
        assert_eq!(printed.status.code(), Some(2), "{command}");
        let said = String::from_utf8_lossy(&printed.stderr);
        for part in [
            "web.prot",
            "web.port?",
            "web.bind",
            "journal.live_ring",
            "STATIOND__LOG__LEVEL",
            "bad.toml",
        ] {
            assert!(said.contains(part), "{command} does not say {part}:\n{said}");
        }
    }
}

#[test]
fn good_configuration_is_told_so() {
    let stage = Stage::new();
    let printed = stationd()
        .arg("check-config")
        .arg("--config")
        .arg(stage.config())
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&printed.stdout).contains("good"));
}

#[test]
fn wrong_usage_ends_with_code_2_and_help_with_code_0() {
    assert_eq!(output(&["fly"]).status.code(), Some(2));
    assert_eq!(output(&[]).status.code(), Some(2));
    assert_eq!(output(&["--help"]).status.code(), Some(0));
}

#[test]
fn actors_are_shown_as_a_tree_and_restarted() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let url = station.url("");
    let shown = output(&["actors", "--url", &url]);
    let text = String::from_utf8(shown.stdout).unwrap();
    for name in ["journal", "repeater", "state-machine", "parser", "log-tail", "web"] {
        assert!(text.contains(name), "{text}");
    }
    let restarted = output(&["actors", "restart", "repeater/parser", "--url", &url]);
    assert_eq!(
        restarted.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&restarted.stderr)
    );
    let missing = output(&["actors", "restart", "nobody", "--url", &url]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nobody"));
}

#[test]
fn actors_without_a_station_fail_with_its_address() {
    let printed = output(&["actors", "--url", "http://127.0.0.1:1"]);
    assert_eq!(printed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&printed.stderr).contains("http://127.0.0.1:1"));
}

#[test]
fn own_protocol_is_listed_and_a_bad_one_is_told_with_file_and_key() {
    let folder = TempDir::new().unwrap();
    let text = "format = \"power-protocol/1\"\nid = \"OWN\"\nextends = \"pi30\"\n";
    std::fs::write(folder.path().join("own.toml"), text).unwrap();
    std::fs::write(folder.path().join("bad.toml"), format!("{text}remove = [\"QX\"]")).unwrap();
    let path = folder.path().display().to_string();
    let listed = output(&["power", "list-protocols", "--protocols", &path]);
    let names = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.status.success() && names.contains("own ") && names.contains("pi41 "));
    assert!(!names.contains("bad "));
    let told = String::from_utf8(listed.stderr).unwrap();
    assert!(told.contains("bad.toml: remove: \"QX\""), "{told}");

    let file = folder.path().join("stationd.conf");
    let section = format!("[power]\nprotocols = {path:?}\n[power.inverter]\nprotocol = ");
    std::fs::write(&file, format!("{section}\"own\"")).unwrap();
    let checked = output(&["check-config", "--config", &file.display().to_string()]);
    assert_eq!(checked.status.code(), Some(2));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(
        told.contains("1 problem") && told.contains("bad.toml: remove"),
        "{told}"
    );

    std::fs::write(&file, format!("{section}\"bad\"")).unwrap();
    let checked = output(&["check-config", "--config", &file.display().to_string()]);
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(
        told.contains("power.inverter.protocol: ") && told.contains("bad.toml: remove"),
        "{told}"
    );
}
