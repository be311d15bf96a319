//! A log that is written while stations follow it, and the question whether two stations were told the same by it.
//!
//! The same seed gives the same lines, whatever the bursts. Hours of log time go by in seconds, and a station lets time
//! pass at the end of its log: so a burst ends only where the host itself was silent for longer than the writer will be.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use model::Timestamp;
use serde_json::{Value, json};
use sim::mmdvm::{Host, HostSettings, Level, Line};

use crate::harness::Station;

/// 2026-11-21T23:50:00Z: ten minutes before the first change of the file.
const START: Timestamp = Timestamp::from_unix_ms(1_795_305_000_000);

/// How long the host was silent where a burst may end. Far longer than [`breathe`] takes on a busy machine.
const SILENCE: Duration = Duration::from_secs(1);

/// After this all deadlines of a log are over.
const LONG_AFTER: Duration = Duration::from_secs(600);

/// Lines of a host's start, among them those that say that it starts.
const BANNER: usize = 20;

/// How long a station may make no progress: it finds a hang after five seconds, and its backoff goes up to thirty.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most bytes that are written at once.
const MOST_BYTES: u64 = 8192;

/// A pause between two bursts: long enough for a station to come to the end of its log.
pub(crate) fn breathe() {
    thread::park_timeout(Duration::from_millis(25));
}

/// A number from the environment, or what a test takes by itself.
pub(crate) fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Chance with a seed: splitmix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Writes a log without end: first one of level debug, then one of calls only, a file a day.
pub(crate) struct Traffic {
    directory: PathBuf,
    dice: Dice,
    host: Host,
    /// Lines of the debug log that are still to come.
    debug_left: usize,
    /// The line behind those that were written, and how much of it was written as well.
    next: (Line, usize),
}

impl Traffic {
    pub(crate) fn new(directory: PathBuf, seed: u64, debug_lines: usize) -> Traffic {
        let mut host = host(seed, START, Level::Debug);
        let first = host.next().expect("an endless log");
        Traffic {
            directory,
            dice: Dice::new(seed),
            host,
            debug_left: debug_lines,
            next: (first, 0),
        }
    }

    /// Writes some `lines`, up to where the host was silent, and a piece of the line that broke the silence.
    pub(crate) fn burst(&mut self, lines: usize) {
        let mut bytes = Vec::new();
        let mut written = 0;
        loop {
            let before = self.next.0.at;
            self.write_next(&mut bytes);
            written += 1;
            if written >= lines && self.next.0.at.since(before) > SILENCE {
                break;
            }
        }
        let (line, written) = &self.next;
        let text = format!("{line}\n");
        let torn = usize::try_from(self.dice.below(u64::try_from(text.len()).unwrap())).unwrap();
        let torn = torn.max(*written);
        bytes.extend_from_slice(&text.as_bytes()[*written..torn]);
        let file = file_of(&self.directory, line);
        self.append(&file, &bytes);
        self.next.1 = torn;
    }

    /// Ends the log: the host says farewell, and long after that it starts again. Answers the last file.
    pub(crate) fn end(mut self) -> PathBuf {
        let mut bytes = Vec::new();
        self.write_next(&mut bytes);
        let file = file_of(&self.directory, &self.next.0);
        self.append(&file, &bytes);
        let at = self.next.0.at;
        for line in Host::farewell(at) {
            self.append(&file_of(&self.directory, &line), format!("{line}\n").as_bytes());
        }
        let mut last = file;
        for line in host(0, at.plus(LONG_AFTER), Level::Message).take(BANNER) {
            last = file_of(&self.directory, &line);
            self.append(&last, format!("{line}\n").as_bytes());
        }
        last
    }

    /// Adds the next line to `bytes`; those before go to their file if this one has another.
    fn write_next(&mut self, bytes: &mut Vec<u8>) {
        let (line, written) = &self.next;
        let file = file_of(&self.directory, line);
        bytes.extend_from_slice(&format!("{line}\n").as_bytes()[*written..]);
        let at = line.at;
        self.debug_left = self.debug_left.saturating_sub(1);
        if self.debug_left == 0 {
            self.debug_left = usize::MAX;
            self.host = host(1, at, Level::Message);
        }
        self.next = (self.host.next().expect("an endless log"), 0);
        if file_of(&self.directory, &self.next.0) != file {
            self.append(&file, &std::mem::take(bytes));
        }
    }

    /// In pieces that end anywhere.
    fn append(&mut self, file: &Path, mut bytes: &[u8]) {
        let mut file = OpenOptions::new().create(true).append(true).open(file).expect("a log");
        while !bytes.is_empty() {
            let piece = usize::try_from(self.dice.below(MOST_BYTES)).unwrap() + 1;
            let (now, later) = bytes.split_at(piece.min(bytes.len()));
            file.write_all(now).expect("written");
            bytes = later;
        }
    }
}

fn host(seed: u64, start: Timestamp, level: Level) -> Host {
    Host::new(HostSettings { seed, start, level })
}

fn file_of(directory: &Path, line: &Line) -> PathBuf {
    let (year, month, day) = line.at.utc_date();
    directory.join(format!("MMDVM-{year:04}-{month:02}-{day:02}.log"))
}

/// Waits until the station has read `file` to its end: as long as that takes, while it goes on.
pub(crate) fn wait_read(station: &Station, file: &Path) {
    let length = fs::metadata(file).expect("a log").len();
    let end = (json!(file.file_name().unwrap().to_str()), json!(length));
    let mut seen = Value::Null;
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let page = station.try_get("/api/v1/signals?source=repeater.log_tail");
        let progress = &page["items"][0]["data"];
        if (&progress["file"], &progress["offset"]) == (&end.0, &end.1) {
            return;
        }
        if seen != *progress {
            seen = progress.clone();
            deadline = Instant::now() + PATIENCE;
        }
        assert!(station.lives(), "ended at {seen:#}\n{}", station.said());
        assert!(Instant::now() < deadline, "stands at {seen:#}\n{}", station.said());
        breathe();
    }
}

/// Whether both were told the same: each event with its time and its data, and each call as the API serves it.
pub(crate) fn assert_same(disturbed: &Station, undisturbed: &Station) {
    let told = |station: &Station| -> Vec<Value> { station.events("repeater").into_iter().map(content).collect() };
    assert_same_list(&told(disturbed), &told(undisturbed));
    let calls = |station: &Station| -> Vec<Value> { station.calls().into_iter().map(content).collect() };
    assert_same_list(&calls(disturbed), &calls(undisturbed));
}

/// All but the position, which the station's own diary moves.
fn content(mut item: Value) -> Value {
    item.as_object_mut().expect("an object").remove("seq");
    item
}

fn assert_same_list(told: &[Value], wanted: &[Value]) {
    assert!(wanted.len() > 100, "only {} were told", wanted.len());
    let pairs = told
        .iter()
        .map(Some)
        .chain([None])
        .zip(wanted.iter().map(Some).chain([None]));
    let differs = pairs.enumerate().find(|(_, (told, wanted))| told != wanted);
    assert!(
        differs.is_none(),
        "{} told, {} by the undisturbed station; first difference: {differs:#?}",
        told.len(),
        wanted.len()
    );
}
