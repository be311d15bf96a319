//! The machine, how far it has come in the log, and the one way in which both reach the journal.
//!
//! **Invariant:** the checkpoint holds a position and the machine exactly as it was there. Lines that meant nothing may
//! be behind the checkpoint: they are read again after a restart, and mean nothing again.

use std::time::Instant;

use journal::{Journal, JournalError, Ledger, SignalBoard};
use model::repeater::{Crashed, LineSetAside, RepeaterEvent, RepeaterState};
use model::{NewEvent, Source, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::follower::Chunk;
use crate::grammar::{Line, Memory, Record};
use crate::log::Log;
use crate::machine::{Emitted, Machine};
#[cfg(any(test, feature = "chaos"))]
use crate::poison::chaos;
use crate::poison::{Crash, Notes, contain};
use crate::state_machine::{Beginning, Bookmark, RecordsParsed, Refused};
use crate::tail::Position;

/// The producer's name in the journal, and the source of its events.
pub(crate) const REPEATER: &str = "repeater";
/// The name of the signal that holds the [`RepeaterState`].
pub(crate) const STATE: &str = "state";
/// How much may be read again after a crash, in bytes: some ten milliseconds of work, against a commit for nothing.
const UNSAVED_BYTES: usize = 1024 * 1024;

/// The checkpoint as it is written.
#[derive(Serialize)]
struct Save<'a> {
    position: &'a Position,
    memory: &'a Memory,
    notes: &'a Notes,
    machine: &'a Machine,
}

/// The checkpoint as it is read: the machine of another release may not fit this one.
#[derive(Deserialize)]
struct Saved {
    position: Position,
    #[serde(default)]
    memory: Memory,
    #[serde(default)]
    notes: Notes,
    machine: Box<RawValue>,
}

/// Steps the machine, keeps what it emits.
pub(crate) struct Recorder {
    ledger: Ledger,
    signals: SignalBoard,
    source: Source,
    /// Whether it is the repeater's state that the machine knows, and not only its links.
    shows_state: bool,
    machine: Machine,
    bookmark: Bookmark,
    notes: Notes,
    unsaved_bytes: usize,
    /// When the newest record arrived: log time goes on from there.
    heard: Instant,
    state: watch::Sender<RepeaterState>,
}

impl Recorder {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn resume(journal: &Journal, log: &Log) -> Result<Recorder, JournalError> {
        let (ledger, checkpoint) = Ledger::open(journal, log.producer())?;
        let (bookmark, notes, machine) = checkpoint.map(|data| restore(&data)).unwrap_or_default();
        let recorder = Recorder {
            ledger,
            signals: journal.signals().clone(),
            source: Source::new(REPEATER),
            shows_state: log.is_hosts(),
            state: watch::Sender::new(machine.state()),
            machine,
            bookmark,
            notes,
            unsaved_bytes: 0,
            heard: Instant::now(),
        };
        recorder.show();
        Ok(recorder)
    }

    /// A reader begins; that is stored before it is told where.
    pub(crate) async fn begin(&mut self) -> Result<Beginning, Refused> {
        let careful = self.notes.begin(&self.bookmark.position);
        if careful {
            tracing::warn!("readers began again and again at the same position, from now on line by line");
        }
        self.store(Vec::new()).await?;
        Ok(Beginning {
            bookmark: self.bookmark.clone(),
            notes: self.notes.clone(),
            careful,
        })
    }

    /// Somebody dies of a line; that is stored before.
    pub(crate) async fn note(&mut self, crash: Crash) -> Result<(), Refused> {
        self.notes.note(crash);
        self.store(Vec::new()).await
    }

    /// A line is tried that may be the end of the process; that is stored before. `false`: it was too often.
    pub(crate) async fn try_line(&mut self, trial: Crash) -> Result<bool, Refused> {
        if self.notes.is_given_up(&trial) {
            return Ok(false);
        }
        self.note(trial).await.map(|()| true)
    }

    /// What the repeater does, as told so far.
    pub(crate) fn state(&self) -> watch::Receiver<RepeaterState> {
        self.state.subscribe()
    }

