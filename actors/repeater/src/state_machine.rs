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
use journal::Journal;
use kernel::{ChildEnv, StartError};
use model::repeater::RepeaterState;
use tokio::sync::{Mutex, watch};

use crate::grammar::{Memory, Record};
use crate::recorder::Recorder;
use crate::tail::{Place, Position};

/// How long the log tail and the parser wait for the answer to what they handed on. Behind it is a commit, which may
/// wait for a slow disk; after that they ask anew.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Fact: lines were parsed. Answered when what they mean is in the journal.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub(crate) struct RecordsParsed {
    /// The position before the lines.
    pub(crate) from: Position,
    /// The position behind them.
    pub(crate) to: Place,
    /// What a reader has to know of the lines up to there.
    pub(crate) memory: Memory,
    /// The records that matter.
    pub(crate) records: Vec<Record<'static>>,
    /// How long the lines are, those that do not matter included.
    pub(crate) bytes: usize,
}

/// Fact: all that the log holds was read, and time goes by.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub(crate) struct CaughtUp {
    /// Before the look that found no more: what was written since is not known yet.
    pub(crate) as_of: Instant,
}

/// Question: from where to read on?
#[derive(Debug, Message)]
#[rtype(result = "Result<Bookmark, Refused>")]
pub(crate) struct GetPosition;

/// Where a reader goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bookmark {
    /// The position.
    pub(crate) position: Position,
    /// What it has to know of the lines before.
    pub(crate) memory: Memory,
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

type Answer = ResponseActFuture<StateMachineActor, Result<(), Refused>>;

/// Steps the machine and keeps its facts.
pub struct StateMachineActor {
    env: ChildEnv,
    /// Locked over an append. Whoever finds it locked is refused, so that nothing queues behind a slow journal.
    recorder: Arc<Mutex<Recorder>>,
    state: watch::Receiver<RepeaterState>,
}

impl StateMachineActor {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn new(env: ChildEnv, journal: &Journal) -> Result<StateMachineActor, StartError> {
        let recorder = Recorder::resume(journal).map_err(|error| StartError::Failed(error.to_string()))?;
        Ok(StateMachineActor {
            env,
            state: recorder.state(),
            recorder: Arc::new(Mutex::new(recorder)),
        })
    }

    /// Runs `work` on the recorder unless it is at work already. This incarnation stops if another one took over.
    fn record(&self, work: impl AsyncFnOnce(&mut Recorder) -> Result<(), Refused> + 'static) -> Answer {
        let recorder = Arc::clone(&self.recorder).try_lock_owned();
        let work = async move {
            match recorder {
                Ok(mut recorder) => work(&mut recorder).await,
                Err(_) => Err(Refused::Busy),
            }
        };
        let answer = work.into_actor(self).map(|answer, actor, ctx| {
            if answer == Err(Refused::Fenced) {
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
    type Result = Answer;

    fn handle(&mut self, parsed: RecordsParsed, _: &mut Context<StateMachineActor>) -> Answer {
        self.record(async move |recorder| recorder.take(parsed).await)
    }
}

impl Handler<CaughtUp> for StateMachineActor {
    type Result = Answer;

    fn handle(&mut self, CaughtUp { as_of }: CaughtUp, _: &mut Context<StateMachineActor>) -> Answer {
        self.record(async move |recorder| recorder.time_passed(as_of).await)
    }
}

impl Handler<GetPosition> for StateMachineActor {
    type Result = Result<Bookmark, Refused>;

    fn handle(&mut self, GetPosition: GetPosition, _: &mut Context<StateMachineActor>) -> Result<Bookmark, Refused> {
        let recorder = self.recorder.try_lock().map_err(|_| Refused::Busy)?;
        Ok(recorder.bookmark().clone())
    }
}

impl Handler<GetState> for StateMachineActor {
    type Result = MessageResult<GetState>;

    fn handle(&mut self, GetState: GetState, _: &mut Context<StateMachineActor>) -> MessageResult<GetState> {
        MessageResult(self.state.borrow().clone())
    }
}
