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

    use super::{PLAN, actors};
    use crate::harness::{Stage, Station};
    use crate::traffic::{Traffic, assert_same, breathe, setting, wait_read};

    /// Decides the traffic and the fate of every incarnation.
    const SEED: usize = 4;
    /// How long it goes on.
    const SECONDS: usize = 20;
    /// Lines of a debug log, before one of calls only.
    const DEBUG_LINES: usize = 20_000;
    /// Lines in a burst.
    const BURST: usize = 50;

    /// As many strikes as the intensity of the supervisors (five restarts in thirty seconds) allows. The journal does
    /// not hang: a slow disk may hold it up for two minutes before it is given up.
    fn plan(seed: usize, seconds: usize) -> String {
        let rare = (seconds * 300).max(12_000);
        format!(
            "seed={seed} for_s={seconds} every_ms=4000 kinds=panic,error,hang children=repeater/*; \
             every_ms={rare} kinds=panic,error children=journal; \
             every_ms={rare} kinds=panic,error,hang children=*"
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
        let mut reasons = BTreeSet::new();
        for actor in actors(&tree) {
            let exits = actor["exits"].as_array().unwrap();
            assert!(actor["restarts"].as_u64() > Some(0) && !exits.is_empty(), "{actor:#}");
            let ends: Vec<&str> = exits.iter().map(|exit| exit["reason"].as_str().unwrap()).collect();
            println!(
                "{}: {} restarts, the newest after {ends:?}",
                actor["path"], actor["restarts"]
            );
            reasons.extend(ends);
        }
        assert!(
            reasons.is_superset(&BTreeSet::from(["failed", "hung", "panicked"])),
            "{reasons:?}"
        );
    }
}
