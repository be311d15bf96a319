//! What is to be supervised: a tree of specifications, written down before anything runs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use thiserror::Error;

use crate::core::ChildPolicy;
use crate::exit::brief;
use crate::handle::{Cell, ChildRef};
use crate::id::{ChildId, ChildPath};
use crate::life::Life;
use crate::ping::Ping;
use crate::policy::{Backoff, HangPolicy, Intensity, OnExhausted, Placement, Restart, Shutdown, Strategy};
use crate::shell::runner::{ActorBody, Body};

/// Messages that a mailbox holds by default.
const MAILBOX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
/// Beyond this a mailbox is no bound any more (and actix panics long before `usize::MAX`).
const MAX_MAILBOX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999_999);
/// How long a child may take from its start to the end of its `started` by default.
const START_WITHIN: Duration = Duration::from_secs(10);

/// Why a factory made no actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// It could not; the supervisor tries again as the policy says.
    #[error("start failed: {0}")]
    Failed(String),
    /// It is not wanted here (no such hardware, switched off): shown, not restarted.
    #[error("disabled: {0}")]
    Disabled(String),
}

/// What an incarnation knows about itself. Given to the factory; actors keep it.
#[derive(Clone, Debug)]
pub struct ChildEnv {
    life: Arc<Life>,
}

impl ChildEnv {
    pub(crate) fn new(life: Arc<Life>) -> ChildEnv {
        ChildEnv { life }
    }

    /// Where the child sits in the tree.
    #[must_use]
    pub fn path(&self) -> &ChildPath {
        &self.life.path
    }

    /// The number of this incarnation; the first is 1.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.life.incarnation
    }

    /// Says why the actor is about to stop. Call `ctx.stop()` next: the exit is then `Failed(reason)`.
    pub fn fail(&self, reason: impl Into<String>) {
        self.life.fail(brief(reason.into()));
    }

    /// Runs a piece of work that may hold the thread for so long, in the factory or in a handler: waiting for a worn disk
    /// is not hanging. The watchdog counts this piece against `limit` instead of [`HangPolicy::busy`], and asks for no
    /// sign of life meanwhile. For children with a thread of their own: others on it wait as long.
    pub fn may_take<T>(&self, limit: Duration, work: impl FnOnce() -> T) -> T {
        self.life.pulse.allow(limit, work)
    }

    /// Whether the supervisor has given this incarnation up and replaced it. A revoked incarnation that wakes from a
    /// long block must do nothing more; messages that were in its mailbox still reach its handlers first, so those
    /// with effects outside the process ask this before they act.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.life.is_revoked()
    }
}

/// The part of a specification that does not depend on the actor's type.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) id: ChildId,
    pub(crate) policy: ChildPolicy,
    pub(crate) mailbox: NonZeroUsize,
    pub(crate) placement: Placement,
    pub(crate) hang: Option<HangPolicy>,
}

/// How to make an actor and how to treat it.
///
/// Defaults: permanent, 5 s to stop, 10 s to start, mailbox of 64, shared thread `main`, hung after a poll of 5 s or
/// 10 s without an answer, backoff from 100 ms to 30 s, escalates when exhausted.
pub struct ChildSpec<A: Actor<Context = Context<A>>> {
    manner: Manner,
    body: ActorBody<A>,
}

