//! Live sessions through the real binary: how long a line of the host's log takes to reach every client, and what it costs
//! when there are thousands of them, or when some misbehave. File, tail, parser, state machine, commit, session, socket.
//!
//! `cargo bench --bench live -- [line] [slow] [crowd]`; `STATIOND_BENCH_CLIENTS` and `STATIOND_BENCH_SECONDS` change the
//! size of the crowd. Prints a line `figure|what|bar|value|unit` for each figure; nothing is asserted, because machines differ.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a measurement on a stage that the tests share"
)]

#[path = "../tests/it/crowd.rs"]
mod crowd;
#[path = "../tests/it/harness.rs"]
mod harness;
#[path = "../tests/it/socket.rs"]
mod socket;

use std::thread;
use std::time::{Duration, Instant};

use crowd::{Calendar, Crowd, Guests, Manner, Seen, digest};
use harness::{Log, Stage, Station, agent};

/// How long the service may take for what is under way when the last line is written.
const PATIENCE: Duration = Duration::from_secs(60);

/// The call, and the mode that it changes.
const EVENTS_A_LINE: usize = 2;

/// What everybody follows.
const REPEATER: &str = "repeater";

/// One scene: who listens, and what the host writes meanwhile.
struct Scene {
    name: &'static str,
    good: usize,
    slow: usize,
    never: usize,
    /// Of the repeater, an even number: a line of the log becomes two.
    events: usize,
    /// Pause between two lines.
    every: Duration,
    /// `journal.live_ring`: how far behind is too far.
    live_ring: &'static str,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|arg| arg == name);
    if wants("line") {
        line();
    }
    if wants("slow") {
        slow();
    }
    if wants("crowd") {
        crowd();
    }
}

fn line() {
    let told = play(&Scene {
        name: "line to 50 sockets",
        good: 50,
        slow: 0,
        never: 0,
        events: 2000,
        every: Duration::from_millis(10),
        live_ring: "1024",
    });
    figure("log line to WebSocket, 50 clients, p50", "< 3", told.late_ms(50), "ms");
    figure("log line to WebSocket, 50 clients, p99", "< 10", told.late_ms(99), "ms");
}

fn slow() {
    let good = setting("STATIOND_BENCH_GOOD", 1000);
    let told = play(&Scene {
        name: "slow",
        good,
        slow: 20,
        never: 20,
        events: 2000,
        every: Duration::from_millis(40),
        live_ring: "128",
    });
    let among = format!("{good} good clients among 20 slow and 20 that never read");
    figure(&format!("{among}: lost"), "= 0", told.lost, "events");
    figure(&format!("{among}: p50"), "", told.late_ms(50), "ms");
    figure(&format!("{among}: p99"), "< 20", told.late_ms(99), "ms");
    figure("slow clients: lost", "= 0", told.slow_lost, "events");
    figure(
        "slow clients: told of a gap, which then came",
        "= 20",
        told.lagged,
        "clients",
    );
    figure("clients that never read: gone after", "< 30", told.cut_off_s, "s");
}

fn crowd() {
    let clients = setting("STATIOND_BENCH_CLIENTS", 5000);
    let seconds = setting("STATIOND_BENCH_SECONDS", 60);
    let told = play(&Scene {
        name: "crowd",
        good: clients,
        slow: 0,
        never: 0,
        events: 10 * seconds,
        every: Duration::from_millis(200),
        live_ring: "1024",
    });
    let to = format!("{clients} clients, 10 events/s for {seconds} s");
    figure(&format!("{to}: lost"), "= 0", told.lost, "events");
    figure(&format!("{to}: p50"), "", told.late_ms(50), "ms");
    figure(&format!("{to}: p99"), "", told.late_ms(99), "ms");
    figure(&format!("{to}: processor"), "", told.processor_percent, "% of a core");
    figure("memory of a session", "", told.session_kb, "KB");
}

