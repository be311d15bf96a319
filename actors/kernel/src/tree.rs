//! The live tree as data for people and programs: snapshots, changes, health. JSON names carry their unit.

use std::time::Instant;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{WallTime, whole_ms};
use crate::exit::{ExitReason, ExitView};
use crate::handle::MailboxCounters;
use crate::id::{ChildId, ChildPath};
use crate::node::{Exit, Node, NodeKind, State, Status};
use crate::policy::Placement;

/// A child, and below a supervisor its children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TreeNode {
    /// Its name among its siblings.
    #[schema(value_type = String)]
    pub id: ChildId,
    /// The way from the root; empty for the root itself.
    #[schema(value_type = String)]
    pub path: ChildPath,
    /// `actor` or `supervisor`.
    pub kind: &'static str,
    /// `waiting`, `starting`, `running`, `stopping`, `backing_off`, `down`, `held`, `ended`, `disabled` or `suspended`.
    pub state: &'static str,
    /// `up` or `down`: what its supervisor wants.
    pub goal: &'static str,
    /// The number of the newest incarnation; 0 before the first.
    pub incarnation: u64,
    /// Starts after the first.
    pub restarts: u64,
    /// How long it has been up.
    pub uptime_ms: Option<u64>,
    /// Time until the next start, while it is backing off.
    pub next_start_in_ms: Option<u64>,
    /// How long ago it last gave a sign of life to the watchdog.
    pub heartbeat_age_ms: Option<u64>,
    /// `one_for_one`, `one_for_all` or `rest_for_one`, for a supervisor.
    pub strategy: Option<&'static str>,
    /// `shared:main`, `dedicated` or `realtime:50`, for an actor.
    pub placement: Option<String>,
    /// The thread it runs on now.
    pub thread: Option<String>,
    /// Its mailbox, for an actor.
    pub mailbox: Option<MailboxView>,
    /// Why it is not as it should be.
    pub degraded: Option<String>,
    /// The newest exits, oldest first.
    pub exits: Vec<ExitRecord>,
    /// Its children in the order of start, for a supervisor.
    #[schema(no_recursion)]
    pub children: Vec<TreeNode>,
}

/// The mailbox of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MailboxView {
    /// Messages it holds.
    pub capacity: usize,
    /// What its handles did so far.
    #[serde(flatten)]
    pub counters: MailboxCounters,
}

/// One exit of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExitRecord {
    /// Which incarnation.
    pub incarnation: u64,
    /// When, by the wall clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// How long it had been up.
    pub lived_ms: u64,
    /// Why.
    #[serde(flatten)]
    pub exit: ExitView,
}

impl From<&Exit> for ExitRecord {
    fn from(exit: &Exit) -> ExitRecord {
        ExitRecord {
            incarnation: exit.incarnation,
            at: exit.at,
            lived_ms: exit.lived_ms,
            exit: ExitView::from(&exit.reason),
        }
    }
}

impl TreeNode {
    pub(crate) fn read(node: &Node) -> TreeNode {
        let (placement, mailbox, strategy) = match &node.kind {
            NodeKind::Actor {
                placement,
                mailbox,
                counters,
            } => {
                let view = MailboxView {
                    capacity: *mailbox,
                    counters: counters.read(),
                };
                (Some(placement_word(placement)), Some(view), None)
            }
            NodeKind::Supervisor { strategy, .. } => (None, None, Some(strategy.word())),
        };
        let children = node.children.iter().map(|child| TreeNode::read(child)).collect();
        let status = node.status.lock();
        TreeNode {
            id: node.id.clone(),
            path: node.path.clone(),
            kind: if strategy.is_some() { "supervisor" } else { "actor" },
            state: status.state.word(),
            goal: status.state.goal_word(),
            incarnation: status.incarnation,
            restarts: status.restarts,
            uptime_ms: status.uptime().map(whole_ms),
            next_start_in_ms: status.next_start.map(ms_until),
            heartbeat_age_ms: status.heartbeat.map(|at| whole_ms(at.elapsed())),
            strategy,
            placement,
            thread: status.thread.clone(),
            mailbox,
            degraded: complaint(&status),
            exits: status.exits.iter().map(ExitRecord::from).collect(),
            children,
        }
    }

