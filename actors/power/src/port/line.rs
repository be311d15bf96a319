//! A line: one port, and the devices that take turns on it.
//!
//! Several devices may hang on one line (RS-485), each with an address of its own. One of them speaks at a time, in the order
//! in which they came; whoever carries out an order comes before all who only poll. A turn that ends in any way, with the
//! actor that had it too, leaves the line to the next.
//!
//! Owns: the port, what came over it and was not read, and what was asked and not answered.

use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use super::{Address, Port};

/// An answer does not come later than this after its question.
const LATEST: Duration = Duration::from_secs(5);
/// Questions in vain, whoever put them, after which the port is opened anew: an adapter may hang, and behind the same name
/// there may be another device by now.
const SILENT_AFTER: u32 = 3;

/// Who wants to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Somebody waits for it.
    Order,
    /// The schedule's turn.
    Poll,
}

/// One port and its devices.
#[derive(Debug)]
pub(crate) struct Line {
    wire: Arc<Mutex<Wire>>,
    /// Held while a poll waits: of all polls only the first stands in the queue of the wire.
    polls: Mutex<()>,
    /// Orders that wait or are carried out.
    orders: AtomicUsize,
    users: AtomicUsize,
}

/// What a turn is taken on.
#[derive(Debug)]
pub(crate) struct Wire {
    address: Address,
    pub(crate) baud: u32,
    port: Option<Port>,
    /// When the port could last not be opened, and why.
    failed: Option<(Instant, ErrorKind, String)>,
    /// What came and was not read yet.
    pub(crate) bytes: Vec<u8>,
    /// The newest frame, good or not.
    pub(crate) frame: Vec<u8>,
    /// Whether a whole frame was seen: before that, a device that talks by itself is met in the middle of a word.
    pub(crate) in_step: bool,
    /// Questions whose answers may still come.
    owed: Vec<Owed>,
    /// Questions in vain since anybody was heard.
    vain: u32,
}

#[derive(Debug)]
struct Owed {
    asked: Instant,
    question: Box<[u8]>,
}

impl Line {
    pub(crate) fn new(address: Address, baud: u32) -> Line {
        Line {
            wire: Arc::new(Mutex::new(Wire {
                address,
                baud,
                port: None,
                failed: None,
                bytes: Vec::new(),
                frame: Vec::new(),
                in_step: false,
                owed: Vec::new(),
                vain: 0,
            })),
            polls: Mutex::new(()),
            orders: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
        }
    }

    /// One more device belongs to the line.
    pub(crate) fn join(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a device has it for itself.
    pub(crate) fn is_shared(&self) -> bool {
        self.users.load(Ordering::Relaxed) > 1
    }

    /// Opens the port unless it is open.
    pub(crate) async fn open(&self) -> io::Result<()> {
        let mut turn = self.turn(Rank::Poll).await;
        turn.open().await.map(drop)
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self, rank: Rank) -> Turn<'_> {
        let since = Instant::now();
        let order = (rank == Rank::Order).then(|| Order::new(&self.orders));
        let poll = match rank {
            Rank::Order => None,
            Rank::Poll => Some(self.polls.lock().await),
        };
        loop {
            let wire = Arc::clone(&self.wire).lock_owned().await;
            if order.is_some() || self.orders.load(Ordering::Relaxed) == 0 {
                return Turn {
                    wire,
                    since,
                    _order: order,
                    _poll: poll,
                };
            }
            // An order came while this poll stood in the queue: it queues again, behind the order.
            drop(wire);
            tokio::task::yield_now().await;
        }
    }
}

/// Counts an order for as long as it lasts.
#[derive(Debug)]
struct Order<'a>(&'a AtomicUsize);

impl Order<'_> {
    fn new(orders: &AtomicUsize) -> Order<'_> {
        orders.fetch_add(1, Ordering::Relaxed);
        Order(orders)
    }
}

impl Drop for Order<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The line is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    wire: OwnedMutexGuard<Wire>,
    /// When it was asked for.
    since: Instant,
    _order: Option<Order<'a>>,
    _poll: Option<MutexGuard<'a, ()>>,
}

impl Turn<'_> {
    /// The port, opened if need be. An attempt that failed while this turn was waited for was ours as well.
    pub(crate) async fn open(&mut self) -> io::Result<&mut Port> {
        let since = self.since;
        let wire = &mut *self.wire;
        if wire.port.is_none() {
            let failed = wire.failed.as_ref().filter(|(at, ..)| *at >= since);
            if let Some((_, kind, reason)) = failed {
                return Err(io::Error::new(*kind, reason.clone()));
            }
            match Port::open(&wire.address, wire.baud).await {
                Ok(port) => wire.port = Some(port),
                Err(error) => {
                    wire.failed = Some((Instant::now(), error.kind(), error.to_string()));
                    return Err(error);
                }
            }
        }
        wire.port()
    }
}

impl Deref for Turn<'_> {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

impl Wire {
    pub(crate) fn port(&mut self) -> io::Result<&mut Port> {
        let closed = || io::Error::new(ErrorKind::NotConnected, "the port is closed");
        self.port.as_mut().ok_or_else(closed)
    }

    /// The port broke, or has to be opened anew.
    pub(crate) fn close(&mut self) {
        (self.port, self.in_step, self.vain) = (None, false, 0);
        self.bytes.clear();
    }

    /// A question goes out.
    pub(crate) fn asking(&mut self, question: &[u8]) {
        self.owed.retain(|owed| owed.asked.elapsed() < LATEST);
        self.owed.push(Owed {
            asked: Instant::now(),
            question: question.into(),
        });
    }

    /// An answer came. Devices answer in the order in which they are asked: it may be that to the oldest question.
    pub(crate) fn answered(&mut self) {
        self.vain = 0;
        if !self.owed.is_empty() {
            self.owed.remove(0);
        }
    }

    /// No answer is to be expected any more.
    pub(crate) fn owe_nothing(&mut self) {
        self.owed.clear();
    }

    /// Nothing came back for it.
    pub(crate) fn in_vain(&mut self) {
        self.vain = self.vain.saturating_add(1);
        if self.vain >= SILENT_AFTER {
            self.close();
        }
    }

    /// Answers to other questions that may still come.
    pub(crate) fn owed(&mut self, question: &[u8]) -> usize {
        self.owed.retain(|owed| owed.asked.elapsed() < LATEST);
        let other = self.owed.iter().any(|owed| *owed.question != *question);
        if other { self.owed.len() } else { 0 }
    }

    /// When no answer is to be expected any more.
    pub(crate) fn settled(&self) -> Option<Instant> {
        self.owed.last().map(|owed| owed.asked + LATEST)
    }
}
