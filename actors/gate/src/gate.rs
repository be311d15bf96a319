//! The gate's actor, and the handle that everybody holds.
//!
//! Owns: nothing that must not outlive it; [`Desk`] has it all. While it is up, it ends, expires and stores what is due.
//! Fails when: the journal cannot be read at its start. A journal that cannot write is a state.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use journal::Journal;
use kernel::{AskError, ChildEnv, ChildRef, ChildSpec, StartError};
use model::{Command, CommandId, Identity, Tier};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::answer::{GateStatus, Preview, Submitted};
use crate::config::GateConfig;
use crate::desk::Desk;
use crate::effect::Effects;
use crate::error::GateError;
use crate::policy::RuleError;
use crate::seal::Seal;
use crate::workflow::{self, Act, GATE, Order};

/// Questions under way; further ones wait for a place.
const PLACES: usize = 32;
/// How often whoever waits for a command looks whether the gate is up: not every short restart is worth a step in.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long an answer may take: what is before it in the queue may each wait for the journal.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The handle to the gate. Clones are handles to the same gate; they outlive every restart of its actor.
#[derive(Clone)]
pub struct Gate {
    desk: Arc<Desk>,
    actor: ChildRef<GateActor>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// The gate and the child that drives it.
    ///
    /// # Errors
    /// When a rule of the policy is none.
    pub fn new(
        config: &GateConfig,
        journal: &Journal,
        seal: &Seal,
        effects: Effects,
    ) -> Result<(Gate, ChildSpec<GateActor>), RuleError> {
        let desk = Arc::new(Desk::new(config, journal, seal, effects)?);
        let driven = Arc::clone(&desk);
        let child = ChildSpec::new(GATE, move |env| GateActor::new(env, &driven));
        let gate = Gate {
            desk,
            actor: child.child_ref(),
            places: Arc::new(Semaphore::new(PLACES)),
        };
        Ok((gate, child))
    }

    /// From now on these rules hold. What was asked for before keeps its tier.
    ///
    /// # Errors
    /// When a rule is none; then the old ones stay.
    pub fn configure(&self, config: &GateConfig) -> Result<(), RuleError> {
        self.desk.rules.replace(config)
    }

    /// Which tier the policy gives a command.
    #[must_use]
    pub fn tier(&self, verb: &str, target: &str, arguments: &Map<String, Value>) -> Tier {
        self.desk.rules.get().policy.rule(verb, target, arguments).tier
    }

    /// Takes a command. When this answers it is in the journal; if the policy lets it run at once, it runs.
    ///
    /// What repairs the station is done also while the journal or the gate is down, and noted when they are back.
    ///
    /// # Errors
    /// See [`GateError`].
    pub async fn submit(&self, order: Order, by: &Identity) -> Result<Submitted, GateError> {
        let submit = Submit {
            order: order.clone(),
            by: by.clone(),
        };
        match self.ask(submit).await {
            Err(AskError::Down) if self.desk.is_repair(&order) => self.repair(order, by).await,
            answer => answer.unwrap_or(Err(GateError::Unavailable)),
        }
    }

    /// Without the actor. Whoever waits for the end drives the gate.
    async fn repair(&self, order: Order, by: &Identity) -> Result<Submitted, GateError> {
        tracing::error!(verb = order.verb, target_path = order.target, who = %by.name, "the gate is down, a repair is run without it");
        self.desk.submit(order, by).await
    }

    /// A person's word on a command. When this answers it is in the journal.
    ///
    /// # Errors
    /// See [`GateError`].
    pub async fn decide(&self, id: CommandId, act: Act, by: &Identity, reason: &str) -> Result<Submitted, GateError> {
        let decide = Decide {
            id,
            act,
            by: by.clone(),
            reason: reason.to_owned(),
        };
        self.ask(decide).await.unwrap_or(Err(GateError::Unavailable))
    }

    /// Undoes a command by the command that it named for this.
    ///
    /// # Errors
    /// See [`GateError`].
    pub async fn roll_back(&self, id: CommandId, by: &Identity, reason: &str) -> Result<Submitted, GateError> {
        let original = self.desk.stored(id).await?;
        let undo = workflow::undoing(&original)?.clone();
        let order = Order {
            target: original.target,
            verb: undo.verb,
            arguments: undo.arguments,
            reason: reason.to_owned(),
            rolls_back: Some(id),
            ..Order::default()
        };
        self.submit(order, by).await
    }

