//! The table's row: one child's policy, goal and phase.

use std::time::{Duration, Instant};

use super::operator::RequestId;
use crate::exit::ExitReason;
use crate::id::ChildId;
use crate::policy::{Backoff, OnExhausted, Restart, Shutdown};

/// How a supervisor treats a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildPolicy {
    /// Which exits are followed by a restart.
    pub restart: Restart,
    /// How long it may take to stop.
    pub shutdown: Shutdown,
    /// How long it may take to start; `None`: as long as it takes.
    pub start_within: Option<Duration>,
    /// The pauses between restarts.
    pub backoff: Backoff,
    /// What happens when it fails too often.
    pub on_exhausted: OnExhausted,
}

/// What is wanted of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// To run.
    Up,
    /// To be down, and why.
    Down(Down),
}

/// Why a child is meant to be down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// An operator holds it down.
    Held,
    /// It ended, and its policy asks for no restart.
    Ended,
    /// It said that it is not wanted here.
    Disabled(String),
    /// It failed too often.
    Suspended,
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No incarnation is alive.
    Down,
    /// The incarnation is not up yet; killed at the deadline.
    Starting {
        /// Which incarnation.
        incarnation: u64,
        /// Until when it must be up.
        deadline: Option<Instant>,
    },
    /// Up.
    Running {
        /// Which incarnation.
        incarnation: u64,
        /// Since when.
        since: Instant,
    },
    /// Asked to stop; killed at the deadline.
    Stopping {
        /// Which incarnation.
        incarnation: u64,
        /// Until when it must be gone.
        deadline: Option<Instant>,
    },
    /// Killed; lost at the deadline.
    Killed {
        /// Which incarnation.
        incarnation: u64,
        /// Until when it must be gone.
        deadline: Instant,
        /// It was killed for not being up in time, which is a failure.
        failed_start: bool,
    },
}

impl Phase {
    /// The incarnation that is alive.
    #[must_use]
    pub fn incarnation(self) -> Option<u64> {
        match self {
            Phase::Down => None,
            Phase::Starting { incarnation, .. }
            | Phase::Running { incarnation, .. }
            | Phase::Stopping { incarnation, .. }
            | Phase::Killed { incarnation, .. } => Some(incarnation),
        }
    }

    /// On its way down.
    #[must_use]
    pub fn is_going_down(self) -> bool {
        matches!(self, Phase::Stopping { .. } | Phase::Killed { .. })
    }

    /// When something is to be done about it unless it moves by itself.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Phase::Down | Phase::Running { .. } => None,
            Phase::Starting { deadline, .. } | Phase::Stopping { deadline, .. } => deadline,
            Phase::Killed { deadline, .. } => Some(deadline),
        }
    }
}

/// Whether a child must go down before it may be up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cycle {
    No,
    /// By an operator's wish: it comes back whatever its restart policy says.
    Wished,
    /// By a sibling's failure: a temporary child does not come back.
    Felled,
}

impl Cycle {
    pub(super) fn is_pending(self) -> bool {
        self != Cycle::No
    }
}

#[derive(Clone, Debug)]
pub(super) struct ChildState {
    pub(super) id: ChildId,
    pub(super) policy: ChildPolicy,
    pub(super) goal: Goal,
    pub(super) phase: Phase,
    pub(super) cycle: Cycle,
    pub(super) not_before: Option<Instant>,
    /// Failures in a row.
    pub(super) streak: u32,
    pub(super) last_incarnation: u64,
    /// Has been started by this supervisor at least once.
    pub(super) had_its_turn: bool,
    /// The operator's request that waits for this child.
    pub(super) request: Option<RequestId>,
}

impl ChildState {
    pub(super) fn new(id: ChildId, policy: ChildPolicy, last_incarnation: u64) -> ChildState {
        ChildState {
            id,
            policy,
            goal: Goal::Up,
            phase: Phase::Down,
            cycle: Cycle::No,
            not_before: None,
            streak: 0,
            last_incarnation,
            had_its_turn: false,
            request: None,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase != Phase::Down
    }

    /// Up, and nothing is pending that would take it down.
    pub(super) fn is_settled_up(&self) -> bool {
        matches!(self.phase, Phase::Running { .. }) && !self.cycle.is_pending()
    }

    /// Whether the policy asks for another incarnation after this end.
    pub(super) fn wants_restart(&self, reason: &ExitReason) -> bool {
        match self.policy.restart {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_clean(),
            Restart::Temporary => false,
        }
    }

    /// Forgets past failures: the next start is at once.
    pub(super) fn forgive(&mut self) {
        self.not_before = None;
        self.streak = 0;
    }
}
