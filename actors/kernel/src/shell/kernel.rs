//! What all supervisors of a tree share on the supervision thread: threads, watchdog, news.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::threads::{Thread, Threads};
use super::watchdog::Watchdog;
use crate::clock;
use crate::exit::ExitReason;
use crate::id::ChildId;
use crate::node::Node;
use crate::supervision::Shared;
use crate::tree::Change;

/// Hung threads that may be abandoned before the process is better started afresh.
const MAX_ABANDONED: usize = 3;

pub(super) struct Kernel {
    pub(super) shared: Arc<Shared>,
    pub(super) threads: RefCell<Threads>,
    pub(super) watchdog: RefCell<Watchdog>,
}

impl Kernel {
    pub(super) fn new(shared: Arc<Shared>) -> Kernel {
        Kernel {
            shared,
            threads: RefCell::default(),
            watchdog: RefCell::default(),
        }
    }

    /// One round of the watchdog.
    pub(super) fn watch(&self) {
        self.shared.beat.store(clock::monotonic_us(), Ordering::Release);
        let stuck = self.watchdog.borrow_mut().round(Instant::now());
        for (thread, suspect) in stuck {
            self.abandon(&thread, &suspect);
        }
        self.count_abandoned();
    }

    /// Gives a stuck thread up; too many of them, and the root gives up as well.
    pub(super) fn abandon(&self, thread: &Rc<Thread>, suspect: &ChildId) {
        self.threads.borrow_mut().abandon(thread, suspect);
        tracing::error!(thread = thread.name, child = %suspect, "hung thread abandoned");
        let count = self.count_abandoned();
        if count > MAX_ABANDONED {
            let why = format!("{count} hung threads, {MAX_ABANDONED} are tolerated");
            self.shared.root_life.collapse(ExitReason::Fatal(why));
        }
    }

    /// Tells the world: one log event and one change a transition.
    pub(super) fn announce(&self, node: &Node, incarnation: u64, change: Change) {
        log(node, incarnation, &change);
        self.shared.changes.note(&node.path, incarnation, change);
    }

    fn count_abandoned(&self) -> usize {
        let count = self.threads.borrow_mut().count_abandoned();
        self.shared.abandoned.store(count, Ordering::Release);
        count
    }
}

fn log(node: &Node, incarnation: u64, change: &Change) {
    // The root's path is empty.
    let child: &dyn fmt::Display = if node.path.is_root() { &node.id } else { &node.path };
    match change {
        Change::Starting => tracing::debug!(%child, incarnation, "starting"),
        Change::Up { after_ms } => tracing::info!(%child, incarnation, after_ms, "up"),
        Change::Stopping => tracing::debug!(%child, incarnation, "stopping"),
        Change::Killing => tracing::warn!(%child, incarnation, "killing"),
        Change::Exited {
            exit,
            state,
            restart_in_ms,
        } if exit.is_clean() => {
            tracing::info!(%child, incarnation, reason = %exit, state, restart_in_ms, "exited");
        }
        // Nobody brings it back but an operator.
        Change::Exited {
            exit,
            state: state @ "suspended",
            ..
        } => tracing::error!(%child, incarnation, reason = %exit, state, "exited"),
        Change::Exited {
            exit,
            state,
            restart_in_ms,
        } => tracing::warn!(%child, incarnation, reason = %exit, state, restart_in_ms, "exited"),
        Change::Over { exit: None } => tracing::info!("supervision over"),
        Change::Over { exit: Some(exit) } => tracing::error!(reason = %exit, "supervision gave up"),
    }
}
