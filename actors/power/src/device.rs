//! One device on one port: the actor around the [`watch`](crate::watch).
//!
//! Owns: the port, the schedule, the device's checkpoint. Fails when: another incarnation has moved the checkpoint. A device
//! that is away, silent or talks nonsense is a state, shown on the signal board and told in the journal.
//!
//! ```text
//! open ─▶ next command is due ─▶ ask, up to four tries ──▶ watch ─▶ facts + memory ─▶ journal
//!   ▲             ▲                     │ port broke          │ three in vain
//!   └── pause ────┼─────────────────────┴─────────────────────┘
//!                 └──────────────── readings ─▶ signal board
//! ```

mod ask;
mod direct;
mod exchange;
mod talk;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use journal::{Fenced, Journal, Ledger, SignalBoard};
use kernel::{Backoff, ChildEnv, StartError};
use model::power::{PowerEvent, PowerReading};
use model::{NewEvent, Source, Timestamp};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::config::DeviceConfig;
use crate::port::Line;
use crate::protocol::{Family, Protocol};
use crate::watch::{Happening, Memory, Moment, Taken, Watch};
use ask::{MOST_ORDERS, Order};

pub(crate) use ask::Member;
pub use ask::{Ask, AskError, Power, Refresh, Said};
pub use direct::{Direct, Heard};

/// The name of the signal that tells how the device is.
pub(crate) const STATUS: &str = "status";
/// The name of the signal that holds its newest readings.
pub(crate) const READINGS: &str = "readings";
/// The name of the signal that holds its settings.
pub(crate) const SETTINGS: &str = "settings";
/// How often the memory is stored if nothing happens, so that little energy is lost with us.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);
/// Least pause between two questions for what seldom changes: the mode, the warnings.
const WATCH_S: f64 = 10.0;
/// How often the counts of the line are shown if nothing else changes.
const SHOW_EVERY: Duration = Duration::from_secs(5);
/// Most readings that are shown of one device, which may make up names.
const MOST_READINGS: usize = 512;
/// The pauses between attempts to open a port. Short: a device that is plugged in again is back at once.
const BACKOFF: Backoff = Backoff {
    min: Duration::from_millis(250),
    max: Duration::from_secs(2),
    factor: 2,
    jitter_percent: 20,
    reset_after: Duration::from_secs(10),
};
/// The same on a line with other devices, which a silent one holds up each time that it is asked.
const SHARED_BACKOFF: Backoff = Backoff {
    min: Duration::from_secs(1),
    max: Duration::from_secs(15),
    ..BACKOFF
};

/// What a device is reached by.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) protocol: Arc<Protocol>,
    pub(crate) line: Arc<Line>,
}

/// Watches one device.
pub struct DeviceActor {
    env: ChildEnv,
    device: Option<Device>,
    orders: mpsc::Sender<Order>,
}

impl DeviceActor {
    /// Goes on from the checkpoint. *Blocking.*
    pub(crate) fn new(
        env: ChildEnv,
        journal: &Journal,
        name: &str,
        config: &DeviceConfig,
        parts: Parts,
    ) -> Result<DeviceActor, StartError> {
        let (orders, wanted) = mpsc::channel(MOST_ORDERS);
        let device = Device::resume(journal, name, config, parts, wanted).map_err(StartError::Failed)?;
        Ok(DeviceActor {
            env,
            device: Some(device),
            orders,
        })
    }
}

impl Actor for DeviceActor {
    type Context = Context<DeviceActor>;

    fn started(&mut self, ctx: &mut Context<DeviceActor>) {
        if let Some(device) = self.device.take() {
            let running = device.run().into_actor(self).map(|fenced, actor, ctx| {
                actor.env.fail(fenced.to_string());
                ctx.stop();
            });
            ctx.spawn(running);
        }
    }
}

kernel::answers_ping!(DeviceActor);

/// Why a conversation ended.
enum End {
    Lost(String),
    /// The port is open and nothing answers. Behind the same name there may be another device by now, or an adapter that
    /// hangs: it is opened again.
    Silent,
    Fenced(Fenced),
}

