//! [`ChildRef`]: the handle to a child that stays valid over restarts.
//!
//! Owns: a shared cell with the one address of the incarnation that is up. There is no queue outside the mailbox.
//! Fails fast: a child that is down, stopping or revoked refuses at once, and the message comes back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::dev::channel::AddressSender;
use actix::prelude::SendError;
use actix::{Actor, Context, Handler, Message};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::life::Life;

/// A message that was not delivered, given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered<M> {
    /// No incarnation is up.
    Down(M),
    /// The mailbox is full.
    Full(M),
}

impl<M> Undelivered<M> {
    /// The message.
    pub fn into_inner(self) -> M {
        match self {
            Undelivered::Down(message) | Undelivered::Full(message) => message,
        }
    }
}

/// A question without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AskError {
    /// No incarnation is up; the question was not delivered.
    #[error("the actor is down")]
    Down,
    /// The mailbox is full; the question was not delivered.
    #[error("the actor's mailbox is full")]
    Full,
    /// No answer within the limit; whether the question was or will be handled is unknown.
    #[error("no answer within the limit")]
    Timeout,
    /// The actor died before it answered; whether the question was handled is unknown.
    #[error("the actor died before it answered")]
    Died,
}

/// What a child's handles did so far, over all incarnations.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    told: AtomicU64,
    asked: AtomicU64,
    refused_down: AtomicU64,
    refused_full: AtomicU64,
    timed_out: AtomicU64,
}

/// A reading of a child's mailbox counters, over all incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct MailboxCounters {
    /// Messages delivered without waiting for an answer.
    pub told: u64,
    /// Questions delivered.
    pub asked: u64,
    /// Refused because no incarnation was up.
    pub refused_down: u64,
    /// Refused because the mailbox was full.
    pub refused_full: u64,
    /// Questions without an answer within their limit.
    pub timed_out: u64,
}

impl Counters {
    pub(crate) fn read(&self) -> MailboxCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MailboxCounters {
            told: get(&self.told),
            asked: get(&self.asked),
            refused_down: get(&self.refused_down),
            refused_full: get(&self.refused_full),
            timed_out: get(&self.timed_out),
        }
    }

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn refused<M>(&self, error: SendError<M>) -> Undelivered<M> {
        match error {
            SendError::Full(message) => {
                Counters::count(&self.refused_full);
                Undelivered::Full(message)
            }
            SendError::Closed(message) => self.down(message),
        }
    }

    fn down<M>(&self, message: M) -> Undelivered<M> {
        Counters::count(&self.refused_down);
        Undelivered::Down(message)
    }
}

/// The incarnation that is up, and the one sender to its mailbox: each clone of a sender would widen the bound by one.
pub(crate) struct Live<A: Actor> {
    pub(crate) sender: AddressSender<A>,
    pub(crate) life: Arc<Life>,
}

/// What all handles of a child share.
pub(crate) struct Cell<A: Actor> {
    live: watch::Sender<Option<Live<A>>>,
    pub(crate) counters: Arc<Counters>,
}

impl<A: Actor> Cell<A> {
    pub(crate) fn empty() -> Cell<A> {
        Cell {
            live: watch::Sender::new(None),
            counters: Arc::default(),
        }
    }

    /// Makes an incarnation reachable, unless a newer one is: one that wakes from a hang must not push in.
    pub(crate) fn fill(&self, live: Live<A>) {
        let mut other = Some(live);
        self.live.send_if_modified(|slot| {
            let incarnation = |live: &Option<Live<A>>| live.as_ref().map(|live| live.life.incarnation);
            let newer = incarnation(&other) > incarnation(slot);
            if newer {
                std::mem::swap(slot, &mut other);
            }
            newer
        });
    }