impl<A> ChildSpec<A>
where
    A: Actor<Context = Context<A>> + Handler<Ping>,
{
    /// A child named `id`; `make` is called on the child's thread for each incarnation.
    pub fn new(
        id: impl Into<ChildId>,
        make: impl Fn(ChildEnv) -> Result<A, StartError> + Send + Sync + 'static,
    ) -> ChildSpec<A> {
        let policy = ChildPolicy {
            restart: Restart::default(),
            shutdown: Shutdown::default(),
            start_within: Some(START_WITHIN),
            backoff: Backoff::default(),
            on_exhausted: OnExhausted::default(),
        };
        ChildSpec {
            manner: Manner {
                id: id.into(),
                policy,
                mailbox: MAILBOX,
                placement: Placement::default(),
                hang: Some(HangPolicy::default()),
            },
            body: ActorBody {
                make: Arc::new(make),
                cell: Arc::new(Cell::empty()),
            },
        }
    }

    /// Which exits are followed by a restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.manner.policy.restart = restart;
        self
    }

    /// How long the child may take to stop.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.manner.policy.shutdown = shutdown;
        self
    }

    /// How long the child may take from its start to the end of its `started`.
    #[must_use]
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.manner.policy.start_within = Some(limit);
        self
    }

    /// How many messages the mailbox holds; a million at most.
    #[must_use]
    pub fn mailbox(mut self, capacity: NonZeroUsize) -> Self {
        self.manner.mailbox = capacity.min(MAX_MAILBOX);
        self
    }

    /// The thread that the child lives on.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.manner.placement = placement;
        self
    }

    /// When the child counts as hung; `None`: never.
    #[must_use]
    pub fn hang(mut self, policy: Option<HangPolicy>) -> Self {
        self.manner.hang = policy;
        self
    }

    /// The pauses between restarts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.manner.policy.backoff = backoff;
        self
    }

    /// What happens when this child fails too often.
    #[must_use]
    pub fn on_exhausted(mut self, on_exhausted: OnExhausted) -> Self {
        self.manner.policy.on_exhausted = on_exhausted;
        self
    }

    /// A handle to the child, valid for ever, also before launch.
    #[must_use]
    pub fn child_ref(&self) -> ChildRef<A> {
        ChildRef::new(Arc::clone(&self.body.cell))
    }
}

/// A supervisor and its children, in the order of their start.
///
/// Defaults: one_for_one, at most 5 restarts in 30 s, itself a permanent child of its parent.
pub struct SupervisorSpec {
    pub(crate) id: ChildId,
    pub(crate) policy: ChildPolicy,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) children: Vec<Child>,
}

impl SupervisorSpec {
    /// A supervisor named `id`, without children yet.
    pub fn new(id: impl Into<ChildId>) -> SupervisorSpec {
        let policy = ChildPolicy {
            restart: Restart::default(),
            // Its children have limits of their own, both ways.
            shutdown: Shutdown::Unlimited,
            start_within: None,
            backoff: Backoff::default(),
            on_exhausted: OnExhausted::default(),
        };
        SupervisorSpec {
            id: id.into(),
            policy,
            strategy: Strategy::default(),
            intensity: Intensity::default(),
            children: Vec::new(),
        }
    }

    /// Which siblings go down and come up with a failed child.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many restarts in a window are still normal life.
    #[must_use]
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = intensity;
        self
    }

    /// Which exits of this supervisor its parent follows by a restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// The pauses between restarts of this supervisor by its parent.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = backoff;
        self
    }

    /// What its parent does when this supervisor gives up too often.
    #[must_use]
    pub fn on_exhausted(mut self, on_exhausted: OnExhausted) -> Self {
        self.policy.on_exhausted = on_exhausted;
        self
    }

    /// Adds a child, to be started after those before it.
    #[must_use]
    pub fn child(mut self, child: impl Into<Child>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Adds children, to be started in this order.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Child>) -> Self {
        self.children.extend(children);
        self
    }
}

/// A child of any kind: an actor of any type, or a supervisor.
pub struct Child(pub(crate) ChildKind);

pub(crate) enum ChildKind {
    Actor(Manner, Box<dyn Body>),
    Supervisor(SupervisorSpec),
}

impl Child {
    pub(crate) fn id(&self) -> &ChildId {
        match &self.0 {
            ChildKind::Actor(manner, _) => &manner.id,
            ChildKind::Supervisor(spec) => &spec.id,
        }
    }
}

impl<A> From<ChildSpec<A>> for Child
where
    A: Actor<Context = Context<A>> + Handler<Ping>,
{
    fn from(spec: ChildSpec<A>) -> Child {
        Child(ChildKind::Actor(spec.manner, Box::new(spec.body)))
    }
}

impl From<SupervisorSpec> for Child {
    fn from(spec: SupervisorSpec) -> Child {
        Child(ChildKind::Supervisor(spec))
    }
}
