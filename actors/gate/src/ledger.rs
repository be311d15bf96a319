//! The open commands and the one way in which their steps reach the journal.
//!
//! ```text
//! propose ─▶ the step, in memory ─▶ one append: events + rows + checkpoint ─ COMMIT ─▶ it counts
//!                                       └─ no answer: kept, and tried again as it is, until there is one
//! ```
//!
//! **Invariant:** memory is ahead of the journal by what is `unsaved` or `stuck`, and by nothing else. An append without an
//! answer may be in already: it is retried as it is before anything else is appended, so that it goes in once.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use journal::{Append, AppendError, CheckpointUpdate, Journal, JournalError};
use model::{Command, CommandId, CommandState, NewEvent, Source, Timestamp};
use tokio::sync::oneshot;

use crate::book::{Book, Open, Saved};
use crate::query::{self, Which};
use crate::running::Running;
use crate::workflow::{self, End, GATE};

/// How many facts may wait for the journal.
const UNSAVED_MAX: usize = 256;
/// Most open commands that are read back; the book holds fewer.
const READ_BACK_MAX: u32 = 1000;

/// A step could not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotStored {
    /// The journal is away; what was handed in stays handed in.
    Away,
    /// The journal refuses this; nothing of it is kept.
    Refused(String),
    /// Another process has moved the checkpoint. What is known here is out of date.
    Fenced,
}

/// See the module.
pub(crate) struct Ledger {
    journal: Journal,
    source: Source,
    pub(crate) book: Book,
    unsaved: Vec<NewEvent>,
    stuck: Option<Append>,
    version: u64,
    writer: u64,
    /// This process; what it has begun, it also ends.
    process: u64,
    /// Whether it was ever read what the journal has.
    known: bool,
    /// Who waits for the end of a command.
    waiters: BTreeMap<CommandId, oneshot::Sender<Command>>,
    /// Ends that nobody was told of yet.
    ended: Vec<Command>,
}

