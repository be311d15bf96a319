//! The pure supervisor: events and the time go in, actions come out. No actors, no clock, no I/O.
//!
//! Written as a reconciler: each step applies its event to the table of children, then two passes bring the world
//! nearer to what the table wants: stops in reverse order, starts in order.
//!
//! ```text
//! Down --start--> Starting --Started--> Running --stop--> Stopping --deadline--> Killed --grace--> Down (lost, fenced)
//!   ^                |  deadline: Killed   |                 |                     |
//!   +------------ Exited -----------------+-----------------+---------------------+
//! ```
//!
//! Invariants: (1) at most one live incarnation a child, except a fenced one; (2) an exit of an older incarnation
//! changes nothing; (3) `Terminated` or `Escalate` comes once, with no child alive; (4) in ordered groups nothing starts
//! while a later sibling is still stopping; (5) a collateral exit does not count against the intensity; (6) every
//! operator request ends.

mod child;
mod exits;
mod operator;
mod reconcile;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use self::child::{ChildPolicy, Down, Goal, Phase};
pub use self::operator::{Operation, RequestId, Verdict};

use self::child::ChildState;
use crate::exit::ExitReason;
use crate::id::ChildId;
use crate::policy::{Intensity, Strategy};

/// How long a killed child may take to be gone before it is given up as lost.
pub const KILL_GRACE: Duration = Duration::from_secs(1);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Begin.
    Boot,
    /// An incarnation is up.
    Started {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
    },
    /// An incarnation is gone.
    Exited {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
        /// Why.
        reason: ExitReason,
    },
    /// The time asked for by [`Action::WakeAt`] has come.
    Wake,
    /// An operator wants something of a child.
    Operator {
        /// Names the request in its [`Action::Reply`].
        request: RequestId,
        /// Position of the child.
        child: usize,
        /// What.
        operation: Operation,
    },
    /// Stop all children in reverse order, then end.
    Shutdown,
    /// The same, but end by escalating this.
    GiveUp(ExitReason),
}

/// What the shell is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start this incarnation.
    Start {
        /// Position of the child.
        child: usize,
        /// Its new incarnation.
        incarnation: u64,
    },
    /// Ask it to stop.
    Stop {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
    },
    /// Drop it at its next poll.
    Kill {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
    },
    /// It does not even die: fence it, abandon its thread.
    Abandon {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
    },
    /// To be told: an incarnation is up.
    Up {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
    },
    /// To be told: an incarnation is gone.
    Gone {
        /// Position of the child.
        child: usize,
        /// Which incarnation.
        incarnation: u64,
        /// Why.
        reason: ExitReason,
    },
    /// Answer an operator's request.
    Reply {
        /// Which request.
        request: RequestId,
        /// How it ended.
        verdict: Verdict,
    },
    /// For the first time, every child is up or not wanted.
    Booted,
    /// Call again at this time, or earlier with other news. Replaces the one before; absent: no call needed.
    WakeAt(Instant),
    /// All children are gone, and this supervisor has failed.
    Escalate(ExitReason),
    /// All children are gone, as asked.
    Terminated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mode {
    Up,
    /// Stopping all; then `Escalate` the reason, or end as asked.
    Ending(Option<ExitReason>),
    Over,
}

/// One supervisor's table of children and its rules.
#[derive(Clone, Debug)]
pub struct SupervisorCore {
    strategy: Strategy,
    intensity: Intensity,
    children: Vec<ChildState>,
    /// The restarts in the sliding window: when, and of whom.
    window: VecDeque<(Instant, usize)>,
    mode: Mode,
    booted: bool,
    noise: Noise,
    out: Vec<Action>,
}

impl SupervisorCore {
    /// A supervisor of these children, in the order of their start. `last_incarnation` is where numbering goes on from;
    /// `seed` feeds the jitter.
    #[must_use]
    pub fn new(
        strategy: Strategy,
        intensity: Intensity,
        children: impl IntoIterator<Item = (ChildId, ChildPolicy, u64)>,
        seed: u64,
    ) -> SupervisorCore {
        let children = children.into_iter();
        SupervisorCore {
            strategy,
            intensity,
            children: children
                .map(|(id, policy, last)| ChildState::new(id, policy, last))
                .collect(),
            window: VecDeque::new(),
            mode: Mode::Up,
            booted: false,
            noise: Noise(seed),
            out: Vec::new(),
        }
    }

    /// Applies an event and answers what to do now.
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match event {
            Event::Boot | Event::Wake => {}
            Event::Started { child, incarnation } => self.started(now, child, incarnation),
            Event::Exited {
                child,
                incarnation,
                reason,
            } => self.exited(now, child, incarnation, reason),
            Event::Operator {
                request,
                child,
                operation,
            } => self.operate(request, child, operation),
            Event::Shutdown => self.begin_ending(None),
            Event::GiveUp(reason) => self.begin_ending(Some(reason)),
        }
        self.reconcile(now);
        std::mem::take(&mut self.out)
    }

    /// What a child is doing.
    #[must_use]
    pub fn phase(&self, child: usize) -> Option<Phase> {
        self.children.get(child).map(|child| child.phase)
    }

    /// What is wanted of a child.
    #[must_use]
    pub fn goal(&self, child: usize) -> Option<&Goal> {
        self.children.get(child).map(|child| &child.goal)
    }

    /// When a child that is backing off may start.
    #[must_use]
    pub fn next_start(&self, child: usize) -> Option<Instant> {
        let child = self.children.get(child)?;
        (child.phase == Phase::Down && child.goal == Goal::Up).then_some(child.not_before)?
    }

    /// Whether the end is decided or reached.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.mode != Mode::Up
    }

    fn started(&mut self, now: Instant, index: usize, incarnation: u64) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        if !matches!(child.phase, Phase::Starting { incarnation: live, .. } if live == incarnation) {
            return;
        }
        child.phase = Phase::Running {
            incarnation,
            since: now,
        };
        let verdict = Verdict::Up { incarnation };
        // A child that is to go round once more is not what its operator asked for yet.
        let reply = if child.cycle.is_pending() {
            None
        } else {
            child.request.take()
        };
        self.out.push(Action::Up {
            child: index,
            incarnation,
        });
        self.reply(reply, verdict);
    }

    /// The first end that is decided stays decided.
    fn begin_ending(&mut self, why: Option<ExitReason>) {
        if self.mode != Mode::Up {
            return;
        }
        self.mode = Mode::Ending(why);
        let requests: Vec<RequestId> = self
            .children
            .iter_mut()
            .filter_map(|child| child.request.take())
            .collect();
        for request in requests {
            self.reply(Some(request), Verdict::Ending);
        }
    }

    fn reply(&mut self, request: Option<RequestId>, verdict: Verdict) {
        self.out
            .extend(request.map(|request| Action::Reply { request, verdict }));
    }
}

/// A small generator (SplitMix64): jitter needs spread, not secrecy, and the same seed the same run.
#[derive(Clone, Debug)]
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
