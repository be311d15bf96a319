//! Asking a device something between two polls, and the handle with which the rest of the station does.
//!
//! A setting goes out once at most: whoever is not answered does not know what became of it, and sending it again could do
//! it twice. A question is put up to three times, as a poll is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Handler, Message, ResponseFuture};
use kernel::ChildRef;
use model::power::Measured;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::DeviceActor;
use super::exchange::Failure;
use crate::config::DeviceConfig;
use crate::protocol::Protocol;

/// How long an order may wait for its turn. Later than this nobody would expect it to be carried out.
const TURN_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer may take, the turn and all tries included; the slowest line takes nine seconds for three tries.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Orders that wait for one device; further ones are turned away.
pub(super) const MOST_ORDERS: usize = 16;

/// What an answer says: names and values in the order of the wire. A setting is answered by its acknowledgement.
pub type Said = Vec<(String, Measured)>;

/// Asks a device something between two polls: orders go first.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Said, AskError>")]
pub struct Ask {
    /// The whole command, as `QPIRI` or `PBFT54.0`.
    pub code: String,
    /// Nothing is sent later than this.
    pub not_after: Instant,
}

/// Makes everything due that is polled, settings included.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Said, AskError>")]
pub struct Refresh;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// The device is not to be reached, or its turn did not come; nothing was sent.
    #[error("not asked: {0}")]
    Away(String),
    /// The device has no such command, or the command does not take this argument; nothing was sent.
    #[error("{0}")]
    Unknown(String),
    /// The device says no.
    #[error("{0}")]
    Refused(String),
    /// Nothing came back. What became of a setting is not known.
    #[error("no answer")]
    Silent,
    /// What came back cannot be believed, or the line broke. What became of a setting is not known.
    #[error("no answer that can be believed: {0}")]
    Damaged(String),
}

impl From<Failure> for AskError {
    fn from(failure: Failure) -> AskError {
        match failure {
            Failure::Away(error) => AskError::Away(error.to_string()),
            Failure::Lost(error) => AskError::Damaged(error.to_string()),
            Failure::Refused(error) => AskError::Refused(error.to_string()),
            Failure::Silent => AskError::Silent,
            Failure::Damaged(error) => AskError::Damaged(error.to_string()),
        }
    }
}

/// What the actor hands to the work.
#[derive(Debug)]
pub(super) enum Wish {
    Ask { code: String, not_after: Instant },
    Refresh,
}

/// A wish, and who waits for what comes of it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) wish: Wish,
    reply: oneshot::Sender<Result<Said, AskError>>,
}

impl Order {
    pub(super) fn answer(self, answer: Result<Said, AskError>) {
        if self.reply.send(answer).is_err() {
            tracing::debug!("nobody waits for the answer any more");
        }
    }

    /// Whether nobody waits any more.
    pub(super) fn is_moot(&self) -> bool {
        self.reply.is_closed()
    }
}

fn place(orders: &mpsc::Sender<Order>, wish: Wish) -> ResponseFuture<Result<Said, AskError>> {
    let (reply, answered) = oneshot::channel();
    let placed = orders.try_send(Order { wish, reply });
    Box::pin(async move {
        if placed.is_err() {
            return Err(AskError::Away("too many orders wait for it".to_owned()));
        }
        let ended = || AskError::Damaged("the device's actor ended".to_owned());
        answered.await.unwrap_or_else(|_| Err(ended()))
    })
}

impl Handler<Ask> for DeviceActor {
    type Result = ResponseFuture<Result<Said, AskError>>;

    fn handle(&mut self, Ask { code, not_after }: Ask, _: &mut Self::Context) -> Self::Result {
        place(&self.orders, Wish::Ask { code, not_after })
    }
}

impl Handler<Refresh> for DeviceActor {
    type Result = ResponseFuture<Result<Said, AskError>>;

    fn handle(&mut self, Refresh: Refresh, _: &mut Self::Context) -> Self::Result {
        place(&self.orders, Wish::Refresh)
    }
}

/// One device of the station.
pub(crate) struct Member {
    pub(crate) config: DeviceConfig,
    /// None: the start of the actor says what is wrong with it.
    pub(crate) protocol: Option<Arc<Protocol>>,
    pub(crate) actor: ChildRef<DeviceActor>,
}

/// The handle to all devices. Clones are handles to the same; they outlive every restart.
#[derive(Clone, Default)]
pub struct Power(Arc<BTreeMap<String, Member>>);

impl fmt::Debug for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Power {
    pub(crate) fn new(members: BTreeMap<String, Member>) -> Power {
        Power(Arc::new(members))
    }

    /// The names of the devices, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// How a device is configured, and what it speaks.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<(&DeviceConfig, Arc<Protocol>)> {
        let member = self.0.get(name)?;
        Some((&member.config, Arc::clone(member.protocol.as_ref()?)))
    }

    /// Has a command carried out, and waits for the answer.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(&self, device: &str, code: &str) -> Result<Said, AskError> {
        let ask = Ask {
            code: code.to_owned(),
            not_after: Instant::now() + TURN_LIMIT,
        };
        self.send(device, ask).await
    }

    /// Has everything asked again now that is polled.
    ///
    /// # Errors
    /// When the device is not to be reached.
    pub async fn refresh(&self, device: &str) -> Result<(), AskError> {
        self.send(device, Refresh).await.map(drop)
    }

    async fn send<M>(&self, device: &str, message: M) -> Result<Said, AskError>
    where
        DeviceActor: Handler<M>,
        M: Message<Result = Result<Said, AskError>> + Send + 'static,
    {
        let Some(member) = self.0.get(device) else {
            return Err(AskError::Away(format!("there is no device {device:?}")));
        };
        let answer = member.actor.ask(message, ANSWER_LIMIT).await;
        answer.unwrap_or_else(|error| {
            Err(match error {
                kernel::AskError::Down | kernel::AskError::Full => AskError::Away(error.to_string()),
                kernel::AskError::Timeout => AskError::Silent,
                kernel::AskError::Died => AskError::Damaged(error.to_string()),
            })
        })
    }
}
