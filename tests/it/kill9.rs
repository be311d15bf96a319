//! `kill -9` in a loop while the log is written: the journal ends with what an undisturbed station has.
//!
//! The long version: `STATIOND_KILLS=50 STATIOND_LINES=1000000 cargo nextest run --release kill9`, with another `STATIOND_SEED` for
//! another log and other moments.

use std::thread;
use std::time::Duration;

use crate::harness::{Doomed, Stage, Station};
use crate::traffic::{Dice, Traffic, assert_same, breathe, setting, wait_read};

/// Decides the traffic and the moments of the kills.
const SEED: usize = 9;
/// Bursts from one start to the next; the kill comes before any of them.
const BURSTS: usize = 20;
/// The kill comes so long after a burst, in microseconds: while it is read, parsed, stored, or after that.
const MOMENTS_US: u64 = 25_000;

#[test]
fn station_killed_at_random_moments_has_every_event_once() {
    let kills = setting("STATIOND_KILLS", 15);
    let lines = setting("STATIOND_LINES", 100_000);
    let seed = u64::try_from(setting("STATIOND_SEED", SEED)).unwrap();
    let stage = Stage::new();
    let mut traffic = Traffic::new(stage.logs(), seed, lines / 2);
    let mut dice = Dice::new(seed);
    let burst = lines / kills / BURSTS;
    for _ in 0..kills {
        let mut station = Doomed::run(&stage);
        let survived = usize::try_from(dice.below(u64::try_from(BURSTS).unwrap())).unwrap();
        for _ in 0..survived {
            traffic.burst(burst);
            breathe();
        }
        traffic.burst(burst);
        thread::park_timeout(Duration::from_micros(dice.below(MOMENTS_US)));
        station.kill();
        for _ in survived + 1..BURSTS {
            traffic.burst(burst);
        }
    }
    let station = Station::run(&stage);
    let end = traffic.end();
    wait_read(&station, &end);

    let undisturbed_stage = stage.beside();
    let undisturbed = Station::run(&undisturbed_stage);
    wait_read(&undisturbed, &end);
    assert_same(&station, &undisturbed);
    let starts = station
        .events("station")
        .iter()
        .filter(|event| event["type"] == "station_started")
        .count();
    assert!(
        starts > kills / 2,
        "killed before it was up: only {starts} starts in {kills} rounds"
    );
}
