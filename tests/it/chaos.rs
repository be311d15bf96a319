//! Actors panic, fail or hang at random while the log is written: the journal ends with what an undisturbed station has,
//! and the tree shows each restart with its reason.
//!
//! `cargo nextest run -p stationd --features chaos chaos::`; two minutes of it with `STATIOND_CHAOS_S=120`.

use serde_json::Value;

const PLAN: &str = "STATIOND_CHAOS";

/// Every actor of the tree.
fn actors(tree: &Value) -> Vec<&Value> {
    let mut actors = Vec::new();
    let mut open = vec![tree];
    while let Some(node) = open.pop() {
        if node["kind"] == "actor" {
            actors.push(node);
        }
        open.extend(node["children"].as_array().into_iter().flatten());
    }
    actors
}

#[cfg(not(feature = "chaos"))]
#[test]
fn release_knows_no_chaos() {
    use crate::harness::{Stage, Station};

    let stage = Stage::new();
    stage.log().call("G4KLX");
    let station = Station::run_with(&stage, PLAN, "every_ms=1 kinds=panic children=*");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0]["callsign"] == "G4KLX");
    let tree = station.get("/api/v1/actors").1;
    for actor in actors(&tree) {
        assert_eq!(actor["restarts"], 0, "{actor:#}");
    }
}

#[cfg(feature = "chaos")]
mod unleashed {
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    use super::{PLAN, actors};
    use crate::harness::{LIMIT, Stage, Station};
    use crate::traffic::{Traffic, assert_same, breathe, setting, wait_read};

    /// Decides the traffic and the timetable of each actor.
    const SEED: usize = 4;
    /// How long it goes on.
    const SECONDS: usize = 15;
    /// In each period every actor is struck once. In shorter ones the root would rightly give up: it stands five restarts in
    /// thirty seconds of those whose failures escalate.
    const SHORTEST_PERIOD_S: usize = 15;
    /// What strikes do. After as many periods, every actor was struck in each way.
    const WAYS: [&str; 3] = ["panicked", "failed", "hung"];
    /// Lines of a debug log, before one of calls only.
    const DEBUG_LINES: usize = 20_000;
    /// Lines in a burst.
    const BURST: usize = 50;

    fn period_s(seconds: usize) -> usize {
        (seconds / WAYS.len()).max(SHORTEST_PERIOD_S)
    }

    /// The pipeline is struck twice as often as the rest: its own supervisor gives up now and then, and is restarted.
    fn plan(seed: usize, seconds: usize) -> String {
        let every = period_s(seconds) * 1000;
        let often = every / 2;
        format!(
            "seed={seed} for_s={seconds} every_ms={often} kinds=panic,error,hang children=repeater/*; \
             every_ms={every} kinds=panic,error,hang children=*"
        )
    }

    #[test]
    fn station_whose_actors_die_at_random_tells_what_an_undisturbed_one_tells() {
        let seed = setting("STATIOND_SEED", SEED);
        let seconds = setting("STATIOND_CHAOS_S", SECONDS);
        let stage = Stage::new();
        let mut traffic = Traffic::new(stage.logs(), u64::try_from(seed).unwrap(), DEBUG_LINES);
        let station = Station::run_with(&stage, PLAN, &plan(seed, seconds));
        let until = Instant::now() + Duration::from_secs(u64::try_from(seconds).unwrap());
        while Instant::now() < until {
            traffic.burst(BURST);
            breathe();
        }
        let end = traffic.end();
        wait_read(&station, &end);

        let undisturbed_stage = stage.beside();
        let undisturbed = Station::run(&undisturbed_stage);
        wait_read(&undisturbed, &end);
        assert_same(&station, &undisturbed);

        let tree = station.get("/api/v1/actors").1;
        for actor in actors(&tree) {
            assert_struck(actor, seconds);
        }
        assert_diary_tells(&station, &tree);
    }

    /// Whether the tree shows that this actor was struck itself, not only felled with others, and in each way if there
    /// was time for it.
    fn assert_struck(actor: &Value, seconds: usize) {
        let exits = actor["exits"].as_array().unwrap();
        let ends: Vec<&str> = exits.iter().map(|exit| exit["reason"].as_str().unwrap()).collect();
        println!("{}: {} restarts, {ends:?}", actor["path"], actor["restarts"]);
        assert_eq!(actor["state"], "running", "{actor:#}");
        let ways: BTreeSet<&str> = ends.into_iter().filter(|end| WAYS.contains(end)).collect();
        let wanted = (seconds / period_s(seconds)).clamp(1, WAYS.len());
        assert!(ways.len() >= wanted, "struck in {ways:?} only: {actor:#}");
    }

    /// What happened to an incarnation: path, number, `up` or the reason of its end.
    type Happened = (String, String, String);

    /// Whether the journal comes to have each beginning and each end that the tree knows of, once.
    fn assert_diary_tells(station: &Station, tree: &Value) {
        let shown: BTreeSet<Happened> = actors(tree).into_iter().flat_map(shown).collect();
        let deadline = Instant::now() + LIMIT;
        loop {
            let told: Vec<Happened> = station.events("kernel").iter().map(told).collect();
            let each: BTreeSet<Happened> = told.iter().cloned().collect();
            assert_eq!(told.len(), each.len(), "told twice: {told:#?}");
            let untold: Vec<_> = shown.difference(&each).collect();
            if untold.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "not told: {untold:#?}");
            breathe();
        }
    }

    fn told(event: &Value) -> Happened {
        let data = &event["data"];
        happened(
            &data["path"],
            &data["incarnation"],
            data["reason"].as_str().unwrap_or("up"),
        )
    }

    fn shown(actor: &Value) -> Vec<Happened> {
        let path = &actor["path"];
        let exits = actor["exits"].as_array().unwrap().iter();
        let ends = exits.map(|exit| happened(path, &exit["incarnation"], exit["reason"].as_str().unwrap()));
        let beginnings = [&json!(1), &actor["incarnation"]].map(|number| happened(path, number, "up"));
        ends.chain(beginnings).collect()
    }

    fn happened(path: &Value, incarnation: &Value, what: &str) -> Happened {
        (path.to_string(), incarnation.to_string(), what.to_owned())
    }
}
