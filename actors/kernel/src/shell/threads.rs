//! The threads that children live on: shared ones by name, own ones for an incarnation.
//!
//! A blocked thread cannot be stopped. It is abandoned: taken off the list, told to end should it ever wake, and
//! counted for as long as it does not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};

use super::realtime;
use crate::exit::ExitReason;
use crate::id::ChildId;
use crate::life::{Life, Loss};
use crate::policy::Placement;

/// A thread with an event loop, and the incarnations that live on it.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) name: String,
    pub(super) handle: ArbiterHandle,
    pub(super) loss: Arc<Loss>,
    /// Why it does not run as its placement asks.
    pub(super) degraded: Option<String>,
    /// For the scheduler, if it has a realtime priority.
    realtime: Option<realtime::ThreadId>,
    shared: bool,
    residents: RefCell<Vec<Arc<Life>>>,
}

impl Thread {
    fn begin(name: String, priority: Option<u8>, shared: bool) -> io::Result<Thread> {
        let (told, answer) = mpsc::channel();
        let label = name.clone();
        // The closure runs on the new thread, before its event loop.
        let arbiter = Arbiter::try_with_tokio_rt(move || {
            realtime::name_thread(&label);
            let raised = priority.map(realtime::raise_to_fifo).transpose();
            told.send(raised).map_err(io::Error::other)?;
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        })?;
        let (realtime, refused) = match answer.recv().map_err(io::Error::other)? {
            Ok(realtime) => (realtime, None),
            Err(error) => (None, Some(format!("no realtime priority: {error}"))),
        };
        Ok(Thread {
            name,
            handle: arbiter.handle(),
            loss: Arc::default(),
            degraded: refused,
            realtime,
            shared,
            residents: RefCell::default(),
        })
    }

    pub(super) fn settle(&self, life: &Arc<Life>) {
        let mut residents = self.residents.borrow_mut();
        residents.retain(|resident| !resident.has_ended());
        residents.push(Arc::clone(life));
    }

    /// Who keeps the thread busy, and for how long.
    pub(super) fn culprit(&self) -> Option<(Arc<Life>, Duration)> {
        let residents = self.residents.borrow();
        let busy = residents
            .iter()
            .filter_map(|life| Some((Arc::clone(life), life.pulse.busy_for()?)));
        busy.max_by_key(|(_, busy)| *busy)
    }

    /// Fences everybody on it and lets their supervisors know. Answers false if that was done before.
    fn condemn(&self, suspect: &ChildId) -> bool {
        if self.residents.borrow().is_empty() {
            return false;
        }
        let culprit = self.culprit();
        let name = culprit.as_ref().map_or(suspect, |(life, _)| life.id()).clone();
        for life in self.residents.take() {
            life.revoke();
            life.report_exit(match &culprit {
                Some((guilty, busy)) if Arc::ptr_eq(guilty, &life) => ExitReason::Hung { busy: *busy },
                _ => life
                    .take_verdict()
                    .unwrap_or_else(|| ExitReason::Collateral(name.clone())),
            });
        }
        if let Some(thread) = self.realtime {
            realtime::lower(thread);
        }
        self.handle.stop()
    }
}

/// All threads of a supervision.
#[derive(Debug, Default)]
pub(super) struct Threads {
    shared: HashMap<String, Rc<Thread>>,
    abandoned: Vec<ArbiterHandle>,
}

impl Threads {
    /// A thread for an incarnation of `id`.
    pub(super) fn place(&mut self, placement: &Placement, id: &ChildId) -> io::Result<Rc<Thread>> {
        let Placement::Shared(name) = placement else {
            let priority = match placement {
                Placement::Realtime { priority } => Some(*priority),
                Placement::Shared(_) | Placement::Dedicated => None,
            };
            return Thread::begin(id.to_string(), priority, false).map(Rc::new);
        };
        if let Some(thread) = self.shared.get(name).filter(|thread| thread.handle.alive()) {
            return Ok(Rc::clone(thread));
        }
        let thread = Rc::new(Thread::begin(name.clone(), None, true)?);
        self.shared.insert(name.clone(), Rc::clone(&thread));
        Ok(thread)
    }

    /// The incarnation is gone: a thread of its own ends with it, and with the thread whatever it left behind.
    pub(super) fn release(thread: &Thread) {
        if !thread.shared {
            thread.handle.stop();
        }
    }

    /// Gives a stuck thread up. `suspect` is to blame if nobody is found busy.
    pub(super) fn abandon(&mut self, thread: &Rc<Thread>, suspect: &ChildId) {
        self.shared.retain(|_, other| !Rc::ptr_eq(other, thread));
        if thread.condemn(suspect) {
            self.abandoned.push(thread.handle.clone());
        }
    }

    /// Abandoned threads that have not ended yet.
    pub(super) fn count_abandoned(&mut self) -> usize {
        self.abandoned.retain(ArbiterHandle::alive);
        self.abandoned.len()
    }

    pub(super) fn stop_all(&mut self) {
        for (_, thread) in self.shared.drain() {
            thread.handle.stop();
        }
    }
}