impl Ledger {
    pub(crate) fn new(journal: &Journal) -> Ledger {
        Ledger {
            journal: journal.clone(),
            source: Source::new(GATE),
            book: Book::default(),
            unsaved: Vec::new(),
            stuck: None,
            version: 0,
            // The only randomness in the standard library; both have to differ between processes, no more.
            writer: RandomState::new().hash_one(0),
            process: RandomState::new().hash_one(1),
            known: false,
            waiters: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// Begins an incarnation of the gate: reads what the journal has, unless memory is ahead of it. *Blocking.*
    pub(crate) fn resume(&mut self, running: &Running) -> Result<(), JournalError> {
        let writer = if self.is_behind() { self.process } else { self.read()? };
        let ids: Vec<CommandId> = self.book.iter().map(|open| open.command.id).collect();
        for id in ids.into_iter().filter(|id| running.has(*id)) {
            let _begun_before_us = self.book.begin(id);
        }
        self.settle(writer);
        self.known = true;
        Ok(())
    }

    /// Reads the open commands. Says which process wrote them last.
    fn read(&mut self) -> Result<u64, JournalError> {
        let checkpoint = self.journal.checkpoint(GATE)?;
        self.version = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.version);
        let saved: Saved = checkpoint.map_or_else(Saved::default, |checkpoint| {
            serde_json::from_str(&checkpoint.data).unwrap_or_else(|error| {
                tracing::error!(%error, "checkpoint of the gate not understood, what is left to commands is read off the clock");
                Saved::default()
            })
        });
        let (documents, newest) = self.journal.read(|connection| {
            let documents = query::commands(connection, Which::Open, None, READ_BACK_MAX)?;
            Ok((documents, query::newest(connection)?))
        })?;
        self.book = Book::restore(&saved, documents, newest, (Instant::now(), Timestamp::now()));
        let undoing = |open: &Open| Some((open.command.id, open.command.rolls_back?));
        let undoing: Vec<(CommandId, CommandId)> = self.book.iter().filter_map(undoing).collect();
        for (id, original) in undoing {
            if let Some(original) = self.journal.read(|connection| query::command(connection, original))? {
                self.book.set_original(id, original);
            }
        }
        Ok(saved.process)
    }

    /// What is written as executing and was not begun: the process that wrote it is gone, or was stopped right behind the
    /// commit. Only in the second case is it known that nothing was done.
    fn settle(&mut self, writer: u64) {
        let executing = |command: &Command| command.state == CommandState::Executing;
        let unbegun = self.book.iter().filter(|open| !open.begun);
        let lost: Vec<Command> = unbegun.map(|open| open.command.clone()).filter(executing).collect();
        for command in lost {
            let end = if writer == self.process {
                End::Failed("the gate was restarted before it could begin; it was not run".to_owned())
            } else {
                tracing::error!(
                    command = command.id.0,
                    verb = command.verb,
                    target_path = command.target,
                    "the service ended while a command ran; nobody knows whether it was done"
                );
                End::Unknown("the service ended while it ran; look at what it left behind".to_owned())
            };
            self.end(command.id, end);
        }
    }

    /// Whether the book is the one of the journal.
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// Whether memory is ahead of the journal.
    pub(crate) fn is_behind(&self) -> bool {
        self.stuck.is_some() || !self.unsaved.is_empty()
    }

    /// Facts that wait for the journal.
    pub(crate) fn unsaved(&self) -> usize {
        self.unsaved.len() + self.stuck.as_ref().map_or(0, |append| append.events.len())
    }

    /// Counts the versions of what is stored.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Takes a step: it counts once it is stored. `steps`: the documents after each step, oldest first.
    ///
    /// After [`NotStored::Away`] the step is in memory, and handed to the journal.
    pub(crate) async fn propose(&mut self, next: Book, steps: &[Command], limit: Duration) -> Result<(), NotStored> {
        self.flush(limit).await?;
        let events = self.events(steps)?;
        let before = std::mem::replace(&mut self.book, next);
        self.unsaved = events;
        let stored = self.flush(limit).await;
        if matches!(stored, Err(NotStored::Refused(_))) {
            self.book = before;
        }
        stored
    }

    /// Notes what cannot be undone any more, whether or not the journal takes it now.
    pub(crate) fn note(&mut self, next: Book, steps: &[Command]) {
        self.book = next;
        let events = self.events(steps).unwrap_or_default();
        if self.unsaved.len() + events.len() <= UNSAVED_MAX {
            self.unsaved.extend(events);
        } else {
            tracing::error!(
                count = events.len(),
                "steps of commands lost: the journal is away for too long"
            );
        }
    }

    /// A command ended. Tells whoever waits for it, also of the command that it undid.
    pub(crate) fn end(&mut self, id: CommandId, end: End) {
        let Some(open) = self.book.get(id) else {
            return;
        };
        let (at, original) = (Timestamp::now(), open.original.clone());
        let ended = match workflow::end(&open.command, end, at) {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, command = id.0, "outcome of a command that does not run");
                return;
            }
        };
        let mut steps = vec![ended.clone()];
        if ended.state == CommandState::Done
            && let Some(original) = original
        {
            let undone = workflow::roll_back(&original, &ended, at);
            steps.extend(
                undone
                    .inspect_err(|error| tracing::error!(%error, "not noted as undone"))
                    .ok(),
            );
        }
        let mut next = self.book.clone();
        for step in &steps {
            next.update(step.clone());
        }
        self.note(next, &steps);
        tracing::info!(
            command = id.0,
            state = workflow::state_word(ended.state),
            error = ended.error,
            "command ended"
        );
        self.ended.push(ended);
    }

    /// Resolves with the command once it has ended and that is stored, as far as the journal takes it.
    pub(crate) fn await_end(&mut self, id: CommandId) -> oneshot::Receiver<Command> {
        let (tell, told) = oneshot::channel();
        self.waiters.insert(id, tell);
        told
    }

    /// Hands over what there is, and tells those who wait for the end of a command. Their wait does not hang on the journal.
    pub(crate) async fn tend(&mut self, limit: Duration) -> Result<(), NotStored> {
        let stored = self.flush(limit).await;
        for command in std::mem::take(&mut self.ended) {
            let waiter = self.waiters.remove(&command.id);
            if waiter.is_some_and(|waiter| waiter.send(command).is_err()) {
                tracing::debug!("nobody waits for the command any more");
            }
        }
        stored
    }

    /// Hands everything to the journal that it does not have yet.
    pub(crate) async fn flush(&mut self, limit: Duration) -> Result<(), NotStored> {
        let deadline = Instant::now() + limit;
        while self.is_behind() {
            let append = match self.stuck.take() {
                Some(append) => append,
                None => self.next_append()?,
            };
            // Kept before it is sent: whoever is stopped while it waits for the answer does not know what became of it.
            self.stuck = Some(append.clone());
            let left = deadline.saturating_duration_since(Instant::now());
            match self.journal.append(append, left).await {
                Ok(appended) => {
                    self.version = appended.version;
                    self.stuck = None;
                }
                Err(AppendError::Unavailable | AppendError::Storage(_)) => return Err(NotStored::Away),
                Err(AppendError::Conflict { stored }) => {
                    tracing::error!(
                        stored,
                        expected = self.version,
                        "checkpoint of the gate was moved by another writer"
                    );
                    self.forget();
                    return Err(NotStored::Fenced);
                }
                Err(error @ (AppendError::Projection { .. } | AppendError::Invalid(_))) => {
                    tracing::error!(%error, "steps of commands refused by the journal");
                    self.stuck = None;
                    return Err(NotStored::Refused(error.to_string()));
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.stuck = None;
        self.unsaved.clear();
    }

    fn next_append(&mut self) -> Result<Append, NotStored> {
        let saved = self.book.save(self.process, Instant::now());
        let data = serde_json::to_string(&saved).map_err(|error| NotStored::Refused(error.to_string()))?;
        Ok(Append {
            producer: GATE.to_owned(),
            events: std::mem::take(&mut self.unsaved),
            checkpoint: Some(CheckpointUpdate {
                expect: self.version,
                writer: self.writer,
                data,
            }),
        })
    }

    fn events(&self, steps: &[Command]) -> Result<Vec<NewEvent>, NotStored> {
        let event = |command: &Command| {
            let at = command.events.last().map_or(command.requested_at, |taken| taken.at);
            NewEvent::new(at, &self.source, command)
        };
        let events = steps.iter().map(event).collect::<Result<_, _>>();
        events.map_err(|error| NotStored::Refused(error.to_string()))
    }
}
