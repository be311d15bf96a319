//! Lines into records: the actor around the [`grammar`](crate::grammar).
//!
//! Owns: the reader's memory from line to line, and the count of what it did not recognise. Talks to: the state
//! machine, whose answer it hands back to the log tail; that is how the log is read no faster than the journal commits.
//! Fails when: a line wakes a bug, once; at the second time the line is set aside, see [`poison`](crate::poison). Started
//! anew, it is told what to remember with the first lines.

use actix::{Actor, Context, Handler, Message, ResponseActFuture, WrapFuture};
use journal::SignalBoard;
use kernel::{AskError, ChildRef};
use model::repeater::Crashed;
use model::{Source, Timestamp};

use crate::follower::Chunk;
use crate::grammar::{Memory, Reader, Record, Tally};
use crate::log::Log;
#[cfg(any(test, feature = "chaos"))]
use crate::poison;
use crate::poison::{Crash, Notes, Panic, contain};
use crate::state_machine::{ANSWER_LIMIT, LineCrashed, RecordsParsed, Refused, StateMachineActor};

/// Fact: whole lines were read from the log. The answer comes when all that they mean is in the journal.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), NotTaken>")]
pub(crate) struct LinesRead {
    /// The lines.
    pub(crate) chunk: Chunk,
    /// What to know of the lines before and of the readers before; `None`: the ones before are those that were read last.
    pub(crate) beginning: Option<(Memory, Notes)>,
    /// Why the lines are to be left out.
    pub(crate) given_up: Option<Crash>,
}

/// Why lines were not taken; where to read on has to be asked anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// The state machine refused them.
    #[error("records refused: {0}")]
    Refused(#[from] Refused),
    /// The state machine did not answer; whether it took them is not known.
    #[error("no answer from the state machine: {0}")]
    NoAnswer(AskError),
}

/// Parses lines.
pub struct ParserActor {
    log: Log,
    teller: Source,
    reader: Reader,
    /// The ends of the parsers before.
    notes: Notes,
    told: Tally,
    signals: SignalBoard,
    state_machine: ChildRef<StateMachineActor>,
}

impl ParserActor {
    pub(crate) fn new(log: Log, signals: SignalBoard, state_machine: ChildRef<StateMachineActor>) -> ParserActor {
        ParserActor {
            teller: log.teller("parser"),
            log,
            reader: Reader::default(),
            notes: Notes::default(),
            told: Tally::default(),
            signals,
            state_machine,
        }
    }

    /// The records that matter to anybody; most lines of a debug log are of none.
    fn parse(&mut self, chunk: Chunk) -> Result<RecordsParsed, (Crash, Panic)> {
        let (mut records, mut aside) = (Vec::new(), Vec::new());
        for (offset, line) in chunk.numbered() {
            let (memory, before) = (self.reader.memory().clone(), records.len());
            let Err(panic) = contain(|| read(&mut self.reader, &self.log, offset, line, &mut records)) else {
                continue;
            };
            let crash = Crash::new(Crashed::Parser, &chunk, offset, panic.reason());
            if !self.notes.is_enough(&crash) {
                return Err((crash, panic));
            }
            records.truncate(before);
            self.reader.remember(memory);
            aside.push(crash.set_aside(&chunk));
        }
        Ok(RecordsParsed {
            memory: self.reader.memory().clone(),
            chunk,
            records,
            aside,
        })
    }

    /// Leaves lines out.
    fn leave_out(&self, chunk: Chunk, given_up: Crash) -> RecordsParsed {
        RecordsParsed {
            memory: self.reader.memory().clone(),
            records: Vec::new(),
            aside: vec![given_up.set_aside(&chunk)],
            chunk,
        }
    }

    fn tell(&mut self) {
        let tally = *self.reader.tally();
        if tally == self.told {
            return;
        }
        self.told = tally;
        self.signals.show(&self.teller, "lines", &tally);
    }
}

impl Actor for ParserActor {
    type Context = Context<ParserActor>;
}

kernel::answers_ping!(ParserActor);

impl Handler<LinesRead> for ParserActor {
    type Result = ResponseActFuture<ParserActor, Result<(), NotTaken>>;

    fn handle(&mut self, lines: LinesRead, _: &mut Context<ParserActor>) -> Self::Result {
        let LinesRead {
            chunk,
            beginning,
            given_up,
        } = lines;
        if let Some((memory, notes)) = beginning {
            self.reader.remember(memory);
            self.notes = notes;
        }
        self.reader.set_clock(Timestamp::now());
        let parsed = match given_up {
            Some(given_up) => Ok(self.leave_out(chunk, given_up)),
            None => self.parse(chunk),
        };
        self.tell();
        let state_machine = self.state_machine.clone();
        let answer = async move {
            match parsed {
                Ok(parsed) => match state_machine.ask(parsed, ANSWER_LIMIT).await {
                    Ok(taken) => taken.map_err(NotTaken::Refused),
                    Err(error) => Err(NotTaken::NoAnswer(error)),
                },
                Err((crash, panic)) => {
                    // Noted or not, this is the end; without a note there will be one more.
                    let noted = state_machine.ask(LineCrashed(crash), ANSWER_LIMIT).await;
                    tracing::debug!(?noted, "parser dies of a line");
                    panic.go_on()
                }
            }
        };
        Box::pin(answer.into_actor(self))
    }
}

/// Reads one line; the records that matter go to `records`.
fn read(reader: &mut Reader, log: &Log, offset: u64, line: &[u8], records: &mut Vec<(u64, Record<'static>)>) {
    #[cfg(any(test, feature = "chaos"))]
    poison::chaos::strike(line, poison::chaos::PARSER);
    reader.read(line.strip_suffix(b"\n").unwrap_or(line), |record| {
        if let Some(record) = log.heard(record) {
            records.push((offset, record.into_owned()));
        }
    });
}
