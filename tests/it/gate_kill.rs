//! `kill -9` at every step of an execution: no command runs twice, none vanishes.
//!
//! `cargo nextest run -p stationd --features chaos gate_kill`; the verb that counts itself is in no release.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Stage, Station, agent};
use crate::traffic::{Dice, setting};

/// Decides the moments.
const SEED: usize = 11;
/// How often it is killed.
const KILLS: usize = 100;
/// The kill comes so long after the request, in microseconds: before it is stored, while it runs, after its end.
const MOMENTS_US: u64 = 12_000;

/// Says that the unknown ones were looked at, so that there is room for more.
fn acknowledge(station: &Station) -> usize {
    let open = station.wait_for("/api/v1/commands?state=open", |page| {
        let commands = page["items"].as_array().unwrap();
        commands.iter().all(|command| command["state"] == "unknown")
    });
    let unknown = open["items"].as_array().unwrap();
    for command in unknown {
        let path = format!("/api/v1/commands/{}/cancel", command["id"]);
        assert_eq!(station.post(&path, &json!({ "reason": "looked" })).0, 200);
    }
    unknown.len()
}

#[test]
fn service_killed_at_every_step_runs_no_command_twice_and_forgets_none() {
    let stage = Stage::new();
    let mut config = OpenOptions::new().append(true).open(stage.config()).unwrap();
    config
        .write_all(b"[gate]\nrules = [{ verb = 'chaos\\.count', tier = 1 }]\n")
        .unwrap();
    let mut dice = Dice::new(u64::try_from(setting("STATIOND_SEED", SEED)).unwrap());
    let file = stage.path("count");
    let (mut answered, mut unknown) = (Vec::new(), 0);
    for round in 0..setting("STATIOND_KILLS", KILLS) {
        let mut station = Station::run(&stage);
        unknown += acknowledge(&station);
        // Some die by themselves, right before or right behind the effect.
        let die = ["", "", "", "before", "after"][round % 5];
        let body = json!({ "target": "count", "verb": "chaos.count", "arguments": { "file": file, "die": die } });
        let url = station.url("/api/v1/commands");
        let asking = thread::spawn(move || {
            let mut answer = agent().post(url).send_json(&body).ok()?;
            answer.body_mut().read_json::<Value>().ok()
        });
        if die.is_empty() {
            thread::park_timeout(Duration::from_micros(dice.below(MOMENTS_US)));
            station.signal("-KILL");
        }
        station.wait_end();
        answered.extend(asking.join().unwrap().filter(|answer| answer["state"] == "done"));
    }

    let station = Station::run(&stage);
    unknown += acknowledge(&station);
    let mut runs: BTreeMap<u64, usize> = BTreeMap::new();
    for line in fs::read_to_string(&file).unwrap_or_default().lines() {
        *runs.entry(line.parse().unwrap()).or_default() += 1;
    }
    assert!(runs.values().all(|runs| *runs == 1), "run twice: {runs:?}");
    let commands = station.get("/api/v1/commands?limit=1000").1;
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for command in commands["items"].as_array().unwrap() {
        let ran = runs.remove(&command["id"].as_u64().unwrap()).unwrap_or(0);
        let state = command["state"].as_str().unwrap();
        *states.entry(state).or_default() += 1;
        match state {
            "done" => assert_eq!(ran, 1, "{command:#}"),
            "unknown" => {}
            other => panic!("{other}: {command:#}"),
        }
    }
    println!(
        "{states:?}, {} answered as done, {unknown} acknowledged",
        answered.len()
    );
    assert!(runs.is_empty(), "run, and not in the journal: {runs:?}");
    for answer in &answered {
        let (_, kept) = station.get(&format!("/api/v1/commands/{}", answer["id"]));
        assert_eq!(kept["state"], "done", "answered as done: {kept:#}");
    }
    assert!(states["unknown"] > 0 && states["done"] > 0, "no moment hit: {states:?}");
    assert_eq!(station.get("/api/v1/audit/verify").1["ok"], true);
}
