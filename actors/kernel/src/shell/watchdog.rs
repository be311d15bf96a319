//! The watchdog: looks for children that hold their thread too long, and asks the others for a sign of life.
//!
//! It sleeps for a quarter of the shortest limit in the tree, so that an idle station is not woken for nothing.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::runner::Pinger;
use super::threads::Thread;
use crate::core::KILL_GRACE;
use crate::exit::ExitReason;
use crate::id::ChildId;
use crate::life::Life;
use crate::node::Node;
use crate::policy::{HangPolicy, PingPolicy};

/// The timer of the runtime is no finer than this makes sense.
const SHORTEST_ROUND: Duration = Duration::from_millis(5);
/// Slow enough to cost nothing, fast enough to show that the supervision thread moves.
const LONGEST_ROUND: Duration = Duration::from_secs(5);

/// The pause between two rounds that these policies need.
pub(super) fn round_for(policies: impl Iterator<Item = HangPolicy>) -> Duration {
    let shortest = |policy: HangPolicy| {
        let ping = policy.ping.map_or(policy.busy, |ping| ping.every.min(ping.within));
        policy.busy.min(ping)
    };
    let shortest = policies.map(shortest).min().unwrap_or(LONGEST_ROUND);
    (shortest / 4).clamp(SHORTEST_ROUND, LONGEST_ROUND)
}

/// An incarnation under watch.
pub(super) struct Watched {
    life: Arc<Life>,
    node: Arc<Node>,
    thread: Rc<Thread>,
    policy: HangPolicy,
    pinger: Pinger,
    question: Question,
}

enum Question {
    /// The next is due then.
    Due(Instant),
    Open {
        asked: Instant,
        answer: oneshot::Receiver<()>,
    },
    /// It has not answered and is being killed.
    Condemned(Instant),
}

impl Watched {
    pub(super) fn new(
        life: Arc<Life>,
        node: Arc<Node>,
        thread: Rc<Thread>,
        policy: HangPolicy,
        pinger: Pinger,
    ) -> Watched {
        let first = policy.ping.map_or(Duration::ZERO, |ping| ping.every);
        Watched {
            life,
            node,
            thread,
            policy,
            pinger,
            question: Question::Due(Instant::now() + first),
        }
    }

    /// Whether its thread is stuck.
    fn is_stuck(&mut self, now: Instant) -> bool {
        self.life.pulse.overstays(self.policy.busy) || self.policy.ping.is_some_and(|ping| self.question(now, ping))
    }

    /// Asks, listens, condemns. Answers whether the thread is to blame rather than the child.
    fn question(&mut self, now: Instant, policy: PingPolicy) -> bool {
        match &mut self.question {
            Question::Condemned(since) => return now.duration_since(*since) > KILL_GRACE,
            Question::Due(at) => {
                let may_ask = now >= *at && self.life.is_up() && self.life.is_accepting();
                if let Some(answer) = may_ask.then(|| (self.pinger)()).flatten() {
                    self.question = Question::Open { asked: now, answer };
                }
            }
            Question::Open { asked, answer } => match answer.try_recv() {
                Ok(()) => {
                    self.node.status.lock().heartbeat = Some(now);
                    self.question = Question::Due(now + policy.every);
                }
                Err(TryRecvError::Closed) => self.question = Question::Due(now + policy.every),
                Err(TryRecvError::Empty) => {
                    let silent = self.life.pulse.silent_for(now.duration_since(*asked));
                    if silent > policy.within {
                        return self.condemn(now, silent);
                    }
                }
            },
        }
        false
    }

    fn condemn(&mut self, now: Instant, silent: Duration) -> bool {
        let held_up = self.thread.culprit().is_some_and(|(_, busy)| busy > KILL_GRACE);
        if !held_up {
            self.life.condemn(ExitReason::Stalled { silent });
            self.question = Question::Condemned(now);
        }
        held_up
    }
}

/// All incarnations under watch.
#[derive(Default)]
pub(super) struct Watchdog(Vec<Watched>);

impl Watchdog {
    pub(super) fn watch(&mut self, watched: Watched) {
        self.0.push(watched);
    }

    /// Looks at everybody once; answers the stuck threads, each with the child that showed it.
    pub(super) fn round(&mut self, now: Instant) -> Vec<(Rc<Thread>, ChildId)> {
        self.0.retain(|watched| !watched.life.has_ended());
        let stuck = self.0.iter_mut().filter_map(|watched| {
            watched
                .is_stuck(now)
                .then(|| (Rc::clone(&watched.thread), watched.life.id().clone()))
        });
        stuck.collect()
    }
}
