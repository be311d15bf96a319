//! What a subsystem gives the gate: verbs, and how they are planned and carried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use model::{Command, Role, Undo};
use thiserror::Error;

use crate::token::Token;
use crate::workflow::{End, Order};

/// A verb that a subsystem understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    /// Its name, as in `actor.restart`.
    pub name: &'static str,
    /// The least role that may ask for it.
    pub role: Role,
    /// Whether it repairs the station: where the policy lets it run at once, it runs also while the journal cannot note it,
    /// which is told loudly and noted later.
    pub repairs: bool,
}

/// What a command would come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In words: "restart repeater/parser; log-tail is restarted with it".
    pub would: String,
    /// How it is undone, with the values of before read back; `None` where it cannot be.
    pub undo: Option<Undo>,
}

/// Why a command makes no sense now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Its target is not there.
    #[error("there is no {0}")]
    NoTarget(String),
    /// Its arguments are not those of the verb.
    #[error("{0}")]
    Invalid(String),
    /// It would do harm that no approval makes good.
    #[error("{0}")]
    Conflict(String),
    /// The subsystem cannot say now.
    #[error("{0}")]
    Unavailable(String),
}

/// Something that reaches into the outside world.
///
/// Neither method may block: both are polled on the gate's thread. Neither may ask the gate.
pub trait Effect: Send + Sync + 'static {
    /// What it understands.
    fn verbs(&self) -> &'static [Verb];

    /// Checks a command and reads back what is needed to undo it. Changes nothing. Called when a command is asked for, and
    /// again right before it runs.
    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>>;

    /// Does it. The gate has checked the token and committed the step; one that is passed on to another machine is
    /// checked there again. Where it cannot be known whether it was done, that is [`End::Unknown`], never a guess.
    fn execute(&self, command: &Command, token: &Token) -> BoxFuture<'static, End>;
}

/// All effects, by verb.
#[derive(Clone, Default)]
pub struct Effects(BTreeMap<&'static str, (Verb, Arc<dyn Effect>)>);

impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Two effects want the same verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("two effects understand {0:?}")]
pub struct Claimed(&'static str);

impl Effects {
    /// Adds an effect.
    ///
    /// # Errors
    /// When another one understands one of its verbs.
    pub fn with(mut self, effect: impl Effect) -> Result<Effects, Claimed> {
        let effect: Arc<dyn Effect> = Arc::new(effect);
        for verb in effect.verbs() {
            if self.0.insert(verb.name, (*verb, Arc::clone(&effect))).is_some() {
                return Err(Claimed(verb.name));
            }
        }
        Ok(self)
    }

    pub(crate) fn get(&self, verb: &str) -> Option<&(Verb, Arc<dyn Effect>)> {
        self.0.get(verb)
    }

    /// All verbs.
    pub fn verbs(&self) -> impl Iterator<Item = Verb> {
        self.0.values().map(|(verb, _)| *verb)
    }
}
