//! [`Supervision`]: the handle to a running tree. Reads are snapshots; wishes go to the supervisor they concern.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{oneshot, watch};

use crate::changes::{ChangeLog, Changes};
use crate::clock::{self, whole_ms};
use crate::core::{Operation, Verdict};
use crate::exit::ExitReason;
use crate::id::ChildPath;
use crate::life::Life;
use crate::node::{Node, NodeKind, Request, State};
use crate::tree::{Health, HealthCause, TreeNode, complaints};

/// How long an operator's request may take before its caller is told that it is still going on.
const OPERATOR_LIMIT: Duration = Duration::from_secs(30);
/// The supervision thread is given up for dead when its beat is late by this much.
const BEAT_GRACE: Duration = Duration::from_secs(10);

/// How an operator's request was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorOutcome {
    /// The child is up.
    Up {
        /// Which incarnation.
        incarnation: u64,
    },
    /// The child is down.
    Down,
}

/// Why an operator's request was not met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperatorError {
    /// There is no such child.
    #[error("no child at {0}")]
    Unknown(ChildPath),
    /// The child's supervisor is down, ending, or has too many requests open.
    #[error("the supervisor of {0} takes no requests now")]
    Unavailable(ChildPath),
    /// A newer request for the same child took its place.
    #[error("superseded by a newer request")]
    Superseded,
    /// The child ended instead of coming up.
    #[error("the child ended: {0}")]
    Failed(ExitReason),
    /// Not done within the limit; it goes on.
    #[error("not done within {} s, going on", OPERATOR_LIMIT.as_secs())]
    Timeout,
}

/// How the supervision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All children were stopped, as asked.
    Terminated,
    /// The root supervisor gave up: the process should end with a failure, so that its manager starts it afresh.
    GaveUp(ExitReason),
}

/// How an ordered shutdown went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownReport {
    /// How long it took.
    pub took: Duration,
    /// The children that were not down when the limit was over; none: it was orderly.
    pub stragglers: Vec<ChildPath>,
}

/// How far the tree is.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Booting,
    Up,
    Over(Outcome),
}

/// What the handles and the supervision thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) root: Arc<Node>,
    pub(crate) root_life: Arc<Life>,
    pub(crate) changes: Arc<ChangeLog>,
    pub(crate) stage: watch::Sender<Stage>,
    /// Abandoned threads that are still alive.
    pub(crate) abandoned: AtomicUsize,
    /// Stamp of the watchdog's newest round.
    pub(crate) beat: AtomicU64,
    pub(crate) beat_every: Duration,
}

impl Shared {
    /// Decides how it ended; the first decision stays.
    pub(crate) fn end(&self, outcome: Outcome) {
        self.stage.send_if_modified(|stage| {
            let first = !matches!(stage, Stage::Over(_));
            if first {
                *stage = Stage::Over(outcome);
            }
            first
        });
    }
}

/// A handle to the running tree. Cheap to clone; the tree runs on when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Supervision {
    shared: Arc<Shared>,
}

impl Supervision {
    pub(crate) fn new(shared: Arc<Shared>) -> Supervision {
        Supervision { shared }
    }

    /// The tree as it is now.
    #[must_use]
    pub fn tree(&self) -> TreeNode {
        TreeNode::read(&self.shared.root)
    }

