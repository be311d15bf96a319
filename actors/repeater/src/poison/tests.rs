//! Lines that end their readers, in real files, before the real actors.

use std::fs;
use std::time::Duration;

use journal::{EventQuery, Journal, JournalConfig, Synchronous};
use kernel::{Supervision, SupervisorSpec};
use tempfile::TempDir;
use tokio::time::Instant;

use super::chaos::{PARSER, STATE_MACHINE};
use super::*;
use crate::RepeaterConfig;
use crate::follower::{Follower, Look};
use crate::grammar::Memory;
use crate::log::Log;
use crate::recorder::Recorder;
use crate::state_machine::RecordsParsed;

const LIMIT: Duration = Duration::from_secs(20);
const NAME: &str = "MMDVM-2026-11-21.log";

struct Stage {
    directory: TempDir,
    journal: Journal,
    supervision: Supervision,
}

impl Stage {
    /// A log, and a journal without anybody who reads the log.
    fn new(log: &str) -> Stage {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(NAME), log).unwrap();
        let config = JournalConfig {
            path: directory.path().join("journal.db"),
            synchronous: Synchronous::Normal,
            ..JournalConfig::default()
        };
        let (journal, writer) = Journal::open(&config, crate::projections()).unwrap();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(writer)).unwrap();
        Stage {
            directory,
            journal,
            supervision,
        }
    }

    fn config(&self) -> RepeaterConfig {
        RepeaterConfig {
            log_directory: self.directory.path().to_owned(),
            ..RepeaterConfig::default()
        }
    }

    fn log(&self) -> Log {
        Log::of_host(&self.config())
    }

    /// Everything in the log, as the tail would read it.
    fn chunk(&self) -> Chunk {
        match Follower::new(&self.log()).look(&None).unwrap() {
            Look::Lines(chunk) => chunk,
            Look::Nothing { .. } | Look::NoFile { .. } => panic!("an empty log"),
        }
    }

    /// Reads the log until `callers` have called; answers who came to an end how often, and what was set aside.
    async fn read(&self, callers: &[&str]) -> (usize, Vec<LineSetAside>) {
        let group = crate::children(&self.config(), &self.journal);
        let readers = kernel::launch(SupervisorSpec::new("root").child(group)).unwrap();
        let deadline = Instant::now() + LIMIT;
        while self.told("qso_ended").len() < callers.len() {
            assert!(Instant::now() < deadline, "{:?}", self.told("qso_ended"));
            tokio::task::yield_now().await;
        }
        let called: Vec<String> = self
            .told("qso_ended")
            .iter()
            .map(|call| call["callsign"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(called, callers);
        assert_eq!(self.told("qso_started").len(), callers.len());
        let mut died = 0;
        for path in ["repeater/parser", "repeater/state-machine"] {
            let tree = serde_json::to_value(readers.tree()).unwrap();
            died += panics(&tree, path);
        }
        readers.shutdown(LIMIT).await;
        let aside = self.told("line_set_aside").into_iter();
        let aside = aside.map(|line| serde_json::from_value(line).unwrap()).collect();
        (died, aside)
    }

    fn told(&self, event_type: &str) -> Vec<serde_json::Value> {
        let mut query = EventQuery {
            limit: 1000,
            ..EventQuery::default()
        };
        query.filter.types.push(event_type.to_owned());
        let events = self.journal.events(&query).unwrap();
        events
            .iter()
            .map(|event| serde_json::from_str(event.data.get()).unwrap())
            .collect()
    }

    async fn shutdown(self) {
        self.supervision.shutdown(LIMIT).await;
    }
}

/// How often the actor at `path` panicked.
fn panics(node: &serde_json::Value, path: &str) -> usize {
    let own = node["exits"].as_array().filter(|_| node["path"] == path);
    let own = own.map_or(0, |exits| {
        exits.iter().filter(|exit| exit["reason"] == "panicked").count()
    });
    let children = node["children"].as_array().into_iter().flatten();
    own + children.map(|child| panics(child, path)).sum::<usize>()
}

fn call(callsign: &str, minute: u32) -> String {
    let at = |second: u32| format!("M: 2026-11-21 06:{minute:02}:{second:02}.000 DMR Slot 2, received network");
    format!(
        "{} voice header from {callsign} to TG 9\n{} end of voice transmission from {callsign} to TG 9, 1.2 seconds, \
         0% packet loss, BER: 0.0%\n",
        at(0),
        at(1)
    )
}

fn poison(mark: &[u8], minute: u32) -> String {
    let mark = str::from_utf8(mark).unwrap();
    format!("M: 2026-11-21 06:{minute:02}:30.000 Valid remote command of \"{mark} \u{e9}\" received\n")
}

/// Three calls with a poisonous line behind each of the first two.
fn log(mark: &[u8]) -> String {
    let mut log = String::new();
    for (minute, callsign) in (0..).zip(["G4KLX", "M0ABC"]) {
        log += &(call(callsign, minute) + &poison(mark, minute));
    }
    log + &call("F4ABC", 2)
}

#[tokio::test]
async fn line_that_panics_its_reader_twice_is_set_aside_and_all_others_are_told() {
    for (mark, who) in [(PARSER, Crashed::Parser), (STATE_MACHINE, Crashed::StateMachine)] {
        let log = log(mark);
        let stage = Stage::new(&log);
        let (died, aside) = stage.read(&["G4KLX", "M0ABC", "F4ABC"]).await;
        assert_eq!(died, 2, "each line ends one reader");
        assert_eq!(aside.len(), 2, "{aside:?}");
        let first = &aside[0];
        assert_eq!(
            (first.crashed, first.reason.as_str(), first.file.as_str()),
            (who, "chaos", NAME)
        );
        assert_eq!(first.offset, u64::try_from(call("G4KLX", 0).len()).unwrap());
        assert!(first.text.ends_with("\\xc3\\xa9\\\" received\\n"), "{}", first.text);
        stage.shutdown().await;
    }
}

#[tokio::test]
async fn log_full_of_poisonous_lines_is_read_to_its_end() {
    let mut log = call("G4KLX", 0);
    for _ in 0..50 {
        log += &poison(PARSER, 0);
    }
    let stage = Stage::new(&(log + &call("F4ABC", 2)));
    let mut recorder = Recorder::resume(&stage.journal, &stage.log()).unwrap();
    let chunk = stage.chunk();
    // As many as may die within the patience of a supervisor are spared here.
    for offset in 0..8 {
        recorder
            .note(Crash::new(Crashed::Parser, &chunk, offset, ""))
            .await
            .unwrap();
    }
    let (died, aside) = stage.read(&["G4KLX", "F4ABC"]).await;
    assert_eq!((died, aside.len()), (0, 50));
    stage.shutdown().await;
}

#[tokio::test]
async fn line_that_ends_the_process_is_found_by_careful_readers_and_set_aside() {
    let stage = Stage::new(&(call("G4KLX", 0) + "the end of everything\n" + &call("F4ABC", 2)));
    let end = call("G4KLX", 0).len();
    // Each of these is a process of its own, that came to its end.
    for careful in [false, false, true] {
        let mut recorder = Recorder::resume(&stage.journal, &stage.log()).unwrap();
        assert_eq!(recorder.begin().await.unwrap().careful, careful);
    }
    let mut chunk = stage.chunk();
    chunk.lines = chunk.lines.slice(end..);
    let trial = Crash::new(Crashed::Process, &chunk, chunk.start(), "gone");
    for tried in [true, true, true, true, true, false] {
        let mut recorder = Recorder::resume(&stage.journal, &stage.log()).unwrap();
        assert!(recorder.begin().await.unwrap().careful);
        assert_eq!(recorder.try_line(trial.clone()).await, Ok(tried));
    }
    let (died, aside) = stage.read(&["G4KLX", "F4ABC"]).await;
    assert_eq!((died, aside.len()), (0, 1));
    assert_eq!(
        (aside[0].crashed, aside[0].text.as_str()),
        (Crashed::Process, "the end of everything\\n")
    );
    stage.shutdown().await;
}

#[tokio::test]
async fn line_that_was_read_carefully_and_means_nothing_is_no_suspect_after_the_next_start() {
    let stage = Stage::new("nothing of importance\n");
    let chunk = stage.chunk();
    let trial = Crash::new(Crashed::Process, &chunk, 0, "gone");
    let mut recorder = Recorder::resume(&stage.journal, &stage.log()).unwrap();
    assert_eq!(recorder.try_line(trial).await, Ok(true));
    let read = RecordsParsed {
        chunk,
        memory: Memory::default(),
        records: Vec::new(),
        aside: Vec::new(),
    };
    assert_eq!(recorder.take(read).await, Ok(()));
    let next = Recorder::resume(&stage.journal, &stage.log())
        .unwrap()
        .begin()
        .await
        .unwrap();
    assert!(next.notes.crashes.is_empty() && !next.careful, "{next:?}");
    stage.shutdown().await;
}

#[test]
fn notes_of_lines_that_were_passed_are_forgotten() {
    let chunk = |offset: u64| Chunk {
        from: None,
        to: Place {
            offset,
            ..Place::start(NAME, FileId { device: 1, inode: 2 })
        },
        lines: bytes::Bytes::new(),
        behind: 0,
    };
    let crash = |offset| Crash::new(Crashed::Parser, &chunk(offset), offset, "at 17 of 20");
    let mut notes = Notes::default();
    notes.note(crash(100));
    notes.note(crash(200));
    assert!(notes.is_enough(&crash(100)) && !notes.is_enough(&crash(150)));
    assert!(notes.passed(&chunk(200).to));
    assert!(!notes.is_enough(&crash(100)) && notes.is_enough(&crash(200)));
}
