//! Lines into records: the actor around the [`grammar`](crate::grammar).
//!
//! Owns: the reader's memory from line to line, and the count of what it did not recognise. Talks to: the state
//! machine, whose answer it hands back to the log tail; that is how the log is read no faster than the journal commits.
//! Fails when: never by what a line holds. Started anew, it is told what to remember with the first lines.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture};
use journal::SignalBoard;
use kernel::{AskError, ChildRef};
use model::{Signal, Source, Timestamp};

use crate::follower::Chunk;
use crate::grammar::{Lines, Memory, Reader, Record, Tally};
use crate::state_machine::{ANSWER_LIMIT, RecordsParsed, Refused, StateMachineActor};

/// Fact: whole lines were read from the log. The answer comes when all that they mean is in the journal.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), NotTaken>")]
pub(crate) struct LinesRead {
    /// The lines.
    pub(crate) chunk: Chunk,
    /// What to remember of the lines before; `None`: the ones before are those that were read last.
    pub(crate) memory: Option<Memory>,
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
    reader: Reader,
    told: Tally,
    signals: SignalBoard,
    state_machine: ChildRef<StateMachineActor>,
}

impl ParserActor {
    pub(crate) fn new(signals: SignalBoard, state_machine: ChildRef<StateMachineActor>) -> ParserActor {
        ParserActor {
            reader: Reader::default(),
            told: Tally::default(),
            signals,
            state_machine,
        }
    }

    /// The records that matter to anybody; most lines of a debug log are of none.
    fn parse(&mut self, lines: &[u8]) -> Vec<Record<'static>> {
        let mut records = Vec::new();
        let mut split = Lines::default();
        let reader = &mut self.reader;
        let mut read = |line: &[u8]| {
            reader.read(line, |record| {
                if record.line.matters() {
                    records.push(record.into_owned());
                }
            });
        };
        split.push(lines, &mut read);
        split.finish(&mut read);
        records
    }

    fn tell(&mut self) {
        let tally = *self.reader.tally();
        if tally == self.told {
            return;
        }
        self.told = tally;
        match serde_json::value::to_raw_value(&tally) {
            Ok(data) => {
                self.signals.set(Signal {
                    at: Timestamp::now(),
                    source: Source::new("repeater.parser"),
                    name: "lines".into(),
                    data: Arc::from(data),
                });
            }
            Err(error) => tracing::error!(%error, "signal not written"),
        }
    }
}

impl Actor for ParserActor {
    type Context = Context<ParserActor>;
}

kernel::answers_ping!(ParserActor);

impl Handler<LinesRead> for ParserActor {
    type Result = ResponseActFuture<ParserActor, Result<(), NotTaken>>;

    fn handle(&mut self, lines: LinesRead, _: &mut Context<ParserActor>) -> Self::Result {
        let LinesRead { chunk, memory } = lines;
        if let Some(memory) = memory {
            self.reader.remember(memory);
        }
        let parsed = RecordsParsed {
            records: self.parse(&chunk.lines),
            memory: self.reader.memory().clone(),
            from: chunk.from,
            to: chunk.to,
            bytes: chunk.lines.len(),
        };
        self.tell();
        let state_machine = self.state_machine.clone();
        let answer = async move { state_machine.ask(parsed, ANSWER_LIMIT).await };
        let answer = answer.into_actor(self).map(|answer, _, _| match answer {
            Ok(taken) => taken.map_err(NotTaken::Refused),
            Err(error) => Err(NotTaken::NoAnswer(error)),
        });
        Box::pin(answer)
    }
}
