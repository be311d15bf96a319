//! The station's diary: what the supervisor tree does goes into the journal, the station's health onto the signal board.
//!
//! Talks to: the kernel's stream of changes, the journal. Never holds the tree up: while the journal is away, changes wait
//! in the kernel's bounded stream; what overflows there is counted and told as `changes_missed`.
//! A diary line may be there twice after an append whose answer got lost; nothing is computed from it.

use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use journal::{Append, AppendError, Journal};
use kernel::{Change, ChildEnv, ChildPath, ChildSpec, ExitView, TreeChange};
use model::{EventData, NewEvent, Signal, Source, Timestamp};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc;

use crate::health::Health;
use crate::station::Shared;

/// Most lines in one append.
const BATCH: usize = 64;

/// How long one append may take before it is tried again.
const APPEND_LIMIT: Duration = Duration::from_secs(5);

/// Pause before a refused append is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often health is looked at: trouble outside the tree (a stopped host, a full disk) makes no change in it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the start of the tree may look unwell without a word about it.
const BOOT_LIMIT: Duration = Duration::from_secs(15);

/// Changes of health that may wait for the journal.
const HEALTH_QUEUE: usize = 16;

/// Who the station's own diary speaks for.
const SOURCE: &str = "station";

/// Where the supervisor tree speaks from.
const KERNEL: &str = "kernel";

/// What the diary says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Line {
    /// The service has started.
    Started { version: &'static str, demo: bool },
    /// The service begins its ordered shutdown.
    Stopping {},
    /// The station is better or worse than before.
    HealthChanged(Health),
    /// A child is up.
    ChildUp {
        path: ChildPath,
        incarnation: u64,
        after_ms: u64,
    },
    /// A child is gone.
    ChildExited {
        path: ChildPath,
        incarnation: u64,
        #[serde(flatten)]
        exit: ExitView,
        state: &'static str,
        restart_in_ms: Option<u64>,
    },
    /// The diary fell behind.
    ChangesMissed { count: u64 },
}

impl EventData for Line {
    fn event_type(&self) -> &'static str {
        match self {
            Line::Started { .. } => "station_started",
            Line::Stopping {} => "station_stopping",
            Line::HealthChanged(_) => "health_changed",
            Line::ChildUp { .. } => "child_up",
            Line::ChildExited { .. } => "child_exited",
            Line::ChangesMissed { .. } => "changes_missed",
        }
    }
}

impl Line {
    /// What is worth a line: ends and beginnings, not the steps between.
    fn of(change: TreeChange) -> Option<Line> {
        let TreeChange {
            path,
            incarnation,
            change,
            ..
        } = change;
        match change {
            Change::Up { after_ms } => Some(Line::ChildUp {
                path,
                incarnation,
                after_ms,
            }),
            Change::Exited {
                exit,
                state,
                restart_in_ms,
            } => Some(Line::ChildExited {
                path,
                incarnation,
                exit: ExitView::from(&exit),
                state,
                restart_in_ms,
            }),
            Change::Starting | Change::Stopping | Change::Killing | Change::Over { .. } => None,
        }
    }

    fn event(&self) -> Option<NewEvent> {
        let source = match self {
            Line::Started { .. } | Line::Stopping {} | Line::HealthChanged(_) => SOURCE,
            Line::ChildUp { .. } | Line::ChildExited { .. } | Line::ChangesMissed { .. } => KERNEL,
        };
        let written = NewEvent::new(Timestamp::now(), &Source::new(source), self);
        written
            .map_err(|error| tracing::error!(%error, "diary line not written"))
            .ok()
    }
}

/// The child `recorder`.
pub(crate) fn child(station: Shared) -> ChildSpec<RecorderActor> {
    ChildSpec::new("recorder", move |env| {
        let station = station.clone();
        Ok(RecorderActor { env, station })
    })
}

/// Writes the diary.
pub(crate) struct RecorderActor {
    env: ChildEnv,
    station: Shared,
}

impl Actor for RecorderActor {
    type Context = Context<RecorderActor>;

