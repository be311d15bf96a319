//! `actor.restart`, `actor.hold`, `actor.start`: what an operator may do with the supervisor tree.
//!
//! **Invariant:** a request that reached the kernel ends, whether or not whoever asked is still there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gate::token::Token;
use gate::workflow::{End, Order};
use gate::{Effect, Plan, PlanError, Verb};
use kernel::{ChildPath, OperatorError, OperatorOutcome, Supervision, TreeNode};
use model::{Command, Role, Undo};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::SetOnce;
use utoipa::ToSchema;

/// The actor that serves whoever asks over HTTP.
pub(crate) const SELF: &str = "web";

const RESTART: &str = "actor.restart";
const HOLD: &str = "actor.hold";
const START: &str = "actor.start";

/// To hold an actor repairs nothing.
const VERBS: [Verb; 3] = [repair(RESTART, true), repair(HOLD, false), repair(START, true)];

const fn repair(name: &'static str, repairs: bool) -> Verb {
    Verb {
        name,
        role: Role::Operator,
        repairs,
    }
}

/// What can be asked of an actor by the path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    /// Stop it and start it anew, with those that its strategy takes along.
    Restart,
    /// Stop it and keep it down.
    Stop,
    /// Start what was kept down.
    Start,
}

impl Request {
    /// Its verb at the gate.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Request::Restart => RESTART,
            Request::Stop => HOLD,
            Request::Start => START,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Request::Restart => "restart",
            Request::Stop => "stop",
            Request::Start => "start",
        })
    }
}

impl FromStr for Request {
    type Err = ();

    fn from_str(text: &str) -> Result<Request, ()> {
        let requests = [Request::Restart, Request::Stop, Request::Start];
        requests
            .into_iter()
            .find(|request| request.to_string() == text)
            .ok_or(())
    }
}

/// The supervisor tree, as far as commands reach it.
pub(super) struct Actors {
    /// Set once the tree is launched.
    supervision: Arc<SetOnce<Supervision>>,
}

impl Actors {
    pub(super) fn new(supervision: &Arc<SetOnce<Supervision>>) -> Actors {
        Actors {
            supervision: Arc::clone(supervision),
        }
    }

    fn checked(&self, order: &Order) -> Result<Plan, PlanError> {
        let booting = || PlanError::Unavailable("the station is starting".to_owned());
        let tree = self.supervision.get().ok_or_else(booting)?.tree();
        let none = || PlanError::NoTarget(format!("actor {:?}", order.target));
        let path: ChildPath = order.target.parse().map_err(|_| none())?;
        let node = tree.find(&path).ok_or_else(none)?;
        if !order.arguments.is_empty() {
            return Err(PlanError::Invalid(format!("{} takes no arguments", order.verb)));
        }
        if order.verb == HOLD && order.target == SELF {
            let reason = "stopping the server would leave no way to start it again; stop the service instead";
            return Err(PlanError::Conflict(reason.to_owned()));
        }
        Ok(plan(order, &tree, node))
    }
}

/// What would happen, and how the state of now is brought back.
fn plan(order: &Order, tree: &TreeNode, node: &TreeNode) -> Plan {
    let was_held = node.state == "held";
    let back = |verb: &str| Undo {
        verb: verb.to_owned(),
        arguments: Map::new(),
    };
    match order.verb.as_str() {
        HOLD => Plan {
            would: format!("stop {} and keep it down", order.target),
            undo: (!was_held).then(|| back(START)),
        },
        START => Plan {
            would: format!("start {}", order.target),
            undo: was_held.then(|| back(HOLD)),
        },
        _ => Plan {
            would: format!("restart {}{}", order.target, companions(tree, &order.target)),
            undo: None,
        },
    }
}

/// Who is restarted along, by the strategy of the supervisor.
fn companions(tree: &TreeNode, target: &str) -> String {
    let (parent, id) = target.rsplit_once('/').unwrap_or(("", target));
    let parent = parent.parse().map_or(None, |path: ChildPath| tree.find(&path));
    let parent = parent.unwrap_or(tree);
    let siblings: Vec<&str> = parent.children.iter().map(|child| child.id.as_str()).collect();
    let taken = match parent.strategy {
        Some("one_for_all") => siblings.into_iter().filter(|sibling| *sibling != id).collect(),
        Some("rest_for_one") => siblings
            .into_iter()
            .skip_while(|sibling| *sibling != id)
            .skip(1)
            .collect(),
        _ => Vec::new(),
    };
    match taken.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} is restarted with it"),
        many => format!("; {} are restarted with it", many.join(", ")),
    }
}

impl Effect for Actors {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        let plan = self.checked(order);
        async move { plan }.boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let supervision = self.supervision.get().cloned();
        let (verb, target) = (command.verb.clone(), command.target.parse::<ChildPath>());
        async move {
            let (Some(supervision), Ok(path)) = (supervision, target) else {
                return End::Failed("there is no such actor".to_owned());
            };
            let answer = match verb.as_str() {
                RESTART => supervision.restart(&path).await,
                HOLD => supervision.stop(&path).await,
                _ => supervision.start(&path).await,
            };
            ended(answer)
        }
        .boxed()
    }
}

fn ended(answer: Result<OperatorOutcome, OperatorError>) -> End {
    match answer {
        Ok(OperatorOutcome::Up { incarnation }) => End::Done(json!({ "outcome": "up", "incarnation": incarnation })),
        Ok(OperatorOutcome::Down) => End::Done(json!({ "outcome": "down", "incarnation": Value::Null })),
        Err(error @ OperatorError::Timeout) => End::Unknown(error.to_string()),
        Err(
            error @ (OperatorError::Unknown(_)
            | OperatorError::Unavailable(_)
            | OperatorError::Superseded
            | OperatorError::Failed(_)),
        ) => End::Failed(error.to_string()),
    }
}