impl From<Fenced> for End {
    fn from(fenced: Fenced) -> End {
        End::Fenced(fenced)
    }
}

/// The work of the actor.
struct Device {
    protocol: Arc<Protocol>,
    line: Arc<Line>,
    /// What to ask, and how often.
    commands: Vec<Polled>,
    /// When to ask again what was refused.
    refused_again: Duration,
    /// What others want of it.
    orders: mpsc::Receiver<Order>,
    watch: Watch,
    keeper: Keeper,
}

/// Where facts and readings go.
struct Keeper {
    source: Source,
    signals: SignalBoard,
    ledger: Ledger,
    stored: Option<Instant>,
    shown: Option<Instant>,
    readings: BTreeMap<String, PowerReading>,
    settings: BTreeMap<String, PowerReading>,
}

impl Device {
    fn resume(
        journal: &Journal,
        name: &str,
        config: &DeviceConfig,
        Parts { protocol, line }: Parts,
        orders: mpsc::Receiver<Order>,
    ) -> Result<Device, String> {
        let source = Source::new(&format!("power.{name}"));
        let (ledger, kept) = Ledger::open(journal, source.as_str()).map_err(|error| error.to_string())?;
        let memory = kept.map(|kept| serde_json::from_str(&kept)).transpose();
        let memory: Memory = memory
            .unwrap_or_else(|error| {
                tracing::warn!(%source, %error, "the memory of another release is given up");
                None
            })
            .unwrap_or_default();
        let watch = Watch::new(
            (protocol.name(), protocol.class()),
            &config.port,
            config.alarms.clone(),
            memory,
            now(),
        );
        Ok(Device {
            commands: commands(&protocol, config),
            refused_again: Duration::from_secs_f64(config.settings_poll_s),
            orders,
            protocol,
            line,
            watch,
            keeper: Keeper {
                source,
                signals: journal.signals().clone(),
                ledger,
                stored: None,
                shown: None,
                readings: BTreeMap::new(),
                settings: BTreeMap::new(),
            },
        })
    }

    /// Watches until this incarnation is told that it is not wanted any more.
    async fn run(mut self) -> Fenced {
        let mut failures: u32 = 0;
        loop {
            let began = Instant::now();
            let line = Arc::clone(&self.line);
            let ended = match self.meanwhile(line.open()).await {
                Ok(()) => self.converse().await,
                Err(error) => End::Lost(error.to_string()),
            };
            failures = if began.elapsed() >= BACKOFF.reset_after {
                1
            } else {
                failures.saturating_add(1)
            };
            // The first pause of a backoff is none.
            let backoff = if self.line.is_shared() { SHARED_BACKOFF } else { BACKOFF };
            let pause = backoff.delay(failures.saturating_add(1), RandomState::new().hash_one(failures));
            let noted = match ended {
                End::Fenced(fenced) => Err(fenced),
                End::Silent => Ok(()),
                End::Lost(reason) => {
                    let next_try = Timestamp::now().plus(pause);
                    self.happened(Happening::Lost { reason, next_try }).await
                }
            };
            if let Err(fenced) = noted {
                return fenced;
            }
            self.meanwhile(sleep(pause)).await;
        }
    }

    /// Waits without a port; nobody's order waits for that.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                Some(order) = self.orders.recv() => {
                    let problem = self.watch.status().problem;
                    let reason = problem.unwrap_or_else(|| "its port is not open".to_owned());
                    order.answer(Err(AskError::Away(reason)));
                }
            }
        }
    }

    /// Has the watch judge, and keeps what follows.
    async fn happened(&mut self, happening: Happening<'_>) -> Result<(), Fenced> {
        let before = self.watch.state();
        let events = self.watch.step(now(), happening);
        let state = self.watch.state();
        if before != state {
            tracing::info!(source = %self.keeper.source, ?state, "device");
        }
        let changed = before != state || !events.is_empty();
        self.keeper.show_status(&self.watch, changed);
        self.keeper.store(events, &self.watch).await
    }
}

