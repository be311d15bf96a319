//! The live side of the tree: one cell a child, written by its supervisor, read by anybody.
//!
//! The tree's shape is fixed at launch; only the cells' contents change.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::clock::{WallTime, whole_ms};
use crate::core::{Operation, Verdict};
use crate::exit::ExitReason;
use crate::handle::Counters;
use crate::id::{ChildId, ChildPath};
use crate::policy::{Placement, Strategy};

/// Exits that are kept of each child.
pub(crate) const EXITS_KEPT: usize = 32;

/// An operator's wish on its way to the supervisor of the child.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) child: usize,
    pub(crate) operation: Operation,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Actor {
        placement: Placement,
        mailbox: usize,
        counters: Arc<Counters>,
    },
    Supervisor {
        strategy: Strategy,
        /// Where the running supervisor takes operators' wishes; none while it is down.
        inbox: Mutex<Option<mpsc::Sender<Request>>>,
    },
}

/// What a child is doing, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its turn has not come yet.
    Waiting,
    Starting,
    Running,
    Stopping,
    BackingOff,
    /// Stopped by its supervisor, which is stopping or restarting siblings.
    Down,
    Held,
    Ended,
    Disabled,
    Suspended,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::BackingOff => "backing_off",
            State::Down => "down",
            State::Held => "held",
            State::Ended => "ended",
            State::Disabled => "disabled",
            State::Suspended => "suspended",
        }
    }

    /// Whether the supervisor wants it up.
    pub(crate) fn goal_word(self) -> &'static str {
        match self {
            State::Held | State::Ended | State::Disabled | State::Suspended => "down",
            State::Waiting | State::Starting | State::Running | State::Stopping | State::BackingOff | State::Down => {
                "up"
            }
        }
    }
}

/// One exit as the history keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    pub(crate) incarnation: u64,
    pub(crate) reason: ExitReason,
    pub(crate) at: WallTime,
    pub(crate) lived_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    pub(crate) incarnation: u64,
    pub(crate) restarts: u64,
    pub(crate) next_start: Option<Instant>,
    pub(crate) heartbeat: Option<Instant>,
    pub(crate) thread: Option<String>,
    /// What is worse than it should be while it runs (no realtime).
    pub(crate) degraded: Option<String>,
    pub(crate) exits: VecDeque<Exit>,
    started: Option<Instant>,
    up: Option<Instant>,
    last_exit: Option<Instant>,
}

impl Status {
    fn new() -> Status {
        Status {
            state: State::Waiting,
            incarnation: 0,
            restarts: 0,
            next_start: None,
            heartbeat: None,
            thread: None,
            degraded: None,
            exits: VecDeque::new(),
            started: None,
            up: None,
            last_exit: None,
        }
    }

    pub(crate) fn starting(&mut self, incarnation: u64) {
        if incarnation > 1 {
            self.restarts += 1;
        }
        self.incarnation = incarnation;
        self.started = Some(Instant::now());
        self.up = None;
        self.heartbeat = None;
    }

    /// Answers how long it took, from the exit before or from the start.
    pub(crate) fn up(&mut self) -> Duration {
        let now = Instant::now();
        self.up = Some(now);
        self.heartbeat = Some(now);
        let from = self.last_exit.or(self.started).unwrap_or(now);
        now.duration_since(from)
    }

    pub(crate) fn gone(&mut self, incarnation: u64, reason: ExitReason) {
        let now = Instant::now();
        let lived = self.up.take().map_or(0, |up| whole_ms(now.duration_since(up)));
        self.last_exit = Some(now);
        self.heartbeat = None;
        self.thread = None;
        self.degraded = None;
        if self.exits.len() == EXITS_KEPT {
            self.exits.pop_front();
        }
        self.exits.push_back(Exit {
            incarnation,
            reason,
            at: WallTime::now(),
            lived_ms: lived,
        });
    }

    pub(crate) fn uptime(&self) -> Option<Duration> {
        self.up.map(|up| up.elapsed())
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: ChildId,
    pub(crate) path: ChildPath,
    pub(crate) kind: NodeKind,
    pub(crate) children: Vec<Arc<Node>>,
    pub(crate) status: Mutex<Status>,
}

impl Node {
    pub(crate) fn new(id: ChildId, path: ChildPath, kind: NodeKind, children: Vec<Arc<Node>>) -> Node {
        Node {
            id,
            path,
            kind,
            children,
            status: Mutex::new(Status::new()),
        }
    }

    /// The child `id` and its position.
    pub(crate) fn child(&self, id: &ChildId) -> Option<(usize, &Arc<Node>)> {
        self.children.iter().enumerate().find(|(_, child)| child.id == *id)
    }

    /// Every node below this one, in the order of start.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(&Node)) {
        for child in &self.children {
            visit(child);
            child.walk(visit);
        }
    }
}
