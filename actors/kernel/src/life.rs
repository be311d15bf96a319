//! One incarnation of a child, as seen from all sides: its thread, its supervisor, the watchdog, its handles.
//!
//! Everything here is shared between threads and lock-free but for two notes that are written at most once.
//! An incarnation reports its exit exactly once, whoever notices first; what comes later is dropped.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock;
use crate::exit::ExitReason;
use crate::id::{ChildId, ChildPath};

/// News of an incarnation for its supervisor.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) child: usize,
    pub(crate) incarnation: u64,
    pub(crate) news: News,
}

#[derive(Debug)]
pub(crate) enum News {
    Started,
    Exited(ExitReason),
}

/// What the incarnation has been told. Orders only get stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Run,
    Stop,
    Kill,
}

const STOP: u8 = 1;
const KILL: u8 = 2;

/// What the watchdog sees of an incarnation at work. Stamps of the kernel's clock in microseconds, 0 = none.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Of the current poll: set while the child has the thread.
    since: AtomicU64,
    /// How long the piece of work at hand may take, in microseconds, 0 = nothing special.
    allowed_us: AtomicU64,
    /// Of the end of the newest such piece.
    excused: AtomicU64,
}

impl Pulse {
    pub(crate) fn enter(&self) {
        self.since.store(clock::monotonic_us(), Ordering::Release);
    }

    pub(crate) fn leave(&self) {
        self.since.store(0, Ordering::Release);
    }

    pub(crate) fn busy_for(&self) -> Option<Duration> {
        clock::since_us(self.since.load(Ordering::Acquire))
    }

    /// Runs a piece of the current poll that may take so long. Before and behind it the watchdog counts from zero.
    pub(crate) fn allow<T>(&self, limit: Duration, piece: impl FnOnce() -> T) -> T {
        self.allowed_us.store(clock::whole_us(limit), Ordering::Release);
        self.enter();
        let result = piece();
        self.enter();
        self.excused.store(clock::monotonic_us(), Ordering::Release);
        self.allowed_us.store(0, Ordering::Release);
        result
    }

    /// Whether the child holds its thread longer than `limit` and than it is allowed to.
    pub(crate) fn overstays(&self, limit: Duration) -> bool {
        // Read first: when it is taken back, the stamp has been renewed already.
        let allowed = self.allowed();
        self.busy_for().is_some_and(|busy| busy > limit.max(allowed))
    }

    /// How long a question that has waited so long has gone unanswered without an excuse.
    pub(crate) fn silent_for(&self, waited: Duration) -> Duration {
        if !self.allowed().is_zero() {
            return Duration::ZERO;
        }
        let excused = clock::since_us(self.excused.load(Ordering::Acquire));
        excused.map_or(waited, |excused| waited.min(excused))
    }

    fn allowed(&self) -> Duration {
        Duration::from_micros(self.allowed_us.load(Ordering::Acquire))
    }
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) path: ChildPath,
    pub(crate) incarnation: u64,
    pub(crate) pulse: Pulse,
    id: ChildId,
    child: usize,
    order: AtomicU8,
    waker: AtomicWaker,
    revoked: AtomicBool,
    up: AtomicBool,
    ended: AtomicBool,
    failure: Mutex<Option<String>>,
    verdict: Mutex<Option<ExitReason>>,
    /// Unbounded in type only: an incarnation sends at most two reports.
    reports: UnboundedSender<Report>,
}

impl Life {
    pub(crate) fn new(
        path: ChildPath,
        id: ChildId,
        (child, incarnation): (usize, u64),
        reports: UnboundedSender<Report>,
    ) -> Life {
        Life {
            path,
            incarnation,
            pulse: Pulse::default(),
            id,
            child,
            order: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            revoked: AtomicBool::new(false),
            up: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            failure: Mutex::new(None),
            verdict: Mutex::new(None),
            reports,
        }
    }

    pub(crate) fn id(&self) -> &ChildId {
        &self.id
    }

    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Run,
            STOP => Order::Stop,
            _ => Order::Kill,
        }
    }

    /// Asks for a polite end. From now on handles refuse.
    pub(crate) fn stop(&self) {
        self.command(STOP);
    }

    /// Has the actor dropped at its next poll, without its hooks.
    pub(crate) fn kill(&self) {
        self.command(KILL);
    }

    /// Kills, and says beforehand why.
    pub(crate) fn condemn(&self, reason: ExitReason) {
        self.note_verdict(reason);
        self.kill();
    }

    /// Asks a supervisor to give up.
    pub(crate) fn collapse(&self, reason: ExitReason) {
        self.note_verdict(reason);
        self.stop();
    }

    /// Fences an incarnation on a lost thread: whatever it still does no longer counts.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.kill();
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Whether messages may still be given to it.
    pub(crate) fn is_accepting(&self) -> bool {
        self.order.load(Ordering::Acquire) == 0
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn fail(&self, reason: String) {
        self.failure.lock().get_or_insert(reason);
    }

    pub(crate) fn take_failure(&self) -> Option<String> {
        self.failure.lock().take()
    }

    pub(crate) fn take_verdict(&self) -> Option<ExitReason> {
        self.verdict.lock().take()
    }

    pub(crate) fn report_started(&self) {
        self.up.store(true, Ordering::Release);
        self.report(News::Started);
    }

    /// Only the first exit of an incarnation is heard.
    pub(crate) fn report_exit(&self, reason: ExitReason) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            #[cfg(feature = "chaos")]
            crate::chaos::note_end(self, &reason);
            self.report(News::Exited(reason));
        }
    }

    /// Registers the task to be woken by the next order. Register first, then read the order.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Resolves once the order is at least to stop.
    pub(crate) async fn told_to_stop(&self) {
        poll_fn(|cx| {
            self.register(cx);
            if self.order() > Order::Run {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn command(&self, order: u8) {
        self.order.fetch_max(order, Ordering::AcqRel);
        self.waker.wake();
    }

    fn note_verdict(&self, reason: ExitReason) {
        self.verdict.lock().get_or_insert(reason);
    }

    fn report(&self, news: News) {
        let report = Report {
            child: self.child,
            incarnation: self.incarnation,
            news,
        };
        if self.reports.send(report).is_err() {
            tracing::debug!(child = %self.path, "report after the end of the supervisor");
        }
    }
}

/// Held by the child's task: when the thread drops the task instead of finishing it, this says so.
#[derive(Debug)]
pub(crate) struct Obituary {
    pub(crate) life: Arc<Life>,
    pub(crate) loss: Arc<Loss>,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if !self.life.has_ended() {
            self.life.report_exit(self.loss.reason_for(self.life.id()));
        }
    }
}

/// The end of a thread under its children: it counts for the first that reports it, for the others it is collateral.
#[derive(Debug, Default)]
pub(crate) struct Loss(Mutex<Option<ChildId>>);

impl Loss {
    fn reason_for(&self, id: &ChildId) -> ExitReason {
        let mut first = self.0.lock();
        match first.as_ref() {
            Some(first) => ExitReason::Collateral(first.clone()),
            None => {
                *first = Some(id.clone());
                ExitReason::ArbiterLost
            }
        }
    }
}