impl Keeper {
    fn show_readings(&mut self, taken: &[Taken], are_settings: bool) {
        let at = Timestamp::now();
        let (name, shown) = match are_settings {
            true => (SETTINGS, &mut self.settings),
            false => (READINGS, &mut self.readings),
        };
        for taken in taken {
            if shown.len() < MOST_READINGS || shown.contains_key(&taken.name) {
                let reading = PowerReading {
                    measured: taken.measured.clone(),
                    at,
                    quality: taken.quality,
                    role: taken.role,
                    unit_number: taken.unit_number,
                };
                shown.insert(taken.name.clone(), reading);
            }
        }
        self.signals.show(&self.source, name, shown);
    }

    fn show_status(&mut self, watch: &Watch, changed: bool) {
        if changed || self.shown.is_none_or(|shown| shown.elapsed() >= SHOW_EVERY) {
            self.shown = Some(Instant::now());
            self.signals.show(&self.source, STATUS, &watch.status());
        }
    }

    async fn store(&mut self, events: Vec<PowerEvent>, watch: &Watch) -> Result<(), Fenced> {
        let is_fresh = self.stored.is_some_and(|stored| stored.elapsed() < REMEMBER_EVERY);
        if events.is_empty() && is_fresh {
            return Ok(());
        }
        let at = Timestamp::now();
        let mut new = Vec::with_capacity(events.len());
        for event in &events {
            match NewEvent::new(at, &self.source, event) {
                Ok(event) => new.push(event),
                Err(error) => tracing::error!(%error, "event not written"),
            }
        }
        let memory = serde_json::to_string(watch.memory()).unwrap_or_else(|error| {
            tracing::error!(%error, "memory not written");
            String::new()
        });
        self.stored = Some(Instant::now());
        self.ledger.store(new, memory).await
    }
}

fn now() -> Moment {
    Moment {
        at: Timestamp::now(),
        steady: Instant::now(),
    }
}

/// A command that is asked by itself.
#[derive(Clone, Debug)]
struct Polled {
    code: String,
    every: Duration,
    is_setting: bool,
}

/// What to ask: the configured commands or the protocol's own. What is only heard has no pause between.
fn commands(protocol: &Protocol, config: &DeviceConfig) -> Vec<Polled> {
    let heard_only = |code: &str| protocol.request(code).is_ok_and(|request| request.is_heard_only());
    let polled = |configured: &[String], own: &[String], pause_s: f64, is_setting: bool| -> Vec<Polled> {
        let codes = if configured.is_empty() { own } else { configured };
        // A protocol may name a command whose argument it leaves open.
        let can_be_asked = |code: &&String| protocol.request(code).is_ok();
        let one = |code: &String| Polled {
            code: code.clone(),
            every: Duration::from_secs_f64(if heard_only(code) { 0.0 } else { pause_s }),
            is_setting,
        };
        codes.iter().filter(can_be_asked).map(one).collect()
    };
    let mut commands = polled(&config.status, protocol.status_commands(), config.poll_s, false);
    if config.status.is_empty() {
        let pause_s = config.poll_s.max(WATCH_S);
        commands.extend(polled(protocol.watch_commands(), &[], pause_s, false));
    }
    let of_units = protocol.commands().iter().filter(|command| command.per_unit);
    let of_units = of_units.flat_map(|command| (0..config.units).map(|unit| format!("{}{unit}", command.code())));
    commands.extend(polled(&of_units.collect::<Vec<_>>(), &[], config.poll_s, false));
    let own = protocol.setting_read_commands();
    let settings = polled(&config.settings, own, config.settings_poll_s, true);
    // Of what is due at once, the first goes first. By Bluetooth, batteries of JK speak of their cells only to whom they have
    // said who they are.
    if protocol.family() == Family::JkBle {
        [settings, commands].concat()
    } else {
        [commands, settings].concat()
    }
}