    /// What happens from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes_after(self.shared.changes.newest())
    }

    /// What happened behind the change `number` and what happens from now on; 0 begins with the launch.
    #[must_use]
    pub fn changes_after(&self, number: u64) -> Changes {
        Changes::after(&self.shared.changes, number)
    }

    /// Takes a child down and up again, with the siblings that the strategy names. Starts it if it was down.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn restart(&self, path: &ChildPath) -> Result<OperatorOutcome, OperatorError> {
        self.operate(path, Operation::Restart).await
    }

    /// Takes a child down and holds it down. Its siblings stay as they are.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn stop(&self, path: &ChildPath) -> Result<OperatorOutcome, OperatorError> {
        self.operate(path, Operation::Stop).await
    }

    /// Brings a child up, whatever kept it down.
    ///
    /// # Errors
    /// See [`OperatorError`].
    pub async fn start(&self, path: &ChildPath) -> Result<OperatorOutcome, OperatorError> {
        self.operate(path, Operation::Start).await
    }

    /// Waits until every child is up or not wanted.
    ///
    /// # Errors
    /// The reason, if the supervision ended before.
    pub async fn booted(&self) -> Result<(), ExitReason> {
        match self.stage(|stage| !matches!(stage, Stage::Booting)).await {
            Stage::Over(Outcome::GaveUp(reason)) => Err(reason),
            Stage::Over(Outcome::Terminated) => Err(ExitReason::Shutdown),
            Stage::Booting | Stage::Up => Ok(()),
        }
    }

    /// Stops all children in reverse order and waits for it, `limit` at most.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        let begun = Instant::now();
        self.shared.root_life.stop();
        let in_time = tokio::time::timeout(limit, self.finished()).await.is_ok();
        let stragglers = if in_time { Vec::new() } else { self.still_alive() };
        ShutdownReport {
            took: begun.elapsed(),
            stragglers,
        }
    }

    /// Waits for the end of the supervision.
    pub async fn finished(&self) -> Outcome {
        match self.stage(|stage| matches!(stage, Stage::Over(_))).await {
            Stage::Over(outcome) => outcome,
            Stage::Booting | Stage::Up => Outcome::GaveUp(ExitReason::ArbiterLost),
        }
    }

    /// The whole tree in one word, and why.
    #[must_use]
    pub fn health(&self) -> Health {
        if let Some(cause) = self.downfall() {
            return Health::Down { cause };
        }
        let mut causes = self.kernel_complaints();
        causes.extend(complaints(&self.shared.root));
        if causes.is_empty() {
            Health::Up
        } else {
            Health::Degraded { causes }
        }
    }

    fn downfall(&self) -> Option<String> {
        if let Stage::Over(outcome) = &*self.shared.stage.borrow() {
            return Some(match outcome {
                Outcome::Terminated => "shut down".to_owned(),
                Outcome::GaveUp(reason) => reason.to_string(),
            });
        }
        if !self.shared.root_life.is_accepting() {
            return Some("shutting down".to_owned());
        }
        let age = clock::since_us(self.shared.beat.load(Ordering::Acquire))?;
        let late = age > self.shared.beat_every + BEAT_GRACE;
        late.then(|| format!("the supervisor has not moved for {} ms", whole_ms(age)))
    }

    fn kernel_complaints(&self) -> Vec<HealthCause> {
        let booting = matches!(*self.shared.stage.borrow(), Stage::Booting).then(|| "starting up".to_owned());
        let abandoned = match self.shared.abandoned.load(Ordering::Acquire) {
            0 => None,
            count => Some(format!("{count} hung threads abandoned and not yet gone")),
        };
        let path = ChildPath::root();
        let reasons = booting.into_iter().chain(abandoned);
        reasons
            .map(|reason| HealthCause {
                path: path.clone(),
                reason,
            })
            .collect()
    }

    fn still_alive(&self) -> Vec<ChildPath> {
        let mut alive = Vec::new();
        self.shared.root.walk(&mut |node| {
            let state = node.status.lock().state;
            if matches!(state, State::Starting | State::Running | State::Stopping) {
                alive.push(node.path.clone());
            }
        });
        alive
    }

    async fn stage(&self, wanted: impl Fn(&Stage) -> bool) -> Stage {
        let mut stages = self.shared.stage.subscribe();
        // The sender lives in `shared`: the wait ends with a value only.
        let found = stages.wait_for(wanted).await;
        found.map_or(Stage::Booting, |stage| stage.clone())
    }

    async fn operate(&self, path: &ChildPath, operation: Operation) -> Result<OperatorOutcome, OperatorError> {
        let answer = self.request(path, operation)?;
        let unavailable = || OperatorError::Unavailable(path.clone());
        let verdict = match tokio::time::timeout(OPERATOR_LIMIT, answer).await {
            Err(_) => return Err(OperatorError::Timeout),
            Ok(Err(_)) => return Err(unavailable()),
            Ok(Ok(verdict)) => verdict,
        };
        match verdict {
            Verdict::Up { incarnation } => Ok(OperatorOutcome::Up { incarnation }),
            Verdict::Down => Ok(OperatorOutcome::Down),
            Verdict::Failed(reason) => Err(OperatorError::Failed(reason)),
            Verdict::Superseded => Err(OperatorError::Superseded),
            Verdict::Ending => Err(unavailable()),
        }
    }

    fn request(&self, path: &ChildPath, operation: Operation) -> Result<oneshot::Receiver<Verdict>, OperatorError> {
        let unknown = || OperatorError::Unknown(path.clone());
        let (child, parent) = self.locate(path).ok_or_else(unknown)?;
        let NodeKind::Supervisor { inbox, .. } = &parent.kind else {
            return Err(unknown());
        };
        let (reply, answer) = oneshot::channel();
        let request = Request {
            child,
            operation,
            reply,
        };
        let sent = inbox.lock().as_ref().map(|inbox| inbox.try_send(request));
        match sent {
            Some(Ok(())) => Ok(answer),
            None | Some(Err(TrySendError::Full(_) | TrySendError::Closed(_))) => {
                Err(OperatorError::Unavailable(path.clone()))
            }
        }
    }

    /// The supervisor of the child at `path`, and the child's position there.
    fn locate(&self, path: &ChildPath) -> Option<(usize, Arc<Node>)> {
        let (id, way) = path.segments().split_last()?;
        let mut parent = Arc::clone(&self.shared.root);
        for id in way {
            let next = Arc::clone(parent.child(id)?.1);
            parent = next;
        }
        let (child, _) = parent.child(id)?;
        Some((child, parent))
    }
}