    fn started(&mut self, ctx: &mut Context<RecorderActor>) {
        let (health_changes, health_lines) = mpsc::channel(HEALTH_QUEUE);
        let greeting = (self.env.incarnation() == 1).then_some(Line::Started {
            version: env!("CARGO_PKG_VERSION"),
            demo: self.station.demo,
        });
        let diary = keep_diary(self.station.clone(), greeting, health_lines);
        ctx.spawn(diary.into_actor(self).map(|(), recorder, ctx| {
            recorder.env.fail("the stream of changes ended");
            ctx.stop();
        }));
        ctx.spawn(watch_health(self.station.clone(), health_changes).into_actor(self));
    }
}

kernel::answers_ping!(RecorderActor);

async fn keep_diary(station: Shared, greeting: Option<Line>, mut health: mpsc::Receiver<Line>) {
    let mut changes = station.supervision.wait().await.changes();
    if let Some(greeting) = greeting {
        write(&station.journal, vec![greeting]).await;
    }
    loop {
        let lines = tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => batch(change, &mut changes),
                Err(RecvError::Lagged(count)) => vec![Line::ChangesMissed { count }],
                Err(RecvError::Closed) => return,
            },
            Some(line) = health.recv() => vec![line],
        };
        write(&station.journal, lines).await;
    }
}

/// This change and those already waiting behind it.
fn batch(first: TreeChange, changes: &mut Receiver<TreeChange>) -> Vec<Line> {
    let mut lines: Vec<Line> = Line::of(first).into_iter().collect();
    while lines.len() < BATCH {
        match changes.try_recv() {
            Ok(change) => lines.extend(Line::of(change)),
            Err(TryRecvError::Lagged(count)) => lines.push(Line::ChangesMissed { count }),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    lines
}

/// Returns once the lines are in, or can never be.
async fn write(journal: &Journal, lines: Vec<Line>) {
    let events: Vec<NewEvent> = lines.iter().filter_map(Line::event).collect();
    if events.is_empty() {
        return;
    }
    let append = Append {
        producer: SOURCE.to_owned(),
        events,
        checkpoint: None,
    };
    loop {
        match journal.append(append.clone(), APPEND_LIMIT).await {
            Ok(_) => return,
            Err(AppendError::Unavailable | AppendError::Storage(_)) => tokio::time::sleep(RETRY_AFTER).await,
            Err(error @ (AppendError::Conflict { .. } | AppendError::Projection { .. } | AppendError::Invalid(_))) => {
                tracing::error!(%error, "diary lines refused");
                return;
            }
        }
    }
}

/// The last line before the ordered shutdown; the journal is still up then, but nobody waits for it.
pub(crate) async fn say_stopping(journal: &Journal) {
    let stopping = write(journal, vec![Line::Stopping {}]);
    if tokio::time::timeout(RETRY_AFTER, stopping).await.is_err() {
        tracing::warn!("shutdown not in the journal");
    }
}

/// Puts health onto the board whenever it changes, and into the diary when its word does.
async fn watch_health(station: Shared, changed: mpsc::Sender<Line>) {
    let supervision = station.supervision.wait().await;
    let _booted_or_overdue = tokio::time::timeout(BOOT_LIMIT, supervision.booted()).await.is_ok();
    let mut shown: Option<Health> = None;
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let health = station.health.look(supervision, &station.journal, &station.gate);
        if shown.as_ref() == Some(&health) {
            continue;
        }
        show(&station.journal, &health);
        if station.health.is_news(health.health) && changed.try_send(Line::HealthChanged(health.clone())).is_err() {
            tracing::warn!("change of health not in the journal");
        }
        shown = Some(health);
    }
}

fn show(journal: &Journal, health: &Health) {
    let Ok(data) = serde_json::value::to_raw_value(health) else {
        return;
    };
    let fits = journal.signals().set(Signal {
        at: Timestamp::now(),
        source: Source::new(SOURCE),
        name: "health".into(),
        data: data.into(),
    });
    if !fits {
        tracing::warn!("signal board full, health not shown");
    }
}