    /// Empties the cell, unless a newer incarnation is in it already.
    pub(crate) fn vacate(&self, life: &Arc<Life>) {
        let mut old = None;
        self.live.send_if_modified(|live| {
            if live.as_ref().is_some_and(|live| Arc::ptr_eq(&live.life, life)) {
                old = live.take();
            }
            old.is_some()
        });
    }
}

/// A handle to a supervised actor. Cheap to clone, valid for ever: before launch, while the child is down, after restarts.
pub struct ChildRef<A: Actor> {
    cell: Arc<Cell<A>>,
}

impl<A: Actor> Clone for ChildRef<A> {
    fn clone(&self) -> ChildRef<A> {
        ChildRef {
            cell: Arc::clone(&self.cell),
        }
    }
}

impl<A: Actor> fmt::Debug for ChildRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actor = std::any::type_name::<A>();
        f.debug_struct("ChildRef")
            .field("actor", &actor)
            .finish_non_exhaustive()
    }
}

impl<A> ChildRef<A>
where
    A: Actor<Context = Context<A>>,
{
    pub(crate) fn new(cell: Arc<Cell<A>>) -> ChildRef<A> {
        ChildRef { cell }
    }

    /// Delivers without waiting.
    ///
    /// # Errors
    /// [`Undelivered`] gives the message back if no incarnation is up or its mailbox is full.
    pub fn try_tell<M>(&self, message: M) -> Result<(), Undelivered<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let counters = &self.cell.counters;
        match self.cell.live.borrow().as_ref().filter(|live| live.life.is_accepting()) {
            None => Err(counters.down(message)),
            Some(live) => {
                let sent = live.sender.try_send(message, true);
                sent.map(|()| Counters::count(&counters.told))
                    .map_err(|error| counters.refused(error))
            }
        }
    }

    /// Delivers and waits for the answer, `limit` at most. The mailbox bound holds for questions as well.
    ///
    /// # Errors
    /// See [`AskError`]; after `Timeout` and `Died` the outcome is unknown.
    pub async fn ask<M>(&self, message: M, limit: Duration) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let answer = self.deliver_question(message)?;
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer.map_err(|_| AskError::Died),
            Err(_) => {
                Counters::count(&self.cell.counters.timed_out);
                Err(AskError::Timeout)
            }
        }
    }

    /// Waits until an incarnation of at least this number is up, and says which.
    pub async fn wait_up(&self, min_incarnation: u64) -> u64 {
        let mut watching = self.cell.live.subscribe();
        let up = |live: &Live<A>| live.life.is_accepting() && live.life.incarnation >= min_incarnation;
        let found = watching.wait_for(|live| live.as_ref().is_some_and(up)).await;
        // The cell lives as long as this handle: the wait ends with a value only.
        found.map_or(0, |live| live.as_ref().map_or(0, |live| live.life.incarnation))
    }

    /// The incarnation that is up now.
    #[must_use]
    pub fn incarnation(&self) -> Option<u64> {
        let live = self.cell.live.borrow();
        let live = live.as_ref().filter(|live| live.life.is_accepting());
        live.map(|live| live.life.incarnation)
    }

    /// What the handles of this child did so far.
    #[must_use]
    pub fn counters(&self) -> MailboxCounters {
        self.cell.counters.read()
    }

    fn deliver_question<M>(&self, message: M) -> Result<tokio::sync::oneshot::Receiver<M::Result>, AskError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let counters = &self.cell.counters;
        // The cell is free again before a refused message is dropped: its drop may use this very handle.
        let sent = match self.cell.live.borrow().as_ref().filter(|live| live.life.is_accepting()) {
            None => Err(counters.down(message)),
            Some(live) => live.sender.send(message).map_err(|error| counters.refused(error)),
        };
        match sent {
            Ok(answer) => {
                Counters::count(&counters.asked);
                Ok(answer)
            }
            Err(Undelivered::Down(_)) => Err(AskError::Down),
            Err(Undelivered::Full(_)) => Err(AskError::Full),
        }
    }
}