    /// What a command would come to. Changes nothing, leaves no trace.
    ///
    /// # Errors
    /// When the command makes no sense.
    pub async fn preview(&self, order: &Order, by: &Identity) -> Result<Preview, GateError> {
        self.desk.preview(order, by).await
    }

    /// The command as it ended; as it stands if it does not end within `limit`, or was not begun.
    ///
    /// While the gate's actor is down, which the command itself may have brought about, whoever waits here drives the gate.
    pub async fn ended(&self, submitted: Submitted, limit: Duration) -> Command {
        let Submitted { command, end } = submitted;
        let Some(end) = end else {
            return command;
        };
        let ended = async {
            tokio::select! {
                ended = end => ended.ok(),
                () = self.drive_while_down() => None,
            }
        };
        timeout(limit, ended).await.ok().flatten().unwrap_or(command)
    }

    async fn drive_while_down(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.actor.incarnation().is_none() {
                tokio::select! {
                    () = self.desk.drive() => {}
                    _ = self.actor.wait_up(0) => {}
                }
            }
        }
    }

    /// What waits, and what somebody has to look at.
    #[must_use]
    pub fn status(&self) -> GateStatus {
        self.desk.status()
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, AskError>
    where
        GateActor: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let place = timeout(ANSWER_LIMIT, self.places.acquire()).await;
        let _place = place.map_err(|_| AskError::Full)?;
        self.actor.ask(message, ANSWER_LIMIT).await
    }
}

/// Take this command.
#[derive(Debug, Message)]
#[rtype(result = "Result<Submitted, GateError>")]
struct Submit {
    order: Order,
    by: Identity,
}

/// Take this word on a command.
#[derive(Debug, Message)]
#[rtype(result = "Result<Submitted, GateError>")]
struct Decide {
    id: CommandId,
    act: Act,
    by: Identity,
    reason: String,
}

/// Drives the gate.
pub struct GateActor {
    env: ChildEnv,
    desk: Arc<Desk>,
    resumed: bool,
}

impl GateActor {
    /// Goes on from the checkpoint. *Blocking.*
    fn new(env: ChildEnv, desk: &Arc<Desk>) -> Result<GateActor, StartError> {
        let resumed = desk
            .try_resume()
            .map_err(|error| StartError::Failed(error.to_string()))?;
        Ok(GateActor {
            env,
            desk: Arc::clone(desk),
            resumed,
        })
    }
}

impl Actor for GateActor {
    type Context = Context<GateActor>;

    fn started(&mut self, ctx: &mut Context<GateActor>) {
        let desk = Arc::clone(&self.desk);
        if !self.resumed {
            // Somebody drives in our place and is in the middle of a step; questions wait meanwhile.
            let resume = async move { desk.resume().await }.into_actor(self);
            ctx.wait(resume.map(|resumed, gate, ctx| {
                if let Err(error) = resumed {
                    gate.env.fail(error.to_string());
                    ctx.stop();
                }
            }));
        }
        let desk = Arc::clone(&self.desk);
        ctx.spawn(async move { desk.drive().await }.into_actor(self));
    }
}

kernel::answers_ping!(GateActor);

impl Handler<Submit> for GateActor {
    type Result = ResponseFuture<Result<Submitted, GateError>>;

    fn handle(&mut self, Submit { order, by }: Submit, _: &mut Context<GateActor>) -> Self::Result {
        let desk = Arc::clone(&self.desk);
        Box::pin(async move { desk.submit(order, &by).await })
    }
}

impl Handler<Decide> for GateActor {
    type Result = ResponseFuture<Result<Submitted, GateError>>;

    fn handle(&mut self, decide: Decide, _: &mut Context<GateActor>) -> Self::Result {
        let desk = Arc::clone(&self.desk);
        Box::pin(async move { desk.decide(decide.id, decide.act, &decide.by, &decide.reason).await })
    }
}
