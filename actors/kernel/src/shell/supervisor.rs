//! A supervisor at work: a local task on the supervision thread that feeds its core and performs what it says.
//!
//! A nested supervisor is a child like any other: it has a life of its own, is told to stop, reports its exit.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use super::kernel::Kernel;
use super::plan::{Kind, Plan, Planned};
use super::threads::{Thread, Threads};
use super::watchdog::Watched;
use crate::clock::whole_ms;
use crate::core::{Action, Down, Event, Goal, Phase, RequestId, SupervisorCore, Verdict};
use crate::exit::ExitReason;
use crate::life::{Life, News, Report};
use crate::node::{Request, State};
use crate::supervision::Outcome;
use crate::tree::{Change, ms_until};

/// Operators' requests that a supervisor holds; more are refused.
const REQUESTS: usize = 64;

/// Runs a supervisor to its end and reports it. A supervisor that panics leaves its children unwatched: the process
/// must start afresh.
pub(super) fn supervise(kernel: Rc<Kernel>, plan: Rc<Plan>, life: Arc<Life>) -> LocalBoxFuture<'static, ()> {
    async move {
        let run = Supervisor::new(&kernel, &plan, &life);
        match AssertUnwindSafe(run.run()).catch_unwind().await {
            Ok(reason) => life.report_exit(reason),
            Err(_) => kernel.shared.end(Outcome::GaveUp(ExitReason::Fatal(format!(
                "supervisor {} panicked",
                life.path
            )))),
        }
    }
    .boxed_local()
}

/// Begins a task on the supervision thread.
#[allow(
    clippy::disallowed_methods,
    reason = "supervisors and the watchdog are what watches the others"
)]
pub(super) fn begin(task: impl Future<Output = ()> + 'static) {
    drop(tokio::task::spawn_local(task));
}

/// A child's incarnation and its thread, if it is an actor.
struct Incarnation {
    life: Arc<Life>,
    thread: Option<Rc<Thread>>,
}

struct Supervisor {
    kernel: Rc<Kernel>,
    plan: Rc<Plan>,
    life: Arc<Life>,
    core: SupervisorCore,
    /// By position.
    incarnations: HashMap<usize, Incarnation>,
    replies: HashMap<RequestId, oneshot::Sender<Verdict>>,
    next_request: RequestId,
    wake_at: Option<Instant>,
    reports: UnboundedSender<Report>,
    incoming: UnboundedReceiver<Report>,
    requests: mpsc::Receiver<Request>,
}

impl Supervisor {
    fn new(kernel: &Rc<Kernel>, plan: &Rc<Plan>, life: &Arc<Life>) -> Supervisor {
        let children = plan.children.iter().map(|child| {
            let last = child.node.status.lock().incarnation;
            (child.node.id.clone(), child.policy.clone(), last)
        });
        let seed = RandomState::new().build_hasher().finish();
        // Unbounded in type only: each incarnation sends at most two reports.
        let (reports, incoming) = mpsc::unbounded_channel();
        let (inbox, requests) = mpsc::channel(REQUESTS);
        plan.set_inbox(Some(inbox));
        Supervisor {
            kernel: Rc::clone(kernel),
            plan: Rc::clone(plan),
            life: Arc::clone(life),
            core: SupervisorCore::new(plan.strategy, plan.intensity, children, seed),
            incarnations: HashMap::new(),
            replies: HashMap::new(),
            next_request: 0,
            wake_at: None,
            reports,
            incoming,
            requests,
        }
    }

    async fn run(mut self) -> ExitReason {
        let mut event = Event::Boot;
        loop {
            if let Some(end) = self.step(event) {
                self.plan.set_inbox(None);
                return end;
            }
            event = self.next_event().await;
        }
    }

