//! Hears one host that speaks MQTT: the actor around the [`mqtt`](crate::mqtt) feed.
//!
//! Owns: the connection to the broker, the feed and its checkpoint. Fails when: another incarnation has moved the
//! checkpoint. A broker that is away, refuses us or sends nonsense is a state, shown on the signal board.
//!
//! ```text
//! Waiting ─ pause is over ─> Connecting ─ accepted ─> Listening ─ lost ─> Waiting, longer each time
//!
//! broker ─ QoS 1 ─> Incoming ─ queue ─> Keeper ─ append ─> journal
//!    ^                                    │ COMMIT
//!    └────────── acknowledgement ─────────┘
//! ```
//!
//! Back-pressure: what is not committed is not acknowledged, and a broker sends only so much unacknowledged. The
//! session at the broker is kept, so that what is said while the station or the way to it is down comes later.

mod connection;
mod counts;
mod keeper;
mod tls;
mod voices;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use journal::{Journal, SignalBoard};
use kernel::{Backoff, ChildEnv, StartError};
use model::{Source, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc::{self, Sender};

use crate::config::MqttConfig;
use crate::state_machine::Refused;
use connection::{Happening, Incoming, Lost, Message, Outgoing};
use keeper::Keeper;
use voices::Voices;

/// The name of the signal that tells of the connection.
const CONNECTION: &str = "connection";
/// Messages between the connection and the keeper.
const QUEUE: usize = 256;
/// The pauses between attempts to reach a broker.
const BACKOFF: Backoff = Backoff {
    min: Duration::from_millis(500),
    max: Duration::from_secs(30),
    factor: 2,
    jitter_percent: 20,
    reset_after: Duration::from_secs(60),
};

/// Hears one host.
pub struct MqttFeedActor {
    env: ChildEnv,
    listener: Option<Listener>,
}

impl MqttFeedActor {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn new(
        env: ChildEnv,
        journal: &Journal,
        name: &str,
        source: &Source,
        config: &MqttConfig,
    ) -> Result<MqttFeedActor, StartError> {
        let teller = Source::new(&format!("repeater.mqtt.{name}"));
        let voices = Voices::new(config);
        let topics = voices.topics();
        let keeper = Keeper::resume(journal, &teller, source.clone(), voices);
        let listener = Listener {
            keeper: keeper.map_err(|error| StartError::Failed(error.to_string()))?,
            board: Board {
                signals: journal.signals().clone(),
                teller,
                link: Link {
                    broker: format!("{}:{}", config.host, config.port),
                    connected: false,
                    since: Timestamp::now(),
                    problem: None,
                },
            },
            topics,
            config: config.clone(),
        };
        Ok(MqttFeedActor {
            env,
            listener: Some(listener),
        })
    }
}

impl Actor for MqttFeedActor {
    type Context = Context<MqttFeedActor>;

    fn started(&mut self, ctx: &mut Context<MqttFeedActor>) {
        if let Some(listener) = self.listener.take() {
            let listening = listener.listen().into_actor(self).map(|refused, actor, ctx| {
                actor.env.fail(refused.to_string());
                ctx.stop();
            });
            ctx.spawn(listening);
        }
    }
}

kernel::answers_ping!(MqttFeedActor);

/// What goes from the connection to the keeper.
enum Heard {
    /// From here on nothing is missed.
    Listening,
    /// A message.
    Message(Message),
}

/// The connection at this moment, as a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Link {
    /// Where the broker is.
    broker: String,
    /// Whether it listens to us, and we to it.
    connected: bool,
    /// Since when that is so.
    since: Timestamp,
    /// Why not.
    problem: Option<String>,
}

/// Tells how the connection is.
struct Board {
    signals: SignalBoard,
    teller: Source,
    link: Link,
}

impl Board {
    fn tell(&mut self, connected: bool, problem: Option<String>) {
        let before = self.link.clone();
        let link = &mut self.link;
        if link.connected != connected {
            link.since = Timestamp::now();
        }
        (link.connected, link.problem) = (connected, problem);
        if *link == before {
            return;
        }
        match &link.problem {
            Some(problem) => tracing::warn!(broker = link.broker, %problem, "broker not reached"),
            None => tracing::info!(broker = link.broker, connected, "broker"),
        }
        self.show();
    }

