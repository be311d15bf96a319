//! One incarnation on its thread: we own the actor's future and poll it ourselves.
//!
//! That is what makes a restart possible at all: actix loses a panicking actor. Each poll is stamped for the watchdog
//! and contained; orders are read between polls. After a panic the hooks do not run: the state is broken, and a
//! second panic during the first would abort the process.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use actix::dev::ContextFut;
use actix::dev::channel::{AddressReceiver, channel};
use actix::{Actor, ActorContext, Context, Handler};
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;

use super::panics::contained;
#[cfg(feature = "chaos")]
use crate::chaos::Fate;
use crate::exit::{ExitReason, brief};
use crate::handle::{Cell, Counters, Live};
use crate::life::{Life, Loss, Obituary, Order};
use crate::ping::Ping;
use crate::spec::{ChildEnv, StartError};

type Factory<A> = Arc<dyn Fn(ChildEnv) -> Result<A, StartError> + Send + Sync>;

/// Asks an incarnation for a sign of life; `None`: it is gone.
pub(crate) type Pinger = Box<dyn Fn() -> Option<oneshot::Receiver<()>>>;

/// The typed part of a child, behind a trait: begins an incarnation on a thread.
pub(crate) trait Body: Send {
    fn counters(&self) -> Arc<Counters>;
    fn begin(&self, life: Arc<Life>, loss: Arc<Loss>, thread: &ArbiterHandle, mailbox: NonZeroUsize) -> Pinger;
}

pub(crate) struct ActorBody<A: Actor> {
    pub(crate) make: Factory<A>,
    pub(crate) cell: Arc<Cell<A>>,
}

impl<A> Body for ActorBody<A>
where
    A: Actor<Context = Context<A>> + Handler<Ping>,
{
    fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.cell.counters)
    }

    fn begin(&self, life: Arc<Life>, loss: Arc<Loss>, thread: &ArbiterHandle, mailbox: NonZeroUsize) -> Pinger {
        let (sender, receiver) = channel::<A>(mailbox.get());
        // Each clone of a sender has one guaranteed place: a question of the watchdog's always fits.
        let to_ask = sender.clone();
        let obituary = Obituary {
            life: Arc::clone(&life),
            loss,
        };
        let incarnation = Incarnation {
            make: Arc::clone(&self.make),
            cell: Arc::clone(&self.cell),
            live: Some(Live { sender, life }),
            obituary,
        };
        // On a dead thread the closure is dropped, and the obituary says so.
        thread.spawn_fn(move || begin_here(incarnation, receiver));
        Box::new(move || to_ask.clone().send(Ping).ok())
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where children's tasks begin; the obituary watches them"
)]
fn begin_here<A: Actor<Context = Context<A>>>(incarnation: Incarnation<A>, receiver: AddressReceiver<A>) {
    drop(tokio::task::spawn_local(incarnation.run(receiver)));
}

struct Incarnation<A: Actor> {
    make: Factory<A>,
    cell: Arc<Cell<A>>,
    /// Moves into the cell once the actor is up.
    live: Option<Live<A>>,
    obituary: Obituary,
}

/// Also when the thread drops the task; the obituary's own drop comes after this one.
impl<A: Actor> Drop for Incarnation<A> {
    fn drop(&mut self) {
        self.cell.vacate(&self.obituary.life);
    }
}