    /// The node at `path`, if there is one.
    #[must_use]
    pub fn find(&self, path: &ChildPath) -> Option<&TreeNode> {
        let mut node = self;
        for id in path.segments() {
            node = node.children.iter().find(|child| child.id == *id)?;
        }
        Some(node)
    }
}

fn placement_word(placement: &Placement) -> String {
    match placement {
        Placement::Shared(name) => format!("shared:{name}"),
        Placement::Dedicated => "dedicated".to_owned(),
        Placement::Realtime { priority } => format!("realtime:{priority}"),
    }
}

/// What an operator should know about a child, if anything.
fn complaint(status: &Status) -> Option<String> {
    let last_exit = || {
        status
            .exits
            .back()
            .map_or_else(String::new, |exit| format!(" after {}", exit.reason))
    };
    match status.state {
        State::Running => status.degraded.clone(),
        State::BackingOff => Some(format!("waits for its next start{}", last_exit())),
        State::Suspended => Some(format!("failed too often, suspended{}", last_exit())),
        State::Held => Some("held down by an operator".to_owned()),
        State::Starting if status.restarts > 0 => Some(format!("restarting{}", last_exit())),
        State::Starting | State::Waiting | State::Stopping | State::Down | State::Ended | State::Disabled => None,
    }
}

/// Something happened to a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TreeChange {
    /// Its place among all changes since the launch, from 1.
    pub number: u64,
    /// When, by the wall clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: WallTime,
    /// Which child; empty for the root supervisor.
    #[schema(value_type = String)]
    pub path: ChildPath,
    /// Which incarnation.
    pub incarnation: u64,
    /// What.
    #[serde(flatten)]
    pub change: Change,
}

/// What can happen to a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Its start has begun.
    Starting,
    /// It is up.
    Up {
        /// Time since its exit before, or since its first start.
        after_ms: u64,
    },
    /// It was asked to stop.
    Stopping,
    /// It did not stop in time and is dropped.
    Killing,
    /// It is gone.
    Exited {
        /// Why.
        #[schema(value_type = ExitView)]
        exit: ExitReason,
        /// What it is now: `backing_off`, `down`, `held`, `ended`, `disabled`, `suspended`, …
        state: &'static str,
        /// Time until its next start; null if none is due.
        restart_in_ms: Option<u64>,
    },
    /// The root supervisor is over: the station must end.
    Over {
        /// Why; null if it was asked to.
        #[schema(value_type = Option<ExitView>)]
        exit: Option<ExitReason>,
    },
}

/// The whole tree in one word, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "health", rename_all = "snake_case")]
pub enum Health {
    /// All is as it should be.
    Up,
    /// Something is worse than it should be; the supervisors are at it, or an operator is needed.
    Degraded {
        /// What, child by child.
        causes: Vec<HealthCause>,
    },
    /// Nothing can be expected any more.
    Down {
        /// Why.
        cause: String,
    },
}

/// What is worse than it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthCause {
    /// Which child; empty for the kernel itself.
    #[schema(value_type = String)]
    pub path: ChildPath,
    /// What.
    pub reason: String,
}

/// What the nodes below `root` complain about.
pub(crate) fn complaints(root: &Node) -> Vec<HealthCause> {
    let mut causes = Vec::new();
    root.walk(&mut |node| {
        let reason = complaint(&node.status.lock());
        causes.extend(reason.map(|reason| HealthCause {
            path: node.path.clone(),
            reason,
        }));
    });
    causes
}

/// Time until `at`, for JSON.
pub(crate) fn ms_until(at: Instant) -> u64 {
    whole_ms(at.saturating_duration_since(Instant::now()))
}