    fn show(&self) {
        self.signals.show(&self.teller, CONNECTION, &self.link);
    }
}

/// The work of the actor: one connection after the other.
struct Listener {
    config: MqttConfig,
    topics: Vec<String>,
    keeper: Keeper,
    board: Board,
}

impl Listener {
    /// Listens until this incarnation is told that it is not wanted any more.
    async fn listen(mut self) -> Refused {
        self.board.show();
        if let Err(refused) = self.keeper.store().await {
            return refused;
        }
        let (mut failures, mut clean) = (0_u32, false);
        loop {
            let began = Instant::now();
            let lost = match self.connection(clean).await {
                Ok(lost) => lost,
                Err(refused) => return refused,
            };
            // A connection that is taken away at once, by another client of our name for instance, is a failure too.
            failures = if began.elapsed() >= BACKOFF.reset_after {
                1
            } else {
                failures.saturating_add(1)
            };
            clean = lost.unreadable;
            if clean {
                tracing::error!(
                    reason = lost.reason,
                    "the broker's session holds what cannot be read; it is given up"
                );
            }
            self.board.tell(false, Some(lost.reason));
            let noise = RandomState::new().hash_one(failures);
            tokio::time::sleep(BACKOFF.delay(failures, noise)).await;
        }
    }

    /// One connection, from its attempt to its end.
    async fn connection(&mut self, clean: bool) -> Result<Lost, Refused> {
        let (outgoing, incoming) = match self.open(clean).await {
            Ok(opened) => opened,
            Err(lost) => return Ok(lost),
        };
        if clean {
            return Ok(give_up_session(incoming).await);
        }
        let (queue, heard) = mpsc::channel(QUEUE);
        let Listener {
            keeper, board, topics, ..
        } = self;
        let mut keeping = Box::pin(keeper.follow(heard, &outgoing));
        let lost = tokio::select! {
            lost = receive(incoming, &outgoing, topics, board, queue) => lost,
            kept = &mut keeping => return kept.map(|()| Lost::new("nobody listens")),
        };
        // The queue's other end is gone: what is in it is kept, then that is the end.
        keeping.await?;
        Ok(lost)
    }

    async fn open(&self, clean: bool) -> Result<(Outgoing, Incoming), Lost> {
        let config = self.config.clone();
        let client_id = match config.client_id.as_str() {
            "" => self.keeper.client_id().to_owned(),
            chosen => chosen.to_owned(),
        };
        let opening = tokio::task::spawn_blocking(move || connection::open(&config, &client_id, clean));
        opening.await.map_err(Lost::new)?
    }
}

/// Connects only to have the broker forget: in MQTT 3.1.1 it would not keep anything for a connection that began so.
async fn give_up_session(mut incoming: Incoming) -> Lost {
    loop {
        match incoming.next().await {
            Ok(Happening::Connected) => return Lost::new("the session was given up"),
            Ok(Happening::Subscribed | Happening::Message(_) | Happening::Nothing) => {}
            Err(lost) => return lost,
        }
    }
}

/// Receives until the connection ends, and says why.
async fn receive(
    mut incoming: Incoming,
    outgoing: &Outgoing,
    topics: &[String],
    board: &mut Board,
    queue: Sender<Heard>,
) -> Lost {
    loop {
        let handed_on = match incoming.next().await {
            Err(lost) => return lost,
            Ok(Happening::Nothing) => Ok(()),
            Ok(Happening::Connected) => match outgoing.subscribe(topics) {
                Ok(()) => queue.send(Heard::Listening).await,
                Err(lost) => return lost,
            },
            Ok(Happening::Subscribed) => {
                board.tell(true, None);
                Ok(())
            }
            Ok(Happening::Message(message)) => queue.send(Heard::Message(message)).await,
        };
        if handed_on.is_err() {
            return Lost::new("nobody listens");
        }
    }
}
