//! What a command costs beyond the device: asked through the station's own way, and by a program that has the line to itself.
//!
//! Prints a line `figure|what|bar|value|unit` for each figure.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement"
)]

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use journal::{Journal, JournalConfig};
use kernel::SupervisorSpec;
use sim::power::{DeviceKind, Knobs, Line, Plant};
use stationd_power::{DeviceConfig, Power, PowerConfig, children};

const COMMANDS: usize = 1000;
const QUESTION: &str = "QPI";
/// With its check value.
const BYTES: &[u8] = b"QPI\xbe\xac\r";

/// A device that answers as soon as it can.
fn plug_in(link: &Path) {
    let line = Line::plug_in(link).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(line.serve(DeviceKind::Pi30, Plant::new(12.0, 0.5), Knobs::default(), 1))
    });
}

/// Half of them took less.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn alone(link: &Path) -> Duration {
    let mut line = OpenOptions::new().read(true).write(true).open(link).unwrap();
    let one = |_| {
        let asked = Instant::now();
        line.write_all(BYTES).unwrap();
        let mut byte = [0];
        while byte != *b"\r" {
            line.read_exact(&mut byte).unwrap();
        }
        asked.elapsed()
    };
    median((0..COMMANDS).map(one).collect())
}

async fn through(power: &Power) -> Duration {
    let mut times = Vec::new();
    while times.len() < COMMANDS {
        let asked = Instant::now();
        if power.ask("inverter", QUESTION).await.is_ok() {
            times.push(asked.elapsed());
        } else {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    median(times)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let [own, other] = ["inverter", "alone"].map(|name| directory.path().join(name));
    plug_in(&own);
    plug_in(&other);
    let device = DeviceConfig {
        port: own.display().to_string(),
        poll_s: 3600.0,
        settings_poll_s: 86_400.0,
        ..DeviceConfig::default()
    };
    let config = JournalConfig {
        path: directory.path().join("journal.db"),
        ..JournalConfig::default()
    };
    let (journal, writer) = Journal::open(&config, vec![]).unwrap();
    let (group, power) = children(&PowerConfig::from_iter([("inverter".to_owned(), device)]), &journal);
    let root = SupervisorSpec::new("root")
        .child(writer)
        .children(group.map(Into::into));
    let supervision = kernel::launch(root).unwrap();
    let (station, program) = (through(&power).await, alone(&other));
    let micros = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "figure|a command over a pty, by a program alone||{:.3}|ms",
        micros(program)
    );
    let beyond = station.saturating_sub(program);
    println!("figure|a command over a pty, beyond that|< 1|{:.3}|ms", micros(beyond));
    supervision.shutdown(Duration::from_secs(5)).await;
}