    /// Takes the records of the next lines, and answers when their meaning is stored.
    pub(crate) async fn take(&mut self, parsed: RecordsParsed) -> Result<(), Refused> {
        let RecordsParsed {
            chunk,
            memory,
            records,
            mut aside,
        } = parsed;
        if chunk.from != self.bookmark.position {
            return Err(Refused::OutOfPlace);
        }
        // What is not believed does not hold up time either.
        if records
            .iter()
            .any(|(_, record)| !matches!(record.line, Line::SetAside(..)))
        {
            self.heard = Instant::now();
        }
        let mut out = self.step(&chunk, records, &mut aside).await?;
        let at = self.machine.heard_at().unwrap_or_else(Timestamp::now);
        out.extend(aside.into_iter().map(|line| Emitted {
            at,
            event: RepeaterEvent::LineSetAside(line),
        }));
        let are_notes_void = self.notes.passed(&chunk.to);
        self.bookmark = Bookmark {
            position: Some(chunk.to),
            memory,
        };
        let bytes = if are_notes_void {
            UNSAVED_BYTES
        } else {
            chunk.lines.len()
        };
        self.unsaved_bytes = self.unsaved_bytes.saturating_add(bytes);
        self.keep(out).await
    }

    /// Steps the machine. The first panic over a line is noted and goes on; at the second the line is set aside.
    async fn step(
        &mut self,
        chunk: &Chunk,
        mut records: Vec<(u64, Record<'static>)>,
        aside: &mut Vec<LineSetAside>,
    ) -> Result<Vec<Emitted>, Refused> {
        let before = self.machine.clone();
        loop {
            let (mut out, mut reached) = (Vec::new(), 0);
            let machine = &mut self.machine;
            let stepped = contain(|| {
                for (offset, record) in &records {
                    reached = *offset;
                    #[cfg(any(test, feature = "chaos"))]
                    chaos::strike_at(chunk, reached, chaos::STATE_MACHINE);
                    machine.step(record, &mut out);
                }
            });
            let Err(panic) = stepped else {
                return Ok(out);
            };
            self.machine.clone_from(&before);
            let crash = Crash::new(Crashed::StateMachine, chunk, reached, panic.reason());
            if !self.notes.is_enough(&crash) {
                self.note(crash).await?;
                panic.go_on();
            }
            aside.push(crash.set_aside(chunk));
            records.retain(|(offset, _)| *offset != reached);
        }
    }

    /// Lets log time go by up to a moment at which the log had nothing more to say.
    pub(crate) async fn time_passed(&mut self, as_of: Instant) -> Result<(), Refused> {
        let mut out = Vec::new();
        if let Some(at) = self.machine.heard_at() {
            self.machine
                .advance(at.plus(as_of.saturating_duration_since(self.heard)), &mut out);
        }
        self.keep(out).await
    }

    async fn keep(&mut self, out: Vec<Emitted>) -> Result<(), Refused> {
        if !out.is_empty() || self.unsaved_bytes >= UNSAVED_BYTES {
            self.store(out.iter().filter_map(|fact| self.event(fact)).collect())
                .await?;
        }
        self.publish();
        Ok(())
    }

    fn event(&self, fact: &Emitted) -> Option<NewEvent> {
        let event = NewEvent::new(fact.at, &self.source, &fact.event);
        event.map_err(|error| tracing::error!(%error, "event not written")).ok()
    }

    async fn store(&mut self, events: Vec<NewEvent>) -> Result<(), Refused> {
        let save = Save {
            position: &self.bookmark.position,
            memory: &self.bookmark.memory,
            notes: &self.notes,
            machine: &self.machine,
        };
        let data = serde_json::to_string(&save).map_err(|error| {
            tracing::error!(%error, "checkpoint not written");
            Refused::Fenced
        })?;
        self.ledger.store(events, data).await?;
        self.unsaved_bytes = 0;
        Ok(())
    }

    /// Shows the state, if it is another one.
    fn publish(&self) {
        let state = self.machine.state();
        let changed = self.state.send_if_modified(|shown| {
            let changed = *shown != state;
            *shown = state;
            changed
        });
        if changed {
            self.show();
        }
    }

    fn show(&self) {
        if self.shows_state {
            self.signals.show(&self.source, STATE, &*self.state.borrow());
        }
    }
}

/// The position is kept at any price; without the machine at worst the calls that were open are told wrongly.
fn restore(data: &str) -> (Bookmark, Notes, Machine) {
    let saved: Saved = match serde_json::from_str(data) {
        Ok(saved) => saved,
        Err(error) => {
            tracing::error!(%error, "checkpoint not understood, the log is read from its start");
            return Default::default();
        }
    };
    let machine = serde_json::from_str(saved.machine.get()).unwrap_or_else(|error| {
        tracing::warn!(%error, "state of another release, begun anew");
        Machine::default()
    });
    let bookmark = Bookmark {
        position: saved.position,
        memory: saved.memory,
    };
    (bookmark, saved.notes, machine)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use journal::{EventQuery, JournalConfig, Synchronous};
    use kernel::{Supervision, SupervisorSpec};
    use tempfile::TempDir;

    use super::*;
    use crate::grammar::Reader;
    use crate::tail::{FileId, Place};

    const HEADER: &[u8] = b"M: 2026-11-21 06:48:16.195 DMR Slot 2, received network voice header from G4KLX to TG 9";

    fn journal(directory: &TempDir) -> (Journal, Supervision) {
        let config = JournalConfig {
            path: directory.path().join("journal.db"),
            synchronous: Synchronous::Normal,
            ..JournalConfig::default()
        };
        let (journal, writer) = Journal::open(&config, Vec::new()).unwrap();
        (
            journal,
            kernel::launch(SupervisorSpec::new("root").child(writer)).unwrap(),
        )
    }

    fn host() -> Log {
        Log::of_host(&crate::RepeaterConfig::default())
    }

    fn place(offset: u64) -> Place {
        let file = FileId { device: 1, inode: 2 };
        Place {
            offset,
            ..Place::start("MMDVM-2026-11-21.log", file)
        }
    }

    fn bookmark(offset: u64) -> Bookmark {
        Bookmark {
            position: Some(place(offset)),
            memory: Memory::default(),
        }
    }

    fn parsed(from: Position, to: u64) -> RecordsParsed {
        let mut records: Vec<Record<'static>> = Vec::new();
        Reader::default().read(HEADER, |record| records.push(record.into_owned()));
        RecordsParsed {
            chunk: Chunk {
                from,
                to: place(to),
                lines: HEADER.into(),
                behind: 0,
            },
            memory: Memory::default(),
            records: records.into_iter().map(|record| (0, record)).collect(),
            aside: Vec::new(),
        }
    }

    #[tokio::test]
    async fn records_that_come_twice_are_refused() {
        let directory = TempDir::new().unwrap();
        let (journal, supervision) = journal(&directory);
        let mut recorder = Recorder::resume(&journal, &host()).unwrap();
        assert_eq!(recorder.take(parsed(None, 88)).await, Ok(()));
        let stored = journal.head();
        assert_eq!(recorder.take(parsed(None, 88)).await, Err(Refused::OutOfPlace));
        assert_eq!((journal.head(), &recorder.bookmark), (stored, &bookmark(88)));
        supervision.shutdown(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn incarnation_that_was_replaced_can_store_nothing_more() {
        let directory = TempDir::new().unwrap();
        let (journal, supervision) = journal(&directory);
        let mut old = Recorder::resume(&journal, &host()).unwrap();
        let mut new = Recorder::resume(&journal, &host()).unwrap();
        assert_eq!(new.take(parsed(None, 88)).await, Ok(()));
        assert_eq!(old.take(parsed(None, 88)).await, Err(Refused::Fenced));
        let resumed = Recorder::resume(&journal, &host()).unwrap();
        assert_eq!((&resumed.bookmark, &resumed.machine), (&new.bookmark, &new.machine));
        let started = journal.events(&EventQuery::default()).unwrap();
        assert_eq!(
            started
                .iter()
                .filter(|event| &*event.event_type == "qso_started")
                .count(),
            1
        );
        supervision.shutdown(Duration::from_secs(5)).await;
    }

    #[test]
    fn checkpoint_of_another_release_keeps_its_position() {
        let position = serde_json::to_string(&place(7)).unwrap();
        let (found, _, machine) = restore(&format!(r#"{{"position":{position},"machine":{{"calls":42}}}}"#));
        assert_eq!((found, machine), (bookmark(7), Machine::default()));
    }
}