/// A figure, as `scripts/bench` reads it.
fn figure(what: &str, bar: &str, value: f64, unit: &str) {
    println!("figure|{what}|{bar}|{value:.2}|{unit}");
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What came of a scene.
struct Told {
    late_us: Vec<u32>,
    lost: f64,
    slow_lost: f64,
    lagged: f64,
    cut_off_s: f64,
    processor_percent: f64,
    session_kb: f64,
}

impl Told {
    fn late_ms(&self, percent: usize) -> f64 {
        let at = (self.late_us.len() * percent / 100).min(self.late_us.len().saturating_sub(1));
        self.late_us
            .get(at)
            .map_or(f64::NAN, |late_us| f64::from(*late_us) / 1000.0)
    }
}

fn play(scene: &Scene) -> Told {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run_with(&stage, "STATIOND__JOURNAL__LIVE_RING", scene.live_ring);
    log.call("G4KLX");
    station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());
    let empty_kb = station.resident_kb();
    let calendar = Calendar::default();
    let gather = |count, manner| {
        let guests = Guests {
            count,
            manner,
            subscribe: REPEATER,
            goal: scene.events,
        };
        Crowd::gather(&station.address, guests, &calendar)
    };
    let good = gather(scene.good, Manner::Reads);
    let slow = gather(scene.slow, Manner::Sips(Duration::from_millis(150)));
    let never = gather(scene.never, Manner::Never);
    wait(|| good.is_seated() && slow.is_seated() && never.is_seated());
    let full_kb = station.resident_kb();
    eprintln!(
        "{}: {} clients are seated",
        scene.name,
        scene.good + scene.slow + scene.never
    );

    let (begun, worked) = (Instant::now(), station.processor());
    let readers = u64::try_from(scene.good + scene.slow).unwrap();
    let health = station.url("/api/health");
    let cut_off_s = thread::scope(|scope| {
        let watch = scope.spawn(|| cut_off_after(&health, readers));
        write(&mut log, scene, &calendar);
        watch.join().unwrap()
    });
    let spent = (station.processor() - worked).as_secs_f64() / begun.elapsed().as_secs_f64();
    wait(|| good.is_content() && slow.is_content());
    drop(never);

    let journal = kept(&station, scene.events);
    let (good, slow) = (good.end(), slow.end());
    let sessions = scene.good + scene.slow + scene.never;
    Told {
        lost: lost(&good, &journal),
        slow_lost: lost(&slow, &journal),
        lagged: count(slow.iter().filter(|seen| seen.lagged > 0).count()),
        late_us: sorted(good),
        cut_off_s,
        processor_percent: spent * 100.0,
        session_kb: count(usize::try_from(full_kb.saturating_sub(empty_kb)).unwrap()) / count(sessions),
    }
}

/// The host: one line after the other, each at its time, however long the one before took.
fn write(log: &mut Log, scene: &Scene, calendar: &Calendar) {
    let begun = Instant::now();
    for line in 0..scene.events / EVENTS_A_LINE {
        let due = begun + scene.every * u32::try_from(line).unwrap();
        while let Some(left) = due
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            thread::park_timeout(left);
        }
        calendar.note(EVENTS_A_LINE);
        if line % 2 == 0 {
            log.begin_call("G4KLX");
        } else {
            log.end_call("G4KLX");
        }
    }
}

/// Seconds until no more sessions are open than those of the clients that read.
fn cut_off_after(health: &str, readers: u64) -> f64 {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let answer = agent()
            .get(health)
            .call()
            .expect("an answer")
            .body_mut()
            .read_to_string();
        let health: serde_json::Value = serde_json::from_str(&answer.expect("a body")).expect("JSON");
        if health["active_websocket_connections"].as_u64().expect("a number") <= readers {
            break;
        }
        thread::park_timeout(Duration::from_millis(250));
    }
    begun.elapsed().as_secs_f64()
}

fn wait(what: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() && Instant::now() < deadline {
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Events that did not come, over all clients; a client that was told something else than the journal holds counts as one.
fn lost(seen: &[Seen], journal: &[u64]) -> f64 {
    let wanted = journal.iter().fold(0, |before, seq| digest(before, *seq));
    let lost = |seen: &Seen| match journal.len().saturating_sub(seen.events) {
        0 => usize::from(seen.digest != wanted),
        missing => missing,
    };
    count(seen.iter().map(lost).sum())
}

/// The positions of the newest `events` of the repeater.
fn kept(station: &Station, events: usize) -> Vec<u64> {
    let all = station.events(REPEATER);
    let newest = all.iter().skip(all.len().saturating_sub(events));
    newest.map(|event| event["seq"].as_u64().expect("a position")).collect()
}

fn sorted(seen: Vec<Seen>) -> Vec<u32> {
    let mut late_us: Vec<u32> = seen.into_iter().flat_map(|seen| seen.late_us).collect();
    late_us.sort_unstable();
    late_us
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}