    async fn next_event(&mut self) -> Event {
        let ending = self.core.is_ending();
        let wake_at = self.wake_at;
        let wake = async {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { biased;
            Some(report) = self.incoming.recv() => event_of(report),
            () = self.life.told_to_stop(), if !ending => match self.life.take_verdict() {
                Some(reason) => Event::GiveUp(reason),
                None => Event::Shutdown,
            },
            Some(request) = self.requests.recv() => self.admit(request),
            () = wake => Event::Wake,
        }
    }

    fn admit(&mut self, request: Request) -> Event {
        let id = self.next_request;
        self.next_request += 1;
        self.replies.insert(id, request.reply);
        Event::Operator {
            request: id,
            child: request.child,
            operation: request.operation,
        }
    }

    /// Answers how it ended, once it has.
    fn step(&mut self, event: Event) -> Option<ExitReason> {
        let actions = self.core.step(Instant::now(), event);
        // First, so that the tree is never behind the news of it.
        self.publish();
        self.wake_at = None;
        let mut end = None;
        for action in actions {
            end = end.or(self.perform(action));
        }
        end
    }

    fn perform(&mut self, action: Action) -> Option<ExitReason> {
        match action {
            Action::Start { child, incarnation } => self.start(child, incarnation),
            Action::Stop { child, incarnation } => self.command(child, incarnation, Change::Stopping, Life::stop),
            Action::Kill { child, incarnation } => self.command(child, incarnation, Change::Killing, Life::kill),
            Action::Abandon { child, .. } => self.abandon(child),
            Action::Up { child, incarnation } => self.up(child, incarnation),
            Action::Gone {
                child,
                incarnation,
                reason,
            } => self.gone(child, incarnation, reason),
            Action::Reply { request, verdict } => {
                // An operator who no longer listens is no matter.
                drop(self.replies.remove(&request).map(|reply| reply.send(verdict)));
            }
            Action::Booted => self.life.report_started(),
            Action::WakeAt(at) => self.wake_at = Some(at),
            Action::Escalate(reason) => return Some(reason),
            Action::Terminated => return Some(ExitReason::Shutdown),
        }
        None
    }

    fn start(&mut self, index: usize, incarnation: u64) {
        let plan = Rc::clone(&self.plan);
        let Some(child) = plan.children.get(index) else { return };
        let (path, id) = (child.node.path.clone(), child.node.id.clone());
        let life = Arc::new(Life::new(path, id, (index, incarnation), self.reports.clone()));
        child.node.status.lock().starting(incarnation);
        self.kernel.announce(&child.node, incarnation, Change::Starting);
        let thread = match &child.kind {
            Kind::Actor(_) => self.place(child, &life),
            Kind::Supervisor(plan) => {
                begin(supervise(Rc::clone(&self.kernel), Rc::clone(plan), Arc::clone(&life)));
                None
            }
        };
        self.incarnations.insert(index, Incarnation { life, thread });
    }

    fn place(&self, child: &Planned, life: &Arc<Life>) -> Option<Rc<Thread>> {
        let Kind::Actor(actor) = &child.kind else { return None };
        let thread = match self.kernel.threads.borrow_mut().place(&actor.placement, &child.node.id) {
            Ok(thread) => thread,
            Err(error) => {
                life.report_exit(ExitReason::StartFailed(format!("no thread: {error}")));
                return None;
            }
        };
        let mut status = child.node.status.lock();
        status.thread = Some(thread.name.clone());
        status.degraded.clone_from(&thread.degraded);
        drop(status);
        thread.settle(life);
        let pinger = actor.body.begin(
            Arc::clone(life),
            Arc::clone(&thread.loss),
            &thread.handle,
            actor.mailbox,
        );
        if let Some(hang) = actor.hang {
            let watched = Watched::new(
                Arc::clone(life),
                Arc::clone(&child.node),
                Rc::clone(&thread),
                hang,
                pinger,
            );
            self.kernel.watchdog.borrow_mut().watch(watched);
        }
        Some(thread)
    }

    fn command(&self, index: usize, incarnation: u64, change: Change, order: impl Fn(&Life)) {
        if let (Some(child), Some(live)) = (self.plan.children.get(index), self.incarnations.get(&index)) {
            order(&live.life);
            self.kernel.announce(&child.node, incarnation, change);
        }
    }

    fn abandon(&self, index: usize) {
        if let Some(Incarnation {
            life,
            thread: Some(thread),
        }) = self.incarnations.get(&index)
        {
            life.revoke();
            self.kernel.abandon(thread, life.id());
        }
    }

    fn up(&self, index: usize, incarnation: u64) {
        let Some(child) = self.plan.children.get(index) else {
            return;
        };
        let after_ms = whole_ms(child.node.status.lock().up());
        self.kernel.announce(&child.node, incarnation, Change::Up { after_ms });
    }

    fn gone(&mut self, index: usize, incarnation: u64, exit: ExitReason) {
        if let Some(Incarnation {
            thread: Some(thread), ..
        }) = self.incarnations.remove(&index)
        {
            Threads::release(&thread);
        }
        let Some(child) = self.plan.children.get(index) else {
            return;
        };
        child.node.status.lock().gone(incarnation, exit.clone());
        let change = Change::Exited {
            exit,
            state: self.state(index).word(),
            restart_in_ms: self.restart_in_ms(index),
        };
        self.kernel.announce(&child.node, incarnation, change);
    }

    /// 0 when the order of siblings decides, not the time.
    fn restart_in_ms(&self, index: usize) -> Option<u64> {
        let coming = self.core.goal(index) == Some(&Goal::Up) && !self.core.is_ending();
        coming.then(|| self.core.next_start(index).map_or(0, ms_until))
    }

    /// Brings the children's cells in line with the core.
    fn publish(&self) {
        for (index, child) in self.plan.children.iter().enumerate() {
            let state = self.state(index);
            let mut status = child.node.status.lock();
            let untouched = state == State::Down && status.incarnation == 0;
            status.state = if untouched { State::Waiting } else { state };
            status.next_start = self.core.next_start(index).filter(|_| state == State::BackingOff);
        }
    }

    fn state(&self, index: usize) -> State {
        match (self.core.phase(index), self.core.goal(index)) {
            (Some(Phase::Starting { .. }), _) => State::Starting,
            (Some(Phase::Running { .. }), _) => State::Running,
            (Some(Phase::Stopping { .. } | Phase::Killed { .. }), _) => State::Stopping,
            (_, Some(Goal::Down(Down::Held))) => State::Held,
            (_, Some(Goal::Down(Down::Ended))) => State::Ended,
            (_, Some(Goal::Down(Down::Disabled(_)))) => State::Disabled,
            (_, Some(Goal::Down(Down::Suspended))) => State::Suspended,
            (_, Some(Goal::Up)) if self.restart_in_ms(index).is_some_and(|ms| ms > 0) => State::BackingOff,
            (_, Some(Goal::Up) | None) => State::Down,
        }
    }
}

fn event_of(report: Report) -> Event {
    let (child, incarnation) = (report.child, report.incarnation);
    match report.news {
        News::Started => Event::Started { child, incarnation },
        News::Exited(reason) => Event::Exited {
            child,
            incarnation,
            reason,
        },
    }
}