impl<A> Incarnation<A>
where
    A: Actor<Context = Context<A>>,
{
    async fn run(mut self, receiver: AddressReceiver<A>) {
        let life = Arc::clone(&self.obituary.life);
        let reason = match self.make_actor(&life) {
            Ok(actor) => {
                let mut body = Embodied::new(actor, receiver, &life);
                let end = poll_fn(|cx| self.poll(&life, &mut body, cx)).await;
                self.cell.vacate(&life);
                body.bury(end)
            }
            Err(reason) => reason,
        };
        life.report_exit(reason);
    }

    fn make_actor(&self, life: &Arc<Life>) -> Result<A, ExitReason> {
        match life.order() {
            Order::Run => {}
            Order::Stop => return Err(ExitReason::Shutdown),
            Order::Kill => return Err(life.take_verdict().unwrap_or(ExitReason::Killed)),
        }
        let env = ChildEnv::new(Arc::clone(life));
        match stamped(life, || (self.make)(env))? {
            Ok(actor) => Ok(actor),
            Err(StartError::Failed(why)) => Err(ExitReason::StartFailed(brief(why))),
            Err(StartError::Disabled(why)) => Err(ExitReason::Disabled(brief(why))),
        }
    }

    fn poll(&mut self, life: &Arc<Life>, body: &mut Embodied<A>, cx: &mut TaskContext<'_>) -> Poll<End> {
        life.register(cx);
        let Some(future) = body.future.as_mut() else {
            return Poll::Ready(End::Stopped);
        };
        match life.order() {
            Order::Run => {}
            // Asked once: an actor that answers `Continue` has work to finish, and stops by itself or is killed.
            Order::Stop if body.asked_to_stop => {}
            Order::Stop => {
                body.asked_to_stop = true;
                future.ctx().stop();
            }
            Order::Kill => return Poll::Ready(End::Killed),
        }
        let poll = || {
            #[cfg(feature = "chaos")]
            Fate::meet(&mut body.fate, life, future.ctx(), cx);
            future.as_mut().poll(cx)
        };
        match stamped(life, poll) {
            Err(panic) => Poll::Ready(End::Panicked(panic)),
            Ok(Poll::Ready(())) => Poll::Ready(End::Stopped),
            Ok(Poll::Pending) => {
                self.announce(life);
                Poll::Pending
            }
        }
    }

    /// After the first poll `started` has run: the actor may be reached.
    fn announce(&mut self, life: &Arc<Life>) {
        if let Some(live) = self.live.take().filter(|_| !life.is_revoked()) {
            self.cell.fill(live);
            life.report_started();
        }
    }
}

/// How the actor's future came to its end.
enum End {
    Stopped,
    Killed,
    Panicked(ExitReason),
}

type ActorFuture<A> = Pin<Box<ContextFut<A, Context<A>>>>;

/// The actor and its context. However it is dropped, its hooks and its own drop run contained and stamped.
struct Embodied<A: Actor<Context = Context<A>>> {
    future: Option<ActorFuture<A>>,
    life: Arc<Life>,
    asked_to_stop: bool,
    #[cfg(feature = "chaos")]
    fate: Option<Fate>,
}

impl<A: Actor<Context = Context<A>>> Embodied<A> {
    fn new(actor: A, receiver: AddressReceiver<A>, life: &Arc<Life>) -> Embodied<A> {
        Embodied {
            future: Some(Box::pin(Context::with_receiver(receiver).into_future(actor))),
            life: Arc::clone(life),
            asked_to_stop: false,
            #[cfg(feature = "chaos")]
            fate: Fate::of(life),
        }
    }

    /// Drops the actor, and tells why it ended. Neither a broken state nor a second panic does harm here.
    fn bury(mut self, end: End) -> ExitReason {
        if let (Some(future), End::Killed | End::Panicked(_)) = (self.future.as_mut(), &end) {
            future.ctx().terminate();
        }
        let dropped = self.release();
        match (end, dropped) {
            (End::Panicked(reason), _) | (End::Stopped, Err(reason)) => reason,
            (End::Killed, _) => self.life.take_verdict().unwrap_or(ExitReason::Killed),
            (End::Stopped, Ok(())) => match self.life.take_failure() {
                Some(why) => ExitReason::Failed(why),
                None if self.life.order() > Order::Run => ExitReason::Shutdown,
                None => ExitReason::Normal,
            },
        }
    }

    fn release(&mut self) -> Result<(), ExitReason> {
        let future = self.future.take();
        stamped(&self.life, move || drop(future))
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Embodied<A> {
    fn drop(&mut self) {
        if let Err(reason) = self.release() {
            tracing::warn!(child = %self.life.path, %reason, "panicked while its thread ended");
        }
    }
}

/// Runs a piece of a child under the watchdog's eyes.
fn stamped<T>(life: &Life, piece: impl FnOnce() -> T) -> Result<T, ExitReason> {
    life.pulse.enter();
    let result = contained(piece);
    life.pulse.leave();
    result
}
