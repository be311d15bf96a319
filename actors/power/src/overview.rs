//! All devices together: the actor around the [`system`](crate::system).
//!
//! Owns: the signal `power` / `system`, the energy of the day, what is known of the sun. Reads the devices from the signal board
//! once a second and asks nobody anything. Fails when: another incarnation has moved the checkpoint.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use journal::{Fenced, Journal, Ledger, SignalBoard};
use kernel::{ChildEnv, StartError};
use model::power::{PowerEvent, PowerSystem};
use model::{NewEvent, Source, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::SYSTEM;
use crate::config::PowerConfig;
use crate::query;
use crate::system::{Memory, Overview, is_news, rounded};
use crate::watch::Moment;

/// How often the devices are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the memory is stored if nothing happens, so that little energy is lost with us.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);

/// Puts the devices together.
pub struct SystemActor {
    env: ChildEnv,
    keeper: Option<Keeper>,
}

struct Keeper {
    overview: Overview,
    signals: SignalBoard,
    source: Source,
    ledger: Ledger,
    stored: Option<Instant>,
    shown: Option<PowerSystem>,
}

impl SystemActor {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn new(env: ChildEnv, journal: &Journal, config: &PowerConfig) -> Result<SystemActor, StartError> {
        let source = Source::new(&format!("power.{SYSTEM}"));
        let opened = Ledger::open(journal, source.as_str()).map_err(|error| StartError::Failed(error.to_string()));
        let (ledger, kept) = opened?;
        let memory: Option<Memory> = kept.and_then(|kept| {
            let read = serde_json::from_str(&kept);
            read.inspect_err(|error| tracing::warn!(%source, %error, "the memory of another release is given up"))
                .ok()
        });
        let keeper = Keeper {
            overview: Overview::new(config, memory.unwrap_or_default()),
            signals: journal.signals().clone(),
            source,
            ledger,
            stored: None,
            shown: None,
        };
        Ok(SystemActor {
            env,
            keeper: Some(keeper),
        })
    }
}

impl Actor for SystemActor {
    type Context = Context<SystemActor>;

    fn started(&mut self, ctx: &mut Context<SystemActor>) {
        if let Some(keeper) = self.keeper.take() {
            let running = keeper.run().into_actor(self).map(|fenced, actor, ctx| {
                actor.env.fail(fenced.to_string());
                ctx.stop();
            });
            ctx.spawn(running);
        }
    }
}

kernel::answers_ping!(SystemActor);

impl Keeper {
    /// Looks until this incarnation is told that it is not wanted any more.
    async fn run(mut self) -> Fenced {
        let mut turns = interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let now = Moment {
                at: Timestamp::now(),
                steady: Instant::now(),
            };
            let (system, events) = self.overview.step(now, &query::running(&self.signals));
            self.show(rounded(system));
            if let Err(fenced) = self.store(now, &events).await {
                return fenced;
            }
        }
    }

    fn show(&mut self, system: PowerSystem) {
        if self.shown.as_ref().is_none_or(|shown| is_news(shown, &system)) {
            self.signals.show(&Source::new("power"), SYSTEM, &system);
            self.shown = Some(system);
        }
    }

    async fn store(&mut self, now: Moment, events: &[PowerEvent]) -> Result<(), Fenced> {
        let is_fresh = self.stored.is_some_and(|stored| stored.elapsed() < REMEMBER_EVERY);
        if events.is_empty() && is_fresh {
            return Ok(());
        }
        let written = events.iter().map(|event| NewEvent::new(now.at, &self.source, event));
        let written: Result<Vec<NewEvent>, _> = written.collect();
        let (Ok(events), Ok(memory)) = (written, serde_json::to_string(self.overview.memory())) else {
            tracing::error!(source = %self.source, "memory not written");
            return Ok(());
        };
        self.stored = Some(Instant::now());
        self.ledger.store(events, memory).await
    }
}
