//! Launch: checks the specification, begins the supervision thread, and runs the tree on it to the end.

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use actix_rt::System;
use thiserror::Error;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

use super::kernel::Kernel;
use super::plan::{Plan, hang_policies, node_of};
use super::supervisor::{begin, supervise};
use super::{panics, watchdog};
use crate::clock::{self, whole_ms};
use crate::exit::ExitReason;
use crate::id::ChildPath;
use crate::life::{Life, News, Report};
use crate::node::State;
use crate::spec::{Child, ChildKind, SupervisorSpec};
use crate::supervision::{Outcome, Shared, Stage, Supervision};
use crate::tree::Change;

/// The root is never restarted: it has one incarnation.
const ROOT_INCARNATION: u64 = 1;

/// Why nothing was launched.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// An id is empty, or holds a `/` or a blank.
    #[error("not a name for a child: {0:?}")]
    BadId(String),
    /// Two siblings have the same id.
    #[error("two children are named {0}")]
    DuplicateId(ChildPath),
    /// The supervision thread could not be created.
    #[error("no supervision thread: {0}")]
    Thread(#[from] io::Error),
}

/// Starts a tree: its children come up in order, on threads of their own choice, watched from the thread `supervisor`.
///
/// Returns at once; [`Supervision::booted`] waits until all are up.
///
/// # Errors
/// See [`LaunchError`]; nothing runs then.
pub fn launch(root: SupervisorSpec) -> Result<Supervision, LaunchError> {
    check(&root, &ChildPath::root())?;
    panics::install_hook();
    let (reports, incoming) = mpsc::unbounded_channel();
    let node = Arc::new(node_of(&root, ChildPath::root()));
    let life = Life::new(ChildPath::root(), root.id.clone(), (0, ROOT_INCARNATION), reports);
    let shared = Arc::new(Shared {
        root: node,
        root_life: Arc::new(life),
        changes: Arc::default(),
        stage: watch::Sender::new(Stage::Booting),
        abandoned: AtomicUsize::new(0),
        beat: AtomicU64::new(clock::monotonic_us()),
        beat_every: watchdog::round_for(hang_policies(&root).into_iter()),
    });
    let supervision = Supervision::new(Arc::clone(&shared));
    let thread = std::thread::Builder::new().name("supervisor".to_owned());
    drop(thread.spawn(move || stand(root, &shared, incoming))?);
    Ok(supervision)
}

/// Every id can be written in a path, and every path means one child.
fn check(spec: &SupervisorSpec, path: &ChildPath) -> Result<(), LaunchError> {
    let mut seen = HashSet::new();
    for child in &spec.children {
        let id = child.id();
        if !id.is_valid() {
            return Err(LaunchError::BadId(id.to_string()));
        }
        let path = path.child(id);
        if !seen.insert(id) {
            return Err(LaunchError::DuplicateId(path));
        }
        check_below(child, &path)?;
    }
    Ok(())
}

fn check_below(child: &Child, path: &ChildPath) -> Result<(), LaunchError> {
    match &child.0 {
        ChildKind::Supervisor(spec) => check(spec, path),
        ChildKind::Actor(..) => Ok(()),
    }
}

/// The supervision thread from beginning to end. If the kernel itself breaks, the outcome says so.
fn stand(root: SupervisorSpec, shared: &Arc<Shared>, incoming: UnboundedReceiver<Report>) {
    let kernel = Kernel::new(Arc::clone(shared));
    let run = AssertUnwindSafe(|| System::new().block_on(oversee(root, Rc::new(kernel), incoming)));
    let outcome = catch_unwind(run).unwrap_or_else(|_| {
        let why = "the supervision thread panicked".to_owned();
        Outcome::GaveUp(ExitReason::Fatal(why))
    });
    shared.end(outcome);
}

/// The parent of the root: nobody restarts it.
async fn oversee(root: SupervisorSpec, kernel: Rc<Kernel>, mut incoming: UnboundedReceiver<Report>) -> Outcome {
    let shared = Arc::clone(&kernel.shared);
    let plan = Rc::new(Plan::new(root, &shared.root));
    begin(keep_watch(Rc::clone(&kernel), shared.beat_every));
    set_root(&shared, State::Starting);
    begin(supervise(Rc::clone(&kernel), plan, Arc::clone(&shared.root_life)));
    let reason = loop {
        match incoming.recv().await.map(|report| report.news) {
            Some(News::Started) => boot_done(&kernel),
            Some(News::Exited(reason)) => break reason,
            None => break ExitReason::ArbiterLost,
        }
    };
    shared.root.status.lock().gone(ROOT_INCARNATION, reason.clone());
    set_root(&shared, State::Ended);
    kernel.threads.borrow_mut().stop_all();
    let exit = (reason != ExitReason::Shutdown).then_some(reason);
    kernel.announce(&shared.root, ROOT_INCARNATION, Change::Over { exit: exit.clone() });
    exit.map_or(Outcome::Terminated, Outcome::GaveUp)
}

fn boot_done(kernel: &Kernel) {
    let after_ms = whole_ms(kernel.shared.root.status.lock().up());
    set_root(&kernel.shared, State::Running);
    kernel.announce(&kernel.shared.root, ROOT_INCARNATION, Change::Up { after_ms });
    kernel.shared.stage.send_replace(Stage::Up);
}

fn set_root(shared: &Shared, state: State) {
    let mut status = shared.root.status.lock();
    status.state = state;
    if state == State::Starting {
        status.starting(ROOT_INCARNATION);
    }
}

async fn keep_watch(kernel: Rc<Kernel>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        kernel.watch();
    }
}
