//! Records into facts, facts into the journal: the actor around the [`machine`](crate::machine).
//!
//! Owns: the machine and the position in the log up to which it has come. Both go into the checkpoint of the append
//! that stores the facts, so that after a crash at any instant the log is read on from where the journal knows it.
//! Fails when: another incarnation has moved the checkpoint. While the journal is away it waits, and refuses more.
//!
//! ```text
//! RecordsParsed ─ at our position? ─ step ─ append facts + checkpoint ─ COMMIT ─ answer ─ signal `state`
//!                      │ no, or busy          │ no answer, disk full
//!                      └─ refused             └─ the same append again, until it is stored
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, Context, Handler, Message, MessageResult, ResponseActFuture, WrapFuture,
};
use journal::{Fenced, Journal};
use kernel::{ChildEnv, StartError};
use model::repeater::{LineSetAside, RepeaterState};
use tokio::sync::{Mutex, watch};

use crate::follower::Chunk;
use crate::grammar::{Memory, Record};
use crate::log::Log;
use crate::poison::{Crash, Notes};
use crate::recorder::Recorder;
use crate::tail::Position;

/// How long the log tail and the parser wait for the answer to what they handed on. Behind it is a commit, which may
/// wait for a slow disk; after that they ask anew.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Fact: lines were parsed. Answered when what they mean is in the journal.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub(crate) struct RecordsParsed {
    /// The lines, those that do not matter included.
    pub(crate) chunk: Chunk,
    /// What a reader has to know of the lines up to there.
    pub(crate) memory: Memory,
    /// The records that matter, each with the place at which its line begins.
    pub(crate) records: Vec<(u64, Record<'static>)>,
    /// The lines that were left out.
    pub(crate) aside: Vec<LineSetAside>,
}

/// Fact: a line is the end of the parser. Answered when that is noted.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub(crate) struct LineCrashed(pub(crate) Crash);

/// A line is about to be read by a reader that is careful. Answered when that is noted, with `false` if the line has been
/// begun too often and is to be left out.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, Refused>")]
pub(crate) struct TryLine(pub(crate) Crash);

/// Fact: all that the log holds was read, and time goes by.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub(crate) struct CaughtUp {
    /// Before the look that found no more: what was written since is not known yet.
    pub(crate) as_of: Instant,
}

/// A reader begins. Answered with where to read on, when the beginning is noted.
#[derive(Debug, Message)]
#[rtype(result = "Result<Beginning, Refused>")]
pub(crate) struct Begin;

/// Where a reader goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bookmark {
    /// The position.
    pub(crate) position: Position,
    /// What it has to know of the lines before.
    pub(crate) memory: Memory,
}

/// What a reader has to know.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    /// Where it goes on.
    pub(crate) bookmark: Bookmark,
    /// The ends of those before it.
    pub(crate) notes: Notes,
    /// It shall read line by line, and note each before.
    pub(crate) careful: bool,
}

/// Question: what does the repeater do now?
#[derive(Debug, Message)]
#[rtype(result = "RepeaterState")]
pub struct GetState;

/// Why records were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The ones before are not stored yet.
    #[error("still storing")]
    Busy,
    /// They do not begin where the ones before ended.
    #[error("out of place")]
    OutOfPlace,
    /// Another incarnation has taken over.
    #[error("fenced")]
    Fenced,
}

impl From<Fenced> for Refused {
    fn from(_: Fenced) -> Refused {
        Refused::Fenced
    }
}

type Answer<T> = ResponseActFuture<StateMachineActor, Result<T, Refused>>;

/// Steps the machine and keeps its facts.
pub struct StateMachineActor {
    env: ChildEnv,
    /// Locked over an append. Whoever finds it locked is refused, so that nothing queues behind a slow journal.
    recorder: Arc<Mutex<Recorder>>,
    state: watch::Receiver<RepeaterState>,
}

impl StateMachineActor {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn new(env: ChildEnv, journal: &Journal, log: &Log) -> Result<StateMachineActor, StartError> {
        let recorder = Recorder::resume(journal, log).map_err(|error| StartError::Failed(error.to_string()))?;
        Ok(StateMachineActor {
            env,
            state: recorder.state(),
            recorder: Arc::new(Mutex::new(recorder)),
        })
    }

    /// Runs `work` on the recorder unless it is at work already. This incarnation stops if another one took over.
    fn record<T: 'static>(&self, work: impl AsyncFnOnce(&mut Recorder) -> Result<T, Refused> + 'static) -> Answer<T> {
        let recorder = Arc::clone(&self.recorder).try_lock_owned();
        let work = async move {
            match recorder {
                Ok(mut recorder) => work(&mut recorder).await,
                Err(_) => Err(Refused::Busy),
            }
        };
        let answer = work.into_actor(self).map(|answer, actor, ctx| {
            if matches!(answer, Err(Refused::Fenced)) {
                actor.env.fail("another incarnation moved the checkpoint");
                ctx.stop();
            }
            answer
        });
        Box::pin(answer)
    }
}

impl Actor for StateMachineActor {
    type Context = Context<StateMachineActor>;
}

kernel::answers_ping!(StateMachineActor);

impl Handler<RecordsParsed> for StateMachineActor {
    type Result = Answer<()>;

    fn handle(&mut self, parsed: RecordsParsed, _: &mut Context<StateMachineActor>) -> Answer<()> {
        self.record(async move |recorder| recorder.take(parsed).await)
    }
}

impl Handler<CaughtUp> for StateMachineActor {
    type Result = Answer<()>;

    fn handle(&mut self, CaughtUp { as_of }: CaughtUp, _: &mut Context<StateMachineActor>) -> Answer<()> {
        self.record(async move |recorder| recorder.time_passed(as_of).await)
    }
}

impl Handler<LineCrashed> for StateMachineActor {
    type Result = Answer<()>;

    fn handle(&mut self, LineCrashed(crash): LineCrashed, _: &mut Context<StateMachineActor>) -> Answer<()> {
        self.record(async move |recorder| recorder.note(crash).await)
    }
}

impl Handler<TryLine> for StateMachineActor {
    type Result = Answer<bool>;

    fn handle(&mut self, TryLine(trial): TryLine, _: &mut Context<StateMachineActor>) -> Answer<bool> {
        self.record(async move |recorder| recorder.try_line(trial).await)
    }
}

impl Handler<Begin> for StateMachineActor {
    type Result = Answer<Beginning>;

    fn handle(&mut self, Begin: Begin, _: &mut Context<StateMachineActor>) -> Answer<Beginning> {
        self.record(async move |recorder| recorder.begin().await)
    }
}

impl Handler<GetState> for StateMachineActor {
    type Result = MessageResult<GetState>;

    fn handle(&mut self, GetState: GetState, _: &mut Context<StateMachineActor>) -> MessageResult<GetState> {
        MessageResult(self.state.borrow().clone())
    }
}
